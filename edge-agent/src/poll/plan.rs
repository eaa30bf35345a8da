//! What a refresh reads of one device: the objects that answered, each under the name by which its value travels.
//!
//! Pure. The plan is what makes a refresh cheap (nothing is asked that is not there) and a stored value traceable (its
//! name leads to its object). [`super::packets`] turns it into requests.

use schemas::limits::{PLAN_ITEMS_MAX, SUPPLIES_MAX};
use schemas::wire::{self, PlanItem};
use serde::{Deserialize, Serialize};

use super::profile::Profile;
use super::{counters, status, supplies, trays};
use crate::snmp::oid::dotted;
use crate::snmp::{Oid, Table, mib};

/// One object to read, and what it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cell {
    pub name: String,
    pub oid: Oid,
    /// RFC 3805 PrtMarkerCounterUnitTC or PrtMarkerSuppliesSupplyUnitTC, 0 = none.
    pub unit: i32,
    pub role: Role,
}

/// What a value is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A counter of [`wire::Poll::counters`].
    #[default]
    Meter,
    /// A field of a supply, a tray or the status; found again by its object.
    Field,
    /// Tells whether the same device answers. Not a reading, so it is not in the plan that travels.
    Identity,
    /// prtGeneralConfigChanges: a change makes the next poll a full one. Not a reading.
    ConfigChanges,
}

impl Cell {
    pub fn new(name: impl Into<String>, oid: Oid, unit: i32) -> Self {
        Self { name: name.into(), oid, unit, role: Role::Meter }
    }

    fn field(name: impl Into<String>, oid: Oid, unit: i32) -> Self {
        Self { name: name.into(), oid, unit, role: Role::Field }
    }

    pub fn is_meter(&self) -> bool {
        self.role == Role::Meter
    }
}

/// The objects of one device. Built from a full read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    pub cells: Vec<Cell>,
    /// hrDeviceIndex whose status counts.
    pub device: Option<u32>,
    /// Supplies whose level and capacity were states: the capacity is asked for again when the level becomes an amount.
    pub without_max: Vec<String>,
}

impl Plan {
    /// The plan for a device that answered `table`. `serial` is the object that held its serial number.
    pub fn of(table: &Table, profile: &Profile, serial: Option<&Oid>) -> Self {
        let device = status::main_device(table);
        let mut plan = Self { cells: counters::cells(table, profile), device, without_max: Vec::new() };
        plan.add_supplies(table);
        plan.add_trays(table);
        plan.add_scalars(table, device);
        plan.cells.truncate(PLAN_ITEMS_MAX);
        plan.cells.extend(identity_cell(table, serial));
        plan
    }

    fn add_supplies(&mut self, table: &Table) {
        let rows = supplies::rows(table);
        let has_max = |row: &supplies::SupplyRow| row.max.is_some_and(|max| max > 0);
        // Capacities between two that are amounts are read too: a gap would cost more than the value in it.
        let first = rows.iter().position(has_max).unwrap_or(rows.len());
        let last = rows.iter().rposition(has_max).unwrap_or(0);
        for (place, row) in rows.iter().enumerate().take(SUPPLIES_MAX) {
            let unit = row.unit.and_then(|unit| i32::try_from(unit).ok()).unwrap_or(0);
            let index = dotted(&row.index);
            if row.level.is_some() {
                let oid = Oid::of(mib::PRT_SUPPLIES_LEVEL, &row.index);
                self.cells.push(Cell::field(format!("supplies.{index}.level"), oid, unit));
            }
            if row.max.is_some() && (first..=last).contains(&place) {
                let oid = Oid::of(mib::PRT_SUPPLIES_MAX_CAPACITY, &row.index);
                self.cells.push(Cell::field(format!("supplies.{index}.max"), oid, unit));
            } else if row.level.is_none_or(|level| level < 0) {
                self.without_max.push(index);
            }
        }
    }

    fn add_trays(&mut self, table: &Table) {
        for row in trays::rows(table).iter().take(SUPPLIES_MAX).filter(|row| row.level.is_some()) {
            let oid = Oid::of(mib::PRT_INPUT_CURRENT_LEVEL, &row.index);
            self.cells.push(Cell::field(format!("trays.{}.level", dotted(&row.index)), oid, 0));
        }
    }

    fn add_scalars(&mut self, table: &Table, device: Option<u32>) {
        let device = device.map(|device| [device]);
        for (name, object, index) in [
            ("uptime", mib::SYS_UP_TIME, Some(&[0])),
            ("status.device", mib::HR_DEVICE_STATUS, device.as_ref()),
            ("status.printer", mib::HR_PRINTER_STATUS, device.as_ref()),
            ("status.errors", mib::HR_PRINTER_DETECTED_ERROR_STATE, device.as_ref()),
        ] {
            if let Some(index) = index
                && table.at(object, index).is_some()
            {
                self.cells.push(Cell::field(name, Oid::of(object, index), 0));
            }
        }
        if let Some((index, _)) = table.column(mib::PRT_GENERAL_CONFIG_CHANGES).next() {
            let oid = Oid::of(mib::PRT_GENERAL_CONFIG_CHANGES, index);
            self.cells.push(Cell { name: "config_changes".into(), oid, unit: 0, role: Role::ConfigChanges });
        }
    }

    /// The plan as it travels.
    pub fn items(&self) -> Vec<PlanItem> {
        self.cells
            .iter()
            .filter(|cell| matches!(cell.role, Role::Meter | Role::Field))
            .map(|cell| PlanItem {
                name: cell.name.clone(),
                oid: cell.oid.to_string(),
                unit: cell.unit,
                rule: rule(&cell.name).to_owned(),
            })
            .collect()
    }

    /// The content address of [`Self::items`].
    pub fn hash(&self) -> Vec<u8> {
        wire::Plan::hash_of(&self.items())
    }

    pub fn cell(&self, role: Role) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.role == role)
    }
}

/// How a value is made from its object.
fn rule(name: &str) -> &'static str {
    match name {
        "uptime" => "ticks/100",
        "status.errors" => "bits, first bit of first byte is 0",
        _ => "raw",
    }
}

/// The one object that is read each time to know that the same device still answers: its serial number, else the
/// hardware address by which it is known, else what it says it is.
fn identity_cell(table: &Table, serial: Option<&Oid>) -> Option<Cell> {
    let mac = super::identity::main_interface(table).map(|(index, _)| Oid::of(mib::IF_PHYS_ADDRESS, &index));
    let object_id = Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR);
    let object_id = table.get(object_id.arcs()).map(|_| object_id);
    let oid = serial.cloned().or(mac).or(object_id)?;
    Some(Cell { name: "identity".into(), oid, unit: 0, role: Role::Identity })
}
