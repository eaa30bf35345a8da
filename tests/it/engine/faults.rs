//! Clients that leave, lie or send garbage, and a process that is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::polls::{POLLS, Poll, polls};
use super::process::{Engine, PASSWORD, PATIENCE, until};

#[tokio::test]
async fn an_insert_that_ends_early_commits_nothing() -> Result<()> {
    let engine = Engine::start().await?;
    engine.run(POLLS).await?;
    let mut insert = engine.client().insert::<Poll>("polls").await?;
    for poll in polls(50_000) {
        insert.write(&poll).await?;
    }
    drop(insert);

    // The same by hand: whole rows, then the connection ends before the last chunk.
    let mut stream = TcpStream::connect(("127.0.0.1", engine.port)).await?;
    let head = format!(
        "POST /?query=INSERT+INTO+polls(tenant,ts)+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: default\r\n\
         X-ClickHouse-Key: {PASSWORD}\r\nTransfer-Encoding: chunked\r\n\r\n8\r\na\t1\nb\t2\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await?;
    let mut end = Vec::new();
    let _ = stream.read_to_end(&mut end).await;
    // A malformed tail takes the good rows before it along.
    let mut rows = "a\t1\n".repeat(100_000);
    rows.push_str("broken");
    let reply = engine.post("/?query=INSERT+INTO+polls(tenant,ts)+FORMAT+TSV", "", rows.as_bytes()).await?;
    ensure!(reply.status == 400, "{}", reply.text());
    ensure!(engine.number("SELECT count() FROM polls").await? == 0);
    Ok(())
}

#[tokio::test]
async fn an_oversize_body_is_refused_packed_or_not() -> Result<()> {
    let engine = Engine::start().await?;
    let target = "/?query=INSERT+INTO+FUNCTION+null('a+UInt8')+FORMAT+RowBinary";
    let large = vec![0_u8; 65 * 1024 * 1024];
    let reply = engine.post(target, "", &large).await?;
    ensure!(reply.status == 413 && reply.text().starts_with("Code: 307"), "{reply:?}");
    let bomb = zstd::bulk::compress(&large, 3)?;
    ensure!(bomb.len() < 100_000);
    let reply = engine.post(target, "Content-Encoding: zstd\r\n", &bomb).await?;
    ensure!(reply.status == 413 && reply.text().starts_with("Code: 307"), "{reply:?}");
    let fits = zstd::bulk::compress(&large[..1_000_000], 3)?;
    let reply = engine.post(target, "Content-Encoding: zstd\r\n", &fits).await?;
    ensure!(reply.status == 200 && reply.head.contains("\"written_rows\":\"1000000\""), "{reply:?}");
    Ok(())
}

#[tokio::test]
async fn random_bytes_do_no_harm() -> Result<()> {
    let mut engine = Engine::start().await?;
    let mut random = SmallRng::seed_from_u64(20);
    for round in 0..60 {
        let mut bytes = vec![0_u8; random.random_range(1..5000)];
        random.fill(&mut bytes[..]);
        let start: &[u8] = match round % 4 {
            0 => b"",
            1 => b"POST /?",
            2 => b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            _ => b"GET /?query=",
        };
        let mut stream = TcpStream::connect(("127.0.0.1", engine.port)).await?;
        // The server may close at any time; only its survival counts.
        let _ = stream.write_all(start).await;
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    // And random data behind a right password, in every packing.
    for headers in ["", "Content-Encoding: gzip\r\n", "Content-Encoding: lz4\r\n", "Content-Encoding: zstd\r\n"] {
        let mut bytes = vec![0_u8; 5000];
        random.fill(&mut bytes[..]);
        for target in
            ["/", "/?decompress=1", "/?query=INSERT+INTO+FUNCTION+null('a+String')+FORMAT+RowBinaryWithNamesAndTypes"]
        {
            let reply = engine.post(target, headers, &bytes).await?;
            ensure!(reply.status >= 400, "{target} {headers}: {reply:?}");
        }
    }
    ensure!(engine.process.ended()?.is_none(), "{}", engine.log());
    ensure!(engine.number("SELECT toUInt64(1)").await? == 1);
    Ok(())
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_9_is_there_after_it() -> Result<()> {
    const ROWS: u64 = 500;
    let mut engine = Engine::start().await?;
    engine.run("CREATE TABLE t (batch UInt32, row UInt64) ENGINE = MergeTree ORDER BY batch").await?;
    for round in 0..3_u32 {
        let acknowledged = Arc::new(AtomicU32::new(0));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4_u32 {
            let (client, acknowledged) = (engine.client(), Arc::clone(&acknowledged));
            writers.spawn(async move {
                let mut batches = Vec::new();
                for number in 0..u32::MAX {
                    let batch = round * 1_000_000 + writer * 100_000 + number;
                    let data: String = (0..ROWS).map(|row| format!("{batch}\t{row}\n")).collect();
                    let mut insert = client.insert_formatted_with("INSERT INTO t FORMAT TSV");
                    let sent = async {
                        insert.send(data.into()).await?;
                        insert.end().await
                    };
                    if sent.await.is_err() {
                        return batches;
                    }
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    batches.push(batch);
                }
                batches
            });
        }
        until("40 batches", || async { Ok(acknowledged.load(Ordering::Relaxed) >= 40) }).await?;
        engine.kill_and_restart().await?;
        let batches: Vec<u32> = writers.join_all().await.into_iter().flatten().collect();
        ensure!(batches.len() >= 40);
        let found: Vec<(u32, u64)> =
            engine.client().query("SELECT batch, count() FROM t GROUP BY batch").fetch_all().await?;
        ensure!(found.iter().all(|(_, rows)| *rows == ROWS), "a batch is there in part");
        for batch in batches {
            ensure!(found.iter().any(|(known, _)| *known == batch), "acknowledged batch {batch} is lost");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_whose_client_leaves_is_killed() -> Result<()> {
    let engine = Engine::start().await?;
    let running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number) = 77%' AND query NOT LIKE '%processes%'";
    let mut stream = TcpStream::connect(("127.0.0.1", engine.port)).await?;
    let sql = "SELECT count() FROM numbers(10000000000000) WHERE sipHash64(number) = 77";
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: default\r\nX-ClickHouse-Key: {PASSWORD}\r\nContent-Length: {}\r\n\r\n{sql}",
        sql.len()
    );
    stream.write_all(head.as_bytes()).await?;
    until("the statement runs", || async { Ok(engine.number(running).await? == 1) }).await?;
    drop(stream);
    until("the statement is gone", || async { Ok(engine.number(running).await? == 0) }).await
}

#[tokio::test]
async fn a_stop_signal_ends_it_cleanly_while_a_statement_runs() -> Result<()> {
    let mut engine = Engine::start().await?;
    let client = engine.client();
    let query = tokio::spawn(async move {
        client
            .query("SELECT count() FROM numbers(10000000000000) WHERE sipHash64(number) = 78")
            .fetch_one::<u64>()
            .await
    });
    let running = "SELECT count() FROM system.processes WHERE query LIKE '%= 78%' AND query NOT LIKE '%processes%'";
    until("the statement runs", || async { Ok(engine.number(running).await? == 1) }).await?;
    let status = engine.process.stop(PATIENCE).await?;
    ensure!(status.and_then(|status| status.code()) == Some(0), "{status:?}: {}", engine.log());
    ensure!(query.await?.is_err());
    ensure!(engine.log().contains("engine stopped"), "{}", engine.log());
    Ok(())
}
