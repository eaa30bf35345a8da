//! Commands, their arguments and what each prints: one file for each noun, the answer on standard output.

mod bill;
mod contract;
mod dossier;
mod draft;
mod export;
mod forecast;
mod import;
mod output;
mod simulate;
mod supplies;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use service::clock::Clock;
use service::exit::{Exit, Failure, OrExit};

use crate::billing::Period;
use crate::billing::calendar::Instant;
use crate::command;
use crate::config::AnalyticsConfig;
use crate::contract_file::parse_period;
use crate::read::Store;
use output::print;

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
    show_config: bool,
}

const EXAMPLES: &str = "Examples:
  analytics contract apply --config analytics.toml acme.toml
  analytics bill review --config analytics.toml --tenant acme --contract C-17 --period 2026-01
  analytics bill issue --config analytics.toml --tenant acme --contract C-17 --period 2026-01
  analytics bill draft --config analytics.toml --contract acme.toml --json | jq .total
  analytics bill simulate --input cases.json
  analytics forecast --config analytics.toml --tenant acme
  analytics supplies --config analytics.toml --tenant acme
  analytics bill dossier --config analytics.toml --tenant acme 17 2 --output 17-2.dossier.json
  analytics export invoice --config analytics.toml --tenant acme 17 --format pdf --output 17.pdf
  analytics export reads --config analytics.toml --tenant acme --period 2026-01 > reads.csv

Exit codes: 0 done, 1 the answer is no, 64 configuration or input, 69 something outside is missing.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Contracts and their prices, in versions
    #[command(subcommand)]
    Contract(contract::Action),
    /// Draft, issue, prove and correct invoices
    Bill(bill::Bill),
    /// When each supply runs out, with an interval and the reason
    Forecast(forecast::Arguments),
    /// What to ship by when, and orders of supplies
    Supplies(supplies::Arguments),
    /// Write issued documents as JSON, CSV, UBL or PDF, due meters for other systems, or readings as CSV
    #[command(subcommand)]
    Export(export::Action),
    /// Take in reads and meter exchanges that no agent took
    #[command(subcommand)]
    Import(import::Action),
    /// Print users, grants and row policies for a ClickHouse server, so that each tenant's user sees its own rows alone
    #[command(
        after_help = "Example:\n  analytics access --config analytics.toml --tenant acme --tenant globex > access.sql"
    )]
    Access {
        #[arg(long, required = true)]
        tenant: Vec<String>,
    },
    /// Print completions for a shell
    Completions { shell: Shell },
    /// Print the version
    Version,
}

/// What every command that asks ClickHouse has at hand.
struct Surroundings {
    config: AnalyticsConfig,
    store: Store,
}

/// Runs one command; prints its result on standard output.
pub async fn run(cli: Cli) -> Result<Exit, Failure> {
    let mut command = cli.command;
    let done = match &mut command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "analytics", &mut script);
            Some(print(&script))
        }
        Command::Version => Some(print(format!("analytics {}\n", env!("CARGO_PKG_VERSION")).as_bytes())),
        Command::Bill(bill) => bill.on_files(),
        Command::Forecast(forecast) => forecast.on_files(),
        Command::Contract(_)
        | Command::Supplies(_)
        | Command::Export(_)
        | Command::Import(_)
        | Command::Access { .. } => None,
    };
    if let Some(done) = done {
        return done;
    }
    let config: AnalyticsConfig = service::config::load(cli.config.as_deref()).or_exit(Exit::Config)?;
    if cli.show_config {
        return print(service::config::show(&config).as_bytes());
    }
    service::log::init(&config.log).or_exit(Exit::Config)?;
    let around = Surroundings { store: Store::new(&config.clickhouse), config };
    match command {
        Command::Contract(action) => action.run(&around).await,
        Command::Bill(bill) => bill.run(&around).await,
        Command::Forecast(forecast) => forecast.run(&around).await,
        Command::Supplies(supplies) => supplies.run(&around).await,
        Command::Export(action) => action.run(&around).await,
        Command::Import(action) => action.run(&around).await,
        Command::Access { tenant } => {
            tenant.iter().try_for_each(|tenant| around.store.tenant(tenant).map(|_| ())).or_exit(Exit::Config)?;
            let tenants: Vec<&str> = tenant.iter().map(String::as_str).collect();
            print(crate::access::render(&around.config.clickhouse.database, &tenants).as_bytes())
        }
        Command::Completions { .. } | Command::Version => Ok(Exit::Done),
    }
}

impl Surroundings {
    /// The instant that was asked for, or that of the clock.
    async fn instant(&self, asked: Option<Instant>) -> Result<Instant, Failure> {
        match asked {
            Some(instant) => Ok(instant),
            None => {
                let clock = Clock::connect(&self.config.clock, "analytics").await.or_exit(Exit::Unavailable)?;
                Ok(command::instant_of(clock.wall()))
            }
        }
    }
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
        for draft in ["analytics bill", "analytics bill draft"] {
            assert!(parse(&format!("{draft} --contract c.toml --period 2026-01 --json")).is_ok());
            assert!(parse(&format!("{draft} --contract c.toml --json --csv")).is_err());
            assert!(parse(&format!("{draft} --contract c.toml --period 2026-13")).is_err());
        }
        assert!(parse("analytics bill simulate --input cases.json").is_ok());
        assert!(parse("analytics bill issue --contract C-17").is_err(), "whose contract?");
        assert!(parse("analytics bill issue --tenant acme --contract C-17").is_ok());
        assert!(parse("analytics bill replay --tenant acme 17").is_ok());
        assert!(parse("analytics export lines --contract c.toml").is_ok());
    }
}
