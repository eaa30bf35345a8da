//! The conformance cases of tests/conformance by the official crate. Against an engine of its own, or, under
//! `make conformance`, against the server that PLATEN_CONFORMANCE_URL names.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

use super::process::{Engine, PASSWORD, until};

const CLIENT: &str = "clickhouse crate";
const LIST: &str = include_str!("../../conformance/cases.json");
const TABLE: &str = "conformance_crate";
/// Never ends by itself.
const ENDLESS: &str = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";

#[derive(Debug, Deserialize)]
struct List {
    cases: Vec<Case>,
    differences: BTreeMap<String, Difference>,
    not_offered: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Difference {
    clients: Vec<String>,
}

/// All types that the store uses. Decimal(18, 4), UUID and DateTime64 come as the integers that they are made of.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Typed {
    n: u64,
    text: String,
    color: String,
    total: Option<i64>,
    ratio: f64,
    price: i64,
    id: (u64, u64),
    ts: u32,
    ts_ms: i64,
    day: u16,
    sure: bool,
    levels: Vec<Option<i64>>,
    extra: Vec<(String, i64)>,
    #[serde(rename = "supplies.name")]
    supplies_name: Vec<String>,
    #[serde(rename = "supplies.level")]
    supplies_level: Vec<i64>,
}

const COLUMNS: &str = "n UInt64, text String, color LowCardinality(String), total Nullable(Int64), ratio Float64, \
    price Decimal(18, 4), id UUID, ts DateTime('UTC'), ts_ms DateTime64(3, 'UTC'), day Date, sure Bool, \
    levels Array(Nullable(Int64)), extra Map(String, Int64), \
    supplies Nested(name LowCardinality(String), level Int64)";

fn rows(count: u32) -> Vec<Typed> {
    (0..count)
        .map(|at| Typed {
            n: at.into(),
            text: format!("text '{at}' \\ \t é"),
            color: if at % 2 == 0 { "black" } else { "cyan" }.to_owned(),
            total: (at % 3 != 0).then_some(-i64::from(at)),
            ratio: f64::from(at) / 3.0,
            price: at.into(),
            id: (at.into(), 7),
            ts: 1_772_366_400 + at,
            ts_ms: 1_772_366_400_000 + i64::from(at),
            day: 20_000 + u16::try_from(at % 30).unwrap(),
            sure: at % 2 == 0,
            levels: vec![None, Some(at.into())],
            extra: vec![(String::new(), -1), ("a3".to_owned(), at.into())],
            supplies_name: vec!["x".to_owned(), "y".to_owned()],
            supplies_level: vec![at.into(), -i64::from(at)],
        })
        .collect()
}

/// Where the cases run.
struct Server {
    client: Client,
    /// Differences are expected here.
    embedded: bool,
    /// Kept running as long as the cases do.
    _engine: Option<Engine>,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "the test's own switches, no part's configuration")]
    async fn start() -> Result<Self> {
        let Ok(url) = std::env::var("PLATEN_CONFORMANCE_URL") else {
            let engine = Engine::start().await?;
            let client = engine.client().with_password(PASSWORD);
            return Ok(Self { client, embedded: true, _engine: Some(engine) });
        };
        let of = |name: &str| std::env::var(name).unwrap_or_default();
        let password =
            std::fs::read_to_string(of("PLATEN_CONFORMANCE_PASSWORD_FILE")).context("the password's file")?;
        let client =
            Client::default().with_url(url).with_user(of("PLATEN_CONFORMANCE_USER")).with_password(password.trim());
        Ok(Self { client, embedded: of("PLATEN_CONFORMANCE_EMBEDDED") == "1", _engine: None })
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test's own switches, no part's configuration")]
async fn every_conformance_case_holds_for_the_clickhouse_crate() -> Result<()> {
    let list: List = serde_json::from_str(LIST)?;
    let server = Server::start().await?;
    let mut results = BTreeMap::new();
    for Case { name } in &list.cases {
        if list.not_offered.get(name).is_some_and(|clients| clients.contains_key(CLIENT)) {
            results.insert(name.clone(), "not offered".to_owned());
            continue;
        }
        let known = list.differences.get(name).is_some_and(|known| known.clients.iter().any(|client| client == CLIENT));
        let result = match (case(name, &server.client).await, server.embedded && known) {
            (Ok(()), false) => "ok".to_owned(),
            (Err(_), true) => "differs".to_owned(),
            (Ok(()), true) => "FAILED: holds, although cases.json lists it as a difference".to_owned(),
            (Err(error), false) => format!("FAILED: {error:#}"),
        };
        results.insert(name.clone(), result);
    }
    server.client.query(&format!("DROP TABLE IF EXISTS {TABLE}")).execute().await?;
    if let Ok(report) = std::env::var("PLATEN_CONFORMANCE_REPORT") {
        std::fs::write(report, serde_json::to_string_pretty(&results)?)?;
    }
    let failed: Vec<_> = results.iter().filter(|(_, result)| result.starts_with("FAILED")).collect();
    ensure!(failed.is_empty(), "{failed:#?}");
    Ok(())
}

#[test]
fn the_conformance_page_tells_every_case_and_every_difference() {
    let list: List = serde_json::from_str(LIST).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/engine-conformance.md");
    let page = std::fs::read_to_string(page).unwrap();
    for Case { name } in &list.cases {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is missing: run `make conformance`");
    }
    for name in list.differences.keys().chain(list.not_offered.keys()) {
        assert!(list.cases.iter().any(|case| case.name == *name), "{name} is no case");
    }
    assert!(!page.contains("FAILED"), "the page shows a failed run");
}

async fn case(name: &str, client: &Client) -> Result<()> {
    match name {
        "ping" | "version" => version(client).await,
        "ddl" => ddl(client).await,
        "insert_rows" => insert(client, 1_000, 1_000).await,
        "insert_columns" => insert(client, 1_000, 100).await,
        "typed_rows" => typed_rows(client).await,
        "empty_result" => empty_result(client).await,
        "parameters" => parameters(client).await,
        "streamed_result" => streamed_result(client).await,
        "compression_lz4" => compression(client).await,
        "formats" => formats(client).await,
        "settings" => settings(client).await,
        "session" => session(client).await,
        "error_codes" => error_codes(client).await,
        "error_midway" => error_midway(client).await,
        "wrong_password" => wrong_password(client).await,
        "timeout" => refused(&client.clone().with_setting("max_execution_time", "1"), ENDLESS, 159).await,
        "cancel" => cancel(client, "query LIKE '%MARK%' AND query NOT LIKE '%KILL%'").await,
        "kill_by_id" => cancel(client, "query_id = 'MARK'").await,
        "leave" => leave(client).await,
        other => bail!("{other} is not written for the crate"),
    }
}

async fn run(client: &Client, sql: &str) -> Result<()> {
    client.query(sql).execute().await.with_context(|| sql.to_owned())
}

async fn fresh(client: &Client) -> Result<()> {
    run(client, &format!("DROP TABLE IF EXISTS {TABLE}")).await?;
    run(client, &format!("CREATE TABLE {TABLE} ({COLUMNS}) ENGINE = MergeTree ORDER BY n")).await
}

async fn refused(client: &Client, sql: &str, code: u32) -> Result<()> {
    match client.query(sql).execute().await {
        Ok(()) => bail!("{sql} was accepted, expected code {code}"),
        Err(error) if error.to_string().contains(&format!("Code: {code}")) => Ok(()),
        Err(error) => bail!("{sql}: {error}, expected code {code}"),
    }
}

async fn version(client: &Client) -> Result<()> {
    let version: String = client.query("SELECT version()").fetch_one().await?;
    ensure!(version.split('.').next().and_then(|major| major.parse().ok()) >= Some(24), "{version}");
    Ok(())
}

async fn ddl(client: &Client) -> Result<()> {
    fresh(client).await?;
    let exists = async || client.query(&format!("EXISTS TABLE {TABLE}")).fetch_one::<u8>().await;
    ensure!(exists().await? == 1, "it does not exist");
    run(client, &format!("DROP TABLE {TABLE}")).await?;
    ensure!(exists().await? == 0, "it was not dropped");
    Ok(())
}

/// `count` rows in as many inserts as it takes with `at_once` each.
async fn insert(client: &Client, count: u32, at_once: usize) -> Result<()> {
    fresh(client).await?;
    for chunk in rows(count).chunks(at_once) {
        let mut insert = client.insert::<Typed>(TABLE).await?;
        for row in chunk {
            insert.write(row).await?;
        }
        insert.end().await?;
    }
    let stored: u64 = client.query(&format!("SELECT count() FROM {TABLE}")).fetch_one().await?;
    ensure!(stored == u64::from(count), "{stored} rows");
    Ok(())
}

async fn typed_rows(client: &Client) -> Result<()> {
    insert(client, 300, 300).await?;
    let found = client.query(&format!("SELECT ?fields FROM {TABLE} ORDER BY n")).fetch_all::<Typed>().await?;
    for (found, sent) in found.iter().zip(rows(300)) {
        ensure!(*found == sent, "{found:?} instead of {sent:?}");
    }
    ensure!(found.len() == 300, "{} rows", found.len());
    Ok(())
}

async fn empty_result(client: &Client) -> Result<()> {
    ensure!(client.query("SELECT number FROM numbers(0)").fetch_all::<u64>().await?.is_empty());
    Ok(())
}

async fn parameters(client: &Client) -> Result<()> {
    for value in
        ["", "a'b", "back\\slash", "tab\tline\nend\r", "é ✓ \u{1F5A8}", "?", "{x:String}", "'; DROP TABLE t; --", "\\N"]
    {
        let found: String = client.query("SELECT {x:String}").param("x", value).fetch_one().await?;
        ensure!(found == value, "{value:?} came back as {found:?}");
    }
    let sum: u64 = client.query("SELECT arraySum({a:Array(UInt64)})").param("a", vec![1_u64, 2, 3]).fetch_one().await?;
    ensure!(sum == 6, "{sum}");
    Ok(())
}

async fn streamed_result(client: &Client) -> Result<()> {
    let mut cursor = client.query("SELECT number FROM numbers(2000000)").fetch::<u64>()?;
    let mut expected = 0;
    while let Some(number) = cursor.next().await? {
        ensure!(number == expected, "{number} instead of {expected}");
        expected += 1;
    }
    ensure!(expected == 2_000_000, "ended after {expected}");
    Ok(())
}

async fn compression(client: &Client) -> Result<()> {
    typed_rows(&client.clone().with_compression(Compression::Lz4)).await
}

async fn formats(client: &Client) -> Result<()> {
    let sql = "SELECT number AS n, 'a,b' AS s FROM numbers(2)";
    let formats: [(&str, &[u8]); 6] = [
        ("JSONEachRow", b"{\"n\":"),
        ("CSV", b"0,\"a,b\"\n"),
        ("TabSeparated", b"0\ta,b\n"),
        ("JSONCompact", b"{"),
        ("Native", b"\x02\x02\x01n"),
        ("Parquet", b"PAR1"),
    ];
    for (format, begins) in formats {
        let bytes = client.query(sql).fetch_bytes(format)?.collect().await?;
        ensure!(bytes.starts_with(begins), "{format}: {bytes:?}");
    }
    Ok(())
}

async fn settings(client: &Client) -> Result<()> {
    let three = client.clone().with_setting("max_threads", "3");
    let threads: u64 = three.query("SELECT toUInt64(getSetting('max_threads'))").fetch_one().await?;
    ensure!(threads == 3, "{threads}");
    refused(&client.clone().with_setting("no_such_setting", "1"), "SELECT 1", 115).await
}

async fn session(client: &Client) -> Result<()> {
    let client = client.clone().with_setting("session_id", format!("conformance-{}", std::process::id()));
    run(&client, "CREATE TEMPORARY TABLE conformance_temporary (n UInt64)").await?;
    let count: u64 = client.query("SELECT count() FROM conformance_temporary").fetch_one().await?;
    ensure!(count == 0, "{count}");
    Ok(())
}

async fn error_codes(client: &Client) -> Result<()> {
    for (sql, code) in [
        ("SELECT * FROM nowhere", 60),
        ("SELEC 1", 62),
        ("SELECT nothing", 47),
        ("SELECT * FROM nodb.t", 81),
        ("SELECT throwIf(1)", 395),
    ] {
        refused(client, sql, code).await?;
    }
    Ok(())
}

async fn error_midway(client: &Client) -> Result<()> {
    let sql = "SELECT toUInt64(throwIf(number = 900000)) FROM numbers(1000000)";
    let client = client.clone().with_setting("max_block_size", "1000");
    let mut cursor = client.query(sql).fetch::<u64>()?;
    let mut rows = 0;
    loop {
        match cursor.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => bail!("the reply ended as if it were whole, after {rows} rows"),
            Err(error) if rows > 0 && error.to_string().contains("395") => return Ok(()),
            Err(error) => bail!("{rows} rows, then {error}"),
        }
    }
}

async fn wrong_password(client: &Client) -> Result<()> {
    refused(&client.clone().with_password("certainly-not-it"), "SELECT 1", 516).await
}

async fn running(client: &Client, mark: &str) -> Result<bool> {
    let sql =
        format!("SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'");
    Ok(client.query(&sql).fetch_one::<u64>().await? > 0)
}

/// An endless statement that carries a mark in its text and as its id.
fn endless(client: &Client, mark: &str) -> tokio::task::JoinHandle<clickhouse::error::Result<()>> {
    let client = client.clone().with_setting("cancel_http_readonly_queries_on_client_close", "1");
    let (sql, id) = (format!("{ENDLESS} /* {mark} */"), mark.to_owned());
    tokio::spawn(async move { client.query(&sql).with_setting("query_id", id).execute().await })
}

async fn cancel(client: &Client, which: &str) -> Result<()> {
    let mark = format!("crate-{}-{}", which.len(), std::process::id());
    let asked = endless(client, &mark);
    until("the statement is among the processes", || running(client, &mark)).await?;
    run(client, &format!("KILL QUERY WHERE {} ASYNC", which.replace("MARK", &mark))).await?;
    match tokio::time::timeout(std::time::Duration::from_secs(3), asked).await {
        Ok(told) => match told? {
            Err(error) if error.to_string().contains("Code: 394") => Ok(()),
            other => bail!("{other:?} instead of code 394"),
        },
        Err(_) => {
            run(client, &format!("KILL QUERY WHERE query LIKE '%{mark}%' AND query NOT LIKE '%KILL%' ASYNC")).await?;
            bail!("the statement runs on")
        }
    }
}

async fn leave(client: &Client) -> Result<()> {
    let mark = format!("crate-leaves-{}", std::process::id());
    let asked = endless(client, &mark);
    until("the statement is among the processes", || running(client, &mark)).await?;
    asked.abort();
    until("the statement of a client that left was killed", || async { Ok(!running(client, &mark).await?) }).await
}
