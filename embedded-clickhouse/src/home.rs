//! The folder of this part: the engine's data, its configuration, a lock, a password made at the first start.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::Rng;
use rustix::fs::FlockOperation;
use service::secret::Secret;

#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("{what} {path}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{path} is in use by another process: one embedded-clickhouse per folder; stop the other one or set engine.path", path = path.display())]
    InUse { path: PathBuf },
}

/// The folder, locked for as long as this value lives.
#[derive(Debug)]
pub struct Home {
    pub folder: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the folder (mode 0700) if needed and locks it. The path becomes absolute: the engine joins a relative one twice.
    ///
    /// # Errors
    /// [`HomeError`], naming the path.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| HomeError::Io { what, path, source }
        };
        let folder = std::path::absolute(path).map_err(failed("find the folder", path))?;
        let data = folder.join("data");
        DirBuilder::new().recursive(true).mode(0o700).create(&data).map_err(failed("make the folder", &data))?;
        let lock_path = folder.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed("open the lock", &lock_path))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { folder, _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(HomeError::InUse { path: folder }),
            Err(error) => Err(failed("lock", &lock_path)(error.into())),
        }
    }

    /// Where the engine keeps its tables.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Writes the engine's configuration file.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn write_engine_config(&self, xml: &str) -> Result<PathBuf, HomeError> {
        let path = self.folder.join("engine.xml");
        std::fs::write(&path, xml).map_err(|source| HomeError::Io {
            what: "write the engine's configuration",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// The password of the user `default`, made and kept (mode 0600) at the first call.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn default_password(&self) -> Result<(Secret, PathBuf), HomeError> {
        let path = self.folder.join("default.password");
        let failed = |what| {
            let path = path.clone();
            move |source| HomeError::Io { what, path, source }
        };
        match std::fs::read_to_string(&path) {
            Ok(kept) if !kept.trim().is_empty() => return Ok((Secret::new(kept.trim()), path)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read the password")(error)),
        }
        let mut random = [0; 24];
        rand::rng().fill_bytes(&mut random);
        let password = hex::encode(random);
        // Written under another name first: a crash leaves no half of a password.
        let fresh = self.folder.join("default.password.new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(failed("write the password"))?;
        file.write_all(format!("{password}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(failed("write the password"))?;
        Ok((Secret::new(password), path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_has_one_owner_at_a_time_and_the_error_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let error = Home::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()) && error.contains("in use"), "{error}");
        drop(home);
        Home::open(dir.path()).unwrap();
    }

    #[test]
    fn the_password_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let (first, path) = home.default_password().unwrap();
        assert_eq!(first, home.default_password().unwrap().0);
        assert_eq!(first.expose().len(), 48);
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
