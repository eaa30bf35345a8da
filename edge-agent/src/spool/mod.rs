//! The spool: every record is durable here before anything else happens to it, and leaves only when it is settled.
//!
//! Records come in unfrozen ([`given`]), get their stamps from [`crate::time::stamper`], are built into payloads
//! ([`batch`]) and frozen under a seq ([`books`]). [`store`] keeps all of it, sealed on disk or in memory only. After an
//! error of the store nothing works until [`Spool::reopen`]: memory never runs ahead of the disk.

pub mod batch;
pub mod books;
pub mod counters;
pub mod disk;
pub mod given;
pub mod keeper;
pub mod layout;
pub mod privacy;
pub mod record;
pub mod recover;
pub mod seal;
pub mod store;

use std::path::PathBuf;

use schemas::id::{AgentCn, PayloadId};
use schemas::privacy::Withhold;
use schemas::wire::{Device, Drop, Record, Stats, decode_body, decode_header, freeze_encoded};

use self::batch::Origin;
use self::books::{Books, Damaged, Loaded};
use self::counters::{Counters, CountersFile};
use self::given::{Given, Memory, plan_of};
use self::layout::{FrozenValue, Name, Write, decode_records, encode};
use self::record::Taken;
use self::recover::Paths;
use self::seal::Seal;
use self::store::{MemoryStore, Store, StoreError};
use crate::limits::{ALERT_LINGER_MS, GIVE_UP_STEP, SHRINK_ABOVE_BYTES};
use crate::time::Moment;
use crate::time::stamper::{Heard, Span, Stamp, Stamper};

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the key of the spool: {0}")]
    Key(std::io::Error),
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

/// What the agent measured about itself, for a statement of the books.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measures {
    pub devices: u32,
    pub lan_packets: u64,
    pub lan_bytes: u64,
    pub wan_bytes: u64,
    pub polls_failed: u64,
}

/// The state of the spool at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub epoch: u64,
    pub taken: u64,
    pub oldest: u64,
    pub polls_taken: u64,
    pub dropped: u64,
    pub polls_dropped: u64,
    /// Frozen payloads held, and bytes of everything held.
    pub payloads: u64,
    pub bytes: u64,
    pub disk_bytes: u64,
    /// Polls that are not in a payload yet.
    pub unfrozen_polls: u64,
    /// When the oldest payload held was frozen, Unix milliseconds.
    pub oldest_closed_ms: Option<i64>,
    /// `steady` milliseconds at which the lingering batch closes.
    pub close_at_ms: Option<u64>,
    pub learned: bool,
    pub offset_ms: Option<i64>,
    /// What the cap is.
    pub bytes_max: u64,
    /// Bytes of all payloads frozen since the spool was opened.
    pub bytes_frozen: u64,
    /// Whether the spool works.
    pub open: bool,
}

/// Keeps what was read until it is settled.
#[derive(Debug)]
pub struct Spool {
    settings: Settings,
    store: Option<Store>,
    books: Books,
    stamper: Stamper,
    memory: Memory,
    inventory: Vec<Vec<u8>>,
    counters: Counters,
    file: Option<CountersFile>,
    bytes_frozen: u64,
    /// Steady milliseconds at which what is unfrozen closes because of an alert.
    urgent_at: Option<u64>,
    /// Set by an error of the store: what is in memory may be ahead of it.
    failed: bool,
}

impl Spool {
    /// Opens or creates the spool. `fresh_epoch` is a random number, used if the contents are new.
    ///
    /// # Errors
    /// When the directory or the key cannot be used. Damage is not an error: it is repaired, and said in an event.
    pub fn open(settings: Settings, now: Moment, fresh_epoch: u64) -> Result<Self, SpoolError> {
        let (store, mut loaded, lost) = match &settings.place {
            Place::Disk(dir) => {
                let paths = Paths::in_dir(dir);
                let (seal, _) = Seal::open(&paths.key).map_err(SpoolError::Key)?;
                let recovered = recover::open(&paths, &seal, fresh_epoch, now.wall_ms.div_euclid(1_000))?;
                (Store::Disk(recovered.store), recovered.loaded, recovered.lost)
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

    /// Goes on from the contents of a memory-only spool, as after a crash of a process with a disk. For models.
    ///
    /// # Errors
    /// When the contents are not those of a spool.
    pub fn restore(settings: Settings, image: MemoryStore, epoch: u64, now: Moment) -> Result<Self, SpoolError> {
        let mut loaded = Loaded::new(epoch);
        image.iter().for_each(|(key, value)| loaded.value(key, Some(value.to_vec())));
        loaded.check().map_err(|why| StoreError::Damaged { path: PathBuf::new(), why })?;
        Self::assemble(settings, Store::Memory(image), &mut loaded, now, Counters::default(), None)
    }

    /// The contents of a memory-only spool. For models.
    pub fn image(&self) -> Option<&MemoryStore> {
        match &self.store {
            Some(Store::Memory(memory)) => Some(memory),
            _ => None,
        }
    }

    fn assemble(
        settings: Settings,
        store: Store,
        loaded: &mut Loaded,
        now: Moment,
        before: Counters,
        file: Option<CountersFile>,
    ) -> Result<Self, SpoolError> {
        let (books, damaged) = Books::load(loaded);
        let same = before.epoch == books.epoch();
        let known_taken = if same { before.taken } else { 0 };
        let counters = if same { before } else { before.succeeded_by(books.epoch()) };
        let mut spool = Self {
            stamper: Stamper::new(now, std::mem::take(&mut loaded.known), settings.cautious),
            memory: Memory::new(std::mem::take(&mut loaded.last)),
            inventory: std::mem::take(&mut loaded.inventory),
            settings,
            store: Some(store),
            books,
            counters,
            file,
            bytes_frozen: 0,
            urgent_at: None,
            failed: false,
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
            self.failed = false;
            return Ok(());
        }
        self.failed = true;
        self.store = None;
        *self = Self::open(self.settings.clone(), now, fresh_epoch)?;
        Ok(())
    }

    /// Whether nothing works until [`Spool::reopen`].
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Keeps what is given; durable when it returns. Returns whether an alert changed, which
    /// closes the batch soon.
    ///
    /// # Errors
    /// [`SpoolError::DiskFull`] keeps nothing and changes nothing; any other error needs [`Spool::reopen`].
    pub fn take(&mut self, now: Moment, given: impl IntoIterator<Item = Given>) -> Result<bool, SpoolError> {
        self.check_writable()?;
        let guess_ms = self.stamper.guess_ms(now);
        let (mut writes, mut records, mut urgent) = (Vec::new(), Vec::new(), false);
        for given in given {
            urgent |= self.memory.records(given, guess_ms, self.settings.withhold, &mut records, &mut writes);
        }
        // Records of one entry share their boot; those of the present one always do.
        self.books.add(&records, &mut writes);
        self.keep_below_cap(now, &mut writes)?;
        self.commit(writes)?;
        if urgent {
            let soon = now.steady_ms.saturating_add(ALERT_LINGER_MS);
            self.urgent_at = Some(self.urgent_at.map_or(soon, |already| already.min(soon)));
        }
        Ok(urgent)
    }

    /// Keeps a statement of the books as they are now.
    ///
    /// # Errors
    /// As [`Spool::take`].
    pub fn state_books(&mut self, now: Moment, measures: Measures) -> Result<(), SpoolError> {
        self.check_writable()?;
        let stats = Stats {
            disk_bytes: self.disk_bytes(),
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
        self.commit(writes)
    }

    /// Closes batches: stamps, builds and freezes them. Only what this returns from can be sent. Returns how many.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn close(&mut self, now: Moment, how: Close) -> Result<usize, SpoolError> {
        let mut closed = 0;
        loop {
            self.check_open()?;
            self.judge_ended_boots();
            let (entries, full) = self.books.next_batch(|pending| self.stamper.stamp(pending.at).is_some());
            let due = how == Close::All || self.lingered(now);
            if entries == 0 || !(full || due) {
                if entries == 0 || due {
                    self.urgent_at = None;
                }
                break;
            }
            let mut writes = Vec::new();
            let records = match self.read_front(entries)? {
                Ok(records) => records,
                Err(damaged) => {
                    let drop = self.books.give_up_damaged(damaged, &mut writes);
                    self.books.add_drop(now, drop, &mut writes);
                    self.commit(writes)?;
                    continue;
                }
            };
            let batch = batch::build(&self.settings.origin, &records);
            if let [only] = batch.built.as_slice()
                && !self.books.measured(entries, only.body.len())
                && !due
            {
                continue;
            }
            let closed_ms = self.stamper.guess_ms(now);
            for built in batch.built {
                let seq = self.books.next_seq();
                let frozen = freeze_encoded(&self.settings.cn, self.books.epoch(), seq, built.records, built.body);
                match frozen {
                    Ok(frozen) => {
                        let value = FrozenValue { polls: built.polls, closed_ms, payload: frozen.bytes };
                        self.bytes_frozen += u64::try_from(value.payload.len()).unwrap_or(0);
                        self.books.freeze(frozen.id, &value, &mut writes);
                        closed += 1;
                    }
                    Err(error) => tracing::error!(%error, "payload left out"),
                }
            }
            self.books.frozen_front(entries, &mut writes);
            for (moment, stamp) in records.iter().map(|(taken, stamp)| (taken.at, *stamp)) {
                self.stamper.stamped(moment, stamp);
            }
            writes.push((Name::Clock.key(), Some(encode(self.stamper.known()))));
            for (kind, fate) in batch.oversize {
                tracing::warn!(kind, fate, "record too large for a payload");
                let event =
                    Given::event(now, "record-too-large", [("kind", kind.to_owned()), ("fate", fate.to_owned())]);
                let mut events = Vec::new();
                self.memory.records(event, closed_ms, self.settings.withhold, &mut events, &mut writes);
                self.books.add(&events, &mut writes);
            }
            self.commit(writes)?;
            self.save_counters();
        }
        Ok(closed)
    }

    /// Frees what is settled. Ids that are not held are ignored. Returns the seqs freed and the polls in them.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn settle(&mut self, ids: &[PayloadId]) -> Result<(Vec<u64>, u64), SpoolError> {
        self.check_open()?;
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
            let applied = self.store.as_mut().map_or(Ok(()), |store| store.apply(writes));
            self.note(applied)?;
        }
        Ok((seqs, polls))
    }

    /// A payload's id and exact bytes; `None` if it is not held (any more).
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn payload(&mut self, now: Moment, seq: u64) -> Result<Option<(PayloadId, Vec<u8>)>, SpoolError> {
        self.check_open()?;
        let Some(held) = self.books.held().get(&seq).copied() else { return Ok(None) };
        match self.read_frozen(seq)? {
            Some(value) if PayloadId::of(&value.payload) == held.id => Ok(Some((held.id, value.payload))),
            _ => {
                tracing::error!(seq, "payload damaged, given up");
                let mut writes = Vec::new();
                let drop = self.books.give_up_damaged(Damaged::Frozen(seq), &mut writes);
                self.books.add_drop(now, drop, &mut writes);
                self.commit(writes)?;
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
        self.check_open()?;
        let heard = self.stamper.heard(sent, received, server_ms);
        if heard == Heard::Learned {
            self.commit(vec![(Name::Clock.key(), Some(encode(self.stamper.known())))])?;
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
        self.check_writable()?;
        let writes = devices.into_iter().map(|(device, value)| (Name::Inventory(device).key(), value)).collect();
        let applied = self.store.as_mut().map_or(Ok(()), |store| store.apply(writes));
        self.note(applied)
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
        if self.failed || !drained || self.disk_bytes() <= bytes {
            return Ok(false);
        }
        let Some(Store::Disk(old)) = self.store.take() else { return Ok(false) };
        match recover::shrink(&Paths::in_dir(dir), old) {
            Ok(store) => {
                self.store = Some(Store::Disk(store));
                Ok(true)
            }
            Err(error) => {
                self.failed = true;
                Err(error.into())
            }
        }
    }

    pub fn summary(&self, now: Moment) -> Summary {
        let state = self.books.state();
        let front = self.books.pending().front();
        let close_at_ms = front.filter(|front| self.stamper.stamp(front.at).is_some()).map(|front| {
            let linger =
                if front.at.boot == now.boot { front.at.steady_ms + self.settings.linger_ms } else { now.steady_ms };
            self.urgent_at.map_or(linger, |urgent| urgent.min(linger))
        });
        Summary {
            epoch: self.books.epoch(),
            taken: state.taken,
            oldest: state.oldest,
            polls_taken: state.polls_taken,
            dropped: state.dropped,
            polls_dropped: state.polls_dropped,
            payloads: u64::try_from(self.books.held().len()).unwrap_or(u64::MAX),
            bytes: self.books.bytes(),
            disk_bytes: self.disk_bytes(),
            unfrozen_polls: self.books.pending().iter().map(|pending| u64::from(pending.polls)).sum(),
            oldest_closed_ms: self.books.held().first_key_value().map(|(_, held)| held.closed_ms),
            close_at_ms,
            learned: self.stamper.learned(),
            offset_ms: self.stamper.offset_ms(now),
            bytes_max: self.settings.bytes_max,
            bytes_frozen: self.bytes_frozen,
            open: !self.failed,
        }
    }

    /// Read access for invariants and for `edge-agent queue`.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// What is known of time.
    pub fn stamper(&self) -> &Stamper {
        &self.stamper
    }

    /// Writes the counters file; a failure is only logged, the file is a second witness.
    pub fn save_counters(&mut self) {
        self.counters.taken = self.books.taken();
        self.counters.oldest = self.books.oldest();
        if let Some(file) = &mut self.file
            && let Err(error) = file.write(&self.counters)
        {
            tracing::warn!(%error, "counters file not written");
        }
    }

    /// Accounts for damage that the store survived: single values, and a log that went back or lacks something.
    fn mend(&mut self, now: Moment, damaged: Vec<Damaged>, known_taken: u64) -> Result<(), SpoolError> {
        let (mut writes, mut drops) = (Vec::new(), Vec::new());
        let (values, taken) = (damaged.len(), self.books.taken());
        for damaged in damaged {
            drops.push(self.books.give_up_damaged(damaged, &mut writes));
        }
        drops.extend(self.books.account_for_losses(known_taken, &mut writes));
        if drops.is_empty() {
            return Ok(());
        }
        tracing::error!(values, taken, known_taken, "spool damaged, what is missing is given up by name");
        for drop in drops {
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
        self.commit(writes)
    }

    /// Says in the new epoch what became of the old one.
    fn tell_what_was_lost(&mut self, now: Moment, lost: Option<(String, PathBuf)>) -> Result<(), SpoolError> {
        let mut writes = Vec::new();
        let before = self.counters.prior.last().copied();
        if let Some(before) = before
            && before.oldest <= before.taken
        {
            let drop = Drop {
                epoch: before.epoch,
                from: before.oldest.max(1),
                to: before.taken,
                cause: "lost-spool".to_owned(),
                ..Drop::default()
            };
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
        if writes.is_empty() { Ok(()) } else { self.commit(writes) }
    }

    /// Gives up the oldest until there is room again. Drop records inside what is given up are kept.
    fn keep_below_cap(&mut self, now: Moment, writes: &mut Vec<Write>) -> Result<(), SpoolError> {
        if self.books.bytes() <= self.settings.bytes_max {
            return Ok(());
        }
        let goal = self.settings.bytes_max.saturating_sub(GIVE_UP_STEP.min(self.settings.bytes_max / 16));
        let before = self.books.taken();
        let mut drops = Vec::new();
        while self.books.bytes() > goal {
            drops.extend(self.drops_in_oldest(writes)?);
            let Some(drop) = self.books.give_up_oldest("cap", writes) else { break };
            drops.push(drop);
        }
        let payloads = drops.len();
        for drop in join(drops) {
            self.books.add_drop(now, drop, writes);
        }
        tracing::warn!(payloads, taken = before, bytes_max = self.settings.bytes_max, "cap reached, oldest given up");
        Ok(())
    }

    /// Drop records inside what is given up next; plans inside will be sent again.
    fn drops_in_oldest(&mut self, writes: &mut Vec<Write>) -> Result<Vec<Drop>, SpoolError> {
        let drop_of = |record: &Record| record.drop.as_deref().cloned();
        if let Some(seq) = self.books.held().first_key_value().map(|(seq, _)| *seq) {
            let Some(value) = self.read_frozen(seq)? else { return Ok(Vec::new()) };
            let Some(body) = decode_header(&value.payload).ok().and_then(|header| decode_body(&header).ok()) else {
                return Ok(Vec::new());
            };
            for record in &body.records {
                if let Some((device, plan)) = plan_of(record, &body.devices) {
                    self.memory.forget_plan(device, plan, writes);
                }
            }
            return Ok(body.records.iter().filter_map(drop_of).collect());
        }
        let Some(key) = self.books.pending().front().map(|pending| pending.key) else { return Ok(Vec::new()) };
        // Records of the commit under way are not in the store yet; they are never the oldest of a sane cap.
        let value = self.store.as_ref().map_or(Ok(None), |store| store.get(&Name::Pending(key).key()));
        let records = match value {
            Ok(value) => value.and_then(|value| decode_records(&value)).map(|(records, _)| records),
            Err(StoreError::Value) => None,
            Err(error) => {
                self.failed = true;
                return Err(error.into());
            }
        };
        let records = records.unwrap_or_default();
        for taken in &records {
            if let Some(plan) = taken.record.plan.as_deref() {
                self.memory.forget_plan(taken.device.as_ref(), plan, writes);
            }
        }
        Ok(records.iter().filter_map(|taken| drop_of(&taken.record)).collect())
    }

    fn judge_ended_boots(&mut self) {
        while let Some(boot) =
            self.books.pending().iter().map(|pending| pending.at.boot).find(|boot| self.stamper.needs_verdict(*boot))
        {
            let spans = self.books.pending().iter().filter(|pending| pending.at.boot == boot);
            let joined = spans.filter_map(|pending| pending.span).reduce(Span::joined);
            let Some(span) = joined else { break };
            self.stamper.judge(boot, span);
        }
    }

    fn lingered(&self, now: Moment) -> bool {
        self.urgent_at.is_some_and(|at| at <= now.steady_ms)
            || self.books.pending().front().is_some_and(|front| {
                front.at.boot != now.boot || now.steady_ms.saturating_sub(front.at.steady_ms) >= self.settings.linger_ms
            })
    }

    /// The records of the first entries with their stamps, or which entry cannot be read.
    fn read_front(&mut self, entries: usize) -> Result<Result<Vec<(Taken, Stamp)>, Damaged>, SpoolError> {
        let keys: Vec<u64> = self.books.pending().iter().take(entries).map(|pending| pending.key).collect();
        let mut records = Vec::new();
        for key in keys {
            let value = self.store.as_ref().map_or(Ok(None), |store| store.get(&Name::Pending(key).key()));
            let value = match value {
                Err(StoreError::Value) => None,
                other => self.note(other)?,
            };
            let Some((taken, _)) = value.and_then(|value| decode_records(&value)) else {
                return Ok(Err(Damaged::Pending(key)));
            };
            for taken in taken {
                let Some(stamp) = self.stamper.stamp(taken.at) else { return Ok(Err(Damaged::Pending(key))) };
                records.push((taken, stamp));
            }
        }
        Ok(Ok(records))
    }

    fn read_frozen(&mut self, seq: u64) -> Result<Option<FrozenValue>, SpoolError> {
        let value = self.store.as_ref().map_or(Ok(None), |store| store.get(&Name::Frozen(seq).key()));
        match value {
            Ok(value) => Ok(value.as_deref().and_then(FrozenValue::decode)),
            Err(StoreError::Value) => Ok(None),
            Err(error) => {
                self.failed = true;
                Err(error.into())
            }
        }
    }

    fn disk_bytes(&self) -> u64 {
        self.store.as_ref().map_or(0, Store::disk_bytes)
    }

    fn check_open(&self) -> Result<(), SpoolError> {
        if self.failed || self.store.is_none() { Err(SpoolError::Failed) } else { Ok(()) }
    }

    fn check_writable(&self) -> Result<(), SpoolError> {
        self.check_open()?;
        let floor = self.settings.disk_free_min;
        match self.store.as_ref().and_then(Store::disk_free) {
            Some(free) if free < floor => Err(SpoolError::DiskFull { free, floor }),
            _ => Ok(()),
        }
    }

    fn commit(&mut self, writes: Vec<Write>) -> Result<(), SpoolError> {
        self.check_open()?;
        let committed = self.store.as_mut().map_or(Ok(()), |store| store.commit(writes));
        self.note(committed)
    }

    fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, SpoolError> {
        outcome.map_err(|error| {
            self.failed = true;
            error.into()
        })
    }
}

/// Joins drops whose seqs touch.
fn join(drops: Vec<Drop>) -> Vec<Drop> {
    let mut joined: Vec<Drop> = Vec::new();
    for drop in drops {
        match joined.last_mut() {
            Some(last)
                if (last.epoch, &last.cause) == (drop.epoch, &drop.cause)
                    && last.to.checked_add(1) == Some(drop.from) =>
            {
                last.to = drop.to;
                last.polls += drop.polls;
            }
            _ => joined.push(drop),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
