//! The order of the spool and its books: which seqs were given, what is still held, what was given up. Pure.
//!
//! Every change is returned as [`Write`]s that the caller commits in one step; a failed commit means reading the books
//! anew from the store ([`loaded`]). Never gives a seq twice, never forgets one: each is held, settled or covered by a drop
//! record ([`drops`]).

pub mod drops;
pub mod loaded;
pub mod named;

use std::collections::{BTreeMap, HashMap, VecDeque};

use schemas::id::{AgentCn, PayloadId};
use schemas::limits::BATCH_CLOSE_BYTES;
use schemas::wire::{Drop, Stats};
use serde::{Deserialize, Serialize};

pub use self::drops::Damaged;
pub use self::loaded::Loaded;
use self::named::{Carried, Named};
use super::layout::{FrozenValue, Name, Write, encode, encode_records};
use super::record::{Taken, polls, span};
use crate::limits::{BATCH_FILL_PERCENT, BATCH_PLAIN_BYTES_MAX, BATCH_RECORDS_MAX};
use crate::time::Moment;
use crate::time::stamper::Span;

/// Compressed bytes per thousand plain ones before anything was measured; high, so that a first batch is not too large.
const RATIO_FIRST: usize = 500;

/// What is kept about an epoch beside its payloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// The seq that the next payload gets.
    pub next_seq: u64,
    /// The key that the next unfrozen records get.
    pub next_key: u64,
    pub polls_taken: u64,
    pub dropped: u64,
    pub polls_dropped: u64,
    /// How many payloads are held and the lowest of their seqs, to notice a log that lost some of them.
    pub held: u64,
    pub oldest: u64,
    /// The lowest seq that drop records name which are not settled; 0 if there are none.
    pub named: u64,
    /// Which payloads carry drop records.
    pub carried: Vec<Carried>,
    /// The agent whose payloads these are; empty in a spool of an earlier version.
    pub owner: String,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            next_seq: 1,
            next_key: 1,
            polls_taken: 0,
            dropped: 0,
            polls_dropped: 0,
            held: 0,
            oldest: 1,
            named: 0,
            carried: Vec::new(),
            owner: String::new(),
        }
    }
}

/// Unfrozen records that were taken together.
#[derive(Debug, Clone)]
pub struct Pending {
    pub key: u64,
    /// Moment of the first record.
    pub at: Moment,
    pub records: usize,
    pub polls: u32,
    plain_bytes: usize,
    stored_bytes: u64,
    /// `None` when the records are of several boots, which does not happen.
    pub span: Option<Span>,
    /// The drop record, if there is nothing else inside: the next drop can be joined to it.
    drop: Option<Drop>,
}

impl Pending {
    fn new(key: u64, records: &[Taken], plain_bytes: usize, stored_bytes: usize) -> Option<Self> {
        let drop = match records {
            [only] => only.record.drop.as_deref().cloned(),
            _ => None,
        };
        Some(Self {
            key,
            at: records.first()?.at,
            records: records.len(),
            polls: polls(records),
            plain_bytes,
            stored_bytes: u64::try_from(stored_bytes).unwrap_or(u64::MAX),
            span: span(records),
            drop,
        })
    }
}

/// A frozen payload that is not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub id: PayloadId,
    pub polls: u32,
    pub bytes: u64,
    /// Unix milliseconds, as well as it was known.
    pub closed_ms: i64,
}

impl Held {
    fn of(value: &FrozenValue) -> Self {
        Self {
            id: PayloadId::of(&value.payload),
            polls: value.polls,
            bytes: u64::try_from(value.payload.len()).unwrap_or(u64::MAX),
            closed_ms: value.closed_ms,
        }
    }
}

/// The state of one epoch.
#[derive(Debug, Clone)]
pub struct Books {
    epoch: u64,
    meta: Meta,
    pending: VecDeque<Pending>,
    frozen: BTreeMap<u64, Held>,
    ids: HashMap<PayloadId, u64>,
    pending_bytes: u64,
    frozen_bytes: u64,
    /// Drop records that are not settled.
    named: Named,
    /// Compressed bytes per thousand plain ones, as last measured.
    ratio: usize,
    /// Payloads given up since this was last asked for, by cause; for counting only.
    pub(super) given_up: BTreeMap<String, u64>,
    /// What the store turned out to lack when it was read.
    lacking: Option<Lacking>,
}

/// What a store lacks: all that is not held from a seq on.
#[derive(Debug, Clone, Copy)]
struct Lacking {
    from: u64,
    /// What is below this was counted when it was given up.
    counted_below: u64,
}

impl Books {
    /// The books of a store, and what in it is damaged: to be given up with [`Books::give_up_damaged`].
    pub fn load(loaded: &mut Loaded) -> (Self, Vec<Damaged>) {
        let mut books = Self {
            epoch: loaded.epoch,
            meta: loaded.meta.take().unwrap_or_default(),
            pending: std::mem::take(&mut loaded.pending).into_values().collect(),
            frozen: std::mem::take(&mut loaded.frozen),
            ids: HashMap::new(),
            pending_bytes: 0,
            frozen_bytes: 0,
            named: Named::default(),
            ratio: RATIO_FIRST,
            given_up: BTreeMap::new(),
            lacking: None,
        };
        books.named = Named::load(books.epoch, &books.pending, &books.meta.carried);
        books.lacking = books.lacking(loaded);
        books.ids = books.frozen.iter().map(|(seq, held)| (held.id, *seq)).collect();
        books.pending_bytes = books.pending.iter().map(|pending| pending.stored_bytes).sum();
        books.frozen_bytes = books.frozen.values().map(|held| held.bytes).sum();
        let damaged = loaded.damaged_pending.drain(..).map(Damaged::Pending);
        let damaged = damaged.chain(loaded.damaged_frozen.drain(..).map(Damaged::Frozen)).collect();
        (books, damaged)
    }

    /// Payloads that are gone, or drop records that went with what is damaged.
    fn lacking(&self, loaded: &Loaded) -> Option<Lacking> {
        let Meta { held, oldest, named, next_seq, .. } = self.meta;
        let found = u64::try_from(self.frozen.len() + loaded.damaged_frozen.len()).unwrap_or(u64::MAX);
        if found < held {
            let from = if named == 0 { oldest } else { named.min(oldest) };
            return Some(Lacking { from, counted_below: oldest });
        }
        let carriers = || loaded.damaged_frozen.iter().any(|seq| self.named.by(*seq).is_some());
        let unnamed = named != 0 && (!loaded.damaged_pending.is_empty() || carriers());
        unnamed.then_some(Lacking { from: named, counted_below: next_seq })
    }

    /// States whose books these are; written with the next change.
    pub fn belong_to(&mut self, owner: &AgentCn) {
        if self.meta.owner.is_empty() {
            self.meta.owner = owner.to_string();
        }
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The highest seq given.
    pub fn taken(&self) -> u64 {
        self.meta.next_seq - 1
    }

    /// The lowest seq still held; `taken + 1` when nothing is.
    pub fn oldest(&self) -> u64 {
        self.frozen.first_key_value().map_or(self.meta.next_seq, |(seq, _)| *seq)
    }

    /// The lowest seq that is not accounted for: held, or named by a drop record that is not settled. What the agent states
    /// as its oldest.
    pub fn unsettled(&self) -> u64 {
        self.named.lowest(&self.frozen).map_or(self.oldest(), |named| named.min(self.oldest()))
    }

    pub fn held(&self) -> &BTreeMap<u64, Held> {
        &self.frozen
    }

    pub fn pending(&self) -> &VecDeque<Pending> {
        &self.pending
    }

    pub fn seq_of(&self, id: PayloadId) -> Option<u64> {
        self.ids.get(&id).copied()
    }

    /// Bytes kept, frozen or not.
    pub fn bytes(&self) -> u64 {
        self.pending_bytes.saturating_add(self.frozen_bytes)
    }

    /// The agent's statement of its books, as of now.
    pub fn state(&self) -> Stats {
        Stats {
            taken: self.taken(),
            polls_taken: self.meta.polls_taken,
            oldest: self.unsettled(),
            dropped: self.meta.dropped,
            polls_dropped: self.meta.polls_dropped,
            spool_bytes: self.bytes(),
            ..Stats::default()
        }
    }

    /// Keeps records that were taken together.
    pub fn add(&mut self, records: &[Taken], writes: &mut Vec<Write>) {
        let Some((value, plain)) = encode_records(records) else { return };
        let Some(pending) = Pending::new(self.meta.next_key, records, plain, value.len()) else { return };
        self.meta.next_key += 1;
        self.pending_bytes += pending.stored_bytes;
        writes.push((Name::Pending(pending.key).key(), Some(value)));
        self.named.add(self.epoch, &pending);
        self.pending.push_back(pending);
        self.write_meta(writes);
    }

    /// The entries at the front that make the next batch, and whether they fill one. `ready` says which can be stamped.
    pub fn next_batch(&self, mut ready: impl FnMut(&Pending) -> bool) -> (usize, bool) {
        let (mut entries, mut plain, mut records) = (0, 0, 0);
        for pending in &self.pending {
            if !ready(pending) {
                return (entries, false);
            }
            let over = self.over(plain, records, pending);
            if over && entries > 0 {
                return (entries, true);
            }
            plain += pending.plain_bytes;
            records += pending.records;
            entries += 1;
            if over {
                return (entries, true);
            }
        }
        (entries, false)
    }

    /// Learns how well the first `entries` compress. Returns whether they fill a batch; if not, [`Books::next_batch`]
    /// will say something else than before.
    pub fn measured(&mut self, entries: usize, body_bytes: usize) -> bool {
        let front = || self.pending.iter().take(entries);
        let plain: usize = front().map(|pending| pending.plain_bytes).sum();
        let records: usize = front().map(|pending| pending.records).sum();
        self.ratio = (body_bytes * 1_000).div_ceil(plain.max(1)).clamp(10, 1_000);
        let next_does_not_fit = self.pending.get(entries).is_some_and(|next| self.over(plain, records, next));
        body_bytes * 100 >= BATCH_CLOSE_BYTES * BATCH_FILL_PERCENT || next_does_not_fit
    }

    /// Whether one entry more is too much.
    fn over(&self, plain: usize, records: usize, next: &Pending) -> bool {
        plain + next.plain_bytes > BATCH_PLAIN_BYTES_MAX
            || records + next.records > BATCH_RECORDS_MAX
            || (plain + next.plain_bytes) * self.ratio / 1_000 > BATCH_CLOSE_BYTES
    }

    /// The seq that the next payload will get.
    pub fn next_seq(&self) -> u64 {
        self.meta.next_seq
    }

    /// The lowest seq that drop records among the first entries name, if there are any.
    pub fn named_in_front(&self, entries: usize) -> Option<u64> {
        self.named.up_to(self.pending.get(entries.checked_sub(1)?)?.key)
    }

    /// Takes a frozen payload in under the next seq; `named` is the lowest seq that drop records in it may name.
    pub fn freeze(&mut self, id: PayloadId, value: &FrozenValue, named: Option<u64>, writes: &mut Vec<Write>) {
        let seq = self.meta.next_seq;
        let entry = Held { id, ..Held::of(value) };
        self.meta.next_seq += 1;
        self.meta.polls_taken += u64::from(value.polls);
        self.frozen_bytes += entry.bytes;
        self.frozen.insert(seq, entry);
        self.ids.insert(id, seq);
        if let Some(from) = named {
            self.named.carry(seq, from);
        }
        writes.push((Name::Frozen(seq).key(), Some(value.encode())));
    }

    /// Removes unfrozen entries from the front, after their records were frozen.
    pub fn frozen_front(&mut self, entries: usize, writes: &mut Vec<Write>) {
        for pending in self.pending.drain(..entries.min(self.pending.len())) {
            self.pending_bytes -= pending.stored_bytes;
            self.named.remove(pending.key);
            writes.push((Name::Pending(pending.key).key(), None));
        }
        self.write_meta(writes);
    }

    /// Frees a payload that is settled.
    pub fn settle(&mut self, seq: u64, writes: &mut Vec<Write>) -> Option<Held> {
        let held = self.frozen.remove(&seq)?;
        self.ids.remove(&held.id);
        self.frozen_bytes -= held.bytes;
        writes.push((Name::Frozen(seq).key(), None));
        Some(held)
    }

    /// Restates the small values; the last statement in a commit counts.
    pub fn write_meta(&mut self, writes: &mut Vec<Write>) {
        self.meta.held = u64::try_from(self.frozen.len()).unwrap_or(u64::MAX);
        self.meta.oldest = self.oldest();
        self.meta.named = self.named.lowest(&self.frozen).unwrap_or(0);
        self.meta.carried = self.named.carried(&self.frozen);
        writes.push((Name::Books.key(), Some(encode(&self.meta))));
    }
}
