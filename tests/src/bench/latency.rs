//! How long an agent waits until its payload is settled, at 10 %, 50 % and 90 % of the load that the path carries, beside
//! the bare inserts of one payload.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::payloads::Recorded;
use super::stand::{AGENTS, Encoded, Load, Stand, Until};
use super::{Figure, Rule, Setting, approx, whole};

const PAYLOADS: usize = 1_200;
const SHARES: [(f64, &str); 3] = [(0.1, "10 %"), (0.5, "50 %"), (0.9, "90 %")];
/// Seconds of one run at a given load.
const SECONDS: usize = 10;
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let recorded = Recorded::take(&setting.dir).await?;
    let bodies = Encoded::new(&recorded, setting.size(PAYLOADS, PAYLOADS / 2))?;
    let mut stand = Stand::start(&setting.dir).await?;
    let load = Load::connect(&stand.world, AGENTS, Until::Settled).await?;
    let mut epoch = 0;
    let mut most = 0.0_f64;
    // What the path carries: the better of two rounds.
    for _ in 0..2 {
        epoch += 1;
        let payloads = bodies.frozen(&load, epoch, bodies.count())?;
        let began = Instant::now();
        load.send(payloads, None).await?;
        most = most.max(approx(bodies.count()) / began.elapsed().as_secs_f64());
    }
    let seconds = approx(setting.size(SECONDS, SECONDS / 2));
    let (mut halves, mut tails) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    let mut bare = Vec::new();
    for _ in 0..setting.runs {
        for (at, (share, _)) in SHARES.iter().enumerate() {
            epoch += 1;
            let rate = most * share;
            let count = whole(rate * seconds).clamp(AGENTS, bodies.count());
            let every = Duration::from_secs_f64(approx(AGENTS) / rate);
            let mut took = load.send(bodies.frozen(&load, epoch, count)?, Some(every)).await?;
            took.sort_by(f64::total_cmp);
            halves[at].push(quantile(&took, 0.5)? * 1_000.0);
            tails[at].push(quantile(&took, 0.99)? * 1_000.0);
        }
        bare.push(bare_inserts(&stand).await? * 1_000.0);
        stand.empty().await?;
    }
    drop(load);
    stand.world.stop().await?;
    let mut figures = Vec::new();
    let polls = approx(bodies.polls) / approx(bodies.count());
    for (at, (share, words)) in SHARES.iter().enumerate() {
        let rate = format!("{:.0} payloads/s, {:.0} polls/s", most * share, most * share * polls);
        for (what, runs) in [("p50", &halves[at]), ("p99", &tails[at])] {
            figures.push(
                Figure::alone(format!("publish to settled at {words} load, {what}"), "ms", runs)
                    .context("no run")?
                    .beside("bare inserts of one payload", &bare, Rule::Times)
                    .noting(rate.clone()),
            );
        }
    }
    Ok(figures)
}

/// Seconds that ClickHouse takes for the rows of one payload and then its line in the books, as ready bytes.
async fn bare_inserts(stand: &Stand) -> Result<f64> {
    // The first delivery of a poll wins, whichever epoch of this round brought it.
    let which = "WHERE seq = 1 AND cn = 'acme.load0' ORDER BY epoch LIMIT";
    let rows = [("polls", 100), ("batches", 1)];
    let mut took = Vec::new();
    for _ in 0..5 {
        let mut ready = Vec::new();
        for (table, most) in rows {
            let sql = format!("SELECT * FROM {table} FINAL {which} {most} FORMAT RowBinary");
            ready.push((table, stand.post("", sql.into(), TIMEOUT).await?));
        }
        let began = Instant::now();
        for (table, bytes) in ready {
            ensure!(!bytes.is_empty(), "no row of {table} to insert again");
            let settings =
                format!("&async_insert=0&insert_deduplicate=0&query=INSERT%20INTO%20{table}%20FORMAT%20RowBinary");
            stand.post(&settings, bytes, TIMEOUT).await?;
        }
        took.push(began.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    quantile(&took, 0.5)
}

/// Of sorted values.
fn quantile(sorted: &[f64], share: f64) -> Result<f64> {
    let at = whole(approx(sorted.len()) * share).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().context("nothing was measured")
}
