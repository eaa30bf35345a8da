//! prtMarkerSuppliesTable (RFC 3805 section 6): toner, ink, drums, receptacles.
//!
//! A row exists if any of its fields does; a missing column costs a field. Levels -1, -2 and -3 are states, never numbers.

use schemas::meter::level;
use schemas::wire;

use super::text::{text, trimmed};
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

    /// Level in hundredths of a percent of the capacity, rounded half to even; only for measured levels.
    pub fn basis_points(&self) -> Option<i64> {
        let (level, max) = (i128::from(self.level?), i128::from(self.max?));
        if self.level_state() != LevelState::Measured {
            return None;
        }
        let (quotient, rest) = (level * 10_000 / max, level * 10_000 % max);
        let up = rest * 2 > max || (rest * 2 == max && quotient % 2 == 1);
        i64::try_from(quotient + i128::from(up)).ok()
    }

    pub fn wire(&self) -> wire::Supply {
        let small = |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok());
        wire::Supply {
            index: dotted(&self.index),
            level: self.level,
            max: self.max,
            unit: small(self.unit),
            class: small(self.class),
            kind: small(self.kind),
            color: trimmed(self.colorant.as_deref()).to_lowercase(),
            description: trimmed(self.description.as_deref()),
            serial: String::new(),
            part: String::new(),
        }
    }
}

/// All rows in a table of answers.
pub fn rows(table: &Table) -> Vec<SupplyRow> {
    table.rows(&COLUMNS).into_iter().map(|index| row(table, index)).collect()
}

fn row(table: &Table, index: Vec<u32>) -> SupplyRow {
    let number = |object: &[u32]| table.number(object, &index);
    let colorant_index = number(mib::PRT_SUPPLIES_COLORANT_INDEX);
    let colorant = colorant_index.and_then(|colorant| u32::try_from(colorant).ok()).and_then(|colorant| {
        let device = *index.first()?;
        Some(text(table.bytes(mib::PRT_COLORANT_VALUE, &[device, colorant])?))
    });
    SupplyRow {
        marker_index: number(mib::PRT_SUPPLIES_MARKER_INDEX),
        colorant_index,
        colorant,
        class: number(mib::PRT_SUPPLIES_CLASS),
        kind: number(mib::PRT_SUPPLIES_TYPE),
        description: table.bytes(mib::PRT_SUPPLIES_DESCRIPTION, &index).map(text),
        unit: number(mib::PRT_SUPPLIES_SUPPLY_UNIT),
        max: number(mib::PRT_SUPPLIES_MAX_CAPACITY),
        level: number(mib::PRT_SUPPLIES_LEVEL),
        index,
    }
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
    }

    #[test]
    fn the_color_is_that_of_the_colorant_on_the_same_device() {
        let mut table = Table::default();
        table.insert(Oid::of(mib::PRT_SUPPLIES_COLORANT_INDEX, &[1, 1]), Value::Integer(2));
        table.insert(Oid::of(mib::PRT_COLORANT_VALUE, &[1, 2]), Value::Bytes(b"Cyan".to_vec()));
        table.insert(Oid::of(mib::PRT_COLORANT_VALUE, &[2, 2]), Value::Bytes(b"magenta".to_vec()));
        assert_eq!(rows(&table)[0].wire().color, "cyan");
    }
}
