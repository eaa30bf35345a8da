//! Forecasts of a whole fleet out of ClickHouse: four supplies a device, a level each day, from 1,000 to 100,000 devices.
//!
//! The rollups are filled as the views would have filled them from hourly polls: one row for a supply and day. What is measured is
//! the binary as it runs each night, from start to the last forecast kept, with what it takes of the machine's memory.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};

use super::stand::Stand;
use super::usage::{cpu_seconds, memory};
use super::{Figure, Rule, Setting, approx};
use crate::world::process;

const TIMEOUT: Duration = Duration::from_secs(1_800);
/// 2 November 2025, 00:00 UTC.
const BEGINNING: u32 = 1_762_041_600;
/// Until 1 April 2026; forecasts look back no further.
const DAYS: usize = 150;
const AS_OF: &str = "2026-04-01T00:00:00Z";
const DEVICES_PER_INSERT: usize = 1_000;
/// Of `analytics supplies` and forecasts for 100,000 devices on two cores.
const GOAL_S: f64 = 60.0;

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let sizes: &[usize] = if setting.quick { &[500, 5_000] } else { &[1_000, 10_000, 100_000] };
    let mut stand = Stand::start(&setting.dir).await?;
    stand.world.ingest.stop(Duration::from_secs(30)).await?;
    let (mut figures, mut least) = (Vec::new(), Vec::new());
    for devices in sizes {
        fill(&stand, *devices).await?;
        let (mut took, mut cpu, mut peak) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..setting.runs {
            let cost = forecast(&stand, *devices).await?;
            took.push(cost.seconds);
            cpu.push(cost.cpu_s * 1_000_000.0 / (approx(*devices) * 4.0));
            peak.push(cost.peak_mib);
        }
        let name = super::figure::number(approx(*devices));
        let times = approx(*devices) / approx(sizes[0]);
        if least.is_empty() {
            least.clone_from(&took);
        }
        let linear: Vec<f64> = least.iter().map(|seconds| seconds * times).collect();
        let figure =
            |what: &str, unit, runs: &[f64]| Figure::alone(format!("{what}, {name} devices × 4 supplies"), unit, runs);
        let goal = format!("goal for 100,000: {GOAL_S} s on two cores");
        figures.extend(
            figure("`analytics forecast --keep`", "s", &took).map(|figure| {
                figure.beside(format!("{times} × {} devices", sizes[0]), &linear, Rule::Times).noting(goal)
            }),
        );
        figures.extend(figure("CPU of analytics for a supply", "µs", &cpu));
        figures.extend(figure("memory of analytics at its peak", "MiB", &peak));
    }
    stand.world.stop().await?;
    Ok(figures)
}

fn tenant(devices: usize) -> String {
    format!("t{devices}")
}

/// What the views keep of `devices` over [`DAYS`].
async fn fill(stand: &Stand, devices: usize) -> Result<()> {
    let tenant = tenant(devices);
    let supply = "['K', 'C', 'M', 'Y'][number % 4 + 1]";
    let device = |number: &str| format!("concat('kyocera:VCF', leftPad(toString({number}), 7, '0'))");
    let settings = "&async_insert=0&max_execution_time=1800";
    let said = "toDateTime(1774900000, 'UTC'), 1";
    let known = format!(
        "INSERT INTO supply_last SELECT '{tenant}', {}, {supply}, toDateTime({BEGINNING}, 'UTC'), toDateTime(1774900000, 'UTC'), \
         ({said}, 50), ({said}, 100), ({said}, 19), ({said}, 3), ({said}, 3), ({said}, {supply}), ({said}, 'Toner'), \
         (toDateTime(0, 'UTC'), 0, ''), ({said}, 'TK-5240') FROM numbers({})",
        device("intDiv(number, 4)"),
        devices * 4
    );
    stand.post(settings, known.into(), TIMEOUT).await?;
    let seen = format!(
        "INSERT INTO device_last (tenant, device, first_seen, last_seen, last_ok, basis, site, zone, cn, maker, model, serial) \
         SELECT '{tenant}', {}, toDateTime({BEGINNING}, 'UTC'), toDateTime(1774990000, 'UTC'), toDateTime(1774990000, 'UTC'), \
         ({said}, 1), ({said}, concat('site', toString(number % 50))), ({said}, 'Europe/Berlin'), ({said}, '{tenant}.hq'), \
         ({said}, 'kyocera'), ({said}, concat('ECOSYS M5526cdw ', toString(number % 5))), ({said}, '') FROM numbers({devices})",
        device("number")
    );
    stand.post(settings, seen.into(), TIMEOUT).await?;
    for from in (0..devices).step_by(DEVICES_PER_INSERT) {
        let count = DEVICES_PER_INSERT.min(devices - from);
        let levels = format!(
            "INSERT INTO supply_day WITH {from} + intDiv(number, {per}) AS d, intDiv(number % {per}, 4) AS h, \
             sipHash64(d) % 90 + 10 AS pace, sipHash64(d, number % 4) % 100 AS offset, h * pace + sipHash64(d, h) % pace AS pages \
             SELECT '{tenant}', {}, {supply}, toDate({BEGINNING} + h * 86400), (toDateTime({BEGINNING} + h * 86400 + 80000, 'UTC'), \
             toUInt32(4294967295 - ({BEGINNING} + h * 86400 + 80000)), 100 - toInt64((intDiv(pages, 30 + offset) + offset) % 100), 100, \
             toInt64(pages * 3), toInt64(pages), '') FROM numbers({})",
            device("d"),
            count * 4 * DAYS,
            per = 4 * DAYS,
        );
        stand.post(settings, levels.into(), TIMEOUT).await?;
    }
    Ok(())
}

struct Cost {
    seconds: f64,
    cpu_s: f64,
    peak_mib: f64,
}

async fn forecast(stand: &Stand, devices: usize) -> Result<Cost> {
    let config = stand.world.billing_config.to_string_lossy().into_owned();
    let tenant = tenant(devices);
    let mut command = tokio::process::Command::new(process::binary("analytics")?);
    command.args(["forecast", "--config", &config, "--tenant", &tenant, "--as-of", AS_OF, "--keep"]);
    let (log, answer) = (stand.world.dir.join("forecast.log"), stand.world.dir.join("forecast.txt"));
    command
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&answer)?)
        .stderr(std::fs::File::create(&log)?)
        .kill_on_drop(true);
    let began = Instant::now();
    let mut child = command.spawn()?;
    let pid = child.id().context("it runs")?;
    let (mut cpu_s, mut peak) = (0.0, 0);
    let status = loop {
        // A process that has ended has no account any more: the last look counts.
        if let (Ok(cpu), Ok(memory)) = (cpu_seconds(pid), memory(pid)) {
            (cpu_s, peak) = (cpu, memory.peak.max(peak));
        }
        tokio::select! {
            status = child.wait() => break status?,
            () = sleep(Duration::from_millis(20)) => {}
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    ensure!(status.success(), "analytics forecast: {}", std::fs::read_to_string(&log)?);
    let said = std::fs::read_to_string(&answer)?;
    let mut numbers = said.split_whitespace().filter_map(|word| word.parse::<usize>().ok());
    let (kept, unsaid) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    ensure!(kept + unsaid == devices * 4 && kept > devices * 3, "about {devices} devices: {said}");
    Ok(Cost { seconds, cpu_s, peak_mib: approx(usize::try_from(peak)?) / (1024.0 * 1024.0) })
}
