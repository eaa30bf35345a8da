//! One process at a time gives invoice numbers of a tenant: ClickHouse has no transactions, so the lock is a file.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Held until it is dropped, or its process ends however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the lock {path} cannot be opened: {source}; create its folder, owned by the user who bills, or set billing.lock_dir", path = path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("process {holder} is issuing documents of {tenant} now ({path}); wait until it is done", path = path.display())]
    Held { tenant: String, holder: String, path: PathBuf },
}

impl Lock {
    /// # Errors
    /// When another process has it, or the file cannot be opened.
    pub fn take(dir: &Path, tenant: &str) -> Result<Lock, LockError> {
        let path = dir.join(format!("issue-{tenant}.lock"));
        let open = |source| LockError::Open { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(open)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = file.take(20).read_to_string(&mut holder);
            return Err(LockError::Held { tenant: tenant.to_owned(), holder: holder.trim().to_owned(), path });
        }
        // Who has it is for the error message of the next one; the lock itself is the kernel's.
        let said = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        said.map_err(open)?;
        Ok(Lock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_has_it_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path(), "acme").unwrap();
        let second = Lock::take(dir.path(), "acme").unwrap_err().to_string();
        assert!(second.contains(&std::process::id().to_string()), "{second}");
        assert!(Lock::take(dir.path(), "globex").is_ok(), "another tenant's numbers are its own");
        drop(first);
        assert!(Lock::take(dir.path(), "acme").is_ok());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Lock::take(Path::new("/no/such/folder"), "acme").unwrap_err().to_string();
        assert!(error.contains("/no/such/folder") && error.contains("billing.lock_dir"), "{error}");
    }
}
