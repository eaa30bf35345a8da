//! `make drill AGENTS=2000`: a fleet of agents against one broker, ingest and engine.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use testbed::fleet::{Options, run};

/// Connects simulated agents with certificates of their own to one broker, ingest and engine on loopback; measures how long
/// all take to come back after a kill -9 of the broker, steady traffic, and a month of backlog beside fresh data.
#[derive(Debug, Parser)]
#[command(version, after_help = "Examples:\n  drill\n  drill --agents 500 --json figures.json")]
struct Arguments {
    #[arg(long, default_value_t = 2_000)]
    agents: usize,
    /// Polls in one batch.
    #[arg(long, default_value_t = 10)]
    devices: u32,
    /// Seconds between two batches of an agent; an hour of a real agent is pressed into it.
    #[arg(long, default_value_t = 60)]
    every: u64,
    /// Seconds of steady traffic.
    #[arg(long, default_value_t = 60)]
    steady: u64,
    /// Agents that bring a backlog, and its hours.
    #[arg(long, default_value_t = 4)]
    backlog_agents: usize,
    #[arg(long, default_value_t = 720)]
    backlog_hours: u64,
    /// Write the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where everything is kept; emptied first.
    #[arg(long, default_value = "target/drill")]
    dir: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { agents, devices, every, steady, backlog_agents, backlog_hours, json, dir } = Arguments::parse();
    let (every, steady) = (Duration::from_secs(every.max(1)), Duration::from_secs(steady));
    match run(Options { agents, devices, every, steady, backlog_agents, backlog_hours, json, dir }).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            testbed::demo::print_error(&format!("error: {error:#}"));
            ExitCode::from(70)
        }
    }
}
