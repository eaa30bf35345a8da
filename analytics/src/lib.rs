//! From what ClickHouse holds to what a customer pays and which toner runs out next.
//!
//! Reading order follows the data: [`usage`] turns readings into pages, [`billing`] turns pages into an invoice.
//! Both are pure; [`simulate`] runs them on written cases. Only `read` speaks to ClickHouse.

pub mod billing;
pub mod cli;
pub mod simulate;
pub mod usage;
