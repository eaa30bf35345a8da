//! Reads devices: once in full when they are found and once a day, in between only what changes, in few packets.
//!
//! A device that does not answer yields a poll with an outcome and no values; nothing is ever carried over from an earlier
//! poll. The table of answers is decoded by pure functions; only [`first_read`] and [`refresh`] do IO.

pub mod alerts;
pub mod counters;
pub mod full;
pub mod identity;
pub mod packets;
pub mod plan;
pub mod profile;
mod refresh;
pub mod schedule;
pub mod status;
pub mod supplies;
pub mod text;
pub mod trays;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use schemas::limits::{ALERTS_MAX, SUPPLIES_MAX};
use schemas::wire::{Device, Info, Outcome, Poll};
use serde::{Deserialize, Serialize};

use crate::snmp::{Client, Oid, SnmpConfig, SnmpError, Table, Version, mib};
use crate::taken::Polled;
use plan::{Plan, Role};
use profile::Profile;

pub use refresh::refresh;

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
    /// Indexes of the alerts that were open.
    pub alerts: Vec<Vec<u32>>,
}

impl Known {
    /// Whether the next poll reads everything: daily, at once for an address at which another device was seen, and at most
    /// every four hours because of changes (some devices count a change at each waking).
    pub fn full_due(&self, now: Duration, every: Duration) -> bool {
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
    let full = full::read(&mut client, full::Depth::Poll).await.map_err(|error| match error {
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
    Ok(adopt(at, &full, &client, now))
}

/// Makes an inventory entry and a poll of a full read. Pure.
pub fn adopt(at: &At, full: &full::Full, client: &Client, now: Duration) -> (Known, Polled) {
    let table = &full.table;
    let profile = Profile::of(identity::enterprise(table));
    let device = identity::device(table, &profile);
    let serial = identity::serial(table, &profile);
    // Many devices share a placeholder: it cannot tell one from another.
    let telling = serial.as_ref().filter(|serial| schemas::device::normal_serial(&serial.text).is_some());
    let plan = Plan::of(table, &profile, telling.map(|serial| &serial.oid));
    let known = Known {
        at: at.clone(),
        object_id: object_id(table),
        identity: identity_value(table, &plan),
        packet_oids: client.packet_oids,
        bulk: at.version != Version::V1,
        last_full: Some(now),
        full_wanted: !full.complete,
        config_changes: config_changes(table, &plan),
        alerts: alerts::rows(table).into_iter().map(|row| row.index).collect(),
        device: device.clone(),
        plan,
    };
    let outcome = if full.complete { Outcome::Complete } else { Outcome::Partial };
    let mut poll = readings(table, &known.plan, outcome);
    poll.info = Some(Box::new(info(table, at.address)));
    let polled = Polled { device, poll, plan: known.plan.items(), cost: client.cost(), ..Polled::default() };
    (known, polled)
}

/// What a table says, as a poll. Only what is in the table gets into it.
fn readings(table: &Table, plan: &Plan, outcome: Outcome) -> Poll {
    let mut supplies: Vec<_> = supplies::rows(table).iter().map(supplies::SupplyRow::wire).collect();
    supplies.truncate(SUPPLIES_MAX);
    let mut trays: Vec<_> = trays::rows(table).iter().map(trays::TrayRow::wire).collect();
    trays.truncate(SUPPLIES_MAX);
    let mut alerts: Vec<_> = alerts::rows(table).iter().map(alerts::AlertRow::wire).collect();
    alerts.truncate(ALERTS_MAX);
    Poll {
        outcome: outcome as u8,
        counters: counters::read(table, &plan.cells),
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

fn info(table: &Table, address: IpAddr) -> Info {
    let scalar = |object: &[u32]| table.bytes(object, mib::SCALAR).map(text::label).filter(|text| !text.is_empty());
    Info {
        address: Some(address.to_string()),
        host_name: scalar(mib::SYS_NAME),
        location: scalar(mib::SYS_LOCATION),
        contact: scalar(mib::SYS_CONTACT),
        firmware: None,
        description: scalar(mib::SYS_DESCR),
        console: Some(console(table).join(" | ")).filter(|text| !text.is_empty()),
    }
}

/// Lines of the operator panel that are not empty.
pub fn console(table: &Table) -> Vec<String> {
    table
        .column(mib::PRT_CONSOLE_DISPLAY_BUFFER_TEXT)
        .filter_map(|(_, value)| value.bytes().map(text::label))
        .filter(|line| !line.is_empty())
        .take(16)
        .collect()
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
        Some(bytes) => text::label(bytes),
        None => value.oid().map(Oid::to_string).unwrap_or_default(),
    }
}

fn config_changes(table: &Table, plan: &Plan) -> Option<i64> {
    table.get(plan.cell(Role::ConfigChanges)?.oid.arcs())?.number()
}

#[cfg(test)]
mod tests;
