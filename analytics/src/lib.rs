//! From what ClickHouse holds to what a customer pays and which toner runs out next.
//!
//! Reading order follows the data: [`read`] asks ClickHouse, [`evidence`] keeps a device's polls, [`usage`] turns readings
//! into pages, [`billing`] pages into an invoice, [`snapshot`] keeps what it depends on, [`statement`] puts the reads under its lines, [`report`] prints it,
//! [`ledger`] keeps what is issued, [`papers`] shows it to others, [`dossier`] proves a line of it.
//! [`forecast`] turns levels into days left, [`supplies`] those into what to ship by when. [`command`] joins these; [`simulate`] bills written cases without a database.
//! `usage`, `billing` and `forecast` are pure: no IO, no clock.

pub mod access;
pub mod billing;
pub mod cli;
pub mod command;
pub mod config;
pub mod contract_file;
pub mod dossier;
pub mod evidence;
pub mod forecast;
pub mod ledger;
pub mod limits;
pub mod papers;
pub mod read;
pub mod report;
pub mod review;
pub mod simulate;
pub mod snapshot;
pub mod statement;
pub mod supplies;
pub mod usage;
