//! The store behind a latch: after its first error nothing is read or written until the spool is opened again.
//!
//! What is in memory may then be ahead of the disk, so no later call may build on it.

use super::SpoolError;
use super::disk::DiskStore;
use super::layout::{Name, Write};
use super::store::{MemoryStore, Store, StoreError};

/// A store, or what is left of it.
#[derive(Debug)]
pub struct Latched {
    store: Option<Store>,
    failed: bool,
}

impl Latched {
    pub fn new(store: Store) -> Self {
        Self { store: Some(store), failed: false }
    }

    /// Whether an error was seen.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Closes the store, so that it can be opened anew.
    pub fn shut(&mut self) {
        self.failed = true;
        self.store = None;
    }

    /// A store in memory has nothing to be opened again; it goes on.
    pub fn unlatch(&mut self) {
        self.failed = false;
    }

    /// # Errors
    /// [`SpoolError::Failed`] after an error.
    pub fn check(&self) -> Result<(), SpoolError> {
        if self.failed || self.store.is_none() { Err(SpoolError::Failed) } else { Ok(()) }
    }

    /// # Errors
    /// [`SpoolError::DiskFull`] if fewer than `floor` bytes are free; that does not latch.
    pub fn check_room(&self, floor: u64) -> Result<(), SpoolError> {
        self.check()?;
        match self.store.as_ref().and_then(Store::disk_free) {
            Some(free) if free < floor => Err(SpoolError::DiskFull { free, floor }),
            _ => Ok(()),
        }
    }

    /// A value; `None` also for one that is damaged by itself.
    ///
    /// # Errors
    /// Any other error of the store.
    pub fn read(&mut self, name: Name) -> Result<Option<Vec<u8>>, SpoolError> {
        match self.store.as_ref().map_or(Ok(None), |store| store.get(&name.key())) {
            Err(StoreError::Value) => Ok(None),
            outcome => self.note(outcome),
        }
    }

    /// All or nothing, and durable when it returns.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn commit(&mut self, writes: Vec<Write>) -> Result<(), SpoolError> {
        self.check()?;
        let outcome = self.store.as_mut().map_or(Ok(()), |store| store.commit(writes));
        self.note(outcome)
    }

    /// All or nothing, durable with the next commit or some seconds later.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn apply(&mut self, writes: Vec<Write>) -> Result<(), SpoolError> {
        self.check()?;
        let outcome = self.store.as_mut().map_or(Ok(()), |store| store.apply(writes));
        self.note(outcome)
    }

    /// Puts another store on disk in the place of this one. Returns whether there was one on disk.
    ///
    /// # Errors
    /// Why there is none now.
    pub fn replace(
        &mut self,
        with: impl FnOnce(DiskStore) -> Result<DiskStore, StoreError>,
    ) -> Result<bool, SpoolError> {
        match self.store.take() {
            Some(Store::Disk(old)) => {
                let fresh = with(old);
                self.store = Some(Store::Disk(self.note(fresh)?));
                Ok(true)
            }
            other => {
                self.store = other;
                Ok(false)
            }
        }
    }

    /// The values, if they are in memory only.
    pub fn memory(&self) -> Option<&MemoryStore> {
        match &self.store {
            Some(Store::Memory(memory)) => Some(memory),
            _ => None,
        }
    }

    /// Bytes on disk; 0 in memory.
    pub fn disk_bytes(&self) -> u64 {
        self.store.as_ref().map_or(0, Store::disk_bytes)
    }

    fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, SpoolError> {
        outcome.map_err(|error| {
            self.failed = true;
            error.into()
        })
    }
}
