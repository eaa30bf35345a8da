//! When each supply runs out: series → segments between swaps → rate → days left, with an interval and a reason in words.
//!
//! Pure: no IO, no clock. The simplest method that is honest: what cannot be said is said so, and why. Forecasts are
//! estimates, so this module (and only this one) counts in floating point.

pub mod depletion;
pub mod pages;
pub mod rate;
pub mod segments;
pub mod series;

pub use depletion::{CannotSay, Forecast, forecast};
pub use pages::Pages;
pub use rate::Wear;
pub use series::{Level, LevelRead, Levels};

/// Seconds of a day, for durations.
pub const DAY_SECS: f64 = 86_400.0;

/// Seconds from `a` to `b` as days.
pub fn days_between(a: i64, b: i64) -> f64 {
    seconds(b.saturating_sub(a)) / DAY_SECS
}

/// Exact for spans below 285 million years.
#[expect(clippy::cast_precision_loss, reason = "spans and counters are far below 2^53")]
pub fn seconds(value: i64) -> f64 {
    value as f64
}
