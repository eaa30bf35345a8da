//! `make demo`: the whole path as real processes, broken on purpose, billed and proved.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use testbed::demo::{Options, run};

/// Runs ClickHouse, the broker, ingest, three agents of two tenants and 60 simulated printers as real processes on
/// loopback, passes 35 days in minutes, kills parts on the way, bills the month and proves the result.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  demo\n  demo --seed 7 --days 35\n  demo --keep    # leaves everything running and says what to look at"
)]
struct Arguments {
    /// Draws the printers' lives and the faults; printed, so that a run can be repeated.
    #[arg(long)]
    seed: Option<u64>,
    /// Simulated days; with fewer than 35 the billed month is not whole.
    #[arg(long, default_value_t = 35)]
    days: u64,
    /// Leave everything running at the end.
    #[arg(long)]
    keep: bool,
    /// Where everything is kept; emptied first.
    #[arg(long, default_value = "target/demo")]
    dir: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| rand::random::<u32>().into());
    match run(Options { seed, days: arguments.days, keep: arguments.keep, dir: arguments.dir }).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            testbed::demo::print_error(&format!("error: {error:#}"));
            ExitCode::from(70)
        }
    }
}
