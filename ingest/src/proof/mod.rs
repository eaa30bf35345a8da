//! `ingest proof`: the books of every agent, from ClickHouse alone.

mod table;

use std::collections::BTreeMap;

use clickhouse::{Row, RowOwned, RowRead};
use serde::{Deserialize, Serialize};

use crate::books::{Seqs, Span, Statement, balance, told};
use crate::config::ClickhouseConfig;
use crate::limits::NAMED_MAX;
use crate::store::{Store, StoreError};

/// Which books are asked for. An epoch belongs to a period in which something of it was received; its books are always
/// struck whole, because a gap has no date.
#[derive(Debug, Clone, Default)]
pub struct Question {
    pub cn: Option<String>,
    /// Unix seconds, included.
    pub from: Option<u32>,
    /// Unix seconds, not included.
    pub to: Option<u32>,
}

/// The answer; also the JSON of `--json`. A field that changes its meaning raises `version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    pub version: u32,
    /// Every epoch closes.
    pub closes: bool,
    pub lost: u64,
    pub dropped: u64,
    pub polls_stored: u64,
    pub polls_in_batches: u64,
    /// Payloads whose header could not be read; their bytes are kept.
    pub unreadable: u64,
    pub epochs: Vec<Epoch>,
}

/// The books of one epoch of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Epoch {
    pub cn: String,
    /// Decimal, as text: it exceeds what JSON numbers hold everywhere.
    pub epoch: String,
    /// No seq is lost, no poll is missing or short.
    pub closes: bool,
    /// A later epoch speaks of this one. What it has not said yet of it is open.
    pub ended: bool,
    /// Highest seq given and lowest still held, as stated; absent if the agent has stated nothing yet.
    pub taken: Option<u64>,
    pub oldest: Option<u64>,
    /// Unix seconds of the latest statement, by the agent's clock.
    pub stated_at: Option<u32>,
    /// Seqs in `batches`, and payloads by what became of them.
    pub found: u64,
    pub committed: u64,
    pub held: u64,
    pub rejected: u64,
    /// Seqs covered by drops and not found.
    pub dropped: u64,
    pub drops: Vec<Dropped>,
    pub lost: u64,
    /// The first spans of lost seqs, `[first, last]`.
    pub lost_spans: Vec<[u64; 2]>,
    pub open: u64,
    /// Seqs found beyond the latest statement.
    pub beyond: u64,
    /// Seqs with two payloads: a cloned or restored agent. Both count.
    pub conflicts: u64,
    pub conflict_seqs: Vec<u64>,
    /// Repeated lines in `batches` that no merge has removed yet; harmless.
    pub repeats: u64,
    pub polls: Polls,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Polls {
    /// As stated by the agent.
    pub taken: Option<u64>,
    pub in_batches: u64,
    /// Rows of `polls` after deduplication.
    pub stored: u64,
    pub rejected_records: u64,
    /// In drops, as stated.
    pub dropped: u64,
    /// Rows whose payload has no line in `batches`: stored, and named.
    pub unledgered: u64,
    /// Polls of committed payloads without a row of their own. In an epoch with conflicts that is how clones overlap, and in one
    /// whose spool was damaged what it sent again; elsewhere it is a loss.
    pub missing: u64,
    /// Polls that the agent states and nobody can find, once no seq is open, held or rejected.
    pub short: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    pub from: u64,
    pub to: u64,
    pub polls: u64,
    pub cause: String,
}

#[derive(Debug, Row, Deserialize)]
struct SpanRow {
    cn: String,
    epoch: u64,
    first: u64,
    last: u64,
}

#[derive(Debug, Row, Deserialize)]
struct BatchesRow {
    cn: String,
    epoch: u64,
    committed: u64,
    held: u64,
    rejected: u64,
    polls: u64,
    rejected_records: u64,
    polls_due: u64,
    last_received: u32,
}

#[derive(Debug, Row, Deserialize)]
struct ConflictsRow {
    cn: String,
    epoch: u64,
    conflicts: u64,
    seqs: Vec<u64>,
    repeats: i64,
}

#[derive(Debug, Row, Deserialize)]
struct StatsOf {
    cn: String,
    epoch: u64,
    taken: u64,
    polls_taken: u64,
    oldest: u64,
    ts: u32,
    last_received: u32,
}

#[derive(Debug, Row, Deserialize)]
struct PriorRow {
    cn: String,
    epoch: u64,
    taken: u64,
    oldest: u64,
}

#[derive(Debug, Row, Deserialize)]
struct DropOf {
    cn: String,
    epoch: u64,
    from_seq: u64,
    to_seq: u64,
    cause: String,
    polls: u64,
}

#[derive(Debug, Row, Deserialize)]
struct PollsRow {
    cn: String,
    epoch: u64,
    stored: u64,
    unledgered: u64,
    missing: u64,
}

/// Everything that is known of one epoch.
#[derive(Debug, Default)]
struct Facts {
    spans: Vec<Span>,
    batches: Option<BatchesRow>,
    conflicts: Option<ConflictsRow>,
    stats: Option<StatsOf>,
    prior: Option<PriorRow>,
    drops: Vec<DropOf>,
    polls: Option<PollsRow>,
}

/// Reads and balances the books.
///
/// # Errors
/// [`StoreError`] when the store does not answer.
pub async fn proof(config: &ClickhouseConfig, question: &Question) -> Result<Proof, StoreError> {
    let ask = Ask { store: Store::new(config), cn: question.cn.clone().unwrap_or_default() };
    let mut facts: BTreeMap<(String, u64), Facts> = BTreeMap::new();
    for row in ask.rows::<SpanRow>("the seqs", include_str!("../../sql/proof_spans.sql")).await? {
        facts.entry((row.cn, row.epoch)).or_default().spans.push(Span { first: row.first, last: row.last });
    }
    for row in ask.rows::<BatchesRow>("the batches", include_str!("../../sql/proof_batches.sql")).await? {
        let key = (row.cn.clone(), row.epoch);
        facts.entry(key).or_default().batches = Some(row);
    }
    for row in ask.rows::<ConflictsRow>("the conflicts", include_str!("../../sql/proof_conflicts.sql")).await? {
        let key = (row.cn.clone(), row.epoch);
        facts.entry(key).or_default().conflicts = Some(row);
    }
    for row in ask.rows::<StatsOf>("the statements", include_str!("../../sql/proof_stats.sql")).await? {
        let key = (row.cn.clone(), row.epoch);
        facts.entry(key).or_default().stats = Some(row);
    }
    for row in ask.rows::<PriorRow>("the ended epochs", include_str!("../../sql/proof_prior.sql")).await? {
        let key = (row.cn.clone(), row.epoch);
        facts.entry(key).or_default().prior = Some(row);
    }
    for row in ask.rows::<DropOf>("the drops", include_str!("../../sql/proof_drops.sql")).await? {
        facts.entry((row.cn.clone(), row.epoch)).or_default().drops.push(row);
    }
    for row in ask.rows::<PollsRow>("the polls", include_str!("../../sql/proof_polls.sql")).await? {
        let key = (row.cn.clone(), row.epoch);
        facts.entry(key).or_default().polls = Some(row);
    }
    let unreadable: Vec<u64> = ask.rows("unreadable payloads", include_str!("../../sql/proof_unreadable.sql")).await?;
    // Epoch 0 holds the unreadable ones, unless an agent really drew that number.
    facts.retain(|(_, epoch), facts| *epoch != 0 || facts.batches.is_some() || facts.stats.is_some());
    let told = told_by_agent(&facts);
    facts.retain(|_, facts| within(facts, question));
    let close = |((cn, epoch), facts): ((String, u64), Facts)| {
        let told = told.get(&cn).copied().unwrap_or(true);
        strike(cn, epoch, &facts, told)
    };
    let epochs: Vec<Epoch> = facts.into_iter().map(close).collect();
    let sum = |value: fn(&Epoch) -> u64| epochs.iter().map(value).sum();
    Ok(Proof {
        version: 1,
        closes: epochs.iter().all(|epoch| epoch.closes),
        lost: sum(|epoch| epoch.lost),
        dropped: sum(|epoch| epoch.dropped),
        polls_stored: sum(|epoch| epoch.polls.stored),
        polls_in_batches: sum(|epoch| epoch.polls.in_batches),
        unreadable: unreadable.into_iter().sum(),
        epochs,
    })
}

struct Ask {
    store: Store,
    cn: String,
}

impl Ask {
    async fn rows<T: RowOwned + RowRead>(&self, what: &str, sql: &str) -> Result<Vec<T>, StoreError> {
        let query = self.store.client().query_raw(sql).param("cn", &self.cn);
        query.fetch_all::<T>().await.map_err(StoreError::of(format!("read {what}")))
    }
}

fn within(facts: &Facts, question: &Question) -> bool {
    if question.from.is_none() && question.to.is_none() {
        return true;
    }
    let from = question.from.unwrap_or(0);
    let to = question.to.unwrap_or(u32::MAX);
    let received =
        [facts.batches.as_ref().map(|row| row.last_received), facts.stats.as_ref().map(|row| row.last_received)];
    received.into_iter().flatten().any(|at| (from..to).contains(&at))
}

/// Whether each agent has said what became of its ended epochs.
fn told_by_agent(facts: &BTreeMap<(String, u64), Facts>) -> BTreeMap<String, bool> {
    let mut oldest: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for ((cn, _), facts) in facts.iter().filter(|(_, facts)| facts.prior.is_none()) {
        oldest.entry(cn.clone()).or_default().extend(facts.stats.as_ref().map(|row| row.oldest));
    }
    oldest.into_iter().map(|(cn, oldest)| (cn, told(oldest))).collect()
}

/// `told` = whether the agent has said what became of its ended epochs.
fn strike(cn: String, epoch: u64, facts: &Facts, told: bool) -> Epoch {
    let stated = facts.stats.as_ref().map(|row| (row.taken, row.oldest));
    let prior = facts.prior.as_ref().map(|row| (row.taken, row.oldest));
    let statement = match (stated, prior) {
        (None, None) => None,
        (own, prior) => {
            let (own, later) = (own.unwrap_or((0, 0)), prior.unwrap_or((0, 0)));
            Some(Statement { taken: own.0.max(later.0), oldest: own.1.max(later.1), ended: prior.is_some() && told })
        }
    };
    let found = Seqs::new(facts.spans.iter().copied());
    let dropped = Seqs::new(facts.drops.iter().map(|drop| Span { first: drop.from_seq, last: drop.to_seq }));
    let books = balance(&found, &dropped, statement);

    let batches = facts.batches.as_ref();
    let conflicts = facts.conflicts.as_ref();
    let polls_dropped = facts.drops.iter().map(|drop| drop.polls).sum();
    let mut polls = Polls {
        taken: facts.stats.as_ref().map(|row| row.polls_taken),
        in_batches: batches.map_or(0, |row| row.polls),
        stored: facts.polls.as_ref().map_or(0, |row| row.stored),
        rejected_records: batches.map_or(0, |row| row.rejected_records),
        dropped: polls_dropped,
        unledgered: facts.polls.as_ref().map_or(0, |row| row.unledgered),
        missing: facts.polls.as_ref().map_or(0, |row| row.missing),
        short: 0,
    };
    let (held, rejected) = batches.map_or((0, 0), |row| (row.held, row.rejected));
    let conflicting = conflicts.map_or(0, |row| row.conflicts);
    let all_known = books.open == 0 && books.lost.is_empty() && held == 0 && rejected == 0 && conflicting == 0;
    // What a damaged or lost spool held could not be counted any more; its drops say 0 polls.
    let counted = facts.drops.iter().all(|drop| drop.polls > 0 || drop.cause == "cap");
    if let Some(taken) = polls.taken.filter(|_| all_known && counted) {
        polls.short = taken.saturating_sub(batches.map_or(0, |row| row.polls_due).saturating_add(polls_dropped));
    }
    // A damaged log may have gone back to before records were frozen: they came once more, under another seq.
    let overlaps = conflicting > 0 || facts.drops.iter().any(|drop| drop.cause == "damaged");
    let closes = books.lost.is_empty() && (polls.missing == 0 || overlaps) && polls.short == 0;
    Epoch {
        cn,
        epoch: epoch.to_string(),
        closes,
        ended: facts.prior.is_some(),
        taken: statement.map(|statement| statement.taken),
        oldest: statement.map(|statement| statement.oldest),
        stated_at: facts.stats.as_ref().map(|row| row.ts),
        found: books.found,
        committed: batches.map_or(0, |row| row.committed),
        held,
        rejected,
        dropped: books.dropped,
        drops: facts.drops.iter().map(dropped_of).collect(),
        lost: books.lost.count(),
        lost_spans: books.lost.spans().iter().take(NAMED_MAX).map(|span| [span.first, span.last]).collect(),
        open: books.open,
        beyond: books.beyond,
        conflicts: conflicting,
        conflict_seqs: conflicts.map(|row| row.seqs.clone()).unwrap_or_default(),
        repeats: conflicts.map_or(0, |row| u64::try_from(row.repeats).unwrap_or(0)),
        polls,
    }
}

fn dropped_of(row: &DropOf) -> Dropped {
    Dropped { from: row.from_seq, to: row.to_seq, polls: row.polls, cause: row.cause.clone() }
}

#[cfg(test)]
mod tests;
