//! A month of billing: the reads at its ends, the proof that the meters of a device only grew, and the whole run, from 1,000 to
//! 100,000 devices with six meters, polled every hour.
//!
//! Polls are generated inside ClickHouse into the real tables. One device in a hundred starts counting anew at some hour of
//! the month, and the days around it are read poll by poll; the contract pools its devices, so that what is printed stays
//! small. The views take part in the first hour alone: nothing here is asked of them but which devices and meters there are,
//! and filling them would take most of the time.

use std::time::Duration;

use analytics::read::question::for_each;
use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::stand::{Stand, bound};
use super::{Figure, Rule, Setting, approx};

const TIMEOUT: Duration = Duration::from_secs(1_800);
/// 27 February 2026, 00:00 UTC: a day and a half before March begins in Berlin.
const BEGINNING: u32 = 1_772_150_400;
const METERS: [&str; 6] = ["total", "mono", "color", "print", "copy", "scan"];
/// Until 3 April.
const DAYS: usize = 35;
/// Rows that one insert brings.
const ROWS_PER_INSERT: usize = 200_000;
/// 31 March 22:00 UTC, and two hours to either side of it, as analytics asks for them.
const BOUNDARY: &str = "&param_boundary=1774994400&param_from=1774987200&param_to=1775001600";
/// As analytics asks for days, two at once.
const IN_ORDER: &str = "&max_threads=1&optimize_aggregation_in_order=1&param_pages_max=20000";
const AS_OF: &str = "1775174400";

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let sizes: &[usize] = if setting.quick { &[500, 5_000] } else { &[1_000, 10_000, 100_000] };
    let mut stand = Stand::start(&setting.dir).await?;
    stand.world.ingest.stop(Duration::from_secs(30)).await?;
    for devices in sizes {
        fill(&stand, *devices, 0..1).await?;
    }
    // Billing asks for polls; from the views it only takes which devices and meters there are, which the first hour says.
    let views = "SELECT name FROM system.tables WHERE database = 'platen' AND engine = 'MaterializedView' FORMAT TSV";
    for view in stand.world.query(views).await?.lines() {
        stand.world.query(&format!("DROP VIEW {view}")).await?;
    }
    for devices in sizes {
        fill(&stand, *devices, 1..DAYS * 24).await?;
    }
    stand.post(&settings(), "OPTIMIZE TABLE polls FINAL".into(), TIMEOUT).await?;
    let mut figures = Vec::new();
    let mut first: Option<Measured> = None;
    for devices in sizes {
        let measured = Measured::take(&stand, *devices, setting.runs).await?;
        let least = first.as_ref().unwrap_or(&measured);
        let times = approx(*devices) / approx(sizes[0]);
        for (what, unit, ours, least, note) in [
            ("reads at one end of the month", "ms", &measured.boundary, &least.boundary, "merged; engine and answer"),
            ("meters followed through 35 days", "s", &measured.proof, &least.proof, "35 questions, two at once"),
            ("whole run, `bill draft`", "s", &measured.whole, &least.whole, "1 in 100 devices starts counting anew"),
        ] {
            let linear: Vec<f64> = least.iter().map(|took| took * times).collect();
            let figure = Figure::alone(
                format!("{what}, {} devices × 6 meters", super::figure::number(approx(*devices))),
                unit,
                ours,
            );
            let figure = figure.into_iter().map(|figure| figure.noting(note));
            figures.extend(
                figure.map(|figure| figure.beside(format!("{times} × {} devices", sizes[0]), &linear, Rule::Times)),
            );
        }
        first.get_or_insert(measured);
    }
    stand.world.stop().await?;
    Ok(figures)
}

fn settings() -> String {
    "&async_insert=0&max_execution_time=1800&max_partitions_per_insert_block=1000".to_owned()
}

fn tenant(devices: usize) -> String {
    format!("t{devices}")
}

/// Fills both halves of a span of hours side by side.
async fn fill(stand: &Stand, devices: usize, span: std::ops::Range<usize>) -> Result<()> {
    let middle = usize::midpoint(span.start, span.end);
    tokio::try_join!(insert(stand, devices, span.start..middle), insert(stand, devices, middle..span.end))?;
    Ok(())
}

async fn insert(stand: &Stand, devices: usize, span: std::ops::Range<usize>) -> Result<()> {
    let hours_at_once = (ROWS_PER_INSERT / devices).max(1);
    for from in span.clone().step_by(hours_at_once) {
        let hours = hours_at_once.min(span.end - from);
        stand.post(&settings(), generated(devices, from, hours).into(), TIMEOUT).await?;
    }
    Ok(())
}

/// Six meters of each device in each hour.
fn generated(devices: usize, from: usize, hours: usize) -> String {
    let (tenant, rows) = (tenant(devices), hours * devices);
    format!(
        "INSERT INTO polls (tenant, device, ts, cn, received, version, epoch, seq, id, site, zone, local_day, maker, model, \
         serial, total, mono, color, print, copy, scan, plan) \
         WITH number % {devices} AS d, {from} + intDiv(number, {devices}) AS h, {BEGINNING} + h * 3600 + d % 3000 AS t, \
         sipHash64(d) % 9 + 1 AS pace, 60 + d * 37 % 720 AS anew, \
         if(d % 100 = 7 AND h > anew, h - anew, h) * pace + 5000 * toUInt8(d % 100 = 7 AND h <= anew) AS pages \
         SELECT '{tenant}', concat('kyocera:VCF', leftPad(toString(d), 7, '0')), toDateTime(t, 'UTC'), '{tenant}.hq', \
         toDateTime(t + 70, 'UTC'), toUInt32(4294967295 - (t + 70)), 7, h + 1, substring(MD5(toString(number)), 1, 16), 'hq', \
         'Europe/Berlin', toDate(toDateTime(t, 'Europe/Berlin')), 'kyocera', 'ECOSYS M5526cdw', \
         concat('VCF', leftPad(toString(d), 7, '0')), pages * 5, pages * 3, pages * 2, pages * 4, pages, intDiv(pages, 2), \
         hex(MD5(toString(d % 3))) FROM numbers({rows})"
    )
}

/// Milliseconds and seconds of each run.
struct Measured {
    boundary: Vec<f64>,
    proof: Vec<f64>,
    whole: Vec<f64>,
}

impl Measured {
    async fn take(stand: &Stand, devices: usize, runs: usize) -> Result<Self> {
        let mut measured = Self { boundary: Vec::new(), proof: Vec::new(), whole: Vec::new() };
        let tenant = tenant(devices);
        let bind = |sql: &str| bound(sql, &tenant, "1");
        let ends = bind(include_str!("../../../analytics/sql/boundary_polls.sql"));
        let parameters = format!("{}{BOUNDARY}&param_as_of={AS_OF}", settings());
        // The first answer warms the caches and is not counted.
        for run in 0..=runs {
            let began = Instant::now();
            let answer = stand.post(&parameters, ends.clone().into(), TIMEOUT).await?;
            ensure!(answer.len() > devices * 100, "{} bytes for {devices} devices", answer.len());
            if run > 0 {
                measured.boundary.push(began.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        let days = bind(&for_each(include_str!("../../../analytics/sql/steady_day.sql"), &METERS));
        for _ in 0..runs {
            let began = Instant::now();
            tokio::try_join!(follow(stand, &days, (0..DAYS).step_by(2)), follow(stand, &days, (1..DAYS).step_by(2)))?;
            measured.proof.push(began.elapsed().as_secs_f64());
        }
        let contract = contract(stand, &tenant)?;
        let config = stand.world.billing_config.to_string_lossy().into_owned();
        let arguments = [
            "bill",
            "draft",
            "--config",
            &config,
            "--contract",
            &contract,
            "--period",
            "2026-03",
            "--as-of",
            "2026-04-03T00:00:00Z",
            "--reads",
            "proved",
        ];
        for _ in 0..runs {
            let began = Instant::now();
            let output = stand.world.tool("analytics", &arguments).await?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            measured.whole.push(began.elapsed().as_secs_f64());
        }
        Ok(measured)
    }
}

/// Asks about some days, one after the other.
async fn follow(stand: &Stand, question: &str, days: impl Iterator<Item = usize>) -> Result<()> {
    for day in days {
        let from = usize::try_from(BEGINNING)? + day * 86_400;
        let span = format!("&param_from={from}&param_to={}&param_as_of={AS_OF}", from + 86_400);
        stand.post(&(settings() + IN_ORDER + &span), question.to_owned().into(), TIMEOUT).await?;
    }
    Ok(())
}

fn contract(stand: &Stand, tenant: &str) -> Result<String> {
    let mut text = format!(
        "id = \"{tenant}\"\ntenant = \"{tenant}\"\ncurrency = \"EUR\"\ntimezone = \"Europe/Berlin\"\nall_devices = true\n"
    );
    for meter in METERS {
        text.push_str(&format!(
            "[[charges]]\nid = \"{meter}\"\nmeters = {{ {meter} = 1 }}\nscope = \"pool\"\nprice = \"0.0080\"\n"
        ));
    }
    let path = stand.world.dir.join(format!("{tenant}.toml"));
    std::fs::write(&path, text)?;
    Ok(path.to_string_lossy().into_owned())
}
