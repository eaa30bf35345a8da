//! What a checkpoint proves: from ClickHouse alone and against the printers' own lives. Everything but the books looks at
//! what was stored since the last checkpoint only; the last checkpoint looks at everything.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;

use super::{given_up, stage, twins};
use crate::check::{self, Check, Printers};
use crate::world::{World, tools};

/// What is looked at.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// First hour whose polls nobody looked at yet, and the last hour; hours since the drill's start.
    pub from_hour: u64,
    pub to_hour: u64,
    /// Everything since the beginning, and what is not bounded by time: the latest values of all devices.
    pub full: bool,
    /// Agents whose polls may have gaps, because two of them ran.
    pub doubled: &'a BTreeSet<usize>,
    /// Polls that each agent gave up, as of the last checkpoint.
    pub dropped: &'a BTreeMap<String, u64>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub checks: Vec<Check>,
    pub books: Books,
    pub polls_stored: u64,
    /// Polls that each agent gave up, since the beginning.
    pub dropped: BTreeMap<String, u64>,
}

/// `ingest proof`, summed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Books {
    pub lost: u64,
    pub polls_dropped: u64,
    pub conflicts: u64,
    pub repeats: u64,
}

/// # Errors
/// When a tool cannot be run or ClickHouse does not answer.
pub(super) async fn verify(world: &World, printers: &Printers, scope: &Scope<'_>) -> Result<Found> {
    let unseen = stage::beginning()?.as_second() + hours(scope.from_hour);
    let begin = if scope.full { 0 } else { unseen };
    let (proof, closed) = books(world).await?;
    let dropped = given_up::polls(world).await?;
    let (stored, _) = check::stored(world, printers, begin).await?;
    let mut checks = vec![closed, stored, twice(world, begin).await?, gaps(world, scope, unseen, &dropped).await?];
    checks.push(unsure(world, begin).await?);
    checks.extend(rollups(world, begin, scope.full).await?);
    let polls_stored =
        world.count(&format!("SELECT count() FROM polls FINAL WHERE ts >= toDateTime({begin}, 'UTC')")).await?;
    let epochs = proof["epochs"].as_array().cloned().unwrap_or_default();
    let sum = |field: &str| epochs.iter().filter_map(|epoch| epoch[field].as_u64()).sum();
    let books = Books {
        lost: proof["lost"].as_u64().unwrap_or(u64::MAX),
        polls_dropped: dropped.values().sum(),
        conflicts: sum("conflicts"),
        repeats: sum("repeats"),
    };
    Ok(Found { checks, books, polls_stored, dropped })
}

fn hours(count: u64) -> i64 {
    i64::try_from(count * 3600).unwrap_or(i64::MAX)
}

/// `ingest proof` of everything, from ClickHouse alone.
async fn books(world: &World) -> Result<(Value, Check)> {
    let config = world.ingest_config.to_string_lossy().into_owned();
    let (_, proof) = tools::json(world, "ingest", &["proof", "--config", &config, "--json"], &[0, 1]).await?;
    let mut check = Check::new("the books close for every epoch of every agent");
    for epoch in proof["epochs"].as_array().context("the proof names no epochs")? {
        check.that(epoch["closes"] == true && epoch["lost"] == 0, || format!("{epoch}"));
    }
    check.that(proof["unreadable"] == 0, || format!("{} payloads could not be read", proof["unreadable"]));
    for agent in &world.agents {
        check.that(proof.to_string().contains(agent.cn.as_str()), || format!("{} has no books", agent.cn));
    }
    Ok((proof, check))
}

/// A poll stands once, and nothing was held or rejected on the way.
async fn twice(world: &World, begin: i64) -> Result<Check> {
    let mut check = Check::new("no row stands twice, none is rejected or held");
    let rows = world
        .query(&format!(
            "SELECT cn, device, ts, count() FROM polls FINAL WHERE ts >= toDateTime({begin}, 'UTC') \
             GROUP BY cn, device, ts HAVING count() > 1 LIMIT 10 FORMAT TSV"
        ))
        .await?;
    check.that(rows.is_empty(), || format!("rows that stand twice: {rows}"));
    let kept = world.query("SELECT cn, reason, count() FROM kept FINAL GROUP BY cn, reason FORMAT TSV").await?;
    check.that(kept.is_empty(), || format!("kept payloads: {kept}"));
    let rejected =
        world.query("SELECT cn, reason, count() FROM rejected_records FINAL GROUP BY cn, reason FORMAT TSV").await?;
    check.that(rejected.is_empty(), || format!("rejected records: {rejected}"));
    Ok(check)
}

/// Every printer has a poll in every hour. What a full spool gave up is counted in drops, and may be missing; an agent
/// beside which a clone ran may have missed hours.
async fn gaps(world: &World, scope: &Scope<'_>, begin: i64, dropped: &BTreeMap<String, u64>) -> Result<Check> {
    let mut check = Check::new("every printer has one poll in every hour, but for what drops name");
    let rows = world
        .query(&format!(
            "SELECT cn, count(), uniqExact(device, toStartOfHour(ts)) FROM polls FINAL \
             WHERE ts >= toDateTime({begin}, 'UTC') GROUP BY cn ORDER BY cn FORMAT TSV"
        ))
        .await?;
    let found: BTreeMap<&str, (u64, u64)> = rows
        .lines()
        .filter_map(|row| {
            let mut cells = row.split('\t');
            Some((cells.next()?, (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?)))
        })
        .collect();
    let hours = scope.to_hour + 1 - scope.from_hour;
    for (at, agent) in world.agents.iter().enumerate() {
        let cn = agent.cn.as_str();
        let of = |drops: &BTreeMap<String, u64>| drops.get(cn).copied().unwrap_or(0);
        let given_up = of(dropped) - of(scope.dropped).min(of(dropped));
        let due = u64::try_from(stage::printers_of(at))? * hours;
        let (polls, printer_hours) = found.get(cn).copied().unwrap_or_default();
        check.that(polls == printer_hours, || format!("{cn}: {polls} polls in {printer_hours} hours of printers"));
        let complete = printer_hours + given_up >= due || scope.doubled.contains(&at);
        check.that(complete, || {
            format!("{cn}: {printer_hours} hours of printers stored, {given_up} given up, {due} were due")
        });
    }
    Ok(check)
}

/// A wall clock that jumps must not make a single stamp doubtful.
async fn unsure(world: &World, begin: i64) -> Result<Check> {
    let mut check = Check::new("no stamp is unsure, however wrong the hosts' clocks were");
    let rows = world
        .query(&format!(
            "SELECT cn, ts, device FROM polls FINAL WHERE clock != 0 AND received >= toDateTime({begin}, 'UTC') LIMIT 10 \
             FORMAT TSV"
        ))
        .await?;
    check.that(rows.is_empty(), || format!("unsure stamps: {rows}"));
    Ok(check)
}

/// A rollup and what bounds its rows.
struct Rollup {
    table: &'static str,
    /// Of rows in the rollup, and of polls, from a moment on; `None` if only everything can be compared.
    since: Option<(&'static str, &'static str)>,
}

const ROLLUPS: [Rollup; 4] = [
    // The day's first hours lie before the moment, so both sides take whole days.
    Rollup {
        table: "counter_day",
        since: Some((
            "day >= toDate('{day}')",
            "local_day >= toDate('{day}') AND ts >= toDateTime('{day} 00:00:00', 'UTC') - INTERVAL 1 DAY",
        )),
    },
    Rollup { table: "counter_last", since: None },
    Rollup { table: "device_last", since: None },
    Rollup { table: "supply_last", since: None },
];

/// Days of devices with polls that no line in `batches` accounts for. An insert that was broken off may have reached the table
/// and not its views; it is repeated, unless the agent gave the payload up meanwhile, which a drop record says.
const UNLEDGERED: &str = "SELECT device, local_day FROM polls FINAL \
    WHERE (cn, epoch, seq, id) NOT IN (SELECT cn, epoch, seq, id FROM batches)";

/// Each rollup against its own view's query over `polls FINAL`, column by column. Of a tuple (moment, delivery, value) the
/// delivery is left out: an engine that is killed between a table and its views has stored the first delivery of a poll in
/// the one, and only the second in the others. Where two payloads hold a poll of one device and second ([`twins`]), the
/// table keeps one and the views know both.
async fn rollups(world: &World, begin: i64, full: bool) -> Result<Vec<Check>> {
    let day = Timestamp::from_second(begin)?.strftime("%Y-%m-%d").to_string();
    let mut checks = Vec::new();
    for Rollup { table, since } in &ROLLUPS {
        let bounds = match since {
            _ if full => ("1".to_owned(), "1".to_owned()),
            Some((rows, polls)) => (rows.replace("{day}", &day), polls.replace("{day}", &day)),
            None => continue,
        };
        let (mut rows, mut polls) = bounds;
        if *table == "counter_day" {
            // What lies between the first and the last value of a day has no moment of its own.
            let twins = twins::DAYS;
            rows = format!("{rows} AND (device, day) NOT IN ({UNLEDGERED}) AND (device, day) NOT IN ({twins})");
            polls = format!(
                "{polls} AND (device, local_day) NOT IN ({UNLEDGERED}) AND (device, local_day) NOT IN ({twins})"
            );
        }
        checks.push(rollup(world, table, &rows, &polls).await?);
    }
    Ok(checks)
}

async fn rollup(world: &World, table: &str, rows: &str, polls: &str) -> Result<Check> {
    let mut check = Check::new(&format!("{table} says what polls FINAL says"));
    let again = view_over(world, table, &format!("(SELECT * FROM polls FINAL WHERE {polls})")).await?;
    check.tried = world.count(&format!("SELECT count() FROM {table} FINAL WHERE {rows}")).await?;
    for line in world.query(&differences(world, table, rows, &again).await?).await?.lines() {
        check.that(false, || line.to_owned());
    }
    Ok(check)
}

/// The view's own query, reading its polls from `source`.
async fn view_over(world: &World, table: &str, source: &str) -> Result<String> {
    let view = world
        .query(&format!(
            "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = '{table}_view' FORMAT TSVRaw"
        ))
        .await?;
    let again = ["platen.polls", "polls"].iter().find_map(|name| {
        let (head, tail) = view.split_once(&format!(" FROM {name}"))?;
        Some(format!("{head} FROM {source} AS polls{tail}"))
    });
    again.with_context(|| format!("{table}_view reads something else than polls: {view}"))
}

/// A query for the rows on which a rollup and `again` disagree. A cell is (moment, text); moment 0 = it has none.
async fn differences(world: &World, table: &str, rows: &str, again: &str) -> Result<String> {
    let list = |what: &str| {
        format!(
            "SELECT arrayStringConcat(groupArray({what}), ', ') FROM (SELECT * FROM system.columns \
             WHERE database = currentDatabase() AND table = '{table}' ORDER BY position)"
        )
    };
    let columns = world
        .query(&format!(
            "SELECT ({}), ({}), ({}) FORMAT TSVRaw",
            list("if(is_in_sorting_key, 'toString(' || name || ')', NULL)"),
            list(
                "multiIf(is_in_sorting_key, NULL, type LIKE '%Tuple(%', \
                 '(toUInt32(' || name || '.1), toString((' || name || '.1, ' || name || '.3)))', type LIKE '%DateTime%', \
                 '(toUInt32(' || name || '), toString(' || name || '))', '(toUInt32(0), toString(' || name || '))')"
            ),
            list("if(is_in_sorting_key, NULL, '\\'' || name || '\\'')"),
        ))
        .await?;
    let mut columns = columns.split('\t');
    let mut next = || columns.next().map(str::to_owned).context("system.columns does not know the rollup");
    let (key, cells, names) = (next()?, next()?, next()?);
    let side = |side: u8, from: &str| {
        format!("SELECT device, arrayStringConcat([{key}], ' ') AS key, [{cells}] AS cells, {side} AS side FROM {from}")
    };
    let sides = format!(
        "{} UNION ALL {}",
        side(1, &format!("(SELECT * FROM {table} FINAL WHERE {rows})")),
        side(2, &format!("({again})"))
    );
    Ok(format!(
        "SELECT key, arrayStringConcat(arrayFilter(x -> x != '', arrayMap((name, r, a) -> if(r.2 = a.2 OR \
         (has(moments, r.1) AND r.1 >= a.1), '', name || ': rollup ' || r.2 || ', polls ' || a.2), [{names}], \
         rolled, again)), '; ') AS odd FROM ( \
         SELECT key, moments, if(empty(one), arrayMap(x -> (toUInt32(0), ''), two), one) AS rolled, \
         if(empty(two), arrayMap(x -> (toUInt32(0), ''), one), two) AS again FROM ( \
         SELECT device, key, groupArrayArrayIf(cells, side = 1) AS one, groupArrayArrayIf(cells, side = 2) AS two \
         FROM ({sides}) GROUP BY device, key) AS compared LEFT JOIN ({}) AS twins USING (device)) \
         WHERE odd != '' ORDER BY key LIMIT 6 FORMAT TSVRaw",
        twins::MOMENTS
    ))
}
