//! What full spools gave up, by the moment at which they did. A spool that is set back gives the same seqs away twice, and what
//! it gives up then may be named as before: `drops` keeps one of the two, so the soak keeps a list of its own.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::world::World;

const TABLE: &str = "CREATE TABLE soak_drops (cn String, epoch UInt64, from_seq UInt64, to_seq UInt64, ts DateTime('UTC'), polls UInt64) \
    ENGINE = ReplacingMergeTree ORDER BY (cn, epoch, from_seq, to_seq, ts)";
const VIEW: &str = "CREATE MATERIALIZED VIEW soak_drops_view TO soak_drops AS \
    SELECT cn, epoch, from_seq, to_seq, ts, polls FROM drops";

/// What begins the list.
pub(super) const LIST: [&str; 2] = [TABLE, VIEW];

/// Polls that each agent gave up since the beginning.
///
/// # Errors
/// When ClickHouse does not answer.
pub(super) async fn polls(world: &World) -> Result<BTreeMap<String, u64>> {
    let rows = world.query("SELECT cn, sum(polls) FROM soak_drops FINAL GROUP BY cn FORMAT TSV").await?;
    let of = |row: &str| {
        let (cn, polls) = row.split_once('\t').context("two columns")?;
        Ok((cn.to_owned(), polls.parse()?))
    };
    rows.lines().map(of).collect()
}
