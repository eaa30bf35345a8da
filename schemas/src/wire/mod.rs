//! The wire format: what an agent says (payloads) and what it is told (acks).
//!
//! A payload is a [`Header`] in MessagePack with named fields; its `body` is a compressed [`Body`]. The bytes are frozen
//! before they are first sent, and their BLAKE3 hash is their identity. A header of any version can be read; a body only
//! if this reader knows the version and the encoding.

mod ack;
mod body;
mod capped;
mod codec;
mod header;

pub use ack::{Ack, Hello, Status};
pub use body::{
    Alert, Body, Device, Drop, Event, Info, Outcome, Plan, PlanItem, Poll, PriorEpoch, Record, Stats, StatusCodes,
    Supply, Tray, clock,
};
pub use codec::{
    DecodeError, EncodeError, Frozen, decode_ack, decode_body, decode_header, decode_hello, decode_status, encode_ack,
    encode_body, encode_hello, encode_status, freeze, freeze_encoded,
};
pub use header::{ENC_HELLO, ENC_NONE, ENC_ZSTD, Header, VERSION};

#[cfg(test)]
mod tests;
