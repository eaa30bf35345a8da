//! The model's time: one number of seconds since the beginning, from which every part's clock is derived.

use std::sync::OnceLock;
use std::time::Duration;

use edge_agent::time::{Boot, Moment};
use tokio::time::Instant;

/// 2026-03-01 00:00 UTC, in Unix milliseconds.
pub(crate) const BEGINNING_MS: i64 = 1_772_323_200_000;

/// Seconds since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Now(pub(crate) Duration);

impl Now {
    pub(crate) fn later(self, by: Duration) -> Self {
        Self(self.0 + by)
    }

    /// The server's time, Unix milliseconds.
    pub(crate) fn server_ms(self) -> i64 {
        BEGINNING_MS + i64::try_from(self.0.as_millis()).unwrap()
    }

    /// As a host sees it that booted at `since`.
    pub(crate) fn moment(self, boot: u64, since: Self, wall_off_ms: i64) -> Moment {
        let steady_ms = u64::try_from((self.0 - since.0).as_millis()).unwrap();
        Moment { boot: Boot(boot), steady_ms, wall_ms: self.server_ms() + wall_off_ms }
    }

    /// As a timer of ingest. The instants of one run have one origin; only their differences matter.
    pub(crate) fn instant(self) -> Instant {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        *ORIGIN.get_or_init(Instant::now) + self.0
    }
}
