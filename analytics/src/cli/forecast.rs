//! `analytics forecast`.

use clap::Args;
use service::exit::{Exit, Failure, OrExit};

use super::Surroundings;
use super::output::{failed, print, print_json};
use crate::billing::calendar::Instant;
use crate::command;
use crate::report::forecast_table;

const EXAMPLES: &str = "Examples:
  analytics forecast --config analytics.toml --tenant acme --json | jq '.supplies[0]'
  analytics forecast backtest --data fleet --out forecasts.csv";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
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

impl Arguments {
    /// What works on files alone.
    pub(super) fn on_files(&mut self) -> Option<Result<Exit, Failure>> {
        let answer = command::backtest::run(self.action.take()?).or_exit(Exit::Config);
        Some(answer.and_then(|answer| print(answer.as_bytes())))
    }

    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        let as_of = around.instant(self.as_of).await?;
        let tenants = match self.tenant {
            Some(tenant) => vec![tenant],
            None => around.store.tenants().await.map_err(failed)?,
        };
        let mut supplies = Vec::new();
        for tenant in tenants {
            let tenant = around.store.tenant(&tenant).or_exit(Exit::Config)?;
            supplies.extend(command::forecast::run(&tenant, as_of).await.map_err(failed)?);
        }
        let outlook = command::forecast::outlook(as_of, supplies);
        if self.json { print_json(&outlook) } else { print(forecast_table::render(&outlook).as_bytes()) }
    }
}
