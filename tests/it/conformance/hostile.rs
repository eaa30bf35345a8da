//! Bytes that are not MQTT, packets that are too large, connections that say nothing, and a storm of good ones: nobody else
//! may notice.

use std::collections::BTreeSet;
use std::io::Result as IoResult;

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schemas::limits::PAYLOAD_BYTES_MAX;
use testbed::world::brokers::Broker;
use testbed::world::raw::{self, Hello, Raw, packet, publish, text};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Seen, case, down, ended, status, up};

const SEED: u64 = 0x51ab;
/// Agents that connect at once, as after a restart.
const STORM: usize = 300;
const SILENT: usize = 50;

pub(super) async fn cases(broker: &Broker) -> Result<Seen> {
    let mut witness = broker.client("hostile.witness").await?;
    let mut seen = vec![
        case("random bytes before TLS, before CONNECT and after it", random(broker)).await?,
        case("connections that say nothing", silent(broker)).await?,
        case("a payload of 16 KiB", largest(broker)).await?,
    ];
    let size = |bytes: usize| publish(up("hostile.one").as_bytes(), &vec![0; bytes], false);
    let mut huge = packet(0x32, &[]);
    huge.truncate(1);
    huge.extend([0xff, 0xff, 0xff, 0x7f]);
    for (name, bytes) in [
        ("a payload of 16 KiB and one byte", size(PAYLOAD_BYTES_MAX + 1)),
        ("a packet of 20 KB", size(20_000)),
        ("a packet that announces 256 MiB", huge),
        ("a second CONNECT", Hello::of("hostile.one").bytes()),
        ("a packet type that is reserved", vec![0xf0, 0x00]),
        ("a publish with QoS 3", packet(0x36, b"\0\x01a\0\x01")),
        ("a publish with QoS 2", qos2()),
    ] {
        seen.push(case(name, meets(broker, &bytes)).await?);
    }
    witness.ping().await?;
    Ok(seen)
}

/// What a client meets that sends these bytes: a ping behind them tells.
async fn meets(broker: &Broker, bytes: &[u8]) -> Result<String> {
    let mut hearer = broker.client("service.ingest3").await?;
    hearer.subscribe(&["platen/v1/up/#"]).await?;
    let mut client = broker.client("hostile.one").await?;
    let sent: IoResult<()> = async {
        client.send(bytes).await?;
        client.ping().await
    }
    .await;
    broker.client("hostile.fence").await?.publish(&up("hostile.fence"), b"fence").await?;
    let heard = hearer.before(b"fence").await?.iter().any(|delivery| delivery.topic == up("hostile.one"));
    Ok(match (ended(&sent), heard) {
        (end, false) => end.to_owned(),
        (end, true) => format!("{end}, is delivered"),
    })
}

fn qos2() -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, up("hostile.one").as_bytes());
    body.extend([0, 1]);
    packet(0x34, &body)
}

async fn random(broker: &Broker) -> Result<String> {
    println!("random bytes from seed {SEED:#x}");
    let mut chance = StdRng::seed_from_u64(SEED);
    let one = broker.issue("hostile.noise")?;
    for length in [1usize, 7, 300, 5000] {
        let mut noise = vec![0; length];
        chance.fill(&mut noise[..]);
        let mut stream = TcpStream::connect(broker.address).await?;
        // The broker may close while these are written; it must only go on serving others.
        let _ = stream.write_all(&noise).await;
        let mut tls = raw::dial(broker.address, broker.tls(Some(&one))?).await?;
        let _ = tls.write_all(&noise).await;
        let mut client = broker.client_with(&one).await?;
        let _ = client.send(&noise).await;
    }
    broker.client_with(&one).await?.ping().await?;
    Ok("nobody else notices".to_owned())
}

async fn silent(broker: &Broker) -> Result<String> {
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(TcpStream::connect(broker.address).await?);
    }
    let mute = raw::dial(broker.address, broker.tls(Some(&broker.issue("hostile.mute")?))?).await?;
    broker.client("hostile.two").await?.ping().await?;
    drop((silent, mute));
    Ok("keep nobody out".to_owned())
}

async fn largest(broker: &Broker) -> Result<String> {
    let mut hearer = broker.client("service.ingest3").await?;
    hearer.subscribe(&["platen/v1/up/#"]).await?;
    let mut client = broker.client("hostile.one").await?;
    let payload: Vec<u8> = (0..PAYLOAD_BYTES_MAX).map(|at| at.to_le_bytes()[0]).collect();
    client.publish(&up("hostile.one"), &payload).await?;
    hearer.before(&payload).await?;
    Ok("is delivered".to_owned())
}

/// Hundreds connect at once, subscribe, and are alive together.
pub(super) async fn storm(broker: &Broker) -> Result<Seen> {
    Ok(vec![case("300 agents connect at once", all_at_once(broker)).await?])
}

async fn all_at_once(broker: &Broker) -> Result<String> {
    let agents: Vec<_> = (0..STORM).map(|number| broker.issue(&format!("storm.a{number}"))).collect::<Result<_>>()?;
    let come = agents.iter().map(|issued| async {
        let mut client = broker.client_with(issued).await?;
        ensure!(client.subscribe(&[&down(&issued.cn)]).await? == [1], "{} may hear what it is told", issued.cn);
        client.retain(&status(&issued.cn), b"here").await?;
        Ok::<Raw, anyhow::Error>(client)
    });
    let mut clients = futures_util::future::try_join_all(come).await?;
    for client in &mut clients {
        client.ping().await?;
    }
    if let Some(connections) = broker.metric("broker_connections").await? {
        ensure!(connections >= 300.0, "{connections} connections are counted");
    }
    let mut ingest = broker.client("service.ingest3").await?;
    ingest.subscribe(&["platen/v1/status/#"]).await?;
    let mut present = BTreeSet::new();
    while present.len() < STORM {
        let delivery = ingest.delivery().await?;
        if let Some(id) = delivery.id {
            ingest.acknowledge(id).await?;
        }
        if delivery.topic.starts_with("platen/v1/status/storm.") {
            present.insert(delivery.topic);
        }
    }
    Ok("all are let in, and the status of each is retained".to_owned())
}
