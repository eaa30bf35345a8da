//! Several ingest workers: they share the partitions through Redis, take over from each other, and lose and double nothing
//! whatever happens to Redis.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::Validity;
use rustix::process::Signal;
use schemas::id::AgentCn;
use schemas::topic::{Topic, filter};
use schemas::wire::{self, Body, Status};
use testbed::world::mqtt::Client;
use testbed::world::process::until;
use testbed::world::workers::{Redis, Worker};
use testbed::world::{World, http};

use crate::sender::{Sender, percentile};
use crate::support::{PATIENCE, Site};

/// Agents that send beside the site while workers are restarted, and the payloads of each.
const SENDERS: u64 = 4;
const SENT: u64 = 300;

/// A lease short enough to wait for its end, and one that no busy host lets end.
const SHORT: u32 = 3_000;
const LONG: u32 = 10_000;

/// A site whose one worker was replaced by two that share a Redis.
struct Shift {
    site: Site,
    redis: Redis,
    workers: Vec<Worker>,
}

impl Shift {
    async fn start(agents: usize, printers: usize, lease_ms: u32) -> Result<Self> {
        let mut site = Site::start(agents, printers).await?;
        site.world.ingest.stop(PATIENCE).await?;
        let redis = Redis::start(&site.world.dir).await?;
        let sections = format!("[redis]\nurl = \"{}\"\nlease_ms = {lease_ms}\n", redis.url());
        let mut workers = vec![site.world.worker(1, &sections)?, site.world.worker(2, &sections)?];
        for worker in &mut workers {
            worker.start().await?;
        }
        let shift = Self { site, redis, workers };
        shift.shared().await?;
        Ok(shift)
    }

    /// Waits until each worker serves its half.
    async fn shared(&self) -> Result<()> {
        for worker in &self.workers {
            serves(&self.site.world, worker, 32.0).await?;
        }
        Ok(())
    }

    async fn metric(&self, at: usize, name: &str) -> f64 {
        self.site.world.metric(&self.workers[at].http, name).await.unwrap_or(f64::NAN)
    }

    /// Nothing lost, nothing double, the books closed.
    async fn assert_whole(&mut self) -> Result<()> {
        self.site.settle().await?;
        self.site.assert_whole().await?;
        let double =
            "SELECT count() FROM (SELECT cn, device, ts FROM polls FINAL GROUP BY cn, device, ts HAVING count() > 1)";
        ensure!(self.site.world.count(double).await? == 0, "rows stand twice");
        Ok(())
    }
}

async fn serves(world: &World, worker: &Worker, partitions: f64) -> Result<()> {
    let what = format!("{} serves {partitions} partitions", worker.process.name());
    let waited =
        until(&what, PATIENCE, || async { world.metric(&worker.http, "ingest_partitions").await == Some(partitions) });
    waited.await.with_context(|| worker.process.log_tail())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_worker_is_killed_the_other_takes_over_and_everything_settles() -> Result<()> {
    let mut shift = Shift::start(3, 2, SHORT).await?;
    shift.site.hours(2).await?;
    shift.workers[1].process.kill()?;
    shift.site.hours(2).await?;
    serves(&shift.site.world, &shift.workers[0], 64.0).await?;
    assert_eq!(shift.metric(0, "ingest_takeovers_total").await.to_bits(), 32f64.to_bits());
    shift.assert_whole().await?;
    shift.workers[1].start().await?;
    shift.shared().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_nothing_and_each_worker_leaves_in_peace() -> Result<()> {
    let mut shift = Shift::start(2, 2, LONG).await?;
    let mut senders = Vec::new();
    for at in 0..SENDERS {
        let sender = Sender::connect(&shift.site.world, &format!("globex.s{at}")).await?;
        // Without polls: those that are stored are compared with the printers.
        let empty = Body { site: "hq".into(), zone: "UTC".into(), tzdb: "test".into(), ..Body::default() };
        let payloads = (1..=SENT).map(|seq| wire::freeze(&sender.cn, 7, seq, &empty)).collect::<Result<_, _>>()?;
        senders.push(tokio::spawn(sender.deliver(payloads, Duration::from_millis(50))));
    }
    let mut commits = Commits::default();
    for at in [0, 1] {
        shift.site.begin_hour();
        let other = 1 - at;
        // The figures of a worker end with it.
        commits.add(&shift.workers[at]).await?;
        let status = shift.workers[at].process.stop(PATIENCE).await?.context("it was running")?;
        assert_eq!(status.code(), Some(0), "{}", shift.workers[at].process.log_tail());
        serves(&shift.site.world, &shift.workers[other], 64.0).await?;
        shift.site.barrier().await?;
        shift.workers[at].start().await?;
        shift.shared().await?;
        let takeovers = shift.metric(other, "ingest_takeovers_total").await;
        assert_eq!(takeovers.to_bits(), 0f64.to_bits(), "handed over, not taken");
    }
    let mut took = Vec::new();
    for task in senders {
        took.extend(task.await??);
    }
    for worker in &shift.workers {
        commits.add(worker).await?;
    }
    println!(
        "rolling restart: publish to ack p50 {:?}, p99 {:?}, worst {:?} of {}; receive to commit within 0.5 s / 1 s / 5 s: {:?}",
        percentile(&mut took, 50),
        percentile(&mut took, 99),
        percentile(&mut took, 100),
        took.len(),
        commits
    );
    let stored = shift.site.world.count("SELECT uniqExact(cn, seq) FROM batches WHERE cn LIKE 'globex.s%'").await?;
    assert_eq!(stored, SENDERS * SENT);
    shift.assert_whole().await
}

/// Payloads, and how many of them were committed within 0.5, 1 and 5 seconds, over several lives of workers.
#[derive(Debug, Default)]
struct Commits {
    all: u64,
    within: [u64; 3],
}

impl Commits {
    async fn add(&mut self, worker: &Worker) -> Result<()> {
        let text = http::get(&worker.http, "/metrics").await?.body;
        let value = |name: &str| -> u64 {
            let line =
                text.lines().find_map(|line| line.strip_prefix(&format!("ingest_receive_to_commit_seconds_{name} ")));
            line.and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        self.all += value("count");
        for (sum, le) in self.within.iter_mut().zip(["0.5", "1.0", "5.0"]) {
            *sum += value(&format!("bucket{{le=\"{le}\"}}"));
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_wiped_frozen_and_killed_costs_no_row() -> Result<()> {
    let mut shift = Shift::start(2, 2, SHORT).await?;
    let moved = shift.metric(0, "ingest_lease_changes_total").await;
    for _ in 0..3 {
        shift.site.begin_hour();
        shift.redis.say("FLUSHALL")?;
        shift.site.barrier().await?;
    }
    shift.shared().await?;
    assert_eq!(
        shift.metric(0, "ingest_lease_changes_total").await.to_bits(),
        moved.to_bits(),
        "a wiped board moves nothing"
    );

    shift.redis.process.signal(Signal::STOP)?;
    shift.site.hours(1).await?;
    for worker in &shift.workers {
        serves(&shift.site.world, worker, 64.0).await?;
    }
    assert!(shift.metric(1, "ingest_leases_alone").await > 0.0);
    shift.site.hours(2).await?;
    shift.redis.process.signal(Signal::CONT)?;
    shift.shared().await?;

    shift.redis.process.kill()?;
    shift.site.hours(2).await?;
    serves(&shift.site.world, &shift.workers[0], 64.0).await?;
    shift.redis.again().await?;
    shift.shared().await?;
    assert!(shift.metric(0, "ingest_redis_errors_total").await > 0.0);
    shift.assert_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_asked_to_send_again_by_the_worker_that_takes_its_partition_over() -> Result<()> {
    let mut shift = Shift::start(1, 1, SHORT).await?;
    // An agent in a partition of the second worker, which begins its claims in the middle.
    let cn = (0..)
        .map(|n| format!("acme.probe{n}").parse::<AgentCn>())
        .find(|cn| matches!(cn, Ok(cn) if cn.partition().number() == 40));
    let cn = cn.context("some name falls into partition 40")??;
    let world = &shift.site.world;
    let paths = world.pki.issue_agent(&cn, Validity::days(90)?)?.write(&world.dir.join("probe"), "agent", false)?;
    let mut client = Client::connect(&paths, cn.as_str(), world.broker_port).await?;
    ensure!(client.subscribe(&filter::down_all(&cn)).await?);
    let online = wire::encode_status(&Status { online: true, session: 1, version: String::new() })?;
    client.publish(&Topic::status(&cn).to_string(), online).await?;
    let known =
        |http: String| async move { world.metric(&http, "ingest_agents").await.is_some_and(|agents| agents >= 2.0) };
    for worker in &shift.workers {
        until("both workers know the agent", PATIENCE, || known(worker.http.clone())).await?;
    }
    shift.workers[1].process.kill()?;
    let asked = async {
        loop {
            let message = client.message().await?;
            if wire::decode_ack(&message.payload)?.resend {
                return Ok::<(), anyhow::Error>(());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.context("nobody asked")??;
    assert!(shift.metric(0, "ingest_resends_total").await >= 1.0);
    Ok(())
}
