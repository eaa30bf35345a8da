//! The levels of supplies out of ClickHouse, as the forecaster wants them.
//! Promise: batches arrive in the order in which they were given, each whole, and no more of them than the channel holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::day;
use crate::billing::calendar::Instant;
use crate::command::stored_second;
use crate::forecast::series::{Device, Read};
use crate::limits::{DEVICES_PER_QUESTION, DEVICES_PER_SPAN, FORECAST_HISTORY_DAYS};
use crate::read::levels::{SupplyDaysRow, SupplyRow};
use crate::read::{DeviceRow, ReadError, TenantStore, Which};
use crate::supplies::named;

/// Devices with their supplies, by key.
pub(super) type Batch = Vec<(Arc<DeviceRow>, Vec<SupplyRow>)>;

/// Where series come from.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) store: TenantStore,
    pub(super) as_of: Instant,
    /// Nearly all devices of the tenant are wanted: neighbours are read together.
    pub(super) whole: bool,
}

impl Reach {
    /// First and last second of history, as the store counts.
    pub(super) fn span(&self) -> (u32, u32) {
        (stored_second(self.as_of.0 - FORECAST_HISTORY_DAYS * 86_400), stored_second(self.as_of.0))
    }

    /// How many devices one question is about.
    pub(super) fn devices_per_question(&self) -> usize {
        if self.whole { DEVICES_PER_SPAN } else { DEVICES_PER_QUESTION }
    }

    /// A question about devices in the order of their keys.
    pub(super) fn which<'a>(&self, keys: &'a [&'a str]) -> Which<'a> {
        match (keys.first(), keys.last()) {
            (Some(first), Some(last)) if self.whole => Which::Between { first, last },
            _ => Which::These(keys),
        }
    }

    /// All at once.
    pub(super) async fn all(&self, batch: Batch) -> Result<Vec<Device>, ReadError> {
        let (sender, mut receiver) = mpsc::channel(1);
        let batches = batch.chunks(DEVICES_PER_QUESTION).map(<[_]>::to_vec).collect();
        let mut all = Vec::new();
        let collected = async {
            while let Some(read) = receiver.recv().await {
                let (_, series): (Batch, Vec<Device>) = read?;
                all.extend(series);
            }
            Ok(())
        };
        let read = async {
            self.read(batches, &sender).await;
            drop(sender);
        };
        tokio::join!(read, collected).1.map(|()| all)
    }

    /// Sends every batch with its series; ends at the first error, or when nobody listens any more.
    pub(super) async fn read(&self, batches: Vec<Batch>, to: &mpsc::Sender<Result<(Batch, Vec<Device>), ReadError>>) {
        if let Err(error) = self.try_read(batches, to).await {
            // Nobody listens: then nobody misses the error.
            let _ = to.send(Err(error)).await;
        }
    }

    async fn try_read(
        &self,
        batches: Vec<Batch>,
        to: &mpsc::Sender<Result<(Batch, Vec<Device>), ReadError>>,
    ) -> Result<(), ReadError> {
        let (from, until) = self.span();
        let together = batches.first().map_or(1, |batch| self.devices_per_question().div_ceil(batch.len().max(1)));
        for batches in batches.chunks(together) {
            let keys: Vec<&str> = batches.iter().flatten().map(|one| one.0.device.as_str()).collect();
            let mut rows = self.store.supply_days(self.which(&keys), from, until)?;
            let mut next = rows.next().await?;
            for batch in batches {
                let last = batch.last().map_or("", |one| one.0.device.as_str());
                let mut found: BTreeMap<(String, String), Vec<Read>> = BTreeMap::new();
                while let Some(row) = next.take_if(|row| row.device.as_str() <= last) {
                    let reads = reads(&row);
                    found.insert((row.device, row.slot), reads);
                    next = rows.next().await?;
                }
                if to.send(Ok((batch.clone(), series(batch, found)))).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The devices of a batch, in its order.
fn series(batch: &Batch, mut found: BTreeMap<(String, String), Vec<Read>>) -> Vec<Device> {
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
    devices.collect()
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
            serial: serial.copied().unwrap_or(0),
        }
    });
    reads.collect()
}

/// What stands in `supply_day` for a value that was not read.
pub(super) const NOT_READ: i64 = -9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_day_the_last_read_counts_however_far_the_store_has_merged() {
        let row = |ts: Vec<u32>, level: Vec<i64>| {
            let (many, none) = (vec![NOT_READ; ts.len()], vec![0; ts.len()]);
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
}
