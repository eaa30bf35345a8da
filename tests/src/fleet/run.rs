//! Passes the phases: everybody connects, steady traffic, the broker is killed, a month of backlog drains beside fresh data.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::agent::{Agent, Orders};
use super::gauge::{self, Reading};
use super::identity;
use super::limits::{BACK_DEADLINE, DRAIN_DEADLINE, FILES_BESIDE};
use super::report::{Phase, REPORT_VERSION, Report};
use super::tally::Tally;
use crate::demo::print_line;
use crate::world::process::until;
use crate::world::{Plan, World};

/// What ingest waits for a group to fill unless it is told otherwise; the `World` of tests shortens it.
const TEST_AGE: &str = "age_ms = 40";
const DEFAULT_AGE: &str = "age_ms = 500";

/// What the caller chose.
#[derive(Debug, Clone)]
pub struct Options {
    pub agents: usize,
    pub devices: u32,
    pub every: Duration,
    pub steady: Duration,
    pub backlog_agents: usize,
    pub backlog_hours: u64,
    pub json: Option<PathBuf>,
    pub dir: PathBuf,
}

/// Runs the drill; `true` if everything that was sent is stored once.
///
/// # Errors
/// When a part cannot be started or somebody is not back in time.
pub async fn run(options: Options) -> Result<bool> {
    ensure!((1..=4_000).contains(&options.agents), "--agents is between 1 and 4000, which one broker lets in");
    ensure!(options.backlog_agents < options.agents, "--backlog-agents must leave agents that send fresh data");
    raise_files(options.agents)?;
    if options.dir.exists() {
        std::fs::remove_dir_all(&options.dir).with_context(|| format!("empty {}", options.dir.display()))?;
    }
    let world = start(&options).await?;
    let mut drill = Drill::begin(options, world)?;
    let outcome = drill.phases().await;
    if let Err(error) = &outcome {
        print_line(&format!("the last connection that failed: {}", drill.tally.last_error()));
        print_line(&format!("stalled: {error:#}; logs are in {}/logs", drill.world.dir.display()));
    }
    drill.agents.shutdown().await;
    let stopped = drill.world.stop().await;
    outcome?;
    stopped?;
    Ok(drill.report.passed)
}

/// Every agent is a file here and one in the broker, which inherits the limit.
pub(crate) fn raise_files(agents: usize) -> Result<()> {
    let wanted = u64::try_from(agents)? + FILES_BESIDE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
            .with_context(|| format!("{wanted} open files are needed; raise the hard limit (ulimit -Hn)"))?;
    }
    Ok(())
}

async fn start(options: &Options) -> Result<World> {
    let plan = Plan { dir: options.dir.clone(), agents: Vec::new(), drill: None, fsync: true };
    let mut world = World::prepare(plan).await?;
    let text = std::fs::read_to_string(&world.ingest_config)?;
    ensure!(text.contains(TEST_AGE), "ingest's configuration does not say {TEST_AGE}");
    std::fs::write(&world.ingest_config, text.replace(TEST_AGE, DEFAULT_AGE))?;
    world.start_clickhouse().await?;
    world.start_broker().await?;
    world.start_ingest().await?;
    Ok(world)
}

struct Drill {
    options: Options,
    world: World,
    tally: Arc<Tally>,
    orders: watch::Sender<Orders>,
    /// One task for each agent.
    agents: JoinSet<()>,
    report: Report,
}

/// What was counted when a phase began.
struct Mark {
    at: Instant,
    reading: Reading,
    refused: u64,
    settled: u64,
    resent: u64,
}

impl Drill {
    fn begin(options: Options, world: World) -> Result<Self> {
        let began = Instant::now();
        print_line(&format!("issuing {} certificates", options.agents));
        let identities = identity::issue(&world.pki, options.agents)?;
        let issue_seconds = began.elapsed().as_secs_f64();
        let tally = Arc::new(Tally::default());
        let (orders, heard) = watch::channel(Orders::default());
        let mut agents = JoinSet::new();
        for (number, identity) in identities.into_iter().enumerate() {
            let place = u32::try_from(number)? + 1;
            let agent = Agent {
                number,
                identity,
                // 127.128.0.1 and on: each site has an address of its own, as in the world outside.
                source: Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 128, 0, 0)) + place),
                port: world.broker_port,
                devices: options.devices,
                orders: heard.clone(),
                tally: Arc::clone(&tally),
            };
            agents.spawn(agent.run());
        }
        let report = Report {
            version: REPORT_VERSION,
            agents: options.agents,
            devices_per_agent: options.devices,
            every_s: options.every.as_secs_f64(),
            backlog_agents: options.backlog_agents,
            backlog_hours: options.backlog_hours,
            release_binaries: !cfg!(debug_assertions),
            issue_seconds,
            phases: Vec::new(),
            payloads: 0,
            polls_stored: 0,
            own_peak_mib: 0.0,
            passed: false,
        };
        Ok(Self { options, world, tally, orders, agents, report })
    }

    async fn phases(&mut self) -> Result<()> {
        let Options { every, steady, backlog_agents, backlog_hours, .. } = self.options;
        let mark = self.mark().await?;
        let back = self.all_back(mark.at).await?;
        self.end("everybody connects at once", mark, Some(back)).await?;

        self.orders.send_modify(|orders| orders.every = every);
        // A first round, so that the phase measures what lasts.
        tokio::time::sleep(every.min(steady)).await;
        let mark = self.mark().await?;
        tokio::time::sleep(steady).await;
        self.end("steady", mark, None).await?;

        let mark = self.mark().await?;
        self.world.broker.kill()?;
        until("an agent does not notice that the broker is gone", BACK_DEADLINE, || async {
            self.tally.greeted.load(Ordering::Relaxed) == 0
        })
        .await?;
        let at = Instant::now();
        self.world.start_broker().await?;
        let back = self.all_back(at).await?;
        self.end("the broker was killed and has forgotten everything", mark, Some(back)).await?;
        tokio::time::sleep(every.min(steady)).await;

        let mark = self.mark().await?;
        self.orders.send_modify(|orders| orders.backlog = (backlog_agents, backlog_hours));
        let (tally, deadline) = (Arc::clone(&self.tally), DRAIN_DEADLINE);
        let begun = u64::try_from(backlog_agents)? * backlog_hours;
        until("the backlog does not begin to drain", deadline, || async {
            tally.settled.load(Ordering::Relaxed) > mark.settled && tally.backlog_left.load(Ordering::Relaxed) <= begun
        })
        .await?;
        until("the backlog does not drain", deadline, || async { tally.backlog_left.load(Ordering::Relaxed) == 0 })
            .await
            .with_context(|| format!("{} payloads of backlog are left", tally.backlog_left.load(Ordering::Relaxed)))?;
        self.end("a backlog drains beside fresh data", mark, None).await?;
        self.prove().await
    }

    async fn mark(&self) -> Result<Mark> {
        let _ = self.tally.take();
        Ok(Mark {
            at: Instant::now(),
            reading: gauge::read(&self.world).await?,
            refused: self.tally.refused.load(Ordering::Relaxed),
            settled: self.tally.settled.load(Ordering::Relaxed),
            resent: self.tally.resent.load(Ordering::Relaxed),
        })
    }

    /// Seconds until half, 99 in 100 and all are answered by ingest.
    async fn all_back(&self, since: Instant) -> Result<[f64; 3]> {
        let all = self.options.agents;
        let mut seconds = [0.0; 3];
        for (at, count) in [all.div_ceil(2), (all * 99).div_ceil(100), all].into_iter().enumerate() {
            let what = format!("{count} of {all} agents are not back");
            let back =
                until(&what, BACK_DEADLINE, || async { self.tally.greeted.load(Ordering::Relaxed) >= count }).await;
            if let Err(error) = back {
                bail!("{error:#}: {} are", self.tally.greeted.load(Ordering::Relaxed));
            }
            seconds[at] = since.elapsed().as_secs_f64();
        }
        Ok(seconds)
    }

    async fn end(&mut self, name: &'static str, mark: Mark, back_s: Option<[f64; 3]>) -> Result<()> {
        let seconds = mark.at.elapsed().as_secs_f64();
        let reading = gauge::read(&self.world).await?;
        let (fresh, backlog) = self.tally.take();
        let settled = self.tally.settled.load(Ordering::Relaxed) - mark.settled;
        #[expect(clippy::cast_precision_loss, reason = "payloads of a drill are far below 2^52")]
        let payloads_per_s = settled as f64 / seconds;
        let phase = Phase {
            name,
            seconds,
            back_s,
            refused: self.tally.refused.load(Ordering::Relaxed) - mark.refused,
            payloads_settled: settled,
            payloads_per_s,
            polls_per_s: payloads_per_s * f64::from(self.options.devices),
            resent: self.tally.resent.load(Ordering::Relaxed) - mark.resent,
            fresh,
            backlog,
            commit_p50_ms: reading.commit_ms(&mark.reading, 0.5),
            commit_p99_ms: reading.commit_ms(&mark.reading, 0.99),
            taken: reading.taken_since(&mark.reading),
        };
        phase.show();
        self.report.phases.push(phase);
        Ok(())
    }

    /// Everything that was made is settled, and stands in ClickHouse once.
    async fn prove(&mut self) -> Result<()> {
        self.orders.send_modify(|orders| orders.every = Duration::ZERO);
        let tally = Arc::clone(&self.tally);
        until("payloads are not settled", DRAIN_DEADLINE, || async { tally.open() == 0 })
            .await
            .with_context(|| format!("{} payloads are open", tally.open()))?;
        let made = tally.made.load(Ordering::Relaxed);
        let stored = self.world.count("SELECT count() FROM batches FINAL WHERE status = 3").await?;
        let polls = self.world.count("SELECT count() FROM polls FINAL").await?;
        self.report.payloads = made;
        self.report.polls_stored = polls;
        self.report.own_peak_mib = gauge::own_peak_mib();
        self.report.passed = stored == made && polls == made * u64::from(self.options.devices);
        print_line(&format!(
            "\nsent {made} payloads, stored {stored}; {polls} polls; this program took {:.0} MiB: {}",
            self.report.own_peak_mib,
            if self.report.passed { "everything once" } else { "NOT everything once" }
        ));
        if let Some(path) = &self.options.json {
            std::fs::write(path, serde_json::to_vec_pretty(&self.report)?)
                .with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}
