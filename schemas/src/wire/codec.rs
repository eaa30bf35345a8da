//! Bytes ↔ wire types, with all caps applied before memory is spent.

use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ack, Body, ENC_HELLO, ENC_NONE, ENC_ZSTD, Header, Hello, Status, VERSION};
use crate::id::{AgentCn, PayloadId};
use crate::limits::{BODY_BYTES_MAX, DEPTH_MAX, PAYLOAD_BYTES_MAX};

/// zstd's default level: higher ones save few bytes on bodies of this size.
const ZSTD_LEVEL: i32 = 9;
/// Window (log2) that a frame may ask memory for: the least that holds a whole body, so that no legal frame needs more.
const ZSTD_WINDOW_LOG_MAX: u32 = BODY_BYTES_MAX.next_power_of_two().ilog2();

#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("{bytes} bytes are more than the {max} that a {what} may have")]
    TooLarge { what: &'static str, bytes: usize, max: usize },
    #[error("not a {what}: {why}")]
    Malformed { what: &'static str, why: String },
    /// Written by a newer agent: to be kept until this reader is upgraded.
    #[error("body version {v} with encoding {enc:?} is not known here")]
    Unknown { v: u32, enc: String },
}

#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("a payload of {bytes} bytes exceeds {PAYLOAD_BYTES_MAX}")]
    TooLarge { bytes: usize },
    #[error("encode: {0}")]
    Failed(String),
}

/// A payload that will never change again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    pub id: PayloadId,
    pub bytes: Vec<u8>,
}

/// The compressed body, to learn its size before it is frozen.
///
/// # Errors
/// When the encoder fails, which it does not for these types.
pub fn encode_body(body: &Body) -> Result<Vec<u8>, EncodeError> {
    let plain = pack(body)?;
    zstd::bulk::compress(&plain, ZSTD_LEVEL).map_err(|error| EncodeError::Failed(error.to_string()))
}

/// Freezes a body under its place in the books.
///
/// # Errors
/// [`EncodeError::TooLarge`] when the body must be split.
pub fn freeze(cn: &AgentCn, epoch: u64, seq: u64, body: &Body) -> Result<Frozen, EncodeError> {
    freeze_encoded(cn, epoch, seq, u32::try_from(body.records.len()).unwrap_or(u32::MAX), encode_body(body)?)
}

/// As [`freeze`], for a body that is already compressed.
///
/// # Errors
/// As [`freeze`].
pub fn freeze_encoded(cn: &AgentCn, epoch: u64, seq: u64, n: u32, body: Vec<u8>) -> Result<Frozen, EncodeError> {
    let header = Header { v: VERSION, cn: cn.to_string(), epoch, seq, enc: ENC_ZSTD.to_owned(), n, body };
    let bytes = pack(&header)?;
    if bytes.len() > PAYLOAD_BYTES_MAX {
        return Err(EncodeError::TooLarge { bytes: bytes.len() });
    }
    Ok(Frozen { id: PayloadId::of(&bytes), bytes })
}

/// Reads the envelope of any version.
///
/// # Errors
/// [`DecodeError::TooLarge`] or [`DecodeError::Malformed`].
pub fn decode_header(payload: &[u8]) -> Result<Header, DecodeError> {
    unpack("header", payload, PAYLOAD_BYTES_MAX)
}

/// Reads the body of a payload whose version and encoding are known here.
///
/// # Errors
/// [`DecodeError::Unknown`] for a newer body, else as [`decode_header`].
pub fn decode_body(header: &Header) -> Result<Body, DecodeError> {
    let unknown = || DecodeError::Unknown { v: header.v, enc: header.enc.clone() };
    if header.v != VERSION {
        return Err(unknown());
    }
    let body: Body = match header.enc.as_str() {
        ENC_ZSTD => unpack("body", &inflate(&header.body)?, BODY_BYTES_MAX)?,
        ENC_NONE => unpack("body", &header.body, BODY_BYTES_MAX)?,
        _ => return Err(unknown()),
    };
    if body.records.len() != usize::try_from(header.n).unwrap_or(usize::MAX) {
        let why = format!("the header says {} records, the body has {}", header.n, body.records.len());
        return Err(DecodeError::Malformed { what: "body", why });
    }
    Ok(body)
}

/// A hello, wrapped in an envelope with seq 0.
///
/// # Errors
/// When the encoder fails, which it does not for these types.
pub fn encode_hello(cn: &AgentCn, hello: &Hello) -> Result<Vec<u8>, EncodeError> {
    let body = pack(hello)?;
    let header =
        Header { v: VERSION, cn: cn.to_string(), epoch: hello.epoch, seq: 0, enc: ENC_HELLO.to_owned(), n: 0, body };
    pack(&header)
}

/// # Errors
/// As [`decode_header`].
pub fn decode_hello(header: &Header) -> Result<Hello, DecodeError> {
    unpack("hello", &header.body, PAYLOAD_BYTES_MAX)
}

/// # Errors
/// When the encoder fails, which it does not for these types.
pub fn encode_ack(ack: &Ack) -> Result<Vec<u8>, EncodeError> {
    pack(ack)
}

/// # Errors
/// As [`decode_header`].
pub fn decode_ack(bytes: &[u8]) -> Result<Ack, DecodeError> {
    unpack("ack", bytes, PAYLOAD_BYTES_MAX)
}

/// # Errors
/// When the encoder fails, which it does not for these types.
pub fn encode_status(status: &Status) -> Result<Vec<u8>, EncodeError> {
    pack(status)
}

/// # Errors
/// As [`decode_header`].
pub fn decode_status(bytes: &[u8]) -> Result<Status, DecodeError> {
    unpack("status", bytes, PAYLOAD_BYTES_MAX)
}

fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    rmp_serde::to_vec_named(value).map_err(|error| EncodeError::Failed(error.to_string()))
}

fn unpack<T: DeserializeOwned>(what: &'static str, bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLarge { what, bytes: bytes.len(), max });
    }
    let mut rest = bytes;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    deserializer.set_max_depth(DEPTH_MAX);
    let value =
        T::deserialize(&mut deserializer).map_err(|error| DecodeError::Malformed { what, why: error.to_string() })?;
    if !rest.is_empty() {
        return Err(DecodeError::Malformed { what, why: format!("{} bytes too many at the end", rest.len()) });
    }
    Ok(value)
}

fn inflate(compressed: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let malformed = |error: std::io::Error| DecodeError::Malformed { what: "zstd frame", why: error.to_string() };
    let too_large = |bytes: usize| DecodeError::TooLarge { what: "body", bytes, max: BODY_BYTES_MAX };
    if let Ok(Some(stated)) = zstd::zstd_safe::get_frame_content_size(compressed)
        && let stated = usize::try_from(stated).unwrap_or(usize::MAX)
        && stated > BODY_BYTES_MAX
    {
        return Err(too_large(stated));
    }
    let mut decoder = zstd::stream::read::Decoder::new(compressed).map_err(malformed)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(malformed)?;
    let mut plain = Vec::new();
    let limit = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
    decoder.take(limit.saturating_add(1)).read_to_end(&mut plain).map_err(malformed)?;
    if plain.len() > BODY_BYTES_MAX {
        return Err(too_large(plain.len()));
    }
    Ok(plain)
}
