//! How connections end and what remains of them: takeovers, last wills, keep-alive, expiry, revocation, lost lines,
//! retained status, a killed broker.

use std::time::Duration;

use anyhow::{Result, ensure};
use broker_config::pki::Validity;
use testbed::world::brokers::{Broker, Maker};
use testbed::world::process::until;
use testbed::world::raw::{Hello, Raw};
use testbed::world::relay::Relay;

use super::{PATIENCE, Seen, ack, case, down, status, up};

const SERVICE: &str = "service.ingest2";

pub(super) async fn cases(broker: &Broker) -> Result<Seen> {
    // Those that wait for real seconds wait together.
    let (expiry, revocation, keep_alive, rest) = futures_util::try_join!(
        Box::pin(case("a live connection whose certificate expires", expiry(broker))),
        Box::pin(case("a certificate that is revoked", revocation(broker))),
        Box::pin(case("a client that is silent beyond its keep-alive", keep_alive(broker))),
        Box::pin(quick(broker)),
    )?;
    Ok([vec![expiry, revocation, keep_alive], rest].concat())
}

async fn quick(broker: &Broker) -> Result<Seen> {
    Ok(vec![
        case("a second connection of a CN", takeover(broker)).await?,
        case("ten connections of a CN at once", ten_at_once(broker)).await?,
        case("the last will of a client that is lost", will(broker, "life.lost", Leave::Lost)).await?,
        case("the last will of a client that is taken over", will(broker, "life.taken", Leave::TakenOver)).await?,
        case("the last will of a client that said DISCONNECT", will(broker, "life.polite", Leave::Goodbye)).await?,
        case("a retained status", retained(broker)).await?,
        case("a line that is cut and mended", line(broker)).await?,
    ])
}

async fn takeover(broker: &Broker) -> Result<String> {
    let one = broker.issue("life.one")?;
    let mut ingest = broker.client(SERVICE).await?;
    let mut first = broker.client_with(&one).await?;
    first.subscribe(&[&down("life.one")]).await?;
    let mut second = broker.client_with(&one).await?;
    second.subscribe(&[&down("life.one")]).await?;
    first.closed().await?;
    ingest.publish(&ack("life.one"), b"for the second").await?;
    let before = second.before(b"for the second").await?;
    ensure!(before.is_empty(), "{before:?}");
    if let Some(takeovers) = broker.metric("broker_takeovers_total").await? {
        ensure!(takeovers >= 1.0, "the takeover is not counted");
    }
    Ok("replaces the first".to_owned())
}

async fn ten_at_once(broker: &Broker) -> Result<String> {
    let many = broker.issue("life.many")?;
    let clients = (0..10).map(|_| broker.client_with(&many));
    // With mosquitto a newcomer can end another before that has its CONNACK.
    let clients = futures_util::future::join_all(clients).await;
    let mut alive = 0;
    for mut client in clients.into_iter().flatten() {
        alive += usize::from(client.ping().await.is_ok());
    }
    ensure!(alive == 1, "{alive} are alive");
    Ok("one stays".to_owned())
}

enum Leave {
    Lost,
    TakenOver,
    Goodbye,
}

async fn will(broker: &Broker, who: &str, leave: Leave) -> Result<String> {
    let topic = status(who);
    let certificate = broker.issue(who)?;
    let mut watcher = broker.client(SERVICE).await?;
    watcher.subscribe(&["platen/v1/status/#"]).await?;
    let hello = Hello { will: Some((&topic, b"gone")), ..Hello::of(who) };
    let client = broker.client_saying(&certificate, hello).await?;
    let published = match leave {
        Leave::Lost => {
            drop(client);
            true
        }
        Leave::TakenOver => {
            // The line stays open; the broker ends it.
            let _successor = broker.client_with(&certificate).await?;
            watched(&mut watcher, &topic, b"gone").await?;
            drop(client);
            return Ok("is published".to_owned());
        }
        Leave::Goodbye => {
            client.goodbye().await?;
            // Whatever a broker publishes of the first life comes before what the second one says.
            broker.client_with(&certificate).await?.publish(&topic, b"here again").await?;
            false
        }
    };
    if published {
        watched(&mut watcher, &topic, b"gone").await?;
        return Ok("is published".to_owned());
    }
    let before = watcher.before(b"here again").await?;
    ensure!(!before.iter().any(|delivery| delivery.topic == topic), "{before:?}");
    Ok("is not published".to_owned())
}

/// Waits for a message; others speak at the same time.
async fn watched(watcher: &mut Raw, topic: &str, payload: &[u8]) -> Result<()> {
    loop {
        let delivery = watcher.delivery().await?;
        if let Some(id) = delivery.id {
            watcher.acknowledge(id).await?;
        }
        if delivery.topic == topic && delivery.payload == payload {
            return Ok(());
        }
    }
}

async fn retained(broker: &Broker) -> Result<String> {
    let topic = status("life.kept");
    let mut agent = broker.client("life.kept").await?;
    agent.retain(&topic, b"old").await?;
    agent.retain(&topic, b"new").await?;
    let mut gone = broker.client("life.cleared").await?;
    gone.retain(&status("life.cleared"), b"here").await?;
    gone.retain(&status("life.cleared"), b"").await?;
    let mut late = broker.client(SERVICE).await?;
    late.subscribe(&["platen/v1/status/#"]).await?;
    agent.publish(&topic, b"fence").await?;
    let kept = late.before(b"fence").await?;
    let of = |topic: &str| -> Vec<_> { kept.iter().filter(|delivery| delivery.topic == topic).collect() };
    ensure!(of(&status("life.cleared")).is_empty(), "an empty one clears it: {kept:?}");
    match of(&topic).as_slice() {
        [one] if one.payload == b"new" && one.retained => Ok("the newest is kept, an empty one clears it".to_owned()),
        other => anyhow::bail!("{other:?}"),
    }
}

/// A payload under way when the line is cut, and its repetition.
async fn line(broker: &Broker) -> Result<String> {
    let relay = Relay::start(broker.address).await?;
    let agent = broker.issue("life.far")?;
    let topic = status("life.far");
    let mut ingest = broker.client(SERVICE).await?;
    ingest.subscribe(&["platen/v1/up/#", "platen/v1/status/#"]).await?;
    let hello = Hello { will: Some((&topic, b"cut")), ..Hello::of("life.far") };
    let (mut far, code) = Raw::greet(relay.address(), broker.tls(Some(&agent))?, hello).await?;
    ensure!(code == 0, "code {code}");
    far.publish(&up("life.far"), b"before").await?;
    relay.cut();
    watched(&mut ingest, &topic, b"cut").await?;
    ensure!(far.publish(&up("life.far"), b"lost").await.is_err(), "the line is cut");
    relay.mend();
    let (mut far, code) = Raw::greet(relay.address(), broker.tls(Some(&agent))?, hello).await?;
    ensure!(code == 0, "code {code}");
    far.publish(&up("life.far"), b"again").await?;
    watched(&mut ingest, &up("life.far"), b"again").await?;
    Ok("the will is published, the client comes back".to_owned())
}

async fn keep_alive(broker: &Broker) -> Result<String> {
    let topic = status("life.silent");
    let silent = broker.issue("life.silent")?;
    let mut watcher = broker.client("service.ingest8").await?;
    watcher.subscribe(&["platen/v1/status/#"]).await?;
    let hello = Hello { keep_alive_s: 1, will: Some((&topic, b"silent")), ..Hello::of("life.silent") };
    let mut client = broker.client_saying(&silent, hello).await?;
    watched(&mut watcher, &topic, b"silent").await?;
    client.closed().await?;
    Ok("closed, its will is published".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a certificate ends by the real clock, which no drill drives")]
async fn expiry(broker: &Broker) -> Result<String> {
    let mut validity = Validity::days(1)?;
    validity.not_after = validity.not_before + Duration::from_secs(86_400 + 8);
    let (short, other) = (broker.issue_for("life.short", validity)?, broker.issue_for("life.expired", validity)?);
    let mut live = broker.client_with(&short).await?;
    let until_unix_s = short.not_after.unix_timestamp();
    until("the certificate expires", PATIENCE, || async { jiff::Timestamp::now().as_second() > until_unix_s }).await?;
    ensure!(broker.client_with(&other).await.is_err(), "let in with an expired certificate");
    live_after(broker, &mut live).await
}

async fn revocation(broker: &Broker) -> Result<String> {
    let (first, second) = (broker.issue("life.revoked")?, broker.issue("life.barred")?);
    let mut live = broker.client_with(&first).await?;
    let mut other = broker.client("life.other").await?;
    broker.client_with(&second).await?.goodbye().await?;
    broker.revoke("life.revoked")?;
    broker.revoke("life.barred")?;
    let refused = || async { broker.client_with(&second).await.is_err() };
    until("a revoked certificate is refused", PATIENCE, refused).await?;
    let live = live_after(broker, &mut live).await?;
    other.ping().await?;
    Ok(format!("refused once the list is read again; live connection: {live}"))
}

/// What becomes of a connection whose certificate is no longer good.
async fn live_after(broker: &Broker, live: &mut Raw) -> Result<String> {
    Ok(match broker.maker {
        Maker::Platen => {
            live.closed().await?;
            "closed"
        }
        Maker::Mosquitto => {
            live.ping().await?;
            "stays until it reconnects"
        }
    }
    .to_owned())
}

/// SIGKILL and a new start: clients come back by themselves; what the broker held is gone.
pub(super) async fn restart(broker: &mut Broker) -> Result<Seen> {
    Ok(vec![case("a broker that is killed and started again", killed(broker)).await?])
}

async fn killed(broker: &mut Broker) -> Result<String> {
    let (agent, ingest) = (broker.issue("life.back")?, broker.issue(SERVICE)?);
    broker.client_with(&agent).await?.retain(&status("life.back"), b"here").await?;
    broker.process.kill()?;
    broker.start_again().await?;
    let mut ingest = broker.client_with(&ingest).await?;
    ingest.subscribe(&["platen/v1/up/#", "platen/v1/status/#"]).await?;
    let mut back = broker.client_with(&agent).await?;
    back.publish(&up("life.back"), b"after").await?;
    let before = ingest.before(b"after").await?;
    let kept = before.iter().any(|delivery| delivery.topic == status("life.back"));
    let words = if kept { "is kept" } else { "is gone" };
    Ok(format!("clients come back, retained status {words}"))
}
