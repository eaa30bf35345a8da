//! Turns the head of an HTTP request into what it asks for: statement, settings, parameters, credentials.
//!
//! Pure. Follows ClickHouse's HTTP interface: a URL parameter that is not reserved is a setting; the engine decides whether
//! it exists.

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, Method};

use crate::access::Credentials;
use crate::body::Packing;
use crate::limits;
use crate::reply::Failure;

/// What a request asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// The statement in the URL; the body follows it.
    pub(crate) sql: String,
    pub(crate) settings: Vec<(String, String)>,
    /// Values in ClickHouse's escaped text form, untouched.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) database: Option<String>,
    /// The format of the reply unless the statement names one.
    pub(crate) format: Option<String>,
    pub(crate) query_id: Option<String>,
    pub(crate) credentials: Credentials,
    /// `GET` and `HEAD` may not change anything.
    pub(crate) method_reads_only: bool,
    /// `readonly=1` or `2` in the URL.
    pub(crate) asks_readonly: bool,
    pub(crate) packing: Packing,
    /// `compress=1`: the reply as native blocks.
    pub(crate) reply_blocks: bool,
    /// The boundary of a `multipart/form-data` body, which carries the statement and parameters as fields.
    pub(crate) multipart: Option<String>,
}

impl Query {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// A [`Failure`] that says which part is wrong.
    pub(crate) fn parse(method: &Method, query: &str, headers: &HeaderMap) -> Result<Self, Failure> {
        let mut parsed = Self { method_reads_only: method != Method::POST, ..Self::default() };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        parsed.database = header("x-clickhouse-database");
        parsed.format = header("x-clickhouse-format");
        if let Some(encoding) = headers.get(CONTENT_ENCODING) {
            let encoding = encoding.to_str().unwrap_or("?");
            parsed.packing = Packing::from_header(encoding).map_err(Failure::bad_request)?;
        }
        if let Some(kind) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
            parsed.multipart = multer::parse_boundary(kind).ok();
        }
        let (mut user, mut password) = (None, None);
        for (name, value) in fields(query) {
            match name.as_str() {
                "user" => user = Some(value),
                "password" => password = Some(value),
                _ => parsed.field(name, value)?,
            }
        }
        parsed.credentials = Credentials::from_headers(headers)
            .or_else(|| {
                (user.is_some() || password.is_some()).then(|| {
                    Credentials::new(Some(user.unwrap_or_else(|| "default".to_owned())), &password.unwrap_or_default())
                })
            })
            .unwrap_or_default();
        Ok(parsed)
    }

    /// Takes one field of the URL or of a multipart body.
    ///
    /// # Errors
    /// A [`Failure`] for what cannot be served.
    pub(crate) fn field(&mut self, name: String, value: String) -> Result<(), Failure> {
        if self.settings.len() + self.params.len() >= limits::FIELDS_MAX {
            return Err(Failure::bad_request(format!("more than {} settings and parameters", limits::FIELDS_MAX)));
        }
        if let Some(param) = name.strip_prefix("param_") {
            self.params.push((param.to_owned(), value));
            return Ok(());
        }
        match name.as_str() {
            "query" => self.sql.push_str(&value),
            "database" => self.database = Some(value).filter(|name| !name.is_empty()),
            "default_format" => self.format = Some(value),
            "query_id" => self.query_id = query_id(&value)?,
            "decompress" => {
                if value == "1" {
                    self.packing = Packing::Blocks;
                }
            }
            "compress" => self.reply_blocks = value == "1",
            "readonly" => self.asks_readonly = value != "0",
            "role" => {
                return Err(Failure::new(
                    511,
                    "UNKNOWN_ROLE",
                    format!("There is no role {value:?}: the embedded engine has no roles"),
                ));
            }
            // Each request has a session of its own here, and each reply waits for its statement anyway.
            "session_id"
            | "session_timeout"
            | "session_check"
            | "close_session"
            | "wait_end_of_query"
            | "buffer_size"
            | "quota_key"
            | "stacktrace"
            | "client_protocol_version" => {}
            _ => self.settings.push((name, value)),
        }
        Ok(())
    }
}

/// A query id goes into a header and into the engine's process list.
fn query_id(value: &str) -> Result<Option<String>, Failure> {
    if value.len() > limits::QUERY_ID_BYTES_MAX || value.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
        return Err(Failure::bad_request(format!(
            "a query_id has at most {} printable ASCII characters",
            limits::QUERY_ID_BYTES_MAX
        )));
    }
    Ok(Some(value.to_owned()).filter(|id| !id.is_empty()))
}

/// Splits and decodes `a=1&b=2`; `+` is a blank; bytes that are not UTF-8 are replaced.
fn fields(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|field| !field.is_empty()).map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) {
                    bytes.push(high * 16 + low);
                    rest = after;
                } else {
                    bytes.push(b'%');
                }
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(query: &str) -> Query {
        Query::parse(&Method::POST, query, &HeaderMap::new()).unwrap()
    }

    fn pair(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn what_is_not_reserved_is_a_setting() {
        let query = parse(
            "query=SELECT+%7Bx:String%7D&param_x=a%5Ct&async_insert=0&database=db&default_format=JSON&session_id=1&compress=1&decompress=1&query_id=q&wait_end_of_query=1&client_protocol_version=54405",
        );
        assert_eq!(query.sql, "SELECT {x:String}");
        assert_eq!(query.params, pair("x", "a\\t"));
        assert_eq!(query.settings, pair("async_insert", "0"));
        assert_eq!(
            (query.database.as_deref(), query.format.as_deref(), query.query_id.as_deref()),
            (Some("db"), Some("JSON"), Some("q"))
        );
        assert_eq!((query.packing, query.reply_blocks), (Packing::Blocks, true));
    }

    #[test]
    fn credentials_of_headers_win_over_those_of_the_url() {
        assert_eq!(parse("user=a&password=b").credentials, Credentials::new(Some("a".to_owned()), "b"));
        assert_eq!(parse("password=b").credentials, Credentials::new(Some("default".to_owned()), "b"));
        assert_eq!(parse("").credentials, Credentials::default());
        let mut headers = HeaderMap::new();
        headers.insert("x-clickhouse-user", "h".parse().unwrap());
        let query = Query::parse(&Method::POST, "user=a&password=b", &headers).unwrap();
        assert_eq!(query.credentials, Credentials::new(Some("h".to_owned()), ""));
    }

    #[test]
    fn a_get_reads_only() {
        assert!(Query::parse(&Method::GET, "", &HeaderMap::new()).unwrap().method_reads_only);
        assert!(!parse("").method_reads_only);
        assert!(parse("readonly=2").asks_readonly && !parse("readonly=0").asks_readonly);
        assert!(parse("readonly=1").settings.is_empty(), "nobody sets readonly past the facade");
    }

    #[test]
    fn roles_and_odd_query_ids_are_refused() {
        assert_eq!(Query::parse(&Method::POST, "role=admin", &HeaderMap::new()).unwrap_err().code, 511);
        assert_eq!(Query::parse(&Method::POST, "query_id=a%0Ab", &HeaderMap::new()).unwrap_err().code, 36);
        let many = "a=1&".repeat(limits::FIELDS_MAX + 1);
        assert_eq!(Query::parse(&Method::POST, &many, &HeaderMap::new()).unwrap_err().code, 36);
    }

    proptest! {
        #[test]
        fn any_url_is_taken_without_a_panic(query in "\\PC{0,200}") {
            let _ = Query::parse(&Method::POST, &query, &HeaderMap::new());
        }

        #[test]
        fn a_percent_encoded_value_comes_back(value in "\\PC{0,50}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(parse(&format!("query={encoded}")).sql, value);
        }
    }
}
