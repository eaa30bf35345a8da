//! Judges all supplies of a tenant from what ClickHouse holds, some devices at a time.
//!
//! Two steps: a bounded sample of every model teaches how its displays and cartridges behave; then site after site is read and
//! judged, with as many batches in flight as there are cores. Promise: memory does not grow with the fleet; the answer does
//! not depend on the number of cores; nothing after `as_of` is looked at.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::stored_second;
use crate::billing::calendar::Instant;
use crate::forecast::constants::Constants;
use crate::forecast::fleet::FleetTables;
use crate::forecast::history::History;
use crate::forecast::segment::Seen;
use crate::forecast::series::{Day, Device, Facts, Read};
use crate::forecast::supply::{self, Judged};
use crate::limits::{BATCH_DEVICES, DEVICES_PER_QUESTION, FORECAST_HISTORY_DAYS, SAMPLE_DEVICES, SAMPLE_PER_MODEL};
use crate::read::{DeviceRow, ReadError, SupplyDaysRow, SupplyRow, TenantStore};
use crate::supplies::named;

/// What a forecast needs beside the reads.
#[derive(Debug, Clone)]
pub struct Ground {
    pub constants: Arc<Constants>,
    pub facts: Arc<Facts>,
}

/// One supply of one device, judged.
#[derive(Debug)]
pub struct Case {
    pub device: Arc<DeviceRow>,
    pub supply: SupplyRow,
    /// As [`named::supplies`] calls it.
    pub name: String,
    pub judged: Judged,
    /// Its levels, where one device was asked for.
    pub seen: Vec<Seen>,
}

/// Devices with their supplies, and their reads once they were fetched.
type Batch = Vec<(Arc<DeviceRow>, Vec<SupplyRow>)>;

/// A run over a tenant.
#[derive(Debug)]
pub struct Judging<'a> {
    store: &'a TenantStore,
    ground: Ground,
    as_of: Instant,
    tables: Arc<FleetTables>,
    batches: VecDeque<Batch>,
    flying: VecDeque<JoinHandle<Vec<Case>>>,
    workers: usize,
    keep_levels: bool,
}

impl<'a> Judging<'a> {
    /// Learns the models of the tenant. `only`: judge this device alone (the models are learned from all).
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn begin(
        store: &'a TenantStore,
        ground: Ground,
        as_of: Instant,
        only: Option<&str>,
    ) -> Result<Self, ReadError> {
        let mut supplies: BTreeMap<String, Vec<SupplyRow>> = BTreeMap::new();
        for row in store.supplies().await? {
            supplies.entry(row.device.clone()).or_default().push(row);
        }
        let devices = store.devices().await?.into_iter();
        let all: Batch = devices
            .map(|row| {
                let supplies = supplies.remove(&row.device).unwrap_or_default();
                (Arc::new(row), supplies)
            })
            .filter(|one| !one.1.is_empty())
            .collect();
        let sample = sample(&all);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let empty = FleetTables::learn(&[], &ground.facts, &ground.constants, day_of(as_of));
        let mut run = Judging {
            store,
            as_of,
            tables: Arc::new(empty),
            batches: VecDeque::new(),
            flying: VecDeque::new(),
            workers,
            keep_levels: only.is_some(),
            ground,
        };
        let learned = run.fetch(&sample).await?;
        run.tables =
            Arc::new(FleetTables::learn(&learned, &run.ground.facts, &run.ground.constants, day_of(run.as_of)));
        // One device is judged with all of its site, because they share a calendar.
        let site = only.and_then(|only| all.iter().find(|one| one.0.device == only)).map(|one| one.0.site.clone());
        let wanted = all.into_iter().filter(|one| only.is_none() || site.as_ref() == Some(&one.0.site));
        run.batches = by_site(wanted.collect());
        Ok(run)
    }

    /// The same, with the levels of every supply in its [`Case`].
    #[must_use]
    pub fn with_levels(mut self) -> Self {
        self.keep_levels = true;
        self
    }

    /// The next judged supplies; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self) -> Result<Option<Vec<Case>>, ReadError> {
        // One more than cores, so that the store reads while all cores judge.
        while self.flying.len() <= self.workers
            && let Some(batch) = self.batches.pop_front()
        {
            let series = self.fetch(&batch).await?;
            let (tables, ground, second, keep) =
                (self.tables.clone(), self.ground.clone(), self.as_of.0, self.keep_levels);
            self.flying
                .push_back(tokio::task::spawn_blocking(move || judge(batch, series, &tables, &ground, second, keep)));
        }
        match self.flying.pop_front() {
            None => Ok(None),
            Some(flying) => match flying.await {
                Ok(cases) => Ok(Some(cases)),
                Err(broken) => std::panic::resume_unwind(broken.into_panic()),
            },
        }
    }

    /// The devices of a batch with their series, in its order.
    async fn fetch(&self, batch: &Batch) -> Result<Vec<Device>, ReadError> {
        let mut found: BTreeMap<(String, String), Vec<Read>> = BTreeMap::new();
        let keys: Vec<&str> = batch.iter().map(|one| one.0.device.as_str()).collect();
        let (from, to) = (self.as_of.0 - FORECAST_HISTORY_DAYS * 86_400, self.as_of.0);
        for chunk in keys.chunks(DEVICES_PER_QUESTION) {
            let mut rows = self.store.supply_days(chunk, stored_second(from), stored_second(to))?;
            while let Some(row) = rows.next().await? {
                let reads = reads(&row);
                found.insert((row.device, row.slot), reads);
            }
        }
        let devices = batch.iter().map(|(row, slots)| {
            let names = named::supplies(&slots.iter().collect::<Vec<_>>());
            let supplies = names.into_iter().zip(slots).map(|(mut supply, slot)| {
                supply.reads = found.remove(&(slot.device.clone(), slot.slot.clone())).unwrap_or_default();
                supply.tidy();
                supply
            });
            Device {
                id: row.device.clone(),
                site: row.site.clone(),
                model: row.model.clone(),
                first_seen: Some(day(i64::from(row.first_seen))),
                supplies: supplies.collect(),
            }
        });
        Ok(devices.collect())
    }
}

/// Judges a batch; its sites are whole in it, or too large for one.
fn judge(
    batch: Batch,
    series: Vec<Device>,
    tables: &FleetTables,
    ground: &Ground,
    as_of: i64,
    keep: bool,
) -> Vec<Case> {
    let histories: Vec<History<'_>> = series.iter().map(|device| History::until(device, as_of + 1)).collect();
    let now = as_of as f64 / 86_400.0;
    let tables = tables.at_sites(&histories, &ground.constants);
    let mut cases = Vec::new();
    for ((device, slots), history) in batch.into_iter().zip(&histories) {
        let judged = supply::judge(history, &tables, &ground.constants, now);
        for (i, (supply, judged)) in slots.into_iter().zip(judged).enumerate() {
            let name = history.device.supplies.get(i).map_or_else(String::new, |supply| supply.name.clone());
            let seen = if keep { supply::shown(history, &tables, i) } else { Vec::new() };
            cases.push(Case { device: device.clone(), supply, name, judged, seen });
        }
    }
    cases
}

/// One read a day, the last one, so that it does not matter how far ClickHouse has merged.
fn reads(row: &SupplyDaysRow) -> Vec<Read> {
    let at = |values: &[i64], i: usize| values.get(i).copied().unwrap_or(NOT_READ);
    let whole = |i: usize| {
        let (ts, version) = (row.ts.get(i).copied(), row.version.get(i).copied());
        (ts, version, at(&row.level, i), at(&row.max, i), at(&row.total, i), at(&row.color_pages, i), row.serial.get(i))
    };
    let mut order: Vec<usize> = (0..row.ts.len()).collect();
    order.sort_unstable_by(|a, b| whole(*b).cmp(&whole(*a)));
    order.dedup_by_key(|i| row.ts.get(*i).map(|ts| ts / 86_400));
    let known = |value: i64| Some(value).filter(|value| *value != NOT_READ);
    let reads = order.into_iter().rev().map(|i| {
        let (ts, _, level, max, total, color_pages, serial) = whole(i);
        Read {
            at_s: i64::from(ts.unwrap_or(0)),
            level: known(level).unwrap_or(-2),
            max: known(max).unwrap_or(-2),
            pages: known(total),
            pages_color: known(color_pages),
            serial: serial.map_or(0, |serial| fingerprint(serial)),
        }
    });
    reads.collect()
}

/// What stands in `supply_day` for a value that was not read.
const NOT_READ: i64 = -9;

/// A number that two serials share once in four thousand million times; 0 for none (FNV-1a).
fn fingerprint(serial: &str) -> u32 {
    if serial.is_empty() {
        return 0;
    }
    let hash = serial.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

/// Some devices of every model, always the same ones; all, where the tenant is small.
fn sample(all: &Batch) -> Batch {
    let mut models: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, one) in all.iter().enumerate() {
        models.entry(&one.0.model).or_default().push(i);
    }
    let share = SAMPLE_PER_MODEL.min((SAMPLE_DEVICES / models.len().max(1)).max(1));
    let mut picked: Vec<usize> = Vec::new();
    for devices in models.values() {
        // Evenly over the keys, which say nothing about use.
        let step = devices.len().div_ceil(share).max(1);
        picked.extend(devices.iter().step_by(step));
    }
    picked.sort_unstable();
    picked.truncate(SAMPLE_DEVICES);
    picked.into_iter().filter_map(|i| all.get(i).cloned()).collect()
}

/// Batches of whole sites as long as they fit.
fn by_site(mut all: Batch) -> VecDeque<Batch> {
    all.sort_by(|a, b| (&a.0.site, &a.0.device).cmp(&(&b.0.site, &b.0.device)));
    let mut batches: VecDeque<Batch> = VecDeque::new();
    for site in all.chunk_by(|a, b| a.0.site == b.0.site) {
        for part in site.chunks(BATCH_DEVICES) {
            match batches.back_mut() {
                Some(last) if last.len() + part.len() <= BATCH_DEVICES => last.extend_from_slice(part),
                _ => batches.push_back(part.to_vec()),
            }
        }
    }
    batches
}

/// The day for which models are learned: whole days before it.
fn day_of(as_of: Instant) -> Day {
    day(as_of.0)
}

fn day(second: i64) -> Day {
    Day::try_from(second.div_euclid(86_400)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(i: usize, site: usize, model: usize) -> (Arc<DeviceRow>, Vec<SupplyRow>) {
        let row = DeviceRow {
            device: format!("d{i:05}"),
            first_seen: 0,
            last_ok: 0,
            basis: 0,
            model: format!("m{model}"),
            site: format!("s{site}"),
        };
        (Arc::new(row), Vec::new())
    }

    #[test]
    fn the_sample_has_every_model_and_does_not_grow_with_the_fleet() {
        let all: Batch = (0..20_000).map(|i| device(i, i / 5, i % 40)).collect();
        let sample = sample(&all);
        assert!(sample.len() <= SAMPLE_DEVICES);
        let models: std::collections::BTreeSet<&str> = sample.iter().map(|one| one.0.model.as_str()).collect();
        assert_eq!(models.len(), 40);
        let small: Batch = (0..50).map(|i| device(i, 0, 0)).collect();
        assert_eq!(super::sample(&small).len(), 50, "a small tenant teaches with all it has");
    }

    #[test]
    fn of_a_day_the_last_read_counts_however_far_the_store_has_merged() {
        let row = |ts: Vec<u32>, level: Vec<i64>| {
            let (many, none) = (vec![NOT_READ; ts.len()], vec![String::new(); ts.len()]);
            let version = vec![7; ts.len()];
            let (max, total, color_pages) = (vec![100; ts.len()], many.clone(), many);
            SupplyDaysRow {
                device: String::new(),
                slot: String::new(),
                ts,
                version,
                level,
                max,
                total,
                color_pages,
                serial: none,
            }
        };
        let merged = reads(&row(vec![90_000, 180_000], vec![40, 39]));
        assert_eq!(merged, reads(&row(vec![180_000, 86_401, 90_000, 175_000], vec![39, 44, 40, 41])));
        assert_eq!(
            merged.iter().map(|read| (read.at_s, read.level)).collect::<Vec<_>>(),
            [(90_000, 40), (180_000, 39)]
        );
        assert_eq!(merged[0].pages, None);
    }

    #[test]
    fn a_site_is_whole_in_one_batch_unless_it_is_larger_than_one() {
        let mut all: Batch = (0..1_000).map(|i| device(i, i % 70, 0)).collect();
        all.extend((1_000..1_000 + BATCH_DEVICES * 2 + 1).map(|i| device(i, 999, 0)));
        let total = all.len();
        let batches = by_site(all);
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), total);
        assert!(batches.iter().all(|batch| batch.len() <= BATCH_DEVICES));
        for site in 0..70 {
            let name = format!("s{site}");
            assert_eq!(batches.iter().filter(|batch| batch.iter().any(|one| one.0.site == name)).count(), 1);
        }
    }
}
