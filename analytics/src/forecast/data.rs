//! Reads a backtest folder: readings.csv(.gz), devices.csv, catalog.csv, holidays.csv, truth.csv.
//! Promise: a row that cannot be read is an error with file and line, never skipped silently.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::forecast::calendar::day_of;
use crate::forecast::series::{Day, Device, Facts, Read, Supply};

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("open {0}: {1}")]
    Open(PathBuf, std::io::Error),
    #[error("read {0}: {1}")]
    Row(PathBuf, csv::Error),
    #[error("{file} row {row}: {what} '{text}' is not valid")]
    Value { file: PathBuf, row: usize, what: &'static str, text: String },
}

/// A row to forecast.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub device: String,
    pub supply: String,
    pub origin: String,
}

/// What really happened.
#[derive(Debug, Clone, Deserialize)]
pub struct Truth {
    pub device: String,
    pub supply: String,
    pub origin: String,
    pub cartridge: String,
    pub remaining_days: f64,
}

fn open(path: &Path) -> Result<Box<dyn std::io::Read>, DataError> {
    let file = File::open(path).map_err(|error| DataError::Open(path.to_owned(), error))?;
    let zipped = path.extension().is_some_and(|end| end == "gz");
    Ok(if zipped { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) })
}

fn rows<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>, DataError> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text).map_err(|error| DataError::Open(path.to_owned(), error))?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().collect::<Result<Vec<T>, _>>().map_err(|error| DataError::Row(path.to_owned(), error))
}

/// Day of `YYYY-MM-DD`.
pub fn parse_day(text: &str) -> Option<Day> {
    let date: jiff::civil::Date = text.parse().ok()?;
    Some(day_of(i32::from(date.year()), date.month() as u32, date.day() as u32))
}

fn parse_moment(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| moment.as_second())
}

#[derive(Deserialize)]
struct DeviceRow {
    device: String,
    site: String,
    model: String,
    first_seen: String,
}
/// An empty cell was not read.
#[derive(Deserialize)]
struct ReadingRow {
    device: String,
    supply: String,
    ts: String,
    level: Option<i64>,
    max: Option<i64>,
    pages: Option<i64>,
    pages_color: Option<i64>,
}
#[derive(Deserialize)]
struct CatalogRow {
    model: String,
    supply: String,
    nominal_yield: Option<f64>,
}
#[derive(Deserialize)]
struct HolidayRow {
    date: String,
}

pub fn load(dir: &Path) -> Result<(Vec<Device>, Facts), DataError> {
    let bad = |file: &Path, row: usize, what: &'static str, text: &str| DataError::Value {
        file: file.to_owned(),
        row: row + 2,
        what,
        text: text.to_owned(),
    };
    let mut devices: BTreeMap<String, Device> = BTreeMap::new();
    let path = dir.join("devices.csv");
    for (i, row) in rows::<DeviceRow>(&path)?.into_iter().enumerate() {
        let first_seen = if row.first_seen.is_empty() {
            None
        } else {
            Some(parse_day(&row.first_seen).ok_or_else(|| bad(&path, i, "first_seen", &row.first_seen))?)
        };
        devices.insert(
            row.device.clone(),
            Device { id: row.device, site: row.site, model: row.model, first_seen, supplies: Vec::new() },
        );
    }
    let plain = dir.join("readings.csv");
    let path = if plain.exists() { plain } else { dir.join("readings.csv.gz") };
    for (i, row) in rows::<ReadingRow>(&path)?.into_iter().enumerate() {
        let device = devices.get_mut(&row.device).ok_or_else(|| bad(&path, i, "device", &row.device))?;
        let at_s = parse_moment(&row.ts).ok_or_else(|| bad(&path, i, "ts", &row.ts))?;
        let read = Read {
            at_s,
            level: row.level.unwrap_or(-2),
            max: row.max.unwrap_or(-2),
            pages: row.pages,
            pages_color: row.pages_color,
            serial: 0,
        };
        match device.supplies.iter_mut().find(|supply| supply.name == row.supply) {
            Some(supply) => supply.reads.push(read),
            None => {
                let mut supply = Supply::named(&row.supply);
                supply.reads.push(read);
                device.supplies.push(supply);
            }
        }
    }
    let mut facts = Facts::default();
    // Both are known or not; a fleet can be forecast without them.
    let (yields, free) = (dir.join("catalog.csv"), dir.join("holidays.csv"));
    if yields.exists() {
        facts.nominal_yield = catalog(&yields)?;
    }
    if free.exists() {
        facts.holidays = holidays(&free)?;
    }
    let mut devices: Vec<Device> = devices.into_values().collect();
    devices.iter_mut().flat_map(|device| &mut device.supplies).for_each(Supply::tidy);
    Ok((devices, facts))
}

/// Nominal pages by (model, supply); rows without a yield are left out.
///
/// # Errors
/// [`DataError`].
pub fn catalog(path: &Path) -> Result<BTreeMap<(String, String), f64>, DataError> {
    let known = rows::<CatalogRow>(path)?.into_iter();
    Ok(known.filter_map(|row| Some(((row.model, row.supply), row.nominal_yield?))).collect())
}

/// Public holidays.
///
/// # Errors
/// [`DataError`].
pub fn holidays(path: &Path) -> Result<BTreeSet<Day>, DataError> {
    let days = rows::<HolidayRow>(path)?.into_iter().enumerate();
    days.map(|(i, row)| {
        let bad = || DataError::Value { file: path.to_owned(), row: i + 2, what: "date", text: row.date.clone() };
        parse_day(&row.date).ok_or_else(bad)
    })
    .collect()
}

pub fn truth(path: &Path) -> Result<Vec<Truth>, DataError> {
    rows(path)
}

#[derive(Deserialize)]
struct ForecastRow {
    device: String,
    supply: String,
    origin: String,
    p10: f64,
    p50: f64,
    p90: f64,
}

/// A file as the backtest writes it, by (device, supply, origin).
pub fn forecasts(path: &Path) -> Result<BTreeMap<(String, String, String), [f64; 3]>, DataError> {
    Ok(rows::<ForecastRow>(path)?
        .into_iter()
        .map(|row| ((row.device, row.supply, row.origin), [row.p10, row.p50, row.p90]))
        .collect())
}

/// The first three columns of a file.
pub fn pairs(path: &Path) -> Result<Vec<Pair>, DataError> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text).map_err(|error| DataError::Open(path.to_owned(), error))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let mut found = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| DataError::Row(path.to_owned(), error))?;
        let part = |i: usize| record.get(i).unwrap_or_default().to_owned();
        found.push(Pair { device: part(0), supply: part(1), origin: part(2) });
    }
    Ok(found)
}
