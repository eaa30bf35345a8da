//! Keeping polls on the agent's disk, durable when the call returns, beside a bare write of as many bytes with fdatasync into
//! a file whose blocks exist already, which is the cheapest durable write there is.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use edge_agent::limits::{GROUP_RECORDS_MAX, SPOOL_BYTES_DISK};
use edge_agent::spool::batch::Origin;
use edge_agent::spool::given::Given;
use edge_agent::spool::{Place, Settings, Spool};
use edge_agent::taken::Polled;
use edge_agent::time::{Boot, Moment};
use schemas::privacy::Withhold;
use schemas::wire::{Device, Poll, Supply};
use tokio::time::Instant;

use super::{Figure, Rule, Setting, approx};

/// Appends in one run.
const APPENDS: usize = 300;
const Y2026_MS: i64 = 1_767_225_600_000;

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (polls, what) in [(1, "one poll in a commit"), (GROUP_RECORDS_MAX, "64 polls in a commit")] {
        let appends = setting.size(APPENDS, APPENDS / 3) / if polls == 1 { 1 } else { 6 };
        let (mut ours, mut raw, mut bytes) = (Vec::new(), Vec::new(), 0);
        for run in 0..setting.runs {
            let dir = setting.dir.join(format!("{polls}-{run}"));
            let (seconds, written) = spooled(&dir, appends, polls)?;
            ours.push(approx(appends) / seconds);
            bytes = written / appends;
            raw.push(approx(appends) / bare(&setting.dir.join("raw"), appends, bytes)?);
        }
        figures.push(
            Figure::alone(what, "commits/s", &ours)
                .context("no run")?
                .beside("bare write of as many bytes and fdatasync", &raw, Rule::Share)
                .noting(format!("{bytes} bytes written for a commit")),
        );
    }
    Ok(figures)
}

/// Seconds for `appends` commits, and the bytes that this process wrote meanwhile.
fn spooled(dir: &Path, appends: usize, polls: usize) -> Result<(f64, usize)> {
    std::fs::create_dir_all(dir)?;
    let settings = Settings {
        cn: "acme.one".parse()?,
        origin: Origin { site: "hq".into(), zone: "Europe/Berlin".into(), tzdb: "2026a".into() },
        withhold: Withhold::default(),
        place: Place::Disk(dir.to_owned()),
        bytes_max: SPOOL_BYTES_DISK,
        disk_free_min: 0,
        linger_ms: 60_000,
        cautious: false,
    };
    let mut spool = Spool::open(settings, at(0), 7)?;
    // The first polls of a device bring its plan; they are not what is measured.
    spool.take(at(1), (0..polls).map(|device| polled(device, 1)))?;
    let before = written()?;
    let began = Instant::now();
    for append in 0..appends {
        let ms = u64::try_from(append)? + 2;
        spool.take(at(ms), (0..polls).map(|device| polled(device, ms)))?;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok((seconds, written()? - before))
}

/// Seconds for bare writes of `bytes` with fdatasync each.
fn bare(path: &Path, writes: usize, bytes: usize) -> Result<f64> {
    let mut file = File::create(path)?;
    let record = vec![0x5a; bytes];
    for _ in 0..writes {
        file.write_all(&record)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let began = Instant::now();
    for _ in 0..writes {
        file.write_all(&record)?;
        file.sync_data()?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Bytes that this process has handed to write calls so far.
fn written() -> Result<usize> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: ")).context("wchar in /proc/self/io")?;
    Ok(line.trim().parse()?)
}

fn at(steady_ms: u64) -> Moment {
    Moment { boot: Boot(1), steady_ms, wall_ms: Y2026_MS + i64::try_from(steady_ms).unwrap_or(0) }
}

/// A refresh poll of a colour device: six meters and four levels.
fn polled(device: usize, ms: u64) -> Given {
    let value = i64::try_from(device * 100).unwrap_or(0) + i64::try_from(ms).unwrap_or(0);
    let meters = ["total", "mono", "color", "copy", "print", "scan"];
    let poll = Poll {
        counters: meters.iter().map(|name| ((*name).to_owned(), value)).collect(),
        supplies: (1..=4)
            .map(|n| Supply { index: format!("1.{n}"), level: Some(value % 100), ..Supply::default() })
            .collect(),
        plan: vec![9; 16],
        ..Poll::default()
    };
    let device = Device {
        enterprise: Some(1347),
        serial: format!("VCF{device:07}"),
        mac: "00:17:c8:11:22:33".into(),
        ..Device::default()
    };
    Given::Polled(at(ms), Box::new(Polled { device, poll, ..Polled::default() }))
}
