//! The user-based security model of SNMP v3 (RFC 3414; RFC 7860 for SHA-2, RFC 3826 for AES).
//!
//! Pure: bytes in, bytes out; the line and its timeouts are the client's. The digests and ciphers are RustCrypto's. What a
//! device says without authentication is used only to find its engine and to explain a failure, never as a reading or as
//! its time.

mod cipher;
mod engines;
mod keys;
mod message;
pub mod rehearse;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use engines::Engine;
pub use engines::Engines;
pub(super) use message::{Said, Talk, discovery};

/// Authentication protocols.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    #[default]
    None,
    Md5,
    #[serde(alias = "sha")]
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Privacy protocols. Where the key of the digest is shorter than AES wants, it is extended as Blumenthal's draft says;
/// the names ending in `c` extend it as Reeder's draft says, which Cisco and some printers do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Privacy {
    #[default]
    None,
    Des,
    #[serde(alias = "aes")]
    Aes128,
    Aes192,
    Aes256,
    Aes192c,
    Aes256c,
}

/// A user and the keys that its passwords make.
#[derive(Debug, Clone, Default)]
pub struct User {
    pub(super) name: String,
    pub(super) context: String,
    pub(super) auth: Option<(Auth, Arc<Key>)>,
    pub(super) privacy: Option<(Privacy, Arc<Key>)>,
}

impl User {
    /// The same user without encryption: tells a wrong privacy key from a wrong authentication key.
    pub fn without_privacy(&self) -> Self {
        Self { privacy: None, ..self.clone() }
    }

    /// Whether it encrypts.
    pub fn is_private(&self) -> bool {
        self.privacy.is_some()
    }
}

/// A key. Prints as `***`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a device does not talk to a user. All but the last are reports of the device (RFC 3414 section 3.2), which are not
/// authenticated: good enough to say what to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsmError {
    /// usmStatsUnknownUserNames.
    #[error("it does not know the SNMP v3 user")]
    UnknownUser,
    /// usmStatsWrongDigests.
    #[error("the SNMP v3 authentication password or protocol is wrong")]
    WrongKey,
    /// usmStatsDecryptionErrors.
    #[error("the SNMP v3 privacy password or protocol is wrong")]
    WrongPrivacyKey,
    /// usmStatsUnsupportedSecLevels.
    #[error("it does not take this SNMP v3 user with this security level")]
    Level,
    /// snmpUnknownContexts, snmpUnavailableContexts.
    #[error("it does not have the SNMP v3 context")]
    Context,
    /// usmStatsNotInTimeWindows or usmStatsUnknownEngineIDs, again and again.
    #[error("its SNMP v3 engine cannot be followed: it restarts, or two devices answer at the address")]
    OutOfStep,
}

#[cfg(test)]
mod tests;
