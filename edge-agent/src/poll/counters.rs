//! prtMarkerTable (RFC 3805): life counts, with the unit that the device states.
//!
//! The life count of the first marker is the canonical `total`; further markers keep names of their own and are never
//! summed. Makers' own meters come from the [`super::profile`].

use std::collections::BTreeMap;

use super::plan::Cell;
use super::profile::Profile;
use crate::snmp::oid::dotted;
use crate::snmp::{Oid, Table, mib};

pub const COLUMNS: [&[u32]; 6] = [
    mib::PRT_MARKER_MARK_TECH,
    mib::PRT_MARKER_COUNTER_UNIT,
    mib::PRT_MARKER_LIFE_COUNT,
    mib::PRT_MARKER_POWER_ON_COUNT,
    mib::PRT_MARKER_PROCESS_COLORANTS,
    mib::PRT_MARKER_STATUS,
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkerRow {
    /// hrDeviceIndex, prtMarkerIndex.
    pub index: Vec<u32>,
    pub mark_tech: Option<i64>,
    pub counter_unit: Option<i64>,
    pub life_count: Option<i64>,
    pub power_on_count: Option<i64>,
    pub process_colorants: Option<i64>,
    pub status: Option<i64>,
}

pub fn markers(table: &Table) -> Vec<MarkerRow> {
    table
        .rows(&COLUMNS)
        .into_iter()
        .map(|index| MarkerRow {
            mark_tech: table.number(mib::PRT_MARKER_MARK_TECH, &index),
            counter_unit: table.number(mib::PRT_MARKER_COUNTER_UNIT, &index),
            life_count: table.number(mib::PRT_MARKER_LIFE_COUNT, &index),
            power_on_count: table.number(mib::PRT_MARKER_POWER_ON_COUNT, &index),
            process_colorants: table.number(mib::PRT_MARKER_PROCESS_COLORANTS, &index),
            status: table.number(mib::PRT_MARKER_STATUS, &index),
            index,
        })
        .collect()
}

/// The meters that a device turned out to have: name, object, unit (RFC 3805 PrtMarkerCounterUnitTC, 0 = not stated).
pub fn cells(table: &Table, profile: &Profile) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (place, marker) in
        markers(table).into_iter().filter(|marker| marker.life_count.is_some_and(|count| count >= 0)).enumerate()
    {
        let name = if place == 0 { "total".to_owned() } else { format!("life.{}", dotted(&marker.index)) };
        let unit = marker.counter_unit.and_then(|unit| i32::try_from(unit).ok()).unwrap_or(0);
        cells.push(Cell::new(name, Oid::of(mib::PRT_MARKER_LIFE_COUNT, &marker.index), unit));
    }
    for meter in &profile.meters {
        if table.get(meter.oid.arcs()).is_some_and(|value| value.number().is_some()) {
            cells.push(Cell::new(meter.name.clone(), meter.oid.clone(), meter.unit));
        }
    }
    cells
}

/// Values of the meters among `cells`. A negative count is "unknown" in RFC 3805 and not a reading.
pub fn read(table: &Table, cells: &[Cell]) -> BTreeMap<String, i64> {
    cells
        .iter()
        .filter(|cell| cell.is_meter())
        .filter_map(|cell| Some((cell.name.clone(), table.get(cell.oid.arcs())?.number().filter(|value| *value >= 0)?)))
        .take(schemas::limits::COUNTERS_MAX)
        .collect()
}
