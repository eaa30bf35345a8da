//! The official client and plain HTTP see what a ClickHouse server would show them.

use anyhow::{Result, bail, ensure};
use clickhouse::Compression;

use super::polls::{POLLS, Poll, polls};
use super::process::Engine;

#[tokio::test]
async fn typed_rows_come_back_as_they_went_in_compressed_or_not() -> Result<()> {
    let engine = Engine::start().await?;
    engine.run(POLLS).await?;
    for compression in [Compression::None, Compression::Lz4] {
        engine.run("TRUNCATE TABLE polls").await?;
        let client = engine.client().with_compression(compression);
        let sent = polls(20_000);
        let mut insert = client.insert::<Poll>("polls").await?;
        for poll in &sent {
            insert.write(poll).await?;
        }
        insert.end().await?;
        let mut cursor = client.query("SELECT ?fields FROM polls ORDER BY ts").fetch::<Poll>()?;
        for poll in &sent {
            let found = cursor.next().await?;
            ensure!(found.as_ref() == Some(poll), "{found:?} instead of {poll:?} with {compression:?}");
        }
        ensure!(cursor.next().await?.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn a_large_select_is_streamed_whole_and_in_order() -> Result<()> {
    let engine = Engine::start().await?;
    let mut cursor = engine.client().query("SELECT number FROM numbers(3000000)").fetch::<u64>()?;
    let mut expected = 0;
    while let Some(number) = cursor.next().await? {
        ensure!(number == expected, "{number} instead of {expected}");
        expected += 1;
    }
    ensure!(expected == 3_000_000, "ended after {expected} rows");
    // No rows at all still tell their columns.
    ensure!(engine.client().query("SELECT number FROM numbers(0)").fetch_all::<u64>().await?.is_empty());
    // A result with an envelope is not cut into pieces.
    let reply = engine.post("/", "", b"SELECT number FROM numbers(200000) FORMAT JSONCompact").await?;
    let parsed: serde_json::Value = serde_json::from_slice(&reply.body)?;
    ensure!(parsed["rows"] == 200_000, "{}", parsed["rows"]);
    Ok(())
}

#[tokio::test]
async fn a_statement_runs_in_as_many_threads_as_it_asks_for() -> Result<()> {
    let engine = Engine::start().await?;
    let asked = engine.client().with_setting("max_threads", "2");
    let pipeline = asked.query("EXPLAIN PIPELINE SELECT sum(number) FROM numbers_mt(100000000)").fetch_all::<String>();
    let pipeline = pipeline.await?.join("\n");
    ensure!(pipeline.contains("AggregatingTransform × 2"), "{pipeline}");
    Ok(())
}

#[tokio::test]
async fn bound_values_and_parameters_arrive_as_they_are() -> Result<()> {
    let engine = Engine::start().await?;
    for value in
        ["", "a'b", "back\\slash", "tab\tline\nend\r", "é ✓ \u{1F5A8}", "?", "{x:String}", "'; DROP TABLE t; --", "\\N"]
    {
        let bound: String = engine.client().query("SELECT ?").bind(value).fetch_one().await?;
        ensure!(bound == value, "bound {value:?} came back as {bound:?}");
        let param: String = engine.client().query("SELECT {x:String}").param("x", value).fetch_one().await?;
        ensure!(param == value, "parameter {value:?} came back as {param:?}");
    }
    let sum: u64 = engine
        .client()
        .query("SELECT arraySum({list:Array(UInt64)})")
        .param("list", vec![1_u64, 2, 3])
        .fetch_one()
        .await?;
    ensure!(sum == 6);
    Ok(())
}

#[tokio::test]
async fn errors_carry_the_code_and_the_status_of_clickhouse() -> Result<()> {
    let engine = Engine::start().await?;
    for (target, sql, status, code) in [
        ("/", "SELECT * FROM nowhere", 404, 60),
        ("/?database=nowhere", "SELECT 1", 404, 81),
        ("/", "SELEC 1", 400, 62),
        ("/", "", 400, 62),
        ("/", "SELECT nothing", 404, 47),
        ("/?no_such_setting=1", "SELECT 1", 404, 115),
        ("/?max_execution_time=1", "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1", 408, 159),
        ("/?max_memory_usage=10000000", "SELECT groupArray(number) FROM numbers(100000000)", 500, 241),
        ("/?role=admin", "SELECT 1", 404, 511),
        ("/?decompress=1", "not a block", 500, 271),
        ("/?query=INSERT%20INTO%20nowhere%20FORMAT%20TSV", "1", 404, 60),
        ("/?query=INSERT%20INTO%20FUNCTION%20null('a%20Int8')%20FORMAT%20TSV", "x", 400, 27),
        ("/", "SELECT 1 INTO OUTFILE 'x'", 501, 48),
    ] {
        let reply = engine.post(target, "", sql.as_bytes()).await?;
        let header = format!("x-clickhouse-exception-code: {code}");
        ensure!(reply.status == status && reply.head.contains(&header), "{target} {sql}: {reply:?} {}", reply.text());
        ensure!(reply.text().starts_with(&format!("Code: {code}. DB::Exception: ")), "{}", reply.text());
    }
    let error = engine.client().with_setting("no_such_setting", "1").query("SELECT 1").execute().await;
    ensure!(error.is_err_and(|error| error.to_string().contains("Code: 115")));
    Ok(())
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_reply_reaches_the_client() -> Result<()> {
    let engine = Engine::start().await?;
    let sql = "SELECT toUInt64(throwIf(number = 900000)) FROM numbers(1000000)";
    let client = engine.client().with_setting("max_block_size", "1000");
    let mut cursor = client.query(sql).fetch::<u64>()?;
    let mut rows = 0;
    let error = loop {
        match cursor.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => bail!("the reply ended as if it were whole, after {rows} rows"),
            Err(error) => break error.to_string(),
        }
    };
    ensure!(rows > 0 && error.contains("Code: 395"), "{rows} rows, then {error}");
    Ok(())
}

#[tokio::test]
async fn forty_clients_at_once_all_get_their_turn() -> Result<()> {
    let engine = Engine::start().await?;
    engine.run("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a").await?;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..40_u32 {
        let client = engine.client();
        clients.spawn(async move {
            client.query("INSERT INTO t SELECT ? + number FROM numbers(10)").bind(number * 10).execute().await?;
            client
                .query("SELECT count() FROM t WHERE a >= ? AND a < ?")
                .bind(number * 10)
                .bind(number * 10 + 10)
                .fetch_one::<u64>()
                .await
        });
    }
    while let Some(seen) = clients.join_next().await {
        ensure!(seen?? == 10);
    }
    ensure!(engine.number("SELECT count() FROM t").await? == 400);
    Ok(())
}
