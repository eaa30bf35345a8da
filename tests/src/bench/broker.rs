//! Our broker beside Debian's mosquitto with the files that `broker-config mosquitto` writes: agents that connect through a
//! line of 50 ms round trip, and what each costs while it is idle. Both are started anew for each run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rustls::ClientConfig;
use schemas::id::AgentCn;
use schemas::topic::filter;
use tokio::time::Instant;

use super::usage::{cpu_seconds, memory};
use super::{Figure, Rule, Setting, approx};
use crate::fleet::raise_files;
use crate::world::brokers::{Broker, Maker};
use crate::world::raw::{Hello, Raw};
use crate::world::relay::Relay;

const CLIENTS: usize = 2_000;
/// Below what ours lets one address shake hands at a time (`listen.handshakes_per_address`).
const IN_FLIGHT: usize = 200;
const ONE_WAY: Duration = Duration::from_millis(25);
/// TLS 1.3 and CONNECT take one round trip each; that of TCP ends at the relay.
const ROUND_TRIPS: u32 = 2;
/// As agents have it, so that no ping comes between.
const KEEP_ALIVE_S: u16 = 1_200;
/// Each connection is two of the relay and one of the client here.
const FILES_PER_CLIENT: usize = 3;

struct Client {
    cn: AgentCn,
    tls: Arc<ClientConfig>,
}

/// What was measured of one maker's broker, a value for each run.
#[derive(Default)]
struct Measured {
    connects_per_s: Vec<f64>,
    cpu_ms: Vec<f64>,
    idle_kib: Vec<f64>,
}

/// A broker and clients that its authority knows.
struct Party {
    broker: Broker,
    clients: Vec<Client>,
    measured: Measured,
}

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let count = setting.size(CLIENTS, CLIENTS / 4);
    raise_files(count * FILES_PER_CLIENT)?;
    let mut ours = Party::begin(Maker::Platen, count).await?;
    let mut theirs = Party::begin(Maker::Mosquitto, count).await?;
    for _ in 0..setting.runs {
        ours.measure().await?;
        theirs.measure().await?;
    }
    let (ours, theirs, none) = (ours.measured, theirs.measured, "no run");
    let line = approx(IN_FLIGHT) / (f64::from(ROUND_TRIPS) * 2.0 * ONE_WAY.as_secs_f64());
    Ok(vec![
        Figure::alone("connections made at 50 ms round trip", "connects/s", &ours.connects_per_s)
            .context(none)?
            .beside("mosquitto", &theirs.connects_per_s, Rule::Share)
            .noting(format!("{count} clients, {IN_FLIGHT} at a time; the line alone allows {line:.0}/s")),
        Figure::alone("CPU of the broker for a connection", "ms", &ours.cpu_ms).context(none)?.beside(
            "mosquitto",
            &theirs.cpu_ms,
            Rule::Times,
        ),
        Figure::alone("memory of an idle connection", "KiB", &ours.idle_kib)
            .context(none)?
            .beside("mosquitto", &theirs.idle_kib, Rule::Times)
            .noting("resident, subscribed to its acks; buffers of the kernel are not in it"),
    ])
}

impl Party {
    async fn begin(maker: Maker, count: usize) -> Result<Self> {
        let mut broker = Broker::start(maker, &["ingest"], &[]).await?;
        let client = |number| {
            let cn: AgentCn = format!("acme.a{number}").parse()?;
            let tls = broker.tls(Some(&broker.issue(cn.as_str())?))?;
            anyhow::Ok(Client { cn, tls })
        };
        let clients = (0..count).map(client).collect::<Result<_>>()?;
        broker.process.kill()?;
        Ok(Self { broker, clients, measured: Measured::default() })
    }

    /// The broker runs only while it is measured.
    async fn measure(&mut self) -> Result<()> {
        self.broker.start_again().await?;
        let relay = Relay::start(self.broker.address).await?;
        relay.delay(ONE_WAY);
        let address = relay.address();
        let (pid, count) = (self.broker.process.pid().context("the broker runs")?, approx(self.clients.len()));
        let (cpu, resident) = (cpu_seconds(pid)?, memory(pid)?.now);
        let began = Instant::now();
        let connected: Vec<(&Client, Raw)> = stream::iter(&self.clients)
            .map(|client| async move { Ok::<_, anyhow::Error>((client, connect(address, client).await?)) })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        self.measured.connects_per_s.push(count / began.elapsed().as_secs_f64());
        self.measured.cpu_ms.push((cpu_seconds(pid)? - cpu) / count * 1_000.0);
        relay.delay(Duration::ZERO);
        // Held until the memory is read.
        let idle: Vec<Raw> = stream::iter(connected)
            .map(|(client, raw)| subscribed(client, raw))
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        let grown = memory(pid)?.now.saturating_sub(resident);
        self.measured.idle_kib.push(approx(usize::try_from(grown)?) / count / 1_024.0);
        drop(idle);
        self.broker.process.kill()
    }
}

async fn connect(address: SocketAddr, client: &Client) -> Result<Raw> {
    let hello = Hello { keep_alive_s: KEEP_ALIVE_S, ..Hello::of(client.cn.as_str()) };
    let (raw, code) = Raw::greet(address, Arc::clone(&client.tls), hello).await.context("connect")?;
    ensure!(code == 0, "{} is refused with code {code}", client.cn);
    Ok(raw)
}

/// As an agent that has nothing to do: it hears what is for it.
async fn subscribed(client: &Client, mut raw: Raw) -> Result<Raw> {
    let codes = raw.subscribe(&[&filter::down_all(&client.cn)]).await?;
    ensure!(codes == [1], "{} may not hear its acks: {codes:?}", client.cn);
    raw.ping().await?;
    Ok(raw)
}
