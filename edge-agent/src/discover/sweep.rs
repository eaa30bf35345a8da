//! One pass over the ranges: a packet to each address, more only to those that show that they are there.
//!
//! The four steps that technicians know: is there anybody (an SNMP answer, a refused port, a ping), SNMP in each version and
//! credential, is it a printer, then its values (`poll`). Each address gets one SNMP packet in the first way of its range. A
//! silent one is pinged; if it answers that, or answered earlier, it is asked in all ways. A thorough pass asks every silent
//! address in all ways, at a quarter of the rate: it finds what neither answers pings nor the first way.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::Instant;

use super::ping::{PRINTER_PORTS, Pinger, Port, tcp};
use super::printer_test;
use super::ranges::{Host, Ranges, Target};
use crate::poll::At;
use crate::poll::text::label;
use crate::snmp::{Client, Oid, SnmpConfig, SnmpError, UsmError, Value, Version, Way, mib};
use crate::taken::Cost;

/// By how much a thorough pass is slower than a quick one.
const THOROUGH_SLOWER: u32 = 4;

/// What was found at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub at: At,
    /// The name in the configuration by which it was found.
    pub name: Option<String>,
    /// sysObjectID in dotted decimal, empty if it has none.
    pub object_id: String,
    /// sysDescr.
    pub description: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Printer,
    /// Answers SNMP and has no object of a printer.
    NotAPrinter,
}

/// How hard silent addresses are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    #[default]
    Quick,
    Thorough,
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub asked: u64,
    pub printers: u64,
    pub others: u64,
}

/// What a sweep brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    pub found: Vec<Found>,
    /// Addresses that are up and refuse SNMP.
    pub refused: Vec<IpAddr>,
    /// Addresses that are up and silent to SNMP in every way: filtered, or other credentials.
    pub mute: Vec<IpAddr>,
    /// Addresses that speak SNMP v3 and refuse the user.
    pub locked: Vec<(IpAddr, UsmError)>,
    /// Names that could not be resolved.
    pub unresolved: Vec<String>,
    /// Addresses that said nothing at all.
    pub silent: u64,
    pub cost: Cost,
}

/// Looks for printers in all ranges. `known` = addresses that answered before; `progress` is called after each address.
pub async fn sweep(
    config: &SnmpConfig,
    ranges: &Ranges,
    known: &BTreeSet<IpAddr>,
    depth: Depth,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Swept {
    let slower = if depth == Depth::Thorough { THOROUGH_SLOWER } else { 1 };
    let rate = |range| ranges.packets_per_second(range).unwrap_or(config.packets_per_second) / slower;
    let asking = Asking {
        config,
        pacers: (0..ranges.count()).map(|range| Pacer::new(rate(range))).collect(),
        pinger: if config.ping { Pinger::open() } else { None },
        depth,
    };
    let mut sweep = Sweep { swept: Swept::default(), done: Progress::default(), progress };
    let mut probes = stream::iter(ranges.targets())
        .map(|target| visit(&asking, ranges, known, target))
        .buffer_unordered(config.in_flight.max(1));
    while let Some(result) = probes.next().await {
        sweep.count(result);
    }
    drop(probes);
    let mut swept = sweep.swept;
    swept.found.sort_by(|a, b| a.at.cmp(&b.at));
    swept.found.dedup_by(|a, b| (a.at.address, a.at.port) == (b.at.address, b.at.port));
    swept
}

/// Asks one address in every way, whatever the ranges say: for `read`, `walk` and `diagnose`.
pub async fn probe(config: &SnmpConfig, host: &str, port: u16) -> Result<Found, SnmpError> {
    let address = match host.parse() {
        Ok(address) => address,
        Err(_) => resolve(host, port).await.ok_or_else(|| SnmpError::Local(format!("{host:?} has no address")))?,
    };
    let pacer = Pacer::new(config.packets_per_second);
    let target = Target { host: Host::Address(address), port, range: 0 };
    let patient = SnmpConfig {
        snmp_discovery_retries: config.snmp_retries,
        snmp_discovery_timeout_ms: config.snmp_request_timeout_ms,
        ..config.clone()
    };
    let mut cost = Cost::default();
    let ways = config.ways(&[Version::V1, Version::V2c, Version::V3], &[]);
    match ask_all(&patient, &pacer, &target, address, &ways, &mut cost).await {
        Outcome::Found(mut found) => {
            found.name = (host != address.to_string()).then(|| host.to_owned());
            Ok(*found)
        }
        Outcome::Refused => Err(SnmpError::Refused),
        Outcome::NotRouted => Err(SnmpError::NotRouted),
        Outcome::Locked(error) => Err(error.into()),
        Outcome::Silent | Outcome::Mute | Outcome::Unresolved => Err(SnmpError::NoAnswer),
    }
}

struct Sweep<'a> {
    swept: Swept,
    done: Progress,
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl Sweep<'_> {
    fn count(&mut self, result: Probed) {
        self.swept.cost += result.cost;
        self.done.asked += 1;
        match (result.outcome, result.address) {
            (Outcome::Found(found), _) => {
                match found.kind {
                    Kind::Printer => self.done.printers += 1,
                    Kind::NotAPrinter => self.done.others += 1,
                }
                self.swept.found.push(*found);
            }
            (Outcome::Refused, Some(address)) => self.swept.refused.push(address),
            (Outcome::Mute, Some(address)) => self.swept.mute.push(address),
            (Outcome::Locked(error), Some(address)) => self.swept.locked.push((address, error)),
            (Outcome::Unresolved, _) => {
                if let Host::Name(name) = result.target.host {
                    self.swept.unresolved.push(name);
                }
            }
            (Outcome::Silent | Outcome::NotRouted | Outcome::Refused | Outcome::Mute | Outcome::Locked(_), _) => {
                self.swept.silent += 1;
            }
        }
        (self.progress)(self.done);
    }
}

struct Probed {
    target: Target,
    address: Option<IpAddr>,
    outcome: Outcome,
    cost: Cost,
}

enum Outcome {
    Found(Box<Found>),
    Refused,
    /// Speaks v3 and refuses the user.
    Locked(UsmError),
    /// Up, and silent to SNMP.
    Mute,
    Silent,
    NotRouted,
    Unresolved,
}

/// What all visits of a sweep share.
struct Asking<'a> {
    config: &'a SnmpConfig,
    /// One for each range.
    pacers: Vec<Pacer>,
    pinger: Option<Pinger>,
    depth: Depth,
}

async fn visit(asking: &Asking<'_>, ranges: &Ranges, known: &BTreeSet<IpAddr>, target: Target) -> Probed {
    let address = match &target.host {
        Host::Address(address) => Some(*address),
        Host::Name(name) => resolve(name, target.port).await,
    };
    let mut cost = Cost::default();
    let (Some(address), Some(pacer)) =
        (address.filter(|address| !ranges.excludes(target.range, *address)), asking.pacers.get(target.range))
    else {
        return Probed { target, address: None, outcome: Outcome::Unresolved, cost };
    };
    let config = asking.config;
    let ways = config.ways(ranges.versions(target.range), ranges.credentials(target.range));
    let Some((first, others)) = ways.split_first() else {
        return Probed { target, address: Some(address), outcome: Outcome::Silent, cost };
    };
    let mut outcome = ask(config, pacer, &target, address, first, &mut cost).await;
    if matches!(outcome, Outcome::Silent) {
        let up = known.contains(&address) || is_up(asking, pacer, address, &mut cost).await;
        if up || asking.depth == Depth::Thorough {
            // The first way once more, at the end: its packet may have been lost.
            let again: Vec<Way> = others.iter().chain([first]).cloned().collect();
            outcome = ask_all(config, pacer, &target, address, &again, &mut cost).await;
        }
        if up && matches!(outcome, Outcome::Silent) {
            outcome = Outcome::Mute;
        }
    }
    Probed { target, address: Some(address), outcome, cost }
}

/// Liveness of an address that is silent to SNMP. TCP only where pings are not allowed, and only in thorough passes: three
/// attempts cost more than the whole rest.
async fn is_up(asking: &Asking<'_>, pacer: &Pacer, address: IpAddr, cost: &mut Cost) -> bool {
    let timeout = asking.config.ping_timeout();
    if let Some(pinger) = &asking.pinger {
        for _ in 0..=asking.config.ping_retries {
            pacer.wait().await;
            let (answered, more) = pinger.ping(address, timeout).await;
            *cost += more;
            if answered {
                return true;
            }
        }
        return false;
    }
    if asking.depth == Depth::Quick || !asking.config.ping {
        return false;
    }
    for port in PRINTER_PORTS {
        pacer.wait().await;
        if tcp(address, port, timeout).await != Port::Silent {
            return true;
        }
    }
    false
}

/// One way after the other until one is answered; else the most telling of what came.
async fn ask_all(
    config: &SnmpConfig,
    pacer: &Pacer,
    target: &Target,
    address: IpAddr,
    ways: &[Way],
    cost: &mut Cost,
) -> Outcome {
    let mut best = Outcome::Silent;
    let mut without_v3 = false;
    for way in ways {
        // The engine of v3 is the same for all users: silent to one, silent to all.
        if way.version == Version::V3 && without_v3 {
            continue;
        }
        match ask(config, pacer, target, address, way, cost).await {
            found @ Outcome::Found(_) => return found,
            // A host that refuses the port refuses it in every version.
            closed @ (Outcome::Refused | Outcome::NotRouted) => return closed,
            locked @ Outcome::Locked(_) => best = locked,
            Outcome::Silent | Outcome::Mute | Outcome::Unresolved => without_v3 |= way.version == Version::V3,
        }
    }
    best
}

/// One address in one way.
async fn ask(
    config: &SnmpConfig,
    pacer: &Pacer,
    target: &Target,
    address: IpAddr,
    way: &Way,
    cost: &mut Cost,
) -> Outcome {
    let at = At { address, port: target.port, version: way.version, credential: way.credential.clone() };
    let mut client = at.client(config, config.discovery_timeout(), config.snmp_discovery_retries);
    let answer = object_id(&mut client, pacer, config.snmp_discovery_retries).await;
    let outcome = match answer {
        Ok(object_id) => {
            let found = describe(&mut client, at, object_id, &target.host, config.snmp_retries).await;
            Outcome::Found(Box::new(found))
        }
        Err(SnmpError::Refused) => Outcome::Refused,
        Err(SnmpError::NotRouted) => Outcome::NotRouted,
        Err(SnmpError::Usm(error)) => Outcome::Locked(error),
        Err(_) => Outcome::Silent,
    };
    *cost += client.cost();
    outcome
}

/// The probe: sysObjectID. A device that lacks it still shows that it is there.
async fn object_id(client: &mut Client, pacer: &Pacer, retries: u32) -> Result<Option<Value>, SnmpError> {
    let oid = Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR);
    let mut tries = 0;
    loop {
        pacer.wait().await;
        match client.get(std::slice::from_ref(&oid)).await {
            Ok(binds) => return Ok(binds.into_iter().find(|(name, _)| *name == oid).and_then(|(_, value)| value)),
            Err(SnmpError::Status { .. } | SnmpError::Unusable(_)) => return Ok(None),
            Err(error @ SnmpError::NoAnswer) => {
                tries += 1;
                if tries > retries {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn describe(client: &mut Client, at: At, object_id: Option<Value>, host: &Host, retries: u32) -> Found {
    let descr = Oid::of(mib::SYS_DESCR, mib::SCALAR);
    let description = crate::snmp::fetch::instances(client, std::slice::from_ref(&descr))
        .await
        .ok()
        .and_then(|fetched| fetched.table.get(descr.arcs()).and_then(Value::bytes).map(label))
        .unwrap_or_default();
    let mut printer = printer_test::ask(client, object_id.as_ref()).await;
    for _ in 0..retries {
        if printer != Err(SnmpError::NoAnswer) {
            break;
        }
        printer = printer_test::ask(client, object_id.as_ref()).await;
    }
    Found {
        at,
        name: match host {
            Host::Name(name) => Some(name.clone()),
            Host::Address(_) => None,
        },
        object_id: object_id.as_ref().and_then(Value::oid).map(Oid::to_string).unwrap_or_default(),
        description,
        kind: if printer == Ok(true) { Kind::Printer } else { Kind::NotAPrinter },
    }
}

/// The first address of a name, IPv4 before IPv6.
pub async fn resolve(name: &str, port: u16) -> Option<IpAddr> {
    let mut addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, port)).await.ok()?.collect();
    // IPv4 first: printers with both answer SNMP on it more often.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.first().map(SocketAddr::ip)
}

/// Lets packets go one after another at a rate.
struct Pacer {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pacer {
    fn new(packets_per_second: u32) -> Self {
        Self { gap: Duration::from_secs(1) / packets_per_second.max(1), next: Mutex::new(Instant::now()) }
    }

    async fn wait(&self) {
        let slot = {
            let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let slot = (*next).max(Instant::now());
            *next = slot + self.gap;
            slot
        };
        tokio::time::sleep_until(slot).await;
    }
}
