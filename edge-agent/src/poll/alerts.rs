//! prtAlertTable (RFC 3805): what the device complains about.
//!
//! Rows come and go and take new indexes, so the table is always read from its top and never by known index.

use schemas::wire;

use super::text::{text, trimmed};
use crate::snmp::oid::dotted;
use crate::snmp::{Table, mib};

/// All columns, for a full read.
pub const COLUMNS: [&[u32]; 8] = [
    mib::PRT_ALERT_SEVERITY_LEVEL,
    mib::PRT_ALERT_TRAINING_LEVEL,
    mib::PRT_ALERT_GROUP,
    mib::PRT_ALERT_GROUP_INDEX,
    mib::PRT_ALERT_LOCATION,
    mib::PRT_ALERT_CODE,
    mib::PRT_ALERT_DESCRIPTION,
    mib::PRT_ALERT_TIME,
];

/// What a refresh reads: all that tells one alert from another, and its text.
pub const REFRESHED: [&[u32]; 6] = [
    mib::PRT_ALERT_SEVERITY_LEVEL,
    mib::PRT_ALERT_GROUP,
    mib::PRT_ALERT_GROUP_INDEX,
    mib::PRT_ALERT_LOCATION,
    mib::PRT_ALERT_CODE,
    mib::PRT_ALERT_DESCRIPTION,
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertRow {
    /// hrDeviceIndex, prtAlertIndex.
    pub index: Vec<u32>,
    pub severity: Option<i64>,
    pub training: Option<i64>,
    pub group: Option<i64>,
    pub group_index: Option<i64>,
    pub location: Option<i64>,
    pub code: Option<i64>,
    pub description: Option<String>,
    /// prtAlertTime, sysUpTime when the alert came, hundredths of a second.
    pub time_ticks: Option<i64>,
}

impl AlertRow {
    pub fn wire(&self) -> wire::Alert {
        let small = |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok());
        wire::Alert {
            index: dotted(&self.index),
            severity: small(self.severity),
            training: small(self.training),
            group: small(self.group),
            group_index: small(self.group_index),
            location: small(self.location),
            code: small(self.code),
            text: trimmed(self.description.as_deref()),
        }
    }
}

pub fn rows(table: &Table) -> Vec<AlertRow> {
    table
        .rows(&COLUMNS)
        .into_iter()
        .map(|index| AlertRow {
            severity: table.number(mib::PRT_ALERT_SEVERITY_LEVEL, &index),
            training: table.number(mib::PRT_ALERT_TRAINING_LEVEL, &index),
            group: table.number(mib::PRT_ALERT_GROUP, &index),
            group_index: table.number(mib::PRT_ALERT_GROUP_INDEX, &index),
            location: table.number(mib::PRT_ALERT_LOCATION, &index),
            code: table.number(mib::PRT_ALERT_CODE, &index),
            description: table.bytes(mib::PRT_ALERT_DESCRIPTION, &index).map(text),
            time_ticks: table.number(mib::PRT_ALERT_TIME, &index),
            index,
        })
        .collect()
}
