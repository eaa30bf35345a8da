//! From meter readings to pages used: which readings count → unwrapped points → value at a boundary → volume of a window.
//!
//! Pure: no IO, no clock, no floats. Section numbers (§) are those of the billing rules in `analytics/billing-rules.md`.
//! Counters are `i64`, products are taken in `i128`; what does not fit is an error, never a wrapped number.

pub mod boundary;
pub mod flag;
pub mod parts;
pub mod read;
pub mod unwrap;
pub mod volume;

pub use boundary::{BoundaryPolicy, BoundaryValue, Method};
pub use flag::{Flags, MeterFlag};
pub use read::{Read, Reading, Series};
pub use unwrap::{Anchor, Exchange, Point, Step, UnwrapRules, Unwrapped};
pub use volume::{Closing, ClosingSource, Given, Opening, Volume, Window};

/// Seconds of a calendar day without clock change; the unit of rates.
pub const DAY_SECS: i64 = 86_400;

/// The instants that the calendar knows (years -9999 to 9999), in Unix seconds: any difference and any sum of two fits easily.
pub const TIME_RANGE: std::ops::RangeInclusive<i64> = -377_705_023_201..=253_402_207_200;

/// What makes a series impossible to compute with; everything else is a flag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error(
        "the counter {meter} of {device} exceeds 9223372036854775807 pages at {ts} (Unix seconds); correct or remove that reading"
    )]
    CounterTooLarge { device: String, meter: String, ts: i64 },
    #[error(
        "a time of {device}/{meter} lies outside of the calendar: {ts} (Unix seconds); correct or remove that reading"
    )]
    OutsideCalendar { device: String, meter: String, ts: i64 },
}

/// A sum that left the range of a counter, at this time; the caller adds device and meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    pub ts: i64,
}

impl TooLarge {
    /// Names the meter whose counter does not fit.
    pub fn of(self, device: &str, meter: &str) -> UsageError {
        UsageError::CounterTooLarge { device: device.to_owned(), meter: meter.to_owned(), ts: self.ts }
    }
}

/// Narrows a sum to a counter, or says when it did not fit.
pub(crate) fn counter(sum: i128, ts: i64) -> Result<i64, TooLarge> {
    i64::try_from(sum).map_err(|_| TooLarge { ts })
}
