//! The store: ClickHouse's tables as far as the promises speak of them, fed with the production rows.
//!
//! `polls` and `batches` replace by key, the highest version wins and among equals the later insert; the rollup is what the
//! view of `counter_day` keeps of `total`. An insert into one table is one block, stored whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use ingest::books::{Balance, Seqs, Span, Statement, balance, told};
use ingest::decode::Rows;
use schemas::store::{BatchRow, PollRow};

/// tenant, day, device, ts, cn: the key of `polls`.
pub(crate) type PollKey = (String, u32, String, u32, String);
/// cn, epoch, seq, id: the key of `batches`.
pub(crate) type BatchKey = (String, u64, u64, [u8; 16]);

/// What is kept of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    pub(crate) version: u32,
    pub(crate) received: u32,
    pub(crate) local_day: u16,
    /// Whether the rollups count it.
    pub(crate) counts: bool,
    pub(crate) total: i64,
}

/// What is kept of a line in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) version: u64,
    pub(crate) status: u8,
    pub(crate) bytes: u32,
    pub(crate) received: u32,
}

/// A row of the rollup: first and last reading, lowest and highest, and which seconds have one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rolled {
    first: Option<(u32, u32, i64)>,
    last: Option<(u32, u32, i64)>,
    low: Option<i64>,
    high: Option<i64>,
    seconds: BTreeSet<u32>,
}

pub(crate) type Rollup = BTreeMap<(String, u16, String), Rolled>;

/// cn, epoch, seq, ts.
pub(crate) type StatsKey = (String, u64, u64, u32);

/// The tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) polls: BTreeMap<PollKey, Reading>,
    pub(crate) batches: BTreeMap<BatchKey, Line>,
    pub(crate) kept: BTreeMap<(String, [u8; 16]), (u64, Vec<u8>)>,
    /// (cn, epoch, seq, ts) → taken, oldest, polls taken.
    pub(crate) stats: BTreeMap<StatsKey, (u64, u64, u64)>,
    /// (cn, epoch) → taken, oldest, as later epochs say.
    pub(crate) prior: BTreeMap<(String, u64), (u64, u64)>,
    pub(crate) drops: BTreeMap<(String, u64, u64, u64, String), u64>,
    pub(crate) rollup: Rollup,
    /// A reading that no table takes, as a broken constraint would refuse it.
    pub(crate) refused: Option<i64>,
}

/// The tables in the order in which ingest fills them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Table {
    Polls,
    Stats,
    Drops,
    Kept,
}

pub(crate) const TABLES: [Table; 4] = [Table::Polls, Table::Stats, Table::Drops, Table::Kept];

impl Store {
    pub(crate) fn takes<'a>(&self, mut rows: impl Iterator<Item = &'a Rows>) -> bool {
        !rows.any(|rows| rows.polls.iter().any(|poll| poll.total.is_some() && poll.total == self.refused))
    }

    pub(crate) fn insert(&mut self, table: Table, rows: &Rows) {
        match table {
            Table::Polls => rows.polls.iter().for_each(|row| self.poll(row)),
            Table::Stats => {
                for row in &rows.stats {
                    let key = (row.cn.clone(), row.epoch, row.seq, row.ts);
                    self.stats.insert(key, (row.taken, row.oldest, row.polls_taken));
                    let prior = row.prior_epoch.iter().zip(&row.prior_taken).zip(&row.prior_oldest);
                    for ((epoch, taken), oldest) in prior {
                        let said = self.prior.entry((row.cn.clone(), *epoch)).or_default();
                        *said = (said.0.max(*taken), said.1.max(*oldest));
                    }
                }
            }
            Table::Drops => {
                for row in &rows.drops {
                    let key = (row.cn.clone(), row.epoch, row.from_seq, row.to_seq, row.cause.clone());
                    self.drops.insert(key, row.polls);
                }
            }
            Table::Kept => {
                for row in &rows.kept {
                    let key = (row.cn.clone(), row.id);
                    if self.kept.get(&key).is_none_or(|(version, _)| *version <= row.version) {
                        self.kept.insert(key, (row.version, row.payload.clone()));
                    }
                }
            }
        }
    }

    pub(crate) fn ledger(&mut self, row: &BatchRow) {
        let key = (row.cn.clone(), row.epoch, row.seq, row.id);
        let line = Line { version: row.version, status: row.status, bytes: row.bytes, received: row.received };
        if self.batches.get(&key).is_none_or(|before| before.version <= line.version) {
            self.batches.insert(key, line);
        }
    }

    fn poll(&mut self, row: &PollRow) {
        let Some(total) = row.total else { return };
        let reading = Reading {
            version: row.version,
            received: row.received,
            local_day: row.local_day,
            counts: row.outcome <= 1 && row.clock == 0,
            total,
        };
        let key = poll_key(row);
        roll(&mut self.rollup, &key, &reading);
        if self.polls.get(&key).is_none_or(|before| before.version <= reading.version) {
            self.polls.insert(key, reading);
        }
    }

    /// Bytes of each agent whose payloads were received on a UTC day.
    pub(crate) fn taken_on(&self, day: u32) -> BTreeMap<String, u64> {
        let mut bytes = BTreeMap::new();
        for ((cn, ..), line) in self.batches.iter().filter(|(_, line)| line.received / 86_400 >= day) {
            *bytes.entry(cn.clone()).or_default() += u64::from(line.bytes);
        }
        bytes
    }

    /// Whether the payload is settled: whatever its status.
    pub(crate) fn has_settled(&self, key: &BatchKey) -> bool {
        self.batches.contains_key(key)
    }

    /// The rollup as it would be had every poll been inserted once.
    pub(crate) fn rollup_of_final(&self) -> Rollup {
        let mut rollup = Rollup::new();
        self.polls.iter().for_each(|(key, reading)| roll(&mut rollup, key, reading));
        rollup
    }

    /// The books of every epoch, struck by the production arithmetic.
    pub(crate) fn books(&self) -> BTreeMap<(String, u64), Balance> {
        let places = self.batches.keys().map(|(cn, epoch, _, _)| (cn.clone(), *epoch));
        let stated = self.stats.keys().map(|(cn, epoch, _, _)| (cn.clone(), *epoch));
        let dropped = self.drops.keys().map(|(cn, epoch, _, _, _)| (cn.clone(), *epoch));
        let epochs: BTreeSet<(String, u64)> =
            places.chain(stated).chain(dropped).chain(self.prior.keys().cloned()).collect();
        epochs.into_iter().map(|key| (key.clone(), self.balance(&key))).collect()
    }

    /// What the books of an agent are struck from, to find out why they do not close.
    pub(crate) fn said_of(&self, cn: &str) -> String {
        let found: Vec<(u64, u64)> =
            self.batches.keys().filter(|(of, ..)| of == cn).map(|(_, epoch, seq, _)| (*epoch, *seq)).collect();
        let stats: Vec<_> = self.stats.iter().filter(|((of, ..), _)| of == cn).collect();
        let prior: Vec<_> = self.prior.iter().filter(|((of, _), _)| of == cn).collect();
        let drops: Vec<_> = self.drops.keys().filter(|(of, ..)| of == cn).collect();
        format!("found (epoch, seq): {found:?}\nstats: {stats:?}\nprior: {prior:?}\ndrops: {drops:?}")
    }

    fn balance(&self, key: &(String, u64)) -> Balance {
        let found = self.batches.keys().filter(|(cn, epoch, seq, _)| (cn, epoch) == (&key.0, &key.1) && *seq > 0);
        let found = Seqs::new(found.map(|(_, _, seq, _)| Span { first: *seq, last: *seq }));
        let dropped = self.drops.keys().filter(|(cn, epoch, ..)| (cn, epoch) == (&key.0, &key.1));
        let dropped = Seqs::new(dropped.map(|(_, _, from, to, _)| Span { first: *from, last: *to }));
        let own = self.stats.iter().filter(|((cn, epoch, _, _), _)| (cn, epoch) == (&key.0, &key.1));
        let own = own.map(|(_, (taken, oldest, _))| (*taken, *oldest)).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)));
        let later = self.prior.get(key).copied();
        let statement = (own.is_some() || later.is_some()).then(|| {
            let (own, said) = (own.unwrap_or_default(), later.unwrap_or_default());
            let ended = later.is_some() && self.told(&key.0);
            Statement { taken: own.0.max(said.0), oldest: own.1.max(said.1), ended }
        });
        balance(&found, &dropped, statement)
    }

    /// Whether an agent has said what became of its ended epochs, as far as those that go on state.
    fn told(&self, cn: &str) -> bool {
        let mut oldest: BTreeMap<u64, u64> = BTreeMap::new();
        for ((of, epoch, ..), (_, stated, _)) in &self.stats {
            if of == cn && !self.prior.contains_key(&(of.clone(), *epoch)) {
                let highest = oldest.entry(*epoch).or_default();
                *highest = (*highest).max(*stated);
            }
        }
        told(oldest.into_values())
    }
}

pub(crate) fn poll_key(row: &PollRow) -> PollKey {
    (row.tenant.clone(), row.ts / 86_400, row.device.clone(), row.ts, row.cn.clone())
}

fn roll(rollup: &mut Rollup, (tenant, _, device, ts, _): &PollKey, reading: &Reading) {
    if !reading.counts {
        return;
    }
    let row = rollup.entry((tenant.clone(), reading.local_day, device.clone())).or_default();
    let first = (*ts, reading.received, reading.total);
    let last = (*ts, reading.version, reading.total);
    row.first = Some(row.first.map_or(first, |before| before.min(first)));
    row.last = Some(row.last.map_or(last, |before| before.max(last)));
    row.low = Some(row.low.map_or(reading.total, |before| before.min(reading.total)));
    row.high = Some(row.high.map_or(reading.total, |before| before.max(reading.total)));
    row.seconds.insert(*ts);
}
