//! Decides when to look for devices, when to poll them and when to state the books, and runs that.
//!
//! Each poll is a task of its own that ends when its record is durable: a panic costs one poll, and what arrives together
//! is written together. A poll that is due is never skipped because of a sweep.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use schemas::id::AgentCn;
use schemas::wire::Outcome;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::AgentConfig;
use crate::discover::{Found, Kind, RangeError, Ranges, Swept, sweep};
use crate::inventory::{Adopted, Inventory};
use crate::limits::STATS_EVERY;
use crate::metrics::AgentMetrics;
use crate::poll::schedule::Schedule;
use crate::poll::{At, Known, PollError, first_read, refresh};
use crate::snmp::SnmpConfig;
use crate::spool::given::Given;
use crate::spool::keeper::{Closed, Kept, SpoolHandle};
use crate::spool::{Close, Measures};
use crate::taken::{Cost, Polled};
use crate::time::{Boot, Moment, Moments};

/// What a task did.
enum Done {
    Polled(usize, Result<(Box<Known>, u8, Cost, Kept), Died>),
    FirstRead(At, Result<FirstRead, Died>),
    Swept(Result<Box<Swept>, Died>),
}

type FirstRead = Result<(Box<Known>, Box<Polled>, Moment), PollError>;

/// A task panicked.
struct Died;

/// What a task is to do.
enum Job {
    Poll(usize),
    FirstRead(At),
}

/// The reading half of the agent.
#[derive(Debug)]
pub struct Scheduler {
    snmp: Arc<SnmpConfig>,
    ranges: Arc<Ranges>,
    bursts: Schedule,
    discover_every: Duration,
    spool: SpoolHandle,
    moments: Moments,
    metrics: AgentMetrics,
    inventory: Inventory,
    lan: Cost,
    polls_failed: u64,
    not_kept: u64,
}

/// What is under way and when the next things are due.
struct Round {
    jobs: VecDeque<Job>,
    running: JoinSet<Done>,
    polls_running: usize,
    sweeping: bool,
    next_sweep: Duration,
    next_stats: Duration,
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
    ) -> Result<Self, RangeError> {
        let ranges = Ranges::new(&config.ranges)?;
        if ranges.is_empty() {
            tracing::warn!("no [[ranges]] in the configuration: nothing will be found");
        }
        Ok(Self {
            bursts: Schedule::new(Duration::from_secs(config.schedule.poll_interval_s), Boot::of(cn.as_str()).0),
            discover_every: Duration::from_secs(config.schedule.discover_interval_s),
            snmp: Arc::new(config.snmp),
            ranges: Arc::new(ranges),
            spool,
            moments,
            metrics,
            inventory: Inventory::default(),
            lan: Cost::default(),
            polls_failed: 0,
            not_kept: 0,
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
            sweeping: false,
            next_sweep: now,
            next_stats: now,
            token,
        };
        loop {
            let now = self.steady();
            self.start_due(&mut round, now).await?;
            if round.running.is_empty() {
                self.save_inventory().await?;
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
                () = self.moments.clock().until_steady(next) => {}
            }
        }
    }

    /// When to look again if nothing else happens. In a drill, at its next step.
    fn next(&self, round: &Round, now: Duration) -> Duration {
        if self.moments.clock().is_drill() {
            return now + Duration::from_millis(1);
        }
        let sweep = (!round.sweeping && !self.ranges.is_empty()).then_some(round.next_sweep);
        let burst = (!self.inventory.is_empty()).then(|| self.bursts.next(now));
        let wanted = self.inventory.next_wanted();
        [sweep, burst, wanted].into_iter().flatten().fold(round.next_stats, Duration::min)
    }

    /// Goes on where the process before this one stopped.
    async fn begin(&mut self) -> Result<(), Closed> {
        let boot = self.moments.boot();
        self.inventory = Inventory::load(self.spool.take_inventory().await?, boot);
        let gone = self.inventory.retain(|at| self.ranges.allows(at.address));
        self.spool.set_inventory(gone).await?;
        let polled = self.spool.polled(self.inventory.devices()).await?;
        for ((_, entry), polled) in self.inventory.iter_mut().zip(polled) {
            entry.last = polled.filter(|at| at.boot == boot).map(|at| Duration::from_millis(at.steady_ms));
        }
        self.count_devices();
        let started =
            Given::event(self.moments.now(), "agent-started", [("version", env!("CARGO_PKG_VERSION").to_owned())]);
        self.spool.take(vec![started]).await?;
        Ok(())
    }

    async fn start_due(&mut self, round: &mut Round, now: Duration) -> Result<(), Closed> {
        if now >= round.next_stats {
            round.next_stats = now + STATS_EVERY;
            self.spool.state_books(self.measures()).await?;
        }
        for (place, entry) in self.inventory.iter_mut() {
            if !entry.busy && self.bursts.due(now, entry.last, entry.wanted()) {
                entry.busy = true;
                round.jobs.push_back(Job::Poll(place));
            }
        }
        if !round.sweeping && now >= round.next_sweep && !self.ranges.is_empty() {
            round.sweeping = true;
            round.next_sweep = now + self.discover_every;
            self.start_sweep(round);
        }
        while round.polls_running < self.snmp.in_flight
            && let Some(job) = round.jobs.pop_front()
        {
            self.start(job, round);
        }
        Ok(())
    }

    fn start(&mut self, job: Job, round: &mut Round) {
        let (snmp, moments) = (Arc::clone(&self.snmp), self.moments.clone());
        match job {
            Job::Poll(place) => {
                let Some(entry) = self.inventory.get_mut(place) else { return };
                let (mut known, spool) = (entry.known.clone(), self.spool.clone());
                let work = async move {
                    let at = moments.now();
                    let polled = refresh(&snmp, &mut known, Duration::from_millis(at.steady_ms)).await;
                    let (outcome, cost) = (polled.poll.outcome, polled.cost);
                    let kept = spool.take(vec![Given::Polled(at, Box::new(polled))]).await.unwrap_or(Kept::Refused);
                    (Box::new(known), outcome, cost, kept)
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

    fn start_sweep(&mut self, round: &mut Round) {
        self.inventory.forget_second();
        let (snmp, ranges) = (Arc::clone(&self.snmp), Arc::clone(&self.ranges));
        let known = self.inventory.addresses();
        let (token, runtime) = (round.token.clone(), tokio::runtime::Handle::current());
        // A sweep is one long conversation with many addresses; it gets a thread of its own, which ends with the agent.
        round.running.spawn_blocking(move || {
            runtime.block_on(async move {
                let work = async { Box::new(sweep(&snmp, &ranges, &known, &mut |_| {}).await) };
                match token.run_until_cancelled(guarded(work)).await {
                    Some(swept) => Done::Swept(swept),
                    None => Done::Swept(Ok(Box::default())),
                }
            })
        });
    }

    async fn done(&mut self, done: Done, round: &mut Round) -> Result<(), Closed> {
        match done {
            Done::Polled(place, result) => {
                round.polls_running -= 1;
                self.polled(place, result).await?;
            }
            Done::FirstRead(at, result) => {
                round.polls_running -= 1;
                self.first_read(at, result).await?;
            }
            Done::Swept(result) => {
                round.sweeping = false;
                match result {
                    Ok(swept) => self.swept(*swept, round),
                    Err(Died) => self.died("sweep", String::new()).await?,
                }
            }
        }
        Ok(())
    }

    async fn polled(&mut self, place: usize, result: Result<(Box<Known>, u8, Cost, Kept), Died>) -> Result<(), Closed> {
        let now = self.steady();
        let Some(entry) = self.inventory.get_mut(place) else { return Ok(()) };
        entry.busy = false;
        entry.last = Some(now);
        match result {
            Ok((known, outcome, cost, kept)) => {
                (entry.known, entry.outcome) = (*known, Some(outcome));
                self.count(outcome, cost);
                if kept == Kept::Refused {
                    self.not_kept += 1;
                    if self.not_kept.is_power_of_two() {
                        tracing::error!(
                            polls = self.not_kept,
                            "polls not kept: the spool cannot be written and memory is full"
                        );
                    }
                }
            }
            Err(Died) => {
                let address = entry.known.at.address;
                self.died("poll", address.to_string()).await?;
            }
        }
        Ok(())
    }

    async fn first_read(&mut self, at: At, result: Result<FirstRead, Died>) -> Result<(), Closed> {
        let (known, mut polled, moment) = match result {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                tracing::info!(address = %at.address, %error, "found device not read");
                return Ok(());
            }
            Err(Died) => return self.died("first-read", at.address.to_string()).await,
        };
        self.count(polled.poll.outcome, polled.cost);
        let address = known.at.address;
        let model = known.device.model.clone();
        let (adopted, _) = self.inventory.adopt(*known, Duration::from_millis(moment.steady_ms));
        let event = |kind: &str, fields: Vec<(&str, String)>| {
            (kind.to_owned(), fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        };
        match adopted {
            Adopted::New => {
                polled.events.push(event("device-found", vec![("address", address.to_string()), ("model", model)]))
            }
            Adopted::Moved(from) => polled.events.push(event(
                "device-moved",
                vec![("from_address", from.to_string()), ("to_address", address.to_string())],
            )),
            Adopted::Second => {
                tracing::info!(%address, "second address of a known device");
                return Ok(());
            }
            Adopted::Refused => {
                tracing::warn!(%address, limit = crate::inventory::DEVICES_MAX, "too many devices, not taken in");
                return Ok(());
            }
        }
        self.count_devices();
        self.spool.take(vec![Given::Polled(moment, polled)]).await?;
        Ok(())
    }

    fn swept(&mut self, swept: Swept, round: &mut Round) {
        self.add_cost(swept.cost);
        let printers = swept.found.iter().filter(|found| found.kind == Kind::Printer);
        let news: Vec<&Found> = printers.clone().filter(|found| self.inventory.is_news(found)).collect();
        tracing::info!(
            printers = printers.count(),
            new = news.len(),
            refused = swept.refused.len(),
            unresolved = swept.unresolved.len(),
            silent = swept.silent,
            bytes = swept.cost.bytes,
            "sweep done"
        );
        for name in &swept.unresolved {
            tracing::warn!(name, "host name of a range cannot be resolved");
        }
        round.jobs.extend(news.into_iter().map(|found| Job::FirstRead(found.at.clone())));
    }

    async fn died(&mut self, what: &str, address: String) -> Result<(), Closed> {
        tracing::error!(what, address, "a task panicked; this is a defect, please report it");
        let event =
            Given::event(self.moments.now(), "task-panicked", [("what", what.to_owned()), ("address", address)]);
        self.spool.take(vec![event]).await?;
        Ok(())
    }

    async fn save_inventory(&mut self) -> Result<(), Closed> {
        let changes = self.inventory.changes(self.moments.boot());
        if changes.is_empty() { Ok(()) } else { self.spool.set_inventory(changes).await }
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

    fn count(&mut self, outcome: u8, cost: Cost) {
        self.metrics.poll(outcome);
        if !Outcome::has_values(outcome) {
            self.polls_failed += 1;
        }
        self.add_cost(cost);
    }

    fn add_cost(&mut self, cost: Cost) {
        self.lan += cost;
        self.metrics.snmp_packets.inc_by(cost.packets);
        self.metrics.snmp_bytes.inc_by(cost.bytes);
    }

    fn count_devices(&self) {
        self.metrics.devices.set(i64::try_from(self.inventory.len()).unwrap_or(i64::MAX));
    }

    fn steady(&self) -> Duration {
        self.moments.clock().steady()
    }
}

/// Runs work whose panic must not cost more than itself.
async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, Died> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Died)
}
