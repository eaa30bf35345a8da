//! What operators look at: every metric of every part with what it tells and what to do, the alert rules and the
//! dashboard made from them.
//!
//! The files in `broker-config/dashboards` and the table in `docs/operations.md` are written by `broker-config dashboards`
//! and `broker-config metrics`; a test holds them against this, and another holds this against parts that run. Pure.

pub mod alerts;
pub mod catalogue;
pub mod dashboard;

#[cfg(test)]
mod tests;
