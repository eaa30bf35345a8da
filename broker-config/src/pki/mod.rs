//! Certificates: an authority in a folder, and what it issues.
//!
//! A folder of an authority holds `ca.pem`, `ca.key`, `crl.pem` and `index.json` (every certificate ever issued). Keys are
//! ECDSA P-256, mode 0600, in folders of mode 0700. The index is written before a certificate leaves, so there is none
//! that cannot be revoked.

mod authority;
pub mod files;
mod index;

pub use authority::{Authority, Issued, Kind, Paths, Validity};
pub use files::FileError;
pub use index::{Entry, Index, State};

use std::path::PathBuf;

/// File names in the folder of an authority.
pub const CA_FILE: &str = "ca.pem";
pub const CA_KEY_FILE: &str = "ca.key";
pub const CRL_FILE: &str = "crl.pem";
pub const INDEX_FILE: &str = "index.json";

#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{what}: {source}")]
    Certificate { what: &'static str, source: rcgen::Error },
    #[error("{path} is not an index of certificates: {source}", path = path.display())]
    Index { path: PathBuf, source: serde_json::Error },
    #[error("{0:?} can name neither a host nor an address of a broker; give names like mqtt.example.com or addresses")]
    Name(String),
    #[error("a broker's certificate needs at least one name or address that clients connect to (--name)")]
    NoName,
    #[error("{0} is a name of Platen's services; agents of customers cannot have it")]
    ServiceName(String),
    #[error("{0:?} is not the name of a service: 1 to 31 characters a-z 0-9, like ingest1 (without `service.`)")]
    NotAService(String),
    #[error("nothing issued by this authority has the CN or serial {0:?}; `index.json` lists what was issued")]
    Unknown(String),
    #[error("{0} days are not between 1 and {max}", max = crate::limits::DAYS_MAX)]
    Days(u32),
    #[error("the file names exist already: {}; choose --force to replace them", .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    Exists(Vec<PathBuf>),
}
