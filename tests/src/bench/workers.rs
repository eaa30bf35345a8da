//! What more ingest workers gain when the store answers slowly: every answer of ClickHouse is held back on its way to the
//! workers, which share the partitions by leases in a real Redis.
//!
//! On two cores this shows how waiting overlaps, not how work scales: broker, ClickHouse and publishers run beside the
//! workers on the same cores.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::payloads::Recorded;
use super::stand::{Encoded, Load, Stand, Until, edit};
use super::{Figure, Rule, Setting, approx};
use crate::world::process::until;
use crate::world::workers::{Redis, Worker};

const WORKERS: [u32; 3] = [1, 2, 4];
const PAYLOADS: usize = 600;
/// Enough agents that every worker's partitions have some.
const AGENTS: usize = 32;
/// By how much each answer of the store is late.
const LATE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: f64 = 64.0;

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let recorded = Recorded::take(&setting.dir).await?;
    let bodies = Encoded::new(&recorded, setting.size(PAYLOADS, PAYLOADS / 3))?;
    let mut stand = Stand::start(&setting.dir).await?;
    stand.world.ingest.stop(PATIENCE).await?;
    let store: SocketAddr = stand.world.clickhouse_address.parse()?;
    let slow = Late::start(store, LATE).await?;
    let redis = Redis::start(&stand.world.dir).await?;
    let mut found: Vec<Vec<f64>> = Vec::new();
    let mut epoch = 0;
    for count in WORKERS {
        let mut workers = Vec::new();
        for number in 1..=count {
            // Each has a name that no earlier round used.
            workers.push(worker(&stand, count * 10 + number, slow.address, &redis).await?);
        }
        shared_out(&stand, &workers).await?;
        let load = Load::connect(&stand.world, AGENTS, Until::Settled).await?;
        let mut runs = Vec::new();
        // The first round warms everything and is not counted.
        for run in 0..=setting.runs {
            stand.empty().await?;
            epoch += 1;
            let payloads = bodies.frozen(&load, epoch, bodies.count())?;
            let began = Instant::now();
            load.send(payloads, None).await?;
            if run > 0 {
                runs.push(approx(bodies.polls) / began.elapsed().as_secs_f64());
            }
        }
        found.push(runs);
        for mut worker in workers {
            worker.process.stop(PATIENCE).await?;
        }
    }
    stand.world.stop().await?;
    drop(redis);
    let alone = found.first().context("one worker was measured")?.clone();
    let late = LATE.as_millis();
    WORKERS
        .iter()
        .zip(&found)
        .map(|(count, runs)| {
            let workers = if *count == 1 { "1 worker".to_owned() } else { format!("{count} workers") };
            Ok(Figure::alone(format!("{workers}, each answer {late} ms late"), "polls/s", runs)
                .context("no run")?
                .beside("1 worker", &alone, Rule::Times))
        })
        .collect()
}

/// A worker behind the slow way to the store, with the default age of groups.
async fn worker(stand: &Stand, number: u32, store: SocketAddr, redis: &Redis) -> Result<Worker> {
    let mut worker = stand.world.worker(number, &format!("[redis]\nurl = \"{}\"\n", redis.url()))?;
    edit(&worker.config, "age_ms = 40", "age_ms = 500")?;
    edit(&worker.config, &stand.world.clickhouse_address, &store.to_string())?;
    worker.start().await?;
    Ok(worker)
}

/// Waits until each worker serves its share of the partitions.
async fn shared_out(stand: &Stand, workers: &[Worker]) -> Result<()> {
    let share = PARTITIONS / approx(workers.len());
    for Worker { http, .. } in workers {
        until("the partitions are not shared out", PATIENCE, || async {
            let served = stand.world.metric(http, "ingest_partitions").await;
            served.is_some_and(|served| (served - share).abs() < 1.0)
        })
        .await?;
    }
    Ok(())
}

/// A way to the store on which every answer comes late.
struct Late {
    address: SocketAddr,
    token: CancellationToken,
}

impl Drop for Late {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

impl Late {
    async fn start(target: SocketAddr, by: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, token) = (listener.local_addr()?, CancellationToken::new());
        let ending = token.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = ending.cancelled() => return,
                    accepted = listener.accept() => if let Ok((near, _)) = accepted {
                        tokio::spawn(pass(near, target, by, ending.clone()));
                    }
                }
            }
        });
        Ok(Self { address, token })
    }
}

async fn pass(near: TcpStream, target: SocketAddr, by: Duration, token: CancellationToken) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
        return;
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = token.cancelled() => {}
        () = copy(near_read, far_write, Duration::ZERO) => {}
        () = copy(far_read, near_write, by) => {}
    }
}

/// Passes on what comes, each piece `by` later.
async fn copy(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, by: Duration) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut piece).await {
        if length == 0 {
            return;
        }
        tokio::time::sleep(by).await;
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
