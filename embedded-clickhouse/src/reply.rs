//! What goes back to the client: errors with ClickHouse's codes and HTTP statuses, headers, and the mark of an error that
//! comes after the reply has begun.

use hyper::StatusCode;
use rand::RngExt;

use crate::abi::Counts;

/// An error as ClickHouse words it: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    pub(crate) code: u32,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(code: u32, name: &str, message: impl std::fmt::Display) -> Self {
        Self { code, text: format!("Code: {code}. DB::Exception: {message} ({name})") }
    }

    /// An error as the engine tells it; some come wrapped two or three times.
    pub(crate) fn from_engine(text: &str) -> Self {
        let mut text = text.trim();
        text = text.find("Code: ").map_or(text, |at| &text[at..]);
        while let Some((_, inner)) = split_code(text).filter(|(_, rest)| split_code(rest).is_some()) {
            text = inner;
        }
        match split_code(text) {
            Some((code, _)) => Self { code, text: text.to_owned() },
            None => Self::engine(text),
        }
    }

    /// Something went wrong that has no code of its own.
    pub(crate) fn engine(message: impl std::fmt::Display) -> Self {
        Self::new(1002, "UNKNOWN_EXCEPTION", message)
    }

    pub(crate) fn stopping() -> Self {
        Self::new(210, "NETWORK_ERROR", "the engine is stopping")
    }

    pub(crate) fn busy() -> Self {
        Self::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "the engine is busy with other statements, repeat later")
    }

    pub(crate) fn unknown_setting(name: &str) -> Self {
        Self::new(115, "UNKNOWN_SETTING", format!("Setting {name:?} is neither a builtin setting nor a parameter"))
    }

    /// One text for every reason, so that nobody learns which users exist.
    pub(crate) fn login() -> Self {
        Self::new(
            516,
            "AUTHENTICATION_FAILED",
            "Authentication failed: password is incorrect, or there is no user with such name.",
        )
    }

    pub(crate) fn readonly(message: impl std::fmt::Display) -> Self {
        Self::new(164, "READONLY", message)
    }

    pub(crate) fn bad_request(message: impl std::fmt::Display) -> Self {
        Self::new(36, "BAD_ARGUMENTS", message)
    }

    pub(crate) fn too_large(message: impl std::fmt::Display) -> Self {
        Self::new(QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", message)
    }

    pub(crate) fn timeout() -> Self {
        Self::new(159, "TIMEOUT_EXCEEDED", "the statement did not end in its time and was killed")
    }

    /// The HTTP status that a ClickHouse server gives for this code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            192 | 193 | 516 | 164 | 497 | 291 => StatusCode::FORBIDDEN,
            46 | 47 | 50 | 56 | 60 | 73 | 81 | 115 | 511 => StatusCode::NOT_FOUND,
            6 | 26 | 27 | 36 | 38 | 41 | 43 | 53 | 62 | 69 | 72 | 117 | 131 | 321 | 456 | 457 | 108 | 16 | 33 | 432
            | 40 => StatusCode::BAD_REQUEST,
            48 => StatusCode::NOT_IMPLEMENTED,
            159 => StatusCode::REQUEST_TIMEOUT,
            202 | 210 => StatusCode::SERVICE_UNAVAILABLE,
            QUERY_IS_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

const QUERY_IS_TOO_LARGE: u32 = 307;

/// `Code: N. DB::Exception: rest` → (N, rest).
fn split_code(text: &str) -> Option<(u32, &str)> {
    let rest = text.strip_prefix("Code: ")?;
    let (code, rest) = rest.split_once('.')?;
    Some((code.parse().ok()?, rest.trim_start().strip_prefix("DB::Exception: ")?))
}

/// The tag that announces where an error in the middle of a reply can be found (ClickHouse 25.11 and later).
pub(crate) fn exception_tag() -> String {
    let mut rng = rand::rng();
    (0..16).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect()
}

/// The end of a reply that failed on the way; it goes out in one piece.
pub(crate) fn exception_block(tag: &str, failure: &Failure) -> String {
    let text = &failure.text;
    format!("\r\n__exception__\r\n{tag}\r\n{text}\n{} {tag}\r\n__exception__\r\n", text.len() + 1)
}

/// `X-ClickHouse-Summary`: numbers as strings.
pub(crate) fn summary(counts: &Counts, result_bytes: usize, elapsed_ns: u128) -> String {
    let Counts { result_rows, read_rows, read_bytes, written_rows, written_bytes } = counts;
    format!(
        "{{\"read_rows\":\"{read_rows}\",\"read_bytes\":\"{read_bytes}\",\"written_rows\":\"{written_rows}\",\
         \"written_bytes\":\"{written_bytes}\",\"total_rows_to_read\":\"0\",\"result_rows\":\"{result_rows}\",\
         \"result_bytes\":\"{result_bytes}\",\"elapsed_ns\":\"{elapsed_ns}\"}}"
    )
}

/// The content type that ClickHouse gives a format.
pub(crate) fn content_type(format: &str) -> &'static str {
    let format = format.to_ascii_lowercase();
    match format.as_str() {
        "tsv" | "tabseparated" | "tsvraw" | "tsvwithnames" | "tsvwithnamesandtypes" | "tabseparatedwithnames" => {
            "text/tab-separated-values; charset=UTF-8"
        }
        "json" | "jsoncompact" | "jsonstrings" => "application/json; charset=UTF-8",
        "jsoneachrow" | "jsoncompacteachrow" => "application/x-ndjson; charset=UTF-8",
        "parquet" | "arrow" | "arrowstream" | "orc" | "avro" => "application/octet-stream",
        name if name.starts_with("csv") => "text/csv; charset=UTF-8; header=absent",
        name if name.starts_with("rowbinary") || name == "native" => "application/octet-stream",
        _ => "text/plain; charset=UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_engine_keeps_its_code_and_loses_its_wrapping() {
        let failure = Failure::from_engine("Code: 60. DB::Exception: Unknown table (UNKNOWN_TABLE)");
        assert_eq!((failure.code, failure.status()), (60, StatusCode::NOT_FOUND));
        let inner = "Code: 241. DB::Exception: Query memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)";
        let wrapped = format!("Error: Code: 241. DB::Exception: Code: 241. DB::Exception: {inner}");
        assert_eq!(Failure::from_engine(&wrapped).text, inner);
        assert_eq!(Failure::from_engine("something odd").code, 1002);
        assert_eq!(Failure::from_engine("Code: x. odd").code, 1002);
    }

    #[test]
    fn the_mark_of_a_late_error_says_its_own_length() {
        let failure = Failure { code: 159, text: "Code: 159.".to_owned() };
        let block = exception_block("abcdefghijklmnop", &failure);
        assert_eq!(
            block,
            "\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 159.\n11 abcdefghijklmnop\r\n__exception__\r\n"
        );
        assert_eq!(exception_tag().len(), 16);
    }

    #[test]
    fn a_summary_is_json_of_strings() {
        let counts = Counts { written_rows: 3, ..Counts::default() };
        let parsed: serde_json::Value = serde_json::from_str(&summary(&counts, 7, 9)).unwrap();
        assert_eq!((&parsed["written_rows"], &parsed["result_bytes"]), (&"3".into(), &"7".into()));
    }
}
