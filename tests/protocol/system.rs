//! Agents, a broker that loses, repeats and reorders, workers that all own every partition, and the store; and every step
//! that one of them can make. The explorer and the simulation drive this same system.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use edge_agent::limits::SLED_FLUSH_MS;
use ingest::acks;
use ingest::metrics::Counters;
use schemas::id::PayloadId;
use schemas::wire::decode_ack;
use service::metrics::Metrics;

use crate::agent::{Agent, Disk, Frozen, Host};
use crate::store::{Store, TABLES};
use crate::time::Now;
use crate::truth::{Known, Truth};
use crate::worker::{Means, Said, Worker, ids_in};

/// Counted by all workers of a run; nothing depends on them.
static COUNTERS: LazyLock<Counters> = LazyLock::new(|| Counters::new(&Metrics::new("model", "0")));

/// One step of one part. `agent`, `worker` and `at` are indices; `at` counts messages in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// An agent reads a device.
    Take(usize),
    /// It states its books and freezes what waits.
    Close(usize),
    Connect(usize),
    /// It sends what is due.
    Send(usize),
    /// It hears an ack.
    Hear {
        agent: usize,
        at: usize,
    },
    /// The broker hands a message on.
    Deliver {
        worker: usize,
        at: usize,
    },
    /// A worker does its next step: rows, or books and acks.
    Work(usize),
    /// Time passes until something is due.
    Wait,

    // --- faults
    /// kill -9: what was not synced is gone.
    Kill(usize),
    /// The same for the host, whose clocks begin anew.
    Reboot(usize),
    Disconnect(usize),
    /// The spool is set back to an earlier state, with the counters file or without.
    SetBack {
        agent: usize,
        counters_too: bool,
    },
    /// The spool is gone.
    LoseSpool(usize),
    /// A message or an ack arrives and comes again.
    Repeat {
        worker: usize,
        at: usize,
    },
    RepeatAck {
        agent: usize,
        at: usize,
    },
    Lose {
        worker: usize,
        at: usize,
    },
    LoseAck {
        agent: usize,
        at: usize,
    },
    /// An insert stops after the first table.
    HalfInsert(usize),
    /// An insert is stored and its answer lost.
    Unanswered(usize),
    KillWorker(usize),
    /// A worker loses its connection, and with it what the broker had for it.
    ReconnectWorker(usize),
    /// A worker that hears an agent anew asks for what has no ack.
    AskAgain(usize),
    /// The broker forgets everything.
    KillBroker,
}

impl Step {
    /// The name of a fault; `None` for what happens anyway.
    pub(crate) fn fault(self) -> Option<&'static str> {
        match self {
            Self::Take(_) | Self::Close(_) | Self::Connect(_) | Self::Send(_) | Self::Work(_) | Self::Wait => None,
            Self::Hear { .. } | Self::Deliver { .. } => None,
            Self::Kill(_) => Some("agent killed"),
            Self::Reboot(_) => Some("host rebooted"),
            Self::Disconnect(_) => Some("connection lost"),
            Self::SetBack { counters_too: true, .. } => Some("disk set back"),
            Self::SetBack { counters_too: false, .. } => Some("log set back"),
            Self::LoseSpool(_) => Some("spool lost"),
            Self::Repeat { .. } => Some("message repeated"),
            Self::RepeatAck { .. } => Some("ack repeated"),
            Self::Lose { .. } => Some("message lost"),
            Self::LoseAck { .. } => Some("ack lost"),
            Self::HalfInsert(_) => Some("insert broken off"),
            Self::Unanswered(_) => Some("insert unanswered"),
            Self::KillWorker(_) => Some("worker killed"),
            Self::ReconnectWorker(_) => Some("worker reconnected"),
            Self::AskAgain(_) => Some("asked to send again"),
            Self::KillBroker => Some("broker killed"),
        }
    }
}

/// Everything there is.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) now: Now,
    pub(crate) agents: Vec<Agent>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) store: Arc<Store>,
    pub(crate) truth: Arc<Truth>,
    /// An earlier disk of each agent.
    pub(crate) snapshots: Vec<Option<Arc<Disk>>>,
    fresh_epoch: u64,
}

impl Hash for System {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.now, &self.agents, &self.workers, &self.store, &self.truth, &self.snapshots).hash(state);
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (agent, inner) in self.agents.iter().enumerate() {
            let held: Vec<u64> = inner.spool().books().held().keys().copied().collect();
            let hearing: Vec<_> = inner.hearing.iter().map(|ack| decode_ack(ack).unwrap()).collect();
            writeln!(f, "agent {agent}: connected {}, held {held:?}, hearing {hearing:?}", inner.connected)?;
        }
        for (worker, inner) in self.workers.iter().enumerate() {
            writeln!(f, "worker {worker}: inbox {}, todo {:?}", inner.inbox.len(), inner.todo())?;
        }
        write!(f, "{:?}: {} polls, {} batches", self.now.0, self.store.polls.len(), self.store.batches.len())
    }
}

impl System {
    pub(crate) fn new(hosts: &[Host], workers: &[Means], refused: Option<i64>) -> Self {
        let agent = |(n, host): (usize, &Host)| {
            Agent::new(&format!("acme.a{n}"), &format!("S{n}X"), 1_000 + u64::try_from(n).unwrap(), *host)
        };
        let store = Store { refused, ..Store::default() };
        let now = Now::default();
        Self {
            now,
            agents: hosts.iter().enumerate().map(agent).collect(),
            workers: workers.iter().map(|means| Worker::new(*means, &COUNTERS, &store, now)).collect(),
            store: Arc::new(store),
            truth: Arc::default(),
            snapshots: vec![None; hosts.len()],
            fresh_epoch: 2_000,
        }
    }

    /// Makes a step that is possible. Returns whether anything came of it.
    pub(crate) fn step(&mut self, step: Step) -> bool {
        let now = self.now;
        match step {
            Step::Take(agent) => self.take(agent),
            Step::Close(agent) => {
                let earlier = &self.agents[agent];
                self.snapshots[agent].get_or_insert_with(|| Arc::new(earlier.disk()));
                let frozen = self.agents[agent].close(now, true);
                self.note_frozen(agent, frozen);
            }
            Step::Connect(agent) => self.agents[agent].connect(now),
            Step::Send(agent) => return self.send(agent),
            Step::Hear { agent, at } => {
                let ack = self.agents[agent].hearing.remove(at);
                self.hear(agent, &ack);
            }
            Step::RepeatAck { agent, at } => {
                let ack = self.agents[agent].hearing[at].clone();
                self.hear(agent, &ack);
            }
            Step::Deliver { worker, at } => {
                let (from, bytes) = self.workers[worker].inbox.remove(at);
                self.deliver(worker, from, bytes);
            }
            Step::Repeat { worker, at } => {
                let (from, bytes) = self.workers[worker].inbox[at].clone();
                self.deliver(worker, from, bytes);
            }
            Step::Work(worker) => self.work(worker, TABLES.len(), true),
            Step::HalfInsert(worker) => self.work(worker, 1, false),
            Step::Unanswered(worker) => self.work(worker, TABLES.len(), false),
            Step::Wait => {
                let next = self.agents.iter().filter_map(|agent| agent.next(now)).min();
                let due = next.map_or(Duration::ZERO, |next| next.0.saturating_sub(now.0));
                self.wait(due.max(Duration::from_secs(1)));
            }
            Step::Kill(agent) => self.restart(agent, false),
            Step::Reboot(agent) => self.restart(agent, true),
            Step::Disconnect(agent) => self.agents[agent].disconnect(now),
            Step::SetBack { agent, counters_too } => self.set_back(agent, counters_too),
            Step::LoseSpool(agent) => {
                self.excuse_all(agent);
                self.fresh_epoch += 1;
                let before = self.agents[agent].unaccounted();
                self.agents[agent].lose_spool(now, self.fresh_epoch);
                self.note_forgotten(agent, before);
            }
            Step::Lose { worker, at } => drop(self.workers[worker].inbox.remove(at)),
            Step::LoseAck { agent, at } => drop(self.agents[agent].hearing.remove(at)),
            Step::KillWorker(worker) => self.workers[worker].kill(&COUNTERS, &self.store, now),
            Step::ReconnectWorker(worker) => self.workers[worker].reconnect(),
            Step::AskAgain(agent) => {
                let message = acks::resend(&self.agents[agent].cn, now.server_ms()).unwrap();
                self.agents[agent].hearing.push(message.payload.into());
            }
            Step::KillBroker => {
                for agent in &mut self.agents {
                    agent.hearing.clear();
                    agent.disconnect(now);
                }
                self.workers.iter_mut().for_each(Worker::reconnect);
            }
        }
        true
    }

    /// Lets time pass. Whatever was written is on the disks some seconds later.
    pub(crate) fn wait(&mut self, by: Duration) {
        self.now = self.now.later(by);
        if by >= Duration::from_millis(SLED_FLUSH_MS) {
            self.agents.iter_mut().for_each(Agent::sync);
        }
    }

    fn take(&mut self, agent: usize) {
        let reading = i64::try_from(self.truth.readings.len()).unwrap() + 1;
        let dropped = |agent: &Agent| agent.spool().books().state().dropped;
        let before = dropped(&self.agents[agent]);
        let held: Vec<PayloadId> = self.agents[agent].spool().books().held().values().map(|held| held.id).collect();
        let given_up = self.agents[agent].take(self.now, reading);
        let truth = Arc::make_mut(&mut self.truth);
        truth.readings.insert(reading, agent);
        truth.excused_readings.extend(given_up);
        if dropped(&self.agents[agent]) != before {
            // The cap was reached. That each of these is named by a drop record is for the books to show.
            truth.excused.extend(held.into_iter().filter(|id| !self.agents[agent].holds(*id)));
        }
    }

    fn send(&mut self, agent: usize) -> bool {
        let messages = self.agents[agent].send(self.now);
        for worker in &mut self.workers {
            worker.inbox.extend(messages.iter().map(|bytes| (agent, bytes.clone())));
        }
        !messages.is_empty()
    }

    fn deliver(&mut self, worker: usize, from: usize, bytes: Bytes) {
        let cn = self.agents[from].cn.clone();
        let said = self.workers[worker].deliver(self.now, &cn, bytes);
        self.say(said);
    }

    fn work(&mut self, worker: usize, tables: usize, answered: bool) {
        let store = Arc::make_mut(&mut self.store);
        let said = self.workers[worker].step(self.now, store, tables, answered);
        self.say(said);
    }

    fn say(&mut self, said: Vec<Said>) {
        for (cn, ack) in said {
            let ids = ids_in(&ack);
            if ids.iter().any(|id| !self.truth.told.contains(id)) {
                Arc::make_mut(&mut self.truth).told.extend(ids);
            }
            self.agents.iter_mut().filter(|agent| agent.cn == cn).for_each(|agent| agent.hearing.push(ack.clone()));
        }
    }

    fn hear(&mut self, agent: usize, ack: &[u8]) {
        let (freed, frozen) = self.agents[agent].hear(self.now, ack);
        if freed.iter().any(|id| !self.truth.freed.contains(id)) {
            Arc::make_mut(&mut self.truth).freed.extend(freed);
        }
        self.note_frozen(agent, frozen);
    }

    fn note_frozen(&mut self, agent: usize, frozen: Vec<Frozen>) {
        let cn = self.agents[agent].cn.clone();
        let truth = Arc::make_mut(&mut self.truth);
        for Frozen { id, bytes } in frozen {
            truth.frozen.entry(id).or_insert_with(|| Arc::new(Known::new(agent, &cn, bytes)));
        }
    }

    fn restart(&mut self, agent: usize, rebooted: bool) {
        if self.agents[agent].host.memory_only {
            self.excuse_all(agent);
            self.fresh_epoch += 1;
        }
        let before = self.agents[agent].unaccounted();
        self.agents[agent].restart(self.now, rebooted, self.fresh_epoch);
        self.note_forgotten(agent, before);
    }

    /// `before`: the epochs of which the agent knew that something was missing.
    fn note_forgotten(&mut self, agent: usize, before: BTreeSet<u64>) {
        let (inner, truth) = (&self.agents[agent], Arc::make_mut(&mut self.truth));
        let after = inner.unaccounted();
        let gone = before.into_iter().filter(|epoch| !after.contains(epoch) && *epoch != inner.spool().books().epoch());
        truth.forgotten.extend(gone.map(|epoch| (inner.cn.to_string(), epoch)));
    }

    /// What only this agent has is about to be lost with its disk or memory: outside the promise, and named in the books as
    /// far as the counters file knows of it.
    fn excuse_all(&mut self, agent: usize) {
        let unfrozen = self.agents[agent].unfrozen().clone();
        let truth = Arc::make_mut(&mut self.truth);
        let gone = truth.frozen.iter().filter(|(_, known)| known.agent == agent).map(|(id, _)| *id);
        truth.excused.extend(gone);
        truth.excused_readings.extend(unfrozen);
    }

    fn set_back(&mut self, agent: usize, counters_too: bool) {
        let Some(snapshot) = self.snapshots[agent].clone() else { return };
        self.excuse_all(agent);
        self.agents[agent].set_back(self.now, Disk::clone(&snapshot), counters_too);
        let (inner, truth) = (&self.agents[agent], Arc::make_mut(&mut self.truth));
        // What the snapshot has is there again.
        truth.excused.retain(|id| !inner.holds(*id));
        truth.excused_readings.retain(|reading| !inner.unfrozen().contains(reading));
        truth.set_back.insert(agent);
    }
}
