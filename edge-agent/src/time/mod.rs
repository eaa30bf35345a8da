//! When something was read: moments as the host saw them, and how they become stamps.
//!
//! A [`Moment`] is a fact and never changes; a stamp is derived from it once the server's time is known. Decisions are in
//! [`stamper`], which asks no clock.

pub mod stamper;

use schemas::id::PayloadId;
use serde::{Deserialize, Serialize};
use service::clock::Clock;

/// Names a boot of the host: the head of BLAKE3 over the kernel's boot id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Boot(pub u64);

impl Boot {
    pub fn of(boot_id: &str) -> Self {
        let PayloadId(hash) = PayloadId::of(boot_id.as_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&hash[..8]);
        Self(u64::from_be_bytes(head))
    }
}

/// One moment as the host saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Moment {
    pub boot: Boot,
    /// Milliseconds since boot; never jumps.
    pub steady_ms: u64,
    /// The host's date in Unix milliseconds; may be wrong, may jump, may be in 1970.
    pub wall_ms: i64,
}

/// Takes moments from the clock.
#[derive(Debug, Clone)]
pub struct Moments {
    clock: Clock,
    boot: Boot,
}

impl Moments {
    pub fn new(clock: Clock) -> Self {
        let boot = Boot::of(&clock.boot_id());
        Self { clock, boot }
    }

    pub fn now(&self) -> Moment {
        Moment {
            boot: self.boot,
            steady_ms: u64::try_from(self.clock.steady().as_millis()).unwrap_or(u64::MAX),
            wall_ms: self.clock.wall().as_millisecond(),
        }
    }

    pub fn boot(&self) -> Boot {
        self.boot
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
