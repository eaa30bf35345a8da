//! Object identifiers: owned, ordered as SNMP orders them, written in dotted decimal.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::ARCS_MAX;

/// An object identifier. Ordering is that of RFC 3416 section 4.2.2 (lexicographic by arc). At most 128 arcs.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u32>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidError {
    #[error("{0:?} is not an object identifier: write numbers with dots between them, such as 1.3.6.1.2.1.1.1.0")]
    Text(String),
    #[error("an object identifier has more than {ARCS_MAX} numbers")]
    TooLong,
    #[error("malformed object identifier in an answer")]
    Encoding,
}

impl Oid {
    /// Copies arcs that are known to be few: constants and their instances.
    pub fn new(arcs: &[u32]) -> Self {
        Self(arcs.to_vec())
    }

    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// `object` extended by `instance`.
    pub fn of(object: &[u32], instance: &[u32]) -> Self {
        Self([object, instance].concat())
    }

    /// What follows `prefix`, or `None` if this is not below it.
    pub fn below(&self, prefix: &[u32]) -> Option<&[u32]> {
        self.0.strip_prefix(prefix)
    }

    /// An identifier whose successor can only be `self`, given that no object lies between `X.n` and `X.(n+1)`: what a
    /// GETNEXT has to name to be answered with `self`. One arc shorter where the last arc is 0 or 1.
    pub fn before(&self) -> Self {
        let mut arcs = self.0.clone();
        match arcs.pop() {
            None | Some(0 | 1) => {}
            Some(last) => arcs.push(last - 1),
        }
        Self(arcs)
    }

    /// The number after 1.3.6.1.4.1: whose object this is.
    pub fn enterprise(&self) -> Option<u32> {
        self.below(super::mib::ENTERPRISES)?.first().copied()
    }

    /// Contents of a BER OBJECT IDENTIFIER (X.690 section 8.19). Identifiers with fewer than two arcs encode as 0.x.
    pub(super) fn encode(&self) -> Vec<u8> {
        let first = self.0.first().copied().unwrap_or(0).min(2);
        let second = self.0.get(1).copied().unwrap_or(0);
        let mut bytes = Vec::with_capacity(self.0.len() + 4);
        push_base128(&mut bytes, u64::from(first) * 40 + u64::from(second));
        for arc in self.0.iter().skip(2) {
            push_base128(&mut bytes, u64::from(*arc));
        }
        bytes
    }

    /// Contents without a byte, which X.690 does not allow and some devices send for "none", are 0.0.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, OidError> {
        if bytes.is_empty() {
            return Ok(Self(vec![0, 0]));
        }
        let mut arcs = Vec::with_capacity(bytes.len() + 1);
        let mut value: u64 = 0;
        for byte in bytes {
            value = (value << 7) | u64::from(byte & 0x7f);
            if value > u64::from(u32::MAX) + 80 {
                return Err(OidError::Encoding);
            }
            if byte & 0x80 == 0 {
                if arcs.is_empty() {
                    let first = (value / 40).min(2);
                    arcs.push(u32::try_from(first).map_err(|_| OidError::Encoding)?);
                    value -= first * 40;
                }
                arcs.push(u32::try_from(value).map_err(|_| OidError::Encoding)?);
                value = 0;
            }
            if arcs.len() > ARCS_MAX {
                return Err(OidError::TooLong);
            }
        }
        let ended = bytes.last().is_none_or(|byte| byte & 0x80 == 0);
        if ended { Ok(Self(arcs)) } else { Err(OidError::Encoding) }
    }
}

fn push_base128(bytes: &mut Vec<u8>, value: u64) {
    let groups = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let more = if group == 0 { 0 } else { 0x80 };
        bytes.push(u8::try_from((value >> (7 * group)) & 0x7f).unwrap_or(0) | more);
    }
}

impl Borrow<[u32]> for Oid {
    fn borrow(&self) -> &[u32] {
        &self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&dotted(&self.0))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Arcs in dotted decimal: identifiers and the indexes of rows.
pub fn dotted(arcs: &[u32]) -> String {
    arcs.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

impl FromStr for Oid {
    type Err = OidError;

    /// Dotted decimal; a leading dot is accepted, as net-snmp prints it.
    fn from_str(text: &str) -> Result<Self, OidError> {
        let digits = text.strip_prefix('.').unwrap_or(text);
        if digits.split('.').take(ARCS_MAX + 1).count() > ARCS_MAX {
            return Err(OidError::TooLong);
        }
        let arcs: Result<Vec<u32>, _> = digits.split('.').map(str::parse).collect();
        arcs.map(Self).map_err(|_| OidError::Text(text.chars().take(80).collect()))
    }
}

impl Serialize for Oid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Oid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(Self::default()) } else { text.parse().map_err(D::Error::custom) }
    }
}
