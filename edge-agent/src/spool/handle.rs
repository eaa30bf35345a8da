//! The asking side of the spool's thread: what it can be asked for, and what it answers.
//!
//! A handle is cheap to clone; commands wait in one queue and are done in order. The thread itself is [`super::keeper`].

use schemas::id::PayloadId;
use schemas::wire::Device;
use tokio::sync::{mpsc, oneshot, watch};

use super::given::Given;
use super::{Close, Measures, Summary};
use crate::time::Moment;
use crate::time::stamper::Heard;

/// A payload as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub seq: u64,
    pub id: PayloadId,
    pub bytes: Vec<u8>,
}

/// What became of the wish for a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Here(Payload),
    /// It is not held any more: settled or given up.
    Gone,
    /// The spool does not work now; nothing is said about the payload.
    NotNow,
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
    Payload(u64, oneshot::Sender<Fetched>),
    /// The first payloads after a seq, at most as many as asked for and [`crate::limits::FETCH_MAX`].
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

    pub async fn payload(&self, seq: u64) -> Result<Fetched, Closed> {
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
