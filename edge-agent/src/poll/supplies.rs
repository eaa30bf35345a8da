//! prtMarkerSuppliesTable (RFC 3805 section 6): toner, ink, drums, receptacles; and the maker's own supplies.
//!
//! A row exists if any of its fields does; a missing column costs a field. Levels -1, -2 and -3 are states, never numbers.

use schemas::meter::{level, supply_class};
use schemas::wire;
use serde::{Deserialize, Serialize};

use super::charset::{self, Charset};
use super::description::{self, Told};
use super::meter::Term;
use super::profile::Profile;
use super::text::{text_in, trimmed};
use crate::snmp::oid::dotted;
use crate::snmp::{Table, mib};

/// The columns of the table, in the order in which they are read.
pub const COLUMNS: [&[u32]; 8] = [
    mib::PRT_SUPPLIES_MARKER_INDEX,
    mib::PRT_SUPPLIES_COLORANT_INDEX,
    mib::PRT_SUPPLIES_CLASS,
    mib::PRT_SUPPLIES_TYPE,
    mib::PRT_SUPPLIES_DESCRIPTION,
    mib::PRT_SUPPLIES_SUPPLY_UNIT,
    mib::PRT_SUPPLIES_MAX_CAPACITY,
    mib::PRT_SUPPLIES_LEVEL,
];

/// What a level says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelState {
    /// Level and capacity are amounts: the only state with a percentage.
    Measured,
    /// An amount without a capacity.
    MeasuredNoMax,
    /// -3: some is left (of a receptacle: some room).
    Some,
    /// -2.
    Unknown,
    /// -1.
    Unlimited,
    Absent,
}

impl LevelState {
    pub fn of(level_read: Option<i64>, max: Option<i64>) -> Self {
        match level_read {
            None => Self::Absent,
            Some(level::UNLIMITED) => Self::Unlimited,
            Some(level::SOME) => Self::Some,
            Some(amount) if amount < 0 => Self::Unknown,
            Some(_) if max.is_some_and(|max| max > 0) => Self::Measured,
            Some(_) => Self::MeasuredNoMax,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::MeasuredNoMax => "measured-no-max",
            Self::Some => "some",
            Self::Unknown => "unknown",
            Self::Unlimited => "unlimited",
            Self::Absent => "absent",
        }
    }
}

/// A row as it was read. `None` = the device does not have the object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SupplyRow {
    /// hrDeviceIndex, prtMarkerSuppliesIndex.
    pub index: Vec<u32>,
    pub marker_index: Option<i64>,
    pub colorant_index: Option<i64>,
    /// prtMarkerColorantValue of the colorant.
    pub colorant: Option<String>,
    pub class: Option<i64>,
    pub kind: Option<i64>,
    pub description: Option<String>,
    pub unit: Option<i64>,
    pub max: Option<i64>,
    pub level: Option<i64>,
}

impl SupplyRow {
    pub fn level_state(&self) -> LevelState {
        LevelState::of(self.level, self.max)
    }

    /// Level in hundredths of a percent of the capacity, rounded half to even; only for measured levels. Of a receptacle
    /// it is the room that is left, as RFC 3805 defines its level.
    pub fn basis_points(&self) -> Option<i64> {
        let (level, max) = (i128::from(self.level?), i128::from(self.max?));
        if self.level_state() != LevelState::Measured {
            return None;
        }
        let (quotient, rest) = (level * 10_000 / max, level * 10_000 % max);
        let up = rest * 2 > max || (rest * 2 == max && quotient % 2 == 1);
        i64::try_from(quotient + i128::from(up)).ok()
    }

    /// Whether the level is room left, not what is left.
    pub fn is_receptacle(&self) -> bool {
        self.class == Some(i64::from(supply_class::FILLED))
    }

    /// What the description gives away.
    pub fn told(&self) -> Told {
        self.description.as_deref().map(description::read).unwrap_or_default()
    }

    /// The colorant's color, else that of the description. Empty: it has none, or nobody says.
    pub fn color(&self) -> String {
        let stated = trimmed(self.colorant.as_deref()).to_lowercase();
        if stated.is_empty() || matches!(stated.as_str(), "other" | "unknown" | "none" | "-") {
            return self.told().color.unwrap_or_default().to_owned();
        }
        stated
    }

    /// `numbers`: serial and part number that the maker keeps elsewhere; they come before those in the description.
    pub fn wire(&self, numbers: (Option<String>, Option<String>)) -> wire::Supply {
        let small = |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok());
        let told = self.told();
        let kind = small(self.kind).filter(|kind| *kind > 0);
        wire::Supply {
            index: dotted(&self.index),
            level: self.level,
            max: self.max,
            unit: small(self.unit),
            class: small(self.class),
            kind,
            kind_guess: if kind.is_none() { told.kind } else { None },
            color: self.color(),
            description: trimmed(self.description.as_deref()),
            serial: numbers.0.or(told.serial).unwrap_or_default(),
            part: numbers.1.or(told.part).unwrap_or_default(),
        }
    }
}

/// All rows in a table of answers, texts by the character set that the device declares.
pub fn rows(table: &Table) -> Vec<SupplyRow> {
    rows_in(table, charset::declared(table))
}

pub fn rows_in(table: &Table, charset: Option<Charset>) -> Vec<SupplyRow> {
    table.rows(&COLUMNS).into_iter().map(|index| row(table, index, charset)).collect()
}

fn row(table: &Table, index: Vec<u32>, charset: Option<Charset>) -> SupplyRow {
    let number = |object: &[u32]| table.number(object, &index);
    let colorant_index = number(mib::PRT_SUPPLIES_COLORANT_INDEX);
    let colorant = colorant_index.and_then(|colorant| u32::try_from(colorant).ok()).and_then(|colorant| {
        let device = *index.first()?;
        Some(text_in(table.bytes(mib::PRT_COLORANT_VALUE, &[device, colorant])?, charset))
    });
    SupplyRow {
        marker_index: number(mib::PRT_SUPPLIES_MARKER_INDEX),
        colorant_index,
        colorant,
        class: number(mib::PRT_SUPPLIES_CLASS),
        kind: number(mib::PRT_SUPPLIES_TYPE),
        description: table.bytes(mib::PRT_SUPPLIES_DESCRIPTION, &index).map(|bytes| text_in(bytes, charset)),
        unit: number(mib::PRT_SUPPLIES_SUPPLY_UNIT),
        max: number(mib::PRT_SUPPLIES_MAX_CAPACITY),
        level: number(mib::PRT_SUPPLIES_LEVEL),
        index,
    }
}

/// A supply whose level the maker keeps outside the table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VendorSupply {
    pub term: Term,
    /// PrtMarkerSuppliesTypeTC.
    pub kind: i32,
    pub color: String,
    /// 0: the word holds level and capacity, a byte each.
    pub max: i64,
}

impl VendorSupply {
    /// Level and capacity, as far as they are known.
    pub fn amounts(&self, table: &Table) -> Option<(i64, i64)> {
        let value = self.term.value(table)?;
        let (level, max) = if self.max == 0 { (value >> 8, value & 0xff) } else { (value, self.max) };
        (level <= max).then_some((level, max))
    }

    /// `x.6f`: the word in which its level is.
    pub fn index(&self) -> String {
        format!("x.{:02x}", self.term.word.unwrap_or(0))
    }

    /// `full` = with what describes it.
    pub fn wire(&self, table: &Table, full: bool) -> Option<wire::Supply> {
        let (level, max) = self.amounts(table)?;
        let mut supply =
            wire::Supply { index: self.index(), level: Some(level), max: Some(max), ..wire::Supply::default() };
        if full {
            supply.class = Some(supply_class::CONSUMED);
            supply.kind = Some(self.kind);
            supply.color.clone_from(&self.color);
        }
        Some(supply)
    }
}

/// The maker's supplies that say more than the table: those for which it has no measured row of this kind and color.
pub fn beyond_the_table(rows: &[SupplyRow], profile: &Profile, table: &Table) -> Vec<VendorSupply> {
    let measured = |supply: &VendorSupply| {
        rows.iter().filter(|row| row.level_state() == LevelState::Measured).any(|row| {
            let kind = row.kind.or_else(|| row.told().kind.map(i64::from)).unwrap_or(0);
            // A toner and a toner cartridge are one thing here, and ink and its cartridge.
            let same_kind =
                |a: i64, b: i64| a == b || [[3, 21], [5, 6]].iter().any(|pair| pair.contains(&a) && pair.contains(&b));
            same_kind(kind, i64::from(supply.kind)) && (row.color() == supply.color || supply.color.is_empty())
        })
    };
    let mut supplies = profile.vendor_supplies(table);
    supplies.retain(|supply| !measured(supply));
    supplies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::{Oid, Value};

    #[test]
    fn states_are_never_percentages() {
        for (level, max, state, points) in [
            (Some(7056), Some(7200), LevelState::Measured, Some(9800)),
            (Some(56_461), Some(100_000), LevelState::Measured, Some(5646)),
            (Some(0), Some(100), LevelState::Measured, Some(0)),
            (Some(50), Some(-2), LevelState::MeasuredNoMax, None),
            (Some(50), None, LevelState::MeasuredNoMax, None),
            (Some(50), Some(0), LevelState::MeasuredNoMax, None),
            (Some(-3), Some(100), LevelState::Some, None),
            (Some(-2), Some(100), LevelState::Unknown, None),
            (Some(-1), Some(-1), LevelState::Unlimited, None),
            (Some(-77), Some(100), LevelState::Unknown, None),
            (None, Some(100), LevelState::Absent, None),
        ] {
            let row = SupplyRow { level, max, ..SupplyRow::default() };
            assert_eq!((row.level_state(), row.basis_points()), (state, points), "{level:?} {max:?}");
        }
    }

    #[test]
    fn a_missing_column_costs_a_field_and_holes_in_the_index_are_normal() {
        let mut table = Table::default();
        table.insert(Oid::of(mib::PRT_SUPPLIES_LEVEL, &[1, 3]), Value::Integer(-3));
        table.insert(Oid::of(mib::PRT_SUPPLIES_DESCRIPTION, &[1, 9]), Value::Bytes(b"Fuser\0".to_vec()));
        let rows = rows(&table);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].index.as_slice(), rows[0].level, rows[0].class), ([1, 3].as_slice(), Some(-3), None));
        assert_eq!((rows[1].description.as_deref(), rows[1].level), (Some("Fuser"), None));
        let wire = rows[1].wire((None, None));
        assert_eq!((wire.kind, wire.kind_guess), (None, Some(15)), "a guess is marked as one");
    }

    #[test]
    fn the_color_is_that_of_the_colorant_on_the_same_device_else_that_of_the_description() {
        let mut table = Table::default();
        table.insert(Oid::of(mib::PRT_SUPPLIES_COLORANT_INDEX, &[1, 1]), Value::Integer(2));
        table.insert(Oid::of(mib::PRT_COLORANT_VALUE, &[1, 2]), Value::Bytes(b"Cyan".to_vec()));
        table.insert(Oid::of(mib::PRT_COLORANT_VALUE, &[2, 2]), Value::Bytes(b"magenta".to_vec()));
        table.insert(Oid::of(mib::PRT_SUPPLIES_DESCRIPTION, &[1, 2]), Value::Bytes(b"Toner gelb".to_vec()));
        let colors: Vec<String> = rows(&table).iter().map(SupplyRow::color).collect();
        assert_eq!(colors, ["cyan", "yellow"]);
    }

    #[test]
    fn numbers_that_the_maker_keeps_come_before_those_in_the_description() {
        let row = SupplyRow {
            description: Some("Black Toner, PN 006R01509;SN48178080E0000481".into()),
            ..SupplyRow::default()
        };
        let wire = row.wire((None, None));
        assert_eq!(
            (wire.part.as_str(), wire.serial.as_str(), wire.color.as_str()),
            ("006R01509", "48178080E0000481", "black")
        );
        assert_eq!(row.wire((Some("OWN".into()), None)).serial, "OWN");
    }
}
