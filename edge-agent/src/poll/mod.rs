//! Reads devices: once in full when they are found and once a day, in between only what changes, in few packets.
//!
//! A device that does not answer yields a poll with an outcome and no values; nothing is ever carried over from an earlier
//! poll. The table of answers is decoded by pure functions; only [`first_read`] and [`refresh`] do IO.

pub mod alert_names;
pub mod alerts;
pub mod charset;
mod charset_tables;
pub mod checks;
pub mod counters;
pub mod description;
pub mod device_id;
pub mod finisher;
pub mod full;
pub mod identity;
pub mod meter;
pub mod pace;
pub mod packets;
pub mod plan;
pub mod profile;
mod refresh;
pub mod schedule;
pub mod status;
pub mod supplies;
pub mod text;
pub mod total;
pub mod trays;
pub mod words;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use schemas::limits::{ALERTS_MAX, SUPPLIES_MAX};
use schemas::wire::{Device, Info, Outcome, Poll};
use serde::{Deserialize, Serialize};

use crate::snmp::{Client, Oid, SnmpConfig, SnmpError, Table, Value, Version, mib};
use crate::taken::Polled;
use plan::{Plan, Role};
use profile::Profile;

pub use refresh::{refresh, refresh_part};

/// Where and how a device answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct At {
    pub address: IpAddr,
    pub port: u16,
    pub version: Version,
    /// Name of the credential; the secret itself is never kept.
    #[serde(alias = "community", deserialize_with = "crate::inventory::credential_name")]
    pub credential: String,
}

impl At {
    /// A conversation with the device.
    pub fn client(&self, config: &SnmpConfig, timeout: Duration, retries: u32) -> Client {
        let login = config.login(self.version, &self.credential);
        let address = SocketAddr::new(self.address, self.port);
        let mut client = Client::new(address, self.version, login, timeout, retries).with_engines(&config.engines);
        client.packet_oids = config.max_oids_per_packet;
        client
    }
}

/// An entry of the inventory: a device that was read in full at least once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub at: At,
    pub device: Device,
    /// sysObjectID.
    pub object_id: String,
    pub plan: Plan,
    /// What the identity object of the plan said.
    pub identity: String,
    /// Values that the device takes in one packet.
    pub packet_oids: usize,
    /// Whether its GETBULK can be relied on.
    pub bulk: bool,
    /// When it was last read in full, on the steady clock of this boot.
    pub last_full: Option<Duration>,
    /// Something changed that only a full read shows.
    pub full_wanted: bool,
    pub config_changes: Option<i64>,
    /// Indexes of the rows of the alert table.
    pub alerts: Vec<Vec<u32>>,
    /// Alerts that were told to have opened, so that each is told once, over restarts too.
    #[serde(default)]
    pub open: Vec<alerts::OpenAlert>,
    /// Sums among the meters that were told not to hold.
    #[serde(default)]
    pub contradictions: Vec<String>,
}

impl Known {
    /// Whether the next poll reads everything: daily, at once for an address at which another device was seen, and at most
    /// every four hours because of changes (some devices count a change at each waking).
    pub fn full_due(&self, now: Duration, every: Duration) -> bool {
        // What an agent of another version left is made anew.
        if self.plan.format != plan::FORMAT {
            return true;
        }
        let Some(last) = self.last_full else { return true };
        // A stamp ahead of now is from before a restart of the host.
        let Some(age) = now.checked_sub(last) else { return true };
        age >= every || (self.full_wanted && age >= FULL_GAP)
    }

    /// Whether the device asks for a poll out of turn: another one was seen at its address.
    pub fn wanted(&self) -> bool {
        self.last_full.is_none()
    }
}

const FULL_GAP: Duration = Duration::from_secs(4 * 3_600);

/// Why a device could not be read for the first time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    #[error("{address} does not answer SNMP: check power, network, community and version")]
    NoAnswer { address: IpAddr },
    #[error("{address} refuses SNMP: switch it on in the device")]
    Refused { address: IpAddr },
    #[error("{address} answers what cannot be used: {reason}")]
    Unusable { address: IpAddr, reason: String },
    #[error("{address} answers SNMP but is no printer: it has no object of the Printer MIB (RFC 3805)")]
    NotAPrinter { address: IpAddr },
}

/// Reads a device in full for the first time. `now` = steady clock.
pub async fn first_read(config: &SnmpConfig, at: &At, now: Duration) -> Result<(Known, Polled), PollError> {
    let address = at.address;
    let mut client = at.client(config, config.request_timeout(), config.snmp_retries);
    let full = full::read(&mut client, &config.profiles, full::Depth::Poll).await.map_err(|error| match error {
        SnmpError::NoAnswer => PollError::NoAnswer { address },
        SnmpError::Refused => PollError::Refused { address },
        other => PollError::Unusable { address, reason: other.to_string() },
    })?;
    if !full.identified {
        return Err(PollError::Unusable { address, reason: "it stopped answering before it said who it is".into() });
    }
    if !crate::discover::printer_test::is_printer(&full.table) {
        return Err(PollError::NotAPrinter { address });
    }
    let (known, mut polled) = adopt(at, &full, &client, now);
    polled.events = known.news(&[], &[]);
    Ok((known, polled))
}

/// Makes an inventory entry and a poll of a full read. Pure.
pub fn adopt(at: &At, full: &full::Full, client: &Client, now: Duration) -> (Known, Polled) {
    let (table, profile) = (&full.table, &full.profile);
    let device = identity::device(table, profile);
    let plan = Plan::of(table, profile, telling_serial(table, profile).as_ref());
    let outcome = if full.complete { Outcome::Complete } else { Outcome::Partial };
    let poll = whole_poll(full, &plan, at.address, outcome);
    let open = if full.alerts_known { alerts::open(&alerts::rows(table)) } else { Vec::new() };
    let known = Known {
        at: at.clone(),
        object_id: object_id(table),
        identity: identity_value(table, &plan),
        packet_oids: client.packet_oids,
        bulk: at.version != Version::V1 && !profile.quirks().no_bulk,
        last_full: Some(now),
        full_wanted: !full.complete,
        config_changes: config_changes(table, &plan),
        alerts: alerts::rows(table).into_iter().map(|row| row.index).collect(),
        contradictions: contradictions(&plan, &poll, &[]),
        open,
        device: device.clone(),
        plan,
    };
    let polled = Polled { device, poll, plan: known.plan.items(), cost: client.cost(), ..Polled::default() };
    (known, polled)
}

/// The object of the serial number. Many devices share a placeholder: it cannot tell one from another.
fn telling_serial(table: &Table, profile: &Profile) -> Option<Oid> {
    let serial = identity::serial(table, profile)?;
    let by_itself = !matches!(serial.basis, identity::SerialBasis::Description | identity::SerialBasis::DeviceId);
    (by_itself && schemas::device::normal_serial(&serial.text).is_some()).then_some(serial.oid)
}

/// The poll of a full read: all values, and what describes the device.
fn whole_poll(full: &full::Full, plan: &Plan, address: IpAddr, outcome: Outcome) -> Poll {
    let (table, profile) = (&full.table, &full.profile);
    let mut poll = readings(table, plan, outcome);
    for supply in &mut poll.supplies {
        let index: Vec<u32> = supply.index.split('.').filter_map(|arc| arc.parse().ok()).collect();
        let (serial, part) = profile.supply_numbers(table, &index);
        supply.serial = serial.unwrap_or(std::mem::take(&mut supply.serial));
        supply.part = part.unwrap_or(std::mem::take(&mut supply.part));
    }
    poll.supplies.retain(|supply| !supply.index.starts_with("x."));
    poll.supplies.extend(plan.vendor_supplies.iter().filter_map(|supply| supply.wire(table, true)));
    poll.supplies.truncate(SUPPLIES_MAX);
    poll.finishing = finisher::wire(table);
    poll.finishing.truncate(SUPPLIES_MAX);
    poll.info = Some(Box::new(info(table, profile, address)));
    poll
}

/// The sums among the meters that do not hold. What was told before and cannot be checked now stands.
fn contradictions(plan: &Plan, poll: &Poll, before: &[String]) -> Vec<String> {
    let checks = checks::all(&plan.meters, &poll.counters);
    let unchecked = before.iter().filter(|text| !checks.iter().any(|check| check.text == **text)).cloned();
    let mut failed: Vec<String> = checks.iter().filter(|check| !check.holds).map(|check| check.text.clone()).collect();
    failed.extend(unchecked);
    failed.sort_unstable();
    failed
}

impl Known {
    /// Events for alerts that opened or closed, and sums that began or ceased to hold, since `open` and `contradictions`.
    fn news(&self, open: &[alerts::OpenAlert], contradictions: &[String]) -> Vec<alerts::Happened> {
        let mut events = alerts::changes(open, &self.open);
        if self.contradictions != contradictions {
            let what = self.contradictions.join("; ");
            let kind = if what.is_empty() { "meters-agree" } else { "meters-contradict" };
            events.push((kind.to_owned(), vec![("sums".to_owned(), what)]));
        }
        events
    }
}

/// What a table says, as a poll. Only what is in the table gets into it.
fn readings(table: &Table, plan: &Plan, outcome: Outcome) -> Poll {
    let charset = plan.charset.and_then(charset::Charset::of);
    let mut supplies: Vec<_> = supplies::rows_in(table, charset).iter().map(|row| row.wire((None, None))).collect();
    supplies.extend(plan.vendor_supplies.iter().filter_map(|supply| supply.wire(table, false)));
    supplies.truncate(SUPPLIES_MAX);
    let mut trays: Vec<_> = trays::rows_in(table, charset).iter().map(trays::TrayRow::wire).collect();
    trays.truncate(SUPPLIES_MAX);
    let mut alerts: Vec<_> = alerts::rows_in(table, charset).iter().map(alerts::AlertRow::wire).collect();
    alerts.truncate(ALERTS_MAX);
    Poll {
        outcome: outcome as u8,
        counters: counters::read(table, &plan.meters),
        supplies,
        trays,
        alerts,
        status: status::codes(table, plan.device),
        uptime: table.number(mib::SYS_UP_TIME, mib::SCALAR).and_then(|ticks| u32::try_from(ticks / 100).ok()),
        plan: plan.hash(),
        ..Poll::default()
    }
}

/// A poll that brought no values.
fn without_values(known: &Known, outcome: Outcome, client: &Client) -> Polled {
    Polled {
        device: known.device.clone(),
        poll: Poll { outcome: outcome as u8, ..Poll::default() },
        cost: client.cost(),
        ..Polled::default()
    }
}

fn info(table: &Table, profile: &Profile, address: IpAddr) -> Info {
    let charset = charset::declared_enum(table, profile).and_then(charset::Charset::of);
    let scalar = |object: &[u32]| {
        let text = text::text_in(table.bytes(object, mib::SCALAR)?, charset).trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let firmware: Vec<String> =
        identity::firmware(table, profile).into_iter().map(|(part, version)| format!("{part} {version}")).collect();
    Info {
        address: Some(address.to_string()),
        host_name: identity::host_name(table, profile),
        location: scalar(mib::SYS_LOCATION),
        contact: scalar(mib::SYS_CONTACT),
        firmware: Some(firmware.join("; ")).filter(|text| !text.is_empty()),
        description: scalar(mib::SYS_DESCR),
        console: Some(console(table, profile).join(" | ")).filter(|text| !text.is_empty()),
    }
}

/// Lines of the operator panel that are not empty; without the standard's console, what the maker keeps.
pub fn console(table: &Table, profile: &Profile) -> Vec<String> {
    let charset = charset::declared_enum(table, profile).and_then(charset::Charset::of);
    let lines = |values: Vec<&Value>| -> Vec<String> {
        let texts = values.into_iter().filter_map(|value| value.bytes().map(|bytes| text::text_in(bytes, charset)));
        texts.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).take(16).collect()
    };
    let standard = lines(table.column(mib::PRT_CONSOLE_DISPLAY_BUFFER_TEXT).map(|(_, value)| value).collect());
    if !standard.is_empty() {
        return standard;
    }
    let own = profile.consoles();
    lines(own.iter().filter_map(|oid| table.get(oid.arcs())).collect())
}

fn object_id(table: &Table) -> String {
    table.at(mib::SYS_OBJECT_ID, mib::SCALAR).and_then(|value| value.oid()).map(Oid::to_string).unwrap_or_default()
}

/// What the identity object of a plan says: text, or the address in it, or the object id. Empty if it is absent.
fn identity_value(table: &Table, plan: &Plan) -> String {
    let Some(cell) = plan.cell(Role::Identity) else { return String::new() };
    let Some(value) = table.get(cell.oid.arcs()) else { return String::new() };
    match value.bytes() {
        Some(bytes) if cell.oid.below(mib::IF_PHYS_ADDRESS).is_some() => text::mac(bytes).unwrap_or_default(),
        Some(bytes) => text::pml(bytes),
        None => value.oid().map(Oid::to_string).unwrap_or_default(),
    }
}

fn config_changes(table: &Table, plan: &Plan) -> Option<i64> {
    table.get(plan.cell(Role::ConfigChanges)?.oid.arcs())?.number()
}

#[cfg(test)]
mod news_tests;
#[cfg(test)]
mod tests;
