//! Section `[schedule]`: what is read how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::poll::schedule::Intervals;

const DAY_S: u64 = 86_400;

/// Seconds. Absent = as `poll_interval_s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    pub poll_interval_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplies_interval_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_interval_s: Option<u64>,
    pub attentive_interval_s: u64,
    pub supply_low_percent: u8,
    pub quiet_interval_s: u64,
    pub discover_interval_s: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            poll_interval_s: 3_600,
            supplies_interval_s: None,
            status_interval_s: None,
            attentive_interval_s: 900,
            supply_low_percent: 10,
            quiet_interval_s: 4 * 3_600,
            discover_interval_s: 43_200,
        }
    }
}

impl Schedule {
    pub fn intervals(&self) -> Intervals {
        let or_poll = |own: Option<u64>| Duration::from_secs(own.unwrap_or(self.poll_interval_s));
        Intervals {
            meters: or_poll(None),
            supplies: or_poll(self.supplies_interval_s),
            status: or_poll(self.status_interval_s),
            attentive: Duration::from_secs(self.attentive_interval_s),
            quiet: Duration::from_secs(self.quiet_interval_s),
        }
    }

    /// # Errors
    /// For a value that cannot work, with its key.
    pub fn check(&self) -> Result<(), String> {
        let or_poll = |own: Option<u64>| own.unwrap_or(self.poll_interval_s);
        for (key, value, low, high) in [
            ("poll_interval_s", self.poll_interval_s, 10, 7 * DAY_S),
            ("supplies_interval_s", or_poll(self.supplies_interval_s), 10, 7 * DAY_S),
            ("status_interval_s", or_poll(self.status_interval_s), 10, 7 * DAY_S),
            ("attentive_interval_s", self.attentive_interval_s, 10, DAY_S),
            ("supply_low_percent", u64::from(self.supply_low_percent), 0, 100),
            ("quiet_interval_s", self.quiet_interval_s, 10, DAY_S),
            ("discover_interval_s", self.discover_interval_s, 60, 30 * DAY_S),
        ] {
            if !(low..=high).contains(&value) {
                return Err(format!("schedule.{key} = {value}; give {low} to {high}"));
            }
        }
        Ok(())
    }
}
