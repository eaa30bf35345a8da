//! Which devices a contract means, as it was known at an instant: listed ones by key or serial number, or all of the tenant.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::bill::BillRunError;
use super::stored_second;
use crate::billing::calendar::Instant;
use crate::billing::contract::ContractDevice;
use crate::billing::{Contract, Period, Terms, Zone};
use crate::contract_file::ContractFile;
use crate::evidence::Aliases;
use crate::limits::DEVICES_PER_QUESTION;
use crate::read::facts::Span;
use crate::read::{DeviceRow, ReadError, TenantStore};
use crate::usage::{DAY_SECS, Flags};

/// A device without serial number and MAC cannot be told apart from others and is never billed by itself.
const BASIS_NONE: i64 = 2;

/// Where most devices that are in use have been read: one look there saves looking for each.
const USUAL_DAYS: i64 = 2;

/// All devices of a tenant and the keys that they had.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) rows: Vec<DeviceRow>,
    pub(super) aliases: Aliases,
}

impl Fleet {
    pub(super) async fn of(store: &TenantStore) -> Result<Fleet, ReadError> {
        Ok(Fleet { rows: store.devices().await?, aliases: Aliases::of(store.aliases().await?) })
    }

    /// When each device was first polled, in Unix seconds.
    pub(super) fn first_seen(&self) -> HashMap<&str, i64> {
        self.rows.iter().map(|row| (row.device.as_str(), i64::from(row.first_seen))).collect()
    }

    /// The contract with the devices that it means: all that were read before the period's end, or those named.
    pub(super) async fn contract(
        &self,
        store: &TenantStore,
        file: &ContractFile,
        period: Period,
        as_of: Instant,
    ) -> Result<Contract, BillRunError> {
        let mut contract = file.contract.clone();
        for device in &mut contract.devices {
            device.device = key_of(&device.device, &self.rows)?;
        }
        if !file.all_devices {
            return Ok(contract);
        }
        let listed: BTreeSet<String> = contract.devices.iter().map(|device| device.device.clone()).collect();
        // Without a zone the contract is refused later; until then any end does.
        let end = Zone::named(&contract.timezone).map_or(i64::MAX, |zone| zone.midnight(period.end));
        let known = self.rows.iter().filter(|row| row.basis != BASIS_NONE);
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for row in self.seen(store, known, end, as_of).await? {
            let device = self.aliases.resolve(&row.device, row.last_ok.min(stored_second(end)));
            if !listed.contains(device) {
                all.insert(device);
            }
        }
        contract.devices.extend(all.into_iter().map(|device| ContractDevice {
            device: device.to_owned(),
            from: None,
            to: None,
            start_reads: BTreeMap::new(),
            end_reads: BTreeMap::new(),
        }));
        Ok(contract)
    }

    /// Flags devices of the tenant that report and are not under the contract.
    pub(super) async fn flag_unassigned(
        &self,
        store: &TenantStore,
        terms: &Terms<'_>,
        as_of: Instant,
        flags: &mut Flags,
    ) -> Result<(), ReadError> {
        let contracted: BTreeSet<&str> = terms.devices.iter().map(|device| device.device.as_str()).collect();
        let foreign = |row: &&DeviceRow| !contracted.contains(self.aliases.resolve(&row.device, row.last_ok));
        for row in self.seen(store, self.rows.iter().filter(foreign), i64::MAX, as_of).await? {
            flags.unassigned_device(self.aliases.resolve(&row.device, row.last_ok));
        }
        Ok(())
    }

    /// Those of which a value was read before `to` that had arrived at `as_of`: what came later is not known yet, however
    /// early it was read.
    async fn seen<'a>(
        &self,
        store: &TenantStore,
        rows: impl Iterator<Item = &'a DeviceRow>,
        to: i64,
        as_of: Instant,
    ) -> Result<Vec<&'a DeviceRow>, ReadError> {
        let candidates: Vec<&DeviceRow> =
            rows.filter(|row| row.last_ok > 0 && i64::from(row.first_seen) < to).collect();
        if candidates.is_empty() {
            return Ok(candidates);
        }
        // Nothing is stamped more than a day after it arrived.
        let to = to.min(as_of.0.saturating_add(2 * DAY_SECS));
        let span = |from: i64, devices| Span {
            from: stored_second(from),
            to: stored_second(to),
            as_of: stored_second(as_of.0),
            devices,
        };
        let usual = to.min(as_of.0) - USUAL_DAYS * DAY_SECS;
        let mut seen: BTreeSet<String> = store.seen_devices(span(usual, None)).await?.into_iter().collect();
        let rest: Vec<&str> =
            candidates.iter().map(|row| row.device.as_str()).filter(|device| !seen.contains(*device)).collect();
        for devices in rest.chunks(DEVICES_PER_QUESTION) {
            seen.extend(store.seen_devices(span(0, Some(devices))).await?);
        }
        Ok(candidates.into_iter().filter(|row| seen.contains(&row.device)).collect())
    }
}

/// A full key stays as it is; a bare serial number becomes the key of the one device that has it.
pub(super) fn key_of(device: &str, known: &[DeviceRow]) -> Result<String, BillRunError> {
    if device.contains(':') {
        return Ok(device.to_owned());
    }
    let serial = device.trim().to_uppercase();
    let same = known.iter().filter(|row| row.device.split_once(':').is_some_and(|(_, of)| of == serial));
    let keys: Vec<&str> = same.map(|row| row.device.as_str()).collect();
    match keys.as_slice() {
        [] => Ok(device.to_owned()), // never seen: it has no reads, and the invoice says so
        [key] => Ok((*key).to_owned()),
        several => Err(BillRunError::AmbiguousDevice { device: device.to_owned(), candidates: several.join(", ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(device: &str) -> DeviceRow {
        DeviceRow {
            device: device.into(),
            first_seen: 1,
            last_ok: 2,
            basis: 0,
            model: String::new(),
            site: String::new(),
        }
    }

    #[test]
    fn a_serial_number_stands_for_the_one_device_that_has_it() {
        let known = [row("hp:VNB3"), row("canon:AA11"), row("xerox:AA11")];
        assert_eq!(key_of("vnb3", &known).unwrap(), "hp:VNB3");
        assert_eq!(key_of("NEW1", &known).unwrap(), "NEW1");
        assert_eq!(key_of("hp:OTHER", &known).unwrap(), "hp:OTHER");
        assert!(key_of("AA11", &known).unwrap_err().to_string().contains("canon:AA11, xerox:AA11"));
    }
}
