//! Reads and meter exchanges that no agent took, from CSV. A file is taken as a whole or not at all.

use std::collections::BTreeSet;
use std::io::Read;

use schemas::store::billing::{ManualReadRow, MeterExchangeRow};
use serde::Deserialize;

use super::devices::key_of;
use super::stored_second;
use crate::billing::calendar::Instant;
use crate::ledger::store::WriteError;
use crate::limits::IMPORT_ROWS_MAX;
use crate::read::{DeviceRow, ReadError, TenantStore};

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{name}:{line}: {problem}")]
    Line { name: String, line: u64, problem: String },
    #[error("{name} has more than {IMPORT_ROWS_MAX} rows; split it")]
    TooLong { name: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A row of a file of reads: `device,meter,ts,value[,source][,note][,sent]`.
#[derive(Debug, Deserialize)]
struct ReadLine {
    device: String,
    meter: String,
    ts: Instant,
    value: i64,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    sent: Option<Instant>,
}

/// A row of a file of exchanges: `device,meter,ts,old_value,new_value[,source][,note]`.
#[derive(Debug, Deserialize)]
struct ExchangeLine {
    device: String,
    meter: String,
    ts: Instant,
    old_value: i64,
    new_value: i64,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
}

/// Imports reads; how many.
///
/// # Errors
/// [`ImportError`], naming file and line; nothing is written then.
pub async fn reads(
    store: &TenantStore,
    name: &str,
    from: impl Read,
    now: Instant,
    new_devices: bool,
) -> Result<usize, ImportError> {
    let known = Known::of(store, new_devices).await?;
    let received = stored_second(now.0);
    let row = |line: u64, read: ReadLine| {
        let problem = |problem: String| ImportError::Line { name: name.to_owned(), line, problem };
        check_meter(&read.meter).and_then(|()| check_value(read.value)).map_err(problem)?;
        check_time(read.ts, now).map_err(problem)?;
        Ok(ManualReadRow {
            tenant: store.tenant().to_owned(),
            device: known.key_of(&read.device).map_err(problem)?,
            meter: read.meter,
            ts: stored_second(read.ts.0),
            value: read.value,
            received,
            sent: read.sent.map(|sent| stored_second(sent.0)),
            source: source(read.source),
            note: read.note,
        })
    };
    let rows = rows(name, from, row)?;
    store.add_manual_reads(&rows).await?;
    Ok(rows.len())
}

/// Imports meter exchanges; how many.
///
/// # Errors
/// As [`reads`].
pub async fn exchanges(
    store: &TenantStore,
    name: &str,
    from: impl Read,
    now: Instant,
    new_devices: bool,
) -> Result<usize, ImportError> {
    let known = Known::of(store, new_devices).await?;
    let received = stored_second(now.0);
    let row = |line: u64, noted: ExchangeLine| {
        let problem = |problem: String| ImportError::Line { name: name.to_owned(), line, problem };
        check_meter(&noted.meter)
            .and_then(|()| check_value(noted.old_value))
            .and_then(|()| check_value(noted.new_value))
            .and_then(|()| check_time(noted.ts, now))
            .map_err(problem)?;
        Ok(MeterExchangeRow {
            tenant: store.tenant().to_owned(),
            device: known.key_of(&noted.device).map_err(problem)?,
            meter: noted.meter,
            ts: stored_second(noted.ts.0),
            old_value: noted.old_value,
            new_value: noted.new_value,
            received,
            source: source(noted.source),
            note: noted.note,
        })
    };
    let rows = rows(name, from, row)?;
    store.add_meter_exchanges(&rows).await?;
    Ok(rows.len())
}

/// The devices that a file may name.
struct Known {
    rows: Vec<DeviceRow>,
    noted: BTreeSet<String>,
    new_devices: bool,
}

impl Known {
    async fn of(store: &TenantStore, new_devices: bool) -> Result<Known, ReadError> {
        let noted = store.noted_devices().await?.into_iter().collect();
        Ok(Known { rows: store.devices().await?, noted, new_devices })
    }

    fn key_of(&self, device: &str) -> Result<String, String> {
        let key = key_of(device, &self.rows).map_err(|error| error.to_string())?;
        let is_known = self.rows.iter().any(|row| row.device == key) || self.noted.contains(&key);
        if is_known || self.new_devices {
            return Ok(key);
        }
        Err(format!(
            "no device {device:?} of this tenant ever reported or was read; correct the key, or give --new-devices if it is new"
        ))
    }
}

fn rows<L: serde::de::DeserializeOwned, R>(
    name: &str,
    from: impl Read,
    row: impl Fn(u64, L) -> Result<R, ImportError>,
) -> Result<Vec<R>, ImportError> {
    let mut file = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(from);
    let mut rows = Vec::new();
    for record in file.deserialize::<L>() {
        if rows.len() == IMPORT_ROWS_MAX {
            return Err(ImportError::TooLong { name: name.to_owned() });
        }
        let line = |error: &csv::Error| error.position().map_or(1, csv::Position::line);
        // The header is line 1.
        let number = rows.len() as u64 + 2;
        let record = record.map_err(|error| ImportError::Line {
            name: name.to_owned(),
            line: line(&error),
            problem: error.to_string(),
        })?;
        rows.push(row(number, record)?);
    }
    Ok(rows)
}

fn check_meter(meter: &str) -> Result<(), String> {
    if schemas::meter::is_valid(meter) {
        return Ok(());
    }
    Err(format!(
        "{meter:?} is no meter; known are {}, or a name like vendor.staples",
        schemas::meter::CANONICAL.join(", ")
    ))
}

fn check_value(value: i64) -> Result<(), String> {
    if value >= 0 { Ok(()) } else { Err(format!("the counter shows {value}; a counter is never negative")) }
}

fn check_time(ts: Instant, now: Instant) -> Result<(), String> {
    if (0..=now.0).contains(&ts.0) {
        return Ok(());
    }
    Err(format!("{ts} lies in the future or before 1970; write when the counter was read, with its zone"))
}

fn source(named: String) -> String {
    if named.is_empty() { "import".to_owned() } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(u64, i64)>, String> {
        rows("r.csv", text.as_bytes(), |line, read: ReadLine| Ok((line, read.value))).map_err(|error| error.to_string())
    }

    #[test]
    fn optional_columns_may_be_missing_and_a_wrong_cell_names_its_line() {
        assert_eq!(parse("device,meter,ts,value\nhp:A,total,2026-01-01T00:00:00Z,5\n"), Ok(vec![(2, 5)]));
        let error = parse("device,meter,ts,value\nhp:A,total,2026-01-01T00:00:00Z,5\nhp:A,total,yesterday,6\n");
        assert!(error.unwrap_err().starts_with("r.csv:3: "));
        assert!(parse("device,meter,value\nhp:A,total,5\n").unwrap_err().contains("ts"));
    }

    #[test]
    fn what_no_counter_can_show_is_refused() {
        let now = Instant(1_000_000);
        assert!(check_meter("Total Pages").is_err() && check_meter("vendor.staples").is_ok());
        assert!(check_value(-1).is_err() && check_value(0).is_ok());
        assert!(check_time(Instant(1_000_001), now).is_err() && check_time(Instant(-1), now).is_err());
    }
}
