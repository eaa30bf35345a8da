//! Bytes that a device poll costs between agent and broker: every packet of that connection is counted at IP level on a
//! loopback of its own whose packets are as large as on Ethernet.
//!
//! The counting needs a network namespace: [`run`] starts this program again inside one, and [`inside`] is what runs there.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::packets::{Count, Counter};
use super::payloads::{agent_plan, fleet, pass};
use super::stand::edit;
use super::{Figure, Rule, Setting, approx};
use crate::printer::fleet::Fleet;
use crate::world::process::until;
use crate::world::{Plan, World};

const SIZES: [usize; 3] = [1, 20, 500];
const BEGINNING: &str = "2026-03-01T00:00:00Z";
/// Hours in one run: a day, but for many devices fewer.
const HOURS: usize = 24;
const HOURS_OF_MANY: usize = 6;
const HOURS_OFFLINE: usize = 24;
const PATIENCE: Duration = Duration::from_secs(120);
/// TCP may hold its last acknowledgement back for 40 ms; the next hour must not save it.
const LAST_ACK: Duration = Duration::from_millis(60);
/// The shortest keep-alive that the agent takes, and how long its pings are counted.
const KEEP_ALIVE_S: u64 = 10;
const IDLE: Duration = Duration::from_secs(45);
const PINGS_A_DAY: f64 = 86_400.0 / 1_200.0;

/// What was counted inside the namespace, for one number of devices.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wire {
    hours: usize,
    /// One for each run.
    online: Vec<Count>,
    /// Payload bytes published in each run.
    payload: Vec<f64>,
    offline: Count,
    offline_payload: f64,
    /// Pings counted, and their bytes; only for one device.
    pings: Option<Count>,
}

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for devices in SIZES {
        let wire = in_namespace(&setting, devices).await?;
        let polls = approx(devices * wire.hours);
        let per_poll = |counts: &[Count]| counts.iter().map(|count| count.bytes() / polls).collect::<Vec<_>>();
        let payload: Vec<f64> = wire.payload.iter().map(|bytes| bytes / polls).collect();
        let packets: f64 = wire.online.iter().map(Count::packets).sum::<f64>() / approx(wire.online.len() * wire.hours);
        let resent: u64 = wire.online.iter().map(|count| count.resent).sum();
        let name = if devices == 1 { "1 device, hourly".to_owned() } else { format!("{devices} devices, hourly") };
        figures.push(
            Figure::alone(name, "B/poll", &per_poll(&wire.online))
                .context("no run")?
                .beside("payloads alone", &payload, Rule::Times)
                .noting(format!(
                    "{packets:.1} packets an hour; {} hours a run; {resent} stream bytes sent again",
                    wire.hours
                )),
        );
        let offline_polls = approx(devices * HOURS_OFFLINE);
        figures.push(
            Figure::alone(
                format!("{devices} devices, after a day offline"),
                "B/poll",
                &[wire.offline.bytes() / offline_polls],
            )
            .context("no run")?
            .beside("payloads alone", &[wire.offline_payload / offline_polls], Rule::Times)
            .noting("with the new connection; attempts while offline are not in it"),
        );
        if let Some(pings) = wire.pings {
            let pair = pings.bytes() / approx(pings.sent_with_data).max(1.0);
            figures.push(Figure::alone("a ping and its answer", "B", &[pair]).context("no run")?.noting(format!(
                "{:.0} KB a day at a keep-alive of 1,200 s, less what polls save",
                pair * PINGS_A_DAY / 1_000.0
            )));
        }
    }
    Ok(figures)
}

/// Runs [`inside`] in a process of its own with a network of its own.
async fn in_namespace(setting: &Setting, devices: usize) -> Result<Wire> {
    let own = std::env::current_exe()?;
    let dir = setting.dir.join(devices.to_string());
    let script = "ip link set lo up mtu 1500 gso_max_segs 1 && exec \"$0\" \"$@\"";
    let mut command = tokio::process::Command::new("unshare");
    command.args(["--net", "--", "sh", "-c", script]).arg(own);
    command.args(["--wire", &devices.to_string(), "--runs", &setting.runs.to_string(), "--dir"]).arg(dir);
    let output = command.kill_on_drop(true).output().await.context("start unshare (package util-linux)")?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "counting packets needs root for a network namespace of its own: {}", said());
    serde_json::from_slice(&output.stdout).with_context(said)
}

/// Counts for `devices` printers; to be called on a loopback of its own.
///
/// # Errors
/// When a part does not start, or packets were missed.
pub async fn inside(devices: usize, runs: usize, dir: PathBuf) -> Result<Wire> {
    let start: Timestamp = BEGINNING.parse()?;
    let base = Ipv4Addr::new(127, 53, 0, 1);
    let fleet = fleet(base, devices, start.as_second()).await?;
    let agents = vec![agent_plan("acme.one", base, devices, fleet.port())?];
    let mut world = World::prepare(Plan { dir, agents, drill: Some(start), fsync: false }).await?;
    world.start_clickhouse().await?;
    world.start_broker().await?;
    world.start_ingest().await?;
    world.agents[0].process.start()?;
    let mut hours = Hours { world: &world, fleet: &fleet, hour: 0 };
    hours.pass(3).await?;
    let counter = Counter::start(world.agents[0].relay.address().port())?;
    let length = if devices > 100 { HOURS_OF_MANY } else { HOURS };
    let (mut online, mut payload) = (Vec::new(), Vec::new());
    let relayed = relayed(&world);
    for _ in 0..runs {
        let before = (counter.count(), hours.published().await);
        hours.pass(length).await?;
        online.push(counter.count().since(&before.0));
        payload.push(hours.published().await - before.1);
    }
    counter.check(online.iter().map(|count| count.stream).sum(), relayed_since(&world, relayed))?;
    let agent = &world.agents[0];
    agent.relay.cut();
    for _ in 0..HOURS_OFFLINE {
        hours.alone().await?;
    }
    let before = (counter.count(), hours.published().await);
    agent.relay.mend();
    hours.settle().await?;
    let offline = counter.count().since(&before.0);
    let offline_payload = hours.published().await - before.1;
    let pings = if devices == 1 { Some(pings(&mut world, &counter).await?) } else { None };
    world.stop().await?;
    fleet.stop().await;
    Ok(Wire { hours: length, online, payload, offline, offline_payload, pings })
}

/// Counts pings of the agent, started again with the shortest keep-alive, while nothing else is sent.
async fn pings(world: &mut World, counter: &Counter) -> Result<Count> {
    let agent = &mut world.agents[0];
    agent.process.stop(PATIENCE).await?;
    edit(&agent.config, "[broker]\n", &format!("[broker]\nkeep_alive_s = {KEEP_ALIVE_S}\n"))?;
    agent.process.start()?;
    let agent = &world.agents[0];
    until("the agent is not connected", PATIENCE, || async {
        world.metric(&agent.http, "edge_agent_connected").await == Some(1.0)
    })
    .await?;
    // What it says about itself at the start is through when the first ping is due.
    tokio::time::sleep(Duration::from_secs(KEEP_ALIVE_S)).await;
    let before = counter.count();
    tokio::time::sleep(IDLE).await;
    Ok(counter.count().since(&before))
}

/// Bytes that the relay has passed on.
fn relayed(world: &World) -> u64 {
    use std::sync::atomic::Ordering::Relaxed;
    let counts = world.agents[0].relay.counts();
    counts.up.load(Relaxed) + counts.down.load(Relaxed)
}

fn relayed_since(world: &World, before: u64) -> u64 {
    relayed(world) - before
}

/// Simulated hours of one agent.
struct Hours<'a> {
    world: &'a World,
    fleet: &'a Fleet,
    hour: u64,
}

impl Hours<'_> {
    /// Passes hours; in each, all that was sent is settled and acknowledged before the next begins.
    async fn pass(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.alone().await?;
            self.settle().await?;
        }
        Ok(())
    }

    /// Passes an hour without a look at what is sent.
    async fn alone(&mut self) -> Result<()> {
        pass(self.world, self.fleet, self.hour).await?;
        self.hour += 1;
        Ok(())
    }

    async fn settle(&self) -> Result<()> {
        let http = &self.world.agents[0].http;
        until("payloads are still held", PATIENCE, || async {
            self.world.metric(http, "edge_agent_queue_payloads").await == Some(0.0)
        })
        .await?;
        tokio::time::sleep(LAST_ACK).await;
        Ok(())
    }

    /// Payload bytes published so far.
    async fn published(&self) -> f64 {
        self.world.metric(&self.world.agents[0].http, "edge_agent_wan_bytes_total").await.unwrap_or(0.0)
    }
}
