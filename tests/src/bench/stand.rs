//! What the benches of the cloud side stand on: broker, ingest and ClickHouse as real processes with the settings of a
//! production machine, and agents without printers that publish ready payloads as fast as they may, or at a given pace.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::{Paths, Validity};
use bytes::Bytes;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS, TlsConfiguration, Transport};
use schemas::id::{AgentCn, PayloadId};
use schemas::limits::{PAYLOAD_BYTES_MAX, WINDOW_MAX};
use schemas::topic::{Topic, filter};
use schemas::wire::{Body, Frozen, decode_ack, encode_body, freeze_encoded};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::payloads::{Recorded, polls};
use super::usage::Cpu;
use crate::world::mqtt::tls;
use crate::world::{Plan, World, configs, http};

/// Agents that publish side by side.
pub(super) const AGENTS: usize = 8;
/// A run that takes longer has stalled.
const PATIENCE: Duration = Duration::from_secs(300);
/// Requests waiting in an MQTT client.
const QUEUE: usize = 128;

/// A question of analytics as it asks it about a tenant: the places that stand for something filled in. `devices`: the condition
/// on them.
pub(super) fn bound(sql: &str, tenant: &str, devices: &str) -> String {
    let sql = analytics::read::question::filled(sql).replace("$TENANT", &format!("tenant = '{tenant}'"));
    format!("{} FORMAT RowBinary", sql.replace("$DEVICES", devices))
}

/// The cloud side.
pub(super) struct Stand {
    pub(super) world: World,
}

impl Stand {
    /// Starts everything below `dir`: inserts are synced to disk, groups have their default age, and the broker's
    /// limits on one agent are lifted, because eight agents stand for hundreds.
    pub(super) async fn start(dir: &Path) -> Result<Self> {
        let plan = Plan { dir: dir.join("stand"), agents: Vec::new(), drill: None, fsync: true };
        let mut world = World::prepare(plan).await?;
        edit(&world.ingest_config, "age_ms = 40", "age_ms = 500")?;
        let limits = "[limits]\nmessages_per_second = 1000000\nbytes_per_second = 1000000000\n\n[http]";
        edit(&world.dir.join("broker.toml"), "[http]", limits)?;
        world.start_clickhouse().await?;
        world.start_broker().await?;
        world.start_ingest().await?;
        Ok(Self { world })
    }

    /// Empties all tables, so that each run meets the same store.
    pub(super) async fn empty(&self) -> Result<()> {
        let tables = "SELECT name FROM system.tables WHERE database = 'platen' AND engine LIKE '%MergeTree' FORMAT TSV";
        for table in self.world.query(tables).await?.lines().filter(|table| !table.contains("migration")) {
            self.world.query(&format!("TRUNCATE TABLE {table}")).await?;
        }
        Ok(())
    }

    /// Sends a statement with a body, as ingest would, and answers the bytes that come back.
    pub(super) async fn post(&self, settings: &str, body: Bytes, timeout: Duration) -> Result<Bytes> {
        let headers = [("X-ClickHouse-User", configs::USER), ("X-ClickHouse-Key", self.world.password.as_str())];
        let path = format!("/?database=platen{settings}");
        let method = hyper::Method::POST;
        let (status, answer) =
            http::exchange(&self.world.clickhouse_address, method, &path, &headers, body, timeout).await?;
        ensure!(status == 200, "{path}: {}", String::from_utf8_lossy(&answer));
        Ok(answer)
    }

    /// CPU time of all parts and of this process, which publishes.
    pub(super) fn cpu(&self) -> Result<Cpu> {
        let World { ingest, broker, clickhouse, .. } = &self.world;
        let mut parts = vec![("publishers", std::process::id())];
        for (name, process) in [("ingest", ingest), ("broker", broker), ("ClickHouse", clickhouse)] {
            parts.extend(process.pid().map(|pid| (name, pid)));
        }
        Cpu::of(&parts)
    }
}

/// Replaces what must be there once.
pub(super) fn edit(path: &Path, from: &str, to: &str) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    ensure!(text.matches(from).count() == 1, "{} does not hold {from:?} once", path.display());
    Ok(std::fs::write(path, text.replace(from, to))?)
}

/// Bodies that are encoded once and frozen anew for each run.
pub(super) struct Encoded {
    bodies: Vec<(u32, Vec<u8>)>,
    pub(super) polls: usize,
}

impl Encoded {
    pub(super) fn new(recorded: &Recorded, count: usize) -> Result<Self> {
        let bodies: Vec<Body> = (0..count).map(|number| recorded.body(number)).collect();
        let polls = polls(&bodies);
        let encode = |body: &Body| Ok((u32::try_from(body.records.len())?, encode_body(body)?));
        Ok(Self { bodies: bodies.iter().map(encode).collect::<Result<_>>()?, polls })
    }

    pub(super) fn count(&self) -> usize {
        self.bodies.len()
    }

    /// All payloads as one agent's.
    pub(super) fn all_of(&self, cn: &AgentCn) -> Result<Vec<Frozen>> {
        let freeze = |((n, body), seq): (&(u32, Vec<u8>), u64)| Ok(freeze_encoded(cn, 1, seq, *n, body.clone())?);
        self.bodies.iter().zip(1..).map(freeze).collect()
    }

    /// The first `count` payloads dealt out to agents, in an epoch that no run has used.
    pub(super) fn frozen(&self, load: &Load, epoch: u64, count: usize) -> Result<Vec<Vec<Frozen>>> {
        let agents = load.agents.len();
        let share = |(at, agent): (usize, &Agent)| {
            let own = self.bodies.iter().take(count).skip(at).step_by(agents).zip(1..);
            own.map(|((n, body), seq)| Ok(freeze_encoded(&agent.cn, epoch, seq, *n, body.clone())?)).collect()
        };
        load.agents.iter().enumerate().map(share).collect()
    }
}

/// When a payload counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The broker has it.
    Received,
    /// Ingest said that it is settled.
    Settled,
}

/// Agents without printers.
pub(super) struct Load {
    agents: Vec<Agent>,
}

struct Agent {
    cn: AgentCn,
    client: AsyncClient,
    flight: Arc<Flight>,
    events: JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.events.abort();
    }
}

/// What an agent has sent and not yet heard of.
struct Flight {
    sent: Mutex<HashMap<PayloadId, Instant>>,
    took: Mutex<Vec<f64>>,
    window: Semaphore,
}

impl Load {
    pub(super) async fn connect(world: &World, count: usize, until: Until) -> Result<Self> {
        let mut agents = Vec::new();
        for number in 0..count {
            let cn: AgentCn = format!("acme.load{number}").parse()?;
            let home = world.dir.join(cn.as_str());
            let paths = world.pki.issue_agent(&cn, Validity::days(1)?)?.write(&home, "agent", true)?;
            agents.push(Agent::connect(cn, &paths, world.broker_port, until).await?);
        }
        Ok(Self { agents })
    }

    /// Publishes all of it and waits until it is done. With a pace, each agent sends one payload every so often, and the
    /// times taken count from when it was due. Answers the seconds that each payload took.
    pub(super) async fn send(&self, payloads: Vec<Vec<Frozen>>, every: Option<Duration>) -> Result<Vec<f64>> {
        let sending = self.agents.iter().zip(payloads).map(|(agent, own)| agent.send(own, every));
        let done = tokio::time::timeout(PATIENCE, futures(sending)).await.context("the path has stalled")?;
        done?;
        let taken =
            |agent: &Agent| std::mem::take(&mut *agent.flight.took.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.agents.iter().flat_map(taken).collect())
    }
}

/// All of them at once; the first error ends it.
async fn futures<F: Future<Output = Result<()>>>(all: impl Iterator<Item = F>) -> Result<()> {
    futures_util::future::try_join_all(all).await.map(drop)
}

impl Agent {
    async fn connect(cn: AgentCn, paths: &Paths, port: u16, until: Until) -> Result<Self> {
        let mut options = MqttOptions::new(cn.as_str(), "127.0.0.1", port);
        options.set_clean_session(true).set_keep_alive(Duration::from_secs(60));
        options.set_max_packet_size(4 * PAYLOAD_BYTES_MAX, 4 * PAYLOAD_BYTES_MAX);
        let config = tls(Some(paths), &paths.ca)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config.into())));
        let (client, mut events) = AsyncClient::new(options, QUEUE);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        client.subscribe(filter::down_all(&cn), QoS::AtLeastOnce).await?;
        while !matches!(events.poll().await?, Event::Incoming(Packet::SubAck(_))) {}
        let flight = Arc::new(Flight {
            sent: Mutex::new(HashMap::new()),
            took: Mutex::new(Vec::new()),
            window: Semaphore::new(WINDOW_MAX),
        });
        let events = tokio::spawn(hear(events, Arc::clone(&flight), until));
        Ok(Self { cn, client, flight, events })
    }

    async fn send(&self, payloads: Vec<Frozen>, every: Option<Duration>) -> Result<()> {
        let topic = Topic::up(&self.cn).to_string();
        let mut due = Instant::now();
        for Frozen { id, bytes } in payloads {
            if let Some(every) = every {
                due += every;
                tokio::time::sleep_until(due).await;
            }
            self.flight.window.acquire().await?.forget();
            let since = if every.is_some() { due } else { Instant::now() };
            self.flight.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(id, since);
            self.client.publish(topic.clone(), QoS::AtLeastOnce, false, bytes).await?;
        }
        let all = self.flight.window.acquire_many(u32::try_from(WINDOW_MAX)?).await?;
        drop(all);
        Ok(())
    }
}

/// Hears acks until the connection ends.
async fn hear(mut events: EventLoop, flight: Arc<Flight>, until: Until) {
    while let Ok(event) = events.poll().await {
        match event {
            Event::Incoming(Packet::PubAck(_)) if until == Until::Received => flight.window.add_permits(1),
            Event::Incoming(Packet::Publish(publish)) if until == Until::Settled => {
                let Ok(ack) = decode_ack(&publish.payload) else { continue };
                let now = Instant::now();
                for id in ack.ids {
                    let Ok(id) = id.as_slice().try_into().map(PayloadId) else { continue };
                    if let Some(since) = flight.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
                        let took = now.saturating_duration_since(since).as_secs_f64();
                        flight.took.lock().unwrap_or_else(PoisonError::into_inner).push(took);
                        flight.window.add_permits(1);
                    }
                }
            }
            _ => {}
        }
    }
}
