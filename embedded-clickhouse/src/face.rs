//! What a request goes through before the engine sees any of it, as one step without socket and engine: head, multipart
//! fields, unpacking, telling a statement from its data.
//!
//! The server takes the same steps in the same order, with the password between the first two. This is for whoever holds
//! bytes against them: the fuzzer, and the replay of what it found. Pure, and never panics, whatever the bytes.

use hyper::{HeaderMap, Method};

use crate::access::Credentials;
use crate::execution::{Plan, Work};
use crate::multipart;
use crate::prologue::Prologue;
use crate::request::Query;
use crate::statement;

/// What was understood of a request.
#[derive(Debug)]
pub struct Understood {
    /// A statement, or the head of an insert.
    pub sql: String,
    /// Bytes of data behind the head of an insert; `None` for other statements.
    pub data_bytes: Option<usize>,
    pub format: String,
    pub settings: Vec<(String, String)>,
    pub params: Vec<(String, String)>,
    pub credentials: Credentials,
    /// Why a user who may only read is refused this.
    pub reader_refused: Option<&'static str>,
}

/// Reads a whole request. `query` is the part of the URL behind `?`.
///
/// # Errors
/// What the client would be told: `Code: …`.
pub async fn read(method: &Method, query: &str, headers: &HeaderMap, mut body: Vec<u8>) -> Result<Understood, String> {
    let mut asked = Query::parse(method, query, headers).map_err(|failure| failure.text)?;
    if let Some(boundary) = asked.multipart.take() {
        multipart::fields(&mut asked, boundary, std::mem::take(&mut body)).await.map_err(|failure| failure.text)?;
    }
    let plan = Plan::new(asked.sql, asked.packing, body, asked.format).map_err(|failure| failure.text)?;
    let (sql, data_bytes) = match plan.work {
        Work::Statement { sql, .. } => (sql, None),
        Work::Insert { head, data, .. } => {
            (head, Some(data.iter().map(|(piece, from)| piece.len().saturating_sub(*from)).sum()))
        }
    };
    let setting = asked.settings.iter().any(|(name, _)| statement::setting_leaves_engine(name));
    let reader_refused = statement::leaves_engine(&sql)
        .or(setting.then_some("a setting that names files, addresses or another language"));
    let (settings, params, credentials) = (asked.settings, asked.params, asked.credentials);
    Ok(Understood { sql, data_bytes, format: plan.format, settings, params, credentials, reader_refused })
}

/// The pieces of a streamed result as they go out, with the format's head in the first one only; `None` for a format that
/// is not streamed.
pub fn streamed<'p>(format: &str, pieces: &[&'p [u8]]) -> Option<Vec<&'p [u8]>> {
    let mut prologue = Prologue::of(format)?;
    Some(pieces.iter().map(|piece| prologue.strip(piece)).collect())
}
