//! Files that are whole or absent: written beside, synced, renamed into place, with the folder synced after.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::limits::FILE_BYTES_MAX;

/// What a key may be opened by.
pub const KEY_MODE: u32 = 0o600;
/// Certificates and lists are public.
pub const PUBLIC_MODE: u32 = 0o644;
const DIR_MODE: u32 = 0o700;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("read {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("lock {path}: {source}", path = path.display())]
    Lock { path: PathBuf, source: std::io::Error },
    #[error("{path} exceeds {FILE_BYTES_MAX} bytes, which no file of this kind does", path = path.display())]
    TooLarge { path: PathBuf },
}

/// Creates the folder (mode 0700) if it is absent; one that exists keeps its mode.
///
/// # Errors
/// When it cannot be created.
pub fn make_dir(path: &Path) -> Result<(), FileError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(path)
        .map_err(|source| FileError::Write { path: path.to_owned(), source })
}

/// Writes a whole file or leaves the old one.
///
/// # Errors
/// When any step fails; the temporary file is removed then.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{:08x}.new", rand::random::<u32>()));
    let result = write_beside(&temporary, bytes, mode).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(source) = result {
        let _ = std::fs::remove_file(&temporary);
        return Err(FileError::Write { path: path.to_owned(), source });
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| FileError::Write { path: folder.to_owned(), source })
}

fn write_beside(temporary: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(temporary)?;
    // The umask may have taken bits away that others need to read a public file.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a text file of bounded size.
///
/// # Errors
/// When it is absent, unreadable, no text or too large.
pub fn read(path: &Path) -> Result<String, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

/// Holds a folder against a second process that issues or revokes at the same time; released on drop.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn take(dir: &Path) -> Result<Self, FileError> {
        let path = dir.join(".lock");
        let failed = |source| FileError::Lock { path: path.clone(), source };
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(KEY_MODE).open(&path).map_err(failed)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_readable_by_its_owner_only_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        write(&path, b"secret", KEY_MODE).unwrap();
        write(&path, b"secret2", KEY_MODE).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), "secret2");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("taken");
        std::fs::create_dir(&target).unwrap();
        assert!(write(&target, b"x", PUBLIC_MODE).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "the temporary file is gone");
    }

    #[test]
    fn new_folders_are_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        make_dir(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
