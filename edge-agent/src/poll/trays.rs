//! prtInputTable (RFC 3805): paper trays. A missing column costs a field, not the row.

use schemas::wire;

use super::text::{text, trimmed};
use crate::snmp::oid::dotted;
use crate::snmp::{Table, mib};

pub const COLUMNS: [&[u32]; 7] = [
    mib::PRT_INPUT_CAPACITY_UNIT,
    mib::PRT_INPUT_MAX_CAPACITY,
    mib::PRT_INPUT_CURRENT_LEVEL,
    mib::PRT_INPUT_STATUS,
    mib::PRT_INPUT_MEDIA_NAME,
    mib::PRT_INPUT_NAME,
    mib::PRT_INPUT_DESCRIPTION,
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrayRow {
    /// hrDeviceIndex, prtInputIndex.
    pub index: Vec<u32>,
    pub capacity_unit: Option<i64>,
    pub max: Option<i64>,
    pub level: Option<i64>,
    /// PrtSubUnitStatusTC.
    pub status: Option<i64>,
    pub media: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
}

impl TrayRow {
    /// The name of a tray is prtInputName, or its description where it has none.
    pub fn wire(&self) -> wire::Tray {
        let name = self.name.as_ref().filter(|name| !name.trim().is_empty()).or(self.description.as_ref());
        wire::Tray {
            index: dotted(&self.index),
            level: self.level,
            max: self.max,
            name: trimmed(name.map(String::as_str)),
            media: trimmed(self.media.as_deref()),
        }
    }
}

pub fn rows(table: &Table) -> Vec<TrayRow> {
    table
        .rows(&COLUMNS)
        .into_iter()
        .map(|index| TrayRow {
            capacity_unit: table.number(mib::PRT_INPUT_CAPACITY_UNIT, &index),
            max: table.number(mib::PRT_INPUT_MAX_CAPACITY, &index),
            level: table.number(mib::PRT_INPUT_CURRENT_LEVEL, &index),
            status: table.number(mib::PRT_INPUT_STATUS, &index),
            media: table.bytes(mib::PRT_INPUT_MEDIA_NAME, &index).map(text),
            name: table.bytes(mib::PRT_INPUT_NAME, &index).map(text),
            description: table.bytes(mib::PRT_INPUT_DESCRIPTION, &index).map(text),
            index,
        })
        .collect()
}
