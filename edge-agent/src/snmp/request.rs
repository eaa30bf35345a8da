//! Writes requests in BER (RFC 3416, RFC 1157): GET, GETNEXT and GETBULK. There is no fourth kind, so nothing can be set.

use super::ber::{self, element, integer};
use super::config::Version;
use super::oid::Oid;

/// The kinds of request that exist in this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    GetNext,
    /// Not in v1.
    GetBulk {
        non_repeaters: u32,
        repetitions: u32,
    },
}

/// One message of v1 or v2c, ready to be sent.
pub(super) fn message(version: Version, community: &[u8], id: i32, kind: Kind, oids: &[Oid]) -> Vec<u8> {
    enveloped(version, community, &pdu(id, kind, oids))
}

/// A PDU in the envelope of v1 and v2c.
pub(super) fn enveloped(version: Version, community: &[u8], pdu: &[u8]) -> Vec<u8> {
    let mut body = integer(version.wire());
    body.extend(element(ber::OCTETS, community));
    body.extend(pdu);
    element(ber::SEQUENCE, &body)
}

/// The request itself, the same in all versions.
pub(super) fn pdu(id: i32, kind: Kind, oids: &[Oid]) -> Vec<u8> {
    let (tag, first, second) = match kind {
        Kind::Get => (0xa0, 0, 0),
        Kind::GetNext => (0xa1, 0, 0),
        Kind::GetBulk { non_repeaters, repetitions } => (0xa5, i64::from(non_repeaters), i64::from(repetitions)),
    };
    let mut binds = Vec::new();
    for oid in oids {
        let mut bind = element(ber::OBJECT_IDENTIFIER, &oid.encode());
        bind.extend([ber::NULL, 0x00]);
        binds.extend(element(ber::SEQUENCE, &bind));
    }
    let mut pdu = integer(i64::from(id));
    pdu.extend(integer(first));
    pdu.extend(integer(second));
    pdu.extend(element(ber::SEQUENCE, &binds));
    element(tag, &pdu)
}
