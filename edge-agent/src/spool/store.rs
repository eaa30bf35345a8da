//! Where the spool's values lie: sealed on disk, or in memory only. Knows keys and bytes, not what they mean.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::disk::DiskStore;
use super::layout::Write;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the spool {path} is in use by another process; stop that agent first", path = path.display())]
    Locked { path: PathBuf },
    #[error("{what} {path}: {source}{advice}", path = path.display(), advice = advice(source))]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the spool {path} is damaged: {why}", path = path.display())]
    Damaged { path: PathBuf, why: String },
    /// Only this value: the rest can be read.
    #[error("a value in the spool is damaged")]
    Value,
}

/// What to do about an error of the disk, as the end of its message; empty if nobody can tell.
pub fn advice(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room on that disk",
        ErrorKind::ReadOnlyFilesystem => {
            "; mount that disk writable, move agent.data_dir, or set spool.mode = \"memory\""
        }
        ErrorKind::PermissionDenied => "; give agent.data_dir and all in it to the agent's user",
        _ => "",
    }
}

/// Values by key.
#[derive(Debug)]
pub enum Store {
    Disk(DiskStore),
    Memory(MemoryStore),
}

/// A spool that dies with the process; or, if it keeps what is not synced apart, a model of a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct MemoryStore {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// In a model: the values of before, of what was changed since the last commit.
    unsynced: Option<BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

impl MemoryStore {
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.values.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// One that knows what a crash would leave. For models.
    pub fn model() -> Self {
        Self { unsynced: Some(BTreeMap::new()), ..Self::default() }
    }

    /// What a crash now would leave: the changes since the last commit undone.
    pub fn after_crash(&self) -> Self {
        let mut after = Self { values: self.values.clone(), unsynced: Some(BTreeMap::new()) };
        for (key, before) in self.unsynced.iter().flatten() {
            match before {
                Some(value) => drop(after.values.insert(key.clone(), value.clone())),
                None => drop(after.values.remove(key)),
            }
        }
        after
    }

    fn commit(&mut self, writes: Vec<Write>) {
        self.apply(writes);
        if let Some(unsynced) = &mut self.unsynced {
            unsynced.clear();
        }
    }

    fn apply(&mut self, writes: Vec<Write>) {
        for (key, value) in writes {
            if let Some(unsynced) = &mut self.unsynced
                && !unsynced.contains_key(&key)
            {
                unsynced.insert(key.clone(), self.values.get(&key).cloned());
            }
            match value {
                Some(value) => drop(self.values.insert(key, value)),
                None => drop(self.values.remove(&key)),
            }
        }
    }
}

impl Store {
    /// All or nothing, and durable when it returns.
    ///
    /// # Errors
    /// After an error the store is dead and must be opened again.
    pub fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.apply(writes).and_then(|()| disk.make_durable()),
            Self::Memory(memory) => {
                memory.commit(writes);
                Ok(())
            }
        }
    }

    /// All or nothing, durable with the next commit or some seconds later.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn apply(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.apply(writes),
            Self::Memory(memory) => {
                memory.apply(writes);
                Ok(())
            }
        }
    }

    /// # Errors
    /// [`StoreError::Value`] if only this value is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Disk(disk) => disk.get(key),
            Self::Memory(memory) => Ok(memory.values.get(key).cloned()),
        }
    }

    /// Bytes on disk; 0 in memory.
    pub fn disk_bytes(&self) -> u64 {
        match self {
            Self::Disk(disk) => disk.bytes(),
            Self::Memory(_) => 0,
        }
    }

    /// Free bytes of the file system; `None` in memory or if it cannot be known.
    pub fn disk_free(&self) -> Option<u64> {
        match self {
            Self::Disk(disk) => disk.free_bytes(),
            Self::Memory(_) => None,
        }
    }
}
