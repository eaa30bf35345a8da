//! Seals values at rest: XChaCha20-Poly1305 with a random nonce each; epoch, tree and seq are associated data, so that a
//! value can neither be read nor moved to another place without the key.
//!
//! The key lies beside the spool (mode 0600). It protects pulled disks and copied backups only if it is not copied with
//! them.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use chacha20poly1305::aead::{Aead, Generate, Key, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The value was changed, is of another place, or was sealed with another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct Broken;

/// The cipher with its key.
#[derive(Clone)]
pub struct Seal {
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(***)")
    }
}

impl Seal {
    /// Reads the key file, or creates it with mode 0600. Says whether it was created.
    ///
    /// # Errors
    /// When the file cannot be read or written, or others may read it.
    pub fn open(path: &Path) -> io::Result<(Self, bool)> {
        match read_key(path) {
            Ok(key) => Ok((Self::new(&key), false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key: [u8; KEY_BYTES] = Key::<XChaCha20Poly1305>::generate().into();
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(&key)?;
                file.sync_all()?;
                Ok((Self::new(&key), true))
            }
            // What is left of a key opens nothing; it is kept all the same, beside the new one.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let bad = path.with_extension("key.bad");
                tracing::error!(key = %path.display(), moved_to = %bad.display(), %error, "key of the spool damaged");
                fs::rename(path, &bad)?;
                Self::open(path)
            }
            Err(error) => Err(error),
        }
    }

    fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn seal(&self, epoch: u64, key: &[u8], plain: &[u8]) -> Result<Vec<u8>, Broken> {
        let nonce = XNonce::try_generate().map_err(|_| Broken)?;
        let sealed =
            self.cipher.encrypt(&nonce, Payload { msg: plain, aad: &place(epoch, key) }).map_err(|_| Broken)?;
        let mut value = Vec::with_capacity(NONCE_BYTES + sealed.len());
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
    }

    /// Opens a value of this place.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn open_value(&self, epoch: u64, key: &[u8], value: &[u8]) -> Result<Vec<u8>, Broken> {
        let (nonce, sealed) = value.split_at_checked(NONCE_BYTES).ok_or(Broken)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Broken)?;
        self.cipher.decrypt(&nonce, Payload { msg: sealed, aad: &place(epoch, key) }).map_err(|_| Broken)
    }
}

fn place(epoch: u64, key: &[u8]) -> Vec<u8> {
    let mut place = epoch.to_be_bytes().to_vec();
    place.extend_from_slice(key);
    place
}

fn read_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(io::Error::other(format!(
            "the key {} can be read by others (mode {:o}); run chmod 600 on it",
            path.display(),
            mode & 0o777
        )));
    }
    let mut key = Vec::new();
    fs::File::open(path)?.take(KEY_BYTES as u64 + 1).read_to_end(&mut key)?;
    let damaged = |_| io::Error::new(io::ErrorKind::InvalidData, format!("it does not have {KEY_BYTES} bytes"));
    key.try_into().map_err(damaged)
}
