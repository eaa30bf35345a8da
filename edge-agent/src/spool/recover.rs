//! Opens a spool directory whatever state it is in. What can be read is kept; what cannot is moved aside and said so.
//!
//! sled's own snapshot files are only an index, and its settings file says what we never change: without them it opens with
//! all data. A damaged log makes sled return an
//! error or panic, so everything is opened and read once on a thread of its own, which may die alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::books::Loaded;
use super::counters::CountersFile;
use super::disk::DiskStore;
use super::seal::Seal;
use super::store::StoreError;

/// Where the parts of a spool lie.
#[derive(Debug, Clone)]
pub struct Paths {
    /// sled's directory.
    pub spool: PathBuf,
    pub key: PathBuf,
    pub counters: PathBuf,
}

impl Paths {
    pub fn in_dir(dir: &Path) -> Self {
        Self { spool: dir.join("spool"), key: dir.join("spool.key"), counters: dir.join("spool.counters") }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.spool.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        self.spool.with_file_name(name)
    }
}

/// A spool that is open and was read once from end to end.
#[derive(Debug)]
pub struct Recovered {
    pub store: DiskStore,
    pub loaded: Loaded,
    /// Why the former contents are gone, and where the damaged files lie.
    pub lost: Option<(String, PathBuf)>,
}

/// Opens, and repairs if need be. `stamp` names the directory that damaged files are moved to.
///
/// # Errors
/// [`StoreError::Locked`] and [`StoreError::Io`], in which case nothing was moved.
pub fn open(paths: &Paths, seal: &Seal, fresh_epoch: u64, stamp: i64) -> Result<Recovered, StoreError> {
    finish_shrink(paths)?;
    let first = match attempt(&paths.spool, seal, fresh_epoch) {
        Ok((store, loaded)) => return Ok(Recovered { store, loaded, lost: None }),
        Err(StoreError::Damaged { why, .. }) => why,
        Err(error) => return Err(error),
    };
    tracing::warn!(spool = %paths.spool.display(), why = first, "spool damaged, trying without its snapshots and settings");
    remove_dispensable(&paths.spool).map_err(io_error("remove the snapshots of", &paths.spool))?;
    let why = match attempt(&paths.spool, seal, fresh_epoch) {
        Ok((store, loaded)) => return Ok(Recovered { store, loaded, lost: None }),
        Err(StoreError::Damaged { why, .. }) => why,
        // A panic inside sled may leave its lock behind in this process; moving the files aside frees us of it.
        Err(StoreError::Locked { .. }) => first,
        Err(error) => return Err(error),
    };
    let bad = move_aside(paths, stamp)?;
    tracing::error!(moved_to = %bad.display(), why, "spool lost, starting an empty one");
    let (store, loaded) = attempt(&paths.spool, seal, fresh_epoch)?;
    Ok(Recovered { store, loaded, lost: Some((why, bad)) })
}

/// Replaces a spool's file by a fresh one with the same epoch and values, because sled's file never shrinks.
///
/// # Errors
/// When files cannot be moved; the old spool is then still in place or found by the next [`open`].
pub fn shrink(paths: &Paths, old: DiskStore) -> Result<DiskStore, StoreError> {
    let (epoch, seal) = (old.epoch(), old.seal().clone());
    let (fresh, retired) = (paths.beside(".new"), paths.beside(".old"));
    remove_dir(&fresh).map_err(io_error("remove", &fresh))?;
    let store = DiskStore::open(&fresh, seal.clone(), epoch)?;
    old.copy_to(&store)?;
    drop(store);
    drop(old);
    fs::rename(&paths.spool, &retired).map_err(io_error("move", &paths.spool))?;
    fs::rename(&fresh, &paths.spool).map_err(io_error("move", &fresh))?;
    let store = DiskStore::open(&paths.spool, seal, epoch)?;
    remove_dir(&retired).map_err(io_error("remove", &retired))?;
    Ok(store)
}

/// A crash amid [`shrink`] leaves the old spool under its other name until the new one is in place.
fn finish_shrink(paths: &Paths) -> Result<(), StoreError> {
    let (fresh, retired) = (paths.beside(".new"), paths.beside(".old"));
    if !paths.spool.exists() && retired.exists() {
        fs::rename(&retired, &paths.spool).map_err(io_error("move", &retired))?;
    }
    for leftover in [fresh, retired] {
        remove_dir(&leftover).map_err(io_error("remove", &leftover))?;
    }
    Ok(())
}

fn attempt(path: &Path, seal: &Seal, fresh_epoch: u64) -> Result<(DiskStore, Loaded), StoreError> {
    let (owned, seal) = (path.to_owned(), seal.clone());
    let work = move || -> Result<(DiskStore, Loaded), StoreError> {
        let store = DiskStore::open(&owned, seal, fresh_epoch)?;
        let mut loaded = Loaded::new(store.epoch());
        store.visit(|key, value| loaded.value(key, value.ok()))?;
        loaded.check().map_err(|why| StoreError::Damaged { path: owned.clone(), why })?;
        Ok((store, loaded))
    };
    let damaged = |why: &str| StoreError::Damaged { path: path.to_owned(), why: why.to_owned() };
    let thread = std::thread::Builder::new()
        .name("spool-open".to_owned())
        .spawn(work)
        .map_err(io_error("start a thread to open", path))?;
    thread.join().unwrap_or_else(|_| Err(damaged("its log made the store panic")))
}

/// Files that sled makes anew from its log and its defaults.
fn remove_dispensable(spool: &Path) -> io::Result<()> {
    for entry in fs::read_dir(spool)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "conf" || name.to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Keeps the latest damaged spool only: it may be large.
fn move_aside(paths: &Paths, stamp: i64) -> Result<PathBuf, StoreError> {
    let dir = paths.spool.parent().unwrap_or(Path::new("."));
    let prefix = format!("{}.bad-", paths.spool.file_name().unwrap_or_default().to_string_lossy());
    for entry in fs::read_dir(dir).map_err(io_error("read", dir))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            remove_dir(&entry.path()).map_err(io_error("remove", &entry.path()))?;
        }
    }
    let bad = dir.join(format!("{prefix}{stamp}"));
    fs::rename(&paths.spool, &bad).map_err(io_error("move", &paths.spool))?;
    Ok(bad)
}

/// Moves the spool of another agent aside, counters included, and keeps it: its payloads are that agent's to deliver.
///
/// # Errors
/// When it cannot be moved.
pub fn set_aside(paths: &Paths, owner: &str, stamp: i64) -> Result<PathBuf, StoreError> {
    let aside = paths.beside(&format!(".of-{owner}-{stamp}"));
    let mut counters = aside.clone().into_os_string();
    counters.push(".counters");
    CountersFile::new(paths.counters.clone())
        .move_to(Path::new(&counters))
        .map_err(io_error("move", &paths.counters))?;
    fs::rename(&paths.spool, &aside).map_err(io_error("move", &paths.spool))?;
    Ok(aside)
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}
