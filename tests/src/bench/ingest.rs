//! From the broker to committed rows with one worker, beside the slower of its two neighbours alone: the broker delivering
//! to a subscriber that only counts, and ClickHouse taking the same rows as ready bytes.

use std::time::Duration;

use anyhow::{Context, Result};
use broker_config::pki::Validity;
use bytes::{Bytes, BytesMut};
use ingest::decode::{envelope, payload};
use rumqttc::{Event, Packet};
use schemas::topic::{Topic, filter};
use schemas::wire::Frozen;
use tokio::time::Instant;

use super::payloads::Recorded;
use super::stand::{AGENTS, Encoded, Load, Stand, Until};
use super::usage::thread_seconds;
use super::{Figure, Rule, Setting, approx};
use crate::world::mqtt::Client;

const PAYLOADS: usize = 800;
/// Rows of a large insert.
const LARGE_ROWS: usize = 20_000;
const TIMEOUT: Duration = Duration::from_secs(120);

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let recorded = Recorded::take(&setting.dir).await?;
    let bodies = Encoded::new(&recorded, setting.size(PAYLOADS, PAYLOADS / 2))?;
    let mut stand = Stand::start(&setting.dir).await?;
    let mut bench = Measured::default();
    let mut ready: Option<Ready> = None;
    // The first round warms everything and is not counted.
    for run in 0..=setting.runs {
        stand.empty().await?;
        let epoch = u64::try_from(run)? + 1;
        let path = path(&stand, &bodies, epoch).await?;
        let ready = match &ready {
            Some(ready) => ready,
            None => ready.insert(Ready::take(&stand, path.rows_per_group).await?),
        };
        stand.empty().await?;
        let same = ready.insert(&stand, 1).await?;
        stand.empty().await?;
        let large = ready.insert(&stand, LARGE_ROWS.div_ceil(path.rows_per_group.max(1))).await?;
        stand.empty().await?;
        let delivered = delivered(&mut stand, &bodies, epoch).await?;
        if run > 0 {
            let polls = approx(bodies.polls);
            bench.committed.push(polls / path.seconds);
            bench.same.push(polls / same);
            bench.large.push(polls / large);
            bench.delivered.push(polls / delivered);
            bench.rows_per_group.push(approx(path.rows_per_group));
            bench.busy.push(path.cpu.iter().sum::<f64>() / path.seconds / cores() * 100.0);
            for (at, seconds) in path.cpu.iter().enumerate() {
                bench.cpu[at].push(seconds / polls * 1_000.0);
            }
            bench.decode.push(decoding(&bodies)? / polls * 1_000.0);
        }
    }
    stand.world.stop().await?;
    bench.figures(&bodies)
}

/// Names of what uses CPU while payloads pass, in the order of [`Path::cpu`].
const PARTS: [&str; 4] = ["ingest", "broker", "ClickHouse", "publishers"];

#[derive(Default)]
struct Measured {
    committed: Vec<f64>,
    delivered: Vec<f64>,
    same: Vec<f64>,
    large: Vec<f64>,
    rows_per_group: Vec<f64>,
    busy: Vec<f64>,
    cpu: [Vec<f64>; 4],
    decode: Vec<f64>,
}

impl Measured {
    fn figures(&self, bodies: &Encoded) -> Result<Vec<Figure>> {
        let none = "no run";
        let median = |runs: &[f64]| super::Spread::of(runs).map_or(0.0, |spread| spread.median);
        let (peer, limit) = if median(&self.delivered) < median(&self.same) {
            ("raw delivery", &self.delivered)
        } else {
            ("raw insert of the same rows in the same groups", &self.same)
        };
        let size = format!("{} polls in {} payloads a run, {AGENTS} agents", bodies.polls, bodies.count());
        let mut figures = vec![
            Figure::alone("broker to committed, one worker", "polls/s", &self.committed)
                .context(none)?
                .beside(format!("the slower neighbour, {peer}"), limit, Rule::Share)
                .noting(size),
            Figure::alone("broker to committed, one worker", "polls/s", &self.committed).context(none)?.beside(
                "raw insert in blocks of 20,000 rows",
                &self.large,
                Rule::Share,
            ),
            Figure::alone("raw delivery to a subscriber that counts", "polls/s", &self.delivered).context(none)?,
            Figure::alone("rows in one insert of ingest", "rows", &self.rows_per_group).context(none)?,
            Figure::alone("the machine's CPU in use meanwhile", "%", &self.busy).context(none)?,
            Figure::alone("CPU of ingest", "s per 1,000 polls", &self.cpu[0]).context(none)?.beside(
                "decoding alone",
                &self.decode,
                Rule::Times,
            ),
        ];
        for (name, runs) in PARTS.iter().zip(&self.cpu).skip(1) {
            figures.push(Figure::alone(format!("CPU of {name}"), "s per 1,000 polls", runs).context(none)?);
        }
        Ok(figures)
    }
}

#[derive(Debug)]
struct Path {
    seconds: f64,
    cpu: [f64; 4],
    rows_per_group: usize,
}

/// All payloads through broker and ingest until each is settled.
async fn path(stand: &Stand, bodies: &Encoded, epoch: u64) -> Result<Path> {
    let load = Load::connect(&stand.world, AGENTS, Until::Settled).await?;
    let payloads = bodies.frozen(&load, epoch, bodies.count())?;
    let groups =
        async || stand.world.metric(&stand.world.ingest_http, "ingest_group_payloads_count").await.unwrap_or(0.0);
    let (before, groups_before) = (stand.cpu()?, groups().await);
    let began = Instant::now();
    load.send(payloads, None).await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = stand.cpu()?;
    let inserts = (groups().await - groups_before).max(1.0);
    let rows = approx(bodies.polls) / inserts;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows, rounded")]
    Ok(Path { seconds, cpu: PARTS.map(|part| after.since(&before, part)), rows_per_group: rows.round() as usize })
}

/// Seconds until a subscriber that only counts has all payloads, ingest being away.
async fn delivered(stand: &mut Stand, bodies: &Encoded, epoch: u64) -> Result<f64> {
    stand.world.ingest.stop(TIMEOUT).await?;
    let service = stand.world.pki.issue_service("ingest2", Validity::days(1)?)?;
    let paths = service.write(&stand.world.dir.join("counter"), "counter", true)?;
    let mut counter = Client::connect(&paths, "service.ingest2", stand.world.broker_port).await?;
    counter.subscribe(&filter::up_all()).await?;
    let load = Load::connect(&stand.world, AGENTS, Until::Received).await?;
    let payloads = bodies.frozen(&load, epoch, bodies.count())?;
    let count = bodies.count();
    let began = Instant::now();
    let counting = async {
        let mut seen = 0;
        while seen < count {
            if let Event::Incoming(Packet::Publish(publish)) = counter.events.poll().await? {
                seen += usize::from(!publish.payload.is_empty());
            }
        }
        Ok::<f64, anyhow::Error>(began.elapsed().as_secs_f64())
    };
    let (seconds, _) = tokio::try_join!(counting, load.send(payloads, None))?;
    drop((counter, load));
    stand.world.start_ingest().await?;
    Ok(seconds)
}

/// The rows of a run as bytes that ClickHouse takes, cut as ingest cut them.
struct Ready {
    polls: Vec<Bytes>,
    batches: Vec<Bytes>,
}

impl Ready {
    async fn take(stand: &Stand, rows_per_group: usize) -> Result<Self> {
        let (rows, last) = (
            stand.world.count("SELECT count() FROM polls").await?,
            stand.world.count("SELECT max(seq) FROM polls").await?,
        );
        let seqs = u64::try_from(rows_per_group)? * last / rows.max(1);
        let (mut polls, mut batches) = (Vec::new(), Vec::new());
        let mut from = 1;
        while from <= last {
            let until = from + seqs.max(1);
            for (table, found) in [("polls", &mut polls), ("batches", &mut batches)] {
                let sql = format!("SELECT * FROM {table} WHERE seq >= {from} AND seq < {until} FORMAT RowBinary");
                found.push(stand.post("", sql.into(), TIMEOUT).await?);
            }
            from = until;
        }
        Ok(Self { polls, batches })
    }

    /// Seconds to insert everything, `together` groups at a time.
    async fn insert(&self, stand: &Stand, together: usize) -> Result<f64> {
        let joined = |groups: &[Bytes]| -> Vec<Bytes> {
            let join = |some: &[Bytes]| {
                let mut all = BytesMut::new();
                some.iter().for_each(|bytes| all.extend_from_slice(bytes));
                all.freeze()
            };
            groups.chunks(together.max(1)).map(join).collect()
        };
        let (polls, batches) = (joined(&self.polls), joined(&self.batches));
        let settings = |table: &str| {
            format!(
                "&async_insert=0&materialized_views_ignore_errors=0&insert_deduplicate=0\
                 &max_partitions_per_insert_block=1000&query=INSERT%20INTO%20{table}%20FORMAT%20RowBinary"
            )
        };
        let (into_polls, into_batches) = (settings("polls"), settings("batches"));
        let began = Instant::now();
        for (polls, batches) in polls.into_iter().zip(batches) {
            stand.post(&into_polls, polls, TIMEOUT).await?;
            stand.post(&into_batches, batches, TIMEOUT).await?;
        }
        Ok(began.elapsed().as_secs_f64())
    }
}

/// CPU seconds that one thread takes to turn all payloads into rows.
fn decoding(bodies: &Encoded) -> Result<f64> {
    let (topic, payloads) = bodies.alone()?;
    let received = jiff::Timestamp::from_second(1_780_000_000)?;
    let before = thread_seconds()?;
    for Frozen { bytes, .. } in &payloads {
        std::hint::black_box(payload(&envelope(&topic, bytes)?, bytes, received, "service.ingest1"));
    }
    Ok(thread_seconds()? - before)
}

fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| approx(cores.get()))
}

impl Encoded {
    /// All payloads of one agent, with its topic.
    fn alone(&self) -> Result<(String, Vec<Frozen>)> {
        let cn = "acme.load0".parse()?;
        Ok((Topic::up(&cn).to_string(), self.all_of(&cn)?))
    }
}
