//! Keeps this worker's leases on the board, and says which partitions are to be heard.
//!
//! When the process stops, the partitions are handed over first, then the broker is asked for nothing more, and only then
//! what was taken is drained: until the others are heard nothing falls between two workers.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::leases::{Leases, Terms};
use crate::limits::{HANDOVER_TIMEOUT, LEASE_EXCHANGES, LEASE_OVERLAP, QUIET_TIMEOUT};
use crate::metrics::Counters;
use crate::shared::BoardClient;
use crate::subscriptions::Wanted;

pub(crate) struct Keeper {
    /// `None`: one worker alone.
    pub(crate) board: Option<BoardClient>,
    pub(crate) worker: String,
    pub(crate) lease: Duration,
    pub(crate) wanted: watch::Sender<Wanted>,
    /// Whether the broker sends no payloads any more.
    pub(crate) quiet: watch::Receiver<bool>,
    pub(crate) counters: Counters,
    /// The process stops.
    pub(crate) token: CancellationToken,
    /// Cancelled when nothing more is to be taken.
    pub(crate) drain: CancellationToken,
}

impl Keeper {
    /// Works until the process stops and its partitions are handed over.
    pub(crate) async fn run(mut self) {
        // However this ends, the rest of the process must not wait for it.
        let drain = self.drain.clone().drop_guard();
        match self.board.take() {
            Some(board) => self.share(board).await,
            None => {
                self.counters.partitions.set(i64::from(schemas::limits::PARTITIONS));
                self.token.cancelled().await;
            }
        }
        self.wanted.send_replace(Wanted::Partitions([].into()));
        if tokio::time::timeout(QUIET_TIMEOUT, self.quiet.wait_for(|quiet| *quiet)).await.is_err() {
            tracing::warn!(
                "the broker did not confirm that it sends nothing more; what it sends is left to the agents"
            );
        }
        drop(drain);
    }

    async fn share(&mut self, mut board: BoardClient) {
        let started = Instant::now();
        let terms = Terms { lease: self.lease, overlap: LEASE_OVERLAP, settle: self.lease / 2 };
        let mut leases = Leases::new(&self.worker, terms, started.elapsed());
        let mut leave_by = None;
        let mut at_once = false;
        loop {
            let wish = leases.wish();
            match board.exchange(&wish).await {
                Some(board) => leases.heard(&board, started.elapsed()),
                None => leases.unheard(started.elapsed()),
            }
            self.announce(&leases);
            if leave_by.is_some_and(|by| Instant::now() >= by) || leases.has_left() {
                return;
            }
            // What was decided just now is written at once, but no more than once without a pause.
            at_once = !at_once && leases.wish() != wish;
            let wait = if at_once { Duration::ZERO } else { self.lease / LEASE_EXCHANGES };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.token.cancelled(), if leave_by.is_none() => {
                    leave_by = Some(Instant::now() + HANDOVER_TIMEOUT);
                    leases.leave(started.elapsed());
                }
            }
        }
    }

    fn announce(&self, leases: &Leases) {
        let serving = leases.serving();
        self.counters.partitions.set(i64::try_from(serving.len()).unwrap_or(i64::MAX));
        self.counters.leases_alone.set(i64::from(leases.is_alone()));
        let taken_over = leases.takeovers().saturating_sub(self.counters.takeovers.get());
        self.counters.takeovers.inc_by(taken_over);
        let wanted = Wanted::Partitions(serving);
        self.wanted.send_if_modified(|known| {
            let (gained, lost) = wanted.changes(known);
            if gained + lost == 0 {
                return false;
            }
            tracing::info!(gained, lost, taken_over, alone = leases.is_alone(), "partitions changed");
            self.counters.lease_changed(gained, lost);
            *known = wanted;
            true
        });
    }
}
