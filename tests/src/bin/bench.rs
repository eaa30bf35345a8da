//! `make bench`: measures, and writes BENCHMARKS.md.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use testbed::bench::{BENCHES, Setting, run, upstream};

/// Measures what Platen costs and carries, each figure beside a peer or a limit from the same run, and writes the tables
/// of BENCHMARKS.md. Runs the binaries that lie beside it.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  bench\n  bench --only decode --only spool\n  bench --quick --page /tmp/figures.md"
)]
struct Arguments {
    /// Only this bench; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Smaller sizes
    #[arg(long)]
    quick: bool,
    /// Runs of each measurement, at least 5
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Polls in the large store: 10,000,000, or 2,000,000 with --quick
    #[arg(long)]
    rows: Option<usize>,
    /// The page whose tables are replaced
    #[arg(long, default_value = "BENCHMARKS.md")]
    page: PathBuf,
    /// Where everything is kept meanwhile; emptied
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// List the benches and stop
    #[arg(long)]
    list: bool,
    /// What the bench `upstream` runs in a network of its own
    #[arg(long, hide = true)]
    wire: Option<usize>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for bench in BENCHES {
            testbed::demo::print_line(&format!("{:<10} {}", bench.name, bench.title));
        }
        return ExitCode::SUCCESS;
    }
    if let Some(devices) = arguments.wire {
        return wire(devices, arguments).await;
    }
    let setting = Setting { runs: arguments.runs, quick: arguments.quick, rows: arguments.rows, dir: arguments.dir };
    match run(setting, &arguments.only, &arguments.page).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            testbed::demo::print_error(&format!("error: {error:#}"));
            ExitCode::from(70)
        }
    }
}

async fn wire(devices: usize, arguments: Arguments) -> ExitCode {
    let counted = upstream::inside(devices, arguments.runs, arguments.dir).await;
    match counted.and_then(|counted| Ok(serde_json::to_string(&counted)?)) {
        Ok(text) => {
            testbed::demo::print_line(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            testbed::demo::print_error(&format!("error: {error:#}"));
            ExitCode::from(70)
        }
    }
}
