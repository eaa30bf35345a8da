//! Flags: what was odd, per device and meter, as a sorted set without repeats.

use std::collections::BTreeSet;
use std::fmt;

/// What can be odd about a meter. The names are part of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MeterFlag {
    Invalid,
    ClockSkew,
    FutureReading,
    Conflict,
    Exchange,
    Rebase,
    Spike,
    SmallDrop,
    Glitch,
    PendingReset,
    Rollover,
    Reset,
    Estimated,
    StaleRead,
    NoOpeningRead,
    NoRead,
    NegativeTrueUp,
}

impl MeterFlag {
    /// The name as it stands in results.
    pub fn name(self) -> &'static str {
        match self {
            MeterFlag::Invalid => "INVALID",
            MeterFlag::ClockSkew => "CLOCK_SKEW",
            MeterFlag::FutureReading => "FUTURE_READING",
            MeterFlag::Conflict => "CONFLICT",
            MeterFlag::Exchange => "EXCHANGE",
            MeterFlag::Rebase => "REBASE",
            MeterFlag::Spike => "SPIKE",
            MeterFlag::SmallDrop => "SMALL_DROP",
            MeterFlag::Glitch => "GLITCH",
            MeterFlag::PendingReset => "PENDING_RESET",
            MeterFlag::Rollover => "ROLLOVER",
            MeterFlag::Reset => "RESET",
            MeterFlag::Estimated => "ESTIMATED",
            MeterFlag::StaleRead => "STALE_READ",
            MeterFlag::NoOpeningRead => "NO_OPENING_READ",
            MeterFlag::NoRead => "NO_READ",
            MeterFlag::NegativeTrueUp => "NEGATIVE_TRUE_UP",
        }
    }
}

impl fmt::Display for MeterFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The flags of a run: `NAME:device/meter`, `UNASSIGNED_DEVICE:device`, `NEGATIVE_DERIVED:charge`, by code point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(BTreeSet<String>);

impl Flags {
    /// Flags of an earlier run.
    pub fn of(names: BTreeSet<String>) -> Flags {
        Flags(names)
    }

    pub fn meter(&mut self, flag: MeterFlag, device: &str, meter: &str) {
        self.0.insert(format!("{flag}:{device}/{meter}"));
    }

    pub fn unassigned_device(&mut self, device: &str) {
        self.0.insert(format!("UNASSIGNED_DEVICE:{device}"));
    }

    pub fn negative_derived(&mut self, charge: &str) {
        self.0.insert(format!("NEGATIVE_DERIVED:{charge}"));
    }

    pub fn extend(&mut self, others: Flags) {
        self.0.extend(others.0);
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn into_set(self) -> BTreeSet<String> {
        self.0
    }
}
