//! A worker of ingest: the production intake, its order of settling and its broker window. All of it dies in a crash.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use ingest::batch::{Batcher, Member};
use ingest::bisect::Bisect;
use ingest::config::BatchConfig;
use ingest::dedupe::Recent;
use ingest::intake::{Command, Delivery, Intake};
use ingest::metrics::Counters;
use ingest::quota::Quota;
use ingest::settle::{Settling, Todo};
use ingest::window::Window;
use schemas::id::{AgentCn, PayloadId};
use schemas::topic::Topic;
use schemas::wire::decode_ack;

use crate::store::{Store, TABLES, Table};
use crate::time::Now;

/// Ids that a worker remembers; more than a run has.
const RECENT: usize = 1_000_000;
/// What a broker gives a client before it waits for its acks (rumqttd).
const BROKER_WINDOW: usize = 100;

/// What a worker is configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Means {
    pub(crate) quota_bytes_per_day: u64,
    /// Its clock minus the true one, seconds.
    pub(crate) clock_off_s: i64,
}

/// A process that takes payloads.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) means: Means,
    mind: Arc<Mind>,
    connection: u64,
    /// What the broker has for it: sender and bytes.
    pub(crate) inbox: Vec<(usize, Bytes)>,
}

#[derive(Debug, Clone)]
struct Mind {
    intake: Intake,
    settling: Option<Settling>,
    window: Window,
}

impl Hash for Worker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut inbox: Vec<&(usize, Bytes)> = self.inbox.iter().collect();
        inbox.sort_unstable();
        inbox.hash(state);
        self.mind.intake.recent().hash(state);
        let members = |state: &mut H, members: &[Member]| {
            for member in members {
                (member.payload.id.0, member.payload.batch.version).hash(state);
            }
        };
        members(state, self.mind.intake.filling());
        if let Some(settling) = &self.mind.settling {
            settling.todo().hash(state);
            members(state, settling.members());
        }
    }
}

/// What a worker says: to which agent, and what.
pub(crate) type Said = (AgentCn, Bytes);

/// Ids that an ack names.
pub(crate) fn ids_in(ack: &[u8]) -> Vec<PayloadId> {
    decode_ack(ack).unwrap().ids.iter().map(|id| PayloadId(id.as_slice().try_into().unwrap())).collect()
}

impl Worker {
    pub(crate) fn new(means: Means, counters: &Counters, store: &Store, now: Now) -> Self {
        let mind = Arc::new(Mind::new(means, counters, store, now, 1));
        Self { means, mind, connection: 1, inbox: Vec::new() }
    }

    fn mind(&mut self) -> &mut Mind {
        Arc::make_mut(&mut self.mind)
    }

    /// The process is killed and started again: nothing in memory survives, and the broker forgot its session.
    pub(crate) fn kill(&mut self, counters: &Counters, store: &Store, now: Now) {
        self.connection += 1;
        self.inbox.clear();
        self.mind = Arc::new(Mind::new(self.means, counters, store, now, self.connection));
    }

    /// The connection to the broker is made anew; what is in hand stays.
    pub(crate) fn reconnect(&mut self) {
        self.connection += 1;
        self.inbox.clear();
        let connection = self.connection;
        self.mind().window = Window::new(connection);
    }

    /// Whether the broker hands it another message.
    pub(crate) fn takes_more(&self) -> bool {
        self.mind.window.waiting() < BROKER_WINDOW && self.mind.intake.has_room()
    }

    /// Takes a message of an agent. Returns what it says at once.
    pub(crate) fn deliver(&mut self, now: Now, from: &AgentCn, bytes: Bytes) -> Vec<Said> {
        let off_ms = self.means.clock_off_s * 1_000;
        let received_ms = now.server_ms() + off_ms;
        let mind = self.mind();
        let delivery = Delivery {
            token: mind.window.push(1),
            topic: Topic::up(from).to_string(),
            payload: bytes,
            received: jiff::Timestamp::from_millisecond(received_ms).unwrap(),
            arrived: now.instant(),
        };
        // The server's time that agents hear is right: a skewed clock would be another matter.
        let commands = mind.intake.take(delivery, now.server_ms());
        mind.intake.fill(now.instant());
        mind.obey(commands)
    }

    /// Whether a group can be closed or goes on.
    pub(crate) fn has_work(&self) -> bool {
        self.mind.settling.is_some() || !self.mind.intake.filling().is_empty()
    }

    /// What is next; closes the group that fills if none is under way.
    pub(crate) fn todo(&self) -> Option<Todo> {
        match &self.mind.settling {
            Some(settling) => Some(settling.todo()),
            None => (!self.mind.intake.filling().is_empty()).then_some(Todo::Rows),
        }
    }

    /// Does the next step. `tables` = how many tables take their rows before the store breaks off; `answered` = whether
    /// the worker hears of it.
    pub(crate) fn step(&mut self, now: Now, store: &mut Store, tables: usize, answered: bool) -> Vec<Said> {
        let mind = self.mind();
        let mut settling = match mind.settling.take() {
            Some(settling) => settling,
            None => {
                let settling = Settling::new(mind.intake.close());
                mind.intake.fill(now.instant());
                settling
            }
        };
        match settling.todo() {
            Todo::Rows => {
                blame(&mut settling, store);
                for table in TABLES.into_iter().take(tables) {
                    fill(store, table, settling.members());
                }
                if answered && tables >= TABLES.len() {
                    settling.stored();
                }
            }
            Todo::Books => {
                settling.members().iter().for_each(|member| store.ledger(&member.payload.batch));
                if answered {
                    settling.stored();
                }
            }
            Todo::Tell => {}
        }
        // The committer tells as soon as it may.
        match settling.told(now.server_ms()) {
            Some(told) => {
                mind.intake.settle(&told.keys);
                mind.obey(told.commands)
            }
            None => {
                mind.settling = Some(settling);
                Vec::new()
            }
        }
    }
}

impl Mind {
    /// As `pipeline::prepare` does it: warmed from `batches`.
    fn new(means: Means, counters: &Counters, store: &Store, now: Now, connection: u64) -> Self {
        let mut recent = Recent::new(RECENT);
        let mut quota = Quota::new(means.quota_bytes_per_day);
        for (cn, epoch, seq, id) in store.batches.keys() {
            recent.warm(&cn.parse().unwrap(), *epoch, *seq, PayloadId(*id));
        }
        let received = u32::try_from(now.server_ms() / 1_000 + means.clock_off_s).unwrap();
        for (cn, bytes) in &store.taken_on(received / 86_400) {
            quota.warm(cn.parse().unwrap(), *bytes, received);
        }
        let batcher = Batcher::new(&BatchConfig::default());
        let intake = Intake::new(recent, quota, batcher, "service.ingest", counters.clone());
        Self { intake, settling: None, window: Window::new(connection) }
    }

    fn obey(&mut self, commands: Vec<Command>) -> Vec<Said> {
        let mut said = Vec::new();
        for command in commands {
            match command {
                Command::Tell(message) => {
                    let Ok(Topic::Down { cn, .. }) = message.topic.parse() else { unreachable!("{}", message.topic) };
                    said.push((cn, Bytes::from(message.payload)));
                }
                Command::Release(tokens) => drop(self.window.release(&tokens)),
            }
        }
        said
    }
}

/// Finds the members that the store refuses, as the committer does, and keeps their bytes instead.
fn blame(settling: &mut Settling, store: &Store) {
    let all = |members: &[Member]| store.takes(members.iter().map(|member| &member.payload.rows));
    if all(settling.members()) {
        return;
    }
    let mut bisect = Bisect::new(settling.members().len());
    while let Some(range) = bisect.next() {
        bisect.report(all(&settling.members()[range]));
    }
    bisect.refused().into_iter().for_each(|at| settling.refuse(at, "the store refuses its rows"));
}

fn fill(store: &mut Store, table: Table, members: &[Member]) {
    members.iter().for_each(|member| store.insert(table, &member.payload.rows));
}
