//! The printer simulator on the command line: a fleet of living printers, or recorded devices replayed.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use testbed::printer::catalog::models;
use testbed::printer::fault::Faults;
use testbed::printer::fleet::{Fleet, FleetSpec, SiteSpec};
use testbed::printer::recording;

/// 2026-01-05 00:00 UTC, a Monday.
const DEFAULT_START: i64 = 1_767_571_200;

/// Simulated printers on loopback addresses: SNMP v1 and v2c, one address each, all on one UDP port.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  printer-sim run --count 60 --base 127.10.0.1 --port 16161 --seed 7
  printer-sim run --list
  printer-sim replay recordings/ --address 127.0.20.1
  snmpbulkwalk -v2c -c public 127.10.0.1:16161 1.3.6.1.2.1.43"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs printers that print, run out of toner and jam, until Ctrl-C
    Run(Run),
    /// Serves recordings (.snmprec), one on each address, until Ctrl-C
    Replay(Replay),
}

#[derive(Args)]
struct Run {
    /// How many printers
    #[arg(long, default_value_t = 16)]
    count: usize,
    /// Address of the first printer; the next ones follow, without .0 and .255
    #[arg(long, default_value = "127.10.0.1")]
    base: Ipv4Addr,
    /// UDP port on every address; 0 picks a free one
    #[arg(long, default_value_t = 16_161)]
    port: u16,
    /// The same seed gives the same printers with the same lives
    #[arg(long, default_value_t = 7)]
    seed: u64,
    #[arg(long, default_value = "public")]
    community: String,
    /// Simulated time at the start, Unix seconds (the default is Monday 2026-01-05)
    #[arg(long, default_value_t = DEFAULT_START)]
    start: i64,
    /// Simulated seconds in one real second
    #[arg(long, default_value_t = 1)]
    speed: u32,
    /// Site's distance from UTC in seconds: working hours follow it
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    utc_offset: i32,
    /// Only these models (see --list); may be repeated
    #[arg(long)]
    model: Vec<String>,
    /// Lost answers, per mille
    #[arg(long, default_value_t = 0)]
    drop: u32,
    /// Each answer takes so many milliseconds
    #[arg(long, default_value_t = 0)]
    delay_ms: u32,
    /// At the end, write what was true and what was read to this file (JSON)
    #[arg(long)]
    truth: Option<PathBuf>,
    /// List the models and stop
    #[arg(long)]
    list: bool,
}

#[derive(Args)]
struct Replay {
    /// A recording, or a folder of them
    path: PathBuf,
    /// Address of the first recording; the next ones follow in the order of their names
    #[arg(long, default_value = "127.0.20.1")]
    address: Ipv4Addr,
    #[arg(long, default_value_t = 16_161)]
    port: u16,
    #[arg(long, default_value = "public")]
    community: String,
    /// List the recordings and stop
    #[arg(long)]
    list: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(args).await,
        Command::Replay(args) => replay(args).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("printer-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Run) -> anyhow::Result<()> {
    if args.list {
        for model in models() {
            let kind = if model.is_color() { "colour" } else { "mono" };
            let version = if model.snmp.v1_only { "v1" } else { "v1 v2c" };
            println!("{:<28} {:<7} {:<7} {}", model.name, kind, version, model.product);
        }
        return Ok(());
    }
    let site =
        SiteSpec { utc_offset_s: args.utc_offset, models: args.model, ..SiteSpec::new("site", args.base, args.count) };
    let sites = vec![site];
    let spec = FleetSpec { sites, port: args.port, community: args.community, seed: args.seed, start: args.start };
    let fleet = Fleet::start(&spec).await?;
    let delay_ms = (args.delay_ms, args.delay_ms);
    for (unit, number) in fleet.units().iter().zip(0..) {
        unit.set_faults(Faults { seed: args.seed ^ number, drop: args.drop, delay_ms, ..Faults::default() });
    }
    for printer in fleet.truth(&[]).printers {
        let serial = printer.serial.as_deref().unwrap_or("-");
        let (address, port) = (printer.address, fleet.port());
        println!("{address}:{port}  {:<26} {serial:<14} {} {}", printer.model, printer.mac, printer.counts.total);
    }
    let began = tokio::time::Instant::now();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut stop = std::pin::pin!(stop_signal());
    loop {
        tokio::select! {
            signal = &mut stop => {
                signal?;
                break;
            }
            _ = tick.tick() => {
                let passed = i64::try_from(began.elapsed().as_secs()).unwrap_or(i64::MAX);
                fleet.set_time(args.start.saturating_add(passed.saturating_mul(args.speed.into())));
            }
        }
    }
    let truth = fleet.truth(&[]);
    if let Some(path) = args.truth {
        let text = serde_json::to_string_pretty(&truth)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    report(&fleet);
    Ok(())
}

async fn replay(args: Replay) -> anyhow::Result<()> {
    let recordings = recording::load_all(&args.path)?;
    let rows: Vec<usize> = recordings.iter().map(|(_, mib)| mib.len()).collect();
    if args.list {
        for ((name, _), rows) in recordings.iter().zip(rows) {
            println!("{name:<44} {rows:>6} values");
        }
        return Ok(());
    }
    let fleet = Fleet::replay(recordings, args.address, args.port, &args.community).await?;
    for (unit, rows) in fleet.units().iter().zip(rows) {
        println!("{}:{}  {:<44} {rows:>6} values", unit.address(), fleet.port(), unit.name());
    }
    stop_signal().await?;
    report(&fleet);
    Ok(())
}

fn report(fleet: &Fleet) {
    let t = fleet.traffic();
    let requests = t.gets + t.get_nexts + t.get_bulks;
    println!(
        "{requests} requests ({} GETBULK), {} packets, {} bytes at IP level",
        t.get_bulks,
        t.packets_in + t.packets_out,
        t.ip_bytes()
    );
    println!(
        "{} wrong community, {} malformed, {} tooBig, {} SET (none carried out)",
        t.wrong_community, t.malformed, t.too_big, t.sets_total
    );
}

/// Ctrl-C or a termination signal.
async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
