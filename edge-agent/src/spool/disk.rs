//! The only user of sled. Values are sealed; a commit is flushed and followed by fdatasync on the log file, because
//! sled 0.34 flushes with sync_file_range, which outlives the process but not the power.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::layout::{EPOCH, Write};
use super::seal::{Broken, Seal};
use super::store::StoreError;
use crate::limits::{LOCK_ATTEMPTS, SLED_CACHE_BYTES, SLED_FLUSH_MS};

/// An open sled directory.
#[derive(Debug)]
pub struct DiskStore {
    path: PathBuf,
    db: sled::Db,
    /// A second handle on sled's log: fdatasync acts on the file, not on the handle.
    log: File,
    seal: Seal,
    epoch: u64,
}

impl DiskStore {
    /// Opens the directory. An empty one is given `fresh_epoch`; an existing one keeps its own.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Io`] or [`StoreError::Damaged`]. sled may also panic on a damaged log.
    pub fn open(path: &Path, seal: Seal, fresh_epoch: u64) -> Result<Self, StoreError> {
        let db = open_sled(path)?;
        let io = |what| move |source| StoreError::Io { what, path: path.to_owned(), source };
        let log = File::open(path.join("db")).map_err(io("open the log of the spool"))?;
        let mut store = Self { path: path.to_owned(), db, log, seal, epoch: fresh_epoch };
        match store.db.get(EPOCH).map_err(|error| store.sled_error("read", error))? {
            Some(epoch) => {
                let epoch = epoch.as_ref().try_into().map_err(|_| store.damaged("the epoch has a wrong length"))?;
                store.epoch = u64::from_be_bytes(epoch);
            }
            None if store.db.is_empty() => {
                store.db.insert(EPOCH, &fresh_epoch.to_be_bytes()).map_err(|error| store.sled_error("write", error))?;
                store.make_durable()?;
                for dir in [Some(path), path.parent()].into_iter().flatten() {
                    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io("sync the directory of the spool"))?;
                }
            }
            None => return Err(store.damaged("the epoch is missing")),
        }
        Ok(store)
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Visits every value, opened; one that does not open is visited as [`Broken`].
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the log itself cannot be read on.
    pub fn visit(&self, mut visit: impl FnMut(&[u8], Result<Vec<u8>, Broken>)) -> Result<(), StoreError> {
        for entry in self.db.iter() {
            let (key, value) = entry.map_err(|error| self.sled_error("read", error))?;
            if key.as_ref() != EPOCH {
                visit(&key, self.seal.open_value(self.epoch, &key, &value));
            }
        }
        Ok(())
    }

    /// Every value as it is sealed, for a copy in the same epoch.
    pub fn copy_to(&self, other: &Self) -> Result<(), StoreError> {
        for entry in self.db.iter() {
            let (key, value) = entry.map_err(|error| self.sled_error("read", error))?;
            other.db.insert(key, value).map_err(|error| other.sled_error("write", error))?;
        }
        other.make_durable()
    }

    pub fn apply(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(plain) => {
                    let sealed = self.seal.seal(self.epoch, &key, &plain).map_err(|_| StoreError::Io {
                        what: "get randomness to seal a value of",
                        path: self.path.clone(),
                        source: std::io::ErrorKind::Other.into(),
                    })?;
                    batch.insert(key, sealed);
                }
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(|error| self.sled_error("write", error))
    }

    pub fn make_durable(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|error| self.sled_error("flush", error))?;
        self.log.sync_data().map_err(|source| StoreError::Io {
            what: "sync the spool",
            path: self.path.clone(),
            source,
        })
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(value) = self.db.get(key).map_err(|error| self.sled_error("read", error))? else { return Ok(None) };
        self.seal.open_value(self.epoch, key, &value).map(Some).map_err(|Broken| StoreError::Value)
    }

    pub fn bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }

    pub fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn damaged(&self, why: &str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), why: why.to_owned() }
    }

    fn sled_error(&self, what: &'static str, error: sled::Error) -> StoreError {
        store_error(&self.path, what, error)
    }
}

fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new().path(path).cache_capacity(SLED_CACHE_BYTES).flush_every_ms(Some(SLED_FLUSH_MS));
    let mut attempt = 0;
    loop {
        match config.open() {
            Ok(db) => return Ok(db),
            Err(error) => {
                let error = store_error(path, "open", error);
                attempt += 1;
                if !matches!(error, StoreError::Locked { .. }) || attempt >= LOCK_ATTEMPTS {
                    return Err(error);
                }
                // A store that was just closed in this process gives its lock up when its last thread ends.
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
        }
    }
}

fn store_error(path: &Path, what: &'static str, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
            StoreError::Locked { path: path.to_owned() }
        }
        sled::Error::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            StoreError::Damaged { path: path.to_owned(), why: source.to_string() }
        }
        sled::Error::Io(source) => StoreError::Io {
            what: match what {
                "open" => "open the spool",
                "write" => "write to the spool",
                "flush" => "flush the spool",
                _ => "read the spool",
            },
            path: path.to_owned(),
            source,
        },
        other => StoreError::Damaged { path: path.to_owned(), why: other.to_string() },
    }
}

/// Bytes that a directory takes, for callers that have no open store.
pub fn directory_bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => directory_bytes(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}
