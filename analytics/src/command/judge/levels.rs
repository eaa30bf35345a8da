//! The levels of supplies out of ClickHouse, as the forecaster wants them.
//! Promise: batches arrive in the order in which they were given, each whole, and no more of them than the channel holds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{day, finished};
use crate::billing::calendar::Instant;
use crate::command::stored_second;
use crate::forecast::series::{self, Device};
use crate::limits::{BATCH_DEVICES, DEVICES_PER_QUESTION, DEVICES_PER_SPAN, FORECAST_HISTORY_DAYS, QUESTIONS_AHEAD};
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
    pub(super) async fn all(self, batch: Batch) -> Result<Vec<Device>, ReadError> {
        let mut all = Vec::with_capacity(batch.len());
        let mut ahead = Ahead::begin(self, batch);
        while let Some((_, series)) = ahead.next().await? {
            all.extend(series);
        }
        Ok(all)
    }

    /// Asks one question and sends every batch with its series; ends when nobody listens any more.
    async fn read(&self, batches: Vec<Batch>, to: &mpsc::Sender<Answer>) -> Result<(), ReadError> {
        let (from, until) = self.span();
        let keys: Vec<&str> = batches.iter().flatten().map(|one| one.0.device.as_str()).collect();
        let mut rows = self.store.supply_days(self.which(&keys), from, until)?;
        let mut found: Found = BTreeMap::new();
        while let Some(row) = rows.next().await? {
            let reads = reads(&row);
            found.insert((row.device, row.slot), reads);
        }
        for batch in batches {
            let series = series(&batch, &mut found);
            if to.send(Ok((batch, series))).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Reads by device and slot.
type Found = BTreeMap<(String, String), Vec<series::Read>>;

/// A batch with its series.
type Answer = Result<(Batch, Vec<Device>), ReadError>;

/// Batches with their series in order, some of them read ahead: while one answer is taken, the store works on the next.
#[derive(Debug)]
pub(super) struct Ahead {
    reach: Arc<Reach>,
    questions: VecDeque<Vec<Batch>>,
    asked: VecDeque<mpsc::Receiver<Answer>>,
    readers: JoinSet<()>,
}

impl Ahead {
    pub(super) fn begin(reach: Reach, devices: Batch) -> Self {
        let mut devices = devices.into_iter().peekable();
        let mut questions: VecDeque<Vec<Batch>> = VecDeque::new();
        while devices.peek().is_some() {
            let mut left = reach.devices_per_question();
            let mut batches = Vec::new();
            while left > 0 && devices.peek().is_some() {
                let batch: Batch = devices.by_ref().take(left.min(BATCH_DEVICES)).collect();
                left -= batch.len();
                batches.push(batch);
            }
            questions.push_back(batches);
        }
        Ahead { reach: Arc::new(reach), questions, asked: VecDeque::new(), readers: JoinSet::new() }
    }

    /// The next batch; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<(Batch, Vec<Device>)>, ReadError> {
        loop {
            while self.asked.len() < QUESTIONS_AHEAD
                && let Some(batches) = self.questions.pop_front()
            {
                self.ask(batches);
            }
            let Some(answer) = self.asked.front_mut() else { break };
            match answer.recv().await {
                Some(read) => return read.map(Some),
                None => drop(self.asked.pop_front()),
            }
        }
        // Nobody has more to say: unless one broke, that was all.
        while let Some(ended) = self.readers.join_next().await {
            finished(ended);
        }
        Ok(None)
    }

    fn ask(&mut self, batches: Vec<Batch>) {
        let (to, answer) = mpsc::channel(1);
        let reach = self.reach.clone();
        self.readers.spawn(async move {
            if let Err(error) = reach.read(batches, &to).await {
                // Nobody listens: then nobody misses the error.
                let _ = to.send(Err(error)).await;
            }
        });
        self.asked.push_back(answer);
    }
}

/// The devices of a batch, in its order.
fn series(batch: &Batch, found: &mut Found) -> Vec<Device> {
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
fn reads(row: &SupplyDaysRow) -> Vec<series::Read> {
    let at = |values: &[i64], i: usize| values.get(i).copied().unwrap_or(NOT_READ);
    let max = |i: usize| if row.max.len() == 1 { at(&row.max, 0) } else { at(&row.max, i) };
    let serial = |i: usize| row.serial.get(if row.serial.len() == 1 { 0 } else { i }).copied().unwrap_or(0);
    let second = |moment: u64| (moment >> 32).cast_signed();
    let all = row.moment.iter().enumerate();
    let all = all.map(|(i, m)| (*m, at(&row.level, i), max(i), at(&row.total, i), at(&row.color_pages, i), serial(i)));
    let reads = last_of_days(all.collect(), |read| second(read.0)).into_iter();
    let reads = reads.map(|(moment, level, max, total, color_pages, serial)| series::Read {
        at_s: second(moment),
        level: known(level).unwrap_or(-2),
        max: known(max).unwrap_or(-2),
        pages: known(total),
        pages_color: known(color_pages),
        serial,
    });
    reads.collect()
}

/// The greatest of each day, oldest first: the last one, where what is compared begins with the moment.
pub(super) fn last_of_days<T: Ord>(mut all: Vec<T>, second: impl Fn(&T) -> i64) -> Vec<T> {
    // As a rule all is merged and in order.
    if !all.is_sorted_by(|a, b| second(a) / 86_400 < second(b) / 86_400) {
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup_by_key(|one| second(one) / 86_400);
        all.reverse();
    }
    all
}

/// A value of `supply_day`, where one was read.
pub(super) fn known(value: i64) -> Option<i64> {
    Some(value).filter(|value| *value != NOT_READ)
}

/// What stands in `supply_day` for a value that was not read.
const NOT_READ: i64 = -9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_day_the_last_read_counts_however_far_the_store_has_merged() {
        let row = |ts: Vec<u64>, level: Vec<i64>| {
            let (many, none) = (vec![NOT_READ; ts.len()], vec![0; ts.len()]);
            let moment = ts.iter().map(|ts| (ts << 32) + 7).collect();
            let (max, total, color_pages) = (vec![100], many.clone(), many);
            SupplyDaysRow {
                device: String::new(),
                slot: String::new(),
                moment,
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
