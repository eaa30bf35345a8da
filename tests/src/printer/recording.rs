//! Recorded devices: reads `.snmprec` files (lines `OID|tag|value`, the format of the PyPI package snmpsim).
//! A tag ending in `x` means that the value is hexadecimal; a value may itself hold `|`. Blank lines and lines that
//! begin with `#` are skipped. Never guesses: a line that cannot be read is an error with its number.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::mib::Mib;
use super::oid::{Oid, OidError};
use super::value::Value;

#[derive(Debug, Error)]
pub enum RecordingError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{name}, line {line}: {what}")]
    Line { name: String, line: usize, what: LineError },
    #[error("{name} holds no line")]
    Empty { name: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    #[error("expected `OID|tag|value`")]
    Fields,
    #[error("the object identifier is wrong: {0}")]
    Oid(#[from] OidError),
    #[error("unknown tag `{0}` (known: 2 4 6 64 65 66 67 68 70, with x behind it for hexadecimal values)")]
    Tag(String),
    #[error("`{value}` is no value for tag {tag}")]
    Value { tag: String, value: String },
    #[error("{0} stands in the file twice")]
    Twice(Oid),
}

/// Reads one recording.
pub fn load(path: &Path) -> Result<Mib, RecordingError> {
    let bytes = std::fs::read(path).map_err(|source| RecordingError::Read { path: path.to_owned(), source })?;
    parse(&path.display().to_string(), &bytes)
}

/// The recordings of a folder (or the one file), sorted by name: (file name without extension, table).
pub fn load_all(path: &Path) -> Result<Vec<(String, Mib)>, RecordingError> {
    let read_error = |source| RecordingError::Read { path: path.to_owned(), source };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(read_error)?;
        files =
            entries.into_iter().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "snmprec")).collect();
        files.sort();
    }
    if files.is_empty() {
        return Err(RecordingError::Empty { name: path.display().to_string() });
    }
    let named = |file: PathBuf| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        load(&file).map(|mib| (name, mib))
    };
    files.into_iter().map(named).collect()
}

/// Reads a recording from memory; `name` appears in errors.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Mib, RecordingError> {
    let mut mib = Mib::default();
    for (place, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let fail = |what| RecordingError::Line { name: name.to_owned(), line: place + 1, what };
        let (oid, value) = parse_line(line).map_err(fail)?;
        if mib.put(oid.clone(), value).is_some() {
            return Err(fail(LineError::Twice(oid)));
        }
    }
    if mib.is_empty() { Err(RecordingError::Empty { name: name.to_owned() }) } else { Ok(mib) }
}

fn parse_line(line: &[u8]) -> Result<(Oid, Value), LineError> {
    let mut fields = line.splitn(3, |b| *b == b'|');
    let (Some(oid), Some(tag), Some(value)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(LineError::Fields);
    };
    let oid = String::from_utf8_lossy(oid).parse::<Oid>()?;
    let tag = String::from_utf8_lossy(tag).into_owned();
    let wrong = || LineError::Value { tag: tag.clone(), value: String::from_utf8_lossy(value).into_owned() };
    let (number, bytes) = match tag.strip_suffix('x') {
        Some(number) => (number, hex(value).ok_or_else(wrong)?),
        None => (tag.as_str(), value.to_vec()),
    };
    let text = || String::from_utf8_lossy(&bytes).into_owned();
    let hexadecimal = tag.ends_with('x');
    let value = match number {
        "4" => Value::Octets(bytes),
        "68" => Value::Opaque(bytes),
        "64" if hexadecimal => Value::IpAddress(bytes.try_into().map_err(|_| wrong())?),
        "2" | "6" | "64" | "65" | "66" | "67" | "70" if hexadecimal && number != "64" => return Err(wrong()),
        "2" => Value::Integer(text().parse().map_err(|_| wrong())?),
        "6" => Value::Oid(text().parse().map_err(|_| wrong())?),
        "64" => Value::IpAddress(text().parse::<std::net::Ipv4Addr>().map_err(|_| wrong())?.octets()),
        "65" => Value::Counter32(text().parse().map_err(|_| wrong())?),
        "66" => Value::Gauge32(text().parse().map_err(|_| wrong())?),
        "67" => Value::TimeTicks(text().parse().map_err(|_| wrong())?),
        "70" => Value::Counter64(text().parse().map_err(|_| wrong())?),
        _ => return Err(LineError::Tag(tag)),
    };
    Ok((oid, value))
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\
1.3.6.1.2.1.1.1.0|4|Example|Printer, two bars|
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.11.2.3.9.1
1.3.6.1.2.1.1.3.0|67|12345
1.3.6.1.2.1.1.5.0|4|
1.3.6.1.2.1.2.2.1.6.2|4x|0017c8b902de
1.3.6.1.2.1.4.20.1.1.10.0.0.9|64|10.0.0.9
1.3.6.1.2.1.25.3.5.1.2.1|4x|00
1.3.6.1.2.1.31.1.1.1.6.2|70|18446744073709551615
1.3.6.1.2.1.43.10.2.1.4.1.1|65|7432
1.3.6.1.2.1.43.11.1.1.9.1.10|2|-3
1.3.6.1.4.1.9.1|68x|9f780442f60000
";

    fn get(mib: &Mib, oid: &str) -> Option<Value> {
        mib.get(&oid.parse().unwrap()).cloned()
    }

    #[test]
    fn every_line_becomes_a_row_and_bars_belong_to_the_value() {
        let mib = parse("small", SMALL.as_bytes()).unwrap();
        assert_eq!(mib.len(), SMALL.lines().count());
        assert_eq!(get(&mib, "1.3.6.1.2.1.1.1.0"), Some(Value::text("Example|Printer, two bars|")));
        assert_eq!(get(&mib, "1.3.6.1.2.1.1.5.0"), Some(Value::text("")));
        assert_eq!(get(&mib, "1.3.6.1.2.1.2.2.1.6.2"), Some(Value::Octets(vec![0, 0x17, 0xc8, 0xb9, 2, 0xde])));
        assert_eq!(get(&mib, "1.3.6.1.2.1.43.11.1.1.9.1.10"), Some(Value::Integer(-3)));
        assert_eq!(get(&mib, "1.3.6.1.2.1.31.1.1.1.6.2"), Some(Value::Counter64(u64::MAX)));
        assert_eq!(get(&mib, "1.3.6.1.2.1.4.20.1.1.10.0.0.9"), Some(Value::IpAddress([10, 0, 0, 9])));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let cases = [
            ("1.3|2", "line 2: expected"),
            ("1.q|2|5", "line 2: the object identifier"),
            ("1.3|99|5", "line 2: unknown tag `99`"),
            ("1.3|2|five", "line 2: `five` is no value for tag 2"),
            ("1.3|2x|05", "line 2: `05` is no value for tag 2x"),
            ("1.3|4x|0g", "line 2: `0g` is no value"),
            ("1.3|4x|012", "line 2: `012` is no value"),
            ("1.3|64|300.1.1.1", "line 2: `300.1.1.1` is no value"),
            ("1.3|65|4294967296", "line 2: `4294967296` is no value"),
            ("1.2|4|again", "line 2: 1.2 stands in the file twice"),
        ];
        for (line, expected) in cases {
            let error = parse("bad", format!("1.2|4|first\n{line}\n").as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(parse("none", b"# only a remark\n").is_err());
    }
}
