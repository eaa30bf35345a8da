//! What only our broker promises: nothing is dropped silently, quotas, certificates taken without a restart, and a figure
//! on its metrics page for all that an operator must see. (What every broker must do is in `conformance`.)

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::{Authority, Validity};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use testbed::world::brokers::{Broker, Maker, issue};
use testbed::world::process::until;
use testbed::world::raw::{self, Hello, Raw, packet, publish};
use tokio::net::TcpStream;

use crate::conformance::{PATIENCE, ack, down, status, up};

const UP_ALL: &str = "platen/v1/up/#";
/// A queue that a test can fill, and no quota.
const SMALL: Lines = &[
    ("limits", "queue_bytes = 1048576"),
    ("limits", "messages_per_second = 1000000"),
    ("limits", "bytes_per_second = 1000000000"),
];

/// Sections and lines of the broker's configuration.
type Lines = &'static [(&'static str, &'static str)];

async fn broker(extra: Lines) -> Result<Broker> {
    Broker::start(Maker::Platen, &[], extra).await
}

async fn metric(broker: &Broker, name: &str) -> Result<f64> {
    broker.metric(name).await?.context("ours has metrics")
}

async fn reaches(broker: &Broker, name: &str, least: f64) -> Result<()> {
    until(&format!("{name} reaches {least}"), PATIENCE, || async {
        metric(broker, name).await.is_ok_and(|value| value >= least)
    })
    .await
}

fn by_reason(reason: &str) -> String {
    format!("broker_disconnects_total{{reason=\"{reason}\"}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_subscriber_misses_nothing_though_its_queue_is_small() -> Result<()> {
    let broker = broker(SMALL).await?;
    let mut ingest = broker.client("service.ingest1").await?;
    ingest.subscribe(&[UP_ALL]).await?;
    let names = ["acme.one", "acme.two", "acme.three"];
    let mut senders = Vec::new();
    for name in names {
        let mut sender = broker.client(name).await?;
        senders.push(tokio::spawn(async move {
            for number in 0..1000u32 {
                let mut payload = vec![0; 4096];
                payload[..4].copy_from_slice(&number.to_be_bytes());
                sender.publish(&up(name), &payload).await?;
            }
            Ok::<(), std::io::Error>(())
        }));
    }
    let mut next = std::collections::BTreeMap::new();
    for _ in 0..3000 {
        let delivery = ingest.delivery().await?;
        let number = u32::from_be_bytes(delivery.payload[..4].try_into()?);
        let expected: &mut u32 = next.entry(delivery.topic).or_default();
        ensure!(number == *expected, "{number} instead of {expected}");
        *expected += 1;
        ingest.acknowledge(delivery.id.context("QoS 1")?).await?;
    }
    for sender in senders {
        sender.await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_takes_nothing_is_closed_and_publishers_go_on() -> Result<()> {
    let broker = broker(SMALL).await?;
    let mut stuck = broker.client("service.ingest1").await?;
    stuck.subscribe(&[UP_ALL]).await?;
    let mut agent = broker.client("acme.one").await?;
    // The window of 100, the queue of 1 MiB, and a little.
    let flood = async {
        for _ in 0..190 {
            agent.publish(&up("acme.one"), &[7; 16 * 1024]).await?;
        }
        Ok::<Raw, std::io::Error>(agent)
    };
    let (flooded, seen) = tokio::join!(flood, reaches(&broker, "broker_queued_bytes", 500_000.0));
    seen?;
    let mut agent = flooded?;
    stuck.closed().await?;
    reaches(&broker, &by_reason("slow"), 1.0).await?;
    ensure!(metric(&broker, "broker_stalls_total").await? >= 1.0, "the pause of the publisher is counted");
    let mut fresh = broker.client("service.ingest1").await?;
    fresh.subscribe(&[UP_ALL]).await?;
    agent.publish(&up("acme.one"), b"again").await?;
    ensure!(fresh.delivery().await?.payload == b"again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_takes_nothing_is_closed_and_what_it_is_told_later_arrives() -> Result<()> {
    let broker = broker(&[]).await?;
    let mut stuck = broker.client("acme.one").await?;
    stuck.subscribe(&[&down("acme.one")]).await?;
    let mut ingest = broker.client("service.ingest1").await?;
    // The window of 100, the queue of 32 KiB, and a little.
    for _ in 0..150 {
        ingest.publish(&ack("acme.one"), &[7; 1024]).await?;
    }
    stuck.closed().await?;
    reaches(&broker, &by_reason("slow"), 1.0).await?;
    let mut fresh = broker.client("acme.one").await?;
    fresh.subscribe(&[&down("acme.one")]).await?;
    ingest.publish(&ack("acme.one"), b"later").await?;
    ensure!(fresh.before(b"later").await?.is_empty(), "nothing of before is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_beyond_its_quota_is_slowed_down_and_loses_nothing() -> Result<()> {
    let broker = broker(&[("limits", "messages_per_second = 50")]).await?;
    let mut ingest = broker.client("service.ingest1").await?;
    ingest.subscribe(&[UP_ALL]).await?;
    let mut agent = broker.client("acme.one").await?;
    for number in 0..110u32 {
        agent.publish(&up("acme.one"), &number.to_be_bytes()).await?;
        let delivery = ingest.delivery().await?;
        ensure!(delivery.payload == number.to_be_bytes(), "{delivery:?}");
        ingest.acknowledge(delivery.id.context("QoS 1")?).await?;
    }
    ensure!(metric(&broker, "broker_throttled_total").await? > 0.0, "the pauses are counted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_of_the_broker_is_taken_without_restart_and_a_bad_one_is_not() -> Result<()> {
    let broker = broker(&[]).await?;
    let one = broker.issue("acme.one")?;
    let mut client = broker.client_with(&one).await?;
    let before = metric(&broker, "broker_certificate_expiry_seconds").await?;
    ensure!((29.0 * 86_400.0..=30.0 * 86_400.0).contains(&before), "30 days, shown as {before} seconds");
    let files = broker.folder().join("broker");
    std::fs::write(files.join("broker.pem"), "nonsense")?;
    reaches(&broker, "broker_reloads_total{result=\"failed\"}", 1.0).await?;
    broker.client("acme.two").await?.ping().await.context("the old certificate serves on")?;

    let renewed = broker.authority.issue_broker(&["localhost".to_owned()], Validity::days(60)?)?;
    renewed.write(&files, "broker", true)?;
    reaches(&broker, "broker_reloads_total{result=\"done\"}", 1.0).await?;
    reaches(&broker, "broker_certificate_expiry_seconds", 59.0 * 86_400.0).await?;
    let again = raw::dial(broker.address, broker.tls(Some(&one))?).await?;
    let shown = again.get_ref().1.peer_certificates().context("a certificate")?[0].clone();
    ensure!(shown == CertificateDer::from_pem_slice(renewed.certificate_pem.as_bytes())?, "the new one is shown");
    client.ping().await.context("live connections stay")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_and_every_end_is_counted_under_its_reason() -> Result<()> {
    let broker = broker(&[("listen", "handshakes_per_address = 60")]).await?;
    let one = broker.issue("acme.one")?;
    let days = Validity::days(30)?;
    let elsewhere = Authority::create(&broker.folder().join("elsewhere"), "conformance", days, false)?;
    let foreign = issue(&elsewhere, "acme.one", days)?;
    let expired = broker.issue_for("acme.one", Validity { not_after: days.not_before, ..days })?;
    let server = broker.authority.issue_broker(&["acme.one".to_owned()], days)?;
    let hello = Hello::of("acme.one");
    let foreign_will = Hello { will: Some(("platen/v1/status/acme.two", b"x")), ..hello };
    for (reason, certificate, hello) in [
        ("certificate_missing", None, hello),
        ("certificate_foreign", Some(&foreign), hello),
        ("certificate_expired", Some(&expired), hello),
        ("certificate_invalid", Some(&server), hello),
        ("client_id", Some(&one), Hello::of("acme.two")),
        ("will", Some(&one), foreign_will),
    ] {
        // Refused, whatever words TLS finds for it.
        let _ = Raw::greet(broker.address, broker.tls(certificate)?, hello).await;
        reaches(&broker, &format!("broker_connects_total{{result=\"refused\",reason=\"{reason}\"}}"), 1.0).await?;
    }
    let mut silent = Vec::new();
    for _ in 0..70 {
        silent.push(TcpStream::connect(broker.address).await?);
    }
    reaches(&broker, "broker_connects_total{result=\"refused\",reason=\"address_max\"}", 1.0).await?;
    drop(silent);

    for (reason, bytes) in [
        ("malformed", packet(0x34, b"\0\x01a\0\x01")),
        ("oversize", publish(up("acme.one").as_bytes(), &[0; 16 * 1024 + 1], false)),
        ("forbidden", publish(up("acme.two").as_bytes(), b"forged", false)),
        ("goodbye", vec![0xe0, 0]),
    ] {
        until("the door has room", PATIENCE, || async { broker.client_with(&one).await.is_ok() }).await?;
        let mut client = broker.client_with(&one).await?;
        client.send(&bytes).await?;
        client.closed().await?;
        reaches(&broker, &by_reason(reason), 1.0).await?;
    }
    reaches(&broker, "broker_refusals_total{reason=\"foreign\"}", 1.0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_must_see_moves() -> Result<()> {
    let broker = broker(&[]).await?;
    let one = broker.issue("acme.one")?;
    let mut agent = broker.client_with(&one).await?;
    reaches(&broker, "broker_connections", 1.0).await?;
    agent.publish(&up("acme.one"), b"nobody listens").await?;
    reaches(&broker, "broker_unheard_total{kind=\"up\"}", 1.0).await?;
    let mut ingest = broker.client("service.ingest1").await?;
    ingest.publish(&ack("acme.two"), b"not here").await?;
    reaches(&broker, "broker_unheard_total{kind=\"down\"}", 1.0).await?;
    ensure!(metric(&broker, "broker_publish_bytes_total").await? >= 22.0, "bytes are counted");

    let topic = status("acme.one");
    let hello = Hello { will: Some((&topic, b"gone")), ..Hello::of("acme.one") };
    let second = broker.client_saying(&one, hello).await?;
    agent.closed().await?;
    reaches(&broker, "broker_takeovers_total", 1.0).await?;
    drop(second);
    reaches(&broker, "broker_wills_total", 1.0).await?;
    let songs = metric(&broker, "broker_canary_seconds_count").await?;
    reaches(&broker, "broker_canary_seconds_count", songs + 1.0).await?;
    ingest.goodbye().await?;
    until("nobody is connected", PATIENCE, || async {
        metric(&broker, "broker_connections").await.is_ok_and(|count| count < 0.5)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_closes_the_connections_and_the_port() -> Result<()> {
    let mut broker = broker(&[]).await?;
    let mut agent = broker.client("acme.one").await?;
    let status = broker.process.stop(Duration::from_secs(20)).await?.context("it ran")?;
    ensure!(status.success(), "{status}");
    agent.closed().await?;
    ensure!(TcpStream::connect(broker.address).await.is_err(), "the port is free");
    Ok(())
}

/// What an agent may cost: TLS, its seat and two buffers, and nothing that grows with what it was told.
const AGENT_BYTES_MAX: u64 = 100 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_costs_less_than_100_kib_idle_or_after_400_acks() -> Result<()> {
    const AGENTS: usize = 100;
    let broker = broker(&[("limits", "messages_per_second = 1000000")]).await?;
    let issued = (0..AGENTS).map(|number| broker.issue(&format!("acme.a{number}"))).collect::<Result<Vec<_>>>()?;
    let come = || futures_util::future::try_join_all(issued.iter().map(|issued| broker.client_with(issued)));
    // What a process allocates once is not counted.
    drop(broker.client("acme.first").await?);
    until("they have left", PATIENCE, || async {
        metric(&broker, "broker_connections").await.is_ok_and(|count| count < 0.5)
    })
    .await?;
    let resident = || broker.process.resident_bytes().context("its memory");
    let before = resident()?;
    let each = |bytes: u64| bytes.saturating_sub(before) / AGENTS as u64;
    let mut clients = come().await?;
    for (client, issued) in clients.iter_mut().zip(&issued) {
        client.subscribe(&[&down(&issued.cn)]).await?;
    }
    let idle = each(resident()?);
    let mut ingest = broker.client("service.ingest1").await?;
    for (client, issued) in clients.iter_mut().zip(&issued) {
        for _ in 0..400 {
            ingest.publish(&ack(&issued.cn), &[7; 1_100]).await?;
            let delivery = client.delivery().await?;
            client.acknowledge(delivery.id.context("QoS 1")?).await?;
        }
    }
    let acked = each(resident()?);
    println!("bytes of an agent: {idle} idle, {acked} after 400 acks");
    ensure!(idle < AGENT_BYTES_MAX && acked < AGENT_BYTES_MAX, "{idle} bytes idle, {acked} bytes after 400 acks");
    Ok(())
}
