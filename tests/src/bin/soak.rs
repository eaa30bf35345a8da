//! `make soak`: every fault at random for an hour, and nothing may be lost.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use testbed::soak::{Options, run};

/// Runs ClickHouse, the broker, ingest, three agents and 28 simulated printers as real processes on loopback, breaks them
/// at random while days pass in seconds, and proves every some days that nothing is lost and nothing counts twice.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  soak\n  soak --seed 7 --minutes 3\nTwo may run side by side. Exit code 0 means clean."
)]
struct Arguments {
    /// Draws the printers' lives and the faults; printed, so that a run can be repeated.
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Simulated days between two checkpoints.
    #[arg(long, default_value_t = 10)]
    days: u64,
    /// Where everything is kept, target/soak-SEED by default; emptied first.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| rand::random::<u32>().into());
    let dir = arguments.dir.unwrap_or_else(|| PathBuf::from(format!("target/soak-{seed}")));
    match run(Options { seed, minutes: arguments.minutes, days: arguments.days, dir }).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            testbed::demo::print_error(&format!("error: {error:#}"));
            ExitCode::from(70)
        }
    }
}
