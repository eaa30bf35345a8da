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
