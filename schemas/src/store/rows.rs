//! Row structs, one per table that ingest writes; field order = column order.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// What became of a payload, rising.
pub mod status {
    /// Undecodable or impossible; its bytes are kept.
    pub const REJECTED: u8 = 1;
    /// Of a newer version; its bytes are kept and decoded by `ingest retry` after an upgrade.
    pub const HELD: u8 = 2;
    /// Its rows are stored.
    pub const COMMITTED: u8 = 3;
}

/// The version with which the first delivery wins: the earlier received (Unix seconds), the higher.
pub fn version_of(received: u32) -> u32 {
    u32::MAX - received
}

/// `polls`: DateTime columns are Unix seconds, Date columns days since 1970-01-01.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct PollRow {
    pub tenant: String,
    pub device: String,
    pub ts: u32,
    pub cn: String,
    pub received: u32,
    pub version: u32,
    pub epoch: u64,
    pub seq: u64,
    pub id: [u8; 16],
    pub site: String,
    pub zone: String,
    pub local_day: u16,
    pub clock: u8,
    pub outcome: u8,
    pub basis: u8,
    pub maker: String,
    pub model: String,
    pub serial: String,
    pub mac: String,
    pub total: Option<i64>,
    pub mono: Option<i64>,
    pub color: Option<i64>,
    pub print: Option<i64>,
    pub print_mono: Option<i64>,
    pub print_color: Option<i64>,
    pub copy: Option<i64>,
    pub copy_mono: Option<i64>,
    pub copy_color: Option<i64>,
    pub fax: Option<i64>,
    pub scan: Option<i64>,
    pub a3: Option<i64>,
    pub a3_mono: Option<i64>,
    pub a3_color: Option<i64>,
    pub duplex: Option<i64>,
    pub extra: Vec<(String, i64)>,
    pub uptime: Option<u32>,
    pub device_status: Option<i32>,
    pub printer_status: Option<i32>,
    pub errors: Option<u32>,
    pub plan: String,
    #[serde(rename = "supplies.slot")]
    pub supplies_slot: Vec<String>,
    #[serde(rename = "supplies.level")]
    pub supplies_level: Vec<Option<i64>>,
    #[serde(rename = "supplies.max")]
    pub supplies_max: Vec<Option<i64>>,
    #[serde(rename = "supplies.unit")]
    pub supplies_unit: Vec<Option<i32>>,
    #[serde(rename = "supplies.class")]
    pub supplies_class: Vec<Option<i32>>,
    #[serde(rename = "supplies.kind")]
    pub supplies_kind: Vec<Option<i32>>,
    #[serde(rename = "supplies.color")]
    pub supplies_color: Vec<String>,
    #[serde(rename = "supplies.description")]
    pub supplies_description: Vec<String>,
    #[serde(rename = "supplies.serial")]
    pub supplies_serial: Vec<String>,
    #[serde(rename = "supplies.part")]
    pub supplies_part: Vec<String>,
    #[serde(rename = "trays.slot")]
    pub trays_slot: Vec<String>,
    #[serde(rename = "trays.level")]
    pub trays_level: Vec<Option<i64>>,
    #[serde(rename = "trays.max")]
    pub trays_max: Vec<Option<i64>>,
    #[serde(rename = "trays.name")]
    pub trays_name: Vec<String>,
    #[serde(rename = "trays.media")]
    pub trays_media: Vec<String>,
    #[serde(rename = "alerts.slot")]
    pub alerts_slot: Vec<String>,
    #[serde(rename = "alerts.severity")]
    pub alerts_severity: Vec<Option<i32>>,
    #[serde(rename = "alerts.training")]
    pub alerts_training: Vec<Option<i32>>,
    #[serde(rename = "alerts.group")]
    pub alerts_group: Vec<Option<i32>>,
    #[serde(rename = "alerts.group_index")]
    pub alerts_group_index: Vec<Option<i32>>,
    #[serde(rename = "alerts.location")]
    pub alerts_location: Vec<Option<i32>>,
    #[serde(rename = "alerts.code")]
    pub alerts_code: Vec<Option<i32>>,
    #[serde(rename = "alerts.text")]
    pub alerts_text: Vec<String>,
    pub address: Option<String>,
    pub host_name: Option<String>,
    pub location: Option<String>,
    pub contact: Option<String>,
    pub firmware: Option<String>,
    pub description: Option<String>,
    pub console: Option<String>,
}

impl PollRow {
    /// Puts a value into the column of a canonical meter; `false` if the meter has none.
    pub fn set_meter(&mut self, name: &str, value: i64) -> bool {
        let column = match name {
            "total" => &mut self.total,
            "mono" => &mut self.mono,
            "color" => &mut self.color,
            "print" => &mut self.print,
            "print_mono" => &mut self.print_mono,
            "print_color" => &mut self.print_color,
            "copy" => &mut self.copy,
            "copy_mono" => &mut self.copy_mono,
            "copy_color" => &mut self.copy_color,
            "fax" => &mut self.fax,
            "scan" => &mut self.scan,
            "a3" => &mut self.a3,
            "a3_mono" => &mut self.a3_mono,
            "a3_color" => &mut self.a3_color,
            "duplex" => &mut self.duplex,
            _ => return false,
        };
        *column = Some(value);
        true
    }
}

/// `batches`.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct BatchRow {
    pub tenant: String,
    pub cn: String,
    pub epoch: u64,
    pub seq: u64,
    pub id: [u8; 16],
    pub status: u8,
    pub version: u64,
    pub received: u32,
    pub bytes: u32,
    pub records: u32,
    pub polls: u32,
    pub rejected_records: u32,
    pub reason: String,
    pub worker: String,
}

impl BatchRow {
    /// The version with which the highest status wins and then the first delivery.
    pub fn version_of(status: u8, received: u32) -> u64 {
        (u64::from(status) << 32) | u64::from(version_of(received))
    }
}

/// `kept`.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct KeptRow {
    pub tenant: String,
    pub cn: String,
    pub epoch: u64,
    pub seq: u64,
    pub id: [u8; 16],
    pub status: u8,
    pub version: u64,
    pub received: u32,
    pub reason: String,
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

/// `rejected_records`.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct RejectedRecordRow {
    pub tenant: String,
    pub cn: String,
    pub epoch: u64,
    pub seq: u64,
    pub id: [u8; 16],
    pub n: u32,
    pub version: u32,
    pub received: u32,
    pub reason: String,
    pub record: String,
}

/// `stats`.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct StatsRow {
    pub tenant: String,
    pub cn: String,
    pub epoch: u64,
    pub seq: u64,
    pub ts: u32,
    pub version: u32,
    pub received: u32,
    pub taken: u64,
    pub polls_taken: u64,
    pub oldest: u64,
    pub dropped: u64,
    pub polls_dropped: u64,
    pub spool_bytes: u64,
    pub disk_bytes: u64,
    pub devices: u32,
    pub lan_packets: u64,
    pub lan_bytes: u64,
    pub wan_bytes: u64,
    pub polls_failed: u64,
    pub agent_version: String,
    pub prior_epoch: Vec<u64>,
    pub prior_taken: Vec<u64>,
    pub prior_oldest: Vec<u64>,
}

/// `drops`.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct DropRow {
    pub tenant: String,
    pub cn: String,
    pub epoch: u64,
    pub from_seq: u64,
    pub to_seq: u64,
    pub cause: String,
    pub polls: u64,
    pub ts: u32,
    pub version: u32,
    pub received: u32,
}

/// `events`.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct EventRow {
    pub tenant: String,
    pub cn: String,
    pub ts: u32,
    pub kind: String,
    pub device: String,
    pub epoch: u64,
    pub seq: u64,
    pub n: u32,
    pub clock: u8,
    pub version: u32,
    pub received: u32,
    pub fields: Vec<(String, String)>,
}

/// `plans`.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct PlanRow {
    pub tenant: String,
    pub hash: String,
    pub device: String,
    pub ts: u32,
    pub version: u32,
    pub received: u32,
    #[serde(rename = "items.name")]
    pub items_name: Vec<String>,
    #[serde(rename = "items.oid")]
    pub items_oid: Vec<String>,
    #[serde(rename = "items.unit")]
    pub items_unit: Vec<i32>,
    #[serde(rename = "items.rule")]
    pub items_rule: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canonical_meter_has_a_column_and_nothing_else_has() {
        let mut row = PollRow::default();
        for name in crate::meter::CANONICAL {
            assert!(row.set_meter(name, 1), "{name}");
        }
        assert!(!row.set_meter("coverage", 1));
    }

    #[test]
    fn the_first_delivery_and_the_highest_status_win() {
        assert!(version_of(100) > version_of(101));
        assert!(BatchRow::version_of(status::COMMITTED, 200) > BatchRow::version_of(status::HELD, 100));
        assert!(BatchRow::version_of(status::COMMITTED, 100) > BatchRow::version_of(status::COMMITTED, 200));
    }
}
