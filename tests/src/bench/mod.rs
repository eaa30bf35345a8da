//! `make bench`: what Platen costs and carries, each figure beside a peer or a limit measured in the same run.
//!
//! One file per bench; each gives [`Figure`]s. `report` writes them between markers of BENCHMARKS.md, whose other text is
//! written by hand and says what limits each figure. `machine` says where it was measured and how much of the machine
//! others had meanwhile.

mod agent;
mod billing;
mod broker;
mod decode;
pub mod figure;
mod forecast;
mod ingest;
mod latency;
mod machine;
mod packets;
mod payloads;
mod peers;
mod report;
mod spool;
mod stand;
mod store;
pub mod upstream;
pub mod usage;
mod workers;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use anyhow::{Context, Result, ensure};

pub use figure::{Figure, Rule, Spread};
use machine::Watch;

use crate::demo::print_line;

/// Fewer runs than this have no median worth printing.
const RUNS_MIN: usize = 5;

/// What the caller chose.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Runs of each measurement.
    pub runs: usize,
    /// Smaller sizes: all benches in minutes.
    pub quick: bool,
    /// Polls in the large store; the bench chooses if there is none.
    pub rows: Option<usize>,
    /// Emptied first; everything that a bench keeps is below.
    pub dir: PathBuf,
}

impl Setting {
    /// How much to do.
    pub fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

type Measuring = Pin<Box<dyn Future<Output = Result<Vec<Figure>>>>>;

/// One bench: a section of BENCHMARKS.md.
#[derive(Debug)]
pub struct Bench {
    pub name: &'static str,
    /// Heading of its section.
    pub title: &'static str,
    pub run: fn(Setting) -> Measuring,
}

/// All benches in the order of the page.
pub const BENCHES: &[Bench] = &[
    Bench { name: "ingest", title: "Broker to committed rows", run: |setting| Box::pin(ingest::run(setting)) },
    Bench { name: "latency", title: "Receive to commit", run: |setting| Box::pin(latency::run(setting)) },
    Bench { name: "workers", title: "Several workers, a slow store", run: |setting| Box::pin(workers::run(setting)) },
    Bench { name: "agent", title: "Polling printers", run: |setting| Box::pin(agent::run(setting)) },
    Bench { name: "peers", title: "One poll, beside its peers", run: |setting| Box::pin(peers::run(setting)) },
    Bench {
        name: "upstream",
        title: "Bytes between agent and broker",
        run: |setting| Box::pin(upstream::run(setting)),
    },
    Bench { name: "broker", title: "Connections to the broker", run: |setting| Box::pin(broker::run(setting)) },
    Bench { name: "decode", title: "Decoding a payload", run: |setting| Box::pin(decode::run(setting)) },
    Bench { name: "spool", title: "Keeping a poll on the agent's disk", run: |setting| Box::pin(spool::run(setting)) },
    Bench { name: "store", title: "A large store", run: |setting| Box::pin(store::run(setting)) },
    Bench { name: "billing", title: "A month of billing", run: |setting| Box::pin(billing::run(setting)) },
    Bench { name: "forecast", title: "Forecasts of a fleet", run: |setting| Box::pin(forecast::run(setting)) },
];

/// Runs the benches named in `only` (all if empty) and writes what they measured into `page`.
///
/// # Errors
/// When a name is unknown, or a bench cannot be carried out.
pub async fn run(setting: Setting, only: &[String], page: &std::path::Path) -> Result<()> {
    ensure!(setting.runs >= RUNS_MIN, "--runs is at least {RUNS_MIN}");
    let chosen: Vec<&Bench> =
        BENCHES.iter().filter(|bench| only.is_empty() || only.iter().any(|name| name == bench.name)).collect();
    let known = || BENCHES.iter().map(|bench| bench.name).collect::<Vec<_>>().join(", ");
    for name in only {
        ensure!(BENCHES.iter().any(|bench| bench.name == name), "no bench is named {name}; there are {}", known());
    }
    for bench in chosen {
        print_line(&format!("{}: {}", bench.name, bench.title));
        let own = Setting { dir: setting.dir.join(bench.name), ..setting.clone() };
        if own.dir.exists() {
            std::fs::remove_dir_all(&own.dir).with_context(|| format!("empty {}", own.dir.display()))?;
        }
        std::fs::create_dir_all(&own.dir)?;
        let watch = Watch::begin()?;
        let figures = (bench.run)(own.clone()).await.with_context(|| format!("bench {}", bench.name))?;
        let circumstances = watch.end(setting.quick)?;
        for figure in &figures {
            print_line(&format!("  {}", figure.line()));
        }
        print_line(&format!("  {circumstances}"));
        report::write(page, bench, &figures, &circumstances)?;
        std::fs::remove_dir_all(&own.dir)?;
    }
    Ok(())
}

/// Counts of a bench are small enough for a float.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^52")]
fn approx(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive counts")]
fn whole(value: f64) -> usize {
    value.max(0.0) as usize
}
