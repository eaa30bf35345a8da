//! The spool behind a queue: its calls block on the disk, so one thread of its own makes them all, in order.
//!
//! What arrives together is made durable together. While the spool cannot be written, records wait in memory up to a
//! bound; beyond it they are refused and counted, and an event says so later.

use std::collections::VecDeque;

use schemas::id::PayloadId;
use schemas::wire::Device;
use service::health::Health;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::given::Given;
use super::{Close, Measures, Spool, SpoolError, Summary};
use crate::limits::{FETCH_MAX, GROUP_RECORDS_MAX, HELD_BACK_MAX, REOPEN_EVERY};
use crate::metrics::AgentMetrics;
use crate::time::stamper::Heard;
use crate::time::{Moment, Moments};

/// A payload as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub seq: u64,
    pub id: PayloadId,
    pub bytes: Vec<u8>,
}

/// What became of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Durable,
    /// In memory, because the spool cannot be written now.
    HeldBack,
    /// Not at all: memory is full as well.
    Refused,
}

/// What the spool's thread is asked for.
#[derive(Debug)]
pub enum Command {
    Take(Vec<Given>, oneshot::Sender<Kept>),
    Close(Close, oneshot::Sender<usize>),
    Settle(Vec<PayloadId>, oneshot::Sender<Vec<u64>>),
    /// One payload again.
    Payload(u64, oneshot::Sender<Option<Payload>>),
    /// The first payloads after a seq, at most as many as asked for and [`FETCH_MAX`].
    After(u64, usize, oneshot::Sender<Vec<Payload>>),
    Heard(Moment, Moment, i64, oneshot::Sender<Heard>),
    StateBooks(Measures, oneshot::Sender<()>),
    TakeInventory(oneshot::Sender<Vec<Vec<u8>>>),
    SetInventory(Vec<(u64, Option<Vec<u8>>)>, oneshot::Sender<()>),
    /// When these devices were last polled.
    Polled(Vec<Device>, oneshot::Sender<Vec<Option<Moment>>>),
    /// Time to try again what failed, and to shrink.
    Tick,
}

/// The asking side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SpoolHandle {
    commands: mpsc::Sender<Command>,
    summary: watch::Receiver<Summary>,
}

/// The spool's thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the spool is closed")]
pub struct Closed;

impl SpoolHandle {
    pub fn new(commands: mpsc::Sender<Command>, summary: watch::Receiver<Summary>) -> Self {
        Self { commands, summary }
    }

    /// The latest state; `changed()` on it wakes up after each command that changed something.
    pub fn summary(&self) -> watch::Receiver<Summary> {
        self.summary.clone()
    }

    pub async fn take(&self, given: Vec<Given>) -> Result<Kept, Closed> {
        self.ask(|reply| Command::Take(given, reply)).await
    }

    pub async fn close(&self, how: Close) -> Result<usize, Closed> {
        self.ask(|reply| Command::Close(how, reply)).await
    }

    pub async fn settle(&self, ids: Vec<PayloadId>) -> Result<Vec<u64>, Closed> {
        self.ask(|reply| Command::Settle(ids, reply)).await
    }

    pub async fn payload(&self, seq: u64) -> Result<Option<Payload>, Closed> {
        self.ask(|reply| Command::Payload(seq, reply)).await
    }

    pub async fn after(&self, seq: u64, count: usize) -> Result<Vec<Payload>, Closed> {
        self.ask(|reply| Command::After(seq, count, reply)).await
    }

    pub async fn heard(&self, sent: Moment, received: Moment, server_ms: i64) -> Result<Heard, Closed> {
        self.ask(|reply| Command::Heard(sent, received, server_ms, reply)).await
    }

    pub async fn state_books(&self, measures: Measures) -> Result<(), Closed> {
        self.ask(|reply| Command::StateBooks(measures, reply)).await
    }

    pub async fn take_inventory(&self) -> Result<Vec<Vec<u8>>, Closed> {
        self.ask(Command::TakeInventory).await
    }

    pub async fn set_inventory(&self, devices: Vec<(u64, Option<Vec<u8>>)>) -> Result<(), Closed> {
        self.ask(|reply| Command::SetInventory(devices, reply)).await
    }

    pub async fn polled(&self, devices: Vec<Device>) -> Result<Vec<Option<Moment>>, Closed> {
        self.ask(|reply| Command::Polled(devices, reply)).await
    }

    pub async fn tick(&self) -> Result<(), Closed> {
        self.commands.send(Command::Tick).await.map_err(|_| Closed)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Closed> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
}

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
        let before = self.spool.summary(now);
        match self.spool.take(now, given) {
            Ok(_) => {
                self.works();
                self.close(Close::Due);
                let after = self.spool.summary(now);
                self.metrics.payloads_dropped.inc_by(after.dropped.saturating_sub(before.dropped));
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
                let payloads = seqs.into_iter().filter_map(|seq| self.payload(now, seq)).collect();
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

    fn payload(&mut self, now: Moment, seq: u64) -> Option<Payload> {
        let payload = self.spool.payload(now, seq);
        self.answer(payload).map(|(id, bytes)| Payload { seq, id, bytes })
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
        if !self.failing {
            tracing::error!(%error, source = std::error::Error::source(error).map(tracing::field::display), "spool failed");
        }
        self.failing = true;
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
