//! The spool: every record is durable here before anything else happens to it, and leaves only when it is settled.
//!
//! Records come in unfrozen ([`given`]), get their stamps from [`crate::time::stamper`], are built into payloads
//! ([`batch`]) and frozen under a seq ([`books`]) when a batch closes (`closing`, [`linger`]). `opening` goes on from what
//! is there, `cap` gives up the oldest. [`latch`] holds the store: after an error nothing works until [`Spool::reopen`], so
//! that memory never runs ahead of the disk.

pub mod batch;
pub mod books;
mod cap;
mod closing;
pub mod counters;
pub mod disk;
pub mod given;
pub mod handle;
pub mod keeper;
pub mod latch;
pub mod layout;
pub mod linger;
mod opening;
pub mod privacy;
pub mod record;
pub mod recover;
pub mod seal;
pub mod store;
pub mod summary;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemas::id::{AgentCn, PayloadId};
use schemas::privacy::Withhold;
use schemas::wire::{Device, Stats};

use self::batch::Origin;
use self::books::{Books, Damaged};
use self::counters::{Counters, CountersFile};
use self::given::{Given, Memory};
use self::latch::Latched;
use self::layout::{FrozenValue, Name, encode};
use self::linger::Linger;
use self::record::Taken;
use self::recover::Paths;
use self::store::{MemoryStore, Store, StoreError};
pub use self::summary::{Measures, Summary};
use crate::limits::SHRINK_ABOVE_BYTES;
use crate::time::Moment;
use crate::time::stamper::{Heard, Stamper};

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the key of the spool {path}: {source}{advice}", path = path.display(), advice = store::advice(source))]
    Key { path: PathBuf, source: std::io::Error },
    #[error("{free} bytes are free on the spool's disk, fewer than spool.disk_free_min_bytes = {floor}; make room")]
    DiskFull { free: u64, floor: u64 },
    #[error("the spool failed and was not opened again yet")]
    Failed,
}

/// Where the contents live.
#[derive(Debug, Clone)]
pub enum Place {
    /// Sealed in this directory.
    Disk(PathBuf),
    /// In memory; the counters file is kept if there is a path for it.
    Memory(Option<PathBuf>),
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub cn: AgentCn,
    pub origin: Origin,
    pub withhold: Withhold,
    pub place: Place,
    pub bytes_max: u64,
    pub disk_free_min: u64,
    pub linger_ms: u64,
    /// In a drill the time is learned from two answers of different moments.
    pub cautious: bool,
}

/// Which batches to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// Full ones and those that lingered long enough.
    Due,
    /// All.
    All,
}
/// Keeps what was read until it is settled.
#[derive(Debug)]
pub struct Spool {
    settings: Settings,
    store: Latched,
    books: Books,
    stamper: Stamper,
    memory: Memory,
    inventory: Vec<Vec<u8>>,
    counters: Counters,
    file: Option<CountersFile>,
    bytes_frozen: u64,
    linger: Linger,
}
impl Spool {
    /// Whether nothing works until [`Spool::reopen`].
    pub fn failed(&self) -> bool {
        self.store.failed()
    }

    /// The contents of a memory-only spool. For models.
    pub fn image(&self) -> Option<&MemoryStore> {
        self.store.memory()
    }

    /// The same spool once more, if it is memory-only. For models.
    pub fn fork(&self) -> Option<Self> {
        let store = Latched::new(Store::Memory(self.image()?.clone()));
        Some(Self {
            settings: self.settings.clone(),
            store,
            books: self.books.clone(),
            stamper: self.stamper.clone(),
            memory: self.memory.clone(),
            inventory: self.inventory.clone(),
            counters: self.counters.clone(),
            file: self.file.clone(),
            bytes_frozen: self.bytes_frozen,
            linger: self.linger.clone(),
        })
    }

    /// Makes durable what is only applied, which a disk does by itself some seconds later. For models.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        self.store.commit(Vec::new())
    }

    /// What the counters file says, or would say if there were one.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Keeps what is given; durable when it returns. Returns whether an alert changed, which
    /// closes the batch soon.
    ///
    /// # Errors
    /// [`SpoolError::DiskFull`] keeps nothing and changes nothing; any other error needs [`Spool::reopen`].
    pub fn take(&mut self, now: Moment, given: impl IntoIterator<Item = Given>) -> Result<bool, SpoolError> {
        self.store.check_room(self.settings.disk_free_min)?;
        let guess_ms = self.stamper.guess_ms(now);
        let (mut writes, mut records, mut urgent) = (Vec::new(), Vec::new(), false);
        for given in given {
            urgent |= self.memory.records(given, guess_ms, self.settings.withhold, &mut records, &mut writes);
        }
        // Records of one entry share their boot; those of the present one always do.
        self.books.add(&records, &mut writes);
        self.keep_below_cap(now, &mut writes)?;
        self.store.commit(writes)?;
        if urgent {
            self.linger.hurry(now);
        }
        Ok(urgent)
    }

    /// Keeps a statement of the books as they are now.
    ///
    /// # Errors
    /// As [`Spool::take`].
    pub fn state_books(&mut self, now: Moment, measures: Measures) -> Result<(), SpoolError> {
        self.store.check_room(self.settings.disk_free_min)?;
        let stats = Stats {
            disk_bytes: self.store.disk_bytes(),
            devices: measures.devices,
            lan_packets: measures.lan_packets,
            lan_bytes: measures.lan_bytes,
            wan_bytes: measures.wan_bytes,
            polls_failed: measures.polls_failed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            prior: self.counters.prior.clone(),
            ..self.books.state()
        };
        let mut writes = Vec::new();
        self.books.add(&[Taken::new(now, None, stats)], &mut writes);
        self.store.commit(writes)
    }

    /// Frees what is settled. Ids that are not held are ignored. Returns the seqs freed and the polls in them.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn settle(&mut self, ids: &[PayloadId]) -> Result<(Vec<u64>, u64), SpoolError> {
        self.store.check()?;
        let (mut writes, mut seqs, mut polls) = (Vec::new(), Vec::new(), 0);
        for id in ids {
            if let Some(seq) = self.books.seq_of(*id)
                && let Some(held) = self.books.settle(seq, &mut writes)
            {
                seqs.push(seq);
                polls += u64::from(held.polls);
            }
        }
        if !seqs.is_empty() {
            self.books.write_meta(&mut writes);
            self.store.apply(writes)?;
        }
        Ok((seqs, polls))
    }

    /// A payload's id and exact bytes; `None` if it is not held (any more).
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn payload(&mut self, now: Moment, seq: u64) -> Result<Option<(PayloadId, Vec<u8>)>, SpoolError> {
        self.store.check()?;
        let Some(held) = self.books.held().get(&seq).copied() else { return Ok(None) };
        match self.read_frozen(seq)? {
            Some(value) if PayloadId::of(&value.payload) == held.id => Ok(Some((held.id, value.payload))),
            _ => {
                tracing::error!(seq, "payload damaged, given up");
                let mut writes = Vec::new();
                for drop in self.books.give_up_damaged(Damaged::Frozen(seq), &mut writes) {
                    self.books.add_drop(now, drop, &mut writes);
                }
                self.store.commit(writes)?;
                Ok(None)
            }
        }
    }

    /// The first seqs held after `after`, at most `count`.
    pub fn held_after(&self, after: u64, count: usize) -> Vec<u64> {
        self.books.held().range(after.saturating_add(1)..).take(count).map(|(seq, _)| *seq).collect()
    }

    /// Hears the server's time. What waited for it can be closed afterwards.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn heard(&mut self, sent: Moment, received: Moment, server_ms: i64) -> Result<Heard, SpoolError> {
        self.store.check()?;
        let heard = self.stamper.heard(sent, received, server_ms);
        if heard == Heard::Learned {
            self.store.commit(vec![(Name::Clock.key(), Some(encode(self.stamper.known())))])?;
        }
        Ok(heard)
    }

    /// The devices that discovery knew when the spool was opened. Handed over once, then empty.
    pub fn take_inventory(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.inventory)
    }

    /// Keeps what discovery knows of some devices; `None` forgets one. Durable some seconds later.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn set_inventory(&mut self, devices: Vec<(u64, Option<Vec<u8>>)>) -> Result<(), SpoolError> {
        self.store.check_room(self.settings.disk_free_min)?;
        let writes = devices.into_iter().map(|(device, value)| (Name::Inventory(device).key(), value)).collect();
        self.store.apply(writes)
    }

    /// When a device was last polled, if that is remembered; durable together with the poll.
    pub fn polled(&self, device: &Device) -> Option<Moment> {
        self.memory.polled(device)
    }

    /// Creates the file anew if it is large and holds nothing. Returns whether it did.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn shrink_if_drained(&mut self) -> Result<bool, SpoolError> {
        self.shrink_above(SHRINK_ABOVE_BYTES)
    }

    fn shrink_above(&mut self, bytes: u64) -> Result<bool, SpoolError> {
        let drained = self.books.held().is_empty() && self.books.pending().is_empty();
        let Place::Disk(dir) = &self.settings.place else { return Ok(false) };
        if self.store.failed() || !drained || self.store.disk_bytes() <= bytes {
            return Ok(false);
        }
        let paths = Paths::in_dir(dir);
        self.store.replace(|old| recover::shrink(&paths, old))
    }

    /// Read access for invariants and for `edge-agent queue`.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// What is known of time.
    pub fn stamper(&self) -> &Stamper {
        &self.stamper
    }

    /// Writes the counters file.
    pub fn save_counters(&mut self) {
        self.counters.taken = self.books.taken();
        self.counters.oldest = self.books.unsettled();
        if let Some(file) = &mut self.file {
            file.keep(&self.counters);
        }
    }

    /// Payloads given up since this was last asked for, by cause. What a failed commit was about to give up is not among
    /// them: it is given up again, if need be, once the spool works.
    pub fn take_given_up(&mut self) -> BTreeMap<String, u64> {
        let given_up = std::mem::take(&mut self.books.given_up);
        if self.failed() { BTreeMap::new() } else { given_up }
    }

    fn read_frozen(&mut self, seq: u64) -> Result<Option<FrozenValue>, SpoolError> {
        Ok(self.store.read(Name::Frozen(seq))?.as_deref().and_then(FrozenValue::decode))
    }
}

#[cfg(test)]
mod tests;
