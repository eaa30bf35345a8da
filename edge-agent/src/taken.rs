//! The seam between reading and keeping: what a poll yields before it has a stamp.

use schemas::wire::{Device, PlanItem, Poll};

/// What reading one device once yielded. `poll.ts`, `poll.clock` and `poll.device` are filled in by whoever stamps it.
#[derive(Debug, Clone, Default)]
pub struct Polled {
    pub device: Device,
    pub poll: Poll,
    /// The plan behind `poll.plan`; sent when its hash is new and again every 30 days.
    pub plan: Vec<PlanItem>,
    /// Things that happened on the way (`device-moved`, `identity-changed`, …): kind and fields.
    pub events: Vec<(String, Vec<(String, String)>)>,
    pub cost: Cost,
    pub extent: Extent,
}

/// How much of a device a poll reads. Each holds what the one before it holds: alerts are in every poll, because one that
/// is in no row counts as closed, and levels never come without the meters beside which they are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Status, error bits and alerts.
    Status,
    /// And the meters.
    Meters,
    /// And levels of supplies and trays: all that changes.
    #[default]
    Whole,
}

/// What a conversation cost on the LAN, at IP level: UDP payload and 28 bytes of headers a packet, both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    pub packets: u64,
    pub bytes: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}
