//! The envelope of every payload; its fields keep their meaning in all versions.

use serde::{Deserialize, Serialize};

/// The version of bodies that this build writes.
pub const VERSION: u32 = 1;
/// The body is a zstd frame.
pub const ENC_ZSTD: &str = "zstd";
/// The body is plain MessagePack.
pub const ENC_NONE: &str = "none";
/// The body is a [`super::Hello`]; such a payload is not spooled, has seq 0 and no place in the books.
pub const ENC_HELLO: &str = "hello";

/// `{v, cn, epoch, seq, enc, n, body}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// Version of the body.
    pub v: u32,
    /// `tenant.agent`; must equal the publisher's certificate.
    pub cn: String,
    /// Random number of the spool's life; new when its contents are lost.
    pub epoch: u64,
    /// Counts from 1 within the epoch, without gaps.
    pub seq: u64,
    /// How `body` is encoded.
    pub enc: String,
    /// Number of records in the body.
    pub n: u32,
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}
