//! Judges all supplies of a tenant from what ClickHouse holds, some devices at a time.
//!
//! Three steps: a bounded sample of every model teaches how its displays and cartridges behave; the page counters teach the
//! calendars of the sites; then all devices are read in the order in which the store keeps them and judged, with as many batches
//! in flight as there are cores. Promise: levels are in memory for some batches only; the answer does not depend on the
//! number of cores; nothing after `as_of` is looked at.

mod levels;
mod sites;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::task::JoinHandle;

use self::levels::{Ahead, Batch, Reach};
use crate::billing::calendar::Instant;
use crate::forecast::constants::Constants;
use crate::forecast::fleet::FleetTables;
use crate::forecast::history::History;
use crate::forecast::segment::Seen;
use crate::forecast::series::{Day, Device, Facts};
use crate::forecast::site::Habits;
use crate::forecast::supply::{self, Judged};
use crate::limits::{SAMPLE_DEVICES, SAMPLE_PER_MODEL};
use crate::read::levels::SupplyRow;
use crate::read::{DeviceRow, ReadError, TenantStore};

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

/// A run over a tenant.
#[derive(Debug)]
pub struct Judging {
    ground: Ground,
    as_of: Instant,
    tables: Arc<FleetTables>,
    habits: Arc<BTreeMap<String, Habits>>,
    series: Ahead,
    flying: VecDeque<JoinHandle<Vec<Case>>>,
    workers: usize,
    keep_levels: bool,
}

impl Judging {
    /// Learns the models and the sites of the tenant. `only`: judge this device alone, with its site (the models are learned
    /// from all).
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn begin(
        store: &TenantStore,
        ground: Ground,
        as_of: Instant,
        only: Option<&str>,
    ) -> Result<Self, ReadError> {
        let mut all = devices(store).await?;
        let reach = |whole| Reach { store: store.clone(), as_of, whole };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let learned = reach(false).all(sample(&all)).await?;
        let day = day(as_of.0);
        let tables = Arc::new(FleetTables::learn(&learned, &ground.facts, &ground.constants, day));
        drop(learned);
        // One device is judged with all of its site, because they share a calendar.
        if let Some(only) = only {
            let site = all.iter().find(|one| one.0.device == only).map(|one| one.0.site.clone());
            all.retain(|one| site.as_ref() == Some(&one.0.site));
        }
        let reach = reach(only.is_none());
        let rows = all.iter().map(|one| one.0.clone()).collect();
        let habits = sites::learn(&reach, rows, &tables, &ground.constants, workers).await?;
        Ok(Judging {
            ground,
            as_of,
            tables,
            habits: Arc::new(habits),
            series: Ahead::begin(reach, all),
            flying: VecDeque::new(),
            workers,
            keep_levels: only.is_some(),
        })
    }

    /// The same, with the levels of every supply in its [`Case`].
    #[must_use]
    pub fn with_levels(mut self) -> Self {
        self.keep_levels = true;
        self
    }

    /// The next judged supplies, by device; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self) -> Result<Option<Vec<Case>>, ReadError> {
        // One more than cores, so that the store reads while all cores judge.
        while self.flying.len() <= self.workers {
            let Some((batch, series)) = self.series.next().await? else { break };
            let (tables, habits, ground) = (self.tables.clone(), self.habits.clone(), self.ground.clone());
            let (second, keep) = (self.as_of.0, self.keep_levels);
            self.flying.push_back(tokio::task::spawn_blocking(move || {
                let sites = batch.iter().filter_map(|one| habits.get_key_value(&one.0.site));
                let tables = tables.at_sites(sites.map(|(name, habits)| (name.as_str(), habits)), &ground.constants);
                judge(batch, series, &tables, &ground.constants, second, keep)
            }));
        }
        match self.flying.pop_front() {
            Some(flying) => Ok(Some(finished(flying.await))),
            None => Ok(None),
        }
    }
}

/// What a task came to; its panic is ours.
fn finished<T>(ended: Result<T, tokio::task::JoinError>) -> T {
    match ended {
        Ok(value) => value,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

/// The devices of the tenant that have supplies, by key.
async fn devices(store: &TenantStore) -> Result<Batch, ReadError> {
    let mut supplies: BTreeMap<String, Vec<SupplyRow>> = BTreeMap::new();
    for row in store.supplies().await? {
        supplies.entry(row.device.clone()).or_default().push(row);
    }
    let rows = store.devices().await?.into_iter();
    let with_supplies = rows.filter_map(|row| supplies.remove(&row.device).map(|supplies| (Arc::new(row), supplies)));
    let mut all: Batch = with_supplies.collect();
    all.sort_by(|a, b| a.0.device.cmp(&b.0.device));
    Ok(all)
}

/// Judges a batch; `tables` know its sites.
fn judge(
    batch: Batch,
    series: Vec<Device>,
    tables: &FleetTables,
    constants: &Constants,
    as_of: i64,
    keep: bool,
) -> Vec<Case> {
    let now = as_of as f64 / 86_400.0;
    let mut cases = Vec::new();
    for ((device, slots), series) in batch.into_iter().zip(&series) {
        let history = History::until(series, as_of + 1);
        let judged = supply::judge(&history, tables, constants, now);
        for (i, (supply, judged)) in slots.into_iter().zip(judged).enumerate() {
            let name = series.supplies.get(i).map_or_else(String::new, |supply| supply.name.clone());
            let seen = if keep { supply::shown(&history, tables, i) } else { Vec::new() };
            cases.push(Case { device: device.clone(), supply, name, judged, seen });
        }
    }
    cases
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
}
