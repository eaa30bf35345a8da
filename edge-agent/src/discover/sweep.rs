//! One pass over the ranges: a packet to each address, more only to those that answer.
//!
//! First every address in v2c, for each community, until it answers; then v1 on silent addresses that answered earlier and
//! on those of small ranges, which is also the second chance of a device whose first packet was lost. A printer that
//! answers v1 is asked once more in v2c, because that costs fewer packets for ever after.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::Instant;

use super::printer_test;
use super::ranges::{Host, Ranges, Target};
use crate::poll::At;
use crate::poll::text::label;
use crate::snmp::{Client, Oid, SnmpConfig, SnmpError, Value, Version, mib};
use crate::taken::Cost;

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

/// How far a sweep is. Addresses are counted once per pass.
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
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Swept {
    let pacer = Pacer::new(config.packets_per_second);
    let mut sweep = Sweep { swept: Swept::default(), done: Progress::default(), progress };
    let mut again = Vec::new();
    {
        let mut probes = stream::iter(ranges.targets())
            .map(|target| first_pass(config, ranges, &pacer, target))
            .buffer_unordered(config.in_flight.max(1));
        while let Some(result) = probes.next().await {
            let address = result.address;
            let versions = ranges.versions(result.target.range);
            let both = versions.contains(&Version::V1) && versions.contains(&Version::V2c);
            let worth_it =
                address.is_some_and(|address| known.contains(&address)) || ranges.is_small(result.target.range);
            match (&result.outcome, address) {
                // A host that refuses the port refuses it in every version.
                (Outcome::Silent, Some(address)) if both && worth_it => {
                    again.push((result.target.clone(), address));
                    sweep.count(result, false);
                }
                _ => sweep.count(result, true),
            }
        }
    }
    let mut probes = stream::iter(again)
        .map(|(target, address)| second_pass(config, &pacer, target, address))
        .buffer_unordered(config.in_flight.max(1));
    while let Some(result) = probes.next().await {
        sweep.count(result, true);
    }
    drop(probes);
    let mut swept = sweep.swept;
    swept.found.sort_by(|a, b| a.at.cmp(&b.at));
    swept.found.dedup_by(|a, b| (a.at.address, a.at.port) == (b.at.address, b.at.port));
    swept
}

/// Asks one address with every version and community, whatever the ranges say: for `read` and `diagnose`.
pub async fn probe(config: &SnmpConfig, host: &str, port: u16) -> Result<Found, SnmpError> {
    let pacer = Pacer::new(config.packets_per_second);
    let address = match host.parse() {
        Ok(address) => address,
        Err(_) => resolve(host, port).await.ok_or_else(|| SnmpError::Local(format!("{host:?} has no address")))?,
    };
    let target = Target { host: Host::Address(address), port, range: 0 };
    let mut refused = false;
    let retried = SnmpConfig { snmp_discovery_retries: config.snmp_retries, ..config.clone() };
    for version in [Version::V2c, Version::V1] {
        let result = ask(&retried, &pacer, target.clone(), address, version, config.request_timeout()).await;
        match result.outcome {
            Outcome::Found(mut found) => {
                found.name = (host != address.to_string()).then(|| host.to_owned());
                return Ok(*found);
            }
            Outcome::Refused => refused = true,
            Outcome::Silent | Outcome::Unresolved => {}
        }
    }
    Err(if refused { SnmpError::Refused } else { SnmpError::NoAnswer })
}

struct Sweep<'a> {
    swept: Swept,
    done: Progress,
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl Sweep<'_> {
    fn count(&mut self, result: Probed, last: bool) {
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
            (Outcome::Refused, Some(address)) if last => self.swept.refused.push(address),
            (Outcome::Silent, _) if last => self.swept.silent += 1,
            (Outcome::Unresolved, _) => {
                if let Host::Name(name) = result.target.host {
                    self.swept.unresolved.push(name);
                }
            }
            (Outcome::Refused | Outcome::Silent, _) => {}
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
    Silent,
    Unresolved,
}

async fn first_pass(config: &SnmpConfig, ranges: &Ranges, pacer: &Pacer, target: Target) -> Probed {
    let address = match &target.host {
        Host::Address(address) => Some(*address),
        Host::Name(name) => resolve(name, target.port).await,
    };
    let Some(address) = address.filter(|address| !ranges.excludes(target.range, *address)) else {
        return Probed { target, address: None, outcome: Outcome::Unresolved, cost: Cost::default() };
    };
    if !ranges.versions(target.range).contains(&Version::V2c) {
        return ask(config, pacer, target, address, Version::V1, config.discovery_timeout()).await;
    }
    ask(config, pacer, target, address, Version::V2c, config.discovery_timeout()).await
}

async fn second_pass(config: &SnmpConfig, pacer: &Pacer, target: Target, address: IpAddr) -> Probed {
    let mut result = ask(config, pacer, target.clone(), address, Version::V1, config.discovery_timeout()).await;
    if let Outcome::Found(found) = &result.outcome
        && found.kind == Kind::Printer
    {
        let community = found.at.community;
        let only = SnmpConfig {
            communities: config.communities.get(community).cloned().into_iter().collect(),
            ..config.clone()
        };
        let mut upgraded = ask(&only, pacer, target, address, Version::V2c, config.discovery_timeout()).await;
        upgraded.cost += result.cost;
        if let Outcome::Found(found) = &mut upgraded.outcome {
            found.at.community = community;
            return upgraded;
        }
        result.cost = upgraded.cost;
    }
    result
}

/// One address in one version, community after community.
async fn ask(
    config: &SnmpConfig,
    pacer: &Pacer,
    target: Target,
    address: IpAddr,
    version: Version,
    timeout: Duration,
) -> Probed {
    let mut cost = Cost::default();
    let mut outcome = Outcome::Silent;
    for community in 0..config.communities.len() {
        let at = At { address, port: target.port, version, community };
        let mut client = at.client(config, timeout, config.snmp_discovery_retries);
        let answer = object_id(&mut client, pacer, config.snmp_discovery_retries).await;
        match answer {
            Ok(object_id) => {
                let found = describe(&mut client, at, object_id, &target.host, config.snmp_retries).await;
                cost += client.cost();
                outcome = Outcome::Found(Box::new(found));
                break;
            }
            Err(error) => {
                cost += client.cost();
                if error == SnmpError::Refused {
                    outcome = Outcome::Refused;
                    break;
                }
            }
        }
    }
    Probed { target, address: Some(address), outcome, cost }
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

async fn resolve(name: &str, port: u16) -> Option<IpAddr> {
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
