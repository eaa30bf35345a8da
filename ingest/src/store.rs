//! The connection to ClickHouse: settings, what its errors mean, and the small questions that the path asks.
//! Rows are written by `insert` only.

use std::future::Future;

use clickhouse::{Client, Row};
use schemas::id::PayloadId;
use serde::{Deserialize, Serialize};

use crate::config::{ClickhouseConfig, Compression};
use crate::limits::QUERY_TIMEOUT;

/// What an error says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The store or the way to it is at fault: wait.
    Retryable,
    /// These rows are at fault.
    Permanent,
    /// A code that nobody listed: waited out for a while.
    Unknown,
}

impl Class {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what}: {source}")]
    Answer { what: String, source: clickhouse::error::Error },
    #[error("{what}: no answer in {} s", QUERY_TIMEOUT.as_secs())]
    Timeout { what: String },
}

impl StoreError {
    pub fn class(&self) -> Class {
        match self {
            Self::Answer { source, .. } => classify(source),
            Self::Timeout { .. } => Class::Retryable,
        }
    }

    pub(crate) fn of(what: impl Into<String>) -> impl FnOnce(clickhouse::error::Error) -> Self {
        let what = what.into();
        move |source| Self::Answer { what, source }
    }
}

fn classify(error: &clickhouse::error::Error) -> Class {
    use clickhouse::error::Error;
    match error {
        Error::BadResponse(text) => code_of(text).map_or(Class::Retryable, class_of),
        // The row could not be written as bytes at all.
        Error::Custom(_) | Error::SequenceMustHaveLength | Error::InvalidTagEncoding(_) => Class::Permanent,
        // The way to the store, or a table that is not as it must be: no payload is to blame.
        _ => Class::Retryable,
    }
}

/// The number in `Code: 241. DB::Exception: …`.
fn code_of(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Numbers of ClickHouse's ErrorCodes.cpp.
fn class_of(code: u32) -> Class {
    match code {
        // Values that the tables or views cannot take: parse and conversion errors, array sizes, overflows, throwIf,
        // VIOLATED_CONSTRAINT.
        6 | 26 | 27 | 32 | 33 | 34 | 38 | 41 | 53 | 69 | 70 | 72 | 117 | 128 | 131 | 153 | 190 | 321 | 349 | 395
        | 407 | 469 => Class::Permanent,
        // Tables, rights, settings: 16 columns, 36 arguments, 47 identifiers, 60 and 81 tables and databases, 115 settings,
        // 164 readonly, 192–194, 497 and 516 users. Load: 159 and 209 timeouts, 202 queries, 241 memory, 252 parts, 439
        // threads. Machine and network: 74, 75, 76, 100, 101, 102, 198, 210, 243 space, 499, 1000–1002. Replicas: 225, 242,
        // 244, 254, 279, 285, 286, 319, 999. 236 and 394: cancelled or killed.
        16 | 36 | 47 | 60 | 74 | 75 | 76 | 81 | 100 | 101 | 102 | 115 | 159 | 164 | 173 | 192 | 193 | 194 | 198
        | 202 | 203 | 209 | 210 | 225 | 236 | 241 | 242 | 243 | 244 | 252 | 254 | 279 | 285 | 286 | 319 | 394 | 439
        | 473 | 497 | 499 | 516 | 999 | 1000 | 1001 | 1002 => Class::Retryable,
        _ => Class::Unknown,
    }
}

#[derive(Clone)]
pub(crate) struct Store {
    client: Client,
    database: String,
    quorum: bool,
}

/// A payload that `batches` holds.
#[derive(Debug, Row, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub(crate) cn: String,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) id: [u8; 16],
}

#[derive(Debug, Row, Deserialize)]
pub(crate) struct Taken {
    pub(crate) cn: String,
    pub(crate) bytes: u64,
}

impl Store {
    pub(crate) fn new(config: &ClickhouseConfig) -> Self {
        let compression = match config.compression {
            Compression::None => clickhouse::Compression::None,
            Compression::Lz4 => clickhouse::Compression::Lz4,
        };
        let client = Client::default()
            .with_url(&config.url)
            .with_user(&config.user)
            .with_password(config.password.expose())
            .with_compression(compression);
        Self { client, database: config.database.clone(), quorum: config.quorum }
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// For statements that do not name the database.
    pub(crate) fn client(&self) -> Client {
        self.client.clone().with_database(&self.database)
    }

    /// For statements before the database exists.
    pub(crate) fn bare_client(&self) -> Client {
        self.client.clone()
    }

    /// For inserts. All of them repeat safely by construction, so that deduplication of blocks is off: it would keep a
    /// repeated insert from views that the first one did not reach.
    pub(crate) fn insert_client(&self) -> Client {
        let client = self
            .client()
            .with_setting("async_insert", "0")
            .with_setting("materialized_views_ignore_errors", "0")
            .with_setting("insert_deduplicate", "0")
            .with_setting("deduplicate_blocks_in_dependent_materialized_views", "0")
            .with_setting("max_partitions_per_insert_block", crate::limits::INSERT_PARTITIONS_MAX.to_string());
        if !self.quorum {
            return client;
        }
        // A Distributed table answers only once the shards have the rows.
        client.with_setting("insert_quorum", "auto").with_setting("distributed_foreground_insert", "1")
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        answered("ping the store", self.client.query("SELECT 1").fetch_one::<u8>()).await.map(|_| ())
    }

    /// Payloads that were received since `since`, the oldest of them first, at most the newest `limit`.
    pub(crate) async fn settled_since(&self, since: u32, limit: usize) -> Result<Vec<Settled>, StoreError> {
        let query = self.client().query(include_str!("../sql/settled_since.sql")).bind(since).bind(limit);
        let mut rows = answered("read the recent batches", query.fetch_all::<Settled>()).await?;
        rows.reverse();
        Ok(rows)
    }

    /// Bytes of each agent since `since`.
    pub(crate) async fn taken_since(&self, since: u32) -> Result<Vec<Taken>, StoreError> {
        let query = self.client().query(include_str!("../sql/taken_since.sql")).bind(since);
        answered("read what was taken today", query.fetch_all::<Taken>()).await
    }

    /// Which of these payloads are settled.
    pub(crate) async fn settled_of(&self, asked: &[(&str, u64, u64, PayloadId)]) -> Result<Vec<Settled>, StoreError> {
        let places: Vec<(&str, u64, u64)> = asked.iter().map(|(cn, epoch, seq, _)| (*cn, *epoch, *seq)).collect();
        let query = self.client().query(include_str!("../sql/settled_of.sql")).bind(places);
        answered("look for settled payloads", query.fetch_all::<Settled>()).await
    }

    /// Names this very `batches` table: a cache filled from another store, or from before a restore, must not match.
    pub(crate) async fn identity(&self) -> Result<String, StoreError> {
        let query = self.client().query(include_str!("../sql/identity.sql"));
        answered("read the identity of the store", query.fetch_one::<String>()).await
    }
}

/// Waits for a small question, but not for ever.
pub(crate) async fn answered<T>(
    what: &str,
    question: impl Future<Output = clickhouse::error::Result<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(QUERY_TIMEOUT, question).await {
        Ok(answer) => answer.map_err(StoreError::of(what)),
        Err(_) => Err(StoreError::Timeout { what: what.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clickhouse::error::Error;

    fn answer(text: &str) -> Class {
        classify(&Error::BadResponse(text.to_owned()))
    }

    #[test]
    fn a_payload_is_blamed_only_for_what_its_rows_say() {
        assert_eq!(
            answer("Code: 469. DB::Exception: Constraint `c` … is violated (VIOLATED_CONSTRAINT)"),
            Class::Permanent
        );
        assert_eq!(answer("Code: 241. DB::Exception: Memory limit exceeded"), Class::Retryable);
        assert_eq!(answer("Code: 60. DB::Exception: Table does not exist"), Class::Retryable);
        assert_eq!(answer("502 Bad Gateway"), Class::Retryable, "a proxy speaks no codes");
        assert_eq!(answer("Code: 9999. DB::Exception: brand new"), Class::Unknown);
        assert_eq!(classify(&Error::TimedOut), Class::Retryable);
        assert_eq!(classify(&Error::SchemaMismatch("x".into())), Class::Retryable);
        assert_eq!(classify(&Error::Custom("no bytes".into())), Class::Permanent);
    }
}
