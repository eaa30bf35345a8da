//! The tiny file beside the spool that outlives it: what this epoch and the ones before had given, at least.
//!
//! Holds numbers only, so it exists in memory-only mode as well. Written whole and renamed into place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use schemas::wire::PriorEpoch;
use serde::{Deserialize, Serialize};

use crate::limits::PRIOR_EPOCHS_MAX;

/// A counters file larger than this is not one of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    pub epoch: u64,
    /// Highest seq given.
    pub taken: u64,
    /// Lowest seq still held, or given up under a drop record that is not settled.
    pub oldest: u64,
    /// Earlier epochs, the latest last.
    pub prior: Vec<PriorEpoch>,
}

impl Counters {
    /// Highest seq that an epoch is known to have given.
    pub fn taken_in(&self, epoch: u64) -> u64 {
        let ended = self.prior.iter().filter(|ended| ended.epoch == epoch).map(|ended| ended.taken);
        let present = (self.epoch == epoch).then_some(self.taken);
        ended.chain(present).max().unwrap_or(0)
    }

    /// The counters of an epoch that follows this one.
    pub fn succeeded_by(&self, epoch: u64) -> Self {
        let mut prior = self.prior.clone();
        if self.epoch != 0 && self.epoch != epoch {
            prior.push(PriorEpoch { epoch: self.epoch, taken: self.taken, oldest: self.oldest });
        }
        // A log that went back to an earlier epoch goes on with it.
        prior.retain(|ended| ended.epoch != epoch);
        // One that has nothing missing goes first; the latest stays.
        while prior.len() > PRIOR_EPOCHS_MAX {
            let spent = prior.iter().rev().skip(1).rev().position(|ended| ended.oldest > ended.taken);
            prior.remove(spent.unwrap_or(0));
        }
        Self { epoch, taken: 0, oldest: 1, prior }
    }
}

/// Where the counters live.
#[derive(Debug, Clone)]
pub struct CountersFile {
    path: PathBuf,
    written: Option<Counters>,
    /// Whether the last attempt to write it failed.
    failing: bool,
}

impl CountersFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path, written: None, failing: false }
    }

    /// What the file says; an absent or unreadable one says nothing.
    pub fn read(&mut self) -> Counters {
        match read(&self.path) {
            Ok(counters) => {
                self.written = Some(counters.clone());
                counters
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %self.path.display(), %error, "counters file unreadable, starting without it");
                }
                Counters::default()
            }
        }
    }

    /// Replaces the file if it says something else. A failure is only logged, once: the file is a second witness.
    pub fn keep(&mut self, counters: &Counters) {
        match self.write(counters) {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                tracing::warn!(file = %self.path.display(), %error, "counters file not written");
                self.failing = true;
            }
            Err(_) => {}
        }
    }

    /// Moves the file aside. Nothing is done if there is none.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn move_to(&mut self, path: &Path) -> io::Result<()> {
        self.written = None;
        match fs::rename(&self.path, path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Replaces the file if it says something else.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, counters: &Counters) -> io::Result<()> {
        if self.written.as_ref() == Some(counters) {
            return Ok(());
        }
        let text = serde_json::to_string(counters)?;
        replace(&self.path, text.as_bytes())?;
        self.written = Some(counters.clone());
        Ok(())
    }
}

/// Writes a file so that a reader sees the old or the new contents, never half of either.
///
/// # Errors
/// When it cannot be written.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let mut file = File::create(&fresh)?;
    file.write_all(contents)?;
    file.sync_data()?;
    fs::rename(&fresh, path)
}

fn read(path: &Path) -> io::Result<Counters> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("too large"));
    }
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_starts_that_gave_nothing_do_not_crowd_out_an_epoch_with_something_missing() {
        let mut counters = Counters { epoch: 1, taken: 5, oldest: 3, prior: Vec::new() };
        for epoch in 2..100 {
            counters = counters.succeeded_by(epoch);
        }
        assert_eq!(counters.prior.len(), PRIOR_EPOCHS_MAX);
        assert_eq!(counters.prior[0], PriorEpoch { epoch: 1, taken: 5, oldest: 3 });
        assert_eq!(counters.prior.last().map(|ended| ended.epoch), Some(98));
        assert_eq!((counters.taken_in(1), counters.taken_in(99)), (5, 0));
    }

    #[test]
    fn a_log_that_went_back_to_an_earlier_epoch_goes_on_with_its_numbers() {
        let later = Counters { epoch: 1, taken: 5, oldest: 3, prior: Vec::new() }.succeeded_by(2);
        assert_eq!(later.taken_in(1), 5);
        assert_eq!(later.succeeded_by(1).prior, [PriorEpoch { epoch: 2, taken: 0, oldest: 1 }]);
    }
}
