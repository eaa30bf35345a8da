//! Writes requests in BER (RFC 3416, RFC 1157): GET, GETNEXT and GETBULK. There is no fourth kind, so nothing can be set.

use super::config::Version;
use super::oid::Oid;

/// The kinds of request that exist in this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    GetNext,
    /// v2c only.
    GetBulk {
        non_repeaters: u32,
        repetitions: u32,
    },
}

/// One message, ready to be sent.
pub(super) fn message(version: Version, community: &[u8], id: i32, kind: Kind, oids: &[Oid]) -> Vec<u8> {
    let (tag, first, second) = match kind {
        Kind::Get => (0xa0, 0, 0),
        Kind::GetNext => (0xa1, 0, 0),
        Kind::GetBulk { non_repeaters, repetitions } => (0xa5, i64::from(non_repeaters), i64::from(repetitions)),
    };
    let mut binds = Vec::new();
    for oid in oids {
        let mut bind = element(0x06, &oid.encode());
        bind.extend([0x05, 0x00]);
        binds.extend(element(0x30, &bind));
    }
    let mut pdu = integer(i64::from(id));
    pdu.extend(integer(first));
    pdu.extend(integer(second));
    pdu.extend(element(0x30, &binds));
    let mut body = integer(version.wire());
    body.extend(element(0x04, community));
    body.extend(element(tag, &pdu));
    element(0x30, &body)
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(contents.len() + 4);
    bytes.push(tag);
    let length = contents.len().to_be_bytes();
    let significant: &[u8] = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match significant {
        [] => bytes.push(0),
        [short] if *short < 0x80 => bytes.push(*short),
        long => {
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            bytes.extend(long);
        }
    }
    bytes.extend(contents);
    bytes
}

fn integer(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    // A leading byte that only repeats the sign is left out.
    let redundant = bytes
        .windows(2)
        .take_while(|pair| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80))
        .count();
    element(0x02, &bytes[redundant..])
}
