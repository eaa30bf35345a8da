//! The values an SNMP variable can hold (RFC 3416 section 3), with the exceptions of SNMPv2.

use super::oid::Oid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Integer(i32),
    /// Bytes; whether they are text, and in which charset, the device alone knows.
    Octets(Vec<u8>),
    Oid(Oid),
    IpAddress([u8; 4]),
    Counter32(u32),
    Gauge32(u32),
    /// Hundredths of a second.
    TimeTicks(u32),
    Opaque(Vec<u8>),
    Counter64(u64),
    NoSuchObject,
    NoSuchInstance,
    EndOfMibView,
}

impl Value {
    #[must_use]
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Octets(text.as_ref().to_vec())
    }

    /// A counter as SNMP shows it: the low 32 bits.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "Counter32 wraps at 2^32 by definition")]
    pub fn counter(count: u64) -> Self {
        Self::Counter32(count as u32)
    }

    /// The number in it, if it holds one.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Integer(n) => Some(i64::from(*n)),
            Self::Counter32(n) | Self::Gauge32(n) | Self::TimeTicks(n) => Some(i64::from(*n)),
            Self::Counter64(n) => i64::try_from(*n).ok(),
            Self::Null
            | Self::Octets(_)
            | Self::Oid(_)
            | Self::IpAddress(_)
            | Self::Opaque(_)
            | Self::NoSuchObject
            | Self::NoSuchInstance
            | Self::EndOfMibView => None,
        }
    }
}
