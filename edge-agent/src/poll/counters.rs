//! prtMarkerTable (RFC 3805) and the values of all meters of a device.
//!
//! Which meters a device has, [`meters`] finds out once; [`read`] takes their values out of answers. Life counts of further
//! markers keep names of their own and are never summed.

use std::collections::BTreeMap;

use super::meter::Meter;
use super::profile::Profile;
use super::total;
use crate::snmp::{Table, mib};

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

/// The meters that a device turned out to have.
pub fn meters(table: &Table, profile: &Profile) -> Vec<Meter> {
    total::settle(&markers(table), profile.meters(table), profile.total())
}

/// Values of the meters whose objects came.
pub fn read(table: &Table, meters: &[Meter]) -> BTreeMap<String, i64> {
    meters
        .iter()
        .filter_map(|meter| Some((meter.name.clone(), meter.value(table)?)))
        .take(schemas::limits::COUNTERS_MAX)
        .collect()
}
