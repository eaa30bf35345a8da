//! The authority's book: every certificate that it issued, and which of them are revoked.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{INDEX_FILE, Kind, PkiError, files};

/// One certificate. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Hexadecimal, lower case, without separators.
    pub serial: String,
    pub cn: String,
    pub kind: Kind,
    pub not_after: i64,
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Issued,
    Revoked,
}

/// The content of `index.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The number of the last list of revoked certificates.
    pub crl_number: u64,
    pub certificates: Vec<Entry>,
}

impl Index {
    /// # Errors
    /// When the file is absent, unreadable or not an index.
    pub fn read(dir: &Path) -> Result<Self, PkiError> {
        let path = dir.join(INDEX_FILE);
        let text = files::read(&path)?;
        serde_json::from_str(&text).map_err(|source| PkiError::Index { path, source })
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), PkiError> {
        let path = dir.join(INDEX_FILE);
        let text =
            serde_json::to_string_pretty(self).map_err(|source| PkiError::Index { path: path.clone(), source })?;
        Ok(files::write(&path, text.as_bytes(), files::PUBLIC_MODE)?)
    }

    /// Marks what has this CN or serial as revoked; returns all such entries, the newly revoked and those that were.
    pub(super) fn revoke(&mut self, name: &str, now: i64) -> Vec<Entry> {
        let serial = name.to_ascii_lowercase().replace(':', "");
        let mut revoked = Vec::new();
        for entry in &mut self.certificates {
            if entry.cn == name || entry.serial == serial {
                entry.state = State::Revoked;
                entry.revoked_at.get_or_insert(now);
                revoked.push(entry.clone());
            }
        }
        revoked
    }

    pub fn revoked(&self) -> impl Iterator<Item = &Entry> {
        self.certificates.iter().filter(|entry| entry.state == State::Revoked)
    }
}
