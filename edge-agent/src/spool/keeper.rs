//! The spool behind a queue: its calls block on the disk, so one thread of its own makes them all, in order.
//!
//! What arrives together is made durable together. While the spool cannot be written, records wait in memory up to a
//! bound; beyond it they are refused and counted, and an event says so later.

use std::collections::VecDeque;

use service::health::Health;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::given::Given;
use super::handle::{Command, Fetched, Kept, Payload};
use super::{Close, Spool, SpoolError, Summary};
use crate::limits::{FETCH_MAX, GROUP_RECORDS_MAX, HELD_BACK_MAX, REOPEN_EVERY};
use crate::metrics::AgentMetrics;
use crate::time::stamper::Heard;
use crate::time::{Moment, Moments};

/// Serves commands until all handles are gone. Blocks; runs on a thread of its own.
pub fn keep(
    spool: Spool,
    mut commands: mpsc::Receiver<Command>,
    summary: &watch::Sender<Summary>,
    moments: Moments,
    metrics: AgentMetrics,
    health: Health,
) {
    let mut keeper = Keeper {
        spool,
        moments,
        metrics,
        health,
        held_back: VecDeque::new(),
        refused: 0,
        failing: false,
        reopened: Instant::now(),
    };
    keeper.publish(summary);
    let mut next = None;
    while let Some(command) = next.take().or_else(|| commands.blocking_recv()) {
        match command {
            Command::Take(given, reply) => {
                let mut group = vec![(given, reply)];
                let mut records = group[0].0.len();
                while records < GROUP_RECORDS_MAX {
                    match commands.try_recv() {
                        Ok(Command::Take(given, reply)) => {
                            records += given.len();
                            group.push((given, reply));
                        }
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                keeper.take(group);
            }
            other => keeper.serve(other),
        }
        keeper.publish(summary);
    }
    keeper.spool.save_counters();
}

struct Keeper {
    spool: Spool,
    moments: Moments,
    metrics: AgentMetrics,
    health: Health,
    held_back: VecDeque<Given>,
    refused: u64,
    failing: bool,
    reopened: Instant,
}

impl Keeper {
    fn take(&mut self, group: Vec<(Vec<Given>, oneshot::Sender<Kept>)>) {
        let (given, replies): (Vec<Vec<Given>>, Vec<_>) = group.into_iter().unzip();
        let given: Vec<Given> = given.into_iter().flatten().collect();
        let count = given.len();
        let kept = if !self.failing && self.write(given.clone()) {
            Kept::Durable
        } else if self.held_back.len() + count <= HELD_BACK_MAX {
            self.held_back.extend(given);
            Kept::HeldBack
        } else {
            self.refused += u64::try_from(count).unwrap_or(0);
            self.metrics.records_refused.inc_by(u64::try_from(count).unwrap_or(0));
            Kept::Refused
        };
        for reply in replies {
            let _ = reply.send(kept);
        }
    }

    /// Writes and closes what became full. Returns whether the records are durable.
    fn write(&mut self, given: Vec<Given>) -> bool {
        let now = self.moments.now();
        match self.spool.take(now, given) {
            Ok(_) => {
                self.works();
                self.close(Close::Due);
                true
            }
            Err(error) => {
                self.fails(&error);
                false
            }
        }
    }

    fn close(&mut self, how: Close) -> usize {
        let now = self.moments.now();
        match self.spool.close(now, how) {
            Ok(closed) => {
                self.metrics.payloads_taken.inc_by(u64::try_from(closed).unwrap_or(0));
                closed
            }
            Err(error) => {
                self.fails(&error);
                0
            }
        }
    }

    fn serve(&mut self, command: Command) {
        let now = self.moments.now();
        match command {
            Command::Take(given, reply) => self.take(vec![(given, reply)]),
            Command::Close(how, reply) => {
                let closed = self.close(how);
                let _ = reply.send(closed);
            }
            Command::Settle(ids, reply) => {
                let settled = self.spool.settle(&ids);
                let (seqs, polls) = self.answer(settled);
                self.metrics.payloads_settled.inc_by(u64::try_from(seqs.len()).unwrap_or(0));
                self.metrics.polls_settled.inc_by(polls);
                let _ = reply.send(seqs);
            }
            Command::Payload(seq, reply) => {
                let payload = self.payload(now, seq);
                let _ = reply.send(payload);
            }
            Command::After(seq, count, reply) => {
                let seqs = self.spool.held_after(seq, count.min(FETCH_MAX));
                let mut payloads = Vec::new();
                for seq in seqs {
                    match self.payload(now, seq) {
                        Fetched::Here(payload) => payloads.push(payload),
                        Fetched::Gone => {}
                        // A later one must not be sent as if this one had been.
                        Fetched::NotNow => break,
                    }
                }
                let _ = reply.send(payloads);
            }
            Command::Heard(sent, received, server_ms, reply) => {
                let heard = match self.spool.heard(sent, received, server_ms) {
                    Ok(heard) => heard,
                    Err(error) => {
                        self.fails(&error);
                        Heard::TooSlow
                    }
                };
                if heard == Heard::Learned {
                    self.close(Close::Due);
                }
                let _ = reply.send(heard);
            }
            Command::StateBooks(measures, reply) => {
                if !self.failing
                    && let Err(error) = self.spool.state_books(now, measures)
                {
                    self.fails(&error);
                }
                let _ = reply.send(());
            }
            Command::TakeInventory(reply) => {
                let _ = reply.send(self.spool.take_inventory());
            }
            Command::Polled(devices, reply) => {
                let _ = reply.send(devices.iter().map(|device| self.spool.polled(device)).collect());
            }
            Command::SetInventory(devices, reply) => {
                if !self.failing
                    && let Err(error) = self.spool.set_inventory(devices)
                {
                    self.fails(&error);
                }
                let _ = reply.send(());
            }
            Command::Tick => self.tick(now),
        }
    }

    fn payload(&mut self, now: Moment, seq: u64) -> Fetched {
        match self.spool.payload(now, seq) {
            Ok(Some((id, bytes))) => Fetched::Here(Payload { seq, id, bytes }),
            Ok(None) => Fetched::Gone,
            Err(error) => {
                self.fails(&error);
                Fetched::NotNow
            }
        }
    }

    fn tick(&mut self, now: Moment) {
        if self.spool.failed() && self.reopened.elapsed() >= REOPEN_EVERY {
            self.reopened = Instant::now();
            match self.spool.reopen(now, rand::random()) {
                Ok(()) => tracing::info!("spool opened again"),
                Err(error) => self.fails(&error),
            }
        }
        if self.spool.failed() {
            return;
        }
        if self.failing || !self.held_back.is_empty() {
            let mut given: Vec<Given> = self.held_back.iter().cloned().collect();
            if self.refused > 0 {
                given.push(Given::event(now, "records-refused", [("records", self.refused.to_string())]));
            }
            if self.write(given) {
                self.held_back.clear();
                self.refused = 0;
            }
        }
        match self.spool.shrink_if_drained() {
            Ok(true) => tracing::info!("drained spool created anew"),
            Ok(false) => {}
            Err(error) => self.fails(&error),
        }
        self.spool.save_counters();
    }

    fn answer<T: Default>(&mut self, outcome: Result<T, SpoolError>) -> T {
        outcome.unwrap_or_else(|error| {
            self.fails(&error);
            T::default()
        })
    }

    fn fails(&mut self, error: &SpoolError) {
        // Says only that it failed before; the reason stands in /health and must stay there.
        if self.failing && matches!(error, SpoolError::Failed) {
            return;
        }
        if !self.failing {
            tracing::error!(%error, source = std::error::Error::source(error).map(tracing::field::display), "spool failed");
        }
        self.failing = true;
        self.metrics.spool_errors.inc();
        self.health.set("spool", Err(error.to_string()));
    }

    fn works(&mut self) {
        if self.failing {
            tracing::info!("spool works again");
        }
        self.failing = false;
    }

    fn publish(&mut self, sender: &watch::Sender<Summary>) {
        let now = self.moments.now();
        let summary = self.spool.summary(now);
        self.metrics.spool(&summary, now);
        self.metrics.records_held_back.set(i64::try_from(self.held_back.len()).unwrap_or(i64::MAX));
        for (cause, payloads) in self.spool.take_given_up() {
            self.metrics.dropped(&cause, payloads);
        }
        if !self.failing {
            let nearly_full = summary.bytes > summary.bytes_max / 10 * 9;
            let state = if nearly_full {
                Err(format!(
                    "{} of {} bytes are used; the oldest payloads will be given up",
                    summary.bytes, summary.bytes_max
                ))
            } else {
                Ok(())
            };
            self.health.set("spool", state);
        }
        self.health.set(
            "clock",
            if summary.learned { Ok(()) } else { Err("the server's time was not heard yet in this boot".to_owned()) },
        );
        // Wakes the link only for changes that matter to it; the offset and the file's size flicker.
        let telling = |summary: Summary| Summary { offset_ms: None, disk_bytes: 0, ..summary };
        sender.send_if_modified(|known| {
            let before = std::mem::replace(known, summary);
            telling(before) != telling(summary)
        });
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
