//! Passes the simulated hours, one barrier each, until the time is over; a checkpoint every some days.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::Instant;

use super::breaker::Breaker;
use super::memory::{self, Memory};
use super::report::{Checkpoint, FaultLine, REPORT_VERSION, Report};
use super::script::{Fault, Script};
use super::verify::{Scope, verify};
use super::{given_up, settle, stage, twins};
use crate::check::{self, Check, Printers};
use crate::demo::print_line;
use crate::faults::Captured;
use crate::printer::fleet::Fleet;
use crate::world::{Plan, World};

/// Hours after the last fault in which an agent that came back learns the time and closes what waited for it.
const CLOSING_HOURS: u64 = 2;
/// A step is polling some twenty printers; a stalled part is named after this long. An agent that is killed while the
/// machine is busy takes seconds to come back.
const STEP_DEADLINE: Duration = Duration::from_secs(120);
/// A restored agent has this many hours before faults begin again.
const RESTORED_HOURS: u64 = 2;
/// Every third period the site with the small spool is without network from its first hours on.
const LONG_CUT_EVERY: u64 = 3;
/// Faults named when the soak fails.
const FAULTS_SHOWN: usize = 15;

/// What the caller chose.
#[derive(Debug, Clone)]
pub struct Options {
    pub seed: u64,
    pub minutes: u64,
    /// Simulated days between two checkpoints.
    pub days: u64,
    pub dir: PathBuf,
}

/// Runs the soak; `true` if it is clean.
///
/// # Errors
/// When nothing could be started at all. What goes wrong later is told, and answered with `false`.
pub async fn run(options: Options) -> Result<bool> {
    ensure!((2..=60).contains(&options.days), "--days is between 2 and 60");
    if options.dir.exists() {
        std::fs::remove_dir_all(&options.dir).with_context(|| format!("empty {}", options.dir.display()))?;
    }
    let Options { seed, minutes, days, .. } = options;
    print_line(&format!(
        "Platen soak, seed {seed}, {minutes} minutes (repeat with: make soak SEED={seed} MINUTES={minutes})"
    ));
    print_line(&format!(
        "a checkpoint every {days} simulated days; {}/logs says what the parts say",
        options.dir.join("world").display()
    ));

    let fleet = stage::fleet(seed).await?;
    let plan = Plan {
        dir: options.dir.join("world"),
        agents: stage::agents(seed, fleet.port())?,
        drill: Some(stage::beginning()?),
        fsync: true,
    };
    let world = World::start(plan).await?;
    for statement in twins::LIST.into_iter().chain(given_up::LIST) {
        world.query(statement).await?;
    }
    let captured = Captured::start(&world).await?;
    let mut soak = Soak::new(options, fleet, world, captured);
    let outcome = soak.pass().await;
    if let Err(error) = &outcome {
        soak.tell(error).await;
    }
    soak.report.passed = Some(outcome.is_ok());
    soak.report.failure = outcome.as_ref().err().map(|error| format!("{error:#}"));
    soak.write()?;
    let stopped = soak.world.stop().await;
    if outcome.is_ok() {
        stopped?;
        // What is worth keeping of a clean soak is its report and its logs.
        let _ = std::fs::remove_dir_all(soak.world.dir.join("clickhouse"));
    }
    soak.fleet.stop().await;
    Ok(outcome.is_ok())
}

struct Soak {
    options: Options,
    began: Instant,
    fleet: Fleet,
    world: World,
    printers: Printers,
    names: Vec<String>,
    breaker: Breaker,
    script: Script,
    memory: Memory,
    report: Report,
    hour: u64,
    /// First hour that no checkpoint has looked at, and what drops named at that time.
    unchecked: u64,
    dropped: BTreeMap<String, u64>,
}

impl Soak {
    fn new(options: Options, fleet: Fleet, world: World, captured: Captured) -> Self {
        let report = Report {
            version: REPORT_VERSION,
            seed: options.seed,
            passed: None,
            failure: None,
            wall_seconds: 0,
            simulated_hours: 0,
            faults_by_kind: BTreeMap::new(),
            faults: Vec::new(),
            checkpoints: Vec::new(),
            memory_bytes: BTreeMap::new(),
        };
        Self {
            printers: check::by_key(&fleet),
            names: world.agents.iter().map(|agent| agent.cn.to_string()).collect(),
            breaker: Breaker::new(captured),
            script: Script::new(options.seed, stage::AGENTS),
            memory: Memory::default(),
            began: Instant::now(),
            options,
            fleet,
            world,
            report,
            hour: 0,
            unchecked: 0,
            dropped: BTreeMap::new(),
        }
    }

    async fn pass(&mut self) -> Result<()> {
        self.step(&[]).await.context("the first hour")?;
        let limit = Duration::from_secs(self.options.minutes * 60);
        let period = self.options.days * 24;
        let mut periods = 0;
        loop {
            for hour_of_period in 0..period {
                if self.began.elapsed() >= limit {
                    return self.checkpoint(true).await;
                }
                let faults = self.draw(hour_of_period, periods, period);
                self.hour += 1;
                self.step(&faults).await.with_context(|| format!("simulated hour {}", self.hour))?;
            }
            periods += 1;
            self.checkpoint(false).await?;
        }
    }

    /// The faults of the hour that comes; after a checkpoint there are none for some hours.
    fn draw(&mut self, hour_of_period: u64, periods: u64, period: u64) -> Vec<Fault> {
        let hour = self.hour + 1;
        if hour_of_period < RESTORED_HOURS {
            return Vec::new();
        }
        let mut faults = self.script.hour(hour);
        if hour_of_period == RESTORED_HOURS && periods % LONG_CUT_EVERY == 1 {
            let cut = Fault::Cut { agent: stage::SMALL, hours: period };
            if self.script.begin(hour, &cut) {
                faults.push(cut);
            }
        }
        for fault in &faults {
            let what = fault.words(&self.names);
            let kind = format!("{fault:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned();
            *self.report.faults_by_kind.entry(kind).or_default() += 1;
            self.report.faults.push(FaultLine { hour, what });
        }
        faults
    }

    /// One simulated hour.
    async fn step(&mut self, faults: &[Fault]) -> Result<()> {
        self.breaker.before(&mut self.world, self.hour, faults).await?;
        if let Some(drill) = &self.world.drill {
            let seconds = self.hour * 3600;
            self.fleet.set_time(drill.start().wall.as_second() + i64::try_from(seconds).unwrap_or(0));
            drill.set(seconds);
        }
        self.breaker.during(&mut self.world, faults).await?;
        if let Some(drill) = &self.world.drill
            && let Err(error) = drill.all_reached(&self.names, STEP_DEADLINE).await
        {
            bail!("{error:#}\n{}", settle::states(&self.world).await);
        }
        self.breaker.after(&self.world, faults).await?;
        self.nobody_died()
    }

    /// A part that ends by itself is a finding: no supervisor is here to hide it.
    fn nobody_died(&mut self) -> Result<()> {
        let World { clickhouse, broker, ingest, agents, .. } = &mut self.world;
        let agents = agents.iter_mut().map(|agent| &mut agent.process);
        for process in [clickhouse, broker, ingest].into_iter().chain(agents).chain(self.breaker.clones_mut()) {
            if let Some(status) = process.ended()? {
                bail!("{} ended by itself with {status}:\n{}", process.name(), process.log_tail());
            }
        }
        Ok(())
    }

    async fn checkpoint(&mut self, last: bool) -> Result<()> {
        let began = Instant::now();
        self.memory.look(&self.world, &self.breaker);
        self.breaker.end_all(&mut self.world).await.context("end all faults")?;
        self.script.all_ended();
        for _ in 0..CLOSING_HOURS {
            self.hour += 1;
            self.step(&[]).await.context("the closing hours")?;
        }
        settle::settle(&self.world).await?;
        settle::healthy(&self.world).await?;
        let settled = began.elapsed();
        let doubled = self.breaker.take_doubled();
        let scope = Scope {
            from_hour: self.unchecked,
            to_hour: self.hour,
            full: last,
            doubled: &doubled,
            dropped: &self.dropped,
        };
        let found = verify(&self.world, &self.printers, &scope).await.context("verify")?;
        let sizes = self.memory.look(&self.world, &self.breaker);
        self.dropped = found.dropped;
        let mut checks = found.checks;
        checks.push(self.memory.check());
        let bad: Vec<Check> = checks.iter().filter(|check| !check.passed()).cloned().collect();
        let checkpoint = Checkpoint {
            hour: self.hour,
            wall_seconds: self.began.elapsed().as_secs(),
            settle_seconds: settled.as_secs_f64(),
            check_seconds: (began.elapsed() - settled).as_secs_f64(),
            polls_stored: found.polls_stored,
            polls_dropped: found.books.polls_dropped,
            lost: found.books.lost,
            conflicts: found.books.conflicts,
            repeats: found.books.repeats,
            memory_bytes: sizes.clone(),
            checks,
        };
        self.show(&checkpoint, last);
        self.report.checkpoints.push(checkpoint);
        self.write()?;
        if !bad.is_empty() {
            let lines = bad.iter().map(|check| {
                let Check { name, tried, disagreeing, disagreements } = check;
                format!("{name}: {disagreeing} of {tried} disagree\n    {}", disagreements.join("\n    "))
            });
            bail!("at simulated hour {}:\n  {}", self.hour, lines.collect::<Vec<_>>().join("\n  "));
        }
        self.unchecked = self.hour + 1;
        if !last {
            self.restore_snapshots().await.context("restore snapshots")?;
        }
        Ok(())
    }

    /// An agent that was set back polls at once; the next hour begins when it has done so.
    async fn restore_snapshots(&mut self) -> Result<()> {
        for agent in self.breaker.restore_snapshots(&mut self.world)? {
            let what = format!("{} restored from its snapshot", self.names[agent]);
            self.report.faults.push(FaultLine { hour: self.hour, what });
            if let Some(drill) = &self.world.drill {
                drill.forget(&self.names[agent]);
            }
        }
        match &self.world.drill {
            Some(drill) => drill.all_reached(&self.names, STEP_DEADLINE).await,
            None => Ok(()),
        }
    }

    fn show(&self, checkpoint: &Checkpoint, last: bool) {
        print_line(&format!(
            "{}day {:4}  {:4} faults  {:7} polls  lost {}  dropped {}  conflicts {}  settled in {:.1} s  proved in {:.1} s  after {} s  MiB: {}",
            if last { "all  " } else { "" },
            checkpoint.hour / 24,
            self.report.faults.len(),
            checkpoint.polls_stored,
            checkpoint.lost,
            checkpoint.polls_dropped,
            checkpoint.conflicts,
            checkpoint.settle_seconds,
            checkpoint.check_seconds,
            checkpoint.wall_seconds,
            memory::words(&checkpoint.memory_bytes)
        ));
    }

    fn write(&mut self) -> Result<()> {
        self.report.wall_seconds = self.began.elapsed().as_secs();
        self.report.simulated_hours = self.hour;
        self.report.memory_bytes = self.memory.largest.clone();
        self.report.write(&self.options.dir)
    }

    /// Everything that somebody needs who wants to find out why.
    async fn tell(&self, error: &anyhow::Error) {
        print_line(&format!("\nNOT CLEAN, seed {}, simulated hour {}: {error:#}", self.options.seed, self.hour));
        print_line("the last faults:");
        let skip = self.report.faults.len().saturating_sub(FAULTS_SHOWN);
        for fault in self.report.faults.iter().skip(skip) {
            print_line(&format!("  hour {:5}  {}", fault.hour, fault.what));
        }
        print_line(&format!("what the parts say:\n{}", settle::states(&self.world).await));
        print_line(&format!("everything is kept in {}", self.options.dir.display()));
    }
}
