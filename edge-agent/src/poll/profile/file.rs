//! What a profile file says. The shape of the TOML; every wrong word is an error with its place.

use schemas::meter::counter_unit;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::pattern::Pattern;
use crate::poll::meter::{Large, Sure};
use crate::snmp::Oid;

/// One profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Of a file in the folder: a name that a built-in profile has replaces that one.
    pub name: String,
    /// Which total is the meter `total` where the device has its own and prtMarkerLifeCount.
    #[serde(default)]
    pub total: Preference,
    #[serde(rename = "match")]
    pub matches: Match,
    #[serde(default)]
    pub identity: Identity,
    #[serde(default)]
    pub supplies: SupplyColumns,
    #[serde(default, rename = "meter")]
    pub meters: Vec<MeterEntry>,
    #[serde(default, rename = "table")]
    pub tables: Vec<TableEntry>,
    #[serde(default, rename = "derive")]
    pub derived: Vec<DeriveEntry>,
    #[serde(default, rename = "blob")]
    pub blobs: Vec<BlobEntry>,
    #[serde(default)]
    pub quirks: Quirks,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preference {
    /// prtMarkerLifeCount, unless it counts sheets and the device's own total is proven to count impressions.
    #[default]
    Standard,
    /// The device's own.
    Vendor,
}

/// A device fits if one of the lines does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Beginnings of sysObjectID.
    pub object_id: Vec<Oid>,
    /// Patterns of what the device calls itself: sysDescr, hrDeviceDescr, prtGeneralPrinterName, maker of its device id.
    pub describes: Vec<Pattern>,
}

/// Objects that say who the device is, each list in the order of trust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    pub model: Vec<Oid>,
    pub serial: Vec<Oid>,
    pub device_id: Vec<Oid>,
    pub host_name: Vec<Oid>,
    /// Text on the operator panel, for devices without the standard's console.
    pub console: Vec<Oid>,
    pub firmware: Vec<FirmwareEntry>,
    pub firmware_table: Option<FirmwareTable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwareEntry {
    pub part: String,
    pub oid: Oid,
}

/// Columns of names and versions with the same rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwareTable {
    pub name: Oid,
    pub version: Oid,
}

/// Columns whose rows have the index of prtMarkerSuppliesTable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupplyColumns {
    pub serial: Option<Oid>,
    pub part: Option<Oid>,
}

/// A meter with known objects.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterEntry {
    pub name: Name,
    /// One object, or several of which the first that answers is taken.
    #[serde(default)]
    pub oid: Alternatives,
    /// Instead of `oid`: objects that are added up; all must be there.
    #[serde(default)]
    pub sum: Vec<Oid>,
    /// Objects that are added where the device has them.
    #[serde(default)]
    pub also: Vec<Oid>,
    /// Taken away; all must be there.
    #[serde(default)]
    pub less: Vec<Oid>,
    #[serde(default)]
    pub unit: Unit,
    pub large: Option<Large>,
    pub sure: Sure,
    #[serde(default)]
    pub daily: bool,
}

/// Counters in a column. With `label`, a column of names or codes with the same rows says which is which; without it,
/// row numbers that the maker gives a fixed meaning do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawTable")]
pub struct TableEntry {
    pub label: Option<Oid>,
    pub value: Oid,
    pub unit: Unit,
    pub large: Option<Large>,
    pub sure: Sure,
    /// Rows by their label or number, the first pattern that fits counts; rows with the same meter are added up.
    pub meters: Vec<RowEntry>,
    /// Beginning of the names of all other rows; absent: they are left out.
    pub others: Option<Name>,
    /// All rows together are this meter, if nothing else gives it.
    pub sum: Option<Name>,
    pub group: Option<Name>,
    /// The other rows and the sum are read once a day only.
    pub daily: bool,
}

impl TableEntry {
    /// Whether its rows are only known by reading the column; else they are asked for by name.
    pub fn is_walked(&self) -> bool {
        self.label.is_some() || self.others.is_some() || self.sum.is_some()
    }

    /// The objects of rows with a fixed number.
    pub fn numbered(&self) -> impl Iterator<Item = Oid> + '_ {
        self.meters.iter().filter_map(|row| match &row.is {
            RowIs::Numbered(index) => Some(Oid::of(self.value.arcs(), index)),
            RowIs::Labelled(_) => None,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    label: Option<Oid>,
    value: Option<Oid>,
    rows: Option<Oid>,
    #[serde(default)]
    unit: Unit,
    large: Option<Large>,
    sure: Sure,
    #[serde(default)]
    meters: Vec<RowEntry>,
    others: Option<Name>,
    sum: Option<Name>,
    group: Option<Name>,
    #[serde(default)]
    daily: bool,
}

impl TryFrom<RawTable> for TableEntry {
    type Error = &'static str;

    fn try_from(raw: RawTable) -> Result<Self, &'static str> {
        let RawTable { label, value, rows, unit, large, sure, meters, others, sum, group, daily } = raw;
        let (label, value) = match (label, value, rows) {
            (Some(label), Some(value), None) => (Some(label), value),
            (None, None, Some(rows)) => (None, rows),
            _ => return Err("a table has either label and value, or rows"),
        };
        let fits = |row: &RowEntry| matches!(row.is, RowIs::Labelled(_)) == label.is_some();
        if !meters.iter().all(fits) {
            return Err(
                "write meters with label in a table that has a label column, and with row in one that has rows",
            );
        }
        Ok(Self { label, value, unit, large, sure, meters, others, sum, group, daily })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawRow")]
pub struct RowEntry {
    pub is: RowIs,
    pub meter: Name,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowIs {
    Labelled(Pattern),
    Numbered(Vec<u32>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    label: Option<Pattern>,
    row: Option<String>,
    meter: Name,
}

impl TryFrom<RawRow> for RowEntry {
    type Error = String;

    fn try_from(raw: RawRow) -> Result<Self, String> {
        let is = match (raw.label, raw.row) {
            (Some(label), None) => RowIs::Labelled(label),
            (None, Some(row)) => RowIs::Numbered(
                row.split('.')
                    .map(|arc| {
                        arc.parse().map_err(|_| format!("{row:?} is not a row: write its index, such as \"5.4.61\""))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            _ => return Err("a row has either label or row".into()),
        };
        Ok(Self { is, meter: raw.meter })
    }
}

/// A meter made of other meters, if nothing else gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeriveEntry {
    pub name: Name,
    /// All must be there.
    pub add: Vec<Name>,
    /// Added where the device has them.
    #[serde(default)]
    pub also: Vec<Name>,
    #[serde(default)]
    pub less: Vec<Name>,
    /// Something is known to be left out.
    #[serde(default)]
    pub partial: bool,
}

/// An octet string of words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobEntry {
    pub oid: Oid,
    #[serde(default)]
    pub unit: Unit,
    pub sure: Sure,
    #[serde(default)]
    pub daily: bool,
    #[serde(default)]
    pub words: Vec<WordEntry>,
    #[serde(default)]
    pub supplies: Vec<SupplyEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordEntry {
    pub word: WordId,
    pub meter: Name,
}

/// A supply whose level is a word.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyEntry {
    pub word: WordId,
    /// RFC 3805 PrtMarkerSuppliesTypeTC by name.
    pub kind: SupplyKind,
    #[serde(default)]
    pub color: String,
    /// Capacity in the unit of the level. Absent: the word holds both, level in the upper and capacity in the lower byte.
    #[serde(default)]
    pub max: i64,
}

/// What a device of this kind cannot take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// GETBULK cannot be relied on.
    pub no_bulk: bool,
    /// Values in one packet, at most.
    pub values_per_packet: Option<usize>,
    /// MIBenum of the character set of its texts, whatever it declares (IANA character sets).
    pub charset: Option<u16>,
}

/// One object identifier or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alternatives(pub Vec<Oid>);

impl<'de> Deserialize<'de> for Alternatives {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> serde::de::Visitor<'de> for OneOrMore {
            type Value = Alternatives;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object identifier or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Alternatives, E> {
                text.parse().map(|oid| Alternatives(vec![oid])).map_err(E::custom)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Alternatives, A::Error> {
                let mut oids = Vec::new();
                while let Some(oid) = list.next_element()? {
                    oids.push(oid);
                }
                Ok(Alternatives(oids))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

/// A meter name by [`schemas::meter::is_valid`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if schemas::meter::is_valid(&text) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(format!(
            "{text:?} is not a meter name: begin with a letter, then lower-case letters, digits, _ and ., at most 64"
        )))
    }
}

/// RFC 3805 PrtMarkerCounterUnitTC by name; `none`: not stated, or none of the RFC's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    #[default]
    None,
    Impressions,
    Sheets,
    Hours,
    Feet,
    Meters,
}

impl Unit {
    pub fn code(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Impressions => counter_unit::IMPRESSIONS,
            Self::Sheets => counter_unit::SHEETS,
            Self::Hours => counter_unit::HOURS,
            Self::Feet => counter_unit::FEET,
            Self::Meters => counter_unit::METERS,
        }
    }
}

/// Two hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordId(pub u8);

impl<'de> Deserialize<'de> for WordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u8::from_str_radix(&text, 16).map(Self).map_err(|_| {
            D::Error::custom(format!("{text:?} is not a word: write two hexadecimal digits, such as \"6f\""))
        })
    }
}

/// A code of PrtMarkerSuppliesTypeTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupplyKind(pub i32);

impl<'de> Deserialize<'de> for SupplyKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let code = (1..=34).find(|code| crate::snmp::mib::supply_type(i64::from(*code)) == Some(text.as_str()));
        code.map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no kind of supply: write a name of RFC 3805, such as \"toner\" or \"opc\""
            ))
        })
    }
}
