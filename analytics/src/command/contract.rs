//! Contracts as versioned rows: applied from files, shown, compared. A version that was applied is never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemas::store::billing::ContractRow;
use serde::Serialize;

use super::devices::key_of;
use super::{bill, stored_second};
use crate::billing::calendar::{Instant, Zone};
use crate::billing::spans::check_spans;
use crate::billing::terms::{Problem, at};
use crate::billing::{Period, Terms};
use crate::contract_file::{ContractFile, ContractFileError};
use crate::ledger::document::sha256;
use crate::ledger::lock::{Lock, LockError};
use crate::ledger::store::WriteError;
use crate::read::{ReadError, TenantStore};

#[derive(Debug, thiserror::Error)]
pub enum ContractRunError {
    #[error(transparent)]
    File(#[from] ContractFileError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{0} has no id; write id = \"…\" at its top, by which invoices name it")]
    NoId(String),
    #[error("no contract {id:?} was applied for {tenant}{version}; `analytics contract list --tenant {tenant}` shows those that were", version = version.map_or_else(String::new, |version| format!(" in version {version}")))]
    Unknown { tenant: String, id: String, version: Option<u32> },
}

/// What applying did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    pub contract: String,
    pub version: u32,
    /// `false`: this text was applied already.
    pub changed: bool,
}

/// Checks a contract for the month of `now` and the period that it names, and keeps it as the next version.
///
/// # Errors
/// [`ContractRunError`]; nothing is written then.
pub async fn apply(
    store: &TenantStore,
    lock_dir: &Path,
    file: &ContractFile,
    now: Instant,
    new_devices: bool,
) -> Result<Applied, ContractRunError> {
    let id = file.contract.id.clone();
    if id.is_empty() {
        return Err(ContractRunError::NoId(file.name()));
    }
    check(store, file, now).await?;
    if !new_devices {
        check_devices(store, file).await?;
    }
    let _lock = Lock::take(lock_dir, store.tenant())?;
    let known = store.contracts(Some(&id)).await?;
    let sum = sha256(file.text().as_bytes());
    if let Some(last) = known.last().filter(|last| last.sha256 == sum) {
        return Ok(Applied { contract: id, version: last.version, changed: false });
    }
    let version = known.last().map_or(1, |last| last.version + 1);
    let row = ContractRow {
        tenant: store.tenant().to_owned(),
        contract: id.clone(),
        version,
        applied: stored_second(now.0),
        sha256: sum,
        text: file.text().to_owned(),
    };
    store.add_contract(row).await?;
    Ok(Applied { contract: id, version, changed: true })
}

/// Everything that could refuse a bill later is refused now.
async fn check(store: &TenantStore, file: &ContractFile, now: Instant) -> Result<(), ContractRunError> {
    // Without its zone a contract has no months, and nothing below would be looked at.
    if Zone::named(&file.contract.timezone).is_none() {
        let problem = Problem::UnknownZone(file.contract.timezone.clone());
        return Err(file.locate(&at("timezone", problem)).into());
    }
    let extra = store.extra_meters().await?;
    let seen = extra.iter().map(String::as_str).collect();
    let starts = file.contract.start.and_then(|start| Period::month(&start.to_string()[..7]).ok());
    let month = bill::last_month(&file.contract, now);
    // A contract that begins later has prices from its beginning on only.
    let month = match (month, starts) {
        (Some(month), Some(starts)) if month.start < starts.start => Some(starts),
        (month, _) => month,
    };
    for period in file.period.into_iter().chain(month) {
        let terms = Terms::of(&file.contract, period, &seen).map_err(|error| file.locate(&error))?;
        check_spans(&file.contract, &terms.zone).map_err(|error| file.locate(&error))?;
    }
    Ok(())
}

/// A key that nothing was ever read of is mostly a slip of the pen, and would be billed as a device without reads.
async fn check_devices(store: &TenantStore, file: &ContractFile) -> Result<(), ContractRunError> {
    if file.contract.devices.is_empty() {
        return Ok(());
    }
    let rows = store.devices().await?;
    let mut known: BTreeSet<String> = store.noted_devices().await?.into_iter().collect();
    known.extend(rows.iter().map(|row| row.device.clone()));
    for (index, device) in file.contract.devices.iter().enumerate() {
        let key = key_of(&device.device, &rows).unwrap_or_else(|_| device.device.clone());
        // A serial number that several makers have is told apart when it is billed.
        let ambiguous = rows.iter().any(|row| row.device.ends_with(&format!(":{}", device.device.to_uppercase())));
        if !known.contains(&key) && !ambiguous {
            let problem = Problem::UnknownDevice(device.device.clone());
            return Err(file.locate(&at(format!("devices[{index}].device"), problem)).into());
        }
    }
    Ok(())
}

/// A version of a contract, the last one if none is named.
///
/// # Errors
/// [`ContractRunError::Unknown`], when there is none.
pub async fn version(
    store: &TenantStore,
    id: &str,
    version: Option<u32>,
) -> Result<(ContractRow, ContractFile), ContractRunError> {
    let mut rows = store.contracts(Some(id)).await?;
    rows.retain(|row| version.is_none_or(|version| row.version == version));
    let unknown = || ContractRunError::Unknown { tenant: store.tenant().to_owned(), id: id.to_owned(), version };
    let row = rows.pop().ok_or_else(unknown)?;
    let name = format!("contract {id}, version {}", row.version);
    let file = ContractFile::parse(Path::new(&name), row.text.clone())?;
    Ok((row, file))
}

/// The last version of each contract.
///
/// # Errors
/// [`ReadError`].
pub async fn list(store: &TenantStore) -> Result<Vec<ContractRow>, ReadError> {
    let rows = store.contracts(None).await?;
    let last: BTreeMap<String, ContractRow> = rows.into_iter().map(|row| (row.contract.clone(), row)).collect();
    Ok(last.into_values().collect())
}

/// One line of two texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", content = "line", rename_all = "lowercase")]
pub enum Change {
    Same(String),
    Removed(String),
    Added(String),
}

/// What parts two texts, line by line: the longest common lines stay, the rest was removed or added.
pub fn changes(old: &str, new: &str) -> Vec<Change> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            common[i][j] = if one == other { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            found.push(Change::Same(old[i].to_owned()));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            found.push(Change::Removed(old[i].to_owned()));
            i += 1;
        } else {
            found.push(Change::Added(new[j].to_owned()));
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_keeps_what_is_common_and_names_the_rest() {
        let found = changes("a\nb\nc", "a\nx\nc\nd");
        let signs: Vec<String> = found
            .iter()
            .map(|change| match change {
                Change::Same(line) => format!(" {line}"),
                Change::Removed(line) => format!("-{line}"),
                Change::Added(line) => format!("+{line}"),
            })
            .collect();
        assert_eq!(signs, [" a", "-b", "+x", " c", "+d"]);
        assert_eq!(changes("", ""), []);
    }
}
