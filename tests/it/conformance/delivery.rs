//! What happens to messages between a publish and its acknowledgement.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use schemas::id::AgentCn;
use schemas::topic::filter;
use testbed::world::brokers::Broker;
use testbed::world::raw::{Hello, Raw, SUBACK, packet, publish, text};

use super::{Seen, ack, case, down, up};

const SERVICE: &str = "service.ingest4";
/// More than any window.
const MANY: u32 = 250;
/// Packets that both brokers let a subscriber leave unacknowledged.
const WINDOW: u32 = 100;

pub(super) async fn cases(broker: &Broker) -> Result<Seen> {
    Ok(vec![
        case("250 payloads up and 250 acks down", there_and_back(broker)).await?,
        case("an agent that acknowledges in reverse order", reverse_down(broker)).await?,
        case("a service that acknowledges in reverse order", reverse_up(broker)).await?,
        case("a partition that is heard singly, left, and heard again", singly(broker)).await?,
        case("unacknowledged messages and a new clean session", unacknowledged(broker, true)).await?,
        case("unacknowledged messages and a session that was to be kept", unacknowledged(broker, false)).await?,
        case("messages while nobody is subscribed", nobody(broker)).await?,
    ])
}

/// An agent sends without waiting, ingest answers each; both see all, in order, once.
async fn there_and_back(broker: &Broker) -> Result<String> {
    let mut ingest = broker.client(SERVICE).await?;
    ingest.subscribe(&["platen/v1/up/#"]).await?;
    let mut agent = broker.client("delivery.one").await?;
    agent.subscribe(&[&down("delivery.one")]).await?;
    for number in 0..MANY {
        agent.send(&publish(up("delivery.one").as_bytes(), &number.to_be_bytes(), false)).await?;
    }
    let mut answered = 0;
    while answered < MANY {
        let delivery = ingest.delivery().await?;
        if let Some(id) = delivery.id {
            ingest.acknowledge(id).await?;
        }
        if delivery.topic == up("delivery.one") {
            ensure!(delivery.payload == answered.to_be_bytes(), "payload {answered}: {delivery:?}");
            ingest.send(&publish(ack("delivery.one").as_bytes(), &delivery.payload, false)).await?;
            answered += 1;
        }
    }
    for number in 0..MANY {
        let delivery = agent.delivery().await?;
        ensure!(delivery.payload == number.to_be_bytes(), "ack {number}: {delivery:?}");
        if let Some(id) = delivery.id {
            agent.acknowledge(id).await?;
        }
    }
    Ok("each once, in order".to_owned())
}

async fn reverse_down(broker: &Broker) -> Result<String> {
    let agent = broker.client("delivery.reverse").await?;
    let ingest = broker.client(SERVICE).await?;
    reverse(agent, &down("delivery.reverse"), ingest, &ack("delivery.reverse")).await
}

async fn reverse_up(broker: &Broker) -> Result<String> {
    let who: AgentCn = "delivery.upward".parse()?;
    let ingest = broker.client(SERVICE).await?;
    let agent = broker.client(who.as_str()).await?;
    // A filter of its own, since others speak at the same time.
    reverse(ingest, &filter::up(who.partition()), agent, &up(who.as_str())).await
}

/// A window of messages, acknowledged from its end.
async fn reverse(mut hearer: Raw, filter: &str, mut speaker: Raw, topic: &str) -> Result<String> {
    hearer.subscribe(&[filter]).await?;
    for number in 0..WINDOW {
        speaker.publish(topic, &number.to_be_bytes()).await?;
    }
    let mut ids = Vec::new();
    while ids.len() < 100 {
        let delivery = hearer.delivery().await?;
        if delivery.topic == topic {
            ids.extend(delivery.id);
        } else if let Some(id) = delivery.id {
            hearer.acknowledge(id).await?;
        }
    }
    speaker.publish(topic, b"behind the window").await?;
    hearer.acknowledge(999).await?;
    for id in ids.iter().rev() {
        hearer.acknowledge(*id).await?;
    }
    let before = hearer.before(b"behind the window").await?;
    ensure!(!before.iter().any(|delivery| delivery.topic == topic), "{before:?}");
    Ok("is given what waits behind the window".to_owned())
}

async fn singly(broker: &Broker) -> Result<String> {
    let who: AgentCn = "delivery.singly".parse()?;
    let (topic, filter) = (up(who.as_str()), filter::up(who.partition()));
    let mut agent = broker.client(who.as_str()).await?;
    let mut worker = broker.client(SERVICE).await?;
    worker.subscribe(&[&filter]).await?;
    agent.publish(&topic, b"heard").await?;
    worker.before(b"heard").await?;
    let mut body = vec![0, 5];
    text(&mut body, filter.as_bytes());
    text(&mut body, b"never/subscribed");
    worker.send(&packet(0xa2, &body)).await?;
    let answer = loop {
        let (first, body) = worker.packet().await?;
        if first == 0xb0 {
            break body;
        }
    };
    ensure!(answer == [0, 5], "one UNSUBACK for all");
    agent.publish(&topic, b"not heard").await?;
    worker.subscribe(&[&filter]).await?;
    agent.publish(&topic, b"heard again").await?;
    let before = worker.before(b"heard again").await?;
    ensure!(!before.iter().any(|delivery| delivery.topic == topic), "{before:?}");
    Ok("hears what it is subscribed to".to_owned())
}

/// A subscriber takes a message, goes without acknowledging it, and comes back.
async fn unacknowledged(broker: &Broker, clean: bool) -> Result<String> {
    let who = if clean { "delivery.clean" } else { "delivery.kept" };
    let certificate = broker.issue(who)?;
    let hello = Hello { clean, ..Hello::of(who) };
    let mut ingest = broker.client(SERVICE).await?;
    let mut agent = broker.client_saying(&certificate, hello).await?;
    agent.subscribe(&[&down(who)]).await?;
    ingest.publish(&ack(who), b"once").await?;
    ensure!(agent.delivery().await?.payload == b"once", "it is delivered");
    drop(agent);
    let mut agent = broker.client_saying(&certificate, hello).await?;
    let mut body = vec![0, 9];
    text(&mut body, down(who).as_bytes());
    body.push(1);
    agent.send(&packet(0x82, &body)).await?;
    // What a kept session holds comes before the SUBACK.
    let mut again = 0;
    loop {
        match agent.packet().await? {
            (SUBACK, _) => break,
            (first, _) => again += u32::from(first & 0b1111_1010 == 0b0011_1010),
        }
    }
    ingest.publish(&ack(who), b"fence").await?;
    let behind = agent.before(b"fence").await?;
    ensure!(behind.is_empty(), "{behind:?}");
    Ok(if again > 0 { "are given again" } else { "are not given again" }.to_owned())
}

/// A broker says PUBACK for what nobody will ever hear: why Platen has acks of its own.
async fn nobody(broker: &Broker) -> Result<String> {
    let mut agent = broker.client("delivery.alone").await?;
    // Whoever else hears `up` at this moment, this is told to an agent that is not there.
    let mut ingest = broker.client(SERVICE).await?;
    ingest.publish(&ack("delivery.absent"), b"into the void").await?;
    agent.publish(&up("delivery.alone"), b"alive").await?;
    let mut absent: Raw = broker.client("delivery.absent").await?;
    absent.subscribe(&[&down("delivery.absent")]).await?;
    ingest.publish(&ack("delivery.absent"), b"fence").await?;
    let kept: BTreeSet<_> = absent.before(b"fence").await?.into_iter().map(|delivery| delivery.payload).collect();
    ensure!(kept.is_empty(), "{kept:?}");
    Ok("PUBACK, and they are gone".to_owned())
}
