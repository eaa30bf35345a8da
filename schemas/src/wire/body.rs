//! Body version 1: what was read, what happened, where values come from, and the agent's books.
//!
//! All structs have named fields with defaults, so that old readers ignore what is new and new readers fill in what is
//! missing. MIB enumerations travel as the integers of the MIB.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::capped;
use crate::limits::{
    ALERTS_MAX, COUNTERS_MAX, DEVICES_MAX, EVENT_FIELDS_MAX, PLAN_ITEMS_MAX, RECORDS_MAX, SUPPLIES_MAX,
};

/// Everything in one payload. Decodes alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Body {
    /// The site's name in the agent's configuration.
    pub site: String,
    /// IANA zone of the site.
    pub zone: String,
    /// Version of the zone database that the agent carries.
    pub tzdb: String,
    /// Devices that records refer to by index.
    #[serde(deserialize_with = "capped::list::<_, _, DEVICES_MAX>", skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    #[serde(deserialize_with = "capped::list::<_, _, RECORDS_MAX>")]
    pub records: Vec<Record>,
}

/// Raw identity strings, as the device gave them. Ingest derives the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// The number after 1.3.6.1.4.1 in sysObjectID (RFC 1213).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<u32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub maker: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// prtGeneralSerialNumber (RFC 3805) or the maker's own object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial: String,
    /// ifPhysAddress (RFC 1213) of the first real interface, `00:11:22:33:44:55`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
}

/// Exactly one field is set; a record of a kind that this reader does not know has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<Box<Poll>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Box<Event>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<Plan>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Box<Stats>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Box<Drop>>,
}

impl From<Poll> for Record {
    fn from(poll: Poll) -> Self {
        Self { poll: Some(Box::new(poll)), ..Self::default() }
    }
}

impl From<Event> for Record {
    fn from(event: Event) -> Self {
        Self { event: Some(Box::new(event)), ..Self::default() }
    }
}

impl From<Plan> for Record {
    fn from(plan: Plan) -> Self {
        Self { plan: Some(Box::new(plan)), ..Self::default() }
    }
}

impl From<Stats> for Record {
    fn from(stats: Stats) -> Self {
        Self { stats: Some(Box::new(stats)), ..Self::default() }
    }
}

impl From<Drop> for Record {
    fn from(drop: Drop) -> Self {
        Self { drop: Some(Box::new(drop)), ..Self::default() }
    }
}

/// How sure the agent was of a stamp.
pub mod clock {
    /// The server's time was known in this boot, or the stamp lies in order between two such.
    pub const SURE: u8 = 0;
    /// Stored and listed, never billed by itself.
    pub const UNSURE: u8 = 1;
}

/// What came of a poll. Travels as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// Everything that was asked for came.
    Complete = 0,
    /// Some values came.
    Partial = 1,
    /// Nothing came in time.
    NoAnswer = 2,
    /// The host is up and refuses UDP 161.
    Refused = 3,
    /// Answers came that could not be used.
    Unusable = 4,
    /// Another device answers at this address.
    Changed = 5,
}

impl Outcome {
    /// Whether a poll with this outcome carries readings.
    pub fn has_values(code: u8) -> bool {
        code == Self::Complete as u8 || code == Self::Partial as u8
    }
}

/// All readings of one device at one moment. Absent is absent, never 0; nothing is carried over from an earlier poll.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Poll {
    /// Unix seconds.
    pub ts: i64,
    /// [`clock`].
    #[serde(skip_serializing_if = "is_zero")]
    pub clock: u8,
    /// Index into [`Body::devices`].
    pub device: u32,
    /// [`Outcome`].
    #[serde(skip_serializing_if = "is_zero")]
    pub outcome: u8,
    /// Meter name → value, in the unit that the plan names.
    #[serde(deserialize_with = "capped::map::<_, _, _, COUNTERS_MAX>", skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, i64>,
    #[serde(deserialize_with = "capped::list::<_, _, SUPPLIES_MAX>", skip_serializing_if = "Vec::is_empty")]
    pub supplies: Vec<Supply>,
    #[serde(deserialize_with = "capped::list::<_, _, SUPPLIES_MAX>", skip_serializing_if = "Vec::is_empty")]
    pub trays: Vec<Tray>,
    #[serde(deserialize_with = "capped::list::<_, _, ALERTS_MAX>", skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusCodes>,
    /// sysUpTime in seconds (RFC 1213).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u32>,
    /// Hash of the [`Plan`] that says where the values come from.
    #[serde(with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<u8>,
    /// Descriptive strings; only in polls that read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<Box<Info>>,
}

/// A row of prtMarkerSuppliesTable (RFC 3805). Fields that this poll did not read are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Supply {
    /// hrDeviceIndex.prtMarkerSuppliesIndex, `1.3`. Holes are normal.
    pub index: String,
    /// prtMarkerSuppliesLevel; -1, -2, -3 are states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<i64>,
    /// prtMarkerSuppliesMaxCapacity; -1, -2 are states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// prtMarkerSuppliesSupplyUnit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<i32>,
    /// prtMarkerSuppliesClass: 3 consumed, 4 filled (level = room left).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<i32>,
    /// prtMarkerSuppliesType.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<i32>,
    /// prtMarkerColorantValue in lower case, `black`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub color: String,
    /// prtMarkerSuppliesDescription.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
}

/// A row of prtInputTable (RFC 3805).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tray {
    pub index: String,
    /// prtInputCurrentLevel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<i64>,
    /// prtInputMaxCapacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media: String,
}

/// A row of prtAlertTable (RFC 3805).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alert {
    pub index: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_index: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// hrDeviceStatus, hrPrinterStatus and hrPrinterDetectedErrorState (RFC 2790).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusCodes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printer: Option<i32>,
    /// Bit n of the RFC is bit n here, whatever the number of bytes on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<u32>,
}

/// Descriptive strings of a device. `None` = not read, or withheld by the site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
}

/// Something that happened to the agent or to a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    pub ts: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub clock: u8,
    /// `agent-started`, `device-found`, `device-moved`, `spool-lost`, …: a word, documented in docs/events.md.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    #[serde(deserialize_with = "capped::map::<_, _, _, EVENT_FIELDS_MAX>", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// Where the values of a device's polls come from. Content-addressed: `hash` = first 16 bytes of BLAKE3 over the
/// MessagePack of `items`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    #[serde(with = "serde_bytes")]
    pub hash: Vec<u8>,
    pub device: u32,
    pub ts: i64,
    #[serde(deserialize_with = "capped::list::<_, _, PLAN_ITEMS_MAX>")]
    pub items: Vec<PlanItem>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanItem {
    /// A meter, or `supplies.1.3.level`.
    pub name: String,
    /// Dotted decimal.
    pub oid: String,
    /// RFC 3805 PrtMarkerCounterUnitTC or PrtMarkerSuppliesSupplyUnitTC, 0 where there is none.
    #[serde(skip_serializing_if = "is_zero_i32")]
    pub unit: i32,
    /// How the value was made from the object, `raw` if it is the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
}

impl Plan {
    /// The content address of `items`.
    pub fn hash_of(items: &[PlanItem]) -> Vec<u8> {
        // Named MessagePack of plain structs cannot fail; an empty hash would be refused by ingest.
        let bytes = rmp_serde::to_vec_named(items).unwrap_or_default();
        blake3::hash(&bytes).as_bytes()[..16].to_vec()
    }
}

/// The agent's books and its measure of itself, as of `ts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    pub ts: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub clock: u8,
    /// Highest seq given in this epoch.
    pub taken: u64,
    /// Polls in the payloads given so far in this epoch.
    pub polls_taken: u64,
    /// Lowest seq still held, or given up under a drop record that is not settled; `taken + 1` when there is neither.
    pub oldest: u64,
    /// Seqs given up so far in this epoch, and the polls in them.
    pub dropped: u64,
    pub polls_dropped: u64,
    /// Bytes of payloads held, and on disk.
    pub spool_bytes: u64,
    pub disk_bytes: u64,
    pub devices: u32,
    /// SNMP at IP level (UDP payload + 28 bytes a packet), since the process started.
    pub lan_packets: u64,
    pub lan_bytes: u64,
    /// Payload bytes published, resends included, since the process started.
    pub wan_bytes: u64,
    pub polls_failed: u64,
    /// Agent version.
    pub version: String,
    /// Epochs before this one, as far as the counters file remembers them.
    #[serde(deserialize_with = "capped::list::<_, _, 16>", skip_serializing_if = "Vec::is_empty")]
    pub prior: Vec<PriorEpoch>,
}

/// What an earlier epoch had given, at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PriorEpoch {
    pub epoch: u64,
    pub taken: u64,
    /// Lowest seq that was not accounted for when the epoch ended: held, or its drop record not settled.
    pub oldest: u64,
}

/// Seqs that the agent had to give up, counted like any other record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drop {
    pub ts: i64,
    pub epoch: u64,
    /// First and last seq, both included.
    pub from: u64,
    pub to: u64,
    pub polls: u64,
    /// `cap`, `damaged`, `lost-spool`, `rejected-by-limit`.
    pub cause: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(value: &u8) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero_i32(value: &i32) -> bool {
    *value == 0
}
