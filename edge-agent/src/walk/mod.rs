//! Saved walks in the `.snmprec` format: one `OID|tag|value` a line, a tag ending in `x` means a value in hexadecimal.
//!
//! Pure apart from [`load`]. A line that cannot be read is an error with its number; nothing is guessed. Bounded in bytes,
//! lines and values.

mod mask;
pub mod record;

use std::net::Ipv4Addr;
use std::path::Path;

use crate::snmp::limits::{VALUES_MAX, WALK_BYTES_MAX, WALK_LINE_BYTES_MAX};
use crate::snmp::{Oid, Table, Value};

pub use mask::masked;
pub use record::{Ended, Recording};

#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("read the recording {path}")]
    Read { path: String, source: std::io::Error },
    #[error("the recording {path} has {bytes} bytes; at most {WALK_BYTES_MAX} are read")]
    TooLarge { path: String, bytes: u64 },
    #[error("line {line}: {what}")]
    Line { line: usize, what: String },
}

/// Reads a recording from a file.
pub fn load(path: &Path) -> Result<Table, WalkError> {
    let name = path.display().to_string();
    let unread = |source| WalkError::Read { path: name.clone(), source };
    let bytes = std::fs::metadata(path).map_err(unread)?.len();
    if bytes > WALK_BYTES_MAX {
        return Err(WalkError::TooLarge { path: name, bytes });
    }
    parse(&std::fs::read(path).map_err(unread)?)
}

/// Parses a recording. Empty lines and lines that begin with `#` are passed over.
pub fn parse(bytes: &[u8]) -> Result<Table, WalkError> {
    let mut table = Table::default();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let error = |what: String| WalkError::Line { line: number + 1, what };
        let (oid, value) = entry(line).map_err(error)?;
        if !table.insert(oid, value) {
            return Err(error(format!("more than {VALUES_MAX} values")));
        }
    }
    Ok(table)
}

fn entry(line: &[u8]) -> Result<(Oid, Value), String> {
    if line.len() > WALK_LINE_BYTES_MAX {
        return Err(format!("{} bytes; at most {WALK_LINE_BYTES_MAX} are read", line.len()));
    }
    let mut fields = line.splitn(3, |byte| *byte == b'|');
    let (Some(oid), Some(tag), Some(value)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("a line is OID|tag|value".into());
    };
    let oid: Oid =
        String::from_utf8_lossy(oid).parse().map_err(|error: crate::snmp::oid::OidError| error.to_string())?;
    let tag = String::from_utf8_lossy(tag).into_owned();
    let (kind, value) = match tag.strip_suffix('x') {
        Some(kind) => (kind, hex::decode(value).map_err(|error| format!("value of tag {tag}: {error}"))?),
        None => (tag.as_str(), value.to_vec()),
    };
    Ok((oid, typed(kind, value)?))
}

fn typed(kind: &str, value: Vec<u8>) -> Result<Value, String> {
    let text = String::from_utf8_lossy(&value).trim().to_owned();
    let wrong = |what: &str| format!("{:?} is not {what}", text.chars().take(40).collect::<String>());
    Ok(match kind {
        "2" => Value::Integer(text.parse().map_err(|_| wrong("an INTEGER"))?),
        "4" | "68" => Value::Bytes(value),
        "6" => Value::Oid(text.parse().map_err(|_| wrong("an OBJECT IDENTIFIER"))?),
        "64" => Value::Ip(match <[u8; 4]>::try_from(value.as_slice()) {
            Ok(octets) if text.parse::<Ipv4Addr>().is_err() => octets,
            _ => text.parse::<Ipv4Addr>().map_err(|_| wrong("an IpAddress"))?.octets(),
        }),
        "65" | "66" => Value::Unsigned(text.parse::<u32>().map_err(|_| wrong("a 32 bit counter or gauge"))?.into()),
        "67" => Value::Ticks(text.parse().map_err(|_| wrong("TimeTicks"))?),
        "70" => Value::Unsigned(text.parse().map_err(|_| wrong("a Counter64"))?),
        other => {
            return Err(format!("unknown tag {other:?}; known are 2, 4, 6, 64, 65, 66, 67, 68, 70, each also with x"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_with_plain_and_hexadecimal_values_and_bars_inside_values() {
        let table = parse(
            b"# a comment\n1.3.6.1.2.1.1.1.0|4|a|b\r\n1.3.6.1.2.1.1.3.0|67|100\n1.3.6.1.2.1.2.2.1.6.1|4x|0017c8b902de\n\
              1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.1347.41\n1.3.6.1.2.1.4.20.1.1.10.0.0.1|64|10.0.0.1\n.1.3.6.1.4.1.1.1.0|2|-3\n",
        )
        .unwrap();
        assert_eq!(table.len(), 6);
        assert_eq!(table.get(&[1, 3, 6, 1, 2, 1, 1, 1, 0]), Some(&Value::Bytes(b"a|b".to_vec())));
        assert_eq!(table.get(&[1, 3, 6, 1, 4, 1, 1, 1, 0]).and_then(Value::number), Some(-3));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (text, part) in [
            ("1.3.6|4|x\nnonsense\n", "line 2: a line is"),
            ("1.3.six|4|x", "line 1"),
            ("1.3.6|9|x", "unknown tag"),
            ("1.3.6|2|many", "not an INTEGER"),
            ("1.3.6|4x|0g", "value of tag 4x"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }
    }
}
