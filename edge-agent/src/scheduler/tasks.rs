//! Starts polls and sweeps. Each works on its own copy of what is known; nothing is shared but the way into the spool.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::{Round, Scheduler};
use crate::discover::{Depth, Swept, sweep};
use crate::poll::pace::Sample;
use crate::poll::{At, Known, PollError, first_read, refresh_part};
use crate::spool::given::Given;
use crate::spool::handle::Kept;
use crate::spool::layout::encode;
use crate::taken::{Cost, Extent, Polled};
use crate::time::Moment;

/// What a task did.
pub(super) enum Done {
    Polled(usize, Result<Answer, Died>),
    FirstRead(At, Result<FirstRead, Died>),
    Swept(Result<Box<Swept>, Died>),
}

pub(super) type FirstRead = Result<(Box<Known>, Box<Polled>, Moment), PollError>;

/// What a poll of a known device left.
pub(super) struct Answer {
    pub known: Box<Known>,
    pub begun: Duration,
    pub outcome: u8,
    pub cost: Cost,
    pub sample: Sample,
    /// Bytes of its record before it is packed.
    pub plain_bytes: u64,
    pub kept: Kept,
}

/// A task panicked.
pub(super) struct Died;

/// What a task is to do.
pub(super) enum Job {
    Poll(usize, Extent),
    FirstRead(At),
}

impl Scheduler {
    pub(super) fn start(&mut self, job: Job, round: &mut Round) {
        let (snmp, moments) = (Arc::clone(&self.snmp), self.moments.clone());
        match job {
            Job::Poll(place, extent) => {
                let (now, at) = (self.steady(), moments.now());
                let Some(entry) = self.inventory.get_mut(place) else { return };
                // A poll belongs to the burst in which it begins, as its stamp does: if the next burst comes before its end,
                // the device is due again.
                (entry.last, entry.hinted) = (Some(now), false);
                entry.pace.begins(extent, now);
                let low_percent = self.low_percent;
                let (mut known, spool) = (entry.known.clone(), self.spool.clone());
                let work = async move {
                    let polled = refresh_part(&snmp, &mut known, Duration::from_millis(at.steady_ms), extent).await;
                    let (outcome, cost) = (polled.poll.outcome, polled.cost);
                    let sample = Sample::of(&polled.poll, polled.extent, &known.open, low_percent);
                    let plain_bytes = plain_bytes(&polled);
                    let kept = spool.take(vec![Given::Polled(at, Box::new(polled))]).await.unwrap_or(Kept::Refused);
                    Answer { known: Box::new(known), begun: now, outcome, cost, sample, plain_bytes, kept }
                };
                round.running.spawn(async move { Done::Polled(place, guarded(work).await) });
            }
            Job::FirstRead(at) => {
                let work = {
                    let at = at.clone();
                    async move {
                        let moment = moments.now();
                        let read = first_read(&snmp, &at, Duration::from_millis(moment.steady_ms)).await;
                        read.map(|(known, polled)| (Box::new(known), Box::new(polled), moment))
                    }
                };
                round.running.spawn(async move { Done::FirstRead(at, guarded(work).await) });
            }
        }
        round.polls_running += 1;
    }

    pub(super) fn start_sweep(&mut self, depth: Depth, round: &mut Round) {
        self.inventory.forget_second();
        let (snmp, ranges) = (Arc::clone(&self.snmp), Arc::clone(&self.ranges));
        let known = self.inventory.addresses();
        let (token, runtime) = (round.token.clone(), tokio::runtime::Handle::current());
        // A sweep is one long conversation with many addresses; it gets a thread of its own, which ends with the agent.
        round.running.spawn_blocking(move || {
            runtime.block_on(async move {
                let work = async { Box::new(sweep(&snmp, &ranges, &known, depth, &mut |_| {}).await) };
                match token.run_until_cancelled(guarded(work)).await {
                    Some(swept) => Done::Swept(swept),
                    None => Done::Swept(Ok(Box::default())),
                }
            })
        });
    }
}

/// Bytes of a poll as it lies in a body.
pub(super) fn plain_bytes(polled: &Polled) -> u64 {
    u64::try_from(encode(&polled.poll).len()).unwrap_or(u64::MAX)
}

/// Runs work whose panic must not cost more than itself.
async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, Died> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Died)
}
