//! What a site lets the agent spend, and how far polling slows when it spends more. Pure: the steady clock is an argument.
//!
//! Each budget is a bucket: what is spent is taken out, and in a day four fifths of the budget flow in. It holds a tenth, so
//! that any 24 hours stay within the budget as long as slowing by [`STRETCH_MAX`] is enough. A bucket below half means that
//! nothing is read more often than usual; an empty one stretches all intervals, the more the deeper it is in debt, until it
//! is half full again. Polling never ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::poll::schedule::Slowing;

/// Intervals become at most this many times as long.
pub const STRETCH_MAX: u32 = 8;
const DAY_NS: i128 = 86_400 * 1_000_000_000;

/// Section `[budget]`. Absent = no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lan_bytes_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lan_packets_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_bytes_per_day: Option<u64>,
}

impl BudgetConfig {
    /// # Errors
    /// For a budget with which not even one device could be read.
    pub fn check(&self) -> Result<(), String> {
        for (key, value, least) in [
            ("lan_bytes_per_day", self.lan_bytes_per_day, 10_000),
            ("lan_packets_per_day", self.lan_packets_per_day, 100),
            ("upstream_bytes_per_day", self.upstream_bytes_per_day, 10_000),
        ] {
            if value.is_some_and(|value| !(least..=1 << 40).contains(&value)) {
                let value = value.unwrap_or(0);
                return Err(format!("budget.{key} = {value}; give {least} to {}, or leave it out", 1_u64 << 40));
            }
        }
        Ok(())
    }
}

/// All that was spent since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub lan_bytes: u64,
    pub lan_packets: u64,
    pub upstream_bytes: u64,
}

/// A change that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// These budgets are exceeded, by the names of their keys.
    Exceeded(Vec<&'static str>),
    Recovered,
}

/// The budgets of a site.
#[derive(Debug, Clone)]
pub struct Budget {
    buckets: Vec<Bucket>,
    filled: Duration,
    spent: Spent,
    over: bool,
}

impl Budget {
    pub fn new(config: &BudgetConfig, now: Duration) -> Self {
        let bucket = |key, per_day: Option<u64>, of: fn(&Spent) -> u64| Some(Bucket::new(key, per_day?, of));
        let buckets = [
            bucket("lan_bytes_per_day", config.lan_bytes_per_day, |spent| spent.lan_bytes),
            bucket("lan_packets_per_day", config.lan_packets_per_day, |spent| spent.lan_packets),
            bucket("upstream_bytes_per_day", config.upstream_bytes_per_day, |spent| spent.upstream_bytes),
        ];
        Self { buckets: buckets.into_iter().flatten().collect(), filled: now, spent: Spent::default(), over: false }
    }

    /// Takes in all that was spent until `now`. Says when a budget begins to be exceeded, and when none is any more.
    pub fn count(&mut self, now: Duration, spent: Spent) -> Option<Turn> {
        let passed = now.saturating_sub(self.filled);
        for bucket in &mut self.buckets {
            bucket.fill(passed, (bucket.of)(&spent).saturating_sub((bucket.of)(&self.spent)));
        }
        (self.filled, self.spent) = (now.max(self.filled), spent);
        let over: Vec<&str> = self.buckets.iter().filter(|bucket| bucket.over).map(|bucket| bucket.key).collect();
        let before = std::mem::replace(&mut self.over, !over.is_empty());
        match (before, self.over) {
            (false, true) => Some(Turn::Exceeded(over)),
            (true, false) => Some(Turn::Recovered),
            (true, true) | (false, false) => None,
        }
    }

    /// How far polling is slowed now.
    pub fn slowing(&self) -> Slowing {
        Slowing {
            stretch: self.buckets.iter().map(Bucket::stretch).max().unwrap_or(1),
            attentive: self.buckets.iter().all(|bucket| !bucket.over && bucket.level >= bucket.half()),
        }
    }
}

#[derive(Debug, Clone)]
struct Bucket {
    key: &'static str,
    of: fn(&Spent) -> u64,
    per_day: u64,
    /// In units times nanoseconds of a day, so that nothing is rounded; below 0: debt.
    level: i128,
    over: bool,
}

impl Bucket {
    fn new(key: &'static str, per_day: u64, of: fn(&Spent) -> u64) -> Self {
        let mut bucket = Self { key, of, per_day, level: 0, over: false };
        bucket.level = bucket.full();
        bucket
    }

    fn day(&self) -> i128 {
        i128::from(self.per_day) * DAY_NS
    }

    fn full(&self) -> i128 {
        self.day() / 10
    }

    fn half(&self) -> i128 {
        self.full() / 2
    }

    fn fill(&mut self, passed: Duration, spent: u64) {
        let passed = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX).min(10 * DAY_NS);
        self.level = (self.level + passed * i128::from(self.per_day) * 4 / 5).min(self.full());
        // A debt of more than a day, from a first look through large ranges say, is not paid back any longer than that.
        self.level = (self.level - i128::from(spent) * DAY_NS).max(-self.day());
        self.over = if self.over { self.level < self.half() } else { self.level < 0 };
    }

    fn stretch(&self) -> u32 {
        if !self.over {
            return 1;
        }
        let steps = (-self.level).max(0) * i128::from(STRETCH_MAX) / self.full().max(1);
        u32::try_from(steps).unwrap_or(u32::MAX).saturating_add(2).min(STRETCH_MAX)
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
