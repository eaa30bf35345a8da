//! What clients send to the embedded engine, up to the point at which the engine would see it; and what it streams back.

use embedded_clickhouse::face;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};

/// `GET` or `POST`, a blank, the part of the URL behind `?`; headers, one a line; an empty line; the body.
pub fn http(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let Ok(first) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let (method, query) = first.split_once(' ').unwrap_or(("POST", first));
    let method = if method == "GET" { Method::GET } else { Method::POST };
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..at]), value) {
            headers.append(name, value);
        }
    }
    match super::done(face::read(&method, query, &headers, body.to_vec())) {
        Ok(understood) => {
            assert!(!understood.sql.trim().is_empty() || understood.data_bytes.is_some(), "{understood:?}");
            let shown = format!("{:?}", understood.credentials);
            assert!(shown.contains("***"), "no password is shown: {shown}");
        }
        Err(told) => assert!(told.starts_with("Code: "), "{told}"),
    }
}

/// A format's number and pieces of a result, each behind its length in one byte.
pub fn streamed(data: &[u8]) {
    const FORMATS: [&str; 4] = ["RowBinaryWithNamesAndTypes", "RowBinaryWithNames", "Native", "JSONCompact"];
    let [format, rest @ ..] = data else { return };
    let mut pieces = Vec::new();
    let mut rest = rest;
    while let [length, tail @ ..] = rest {
        let (piece, after) = tail.split_at(tail.len().min(usize::from(*length)));
        pieces.push(piece);
        rest = after;
    }
    let Some(sent) = face::streamed(FORMATS[usize::from(*format) % FORMATS.len()], &pieces) else { return };
    assert_eq!(sent.len(), pieces.len());
    for (n, (piece, sent)) in pieces.iter().zip(&sent).enumerate() {
        assert!(piece.ends_with(sent) && (n > 0 || piece == sent), "only a head is taken off, and not the first");
    }
}
