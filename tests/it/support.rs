//! What the tests share: a small world with printers, its hours, and payloads forged with an agent's own certificate.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::{Paths, Validity};
use schemas::id::{AgentCn, PayloadId};
use schemas::topic::{Topic, filter};
use schemas::wire::{self, Body, Device, Frozen, Poll};
use serde_json::Value;
use tempfile::TempDir;
use testbed::printer::fleet::{Fleet, FleetSpec, SiteSpec};
use testbed::world::mqtt::Client;
use testbed::world::process::until;
use testbed::world::{AgentPlan, Plan, World};

/// Simulated time of all tests begins here.
pub(crate) const BEGINNING: &str = "2026-03-02T00:00:00Z";
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A world whose hours the test passes.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) fleet: Fleet,
    pub(crate) world: World,
    pub(crate) hour: u64,
    pub(crate) folder: TempDir,
}

pub(crate) fn beginning() -> jiff::Timestamp {
    BEGINNING.parse().unwrap()
}

impl Site {
    /// Agents `acme.one`, `acme.two`, … each with its own printers.
    pub(crate) async fn start(agents: usize, printers: usize) -> Result<Self> {
        let mut site = Self::prepare(agents, printers, |_| DRILL.to_owned()).await?;
        site.begin().await?;
        Ok(site)
    }

    /// The same, with nothing but the printers started; `extra` are further sections of the configuration of each agent.
    pub(crate) async fn prepare(agents: usize, printers: usize, extra: impl Fn(usize) -> String) -> Result<Self> {
        let names = ["acme.one", "acme.two", "globex.hq"];
        let base = |at: usize| Ipv4Addr::new(127, 41, u8::try_from(at).unwrap_or(0) + 1, 1);
        let sites = (0..agents).map(|at| SiteSpec::new(names[at], base(at), printers)).collect();
        let start = beginning().as_second();
        let fleet = Fleet::start(&FleetSpec { sites, port: 0, community: "public".into(), seed: 11, start }).await?;
        let plans = (0..agents)
            .map(|at| {
                let [a, b, c, _] = base(at).octets();
                // As the fleet deals out addresses: 254 of each network.
                let networks = (0..printers.div_ceil(254)).map(|net| {
                    let last = (printers - net * 254).min(254);
                    let c = usize::from(c) + net;
                    format!("\"{a}.{b}.{c}.1-{a}.{b}.{c}.{last}\"")
                });
                let include = networks.collect::<Vec<_>>().join(", ");
                AgentPlan {
                    cn: names[at].parse().unwrap(),
                    site: "hq".into(),
                    zone: "Europe/Berlin".into(),
                    ranges: format!("[[ranges]]\ninclude = [{include}]\nport = {}\n", fleet.port()),
                    extra: extra(at),
                }
            })
            .collect();
        let folder = tempfile::tempdir()?;
        let plan = Plan { dir: folder.path().join("world"), agents: plans, drill: Some(beginning()), fsync: false };
        let world = World::prepare(plan).await?;
        Ok(Self { fleet, world, hour: 0, folder })
    }

    /// Starts all parts and passes the first hour.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.world.begin().await?;
        self.barrier().await.context("the first hour")
    }

    /// Passes hours, one barrier each.
    pub(crate) async fn hours(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.begin_hour();
            self.barrier().await?;
        }
        Ok(())
    }

    /// Moves the clocks on by an hour and does not wait.
    pub(crate) fn begin_hour(&mut self) {
        self.hour += 1;
        self.set_clocks(self.hour * 3600);
    }

    /// Sets the clocks of the printers and of all parts to so many seconds after the beginning, and does not wait.
    pub(crate) fn set_clocks(&self, seconds: u64) {
        self.fleet.set_time(beginning().as_second() + i64::try_from(seconds).unwrap());
        self.world.drill.as_ref().unwrap().set(seconds);
    }

    /// Waits until every agent has done what is due.
    pub(crate) async fn barrier(&self) -> Result<()> {
        let names: Vec<String> = self.world.agents.iter().map(|agent| agent.cn.to_string()).collect();
        let waited = self.world.drill.as_ref().unwrap().all_reached(&names, PATIENCE).await;
        let tails =
            || self.world.agents.iter().map(|agent| agent.process.log_tail()).collect::<Vec<_>>().join("\n--\n");
        waited.with_context(tails)
    }

    /// Closes lingering batches (two hours more) and waits until nothing is held. Before that, until each agent knows the
    /// time: one that never heard it holds its polls outside of any payload, so that its queue looks empty.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        for agent in &self.world.agents {
            until(&format!("{} has not heard the time", agent.cn), PATIENCE, || async {
                self.world.metric(&agent.http, "edge_agent_clock_learned").await == Some(1.0)
            })
            .await?;
        }
        self.hours(2).await?;
        for agent in &self.world.agents {
            until(&format!("{} still holds payloads", agent.cn), PATIENCE, || async {
                self.world.metric(&agent.http, "edge_agent_queue_payloads").await == Some(0.0)
            })
            .await?;
        }
        Ok(())
    }

    /// `ingest proof --json`, whatever it says.
    pub(crate) async fn proof(&self) -> Result<Value> {
        proof(&self.world).await
    }

    /// The books close, nothing is lost, and every stored counter is the printer's own at that second.
    pub(crate) async fn assert_whole(&self) -> Result<()> {
        self.assert_books_close().await?;
        let devices = self.devices().await?;
        let rows = self
            .world
            .query("SELECT device, toUnixTimestamp(ts), total FROM polls FINAL WHERE total IS NOT NULL FORMAT TSV")
            .await?;
        ensure!(!rows.is_empty(), "nothing is stored");
        for row in rows.lines() {
            let cells: Vec<&str> = row.split('\t').collect();
            let (ts, total): (i64, u64) = (cells[1].parse()?, cells[2].parse()?);
            let unit = self.fleet.unit(devices[cells[0]]).context("a printer")?;
            ensure!(unit.counter_at(ts) == Some(total), "{row}: the printer had {:?}", unit.counter_at(ts));
        }
        Ok(())
    }

    /// The books of all agents and epochs close, and nothing is lost.
    pub(crate) async fn assert_books_close(&self) -> Result<Value> {
        let proof = self.proof().await?;
        ensure!(proof["closes"] == true && proof["lost"] == 0, "{proof:#}");
        Ok(proof)
    }

    /// Device key → address, as the agents reported it.
    async fn devices(&self) -> Result<std::collections::BTreeMap<String, Ipv4Addr>> {
        let rows = self.world.query("SELECT device, address.3 FROM device_last FINAL FORMAT TSV").await?;
        rows.lines()
            .map(|row| {
                let (key, address) = row.split_once('\t').context("two columns")?;
                Ok((key.to_owned(), address.parse().with_context(|| row.to_owned())?))
            })
            .collect()
    }
}

/// Waits that the drill shortens.
pub(crate) const DRILL: &str =
    "[drill]\nresend_min_ms = 500\nresend_max_ms = 2000\nbackoff_min_ms = 50\nbackoff_max_ms = 500\n";

pub(crate) async fn proof(world: &World) -> Result<Value> {
    let config = world.ingest_config.to_string_lossy();
    let output = world.tool("ingest", &["proof", "--config", &config, "--json"]).await?;
    serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The cloud side alone, and a client that speaks with an agent's certificate.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) world: World,
    pub(crate) cn: AgentCn,
    pub(crate) paths: Paths,
    pub(crate) client: Client,
    /// Removed with everything in it at the end.
    _folder: TempDir,
}

impl Cloud {
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let plan =
            Plan { dir: folder.path().join("world"), agents: Vec::new(), drill: Some(beginning()), fsync: false };
        let world = World::start(plan).await?;
        let cn: AgentCn = "acme.one".parse()?;
        let paths =
            world.pki.issue_agent(&cn, Validity::days(90)?)?.write(&world.dir.join("forger"), "agent", false)?;
        let mut client = Client::connect(&paths, cn.as_str(), world.broker_port).await?;
        ensure!(client.subscribe(&filter::down_all(&cn)).await?, "an agent may hear what it is told");
        Ok(Self { world, cn, paths, client, _folder: folder })
    }

    /// Publishes bytes on the agent's own topic.
    pub(crate) async fn send(&mut self, payload: &[u8]) -> Result<()> {
        let topic = Topic::up(&self.cn).to_string();
        // The ack of ingest may overtake the PUBACK, so nobody waits for that here.
        self.client.client.publish(topic, rumqttc::QoS::AtLeastOnce, false, payload.to_vec()).await?;
        Ok(())
    }

    /// Waits for the ack that settles `id`.
    pub(crate) async fn settled(&mut self, id: PayloadId) -> Result<()> {
        loop {
            let message = self
                .client
                .message()
                .await
                .with_context(|| format!("no ack for {id}; ingest says:\n{}", self.world.ingest.log_tail()))?;
            let ack = wire::decode_ack(&message.payload)?;
            if ack.ids.iter().any(|acked| acked.as_slice() == id.0) {
                return Ok(());
            }
        }
    }

    /// Sends and waits until it is settled.
    pub(crate) async fn deliver(&mut self, payload: &[u8]) -> Result<()> {
        self.send(payload).await?;
        self.settled(PayloadId::of(payload)).await
    }
}

/// A payload with one poll.
pub(crate) fn payload(cn: &AgentCn, epoch: u64, seq: u64, ts: i64, total: i64) -> Frozen {
    wire::freeze(cn, epoch, seq, &body(ts, total)).unwrap()
}

pub(crate) fn body(ts: i64, total: i64) -> Body {
    let device = Device { enterprise: Some(1347), serial: "VCF1234567".into(), ..Device::default() };
    let poll = Poll { ts, counters: [("total".to_owned(), total)].into(), ..Poll::default() };
    Body {
        site: "hq".into(),
        zone: "Europe/Berlin".into(),
        tzdb: "test".into(),
        devices: vec![device],
        records: vec![poll.into()],
    }
}
