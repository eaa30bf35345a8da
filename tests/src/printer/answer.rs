//! What a device answers: request and table in, response out. Pure; the rules of RFC 1157 (v1) and RFC 3416 (v2c),
//! and the limits of weak devices. A SET is never carried out.

use super::limits::{MAX_RESPONSE_BYTES, MAX_VARBINDS};
use super::message::{Kind, Message, Version, status, varbind_bytes};
use super::mib::Mib;
use super::oid::Oid;
use super::value::Value;

/// What a device's SNMP implementation can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Silent to v2c.
    pub v1_only: bool,
    /// A GET or GETNEXT of more variables meets tooBig; a GETBULK is cut.
    pub max_varbinds: usize,
    /// Likewise for the bytes of the response.
    pub max_bytes: usize,
}

impl Caps {
    pub const FULL: Self = Self { v1_only: false, max_varbinds: MAX_VARBINDS, max_bytes: MAX_RESPONSE_BYTES };
}

/// The response, or `None` where a device stays silent (a version it does not speak, a message that is no request).
#[must_use]
pub fn answer(request: &Message, mib: &Mib, caps: &Caps) -> Option<Message> {
    if caps.v1_only && request.version == Version::V2c {
        return None;
    }
    let outcome = match request.kind {
        Kind::Get => each(request, |oid| get(oid, mib, request.version)),
        Kind::GetNext => each(request, |oid| get_next(oid, mib, request.version)),
        Kind::GetBulk => Ok(get_bulk(request, mib, caps)),
        Kind::Set => Err(match request.version {
            Version::V1 => (status::NO_SUCH_NAME, 1),
            Version::V2c => (status::NO_ACCESS, 1),
        }),
        Kind::Response => return None,
    };
    let response = match outcome {
        Ok(varbinds) => Message { kind: Kind::Response, status: 0, index: 0, varbinds, ..request.clone() },
        Err((status, index)) => Message { kind: Kind::Response, status, index, ..request.clone() },
    };
    let too_many = request.kind != Kind::GetBulk && request.varbinds.len() > caps.max_varbinds;
    if too_many || response.encode().len() > caps.max_bytes { Some(too_big(request)) } else { Some(response) }
}

/// tooBig: version 1 sends the request's variables back (RFC 1157 section 4.1.2), version 2 sends none (RFC 3416 4.2.1).
fn too_big(request: &Message) -> Message {
    let mut response = Message { kind: Kind::Response, status: status::TOO_BIG, index: 0, ..request.clone() };
    if request.version == Version::V2c {
        response.varbinds.clear();
    }
    response
}

type Outcome = Result<Vec<(Oid, Value)>, (i32, i32)>;

/// One value each; the first failure names its place, counted from 1, and spoils the whole response.
fn each(request: &Message, one: impl Fn(&Oid) -> Option<(Oid, Value)>) -> Outcome {
    let named = |(place, (oid, _)): (usize, &(Oid, Value))| {
        one(oid).ok_or((status::NO_SUCH_NAME, i32::try_from(place + 1).unwrap_or(i32::MAX)))
    };
    request.varbinds.iter().enumerate().map(named).collect()
}

fn get(oid: &Oid, mib: &Mib, version: Version) -> Option<(Oid, Value)> {
    let missing = || if mib.has_sibling(oid) { Value::NoSuchInstance } else { Value::NoSuchObject };
    match (mib.get(oid), version) {
        (Some(Value::Counter64(_)) | None, Version::V1) => None,
        (Some(value), _) => Some((oid.clone(), value.clone())),
        (None, Version::V2c) => Some((oid.clone(), missing())),
    }
}

/// Version 1 has no Counter64, so such rows are passed over (RFC 3584 section 4.2.2.1).
fn get_next(oid: &Oid, mib: &Mib, version: Version) -> Option<(Oid, Value)> {
    let mut found = mib.next(oid);
    while let (Some((at, Value::Counter64(_))), Version::V1) = (found, version) {
        found = mib.next(at);
    }
    match (found, version) {
        (Some((next, value)), _) => Some((next.clone(), value.clone())),
        (None, Version::V1) => None,
        (None, Version::V2c) => Some((oid.clone(), Value::EndOfMibView)),
    }
}

/// Row after row, until max-repetitions, the end of every column, or a full packet (RFC 3416 section 4.2.3).
fn get_bulk(request: &Message, mib: &Mib, caps: &Caps) -> Vec<(Oid, Value)> {
    let empty = Message { kind: Kind::Response, varbinds: Vec::new(), ..request.clone() };
    // 8: the three outer lengths grow from one byte to three, and the id may take more than in the empty message
    let mut room = caps.max_bytes.saturating_sub(empty.encode().len() + 8);
    let most = caps.max_varbinds.min(MAX_VARBINDS);
    let mut out: Vec<(Oid, Value)> = Vec::new();
    let mut push = |pair: (Oid, Value), out: &mut Vec<(Oid, Value)>| {
        let bytes = varbind_bytes(&pair.0, &pair.1);
        let fits = bytes <= room && out.len() < most;
        if fits {
            room -= bytes;
            out.push(pair);
        }
        fits
    };
    let step = |oid: &Oid| get_next(oid, mib, Version::V2c).unwrap_or_else(|| (oid.clone(), Value::EndOfMibView));
    let split = usize::try_from(request.status.max(0)).unwrap_or(0).min(request.varbinds.len());
    let (singles, repeaters) = request.varbinds.split_at(split);
    for (oid, _) in singles {
        if !push(step(oid), &mut out) {
            return out;
        }
    }
    let mut row: Vec<Oid> = repeaters.iter().map(|(oid, _)| oid.clone()).collect();
    for _ in 0..request.index.max(0) {
        let mut ended = true;
        for column in &mut row {
            let pair = step(column);
            ended &= pair.1 == Value::EndOfMibView;
            column.clone_from(&pair.0);
            if !push(pair, &mut out) {
                return out;
            }
        }
        if ended {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests;
