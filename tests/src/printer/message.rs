//! SNMP messages of version 1 and 2c (RFC 1157, RFC 3416): bytes to `Message` and back, for requests and responses.
//! Any bytes are accepted; what is no message of these versions is an error, never a panic.

use thiserror::Error;

use super::ber::{self, BerError, Reader};
use super::oid::Oid;
use super::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    V2c,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Get,
    GetNext,
    Response,
    Set,
    GetBulk,
}

/// Error codes of responses that the simulator uses (RFC 3416 section 3).
pub mod status {
    pub const NO_ERROR: i32 = 0;
    pub const TOO_BIG: i32 = 1;
    pub const NO_SUCH_NAME: i32 = 2;
    pub const NO_ACCESS: i32 = 6;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub version: Version,
    pub community: Vec<u8>,
    pub kind: Kind,
    pub id: i32,
    /// Error status; non-repeaters in a GETBULK.
    pub status: i32,
    /// Error index, counted from 1; max-repetitions in a GETBULK.
    pub index: i32,
    pub varbinds: Vec<(Oid, Value)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MessageError {
    #[error("malformed message: {0}")]
    Ber(#[from] BerError),
    #[error("unsupported SNMP version {0}")]
    Version(i32),
    #[error("unsupported PDU tag {0:#04x}")]
    Pdu(u8),
}

impl Message {
    /// A request with NULL values.
    #[must_use]
    pub fn request(version: Version, community: &str, kind: Kind, id: i32, oids: &[Oid]) -> Self {
        let varbinds = oids.iter().map(|oid| (oid.clone(), Value::Null)).collect();
        Self { version, community: community.into(), kind, id, status: 0, index: 0, varbinds }
    }

    /// Reads one message; bytes behind it are ignored.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut message = Reader::new(Reader::new(bytes).expect(ber::SEQUENCE)?);
        let version = match message.integer()? {
            0 => Version::V1,
            1 => Version::V2c,
            other => return Err(MessageError::Version(other)),
        };
        let community = message.expect(ber::OCTETS)?.to_vec();
        let (tag, content) = message.element()?;
        let kind = match (tag, version) {
            (0xa0, _) => Kind::Get,
            (0xa1, _) => Kind::GetNext,
            (0xa2, _) => Kind::Response,
            (0xa3, _) => Kind::Set,
            (0xa5, Version::V2c) => Kind::GetBulk,
            (other, _) => return Err(MessageError::Pdu(other)),
        };
        let mut pdu = Reader::new(content);
        let (id, status, index) = (pdu.integer()?, pdu.integer()?, pdu.integer()?);
        let mut list = Reader::new(pdu.expect(ber::SEQUENCE)?);
        let mut varbinds = Vec::new();
        while !list.is_empty() {
            let mut varbind = Reader::new(list.expect(ber::SEQUENCE)?);
            varbinds.push((varbind.oid()?, varbind.value()?));
        }
        Ok(Self { version, community, kind, id, status, index, varbinds })
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut list = Vec::with_capacity(self.varbinds.len() * 24);
        for (oid, value) in &self.varbinds {
            put_varbind(&mut list, oid, value);
        }
        let mut pdu = Vec::with_capacity(list.len() + 16);
        ber::put_integer(&mut pdu, self.id);
        ber::put_integer(&mut pdu, self.status);
        ber::put_integer(&mut pdu, self.index);
        ber::put(&mut pdu, ber::SEQUENCE, &list);
        let mut message = Vec::with_capacity(pdu.len() + 32);
        ber::put_integer(&mut message, if self.version == Version::V1 { 0 } else { 1 });
        ber::put(&mut message, ber::OCTETS, &self.community);
        let tag = match self.kind {
            Kind::Get => 0xa0,
            Kind::GetNext => 0xa1,
            Kind::Response => 0xa2,
            Kind::Set => 0xa3,
            Kind::GetBulk => 0xa5,
        };
        ber::put(&mut message, tag, &pdu);
        let mut out = Vec::with_capacity(message.len() + 4);
        ber::put(&mut out, ber::SEQUENCE, &message);
        out
    }
}

/// Bytes one variable takes in a message.
#[must_use]
pub fn varbind_bytes(oid: &Oid, value: &Value) -> usize {
    let mut out = Vec::with_capacity(32);
    put_varbind(&mut out, oid, value);
    out.len()
}

fn put_varbind(out: &mut Vec<u8>, oid: &Oid, value: &Value) {
    let mut pair = Vec::with_capacity(28);
    ber::put_oid(&mut pair, oid);
    ber::put_value(&mut pair, value);
    ber::put(out, ber::SEQUENCE, &pair);
}

#[cfg(test)]
mod tests {
    use super::super::chance::{below, mix};
    use super::*;

    fn sample() -> Message {
        let oids = ["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.43.10.2.1.4.1.1"].map(|o| o.parse().unwrap());
        Message::request(Version::V2c, "public", Kind::Get, 0x1234_5678, &oids)
    }

    #[test]
    fn a_message_survives_the_way_there_and_back() {
        let mut message = sample();
        assert_eq!(Message::decode(&message.encode()), Ok(message.clone()));
        message.kind = Kind::Response;
        message.version = Version::V1;
        message.varbinds[0].1 = Value::text("Büro");
        assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn getbulk_of_version_1_traps_and_version_3_are_refused() {
        let mut bulk = sample();
        bulk.version = Version::V1;
        bulk.kind = Kind::GetBulk;
        assert_eq!(Message::decode(&bulk.encode()), Err(MessageError::Pdu(0xa5)));
        let mut third = sample().encode();
        third[4] = 3;
        assert_eq!(Message::decode(&third), Err(MessageError::Version(3)));
        let mut trap = sample().encode();
        trap[13] = 0xa7;
        assert_eq!(Message::decode(&trap), Err(MessageError::Pdu(0xa7)));
    }

    #[test]
    fn random_and_damaged_bytes_never_panic() {
        let good = sample().encode();
        let mut accepted = 0;
        for round in 0..100_000u64 {
            let mut bytes = good.clone();
            for flip in 0..=below(3, &[round], 4) {
                let place = usize::try_from(below(4, &[round, flip], good.len() as u64)).unwrap();
                bytes[place] = mix(5, &[round, flip]).to_le_bytes()[0];
            }
            bytes.truncate(usize::try_from(below(6, &[round], 2 * good.len() as u64)).unwrap());
            if let Ok(message) = Message::decode(&bytes) {
                accepted += 1;
                assert_eq!(Message::decode(&message.encode()), Ok(message));
            }
        }
        assert!(accepted > 100, "the damage is so heavy that nothing is left to test: {accepted}");
    }
}
