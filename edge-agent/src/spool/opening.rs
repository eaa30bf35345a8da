//! Goes on from what a store holds: opening, opening again, and accounting for what is missing.

use std::path::PathBuf;

use schemas::wire::{Drop, PriorEpoch};

use super::books::{Books, Damaged, Loaded};
use super::counters::{Counters, CountersFile};
use super::given::{Given, Memory};
use super::latch::Latched;
use super::linger::Linger;
use super::recover::{self, Paths};
use super::seal::Seal;
use super::store::{MemoryStore, Store, StoreError};
use super::{Place, Settings, Spool, SpoolError};
use crate::time::Moment;
use crate::time::stamper::Stamper;

impl Spool {
    /// Opens or creates the spool. `fresh_epoch` is a random number, used if the contents are new.
    ///
    /// # Errors
    /// When the directory or the key cannot be used. Damage is not an error: it is repaired, and said in an event.
    pub fn open(settings: Settings, now: Moment, fresh_epoch: u64) -> Result<Self, SpoolError> {
        let (store, mut loaded, lost) = match &settings.place {
            Place::Disk(dir) => {
                let paths = Paths::in_dir(dir);
                let (seal, _) =
                    Seal::open(&paths.key).map_err(|source| SpoolError::Key { path: paths.key.clone(), source })?;
                let stamp = now.wall_ms.div_euclid(1_000);
                let mut opened = recover::open(&paths, &seal, fresh_epoch, stamp)?;
                if let Some(owner) = opened.loaded.stranger(&settings.cn).map(str::to_owned) {
                    drop(opened.store);
                    let moved_to = recover::set_aside(&paths, &owner, stamp)?;
                    tracing::error!(owner, moved_to = %moved_to.display(), "this spool belongs to another agent, starting an empty one");
                    opened = recover::open(&paths, &seal, fresh_epoch, stamp)?;
                    opened.lost = Some((format!("the spool belongs to {owner}"), moved_to));
                }
                (Store::Disk(opened.store), opened.loaded, opened.lost)
            }
            Place::Memory(_) => (Store::Memory(MemoryStore::default()), Loaded::new(fresh_epoch), None),
        };
        let file = match &settings.place {
            Place::Disk(dir) => Some(Paths::in_dir(dir).counters),
            Place::Memory(path) => path.clone(),
        };
        let mut file = file.map(CountersFile::new);
        let before = file.as_mut().map(CountersFile::read).unwrap_or_default();
        let mut spool = Self::assemble(settings, store, &mut loaded, now, before, file)?;
        if loaded.is_empty() {
            spool.tell_what_was_lost(now, lost)?;
        }
        spool.save_counters();
        Ok(spool)
    }

    /// Goes on from the contents of a memory-only spool, as after a crash of a process with a disk; `before` is what the
    /// counters file said. For models.
    ///
    /// # Errors
    /// When the contents are not those of a spool.
    pub fn restore(
        settings: Settings,
        image: MemoryStore,
        epoch: u64,
        now: Moment,
        before: Counters,
    ) -> Result<Self, SpoolError> {
        let mut loaded = Loaded::new(epoch);
        image.iter().for_each(|(key, value)| loaded.value(key, Some(value.to_vec())));
        loaded.check().map_err(|why| StoreError::Damaged { path: PathBuf::new(), why })?;
        let mut spool = Self::assemble(settings, Store::Memory(image), &mut loaded, now, before, None)?;
        if loaded.is_empty() {
            spool.tell_what_was_lost(now, None)?;
        }
        spool.save_counters();
        Ok(spool)
    }

    fn assemble(
        settings: Settings,
        store: Store,
        loaded: &mut Loaded,
        now: Moment,
        before: Counters,
        file: Option<CountersFile>,
    ) -> Result<Self, SpoolError> {
        let (mut books, damaged) = Books::load(loaded);
        books.belong_to(&settings.cn);
        let known_taken = before.taken_in(books.epoch());
        let counters = if before.epoch == books.epoch() { before } else { before.succeeded_by(books.epoch()) };
        let linger = Linger::new(settings.linger_ms);
        let mut spool = Self {
            stamper: Stamper::new(now, std::mem::take(&mut loaded.known), settings.cautious),
            memory: Memory::new(std::mem::take(&mut loaded.last)),
            inventory: std::mem::take(&mut loaded.inventory),
            settings,
            store: Latched::new(store),
            books,
            counters,
            file,
            bytes_frozen: 0,
            linger,
        };
        spool.mend(now, damaged, known_taken)?;
        Ok(spool)
    }

    /// Drops all state and reads the store again.
    ///
    /// # Errors
    /// As [`Spool::open`]; the spool then stays closed and this can be tried again.
    pub fn reopen(&mut self, now: Moment, fresh_epoch: u64) -> Result<(), SpoolError> {
        if matches!(self.settings.place, Place::Memory(_)) {
            self.store.unlatch();
            return Ok(());
        }
        self.store.shut();
        *self = Self::open(self.settings.clone(), now, fresh_epoch)?;
        Ok(())
    }

    /// Accounts for damage that the store survived: single values, and a log that went back or lacks something.
    fn mend(&mut self, now: Moment, damaged: Vec<Damaged>, known_taken: u64) -> Result<(), SpoolError> {
        let (mut writes, mut drops) = (Vec::new(), Vec::new());
        let (values, taken) = (damaged.len(), self.books.taken());
        for damaged in damaged {
            drops.extend(self.books.give_up_damaged(damaged, &mut writes));
        }
        drops.extend(self.books.account_for_losses(known_taken, &mut writes));
        if drops.is_empty() {
            return Ok(());
        }
        tracing::error!(values, taken, known_taken, "spool damaged, what is missing is given up by name");
        for drop in drops.into_iter().chain(self.ended_epochs()) {
            self.books.add_drop(now, drop, &mut writes);
        }
        let event = Given::event(
            now,
            "spool-damaged",
            [("values", values.to_string()), ("taken", taken.to_string()), ("taken_at_least", known_taken.to_string())],
        );
        let mut records = Vec::new();
        self.memory.records(event, now.wall_ms, self.settings.withhold, &mut records, &mut writes);
        self.books.add(&records, &mut writes);
        self.store.commit(writes)
    }

    /// Says in the new epoch what became of the old one.
    fn tell_what_was_lost(&mut self, now: Moment, lost: Option<(String, PathBuf)>) -> Result<(), SpoolError> {
        let mut writes = Vec::new();
        let before = self.counters.prior.last().copied();
        let ended = self.ended_epochs();
        // Counted once, when it is lost.
        for drop in ended.iter().filter(|drop| before.is_some_and(|last| last.epoch == drop.epoch)) {
            *self.books.given_up.entry(drop.cause.clone()).or_default() += drop.to - drop.from + 1;
        }
        for drop in ended {
            self.books.add_drop(now, drop, &mut writes);
        }
        let disk = matches!(self.settings.place, Place::Disk(_));
        if disk && (lost.is_some() || before.is_some()) {
            let (why, moved_to) = lost.unwrap_or_else(|| ("the spool was gone".to_owned(), PathBuf::new()));
            let before = before.unwrap_or_default();
            let event = Given::event(
                now,
                "spool-lost",
                [
                    ("why", why),
                    ("moved_to", moved_to.display().to_string()),
                    ("epoch", before.epoch.to_string()),
                    ("taken_at_least", before.taken.to_string()),
                    ("oldest", before.oldest.to_string()),
                ],
            );
            let mut records = Vec::new();
            self.memory.records(event, now.wall_ms, self.settings.withhold, &mut records, &mut writes);
            self.books.add(&records, &mut writes);
        }
        if writes.is_empty() { Ok(()) } else { self.store.commit(writes) }
    }

    /// Names what is missing of earlier epochs. All of them: what an earlier loss had to say may have been lost with this one.
    /// A drop may be said twice.
    fn ended_epochs(&self) -> Vec<Drop> {
        let missing = self.counters.prior.iter().filter(|ended| ended.oldest <= ended.taken);
        let drop = |ended: &PriorEpoch| Drop {
            epoch: ended.epoch,
            from: ended.oldest.max(1),
            to: ended.taken,
            cause: "lost-spool".to_owned(),
            ..Drop::default()
        };
        missing.map(drop).collect()
    }
}
