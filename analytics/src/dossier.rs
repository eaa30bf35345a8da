//! A meter dossier: every read behind one line of an invoice, with where each came from, and the invoice itself; sealed line by
//! line, so that whoever has the file alone can check it and is told which line does not fit. Pure.

pub mod seal;

use serde::{Deserialize, Serialize};

use crate::ledger::Document;
use crate::ledger::document::sha256;
use crate::statement::ReadsUsed;
use seal::Misfit;

/// Version of the JSON shape below.
pub const DOSSIER_VERSION: u32 = 1;
/// Bytes of the document in one line of the file: a misfit is named this closely.
const PIECE_BYTES: usize = 96;

/// What the file says, before its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    pub version: u32,
    pub tenant: String,
    pub number: u64,
    /// From 1.
    pub line: usize,
    /// The line as it was issued.
    pub says: serde_json::Value,
    /// Both ends of each meter of the line, as the invoice has them.
    pub ends: Vec<ReadsUsed>,
    /// Every reading from the first end to the last, as ClickHouse has it.
    pub readings: Vec<SourcedReading>,
    /// Why readings are left out, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    pub payloads: Vec<PayloadSeen>,
    /// SHA-256 of the document's bytes; the hash chain of `bill verify` holds it.
    pub document_sha256: String,
    /// Hash of the document before it in the chain.
    pub previous_sha256: String,
    /// The document's bytes, in pieces.
    pub document: Vec<String>,
}

/// One reading and its whole origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcedReading {
    pub device: String,
    pub meter: String,
    pub ts: String,
    pub received: String,
    pub raw: i64,
    /// Empty: no agent took it.
    pub agent: String,
    /// As text: it has 64 bits.
    pub epoch: String,
    pub seq: u64,
    /// First 16 bytes of the payload's BLAKE3 hash, hexadecimal.
    pub payload: String,
    pub plan: String,
    /// Where the plan says that the value was read; empty if the plan is not known.
    pub oid: String,
    pub rule: String,
}

/// What ingest kept of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadSeen {
    pub payload: String,
    pub agent: String,
    pub epoch: String,
    pub seq: u64,
    pub received: String,
    pub bytes: u32,
    pub records: u32,
}

/// Cuts a document's text into pieces that join to the same bytes again.
pub fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        if let Some(last) = pieces.last_mut().filter(|piece| piece.len() < PIECE_BYTES) {
            last.push(c);
        } else {
            pieces.push(String::from(c));
        }
    }
    pieces
}

impl Dossier {
    /// The file: pretty JSON with its seal.
    ///
    /// # Errors
    /// Never for a dossier that was made here; the type of `serde_json` allows for it.
    pub fn sealed(&self) -> Result<String, serde_json::Error> {
        seal::sealed(self)
    }
}

/// Checks a file alone: each line against the seal, the document against its hash, the ends against the document, and the
/// document against its own snapshot.
///
/// # Errors
/// [`Misfit`], naming the line and the bytes that do not fit.
pub fn check(text: &str) -> Result<Dossier, Misfit> {
    let dossier: Dossier = seal::opened(text)?;
    let wrong = |field: &str, why: String| Misfit::at_field(text, field, why);
    let document = dossier.document.concat();
    let found = sha256(document.as_bytes());
    if found != dossier.document_sha256 {
        return Err(wrong("document_sha256", format!("the document's bytes have the hash {found}")));
    }
    let parsed = Document::parse(document.as_bytes()).map_err(|error| wrong("document", error.to_string()))?;
    let head = &parsed.head;
    if (head.number, &head.tenant) != (dossier.number, &dossier.tenant) {
        return Err(wrong("number", format!("the document is {} of {}", head.number, head.tenant)));
    }
    if head.previous_sha256 != dossier.previous_sha256 {
        return Err(wrong("previous_sha256", format!("the document says {:?}", head.previous_sha256)));
    }
    let (line, ends) =
        line_of(&parsed, dossier.line).ok_or_else(|| wrong("line", "the document has no such line".into()))?;
    if line != dossier.says {
        return Err(wrong("says", format!("the document says {line}")));
    }
    if ends != dossier.ends {
        return Err(wrong("ends", "they are not those of the document".to_owned()));
    }
    let again =
        parsed.replayed().and_then(|again| again.bytes()).map_err(|error| wrong("document", error.to_string()))?;
    match crate::ledger::chain::first_difference(document.as_bytes(), &again) {
        None => Ok(dossier),
        Some(at) => Err(wrong("document", format!("priced again from its snapshot, it differs from its byte {at} on"))),
    }
}

/// A line of an invoice and the ends of its meters.
pub fn line_of(document: &Document, line: usize) -> Option<(serde_json::Value, Vec<ReadsUsed>)> {
    let crate::ledger::Matter::Invoice { snapshot, result, .. } = &document.matter else { return None };
    let line = result.lines.get(line.checked_sub(1)?)?;
    let ends = crate::statement::reads_of(line, &snapshot.contract, &snapshot.reads);
    Some((serde_json::to_value(line).ok()?, ends))
}
