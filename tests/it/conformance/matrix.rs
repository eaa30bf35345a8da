//! The rules of `broker_config::acl`, cell by cell: who publishes and who hears what, on topics and filters of every kind.
//! What is expected comes from the rules themselves; what is forbidden must be seen by nobody.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use broker_config::acl::{may_publish, may_subscribe};
use schemas::id::AgentCn;
use testbed::world::brokers::Broker;
use testbed::world::raw::Raw;

use super::{Seen, ack, case, down, status, up};

const ONE: &str = "matrix.one";
const TWO: &str = "matrix.two";
/// Hears all that services hear.
const HEARER: &str = "service.ingest5";
/// One of each role.
const SPEAKERS: [&str; 4] = ["matrix.speaker", "service.ingest6", "service.portal", CANARY];
const CANARY: &str = "service.canary";
/// Speak last, so that whoever hears them has heard all before.
const FENCES: (&str, &str) = ("matrix.fence", "service.ingest7");
/// Services that hear one filter each; see [`service_filters`].
pub(super) const HEARERS: usize = 12;

pub(super) async fn cases(broker: &Broker) -> Result<Seen> {
    Ok(vec![
        case("publish: every role on topics of every kind", publishing(broker)).await?,
        case("publish: a retained payload", retained(broker)).await?,
        case("subscribe: agents and services to filters of every kind", Box::pin(hearing(broker))).await?,
        case("subscribe: the canary", canary(broker)).await?,
    ])
}

fn cn(text: &str) -> AgentCn {
    text.parse().unwrap()
}

/// Topics of every kind and of everybody, and some that are none.
fn topics(speaker: &str) -> BTreeSet<String> {
    let mut topics = BTreeSet::new();
    for who in [ONE, TWO, HEARER, speaker, CANARY] {
        topics.extend([up(who), status(who), elsewhere(who)]);
        topics.extend(["ack", "config", "command"].map(|leaf| format!("platen/v1/down/{who}/{leaf}")));
    }
    topics.extend(["x", "platen/v1/up", "platen/canary", "platen/v2/status/matrix.one", "$SYS/x"].map(str::to_owned));
    topics
}

/// `up` in a partition that is not one's own.
fn elsewhere(who: &str) -> String {
    format!("platen/v1/up/{}/{who}", (cn(who).partition().number() + 1) % 64)
}

/// Every role publishes on everything, while agents and a service hear all that they may.
async fn publishing(broker: &Broker) -> Result<String> {
    let mut hearers = BTreeMap::new();
    for (who, filters) in [
        (ONE, vec![down(ONE)]),
        (TWO, vec![down(TWO)]),
        (HEARER, vec!["platen/v1/up/#".to_owned(), "platen/v1/status/#".to_owned()]),
    ] {
        let mut raw = broker.client(who).await?;
        raw.subscribe(&filters.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        hearers.insert(who, raw);
    }
    let (mut allowed, mut forbidden) = (0, 0);
    let mut closed = 0;
    let mut elsewhere_seen = false;
    for who in SPEAKERS {
        let mut expected: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let certificate = broker.issue(who)?;
        let mut speaker = broker.client_with(&certificate).await?;
        for topic in topics(who) {
            let payload = format!("{who} on {topic}");
            let done = speaker.publish(&topic, payload.as_bytes()).await;
            if may_publish(&cn(who), &topic).is_err() {
                forbidden += 1;
                if done.is_err() {
                    closed += 1;
                    speaker = broker.client_with(&certificate).await?;
                }
                continue;
            }
            allowed += 1;
            done.with_context(|| payload.clone())?;
            // Of what is told to a service nobody hears anything.
            let hearer = match topic.strip_prefix("platen/v1/down/").and_then(|rest| rest.split_once('/')) {
                Some((owner, _)) if cn(owner).is_service() => continue,
                Some((owner, _)) => owner,
                None => HEARER,
            };
            if let Some((name, _)) = hearers.get_key_value(hearer) {
                expected.entry(*name).or_default().insert(payload);
            }
        }
        for (name, raw) in &mut hearers {
            let mut wanted = expected.remove(name).unwrap_or_default();
            for text in fence(broker, name, raw).await? {
                // The one cell that an acl file of mosquitto cannot express: it knows no partitions.
                if text == format!("{who} on {}", elsewhere(who)) && !cn(who).is_service() {
                    elsewhere_seen = true;
                    forbidden -= 1;
                    continue;
                }
                ensure!(wanted.remove(&text), "{name} heard what is forbidden, or heard it twice: {text}");
            }
            ensure!(wanted.is_empty(), "{name} missed what {who} may say: {wanted:?}");
        }
    }
    ensure!(closed == 0 || closed == forbidden, "{closed} of {forbidden} were closed");
    let answer = if closed > 0 { "is closed" } else { "gets a PUBACK" };
    let elsewhere = if elsewhere_seen { "; own `up` in another partition is seen" } else { "" };
    Ok(format!("{allowed} allowed arrive, {forbidden} forbidden are seen by nobody and each {answer}{elsewhere}"))
}

/// What a hearer heard until a message came that it may hear and that was sent last.
async fn fence(broker: &Broker, name: &str, raw: &mut Raw) -> Result<Vec<String>> {
    let mut heard = Vec::new();
    // Twice, so that every filter of the connection had its turn.
    for last in ["first fence", "second fence"] {
        let (agent, service) = FENCES;
        let (by, topic) = if cn(name).is_service() { (agent, up(agent)) } else { (service, ack(name)) };
        broker.client(by).await?.publish(&topic, last.as_bytes()).await?;
        heard.extend(raw.before(last.as_bytes()).await?);
    }
    // Other cases speak at the same time.
    let texts = heard.into_iter().map(|delivery| String::from_utf8_lossy(&delivery.payload).into_owned());
    Ok(texts.filter(|text| text.contains(" on ")).collect())
}

fn agent_filters(who: &str) -> Vec<String> {
    let own = ["#", "ack", "config", "+"].map(|leaf| format!("platen/v1/down/{who}/{leaf}"));
    let share = format!("$share/g/{}", down(who));
    let texts = ["platen/v1/down/+/ack", "platen/v1/down/#", "platen/v1/up/#", "platen/v1/status/#", "#", "+/+/+/+/+"];
    let mut filters = own.to_vec();
    filters.extend([down(ONE), share, status(ONE), up(ONE)]);
    filters.extend(texts.map(str::to_owned));
    filters.extend(["platen/#", "$SYS/#"].map(str::to_owned));
    filters
}

fn service_filters() -> [String; HEARERS] {
    let partition = cn(ONE).partition();
    [
        "platen/v1/up/#",
        &format!("platen/v1/up/{partition}/+"),
        &format!("platen/v1/up/{partition}/#"),
        "platen/v1/status/#",
        "platen/v1/status/+",
        &down(ONE),
        "platen/v1/down/+/ack",
        "#",
        "+/#",
        "$share/g/platen/v1/up/#",
        "$SYS/#",
        "platen/v1/up/99/#",
    ]
    .map(str::to_owned)
}

/// A client that subscribed to one filter, and to one that it is told last on.
struct Ear {
    who: String,
    filter: String,
    raw: Raw,
    granted: bool,
}

impl Ear {
    async fn open(broker: &Broker, who: String, filter: String) -> Result<Self> {
        let mut raw = broker.client(&who).await?;
        let last = if cn(&who).is_service() { "platen/v1/status/#".to_owned() } else { command(&who) };
        let granted = raw.subscribe(&[&last, &filter]).await?[1] != 0x80;
        Ok(Self { who, filter, raw, granted })
    }

    /// By any filter that the rules allow it.
    fn may_hear(&self, topic: &str) -> bool {
        let all = [down(&self.who), "platen/v1/up/#".to_owned(), "platen/v1/status/#".to_owned()];
        all.iter().any(|filter| may_subscribe(&cn(&self.who), filter).is_ok() && covers(filter, topic))
    }
}

fn command(who: &str) -> String {
    format!("platen/v1/down/{who}/command")
}

/// MQTT 3.1.1 §4.7.
fn covers(filter: &str, topic: &str) -> bool {
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(want), Some(have)) if want == have => {}
            _ => return false,
        }
    }
}

/// One client for each filter; then somebody publishes on everything that may be published.
async fn hearing(broker: &Broker) -> Result<String> {
    let mut ears = Vec::new();
    for number in 0..agent_filters(ONE).len() {
        let who = format!("matrix.ear{number}");
        let filter = agent_filters(&who).swap_remove(number);
        ears.push(Ear::open(broker, who, filter).await?);
    }
    for (number, filter) in service_filters().into_iter().enumerate() {
        ears.push(Ear::open(broker, format!("service.ear{number}"), filter).await?);
    }
    let (mut one, mut two) = (broker.client(ONE).await?, broker.client(TWO).await?);
    let mut service = broker.client(FENCES.1).await?;
    let mut said = Vec::new();
    for (speaker, who) in [(&mut one, ONE), (&mut two, TWO)] {
        for topic in [up(who), status(who)] {
            speaker.publish(&topic, topic.as_bytes()).await?;
            said.push(topic);
        }
    }
    let owners = [ONE.to_owned(), TWO.to_owned()];
    for who in owners.iter().chain(ears.iter().map(|ear| &ear.who).filter(|who| !cn(who).is_service())) {
        for leaf in ["ack", "config"] {
            let topic = format!("platen/v1/down/{who}/{leaf}");
            service.publish(&topic, topic.as_bytes()).await?;
            said.push(topic);
        }
    }
    let mut refused = 0;
    let mut granted_beyond = 0;
    for ear in &mut ears {
        let mut heard = BTreeSet::new();
        for last in ["first last", "second last"] {
            let last = format!("{last} for {}", ear.who);
            match cn(&ear.who).is_service() {
                true => one.publish(&status(ONE), last.as_bytes()).await?,
                false => service.publish(&command(&ear.who), last.as_bytes()).await?,
            }
            heard.extend(ear.raw.before(last.as_bytes()).await?.into_iter().map(|delivery| delivery.topic));
        }
        let allowed = may_subscribe(&cn(&ear.who), &ear.filter).is_ok();
        match (allowed, ear.granted) {
            (true, granted) => ensure!(granted, "{} may subscribe to {}", ear.who, ear.filter),
            (false, true) => granted_beyond += 1,
            (false, false) => refused += 1,
        }
        for topic in &heard {
            ensure!(ear.may_hear(topic), "{} heard {topic} through {}", ear.who, ear.filter);
        }
        for topic in said.iter().filter(|topic| allowed && covers(&ear.filter, topic)) {
            ensure!(heard.contains(topic), "{} did not hear {topic} through {}", ear.who, ear.filter);
        }
    }
    ensure!(refused == 0 || granted_beyond == 0, "{refused} refused, {granted_beyond} granted");
    let answer = if refused > 0 { "refused in the SUBACK" } else { "granted" };
    Ok(format!("{} hear what is allowed and nothing else; a forbidden filter is {answer}", ears.len()))
}

/// The canary hears itself and nothing else.
async fn canary(broker: &Broker) -> Result<String> {
    let mut raw = broker.client(CANARY).await?;
    raw.subscribe(&[&status(CANARY), "platen/v1/up/#", "platen/v1/status/#", "#"]).await?;
    let mut one = broker.client(ONE).await?;
    for topic in [up(ONE), status(ONE)] {
        one.publish(&topic, b"not for the canary").await?;
    }
    for song in [&b"one"[..], b"two"] {
        raw.send(&testbed::world::raw::publish(status(CANARY).as_bytes(), song, false)).await?;
        // A broker may give a message once for each filter that covers it.
        let before = raw.before(song).await?;
        ensure!(before.iter().all(|delivery| delivery.topic == status(CANARY)), "{before:?}");
    }
    Ok("hears its own status and nothing else".to_owned())
}

async fn retained(broker: &Broker) -> Result<String> {
    let topic = up("matrix.keeper");
    let mut keeper = broker.client("matrix.keeper").await?;
    let done = keeper.retain(&topic, b"kept").await;
    let mut late = broker.client(HEARER).await?;
    late.subscribe(&["platen/v1/up/#"]).await?;
    broker.client(FENCES.0).await?.publish(&up(FENCES.0), b"late fence").await?;
    let kept = late.before(b"late fence").await?.iter().any(|delivery| delivery.topic == topic);
    ensure!(done.is_err() != kept, "answered {done:?}, kept: {kept}");
    Ok(if kept { "is kept for late subscribers" } else { "closed" }.to_owned())
}
