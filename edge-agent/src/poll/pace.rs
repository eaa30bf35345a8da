//! What the polls of one device say about how often to read it. Pure.
//!
//! *Attentive*: a supply near its end, or an open alert, in the day after levels or alerts last changed; what has stood for
//! a day is no news. *Quiet*: meters, levels and alerts were the same for [`QUIET_AFTER`] polls. Nothing of this is kept: a
//! process that starts takes each device for a usual one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use schemas::wire::{Outcome, Poll, Supply};

use super::alerts::OpenAlert;
use crate::taken::Extent;

/// Polls with meters in which nothing changed, until a device counts as quiet.
pub const QUIET_AFTER: u32 = 6;
/// How long a change of levels or alerts keeps a device attentive.
pub const ATTENTIVE_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Why a device is read more often than others, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    None,
    Alert,
    Supply,
}

/// What counts of one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    extent: Extent,
    answered: bool,
    meters: u64,
    levels: u64,
    alerts: u64,
    low: bool,
    alerting: bool,
}

impl Sample {
    /// `open` = alerts that are open after it. A supply is near its end at or below `low_percent`.
    pub fn of(poll: &Poll, extent: Extent, open: &[OpenAlert], low_percent: u8) -> Self {
        let ids: Vec<&str> = open.iter().map(|alert| alert.id.as_str()).collect();
        let levels: Vec<_> = poll.supplies.iter().map(|supply| (&supply.index, supply.level)).collect();
        Self {
            extent,
            answered: Outcome::has_values(poll.outcome),
            meters: digest(&poll.counters),
            levels: digest(&levels),
            alerts: digest(&(ids, poll.status.and_then(|status| status.errors))),
            low: poll.supplies.iter().any(|supply| is_low(supply, low_percent)),
            alerting: !open.is_empty(),
        }
    }
}

/// Only where level and capacity are amounts.
fn is_low(supply: &Supply, percent: u8) -> bool {
    match (supply.level, supply.max) {
        (Some(level), Some(max)) if level >= 0 && max > 0 => {
            i128::from(level) * 100 <= i128::from(max) * i128::from(percent)
        }
        _ => false,
    }
}

fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// One group of readings: what it said, and since when.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    said: Option<u64>,
    since: Duration,
}

impl Group {
    /// Whether it says something else now.
    fn changes(&mut self, says: u64, now: Duration) -> bool {
        let changed = self.said != Some(says);
        if changed {
            *self = Self { said: Some(says), since: now };
        }
        changed
    }

    fn is_news(&self, now: Duration) -> bool {
        self.said.is_some() && now.saturating_sub(self.since) < ATTENTIVE_FOR
    }
}

/// How one device is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// When meters and supplies were last asked for, on the steady clock of this boot.
    pub meters_at: Option<Duration>,
    pub supplies_at: Option<Duration>,
    meters: Group,
    levels: Group,
    alerts: Group,
    low: bool,
    alerting: bool,
    unchanged: u32,
}

impl Pace {
    /// Everything was last read then.
    pub fn read_at(at: Option<Duration>) -> Self {
        Self { meters_at: at, supplies_at: at, ..Self::default() }
    }

    /// A poll begins.
    pub fn begins(&mut self, extent: Extent, now: Duration) {
        if extent >= Extent::Meters {
            self.meters_at = Some(now);
        }
        if extent >= Extent::Whole {
            self.supplies_at = Some(now);
        }
    }

    /// Takes in what a poll said that began `now`. Silence says nothing.
    pub fn heard(&mut self, sample: Sample, now: Duration) {
        if !sample.answered {
            return;
        }
        let mut changed = self.alerts.changes(sample.alerts, now);
        self.alerting = sample.alerting;
        if sample.extent >= Extent::Meters {
            changed |= self.meters.changes(sample.meters, now);
        }
        if sample.extent >= Extent::Whole {
            changed |= self.levels.changes(sample.levels, now);
            self.low = sample.low;
        }
        if changed {
            self.unchanged = 0;
        } else if sample.extent >= Extent::Meters {
            self.unchanged = self.unchanged.saturating_add(1);
        }
    }

    /// Something happens there, as a trap says: it is not quiet.
    pub fn stirs(&mut self) {
        self.unchanged = 0;
    }

    /// Another device answers there: what this one said means nothing.
    pub fn forget(&mut self) {
        *self = Self { meters_at: self.meters_at, supplies_at: self.supplies_at, ..Self::default() };
    }

    pub fn attention(&self, now: Duration) -> Attention {
        if self.low && self.levels.is_news(now) {
            Attention::Supply
        } else if self.alerting && self.alerts.is_news(now) {
            Attention::Alert
        } else {
            Attention::None
        }
    }

    pub fn is_quiet(&self) -> bool {
        self.unchanged >= QUIET_AFTER
    }

    /// For people.
    pub fn word(&self, now: Duration) -> &'static str {
        match self.attention(now) {
            Attention::Supply => "supply",
            Attention::Alert => "alert",
            Attention::None if self.is_quiet() => "quiet",
            Attention::None => "usual",
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
