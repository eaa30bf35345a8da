//! Decides when to look for devices, when to poll them and when to state the books, and runs that.
//!
//! [`agenda`] says when what is due and [`budget`] how far it is slowed, both pure; `tasks` starts polls and sweeps, `outcomes` takes in what they yield. Each
//! poll is a task of its own that ends when its record is durable: a panic costs one poll, and what arrives together is
//! written together. A poll that is due is never skipped because of a sweep.

pub mod agenda;
pub mod budget;
mod economy;
mod outcomes;
mod tasks;

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use schemas::id::AgentCn;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::agenda::Agenda;
use self::budget::Budget;
use self::tasks::{Done, Job};
use crate::config::{AgentConfig, Mode};
use crate::discover::{RangeError, Ranges};
use crate::inventory::Inventory;
use crate::metrics::AgentMetrics;
use crate::poll::schedule::{Schedule, Slowing};
use crate::snmp::SnmpConfig;
use crate::spool::given::Given;
use crate::spool::handle::{Closed, SpoolHandle};
use crate::spool::{Close, Measures};
use crate::taken::Cost;
use crate::time::{Boot, Moments};

/// The reading half of the agent.
#[derive(Debug)]
pub struct Scheduler {
    snmp: Arc<SnmpConfig>,
    ranges: Arc<Ranges>,
    schedule: Schedule,
    budget: Budget,
    /// As of the last look at the budget.
    slowing: Slowing,
    low_percent: u8,
    /// The site's zone: around its midnight nobody is left out.
    zone: TimeZone,
    discover_every: Option<Duration>,
    spool: SpoolHandle,
    moments: Moments,
    metrics: AgentMetrics,
    inventory: Inventory,
    lan: Cost,
    polls_failed: u64,
    not_kept: u64,
    hints: Hints,
    /// Where the roster lies; `None` if nothing may touch the disk.
    roster_dir: Option<PathBuf>,
    /// When the first round began, on the steady clock.
    begun: Duration,
    /// When what devices cost was last written, and whether anything was polled since.
    traffic_saved: Option<Duration>,
    polled_since: bool,
}

/// What traps tell the scheduler, and what it tells the listener: whose traps count.
#[derive(Debug)]
pub struct Hints {
    pub from: mpsc::Receiver<IpAddr>,
    pub known: watch::Sender<Arc<BTreeSet<IpAddr>>>,
}

/// What is under way.
struct Round {
    jobs: VecDeque<Job>,
    running: JoinSet<Done>,
    polls_running: usize,
    agenda: Agenda,
    token: CancellationToken,
}

impl Scheduler {
    /// # Errors
    /// When the ranges cannot be used.
    pub fn new(
        config: AgentConfig,
        cn: &AgentCn,
        spool: SpoolHandle,
        moments: Moments,
        metrics: AgentMetrics,
        hints: Hints,
    ) -> Result<Self, RangeError> {
        let ranges = Ranges::new(&config.ranges)?;
        if ranges.is_empty() {
            tracing::warn!("no [[ranges]] in the configuration: nothing will be found");
        }
        let begun = moments.clock().steady();
        Ok(Self {
            schedule: Schedule::new(config.schedule.intervals(), Boot::of(cn.as_str()).0),
            budget: Budget::new(&config.budget, begun),
            slowing: Slowing::NONE,
            low_percent: config.schedule.supply_low_percent,
            // The configuration was checked.
            zone: TimeZone::get(&config.agent.zone).unwrap_or(TimeZone::UTC),
            // Without ranges there is nothing to look through.
            discover_every: (!ranges.is_empty()).then(|| Duration::from_secs(config.schedule.discover_interval_s)),
            snmp: Arc::new(config.snmp),
            ranges: Arc::new(ranges),
            spool,
            moments,
            metrics,
            inventory: Inventory::default(),
            lan: Cost::default(),
            polls_failed: 0,
            not_kept: 0,
            hints,
            roster_dir: (config.spool.mode == Mode::Disk).then_some(config.agent.data_dir),
            begun,
            traffic_saved: None,
            polled_since: false,
        })
    }

    /// Runs until the token is cancelled or the spool is gone. What is under way then is given up: it was never taken.
    pub async fn run(mut self, token: CancellationToken) {
        tokio::select! {
            () = token.cancelled() => {}
            outcome = self.rounds(token.clone()) => if outcome.is_err() { tracing::error!("the spool is gone, polling ends") },
        }
    }

    async fn rounds(&mut self, token: CancellationToken) -> Result<(), Closed> {
        self.begin().await?;
        let now = self.steady();
        let mut round = Round {
            jobs: VecDeque::new(),
            running: JoinSet::new(),
            polls_running: 0,
            agenda: Agenda::new(now, self.discover_every),
            token,
        };
        loop {
            let now = self.steady();
            self.keep_budget(now).await?;
            round.agenda.stretch(self.slowing.stretch);
            self.start_due(&mut round, now).await?;
            if round.running.is_empty() {
                self.save_inventory().await?;
                self.save_traffic(now).await;
                if self.moments.clock().is_drill() {
                    // A step of a drill is a whole linger: everything taken in it is closed and durable.
                    self.spool.close(Close::All).await?;
                    self.moments.clock().reached(now);
                }
            }
            let next = self.next(&round, now);
            tokio::select! {
                Some(done) = round.running.join_next() => {
                    if let Ok(done) = done {
                        self.done(done, &mut round).await?;
                    }
                }
                Some(address) = self.hints.from.recv() => {
                    self.inventory.hint(address);
                }
                () = self.moments.clock().until_steady(next) => {}
            }
        }
    }

    /// When to look again if nothing else happens. In a drill, at its next step.
    fn next(&self, round: &Round, now: Duration) -> Duration {
        if self.moments.clock().is_drill() {
            return now + Duration::from_millis(1);
        }
        let burst = (!self.inventory.is_empty()).then(|| self.schedule.next(now, self.slowing));
        // While polling is slowed, who asks out of turn waits for the next burst.
        let wanted = self.inventory.next_wanted().filter(|_| self.slowing.stretch == 1);
        [burst, wanted].into_iter().flatten().fold(round.agenda.next(), Duration::min)
    }

    /// Goes on where the process before this one stopped.
    async fn begin(&mut self) -> Result<(), Closed> {
        let boot = self.moments.boot();
        self.inventory = Inventory::load(self.spool.take_inventory().await?, boot);
        let gone = self.inventory.retain(|at| {
            let named = self.ranges.has_names() && !self.ranges.only_excludes(at.address);
            self.ranges.allows(at.address) || named
        });
        self.spool.set_inventory(gone).await?;
        let polled = self.spool.polled(self.inventory.devices()).await?;
        for ((_, entry), polled) in self.inventory.iter_mut().zip(polled) {
            entry.resume(polled.filter(|at| at.boot == boot).map(|at| Duration::from_millis(at.steady_ms)));
        }
        self.count_devices();
        let started =
            Given::event(self.moments.now(), "agent-started", [("version", env!("CARGO_PKG_VERSION").to_owned())]);
        self.spool.take(vec![started]).await?;
        Ok(())
    }

    async fn start_due(&mut self, round: &mut Round, now: Duration) -> Result<(), Closed> {
        if round.agenda.stats_due(now) {
            self.spool.state_books(self.measures()).await?;
        }
        let slots = self.slots(now);
        for (place, entry) in self.inventory.iter_mut().filter(|(_, entry)| !entry.busy) {
            if let Some(extent) = slots.due(entry.last, &entry.pace, entry.wanted()) {
                entry.busy = true;
                round.jobs.push_back(Job::Poll(place, extent));
            }
        }
        if let Some(depth) = round.agenda.sweep_due(now) {
            self.start_sweep(depth, round);
        }
        while round.polls_running < self.snmp.in_flight
            && let Some(job) = round.jobs.pop_front()
        {
            self.start(job, round);
        }
        Ok(())
    }

    async fn save_inventory(&mut self) -> Result<(), Closed> {
        let changes = self.inventory.changes(self.moments.boot());
        if changes.is_empty() {
            return Ok(());
        }
        if let Some(dir) = self.roster_dir.clone() {
            let roster = self.inventory.roster();
            // Only for commands beside the agent: without it, they know less.
            let _ = tokio::task::spawn_blocking(move || roster.write(&dir)).await;
        }
        self.spool.set_inventory(changes).await
    }

    fn measures(&self) -> Measures {
        Measures {
            devices: u32::try_from(self.inventory.len()).unwrap_or(u32::MAX),
            lan_packets: self.lan.packets,
            lan_bytes: self.lan.bytes,
            wan_bytes: self.metrics.wan_bytes.get(),
            polls_failed: self.polls_failed,
        }
    }

    fn count_devices(&self) {
        self.hints.known.send_replace(Arc::new(self.inventory.addresses()));
        self.metrics.devices.set(i64::try_from(self.inventory.len()).unwrap_or(i64::MAX));
    }

    fn steady(&self) -> Duration {
        self.moments.clock().steady()
    }
}
