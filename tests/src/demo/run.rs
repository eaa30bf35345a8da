//! Passes the simulated hours, one barrier each, and hands over to the proof.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::faults::Breaker;
use super::progress::Progress;
use super::report::{FaultLine, REPORT_VERSION, Report};
use super::{print_line, proof, script, show, stage};
use crate::check::Check;
use crate::faults::Captured;
use crate::printer::fleet::Fleet;
use crate::world::process::until;
use crate::world::{Plan, World};

/// Hours after the last fault and after the billed month, in which lingering batches close.
const CLOSING_HOURS: u64 = 2;
/// A step is polling 60 printers; a stalled part is named after this long.
const STEP_DEADLINE: Duration = Duration::from_secs(120);
/// After the last hour everything that is held must settle.
const SETTLE_DEADLINE: Duration = Duration::from_secs(300);

/// What the caller chose.
#[derive(Debug)]
pub struct Options {
    pub seed: u64,
    pub days: u64,
    pub keep: bool,
    pub dir: PathBuf,
}

/// Runs the demo; `true` if every number agrees.
///
/// # Errors
/// When a part cannot be started or stalls.
pub async fn run(options: Options) -> Result<bool> {
    ensure!((2..=400).contains(&options.days), "--days is between 2 and 400");
    let began = Instant::now();
    if options.dir.exists() {
        std::fs::remove_dir_all(&options.dir).with_context(|| format!("empty {}", options.dir.display()))?;
    }
    let hours = options.days * 24;
    let progress = Progress::new(hours);
    progress.say(&format!("Platen demo, seed {} (repeat with: make demo SEED={})", options.seed, options.seed));
    progress.say("starting ClickHouse, broker, ingest, 3 agents and 60 printers as processes on loopback");
    progress.say("resend and backoff times are shortened for the drill: an hour passes in a fraction of a second");

    let fleet = stage::fleet(options.seed).await?;
    let plan = Plan {
        dir: options.dir.clone(),
        agents: stage::agents(fleet.port())?,
        drill: Some(stage::beginning()?),
        fsync: true,
    };
    let mut world = World::start(plan).await?;
    let faults = pass(&options, hours, &fleet, &mut world, &progress).await?;
    settle(&world).await?;
    progress.done();

    let found = proof::prove(&world, &fleet, hours).await?;
    let report = Report {
        version: REPORT_VERSION,
        seed: options.seed,
        passed: found.checks.iter().all(Check::passed),
        simulated_hours: hours,
        wall_seconds: began.elapsed().as_secs(),
        printers: fleet.units().len(),
        models: found.models,
        agents: world.agents.iter().map(|agent| agent.cn.to_string()).collect(),
        faults,
        checks: found.checks,
        books: found.books,
        invoices: found.invoices,
        supplies: found.supplies,
        traffic: found.traffic,
    };
    let path = options.dir.join("report.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&report)?)?;
    show::show(&world, &report).await?;
    print_line(&format!("\nThe same as JSON: {}", path.display()));
    if options.keep {
        show::keep(&world);
        tokio::signal::ctrl_c().await?;
    }
    world.stop().await?;
    fleet.stop().await;
    Ok(report.passed)
}

/// All hours, with everything that goes wrong in them.
async fn pass(
    options: &Options,
    hours: u64,
    fleet: &Fleet,
    world: &mut World,
    progress: &Progress,
) -> Result<Vec<FaultLine>> {
    let names: Vec<String> = world.agents.iter().map(|agent| agent.cn.to_string()).collect();
    let script = script::draw(options.seed, hours, names.len());
    let beginning = stage::beginning()?;
    let captured = Captured::start(world).await?;
    let mut breaker = Breaker::new(captured);
    let mut told = Vec::new();
    step(world, fleet, &names, 0).await.context("the first hour")?;
    for hour in 1..=hours + CLOSING_HOURS {
        let due: Vec<_> = script.iter().filter(|(at, _)| *at == hour).map(|(_, fault)| fault.clone()).collect();
        for fault in &due {
            let what = fault.words(&names);
            progress.say(&format!("  hour {hour:3}  {what}"));
            told.push(FaultLine { hour, what });
        }
        breaker.before(world, &due).await?;
        begin_step(world, fleet, hour);
        breaker.during(world, &due).await?;
        finish_step(world, &names).await.with_context(|| format!("hour {hour}"))?;
        breaker.after(world, &due).await?;
        progress.hour(hour, beginning + Duration::from_secs(hour * 3600));
    }
    Ok(told)
}

async fn step(world: &World, fleet: &Fleet, names: &[String], hour: u64) -> Result<()> {
    begin_step(world, fleet, hour);
    finish_step(world, names).await
}

fn begin_step(world: &World, fleet: &Fleet, hour: u64) {
    if let Some(drill) = &world.drill {
        let wall = drill.start().wall.as_second();
        fleet.set_time(wall + i64::try_from(hour * 3600).unwrap_or(0));
        drill.set(hour * 3600);
    }
}

async fn finish_step(world: &World, names: &[String]) -> Result<()> {
    match &world.drill {
        Some(drill) => drill.all_reached(names, STEP_DEADLINE).await,
        None => Ok(()),
    }
}

/// Waits until no agent holds anything that is not settled.
async fn settle(world: &World) -> Result<()> {
    for agent in &world.agents {
        until(&format!("{} still holds payloads", agent.cn), SETTLE_DEADLINE, || async {
            world.metric(&agent.http, "edge_agent_queue_payloads").await == Some(0.0)
        })
        .await?;
    }
    Ok(())
}
