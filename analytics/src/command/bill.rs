//! Measures one contract from what ClickHouse holds, as it was known at an instant. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use schemas::store::billing::MeterExchangeRow;

use super::stored_second;
use crate::billing::calendar::Instant;
use crate::billing::contract::ContractDevice;
use crate::billing::invoice::{Exchanges, measure};
use crate::billing::{BillError, Contract, Event, Period, Previous, Terms, Zone};
use crate::contract_file::{ContractFile, ContractFileError};
use crate::evidence::{Aliases, DevicePolls};
use crate::limits::DEVICES_PER_QUESTION;
use crate::read::{DeviceRow, ReadError, TenantStore};
use crate::snapshot::Snapshot;
use crate::statement::{ReadsUsed, reads_used};
use crate::usage::Flags;
use crate::usage::read::counting_reads;

#[derive(Debug, thiserror::Error)]
pub enum BillRunError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Contract(#[from] ContractFileError),
    #[error("bill the contract")]
    Bill(#[source] BillError),
    #[error("device {device:?} of the contract could be any of {candidates}; write the whole key")]
    AmbiguousDevice { device: String, candidates: String },
}

/// Measures `period` as it was known at `as_of`, going on from what the preceding invoice left behind.
///
/// # Errors
/// [`BillRunError`], naming the line of the contract where it is to blame.
pub async fn measure_contract(
    store: &TenantStore,
    file: &ContractFile,
    period: Period,
    as_of: Instant,
    previous: Previous,
) -> Result<Snapshot, BillRunError> {
    let known = store.devices().await?;
    let aliases = Aliases::of(store.aliases().await?);
    let contract = with_devices(file, &known, &aliases, period)?;
    let extra_meters = if needs_extra_meters(&contract) { store.extra_meters().await? } else { Vec::new() };
    let seen_meters: BTreeSet<&str> = extra_meters.iter().map(String::as_str).collect();
    let terms = Terms::of(&contract, period, &seen_meters).map_err(|error| file.locate(&error))?;

    let mut flags = Flags::default();
    flag_unassigned(&terms, &known, &aliases, as_of, &mut flags);
    let mut events = file.events.clone();
    events.extend(store.meter_exchanges(stored_second(as_of.0)).await?.into_iter().map(exchange_event));
    let exchanges = Exchanges::of(&events);
    let mut reads = Vec::new();
    for devices in terms.devices.chunks(DEVICES_PER_QUESTION) {
        let polls = polls_of(store, devices, &aliases, as_of).await?;
        for device in devices {
            let polls = polls.get(&device.device);
            reads.extend(
                measure_device(&terms, device, polls, &exchanges, &previous, as_of, &mut flags)
                    .map_err(BillRunError::Bill)?,
            );
        }
    }
    let window = terms.zone.window(period);
    let unsure =
        store.unsure_polls(stored_second(window.from), stored_second(window.to), stored_second(as_of.0)).await?;
    let unsure_polls = unsure.into_iter().map(|row| (row.device, row.polls)).collect();
    Ok(Snapshot { contract, period, as_of, previous, reads, flags: flags.into_set(), unsure_polls })
}

fn exchange_event(row: MeterExchangeRow) -> Event {
    Event::MeterExchange {
        device: row.device,
        meter: row.meter,
        ts: Instant(i64::from(row.ts)),
        out: row.old_value,
        begins: row.new_value,
    }
}

/// The last calendar month of the contract's zone that was over at `as_of`.
pub fn last_month(contract: &Contract, as_of: Instant) -> Option<Period> {
    let today = Zone::named(&contract.timezone)?.date_at(as_of).to_string();
    let (year, month) = (today.get(..4)?.parse::<i16>().ok()?, today.get(5..7)?.parse::<i8>().ok()?);
    let (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
    Period::month(&format!("{year:04}-{month:02}")).ok()
}

/// Whether the period still runs at `as_of` in the contract's zone. An unknown zone is refused later.
pub fn is_unfinished(contract: &Contract, period: Period, as_of: Instant) -> bool {
    Zone::named(&contract.timezone).is_some_and(|zone| zone.midnight(period.end) > as_of.0)
}

/// Measures one device from its polls, and names the polls that its boundaries rest on.
fn measure_device(
    terms: &Terms<'_>,
    device: &ContractDevice,
    polls: Option<&DevicePolls>,
    exchanges: &Exchanges,
    previous: &Previous,
    as_of: Instant,
    flags: &mut Flags,
) -> Result<Vec<ReadsUsed>, BillError> {
    let id = device.device.as_str();
    let none = DevicePolls::default();
    let polls = polls.unwrap_or(&none);
    let mut series = counting_reads(polls.readings(id), as_of.0, &BTreeSet::from([id]), flags)?;
    let series = series.remove(id).unwrap_or_default();
    let meters = measure(terms, device, &series, exchanges, previous, flags)?;
    let origin = |meter: &str, ts: i64, raw: i64| polls.origin(meter, ts, raw).cloned();
    Ok(meters.iter().map(|used| reads_used(used, previous, origin)).collect())
}

/// Reads the polls of some devices, under all keys that they had.
async fn polls_of(
    store: &TenantStore,
    devices: &[&ContractDevice],
    aliases: &Aliases,
    as_of: Instant,
) -> Result<BTreeMap<String, DevicePolls>, ReadError> {
    let keys: BTreeSet<&str> = devices.iter().flat_map(|device| aliases.keys_of(&device.device)).collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut polls: BTreeMap<String, DevicePolls> = BTreeMap::new();
    let mut rows = store.device_polls(&keys, stored_second(as_of.0))?;
    while let Some(poll) = rows.next().await? {
        let device = aliases.resolve(&poll.device, poll.ts).to_owned();
        polls.entry(device).or_default().push(&poll);
    }
    for read in store.manual_reads(&keys, stored_second(as_of.0)).await? {
        let device = aliases.resolve(&read.device, read.ts).to_owned();
        polls.entry(device).or_default().note(&read);
    }
    Ok(polls)
}

/// The contract with the devices that it means: all of the tenant, or those named by key or serial number.
fn with_devices(
    file: &ContractFile,
    known: &[DeviceRow],
    aliases: &Aliases,
    period: Period,
) -> Result<Contract, BillRunError> {
    let mut contract = file.contract.clone();
    for device in &mut contract.devices {
        device.device = key_of(&device.device, known)?;
    }
    if file.all_devices {
        let listed: BTreeSet<String> = contract.devices.iter().map(|device| device.device.clone()).collect();
        // Without a zone the contract is refused later; until then any end does.
        let end = Zone::named(&contract.timezone).map_or(i64::MAX, |zone| zone.midnight(period.end));
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for row in known.iter().filter(|row| row.basis != BASIS_NONE && row.last_ok > 0) {
            let device = aliases.resolve(&row.device, row.last_ok);
            if i64::from(row.first_seen) < end && !listed.contains(device) {
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
    }
    Ok(contract)
}

/// A device without serial number and MAC cannot be told apart from others and is never billed by itself.
const BASIS_NONE: i64 = 2;

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

/// Devices of the tenant that report and are not under the contract.
fn flag_unassigned(terms: &Terms<'_>, known: &[DeviceRow], aliases: &Aliases, as_of: Instant, flags: &mut Flags) {
    let contracted: BTreeSet<&str> = terms.devices.iter().map(|device| device.device.as_str()).collect();
    for row in known.iter().filter(|row| row.last_ok > 0 && i64::from(row.first_seen) <= as_of.0) {
        let device = aliases.resolve(&row.device, row.last_ok);
        if !contracted.contains(device) {
            flags.unassigned_device(device);
        }
    }
}

fn needs_extra_meters(contract: &Contract) -> bool {
    let charged = contract.charges.iter().flat_map(|charge| charge.meters.keys());
    let noted = contract.devices.iter().flat_map(|device| device.start_reads.keys().chain(device.end_reads.keys()));
    let mut named = charged.chain(noted).chain(contract.settings.modulus.keys());
    named.any(|meter| !schemas::meter::is_canonical(meter))
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

    #[test]
    fn a_period_is_over_at_its_local_end() {
        let contract: Contract = toml::from_str("currency = \"EUR\"\ntimezone = \"Europe/Berlin\"").unwrap();
        let january = Period::month("2026-01").unwrap();
        assert!(is_unfinished(&contract, january, "2026-01-31T22:59:59Z".parse().unwrap()));
        assert!(!is_unfinished(&contract, january, "2026-01-31T23:00:00Z".parse().unwrap()));
    }

    #[test]
    fn the_default_period_is_the_last_full_month_of_the_zone() {
        let contract: Contract = toml::from_str("currency = \"EUR\"\ntimezone = \"Europe/Berlin\"").unwrap();
        let month = |as_of: &str| last_month(&contract, as_of.parse().unwrap()).unwrap().start.to_string();
        assert_eq!(month("2026-01-31T22:30:00Z"), "2025-12-01");
        assert_eq!(month("2026-01-31T23:30:00Z"), "2026-01-01");
    }
}
