//! Runs the steps at one address and collects evidence. Every step has an end: patience for a silent address is a few
//! seconds, and ways are tried side by side.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use service::secret::Secret;
use tokio::time::Instant;

use super::evidence::{Evidence, Ping, RangeSays, Said, Seen, Try};
use super::report::{Report, Step, ms};
use super::verdict::of_address;
use crate::discover::ping::{PRINTER_PORTS, Pinger, tcp};
use crate::discover::{Ranges, printer_test, resolve};
use crate::poll::profile::Profiles;
use crate::poll::{At, adopt, full};
use crate::roster::Roster;
use crate::snmp::{Client, Login, Oid, SnmpConfig, SnmpError, Table, UsmError, Value, Version, Way, mib};
use crate::walk::{self, WalkError};

/// LPD, beside the ports that discovery looks at: print servers have it.
const LPD: u16 = 515;
const FACTORY_COMMUNITY: &str = "public";
const FACTORY_NAME: &str = "factory default";
const VERSIONS: [Version; 3] = [Version::V2c, Version::V1, Version::V3];

/// What the steps go by.
#[derive(Debug)]
pub struct Given<'a> {
    pub snmp: &'a SnmpConfig,
    /// `None` without a configuration: then every way is a configured one.
    pub ranges: Option<&'a Ranges>,
    pub known: &'a Roster,
    pub port: u16,
    /// How long a silent address is waited for.
    pub patience: Duration,
}

/// Diagnoses one address or host name; `show` is called after each step.
pub async fn device(given: &Given<'_>, target: &str, show: &mut (dyn FnMut(&Step) + Send)) -> Report {
    let mut run = Run { given, evidence: Evidence::default(), steps: Vec::new(), show };
    run.evidence.timeout_ms = given.snmp.snmp_discovery_timeout_ms;
    run.address(target).await;
    run.range(target);
    if let Some(address) = run.evidence.address
        && run.evidence.range != RangeSays::Excluded
    {
        run.liveness(address).await;
        run.snmp(address, target).await;
        run.values(address).await;
    }
    let verdict = of_address(&run.evidence);
    Report::of_address(target, run.evidence, run.steps, verdict)
}

/// Diagnoses a recording: what it would be if it answered.
///
/// # Errors
/// When it cannot be read.
pub async fn recording(path: &Path) -> Result<Report, WalkError> {
    let mut client = Client::recorded(walk::load(path)?);
    let at = At { address: [127, 0, 0, 1].into(), port: 161, version: Version::V2c, credential: String::new() };
    let (seen, _) = look(&mut client, &Profiles::builtin(), &at).await.unwrap_or_default();
    let tries = vec![Try {
        version: Version::V2c,
        credential: "recording".into(),
        configured: true,
        said: Said::Answered,
        ms: 0,
    }];
    let evidence = Evidence { address: Some(at.address), tries, seen: Some(seen.clone()), ..Evidence::default() };
    let verdict = of_address(&evidence);
    let name = path.display().to_string();
    let step = Step { step: "values", tried: format!("the recording {name}"), said: shown(&seen), ms: 0 };
    Ok(Report::of_address(&name, Evidence { address: None, ..evidence }, vec![step], verdict))
}

struct Run<'a> {
    given: &'a Given<'a>,
    evidence: Evidence,
    steps: Vec<Step>,
    show: &'a mut (dyn FnMut(&Step) + Send),
}

impl Run<'_> {
    fn step(&mut self, step: &'static str, tried: String, said: String, since: Instant) {
        let step = Step { step, tried, said, ms: ms(since.elapsed()) };
        (self.show)(&step);
        self.steps.push(step);
    }

    async fn address(&mut self, target: &str) {
        let since = Instant::now();
        if let Ok(address) = target.parse() {
            self.evidence.address = Some(address);
            return;
        }
        self.evidence.address = resolve(target, self.given.port).await;
        let said = self.evidence.address.map_or("no address".to_owned(), |address| address.to_string());
        self.step("name", format!("DNS for {target}"), said, since);
    }

    fn range(&mut self, target: &str) {
        let since = Instant::now();
        let (Some(ranges), Some(address)) = (self.given.ranges, self.evidence.address) else { return };
        let (says, said) = match ranges.of_name(target).or(ranges.of(address)) {
            Some(place) if !ranges.excludes(place, address) => (RangeSays::Inside, format!("in range {}", place + 1)),
            Some(_) => (RangeSays::Excluded, "excluded".to_owned()),
            None if ranges.only_excludes(address) => (RangeSays::Excluded, "excluded".to_owned()),
            None => (RangeSays::Outside, "in no range".to_owned()),
        };
        self.evidence.range = says;
        self.step("range", "[[ranges]] of the configuration".into(), said, since);
    }

    async fn liveness(&mut self, address: IpAddr) {
        let (since, timeout) = (Instant::now(), self.given.snmp.ping_timeout());
        let pinger = if address.is_ipv4() && self.given.snmp.ping { Pinger::open() } else { None };
        let pings = async {
            let Some(pinger) = &pinger else { return Ping::NotAllowed };
            for _ in 0..=self.given.snmp.ping_retries.max(1) {
                if pinger.ping(address, timeout).await.0 {
                    return Ping::Answered;
                }
            }
            Ping::Silent
        };
        let ports = PRINTER_PORTS.into_iter().chain([LPD]);
        let knocks = join_all(ports.map(|port| async move { (port, tcp(address, port, timeout).await) }));
        let (ping, ports) = tokio::join!(pings, knocks);
        let said = match ping {
            Ping::NotAllowed => "not allowed here (net.ipv4.ping_group_range, CAP_NET_RAW)".to_owned(),
            Ping::Answered => "answered".to_owned(),
            Ping::Silent => "no answer".to_owned(),
        };
        self.step("ping", format!("ICMP echo to {address}"), said, since);
        let listed: Vec<String> = ports.iter().map(|(port, said)| format!("{port} {said}")).collect();
        self.step("tcp", "connections to printers' ports".into(), listed.join(", "), since);
        (self.evidence.ping, self.evidence.ports) = (ping, ports);
    }

    async fn snmp(&mut self, address: IpAddr, target: &str) {
        let Given { snmp, ranges, port, patience, .. } = *self.given;
        let place = ranges.and_then(|ranges| ranges.of_name(target).or(ranges.of(address)));
        let configured = match (ranges, place) {
            (Some(ranges), Some(place)) => snmp.ways(ranges.versions(place), ranges.credentials(place)),
            _ => snmp.ways(&VERSIONS, &[]),
        };
        let everything = snmp.ways(&VERSIONS, &[]);
        let others = everything.into_iter().filter(|way| !configured.contains(way));
        let ways: Vec<(bool, Way)> =
            configured.iter().cloned().map(|way| (true, way)).chain(others.map(|way| (false, way))).collect();
        let since = Instant::now();
        let mut tries = ask_all(snmp, address, port, &ways, patience).await;
        let none_answered = !tries.iter().any(|asked| asked.said == Said::Answered);
        let (engine, factory) = if none_answered { spare(snmp, address, port).await } else { (false, false) };
        if engine {
            tell_privacy(snmp, address, port, &mut tries).await;
        }
        self.evidence.routed = !tries.iter().any(|asked| asked.said == Said::Local(SnmpError::NotRouted.to_string()));
        for asked in &tries {
            let unasked = if asked.configured { "" } else { " (not configured for this address)" };
            let tried = format!("SNMP v{} as {}{unasked}", asked.version, asked.credential);
            let step = Step { step: "snmp", tried, said: said(&asked.said), ms: asked.ms };
            (self.show)(&step);
            self.steps.push(step);
        }
        if none_answered {
            let found = if engine { "it has one" } else { "none" };
            self.step("snmp", "SNMP v3 engine, whoever may use it".into(), found.into(), since);
            let found = if factory { "answered" } else { "no answer" };
            self.step("snmp", format!("SNMP v2c as {FACTORY_NAME}"), found.into(), since);
        }
        self.evidence.factory_community = factory;
        (self.evidence.tries, self.evidence.engine) = (tries, engine);
    }

    async fn values(&mut self, address: IpAddr) {
        let answered = |asked: &&Try| asked.said == Said::Answered;
        let best = self.evidence.tries.iter().filter(answered).min_by_key(|asked| (!asked.configured, asked.ms));
        let Some(best) = best else { return };
        let since = Instant::now();
        let Given { snmp, port, patience, .. } = *self.given;
        let at = At { address, port, version: best.version, credential: best.credential.clone() };
        let tried = format!("printer test and values by v{}", at.version);
        let mut client = at.client(snmp, snmp.request_timeout().max(patience), snmp.snmp_retries);
        match look(&mut client, &snmp.profiles, &at).await {
            Ok((seen, key)) => {
                let known = self.given.known.elsewhere(&key, SocketAddr::new(address, port));
                self.step("values", tried, shown(&seen), since);
                self.evidence.known_at = known.map(|known| known.to_string());
                self.evidence.seen = Some(seen);
            }
            Err(error) => {
                self.step("values", tried, error.to_string(), since);
                let said = Said::Unusable(error.to_string());
                self.evidence.tries.iter_mut().filter(|asked| asked.said == Said::Answered).for_each(|asked| {
                    asked.said = said.clone();
                });
            }
        }
    }
}

fn client_of(
    snmp: &SnmpConfig,
    address: IpAddr,
    port: u16,
    version: Version,
    login: Login,
    timeout: Duration,
) -> Client {
    Client::new(SocketAddr::new(address, port), version, login, timeout, 0).with_engines(&snmp.engines)
}

fn is_answer<T>(result: &Result<T, SnmpError>) -> bool {
    matches!(result, Ok(_) | Err(SnmpError::Status { .. }))
}

/// All ways side by side. Once a configured one is answered, the others get as long as discovery waits.
async fn ask_all(snmp: &SnmpConfig, address: IpAddr, port: u16, ways: &[(bool, Way)], patience: Duration) -> Vec<Try> {
    let since = Instant::now();
    let mut until = since + snmp.discovery_timeout() + patience.saturating_mul(3);
    let mut tries: Vec<Option<Try>> = vec![None; ways.len()];
    let mut asking: FuturesUnordered<_> =
        ways.iter()
            .enumerate()
            .map(|(place, (configured, way))| async move {
                (place, ask(snmp, address, port, way, *configured, patience).await)
            })
            .collect();
    while let Ok(Some((place, asked))) = tokio::time::timeout_at(until, asking.next()).await {
        if asked.configured && asked.said == Said::Answered {
            until = until.min(Instant::now() + snmp.discovery_timeout());
        }
        tries[place] = Some(asked);
    }
    let silent = |(configured, way): &(bool, Way)| Try {
        version: way.version,
        credential: way.credential.clone(),
        configured: *configured,
        said: Said::Silent,
        ms: ms(since.elapsed()),
    };
    ways.iter().zip(tries).map(|(way, asked)| asked.unwrap_or_else(|| silent(way))).collect()
}

/// What no configuration names: whether it has an engine of v3, and whether it answers to the factory's community.
async fn spare(snmp: &SnmpConfig, address: IpAddr, port: u16) -> (bool, bool) {
    let client = |version, community: &str| {
        client_of(snmp, address, port, version, Login::Community(Secret::new(community)), snmp.request_timeout())
    };
    let (mut engine, mut stock) = (client(Version::V3, ""), client(Version::V2c, FACTORY_COMMUNITY));
    let oid = [Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR)];
    let (engine, stock) = tokio::join!(engine.find_engine(), stock.get(&oid));
    (engine.is_ok(), is_answer(&stock))
}

/// One way: as long as discovery waits, then once more with patience, which tells a slow device from a silent one.
async fn ask(snmp: &SnmpConfig, address: IpAddr, port: u16, way: &Way, configured: bool, patience: Duration) -> Try {
    let oid = [Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR)];
    let begin = Instant::now();
    let mut took = Duration::ZERO;
    let mut result = Err(SnmpError::NoAnswer);
    for timeout in [snmp.discovery_timeout(), patience] {
        let since = Instant::now();
        let login = snmp.login(way.version, &way.credential);
        result = client_of(snmp, address, port, way.version, login, timeout).get(&oid).await;
        took = since.elapsed();
        if result != Err(SnmpError::NoAnswer) {
            break;
        }
    }
    let said = match result {
        Ok(_) | Err(SnmpError::Status { .. }) => Said::Answered,
        Err(SnmpError::NoAnswer | SnmpError::Endless) => {
            took = begin.elapsed();
            Said::Silent
        }
        Err(SnmpError::Refused) => Said::Refused,
        Err(SnmpError::Usm(error)) => Said::Usm(error),
        Err(SnmpError::Unusable(why)) => Said::Unusable(why),
        Err(error @ (SnmpError::NotRouted | SnmpError::Local(_))) => Said::Local(error.to_string()),
    };
    Try { version: way.version, credential: way.credential.clone(), configured, said, ms: ms(took) }
}

/// A device that cannot decrypt a request mostly says nothing. If it accepts the same user without encryption, or says that
/// this is too little for it, then the user and the authentication key are right and the privacy key is not.
async fn tell_privacy(snmp: &SnmpConfig, address: IpAddr, port: u16, tries: &mut [Try]) {
    for asked in tries.iter_mut().filter(|asked| asked.version == Version::V3 && asked.said == Said::Silent) {
        let Login::User(user) = snmp.login(Version::V3, &asked.credential) else { continue };
        if !user.is_private() {
            continue;
        }
        let open = Login::User(Arc::new(user.without_privacy()));
        let mut client = client_of(snmp, address, port, Version::V3, open, snmp.request_timeout());
        match client.get(&[Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR)]).await {
            Ok(_) | Err(SnmpError::Status { .. } | SnmpError::Usm(UsmError::Level)) => {
                asked.said = Said::Usm(UsmError::WrongPrivacyKey);
            }
            Err(SnmpError::Usm(error)) => asked.said = Said::Usm(error),
            Err(_) => {}
        }
    }
}

/// Printer test and values, and the key by which the device is known.
async fn look(client: &mut Client, profiles: &Profiles, at: &At) -> Result<(Seen, String), SnmpError> {
    let full = full::read(client, profiles, full::Depth::Poll).await?;
    let (known, polled) = adopt(at, &full, client, Duration::ZERO);
    let key = schemas::device::key(&known.device);
    let identified = key.basis != schemas::device::Basis::None;
    let printer = printer_test::is_printer(&full.table);
    let seen = Seen {
        object_id: known.object_id.clone(),
        description: text(&full.table, mib::SYS_DESCR),
        printer,
        queues: !printer && printer_test::lists_printers(&full.table),
        computer: printer_test::is_computer(full.table.at(mib::SYS_OBJECT_ID, mib::SCALAR)),
        model: known.device.model.clone(),
        serial: known.device.serial.clone(),
        counters: polled.poll.counters.len(),
        supplies: polled.poll.supplies.len(),
    };
    Ok((seen, if identified { key.text } else { String::new() }))
}

fn text(table: &Table, object: &[u32]) -> String {
    table.at(object, mib::SCALAR).and_then(Value::bytes).map(crate::poll::text::label).unwrap_or_default()
}

fn shown(seen: &Seen) -> String {
    let what = if seen.printer { "a printer" } else { "not a printer" };
    let name = if seen.model.is_empty() { &seen.description } else { &seen.model };
    format!("{what}: {name}; {} counters, {} supplies", seen.counters, seen.supplies)
}

fn said(said: &Said) -> String {
    match said {
        Said::Answered => "answered".into(),
        Said::Refused => "refused".into(),
        Said::Silent => "no answer".into(),
        Said::Usm(error) => error.to_string(),
        Said::Unusable(why) => format!("unusable: {why}"),
        Said::Local(why) => format!("not sent: {why}"),
    }
}
