//! prtInputTable and prtOutputTable (RFC 3805): paper trays. A missing column costs a field, not the row.

use schemas::wire;

use super::charset::{self, Charset};
use super::text::{text_in, trimmed};
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
    rows_in(table, charset::declared(table))
}

pub fn rows_in(table: &Table, charset: Option<Charset>) -> Vec<TrayRow> {
    let text = |object: &[u32], index: &[u32]| table.bytes(object, index).map(|bytes| text_in(bytes, charset));
    table
        .rows(&COLUMNS)
        .into_iter()
        .map(|index| TrayRow {
            capacity_unit: table.number(mib::PRT_INPUT_CAPACITY_UNIT, &index),
            max: table.number(mib::PRT_INPUT_MAX_CAPACITY, &index),
            level: table.number(mib::PRT_INPUT_CURRENT_LEVEL, &index),
            status: table.number(mib::PRT_INPUT_STATUS, &index),
            media: text(mib::PRT_INPUT_MEDIA_NAME, &index),
            name: text(mib::PRT_INPUT_NAME, &index),
            description: text(mib::PRT_INPUT_DESCRIPTION, &index),
            index,
        })
        .collect()
}

/// prtOutputTable, 1.3.6.1.2.1.43.9.2.1.
const OUTPUT_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 43, 9, 2, 1];

/// prtOutputMaxCapacity, prtOutputRemainingCapacity, prtOutputStatus, prtOutputName, prtOutputDescription.
const OUTPUTS: [u32; 5] = [4, 5, 6, 7, 12];

/// Columns of prtOutputTable.
pub fn output_columns() -> Vec<Vec<u32>> {
    OUTPUTS.iter().map(|column| [&OUTPUT_ENTRY[..], &[*column]].concat()).collect()
}

/// A tray in which paper comes out. The level is the room left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputRow {
    pub index: Vec<u32>,
    pub max: Option<i64>,
    pub remaining: Option<i64>,
    pub status: Option<i64>,
    pub name: Option<String>,
    pub description: Option<String>,
}

pub fn outputs(table: &Table) -> Vec<OutputRow> {
    let columns = output_columns();
    let [max, remaining, status, name, description] = columns.as_slice() else { return Vec::new() };
    let borrowed: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
    let charset = charset::declared(table);
    table
        .rows(&borrowed)
        .into_iter()
        .map(|index| OutputRow {
            max: table.number(max, &index),
            remaining: table.number(remaining, &index),
            status: table.number(status, &index),
            name: table.bytes(name, &index).map(|bytes| text_in(bytes, charset)),
            description: table.bytes(description, &index).map(|bytes| text_in(bytes, charset)),
            index,
        })
        .collect()
}
