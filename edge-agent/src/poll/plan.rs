//! What a refresh reads of one device: the objects that answered, each under the name by which its value travels.
//!
//! Pure. The plan is what makes a refresh cheap (nothing is asked that is not there) and a stored value traceable (its
//! name leads to its object). [`super::packets`] turns it into requests.

use schemas::limits::{PLAN_ITEMS_MAX, SUPPLIES_MAX};
use schemas::wire::{self, PlanItem};
use serde::{Deserialize, Serialize};

use super::meter::Meter;
use super::profile::Profile;
use super::supplies::VendorSupply;
use super::total::{RFC3805, TOTAL};
use super::{counters, status, supplies, trays};
use crate::snmp::oid::dotted;
use crate::snmp::{Oid, Table, mib};
use crate::taken::Extent;

/// Plans of another format are made anew by a full read.
pub const FORMAT: u32 = 2;
/// Full reads in which the object of `total` may be missing before another total takes its place.
const TOTAL_MISSED_MAX: u32 = 3;

/// Name of the cells of supplies that the maker keeps outside the table.
const VENDOR_SUPPLY: &str = "supplies.x";

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
    /// An object of a meter; its value may be a part of it or hold it as one of many words.
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
    fn meter(name: &str, oid: Oid, unit: i32) -> Self {
        Self { name: name.to_owned(), oid, unit, role: Role::Meter }
    }

    fn field(name: impl Into<String>, oid: Oid, unit: i32) -> Self {
        Self { name: name.into(), oid, unit, role: Role::Field }
    }

    /// Whether a poll of this extent asks for it. Who answers, and whether its setup changed, is asked each time.
    pub fn is_in(&self, extent: Extent) -> bool {
        let least = match self.role {
            Role::Identity | Role::ConfigChanges => Extent::Status,
            Role::Meter if self.name == VENDOR_SUPPLY => Extent::Whole,
            Role::Meter => Extent::Meters,
            Role::Field if self.name == "uptime" || self.name.starts_with("status.") => Extent::Status,
            Role::Field => Extent::Whole,
        };
        extent >= least
    }
}

/// The objects of one device. Built from a full read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// What a refresh asks for, each object once.
    pub cells: Vec<Cell>,
    /// What is made of it.
    pub meters: Vec<Meter>,
    pub vendor_supplies: Vec<VendorSupply>,
    /// Columns of which every row is asked for, so that a row is certainly followed by the next one here.
    pub columns: Vec<Oid>,
    /// hrDeviceIndex whose status counts.
    pub device: Option<u32>,
    /// Supplies whose level and capacity were states: the capacity is asked for again when the level becomes an amount.
    pub without_max: Vec<String>,
    /// Full reads in which the object of `total` was missing.
    pub total_missed: u32,
    /// IANA MIBenum of the character set that the device declares for its texts.
    pub charset: Option<i64>,
}

impl Plan {
    /// The plan for a device that answered `table`. `serial` is the object that held its serial number.
    pub fn of(table: &Table, profile: &Profile, serial: Option<&Oid>) -> Self {
        let device = status::main_device(table);
        let mut plan = Self {
            format: FORMAT,
            meters: counters::meters(table, profile),
            vendor_supplies: supplies::beyond_the_table(&supplies::rows(table), profile, table),
            charset: super::charset::declared_enum(table, profile),
            device,
            ..Self::default()
        };
        plan.build(table, profile, serial);
        plan
    }

    fn build(&mut self, table: &Table, profile: &Profile, serial: Option<&Oid>) {
        self.cells.clear();
        self.add_meters();
        self.add_supplies(table);
        self.add_trays(table);
        self.add_scalars(table, self.device);
        self.cells.truncate(PLAN_ITEMS_MAX);
        self.cells.extend(identity_cell(table, serial));
        self.columns = profile.columns().into_iter().filter(|column| self.has_whole(column, table)).collect();
        self.columns.extend(STANDARD_COLUMNS.iter().map(|column| Oid::new(column)));
    }

    fn add_meters(&mut self) {
        let mut seen = std::collections::BTreeSet::new();
        for meter in self.meters.iter().filter(|meter| !meter.daily) {
            for term in &meter.terms {
                if seen.insert(term.oid.clone()) {
                    self.cells.push(Cell::meter(&meter.name, term.oid.clone(), meter.unit));
                }
            }
        }
        for supply in &self.vendor_supplies {
            if seen.insert(supply.term.oid.clone()) {
                self.cells.push(Cell::meter(VENDOR_SUPPLY, supply.term.oid.clone(), 0));
            }
        }
    }

    /// Whether every row of a column is asked for.
    fn has_whole(&self, column: &Oid, table: &Table) -> bool {
        let asked: std::collections::BTreeSet<&Oid> = self.cells.iter().map(|cell| &cell.oid).collect();
        let mut rows = table.column(column.arcs()).peekable();
        rows.peek().is_some() && rows.all(|(index, _)| asked.contains(&Oid::of(column.arcs(), index)))
    }

    /// Takes the place of an earlier plan of the same device. A `total` whose object did not answer this time keeps its
    /// source for a while. Returns the objects between which `total` changed, if it did.
    pub fn succeed(
        &mut self,
        before: &Self,
        table: &Table,
        profile: &Profile,
        serial: Option<&Oid>,
    ) -> Option<(Oid, Oid)> {
        let (was, is) = (before.total()?.clone(), self.total().cloned());
        let source = |meter: &Meter| meter.terms.first().map(|term| term.oid.clone()).unwrap_or_default();
        if is.as_ref().is_some_and(|is| is.terms == was.terms) {
            return None;
        }
        let missing = was.value(table).is_none();
        if missing && before.total_missed + 1 < TOTAL_MISSED_MAX {
            self.total_missed = before.total_missed + 1;
            for meter in &mut self.meters {
                if meter.name == TOTAL {
                    RFC3805.clone_into(&mut meter.name);
                }
            }
            self.meters.insert(0, was);
            self.build(table, profile, serial);
            return None;
        }
        is.map(|is| (source(&was), source(&is)))
    }

    fn total(&self) -> Option<&Meter> {
        self.meters.iter().find(|meter| meter.name == TOTAL)
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

    /// The plan as it travels: meters, supplies that the maker keeps elsewhere, then fields.
    pub fn items(&self) -> Vec<PlanItem> {
        let meters = self.meters.iter().map(Meter::item);
        let supplies = self.vendor_supplies.iter().map(|supply| {
            let word = supply.term.word.unwrap_or(0);
            let rule = format!("word {word:02x}");
            PlanItem { name: format!("supplies.x.{word:02x}.level"), oid: supply.term.oid.to_string(), unit: 0, rule }
        });
        let fields = self.cells.iter().filter(|cell| cell.role == Role::Field).map(|cell| PlanItem {
            name: cell.name.clone(),
            oid: cell.oid.to_string(),
            unit: cell.unit,
            rule: rule(&cell.name).to_owned(),
        });
        meters.chain(supplies).chain(fields).take(PLAN_ITEMS_MAX).collect()
    }

    /// What a poll of this extent asks for, and the columns of which that is every row.
    pub fn asked(&self, extent: Extent) -> (Vec<Oid>, Vec<Oid>) {
        let (inside, outside): (Vec<&Cell>, Vec<&Cell>) = self.cells.iter().partition(|cell| cell.is_in(extent));
        let whole = |column: &&Oid| !outside.iter().any(|cell| cell.oid.below(column.arcs()).is_some());
        let columns = self.columns.iter().filter(whole).cloned().collect();
        (inside.into_iter().map(|cell| cell.oid.clone()).collect(), columns)
    }

    /// The content address of [`Self::items`].
    pub fn hash(&self) -> Vec<u8> {
        wire::Plan::hash_of(&self.items())
    }

    pub fn cell(&self, role: Role) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.role == role)
    }
}

/// Columns of the standard of which every row is asked for.
const STANDARD_COLUMNS: [&[u32]; 3] =
    [mib::PRT_SUPPLIES_LEVEL, mib::PRT_SUPPLIES_MAX_CAPACITY, mib::PRT_INPUT_CURRENT_LEVEL];

/// How a field is made from its object.
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
