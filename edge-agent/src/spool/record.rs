//! What the spool keeps before it is frozen: a record of the wire format without its stamp, and the moment it was made.

use schemas::wire::{Device, Record};
use serde::{Deserialize, Serialize};

use crate::time::Moment;
use crate::time::stamper::{Span, Stamp};

/// A record that waits for its stamp. `ts`, `clock` and the device index inside `record` are filled in when it is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    pub record: Record,
}

impl Taken {
    pub fn new(at: Moment, device: Option<Device>, record: impl Into<Record>) -> Self {
        Self { at, device, record: record.into() }
    }

    pub fn is_poll(&self) -> bool {
        self.record.poll.is_some()
    }

    /// The record with its stamp and its place in a body's device table.
    pub fn stamped(&self, stamp: Stamp, device: Option<u32>) -> Record {
        let mut record = self.record.clone();
        let (ts, clock) = (stamp.ts(), u8::from(!stamp.sure));
        if let Some(poll) = &mut record.poll {
            (poll.ts, poll.clock, poll.device) = (ts, clock, device.unwrap_or(0));
        }
        if let Some(event) = &mut record.event {
            (event.ts, event.clock, event.device) = (ts, clock, device);
        }
        if let Some(plan) = &mut record.plan {
            (plan.ts, plan.device) = (ts, device.unwrap_or(0));
        }
        if let Some(stats) = &mut record.stats {
            (stats.ts, stats.clock) = (ts, clock);
        }
        if let Some(drop) = &mut record.drop {
            drop.ts = ts;
        }
        record
    }
}

/// Polls among some records.
pub fn polls(records: &[Taken]) -> u32 {
    u32::try_from(records.iter().filter(|taken| taken.is_poll()).count()).unwrap_or(u32::MAX)
}

/// The dates of records of one boot; `None` for an empty list or records of several boots.
pub fn span(records: &[Taken]) -> Option<Span> {
    let (first, rest) = records.split_first()?;
    rest.iter().try_fold(Span::of(first.at), |span, taken| {
        (taken.at.boot == first.at.boot).then(|| span.joined(Span::of(taken.at)))
    })
}
