//! Measures one contract from what ClickHouse holds, as it was known at an instant. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use schemas::store::billing::MeterExchangeRow;

use super::devices::Fleet;
use super::facts::{Facts, Parts, Run};
use super::stored_second;
use crate::billing::calendar::Instant;
use crate::billing::contract::ContractDevice;
use crate::billing::invoice::{ByMeter, Exchanges, MeterUse, measure, measure_parts};
use crate::billing::spans::check_spans;
use crate::billing::{BillError, Contract, Event, Period, Previous, Terms, Zone};
use crate::contract_file::{ContractFile, ContractFileError};
use crate::evidence::DevicePolls;
use crate::limits::{DEVICE_DAYS_PER_QUESTION, DEVICES_LISTED_MAX, PROVED_DEVICES_MIN};
use crate::read::facts::Span;
use crate::read::{ReadError, TenantStore};
use crate::snapshot::Snapshot;
use crate::statement::{ReadsUsed, reads_used};
use crate::usage::boundary::RATE_WINDOW_SECS;
use crate::usage::read::counting_reads;
use crate::usage::{DAY_SECS, Flags, Read, Reading, UsageError};

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

/// Which readings are looked at. The result is the same to the byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Reads {
    /// As `proved` for large fleets, as `every` for small ones
    #[default]
    Auto,
    /// Those at the boundaries and of days on which meters are not proved to have only grown
    Proved,
    /// Every reading of every device
    Every,
}

/// What is to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub period: Period,
    /// As it was known then.
    pub as_of: Instant,
    pub reads: Reads,
}

/// Measures a period as it was known at an instant, going on from what the preceding invoice left behind.
///
/// # Errors
/// [`BillRunError`], naming the line of the contract where it is to blame.
pub async fn measure_contract(
    store: &TenantStore,
    file: &ContractFile,
    asked: Asked,
    previous: Previous,
) -> Result<Snapshot, BillRunError> {
    let Asked { period, as_of, reads: how } = asked;
    let fleet = Fleet::of(store).await?;
    let contract = fleet.contract(store, file, period, as_of).await?;
    let extra_meters = if needs_extra_meters(&contract) { store.extra_meters().await? } else { Vec::new() };
    let seen_meters: BTreeSet<&str> = extra_meters.iter().map(String::as_str).collect();
    let terms = Terms::of(&contract, period, &seen_meters).map_err(|error| file.locate(&error))?;
    check_spans(&contract, &terms.zone).map_err(|error| file.locate(&error))?;

    let mut flags = Flags::default();
    fleet.flag_unassigned(store, &terms, as_of, &mut flags).await?;
    let mut events = file.events.clone();
    events.extend(store.meter_exchanges(stored_second(as_of.0)).await?.into_iter().map(exchange_event));
    let exchanges = Exchanges::of(&events);
    let run = Run { store, terms: &terms, fleet: &fleet, exchanges: &exchanges, previous: &previous, as_of };
    let mut facts = match how {
        Reads::Proved => Facts::gathered(&run).await?,
        Reads::Auto if terms.devices.len() >= PROVED_DEVICES_MIN => Facts::gathered(&run).await?,
        Reads::Auto | Reads::Every => Facts::default(),
    };
    let mut measured: BTreeMap<&str, Vec<ReadsUsed>> = BTreeMap::new();
    for device in &terms.devices {
        let Some(Parts { polls, known }) = facts.take(&terms, &device.device) else { continue };
        let mut raised = Flags::default();
        let by_meter = by_meter(&run, device, &polls, &mut raised)?;
        let settled = measure_parts(&terms, device, &by_meter, &known, &previous, &mut raised).map_err(usage)?;
        if let Some(meters) = settled {
            flags.extend(raised);
            measured.insert(&device.device, with_origins(&run, &meters, &polls));
        }
    }
    drop(facts);
    tracing::debug!(devices = terms.devices.len(), proved = measured.len(), "large fleet measured from parts");
    for (from, devices) in questions(&run, &measured) {
        let polls = polls_of(&run, &devices, from).await?;
        let none = DevicePolls::default();
        for device in devices {
            let polls = polls.get(&device.device).unwrap_or(&none);
            let by_meter = by_meter(&run, device, polls, &mut flags)?;
            let meters = measure(&terms, device, &by_meter, &exchanges, &previous, &mut flags).map_err(usage)?;
            measured.insert(&device.device, with_origins(&run, &meters, polls));
        }
    }
    let reads = measured.into_values().flatten().collect();
    let window = terms.zone.window(period);
    let unsure =
        store.unsure_polls(stored_second(window.from), stored_second(window.to), stored_second(as_of.0)).await?;
    let unsure_polls = unsure.into_iter().map(|row| (row.device, row.polls)).collect();
    Ok(Snapshot { contract, period, as_of, previous, reads, flags: flags.into_set(), unsure_polls })
}

/// Which devices are asked for together, and from when on: those that were billed before only since then. Each question
/// reads the same blocks of the store, so it names as many devices as there is memory for.
fn questions<'a>(run: &Run<'a>, measured: &BTreeMap<&str, Vec<ReadsUsed>>) -> Vec<(i64, Vec<&'a ContractDevice>)> {
    let first_seen = run.fleet.first_seen();
    let unproved = run.terms.devices.iter().copied().filter(|device| !measured.contains_key(device.device.as_str()));
    let (billed, new): (Vec<_>, Vec<_>) =
        unproved.map(|device| (first_that_matters(run, device), device)).partition(|(from, _)| from.is_some());
    let mut questions: Vec<(i64, Vec<&ContractDevice>)> = Vec::new();
    for group in [billed, new] {
        let mut days_left = 0;
        for (from, device) in group {
            let from = from.unwrap_or(0);
            let begins = from.max(first_seen.get(device.device.as_str()).copied().unwrap_or(0));
            let days = (run.as_of.0 - begins).max(0) / DAY_SECS + 1;
            match questions.last_mut() {
                Some((earliest, devices)) if days <= days_left && devices.len() < DEVICES_LISTED_MAX => {
                    *earliest = from.min(*earliest);
                    devices.push(device);
                }
                _ => {
                    days_left = DEVICE_DAYS_PER_QUESTION;
                    questions.push((from, vec![device]));
                }
            }
            days_left -= days;
        }
    }
    questions
}

/// Of a device that was billed before, reads from 30 days before its anchor on: older ones serve nothing, not even a rate.
fn first_that_matters(run: &Run<'_>, device: &ContractDevice) -> Option<i64> {
    Some(run.since(&device.device)? - RATE_WINDOW_SECS)
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

/// The counting reads of a device from its polls. What was read up to the anchor raises no flag again.
pub(super) fn by_meter(
    run: &Run<'_>,
    device: &ContractDevice,
    polls: &DevicePolls,
    flags: &mut Flags,
) -> Result<ByMeter, BillRunError> {
    let id = device.device.as_str();
    let from = first_that_matters(run, device).unwrap_or(i64::MIN);
    let since = run.since(id).unwrap_or(i64::MIN);
    let readings = polls.readings(id).filter(|reading| reading.ts >= from);
    let (older, newer): (Vec<Reading<'_>>, Vec<Reading<'_>>) = readings.partition(|reading| reading.ts <= since);
    let counting = |readings: Vec<Reading<'_>>, flags: &mut Flags| {
        let series = counting_reads(readings, run.as_of.0, &BTreeSet::from([id]), flags);
        series.map(|mut series| series.remove(id).unwrap_or_default()).map_err(usage)
    };
    let older = counting(older, &mut Flags::default())?;
    Ok(joined(older, counting(newer, flags)?))
}

/// Measured meters of one device with the polls that their boundaries rest on.
pub(super) fn with_origins(run: &Run<'_>, meters: &[MeterUse], polls: &DevicePolls) -> Vec<ReadsUsed> {
    let origin = |meter: &str, ts: i64, raw: i64| polls.origin(meter, ts, raw).cloned();
    meters.iter().map(|used| reads_used(used, run.previous, origin)).collect()
}

fn usage(error: UsageError) -> BillRunError {
    BillRunError::Bill(BillError::Usage(error))
}

/// Both by meter, ascending in time. A read whose sender's clock was wrong may have moved to the other side.
fn joined(mut older: ByMeter, newer: ByMeter) -> ByMeter {
    for (meter, reads) in newer {
        let all = older.entry(meter).or_default();
        let moved = all.last().zip(reads.first()).is_some_and(|(last, first)| last.ts >= first.ts);
        all.extend(reads);
        if moved {
            let by_ts: BTreeMap<i64, Read> = all.iter().map(|read| (read.ts, *read)).collect();
            *all = by_ts.into_values().collect();
        }
    }
    older
}

/// Reads the polls of some devices from an instant on, under all keys that they had.
async fn polls_of(
    run: &Run<'_>,
    devices: &[&ContractDevice],
    from: i64,
) -> Result<BTreeMap<String, DevicePolls>, ReadError> {
    let (store, aliases, as_of) = (run.store, &run.fleet.aliases, stored_second(run.as_of.0));
    let keys: BTreeSet<&str> = devices.iter().flat_map(|device| aliases.keys_of(&device.device)).collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut polls: BTreeMap<String, DevicePolls> = BTreeMap::new();
    let mut rows = store.device_polls(Span::since(stored_second(from), as_of, &keys))?;
    while let Some(poll) = rows.next().await? {
        let device = aliases.resolve(&poll.device, poll.ts).to_owned();
        polls.entry(device).or_default().push(&poll);
    }
    for read in store.manual_reads(&keys, as_of).await? {
        let device = aliases.resolve(&read.device, read.ts).to_owned();
        polls.entry(device).or_default().note(&read);
    }
    Ok(polls)
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
