//! BER, the part SNMP needs (RFC 3417 section 8): single-byte tags, definite lengths, minimal numbers.
//! Reading takes any bytes and never panics; what it writes, it reads back unchanged.

use thiserror::Error;

use super::limits::MAX_OID_ARCS;
use super::oid::Oid;
use super::value::Value;

pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OID: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
const IP_ADDRESS: u8 = 0x40;
const COUNTER32: u8 = 0x41;
const GAUGE32: u8 = 0x42;
const TIME_TICKS: u8 = 0x43;
const OPAQUE: u8 = 0x44;
const COUNTER64: u8 = 0x46;
const NO_SUCH_OBJECT: u8 = 0x80;
const NO_SUCH_INSTANCE: u8 = 0x81;
const END_OF_MIB_VIEW: u8 = 0x82;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BerError {
    #[error("ends early")]
    Short,
    #[error("unsupported length form")]
    Length,
    #[error("tag {0:#04x} where {1:#04x} was expected")]
    Tag(u8, u8),
    #[error("unknown value tag {0:#04x}")]
    ValueTag(u8),
    #[error("malformed number")]
    Number,
    #[error("malformed object identifier")]
    Oid,
}

/// Reads element after element from a slice.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element: tag and content.
    pub fn element(&mut self) -> Result<(u8, &'a [u8]), BerError> {
        let [tag, first, rest @ ..] = self.rest else { return Err(BerError::Short) };
        if tag & 0x1f == 0x1f {
            return Err(BerError::ValueTag(*tag));
        }
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f)).ok_or(BerError::Short)?;
                (digits.iter().fold(0usize, |n, d| (n << 8) | usize::from(*d)), rest)
            }
            _ => return Err(BerError::Length),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(BerError::Short)?;
        self.rest = rest;
        Ok((*tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], BerError> {
        match self.element()? {
            (found, content) if found == tag => Ok(content),
            (found, _) => Err(BerError::Tag(found, tag)),
        }
    }

    pub fn integer(&mut self) -> Result<i32, BerError> {
        signed(self.expect(INTEGER)?)
    }

    pub fn oid(&mut self) -> Result<Oid, BerError> {
        oid(self.expect(OID)?)
    }

    pub fn value(&mut self) -> Result<Value, BerError> {
        let (tag, content) = self.element()?;
        Ok(match tag {
            NULL => Value::Null,
            INTEGER => Value::Integer(signed(content)?),
            OCTETS => Value::Octets(content.to_vec()),
            OID => Value::Oid(oid(content)?),
            IP_ADDRESS => Value::IpAddress(content.try_into().map_err(|_| BerError::Number)?),
            COUNTER32 => Value::Counter32(unsigned32(content)?),
            GAUGE32 => Value::Gauge32(unsigned32(content)?),
            TIME_TICKS => Value::TimeTicks(unsigned32(content)?),
            OPAQUE => Value::Opaque(content.to_vec()),
            COUNTER64 => Value::Counter64(unsigned(content)?),
            NO_SUCH_OBJECT => Value::NoSuchObject,
            NO_SUCH_INSTANCE => Value::NoSuchInstance,
            END_OF_MIB_VIEW => Value::EndOfMibView,
            other => return Err(BerError::ValueTag(other)),
        })
    }
}

/// Appends one element.
pub fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len();
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let digits = minimal(&length.to_be_bytes()).to_vec();
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
        out.extend_from_slice(&digits);
    }
    out.extend_from_slice(content);
}

pub fn put_integer(out: &mut Vec<u8>, number: i32) {
    let bytes = number.to_be_bytes();
    let mut start = 0;
    while start < 3 {
        let redundant = match bytes[start] {
            0x00 => bytes[start + 1] < 0x80,
            0xff => bytes[start + 1] >= 0x80,
            _ => false,
        };
        if !redundant {
            break;
        }
        start += 1;
    }
    put(out, INTEGER, &bytes[start..]);
}

pub fn put_oid(out: &mut Vec<u8>, oid: &Oid) {
    let mut content = Vec::with_capacity(oid.arcs().len() + 4);
    let (first, rest) = match oid.arcs() {
        [] => (0, &[][..]),
        [only] => (u64::from(*only) * 40, &[][..]),
        [a, b, rest @ ..] => (u64::from(*a) * 40 + u64::from(*b), rest),
    };
    put_arc(&mut content, first);
    rest.iter().for_each(|arc| put_arc(&mut content, u64::from(*arc)));
    put(out, OID, &content);
}

pub fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => put(out, NULL, &[]),
        Value::Integer(n) => put_integer(out, *n),
        Value::Octets(bytes) => put(out, OCTETS, bytes),
        Value::Oid(oid) => put_oid(out, oid),
        Value::IpAddress(address) => put(out, IP_ADDRESS, address),
        Value::Counter32(n) => put_unsigned(out, COUNTER32, u64::from(*n)),
        Value::Gauge32(n) => put_unsigned(out, GAUGE32, u64::from(*n)),
        Value::TimeTicks(n) => put_unsigned(out, TIME_TICKS, u64::from(*n)),
        Value::Opaque(bytes) => put(out, OPAQUE, bytes),
        Value::Counter64(n) => put_unsigned(out, COUNTER64, *n),
        Value::NoSuchObject => put(out, NO_SUCH_OBJECT, &[]),
        Value::NoSuchInstance => put(out, NO_SUCH_INSTANCE, &[]),
        Value::EndOfMibView => put(out, END_OF_MIB_VIEW, &[]),
    }
}

fn put_unsigned(out: &mut Vec<u8>, tag: u8, number: u64) {
    let bytes = number.to_be_bytes();
    let digits = minimal(&bytes);
    if digits[0] >= 0x80 {
        put(out, tag, &[&[0], digits].concat());
    } else {
        put(out, tag, digits);
    }
}

fn put_arc(out: &mut Vec<u8>, arc: u64) {
    let digits = (64 - arc.leading_zeros()).div_ceil(7).max(1);
    for place in (0..digits).rev() {
        let more = if place > 0 { 0x80 } else { 0 };
        out.push(more | u8::try_from((arc >> (7 * place)) & 0x7f).unwrap_or(0));
    }
}

/// Big-endian digits without leading zeros, at least one.
fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    &bytes[zeros.min(bytes.len().saturating_sub(1))..]
}

fn signed(content: &[u8]) -> Result<i32, BerError> {
    let first = *content.first().ok_or(BerError::Number)?;
    if content.len() > 8 {
        return Err(BerError::Number);
    }
    let start = if first >= 0x80 { -1i64 } else { 0 };
    let number = content.iter().fold(start, |n, d| (n << 8) | i64::from(*d));
    i32::try_from(number).map_err(|_| BerError::Number)
}

fn unsigned(content: &[u8]) -> Result<u64, BerError> {
    let digits = match content {
        [] => return Err(BerError::Number),
        [0, rest @ ..] => rest,
        [0x80..=0xff, ..] => return Err(BerError::Number),
        all => all,
    };
    if digits.len() > 8 {
        return Err(BerError::Number);
    }
    Ok(digits.iter().fold(0, |n, d| (n << 8) | u64::from(*d)))
}

fn unsigned32(content: &[u8]) -> Result<u32, BerError> {
    u32::try_from(unsigned(content)?).map_err(|_| BerError::Number)
}

fn oid(content: &[u8]) -> Result<Oid, BerError> {
    let mut arcs: Vec<u32> = Vec::with_capacity(content.len() + 1);
    let mut arc: u64 = 0;
    let mut open = false;
    for byte in content {
        if (!open && *byte == 0x80) || arc > u64::from(u32::MAX) {
            return Err(BerError::Oid);
        }
        arc = (arc << 7) | u64::from(byte & 0x7f);
        open = byte & 0x80 != 0;
        if open {
            continue;
        }
        if arcs.is_empty() {
            let top = (arc / 40).min(2);
            arcs.push(u32::try_from(top).map_err(|_| BerError::Oid)?);
            arc -= top * 40;
        }
        arcs.push(u32::try_from(arc).map_err(|_| BerError::Oid)?);
        arc = 0;
    }
    if open || arcs.is_empty() || arcs.len() > MAX_OID_ARCS {
        return Err(BerError::Oid);
    }
    Ok(Oid::new(arcs))
}

#[cfg(test)]
mod tests {
    use super::super::chance::{below, mix};
    use super::*;

    fn there_and_back(value: &Value) -> Value {
        let mut out = Vec::new();
        put_value(&mut out, value);
        Reader::new(&out).value().unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let numbers = [0, 1, -1, 127, 128, -128, -129, 255, 256, 65_535, 8_388_608, i32::MAX, i32::MIN];
        for n in numbers {
            assert_eq!(there_and_back(&Value::Integer(n)), Value::Integer(n));
        }
        for n in [0, 127, 128, 65_535, u32::MAX] {
            assert_eq!(there_and_back(&Value::Counter32(n)), Value::Counter32(n));
        }
        for n in [0, u64::from(u32::MAX) + 1, u64::MAX] {
            assert_eq!(there_and_back(&Value::Counter64(n)), Value::Counter64(n));
        }
        for text in ["0.0", "1.3.6.1.4.1.4294967295.128.127", "2.999.1", "2.4294967215"] {
            let oid: Oid = text.parse().unwrap();
            assert_eq!(there_and_back(&Value::Oid(oid.clone())), Value::Oid(oid));
        }
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let bytes = Value::Octets(vec![0xe4; length]);
            assert_eq!(there_and_back(&bytes), bytes);
        }
    }

    #[test]
    fn numbers_take_the_fewest_bytes() {
        let mut out = Vec::new();
        put_integer(&mut out, 127);
        put_integer(&mut out, 128);
        put_integer(&mut out, -128);
        put_value(&mut out, &Value::Gauge32(u32::MAX));
        let expected = [2, 1, 0x7f, 2, 2, 0, 0x80, 2, 1, 0x80, 0x42, 5, 0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(out, expected);
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        for round in 0..200_000u64 {
            let length = below(1, &[round], 40);
            let bytes: Vec<u8> = (0..length).map(|i| mix(2, &[round, i]).to_le_bytes()[0]).collect();
            let mut reader = Reader::new(&bytes);
            while let Ok(value) = reader.value() {
                there_and_back(&value);
            }
        }
    }
}
