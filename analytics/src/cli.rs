//! Commands, their arguments and what each prints.

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use service::clock::Clock;
use service::exit::{Exit, Failure, OrExit};

use crate::billing::calendar::Instant;
use crate::billing::{Period, Previous};
use crate::command::{self, bill::BillRunError};
use crate::config::AnalyticsConfig;
use crate::contract_file::{ContractFile, parse_period};
use crate::limits::{CASES_BYTES_MAX, CONTRACT_BYTES_MAX};
use crate::read::{ReadError, Store};
use crate::report::{bill_csv, bill_table, forecast_table};
use crate::simulate;

#[derive(Debug, Parser)]
#[command(name = "analytics", version, about = "Invoices and forecasts from the readings in ClickHouse", after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The TOML file with [clickhouse]; PLATEN_ANALYTICS__SECTION__KEY in the environment overrides it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the effective configuration with secrets masked, and stop
    #[arg(long, global = true)]
    check: bool,
}

const EXAMPLES: &str = "Examples:
  analytics bill --config analytics.toml --contract acme.toml --period 2026-01
  analytics bill --config analytics.toml --contract acme.toml --json | jq .total
  analytics bill simulate --input cases.json
  analytics forecast --config analytics.toml --tenant acme
  analytics export reads --config analytics.toml --tenant acme --period 2026-01 > reads.csv";

#[derive(Debug, Subcommand)]
enum Command {
    /// Bill a contract from its readings (a draft: nothing is written)
    Bill(Bill),
    /// When each supply runs out, with an interval and the reason
    Forecast(ForecastArgs),
    /// Write readings or invoice lines as CSV
    #[command(subcommand)]
    Export(Export),
    /// Print completions for a shell
    Completions { shell: Shell },
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = CONTRACT_EXAMPLE)]
struct Bill {
    #[command(subcommand)]
    action: Option<BillAction>,
    #[command(flatten)]
    run: BillRun,
    /// Print JSON with every read used
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV, one row per line and meter
    #[arg(long)]
    csv: bool,
}

const CONTRACT_EXAMPLE: &str = r#"A contract:
  id = "C-17"
  tenant = "acme"
  currency = "EUR"                  # EUR USD GBP CHF JPY KWD BHD
  timezone = "Europe/Berlin"
  start = 2026-01-01
  all_devices = true                # or [[devices]] with device = "hp:VNB3C12345" or a serial number
  base_fee = { amount = "19.90", per = "device" }
  [[charges]]
  id = "mono"
  meters = { total = 1, color = -1 }
  price = "0.0080"
  included = 1000
  [[charges]]
  id = "color"
  meters = { color = 1 }
  price = "0.0600"

Examples:
  analytics bill --config analytics.toml --contract acme.toml --period 2026-01 --as-of 2026-02-03T00:00:00Z
  analytics bill --config analytics.toml --contract acme.toml --period 2026-01-15..2026-02-15 --csv
  analytics bill simulate --input cases.json"#;

#[derive(Debug, Subcommand)]
enum BillAction {
    /// Bill written cases, without a database: one JSON line {"id":…,"expected":{…}} per case
    #[command(after_help = "Example:\n  analytics bill simulate --input cases.json | jq .expected.total")]
    Simulate {
        /// A case or a file {"cases": […]}; - reads standard input
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
    },
}

#[derive(Debug, Args)]
struct BillRun {
    /// The contract as TOML
    #[arg(long, value_name = "FILE", required = true)]
    contract: Option<PathBuf>,
    /// A month like 2026-01, or dates like 2026-01-15..2026-02-15; default: the contract's period, else the last full month
    #[arg(long, value_parser = period)]
    period: Option<Period>,
    /// Bill as it was known at this instant, like 2026-02-03T00:00:00Z; default: now
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<Instant>,
    /// Bill a period that is not over yet: what will be used until its end is estimated
    #[arg(long)]
    unfinished: bool,
    /// The preceding invoice as JSON: its closing values and its carry open this one
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  analytics forecast --config analytics.toml --tenant acme --json | jq '.supplies[0]'\n  analytics forecast backtest --data fleet --out forecasts.csv"
)]
struct ForecastArgs {
    #[command(subcommand)]
    action: Option<command::backtest::Action>,
    /// Only this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// As seen at this instant; default: now
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<Instant>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Export {
    /// All readings of a tenant, one row per value
    #[command(
        after_help = "Example:\n  analytics export reads --config analytics.toml --tenant acme --period 2026-01 > reads.csv"
    )]
    Reads {
        #[arg(long)]
        tenant: String,
        /// A month like 2026-01, or dates like 2026-01-15..2026-02-15, in UTC
        #[arg(long, value_parser = period)]
        period: Period,
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
    },
    /// The lines of a draft invoice, as `bill --csv` prints them
    Lines {
        #[command(flatten)]
        run: BillRun,
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Csv,
}

/// Runs one command; prints its result on standard output.
pub async fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "analytics", &mut script);
            return print(&script);
        }
        Command::Version => return print(format!("analytics {}\n", env!("CARGO_PKG_VERSION")).as_bytes()),
        Command::Bill(Bill { action: Some(BillAction::Simulate { input }), .. }) => return simulate_file(&input),
        Command::Forecast(ForecastArgs { action: Some(action), .. }) => {
            return print(command::backtest::run(action).or_exit(Exit::Config)?.as_bytes());
        }
        Command::Bill(_) | Command::Forecast(_) | Command::Export(_) => {}
    }
    let config: AnalyticsConfig = service::config::load(cli.config.as_deref()).or_exit(Exit::Config)?;
    if cli.check {
        return print(service::config::show(&config).as_bytes());
    }
    service::log::init(&config.log).or_exit(Exit::Config)?;
    let store = Store::new(&config.clickhouse);
    match cli.command {
        Command::Bill(Bill { run, json, csv, .. }) => {
            let statement = bill(&config, &store, run).await?;
            if json {
                print_json(&statement)
            } else if csv {
                print(&bill_csv::render(&statement).or_exit(Exit::Bug)?)
            } else {
                print(bill_table::render(&statement).as_bytes())
            }
        }
        Command::Export(Export::Lines { run, format: Format::Csv }) => {
            let statement = bill(&config, &store, run).await?;
            print(&bill_csv::render(&statement).or_exit(Exit::Bug)?)
        }
        Command::Forecast(args) => forecast(&config, &store, args).await,
        Command::Export(Export::Reads { tenant, period, format: Format::Csv }) => {
            export_reads(&store, &tenant, period).await
        }
        Command::Completions { .. } | Command::Version => Ok(Exit::Done),
    }
}

async fn bill(config: &AnalyticsConfig, store: &Store, run: BillRun) -> Result<crate::statement::Statement, Failure> {
    let path = run.contract.unwrap_or_default();
    let file = ContractFile::load(&path).or_exit(Exit::Config)?;
    let as_of = instant(config, run.as_of).await?;
    let period = run.period.or(file.period).or_else(|| command::bill::last_month(&file.contract, as_of));
    let period = period.ok_or("no period: give --period 2026-01, or period in the contract").or_exit(Exit::Config)?;
    if !run.unfinished && command::bill::is_unfinished(&file.contract, period, as_of) {
        let why = format!(
            "the period ends on {} and is not over at {as_of}; wait, or give --unfinished for an estimate",
            period.end
        );
        return Err(why).or_exit(Exit::Config);
    }
    let previous = match run.previous {
        None => Previous::default(),
        Some(path) => {
            let text = read(&path, CONTRACT_BYTES_MAX)?;
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display())).or_exit(Exit::Config)?
        }
    };
    let tenant = store.tenant(&file.tenant).or_exit(Exit::Config)?;
    let statement = command::bill::run(&tenant, &file, period, as_of, &previous).await;
    statement.map_err(|error| {
        let exit = match &error {
            BillRunError::Read(error) => exit_of(error),
            BillRunError::Contract(_) | BillRunError::AmbiguousDevice { .. } => Exit::Config,
            BillRunError::Bill(_) => Exit::Failed,
        };
        Failure::new(exit, error)
    })
}

async fn forecast(config: &AnalyticsConfig, store: &Store, args: ForecastArgs) -> Result<Exit, Failure> {
    let as_of = instant(config, args.as_of).await?;
    let tenants = match args.tenant {
        Some(tenant) => vec![tenant],
        None => store.tenants().await.map_err(failed)?,
    };
    let mut supplies = Vec::new();
    for tenant in tenants {
        let tenant = store.tenant(&tenant).or_exit(Exit::Config)?;
        supplies.extend(command::forecast::run(&tenant, as_of).await.map_err(failed)?);
    }
    let outlook = command::forecast::outlook(as_of, supplies);
    if args.json { print_json(&outlook) } else { print(forecast_table::render(&outlook).as_bytes()) }
}

async fn export_reads(store: &Store, tenant: &str, period: Period) -> Result<Exit, Failure> {
    let tenant = store.tenant(tenant).or_exit(Exit::Config)?;
    let utc = crate::billing::Zone::named("UTC").ok_or("the tz database has no UTC").or_exit(Exit::Bug)?;
    let window = utc.window(period);
    let written =
        command::export::reads(&tenant, Instant(window.from), Instant(window.to), std::io::stdout().lock()).await;
    match written {
        Ok(_) => Ok(Exit::Done),
        Err(command::export::ExportError::Read(error)) => Err(failed(error)),
        Err(command::export::ExportError::Write(error)) if is_closed_pipe(&error) => Ok(Exit::Done),
        Err(error) => Err(error).or_exit(Exit::Unavailable),
    }
}

fn is_closed_pipe(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn failed(error: ReadError) -> Failure {
    Failure::new(exit_of(&error), error)
}

fn exit_of(error: &ReadError) -> Exit {
    match error {
        ReadError::NotATenant(_) => Exit::Config,
        ReadError::Ask { .. } | ReadError::Slow { .. } | ReadError::TooMany { .. } => Exit::Unavailable,
    }
}

/// The instant that was asked for, or that of the clock.
async fn instant(config: &AnalyticsConfig, asked: Option<Instant>) -> Result<Instant, Failure> {
    match asked {
        Some(instant) => Ok(instant),
        None => {
            let clock = Clock::connect(&config.clock, "analytics").await.or_exit(Exit::Unavailable)?;
            Ok(command::instant_of(clock.wall()))
        }
    }
}

/// One line per case; the exit code says whether every case could be billed.
fn simulate_file(input: &Path) -> Result<Exit, Failure> {
    let text = read(input, CASES_BYTES_MAX)?;
    let cases =
        simulate::cases_of(&text).map_err(|error| format!("{}: {error}", input.display())).or_exit(Exit::Config)?;
    let mut exit = Exit::Done;
    for case in &cases {
        let answer = simulate::answer(case);
        for key in &answer.ignored {
            warn(&format!("case {}: {key} is no key of a contract and was ignored", answer.line["id"]));
        }
        if answer.failed {
            exit = Exit::Failed;
        }
        print(format!("{}\n", answer.line).as_bytes())?;
    }
    Ok(exit)
}

fn read(input: &Path, bytes_max: u64) -> Result<String, Failure> {
    let attempt = || {
        let mut text = String::new();
        let bytes = if input.as_os_str() == "-" {
            std::io::stdin().lock().take(bytes_max + 1).read_to_string(&mut text)?
        } else {
            std::fs::File::open(input)?.take(bytes_max + 1).read_to_string(&mut text)?
        };
        if u64::try_from(bytes).is_ok_and(|bytes| bytes > bytes_max) {
            return Err(std::io::Error::other(format!("more than {bytes_max} bytes; split the file")));
        }
        Ok(text)
    };
    attempt().map_err(|error| format!("read {}: {error}", input.display())).or_exit(Exit::Config)
}

fn print_json(value: &impl serde::Serialize) -> Result<Exit, Failure> {
    let mut json = serde_json::to_vec_pretty(value).or_exit(Exit::Bug)?;
    json.push(b'\n');
    print(&json)
}

/// A closed pipe (`| head`) ends the output, not with an error.
fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    match std::io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).or_exit(Exit::Unavailable),
        _ => Ok(Exit::Done),
    }
}

fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

fn period(text: &str) -> Result<Period, String> {
    parse_period(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn billing_needs_a_contract_and_simulating_does_not() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("analytics bill").is_err());
        assert!(parse("analytics bill --contract c.toml --period 2026-01 --json").is_ok());
        assert!(parse("analytics bill --contract c.toml --json --csv").is_err());
        assert!(parse("analytics bill simulate --input cases.json").is_ok());
        assert!(parse("analytics bill --contract c.toml --period 2026-13").is_err());
        assert!(parse("analytics export lines --contract c.toml").is_ok());
    }

    #[test]
    fn the_contract_of_the_help_text_can_be_billed() {
        let toml = CONTRACT_EXAMPLE.split("Examples:").next().unwrap().replace("A contract:", "");
        let contract: crate::billing::Contract = toml::from_str(&toml).unwrap();
        let period = Period::month("2026-01").unwrap();
        assert!(crate::billing::Terms::of(&contract, period, &std::collections::BTreeSet::new()).is_ok());
    }
}
