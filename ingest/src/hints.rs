//! Tells agents that somebody new hears them, so that they send at once what has no ack yet instead of waiting for their
//! timeout.

use schemas::id::{AgentCn, Partition};
use service::clock::Clock;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::acks;
use crate::intake::Command;
use crate::leases::Came;
use crate::limits::RESENDS_APART;
use crate::metrics::Counters;
use crate::presence::Presence;

/// What the broker's side noticed.
#[derive(Debug, Clone)]
pub(crate) enum Notice {
    /// An agent says whether it is there.
    Agent { cn: AgentCn, online: bool, retained: bool },
    /// Payloads of these partitions are heard from now on.
    Heard { partitions: Vec<Partition>, came: Came },
}

/// Works until nothing more is taken.
pub(crate) async fn run(
    mut notices: mpsc::Receiver<Notice>,
    commands: mpsc::Sender<Command>,
    clock: Clock,
    counters: Counters,
    drain: CancellationToken,
) {
    let started = Instant::now();
    let mut presence = Presence::new();
    let mut not_before = started;
    loop {
        let next = presence.next_at().map(|at| (started + at).max(not_before));
        tokio::select! {
            () = drain.cancelled() => return,
            notice = notices.recv() => match notice {
                Some(Notice::Agent { cn, online, retained }) => presence.said(&cn, online, retained, started.elapsed()),
                Some(Notice::Heard { partitions, came }) => presence.heard(partitions, came, started.elapsed()),
                None => return,
            },
            () = tokio::time::sleep_until(next.unwrap_or(started)), if next.is_some() => {
                let Some(cn) = presence.next(started.elapsed()) else { continue };
                not_before = Instant::now() + RESENDS_APART;
                if let Some(message) = acks::resend(&cn, clock.wall().as_millisecond()) {
                    counters.resends.inc();
                    // Whoever stops tells nobody anything.
                    if commands.send(Command::Tell(message)).await.is_err() {
                        return;
                    }
                }
            }
        }
        counters.agents.set(i64::try_from(presence.count()).unwrap_or(i64::MAX));
    }
}
