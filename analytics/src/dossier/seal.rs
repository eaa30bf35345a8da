//! A seal over a JSON file: the hash of every line before it, and the hash of those hashes. A byte that is changed anywhere is
//! found, in the text, in a hash, or in the seal itself. Pure.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ledger::document::sha256;

/// How the seal begins; nothing before it may look like this, because every text in JSON stands behind a key.
const BEGIN: &str = "\n  \"seal\": ";
/// Lines of a seal beside its hashes, without the last.
const FRAME_LINES: usize = 4;
const END: &str = "\n}\n";

/// What does not fit, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, bytes {from} to {to}: {why}")]
pub struct Misfit {
    /// From 1.
    pub line: usize,
    /// Half-open.
    pub from: usize,
    pub to: usize,
    pub why: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    /// SHA-256 of each line before the seal, hexadecimal, without its end.
    lines: Vec<String>,
    /// SHA-256 of all these, one after another.
    root: String,
}

#[derive(Deserialize)]
struct File<T> {
    dossier: T,
}

impl Misfit {
    fn at_line(text: &str, line: usize, why: impl Into<String>) -> Misfit {
        let from = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let length = text.get(from..).and_then(|rest| rest.split_inclusive('\n').next()).map_or(0, str::len);
        Misfit { line, from, to: from + length, why: why.into() }
    }

    fn at_byte(text: &str, byte: usize, why: impl Into<String>) -> Misfit {
        let before = text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count();
        Misfit { line: before + 1, from: byte, to: byte + 1, why: why.into() }
    }

    /// The line of a field of the sealed object.
    pub fn at_field(text: &str, field: &str, why: String) -> Misfit {
        let key = format!("    \"{field}\": ");
        let line = text.lines().position(|line| line.starts_with(&key)).map_or(1, |at| at + 1);
        Misfit::at_line(text, line, format!("{field}: {why}"))
    }
}

/// Pretty JSON of `{"dossier": body, "seal": …}`.
///
/// # Errors
/// When the body is no JSON.
pub fn sealed(body: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(&serde_json::json!({ "dossier": null }))?;
    let inner = indented(&serde_json::to_string_pretty(body)?);
    let text = text.replace("null", &inner);
    let text = text.trim_end_matches("\n}").to_owned() + ",";
    let seal = seal_of(&text);
    Ok(format!("{text}{BEGIN}{}{END}", indented(&serde_json::to_string_pretty(&seal)?)))
}

fn indented(json: &str) -> String {
    json.replace('\n', "\n  ")
}

fn seal_of(body: &str) -> Seal {
    let lines: Vec<String> = body.split('\n').map(|line| sha256(line.as_bytes())).collect();
    let root = sha256(lines.concat().as_bytes());
    Seal { lines, root }
}

/// The body of a sealed file.
///
/// # Errors
/// [`Misfit`]; of one changed byte the line that it stands in.
pub fn opened<T: DeserializeOwned>(text: &str) -> Result<T, Misfit> {
    let Some((body, rest)) = text.rsplit_once(BEGIN) else { return Err(no_seal(text)) };
    let begins = body.len() + BEGIN.len();
    let Some(inner) = rest.strip_suffix(END) else {
        let tail = text.len().saturating_sub(END.len());
        let found = text.as_bytes().get(tail..).unwrap_or_default();
        let at = crate::ledger::chain::first_difference(found, END.as_bytes()).unwrap_or(0);
        return Err(Misfit::at_byte(text, tail + at, "the file does not end as it was written"));
    };
    if let Some(at) = misshapen(inner, body) {
        return Err(Misfit::at_byte(text, begins + at, "the seal is not written as it was"));
    }
    let seal: Seal = serde_json::from_str(inner).map_err(|error| {
        let line = text[..begins].matches('\n').count() + error.line();
        Misfit::at_line(text, line, format!("the seal cannot be read: {error}"))
    })?;
    fits(text, body, &seal, begins)?;
    let file: File<T> = serde_json::from_str(text)
        .map_err(|error| Misfit::at_line(text, error.line(), format!("it is no dossier: {error}")))?;
    Ok(file.dossier)
}

/// The first byte of a seal that is neither as every seal has it nor a digit of a hash. A reader of JSON would notice some of
/// them lines later only. How many hashes there are is said twice, by the seal's lines and by the body's; a line break that
/// was changed spoils one of them, so the seal may fit either.
fn misshapen(inner: &str, body: &str) -> Option<usize> {
    let said = [inner.matches('\n').count().saturating_sub(FRAME_LINES), body.split('\n').count()];
    let deviations: Option<Vec<usize>> = said.into_iter().map(|hashes| deviation(inner, hashes)).collect();
    deviations?.into_iter().max()
}

/// Where a seal deviates from one of so many hashes.
fn deviation(inner: &str, hashes: usize) -> Option<usize> {
    let hash = "0".repeat(64);
    let seal = Seal { lines: vec![hash.clone(); hashes], root: hash };
    let shape = indented(&serde_json::to_string_pretty(&seal).unwrap_or_default());
    let fits = |found: u8, shape: u8| match shape {
        b'0' => matches!(found, b'0'..=b'9' | b'a'..=b'f'),
        _ => found == shape,
    };
    let differs = inner.bytes().zip(shape.bytes()).position(|(found, shape)| !fits(found, shape));
    differs.or_else(|| (inner.len() != shape.len()).then(|| inner.len().min(shape.len())))
}

/// Each line against its hash, and the hashes against the root. If both a line and the root speak against a hash, it is the
/// hash that was changed.
fn fits(text: &str, body: &str, seal: &Seal, begins: usize) -> Result<(), Misfit> {
    let found = seal_of(body);
    let seal_line = text[..begins].matches('\n').count() + 1;
    if found.lines.len() != seal.lines.len() {
        let why = format!("{} lines stand before the seal, {} were sealed", found.lines.len(), seal.lines.len());
        let first = found.lines.iter().zip(&seal.lines).position(|(found, sealed)| found != sealed);
        return Err(Misfit::at_line(
            text,
            first.unwrap_or(found.lines.len().min(seal.lines.len()).saturating_sub(1)) + 1,
            why,
        ));
    }
    let root_of_hashes = sha256(seal.lines.concat().as_bytes());
    match found.lines.iter().zip(&seal.lines).position(|(found, sealed)| found != sealed) {
        None if root_of_hashes == seal.root => Ok(()),
        None => Err(Misfit::at_line(text, seal_line + seal.lines.len() + 3, "the root is not that of the hashes")),
        Some(at) if root_of_hashes == seal.root || found.root != seal.root => {
            Err(Misfit::at_line(text, at + 1, "this line does not fit its hash in the seal"))
        }
        Some(at) => Err(Misfit::at_line(text, seal_line + at + 2, "this hash is not that of its line")),
    }
}

/// Where the seal should begin: before the list of its hashes.
fn no_seal(text: &str) -> Misfit {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|line| *line == "    \"lines\": [").unwrap_or(1);
    Misfit::at_line(text, at.max(1), "there is no seal; this is no dossier, or this line was changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Body {
        name: String,
        reads: Vec<i64>,
    }

    #[test]
    fn one_changed_byte_is_found_in_the_line_where_it_stands_wherever_that_is() {
        let body = Body { name: "hp:A \"null\"".into(), reads: vec![5, 77, 1_000] };
        let file = sealed(&body).unwrap();
        assert_eq!(opened::<Body>(&file), Ok(body));
        for at in 0..file.len() {
            for bit in 0..7 {
                let mut bytes = file.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let misfit = opened::<Body>(&text).unwrap_err();
                let line = file[..at].matches('\n').count() + 1;
                let near = if file.as_bytes()[at] == b'\n' || text.as_bytes()[at] == b'\n' { 1 } else { 0 };
                assert!(misfit.line.abs_diff(line) <= near, "byte {at} of line {line}: {misfit}\n{text}");
            }
        }
    }

    #[test]
    fn another_file_is_told_from_a_damaged_one() {
        assert!(opened::<Body>("{}").unwrap_err().why.contains("no seal"));
        assert!(opened::<Body>("").is_err());
    }
}
