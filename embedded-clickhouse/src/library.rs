//! Finds the engine's library and makes sure that it is the pinned one, byte for byte, before any of it runs.
//!
//! Hashing 566 MB takes seconds, so a verdict is kept beside the data, keyed by what changes when the file changes.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// `libchdb.so` of the npm package `@chdb/lib-linux-x64-gnu` 26.7.3-stable.1.
pub const SHA256: &str = "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5";
/// Where `npm ci` puts it, below the folder with package-lock.json.
const IN_MODULES: &str = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";
const VERDICT_FILE: &str = "library.verified";

#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error(
        "the ClickHouse engine is not installed: run `make engine` (npm ci in embedded-clickhouse/), or set engine.library; looked at {looked}"
    )]
    Missing { looked: String },
    #[error("read the engine's library {path}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not the pinned engine: its sha256 is {found}, expected {SHA256}; run `make engine` again", path = path.display())]
    Other { path: PathBuf, found: String },
}

/// The library's path: the configured one, else the usual places.
///
/// # Errors
/// [`LibraryError::Missing`], naming every place.
pub fn find(configured: Option<&Path>) -> Result<PathBuf, LibraryError> {
    let places = match configured {
        Some(path) => vec![path.to_owned()],
        None => usual_places(),
    };
    match places.iter().find(|path| path.is_file()) {
        Some(path) => std::path::absolute(path).map_err(|source| LibraryError::Read { path: path.clone(), source }),
        None => Err(LibraryError::Missing {
            looked: places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        }),
    }
}

fn usual_places() -> Vec<PathBuf> {
    let mut places = vec![Path::new("embedded-clickhouse").join(IN_MODULES), PathBuf::from(IN_MODULES)];
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        places.push(folder.join("libchdb.so"));
        places.push(folder.join("../lib/libchdb.so"));
    }
    places.push(Path::new(env!("CARGO_MANIFEST_DIR")).join(IN_MODULES));
    places
}

/// Verifies the file; a verdict kept in `folder` counts unless `again`. Blocks for seconds.
///
/// # Errors
/// [`LibraryError::Other`] when it is another file.
pub fn verify(library: &Path, folder: &Path, again: bool) -> Result<(), LibraryError> {
    let failed = |source| LibraryError::Read { path: library.to_owned(), source };
    let verdict = verdict(&std::fs::metadata(library).map_err(failed)?);
    let file = folder.join(VERDICT_FILE);
    if !again && std::fs::read_to_string(&file).is_ok_and(|kept| kept == verdict) {
        return Ok(());
    }
    let found = sha256(library).map_err(failed)?;
    if found != SHA256 {
        return Err(LibraryError::Other { path: library.to_owned(), found });
    }
    if let Err(error) = std::fs::write(&file, verdict) {
        tracing::debug!(%error, "the verdict on the library was not kept");
    }
    Ok(())
}

fn verdict(facts: &std::fs::Metadata) -> String {
    let (size, inode, device) = (facts.size(), facts.ino(), facts.dev());
    format!("{SHA256} size {size} inode {inode} on {device} modified {}.{:09}\n", facts.mtime(), facts.mtime_nsec())
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut sum = Sha256::new();
    let mut piece = vec![0; 1024 * 1024];
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok(hex::encode(sum.finalize()));
        }
        sum.update(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_never_loaded_and_a_missing_one_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("libchdb.so");
        std::fs::write(&other, "not the engine").unwrap();
        let error = verify(&other, dir.path(), false).unwrap_err().to_string();
        assert!(error.contains("is not the pinned engine"), "{error}");
        let error = find(Some(Path::new("/no/such/libchdb.so"))).unwrap_err().to_string();
        assert!(error.contains("make engine") && error.contains("/no/such/libchdb.so"), "{error}");
    }

    #[test]
    fn a_kept_verdict_counts_until_the_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("libchdb.so");
        std::fs::write(&library, "one").unwrap();
        let kept = verdict(&std::fs::metadata(&library).unwrap());
        std::fs::write(dir.path().join(VERDICT_FILE), kept).unwrap();
        assert!(verify(&library, dir.path(), false).is_ok());
        assert!(verify(&library, dir.path(), true).is_err(), "a full check reads the file");
        std::fs::write(&library, "three").unwrap();
        assert!(verify(&library, dir.path(), false).is_err());
    }
}
