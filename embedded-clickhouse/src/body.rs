//! Unpacks and packs request and reply bodies. Pure; every way in has a cap on what comes out.

use std::io::{self, Read};

/// How a body is packed (`Content-Encoding`, or `decompress=1` for ClickHouse's own blocks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Packing {
    #[default]
    Plain,
    Gzip,
    Deflate,
    /// An LZ4 frame.
    Lz4,
    Zstd,
    /// ClickHouse's native blocks: checksum, header, LZ4 or ZSTD block.
    Blocks,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("Content-Encoding {0:?} is not supported, use gzip, deflate, lz4 or zstd")]
    Unknown(String),
    #[error("the body unpacks to more than {max} bytes, send smaller inserts")]
    TooLarge { max: usize },
    #[error("the compressed body is damaged: {0}")]
    Damaged(String),
}

impl Packing {
    /// From the header `Content-Encoding`.
    ///
    /// # Errors
    /// [`BodyError::Unknown`].
    pub(crate) fn from_header(value: &str) -> Result<Self, BodyError> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            "lz4" => Ok(Self::Lz4),
            "zstd" => Ok(Self::Zstd),
            _ => Err(BodyError::Unknown(value.chars().take(40).collect())),
        }
    }
}

/// Unpacks a whole body to at most `max` bytes.
///
/// # Errors
/// [`BodyError::TooLarge`] or [`BodyError::Damaged`].
pub(crate) fn unpack(packing: Packing, body: Vec<u8>, max: usize) -> Result<Vec<u8>, BodyError> {
    match packing {
        Packing::Plain if body.len() > max => Err(BodyError::TooLarge { max }),
        Packing::Plain => Ok(body),
        Packing::Gzip => read_all(flate2::read::MultiGzDecoder::new(&body[..]), max),
        Packing::Deflate => read_all(flate2::read::ZlibDecoder::new(&body[..]), max),
        Packing::Lz4 => read_all(lz4_flex::frame::FrameDecoder::new(&body[..]), max),
        Packing::Zstd => read_all(zstd::stream::read::Decoder::new(&body[..]).map_err(damaged)?, max),
        Packing::Blocks => unpack_blocks(&body, max),
    }
}

/// Checksum (16) · method (1) · size of header and data (4) · size unpacked (4), little endian.
const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
const METHOD_LZ4: u8 = 0x82;
const METHOD_ZSTD: u8 = 0x90;
const METHOD_NONE: u8 = 0x02;

/// Packs bytes as one native block (LZ4), for clients that ask with `compress=1`.
pub(crate) fn pack_block(data: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(data);
    let sized = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut block = Vec::with_capacity(CHECKSUM_BYTES + HEADER_BYTES + packed.len());
    block.extend_from_slice(&[0; CHECKSUM_BYTES]);
    block.push(METHOD_LZ4);
    block.extend_from_slice(&sized(HEADER_BYTES + packed.len()));
    block.extend_from_slice(&sized(data.len()));
    block.extend_from_slice(&packed);
    let sum = checksum(&block[CHECKSUM_BYTES..]);
    block[..CHECKSUM_BYTES].copy_from_slice(&sum);
    block
}

/// CityHash128 1.0.2 with its halves swapped, as ClickHouse writes it.
fn checksum(data: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(data).rotate_right(64).to_le_bytes()
}

fn unpack_blocks(mut body: &[u8], max: usize) -> Result<Vec<u8>, BodyError> {
    let short = || BodyError::Damaged("a native block ends too early".to_owned());
    let mut out = Vec::new();
    while !body.is_empty() {
        let (sum, rest) = body.split_at_checked(CHECKSUM_BYTES).ok_or_else(short)?;
        let method = *rest.first().ok_or_else(short)?;
        let size = number(rest, 1).ok_or_else(short)?;
        let unpacked = number(rest, 5).ok_or_else(short)?;
        if size < HEADER_BYTES {
            return Err(short());
        }
        let (block, next) = rest.split_at_checked(size).ok_or_else(short)?;
        if checksum(block) != sum {
            return Err(BodyError::Damaged("the checksum of a native block does not match".to_owned()));
        }
        let start = out.len();
        if unpacked > max.saturating_sub(start) {
            return Err(BodyError::TooLarge { max });
        }
        let data = &block[HEADER_BYTES..];
        out.resize(start + unpacked, 0);
        let wrote = match method {
            METHOD_LZ4 => lz4_flex::block::decompress_into(data, &mut out[start..]).map_err(damaged)?,
            METHOD_ZSTD => zstd::bulk::decompress_to_buffer(data, &mut out[start..]).map_err(damaged)?,
            METHOD_NONE if data.len() == unpacked => {
                out[start..].copy_from_slice(data);
                unpacked
            }
            _ => return Err(BodyError::Damaged(format!("native blocks of method {method:#04x} are not supported"))),
        };
        if wrote != unpacked {
            return Err(BodyError::Damaged("a native block unpacks to another size than it says".to_owned()));
        }
        body = next;
    }
    Ok(out)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn read_all(source: impl Read, max: usize) -> Result<Vec<u8>, BodyError> {
    let mut out = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(&mut out).map_err(damaged)?;
    if out.len() > max { Err(BodyError::TooLarge { max }) } else { Ok(out) }
}

fn damaged(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BodyError {
    let error: io::Error = io::Error::other(error);
    BodyError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn pack(packing: Packing, data: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Plain => data.to_vec(),
            Packing::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(data).unwrap();
                writer.finish().unwrap()
            }
            Packing::Deflate => {
                let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(data).unwrap();
                writer.finish().unwrap()
            }
            Packing::Lz4 => {
                let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
                writer.write_all(data).unwrap();
                writer.finish().unwrap()
            }
            Packing::Zstd => zstd::stream::encode_all(data, 1).unwrap(),
            Packing::Blocks => data.chunks(1000).flat_map(pack_block).collect(),
        }
    }

    const ALL: [Packing; 6] =
        [Packing::Plain, Packing::Gzip, Packing::Deflate, Packing::Lz4, Packing::Zstd, Packing::Blocks];

    #[test]
    fn a_bomb_is_refused_in_every_packing() {
        for packing in ALL {
            let bomb = pack(packing, &vec![0; 1_000_000]);
            assert!(matches!(unpack(packing, bomb, 999_999), Err(BodyError::TooLarge { .. })), "{packing:?}");
        }
    }

    #[test]
    fn a_block_with_one_flipped_bit_is_refused() {
        let block = pack_block(b"the same text, the same text");
        for at in 0..block.len() {
            let mut broken = block.clone();
            broken[at] ^= 1;
            assert!(unpack(Packing::Blocks, broken, 1000).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_body_cut_short_is_refused() {
        for packing in [Packing::Gzip, Packing::Lz4, Packing::Zstd, Packing::Blocks] {
            let mut body = pack(packing, &(0..=255).collect::<Vec<u8>>());
            body.truncate(body.len() - 5);
            assert!(matches!(unpack(packing, body, 1000), Err(BodyError::Damaged(_))), "{packing:?}");
        }
    }

    #[test]
    fn a_block_announcing_four_gigabytes_costs_nothing() {
        let mut block = pack_block(b"x");
        block[CHECKSUM_BYTES + 5..CHECKSUM_BYTES + 9].copy_from_slice(&u32::MAX.to_le_bytes());
        let sum = checksum(&block[CHECKSUM_BYTES..]);
        block[..CHECKSUM_BYTES].copy_from_slice(&sum);
        assert!(matches!(unpack(Packing::Blocks, block, 1000), Err(BodyError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks_to_the_same(data in proptest::collection::vec(any::<u8>(), 0..5000)) {
            for packing in ALL {
                prop_assert_eq!(&unpack(packing, pack(packing, &data), 5000).unwrap(), &data);
            }
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            for packing in ALL {
                let _ = unpack(packing, data.clone(), 1000);
            }
        }
    }
}
