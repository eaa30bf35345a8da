//! Rows with most of the types that the store uses.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub(crate) struct Poll {
    pub(crate) tenant: String,
    pub(crate) ts: u32,
    pub(crate) total: Option<i64>,
    pub(crate) ratio: f64,
    pub(crate) extra: Vec<(String, i64)>,
    pub(crate) levels: Vec<Option<i32>>,
}

pub(crate) const POLLS: &str = "CREATE TABLE polls (tenant LowCardinality(String), ts DateTime('UTC'), total Nullable(Int64), \
    ratio Float64, extra Map(String, Int64), levels Array(Nullable(Int32))) ENGINE = MergeTree ORDER BY (tenant, ts)";

pub(crate) fn polls(count: u32) -> Vec<Poll> {
    (0..count)
        .map(|at| Poll {
            tenant: format!("tenant '{}' \\ \t é", at % 3),
            ts: at,
            total: (at % 5 != 0).then_some(-i64::from(at)),
            ratio: f64::from(at) / 3.0,
            extra: vec![("a3".to_owned(), i64::from(at)), (String::new(), 1)],
            levels: vec![None, i32::try_from(at).ok()],
        })
        .collect()
}
