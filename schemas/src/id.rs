//! Identities: the agent (`tenant.agent`), its partition, a payload's id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::PARTITIONS;

/// The tenant that certificates of Platen's own services carry; no customer can have it.
pub const SERVICE_TENANT: &str = "service";
const PART_CHARS_MAX: usize = 31;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("{0:?} is not `tenant.agent`, each of 1 to 31 characters a-z 0-9")]
    Cn(String),
    #[error("{0:?} is not a payload id (32 hexadecimal digits)")]
    Payload(String),
    #[error("{0} is not a partition (0 to 63)")]
    Partition(u16),
}

/// The full key of an agent: certificate CN, MQTT client id and key in every table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentCn {
    text: String,
    dot: usize,
}

impl AgentCn {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn tenant(&self) -> &str {
        &self.text[..self.dot]
    }

    pub fn agent(&self) -> &str {
        &self.text[self.dot + 1..]
    }

    /// Whether this names one of Platen's own services rather than a customer's agent.
    pub fn is_service(&self) -> bool {
        self.tenant() == SERVICE_TENANT
    }

    /// The `up` partition: CRC-32 (IEEE) of the CN's bytes modulo 64.
    pub fn partition(&self) -> Partition {
        let sum = crc32fast::hash(self.text.as_bytes()) % u32::from(PARTITIONS);
        Partition(u16::try_from(sum).unwrap_or(0))
    }
}

impl FromStr for AgentCn {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let valid = |part: &str| {
            (1..=PART_CHARS_MAX).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        match text.split_once('.') {
            Some((tenant, agent)) if valid(tenant) && valid(agent) => {
                Ok(Self { text: text.to_owned(), dot: tenant.len() })
            }
            _ => Err(IdError::Cn(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for AgentCn {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<AgentCn> for String {
    fn from(cn: AgentCn) -> Self {
        cn.text
    }
}

impl fmt::Display for AgentCn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One of 64 shares of all agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(u16);

impl Partition {
    /// # Errors
    /// When the number is not below 64.
    pub fn new(number: u16) -> Result<Self, IdError> {
        if number < PARTITIONS { Ok(Self(number)) } else { Err(IdError::Partition(number)) }
    }

    pub fn number(self) -> u16 {
        self.0
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The first 16 bytes of the BLAKE3 hash of a payload's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadId(pub [u8; 16]);

impl PayloadId {
    pub fn of(payload: &[u8]) -> Self {
        let hash = blake3::hash(payload);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_bytes()[..16]);
        Self(id)
    }
}

impl fmt::Display for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for PayloadId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).map_err(|_| IdError::Payload(text.chars().take(80).collect()))?;
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cn_is_two_short_lower_case_words() {
        let long = format!("{}.b", "a".repeat(31));
        for good in ["acme.one", "a.b", "0.9", long.as_str()] {
            let cn: AgentCn = good.parse().unwrap();
            assert_eq!(cn.as_str(), good);
        }
        let too_long = format!("{}.b", "a".repeat(32));
        for bad in [
            "",
            "acme",
            "acme.",
            ".one",
            "acme.one.two",
            "Acme.one",
            "acme.o-ne",
            "acmé.one",
            "a/b.c",
            too_long.as_str(),
        ] {
            assert!(bad.parse::<AgentCn>().is_err(), "{bad:?} was accepted");
        }
        let cn: AgentCn = "acme.one".parse().unwrap();
        assert_eq!((cn.tenant(), cn.agent(), cn.is_service()), ("acme", "one", false));
        assert!("service.ingest1".parse::<AgentCn>().unwrap().is_service());
    }

    #[test]
    fn the_partition_is_the_crc32_of_the_cn_modulo_64() {
        // Computed with Python: binascii.crc32(cn) % 64.
        for (cn, partition) in [("acme.one", 35), ("globex.hq", 11), ("a.b", 29)] {
            assert_eq!(cn.parse::<AgentCn>().unwrap().partition().number(), partition, "{cn}");
        }
    }

    #[test]
    fn a_payload_id_is_the_head_of_its_blake3_hash() {
        // The first 16 bytes of BLAKE3 of the empty input, from the algorithm's published test vectors.
        assert_eq!(PayloadId::of(b"").to_string(), "af1349b9f5f9a1a6a0404dea36dcc949");
        assert_eq!("af1349b9f5f9a1a6a0404dea36dcc949".parse::<PayloadId>().unwrap(), PayloadId::of(b""));
    }
}
