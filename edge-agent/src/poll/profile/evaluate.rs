//! From profiles and a table of answers to the meters that the device has. Pure.
//!
//! Surer meanings first, then the order of the profiles. Each meter name is given once; what is left over under the same
//! name is dropped, except a second total (see [`super::super::total`]).

use super::file::{DeriveEntry, Preference, RowEntry, RowIs, TableEntry};
use super::pattern::{as_name, normal};
use super::{Profile, once};
use crate::poll::meter::{Meter, Sure, Term};
use crate::poll::supplies::VendorSupply;
use crate::poll::text::label;
use crate::snmp::{Oid, Table, Value};

impl Profile {
    /// Single objects in which meters are.
    pub fn meter_objects(&self) -> Vec<Oid> {
        let named = self.files().flat_map(|file| {
            file.meters.iter().flat_map(|meter| [&meter.oid.0[..], &meter.sum, &meter.also, &meter.less].concat())
        });
        let blobs = self.files().flat_map(|file| file.blobs.iter().map(|blob| blob.oid.clone()));
        let rows = self
            .files()
            .flat_map(|file| file.tables.iter().filter(|table| !table.is_walked()).flat_map(TableEntry::numbered));
        once(named.chain(blobs).chain(rows))
    }

    /// Columns that are read whole, each once.
    pub fn columns(&self) -> Vec<Oid> {
        let counters = self.files().flat_map(|file| {
            let walked = file.tables.iter().filter(|table| table.is_walked());
            walked.flat_map(|table| table.label.iter().cloned().chain([table.value.clone()]))
        });
        let firmware = self.firmware_table().into_iter().flat_map(|table| [table.name.clone(), table.version.clone()]);
        let supplies =
            self.files().flat_map(|file| [&file.supplies.serial, &file.supplies.part].into_iter().flatten().cloned());
        once(counters.chain(firmware).chain(supplies))
    }

    /// The meters that `table` has the objects of, each name once; several of name `total` stay beside each other.
    pub fn meters(&self, table: &Table) -> Vec<Meter> {
        let mut found = Vec::new();
        // A profile that knows which total counts has its own looked at first.
        let (mut files, others): (Vec<_>, Vec<_>) = self.files().partition(|file| file.total == Preference::Vendor);
        files.extend(others);
        for file in files {
            found.extend(file.meters.iter().filter_map(|entry| single(entry, table)));
            found.extend(file.blobs.iter().flat_map(|blob| {
                blob.words.iter().filter_map(|word| {
                    let term = Term { oid: blob.oid.clone(), word: Some(word.word.0), less: false };
                    term.value(table)?;
                    Some(Meter {
                        name: word.meter.0.clone(),
                        terms: vec![term],
                        unit: blob.unit.code(),
                        sure: blob.sure,
                        daily: blob.daily,
                        ..Meter::default()
                    })
                })
            }));
            found.extend(file.tables.iter().flat_map(|entry| rows(entry, table)));
        }
        let mut meters = surest(found);
        for entry in self.files().flat_map(|file| &file.derived) {
            if !meters.iter().any(|meter| meter.name == entry.name.0)
                && let Some(meter) = derived(entry, &meters)
            {
                meters.push(meter);
            }
        }
        for entry in self.files().flat_map(|file| &file.tables) {
            if let Some(name) = &entry.sum
                && !meters.iter().any(|meter| meter.name == name.0)
            {
                meters.extend(sum_of_rows(entry, name.0.clone(), table));
            }
        }
        meters.truncate(schemas::limits::COUNTERS_MAX);
        meters
    }

    /// Supplies whose level the maker packs elsewhere, as far as `table` has them. Of one word the first meaning counts.
    pub fn vendor_supplies(&self, table: &Table) -> Vec<VendorSupply> {
        let mut supplies: Vec<VendorSupply> = Vec::new();
        for blob in self.files().flat_map(|file| &file.blobs) {
            for entry in &blob.supplies {
                let supply = VendorSupply {
                    term: Term { oid: blob.oid.clone(), word: Some(entry.word.0), less: false },
                    kind: entry.kind.0,
                    color: entry.color.clone(),
                    max: entry.max,
                };
                let taken = supplies.iter().any(|other| other.term == supply.term);
                if !taken && supply.amounts(table).is_some() {
                    supplies.push(supply);
                }
            }
        }
        supplies
    }

    /// Serial and part number that the maker keeps for a row of prtMarkerSuppliesTable.
    pub fn supply_numbers(&self, table: &Table, index: &[u32]) -> (Option<String>, Option<String>) {
        let text = |column: &Option<Oid>| {
            let text = label(table.bytes(column.as_ref()?.arcs(), index)?);
            (!text.is_empty()).then_some(text)
        };
        let serial = self.files().find_map(|file| text(&file.supplies.serial));
        (serial, self.files().find_map(|file| text(&file.supplies.part)))
    }
}

fn single(entry: &super::file::MeterEntry, table: &Table) -> Option<Meter> {
    let there = |oid: &&Oid| Term::plus((*oid).clone()).value(table).is_some();
    let mut terms: Vec<Term> = match entry.oid.0.iter().find(there) {
        Some(oid) => vec![Term::plus(oid.clone())],
        None if entry.oid.0.is_empty() && entry.sum.iter().all(|oid| there(&oid)) => {
            entry.sum.iter().cloned().map(Term::plus).collect()
        }
        None => return None,
    };
    terms.extend(entry.also.iter().filter(there).cloned().map(Term::plus));
    if !entry.less.iter().all(|oid| there(&oid)) {
        return None;
    }
    terms.extend(entry.less.iter().map(|oid| Term { less: true, ..Term::plus(oid.clone()) }));
    Some(Meter {
        name: entry.name.0.clone(),
        terms,
        unit: entry.unit.code(),
        sure: entry.sure,
        large: entry.large,
        daily: entry.daily,
        ..Meter::default()
    })
}

/// The counters of a table, rows with the same meter added up in the order of the rows.
fn rows(entry: &TableEntry, table: &Table) -> Vec<Meter> {
    let mut meters: Vec<Meter> = Vec::new();
    for (index, value) in table.column(entry.value.arcs()) {
        let label = match &entry.label {
            Some(column) => match table.at(column.arcs(), index) {
                Some(value) => text_of(value),
                None => continue,
            },
            None => String::new(),
        };
        let term = Term::plus(Oid::of(entry.value.arcs(), index));
        if value.number().is_none() && term.value(table).is_none() {
            continue;
        }
        let (name, daily) = match known_row(&entry.meters, &label, index) {
            Some(name) => (name, false),
            None => match (&entry.others, if entry.label.is_some() { as_name(&label) } else { numbered(index) }) {
                (Some(beginning), end) if !end.is_empty() => (format!("{}{end}", beginning.0), entry.daily),
                _ => continue,
            },
        };
        if !schemas::meter::is_valid(&name) {
            continue;
        }
        match meters.iter_mut().find(|meter| meter.name == name) {
            Some(meter) => {
                meter.terms.push(term);
                meter.labels.push(label);
            }
            None => meters.push(Meter {
                name,
                terms: vec![term],
                unit: entry.unit.code(),
                sure: entry.sure,
                large: entry.large,
                daily,
                group: entry.group.as_ref().map(|group| group.0.clone()).unwrap_or_default(),
                labels: vec![label],
                ..Meter::default()
            }),
        }
    }
    meters.retain(|meter| meter.value(table).is_some());
    meters
}

/// A row without a name, by its number.
fn numbered(index: &[u32]) -> String {
    index.iter().map(u32::to_string).collect::<Vec<_>>().join("_")
}

fn known_row(rows: &[RowEntry], label: &str, index: &[u32]) -> Option<String> {
    let normalized = normal(label);
    let fits = |row: &&RowEntry| match &row.is {
        RowIs::Labelled(pattern) => pattern.fits_normal(&normalized),
        RowIs::Numbered(wanted) => wanted == index,
    };
    rows.iter().find(fits).map(|row| row.meter.0.clone())
}

/// A label is a text or a code.
fn text_of(value: &Value) -> String {
    value.bytes().map(label).or_else(|| value.number().map(|code| code.to_string())).unwrap_or_default()
}

fn sum_of_rows(entry: &TableEntry, name: String, table: &Table) -> Option<Meter> {
    let terms: Vec<Term> =
        table.column(entry.value.arcs()).map(|(index, _)| Term::plus(Oid::of(entry.value.arcs(), index))).collect();
    let meter = Meter {
        name,
        terms,
        unit: entry.unit.code(),
        sure: entry.sure,
        large: entry.large,
        daily: entry.daily,
        ..Meter::default()
    };
    meter.value(table).map(|_| meter)
}

/// One of each name: the surest, and of those the first. Totals all stay, the surest first.
fn surest(mut found: Vec<Meter>) -> Vec<Meter> {
    found.sort_by_key(|meter| meter.sure);
    let mut meters: Vec<Meter> = Vec::new();
    for meter in found {
        let twice = |other: &Meter| other.name == meter.name && (meter.name != "total" || other.terms == meter.terms);
        if !meters.iter().any(twice) {
            meters.push(meter);
        }
    }
    meters
}

fn derived(entry: &DeriveEntry, meters: &[Meter]) -> Option<Meter> {
    let find = |name: &str| meters.iter().find(|meter| meter.name == name);
    let mut parts: Vec<(&Meter, bool)> = Vec::new();
    for name in &entry.add {
        parts.push((find(&name.0)?, false));
    }
    parts.extend(entry.also.iter().filter_map(|name| find(&name.0)).map(|meter| (meter, false)));
    for name in &entry.less {
        parts.push((find(&name.0)?, true));
    }
    let first = parts.first()?.0;
    // Units are kept: what counts sheets is not added to what counts impressions.
    if parts.iter().any(|(meter, _)| meter.unit != first.unit) {
        return None;
    }
    let terms = parts.iter().flat_map(|(meter, less)| {
        meter.terms.iter().map(move |term| Term { less: term.less != *less, ..term.clone() })
    });
    Some(Meter {
        name: entry.name.0.clone(),
        terms: terms.collect(),
        unit: first.unit,
        sure: parts.iter().map(|(meter, _)| meter.sure).max().unwrap_or(Sure::Claimed),
        large: first.large,
        daily: parts.iter().any(|(meter, _)| meter.daily),
        partial: entry.partial || parts.iter().any(|(meter, _)| meter.partial),
        ..Meter::default()
    })
}
