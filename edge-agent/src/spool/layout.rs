//! Keys and values of the spool. One key space with a leading letter per tree, so that one batch changes all trees at once.
//!
//! `e` epoch (plain) · `m…` meta · `p` + key unfrozen records · `f` + seq frozen payloads · `l` + device what was done for
//! it last · `i` + device the inventory of discovery.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::record::Taken;
use crate::time::Moment;

pub const EPOCH: &[u8] = b"e";
pub const BOOKS: &[u8] = b"mbooks";
pub const CLOCK: &[u8] = b"mclock";

/// A value after decompression; one commit group of the largest polls stays far below.
const PLAIN_BYTES_MAX: usize = 16 * 1024 * 1024;
const ZSTD_LEVEL: i32 = 1;

/// One change of the store; `None` removes.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

/// What a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    Epoch,
    Books,
    Clock,
    Pending(u64),
    Frozen(u64),
    Last(u64),
    Inventory(u64),
    Unknown,
}

impl Name {
    pub fn of(key: &[u8]) -> Self {
        let number = |rest: &[u8]| rest.try_into().ok().map(u64::from_be_bytes);
        match key {
            EPOCH => Self::Epoch,
            BOOKS => Self::Books,
            CLOCK => Self::Clock,
            [b'p', rest @ ..] => number(rest).map_or(Self::Unknown, Self::Pending),
            [b'f', rest @ ..] => number(rest).map_or(Self::Unknown, Self::Frozen),
            [b'l', rest @ ..] => number(rest).map_or(Self::Unknown, Self::Last),
            [b'i', rest @ ..] => number(rest).map_or(Self::Unknown, Self::Inventory),
            _ => Self::Unknown,
        }
    }

    pub fn key(self) -> Vec<u8> {
        let numbered = |letter: u8, number: u64| {
            let mut key = vec![letter];
            key.extend_from_slice(&number.to_be_bytes());
            key
        };
        match self {
            Self::Epoch => EPOCH.to_vec(),
            Self::Books => BOOKS.to_vec(),
            Self::Clock => CLOCK.to_vec(),
            Self::Pending(key) => numbered(b'p', key),
            Self::Frozen(seq) => numbered(b'f', seq),
            Self::Last(device) => numbered(b'l', device),
            Self::Inventory(device) => numbered(b'i', device),
            Self::Unknown => b"?".to_vec(),
        }
    }
}

/// A frozen payload with what the index needs to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenValue {
    pub polls: u32,
    /// When it was frozen: the best guess of the server's time, Unix milliseconds.
    pub closed_ms: i64,
    pub payload: Vec<u8>,
}

impl FrozenValue {
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(12 + self.payload.len());
        value.extend_from_slice(&self.polls.to_be_bytes());
        value.extend_from_slice(&self.closed_ms.to_be_bytes());
        value.extend_from_slice(&self.payload);
        value
    }

    pub fn decode(value: &[u8]) -> Option<Self> {
        let (polls, rest) = value.split_first_chunk::<4>()?;
        let (closed, payload) = rest.split_first_chunk::<8>()?;
        Some(Self {
            polls: u32::from_be_bytes(*polls),
            closed_ms: i64::from_be_bytes(*closed),
            payload: payload.to_vec(),
        })
    }
}

/// Unfrozen records: their bytes at rest, and how many there were before compression.
pub fn encode_records(records: &[Taken]) -> Option<(Vec<u8>, usize)> {
    let plain = rmp_serde::to_vec_named(records).ok()?;
    Some((zstd::bulk::compress(&plain, ZSTD_LEVEL).ok()?, plain.len()))
}

/// The records and the number of their bytes before compression.
pub fn decode_records(value: &[u8]) -> Option<(Vec<Taken>, usize)> {
    let plain = zstd::bulk::decompress(value, PLAIN_BYTES_MAX).ok()?;
    Some((rmp_serde::from_slice(&plain).ok()?, plain.len()))
}

/// Small values: books, clock, plans.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap_or_default()
}

pub fn decode<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    rmp_serde::from_slice(value).ok()
}

/// What was last done for one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Last {
    /// Plans that were sent: hash and when, the latest last.
    pub plans: Vec<(Vec<u8>, i64)>,
    /// The moment of its last poll, written together with the poll.
    pub polled: Option<Moment>,
}
