//! What each command does: asks ClickHouse, hands the answers to the pure core, returns a shape to print.

pub mod backtest;
pub mod bill;
pub mod contract;
mod devices;
pub mod dossier;
pub mod export;
mod facts;
pub mod forecast;
pub mod import;
pub mod issue;
pub mod judge;
pub mod plot;
pub mod score;
pub mod supplies;
pub mod supply_orders;

use crate::billing::calendar::Instant;

/// Instants as the store keeps them: Unix seconds from 1970 to 2106.
pub(crate) fn stored_second(at: i64) -> u32 {
    u32::try_from(at.max(0)).unwrap_or(u32::MAX)
}

/// The instant of a run.
pub fn instant_of(at: jiff::Timestamp) -> Instant {
    Instant(at.as_second())
}
