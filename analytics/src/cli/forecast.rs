//! `analytics forecast`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use service::exit::{Exit, Failure, OrExit};

use super::Surroundings;
use super::output::{exit_of, failed as unread, print, print_json};
use crate::billing::calendar::Instant;
use crate::command::forecast::ForecastRunError;
use crate::command::plot::PlotError;
use crate::command::{self, backtest};
use crate::report::{forecast_table, score_table};

const EXAMPLES: &str = "Examples:
  analytics forecast --config analytics.toml --tenant acme
  analytics forecast --config analytics.toml --tenant acme --json | jq '.supplies[0]'
  analytics forecast --config analytics.toml --keep            # nightly: what is said is kept, and scored later
  analytics forecast score --config analytics.toml --tenant acme
  analytics forecast plot --config analytics.toml --tenant acme --device hp:VNB3C12345 --supply K -o toner.svg
  analytics forecast backtest --data fleet --out forecasts.csv
  analytics forecast score fleet/truth.csv forecasts.csv
  analytics forecast plot --data fleet --device d0001 --supply C -o toner.svg";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// As seen at this instant; default: now
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<Instant>,
    /// Keep what is said in the table `forecasts`, so that `forecast score` can judge it later
    #[arg(long)]
    keep: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Forecast a recorded fleet at past days, looking at nothing later than each of them
    Backtest(backtest::Backtest),
    /// How right forecasts were: kept ones against what was read since, or files against a truth
    Score {
        /// What happened: device,supply,origin,cartridge,remaining_days
        #[arg(requires = "forecasts", conflicts_with = "tenant")]
        truth: Option<PathBuf>,
        /// What was said: device,supply,origin,p10,p50,p90
        forecasts: Option<PathBuf>,
        /// Kept forecasts of this tenant
        #[arg(long)]
        tenant: Option<String>,
        /// As seen at this instant; default: now
        #[arg(long, value_name = "INSTANT")]
        as_of: Option<Instant>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fit the constants on a recorded fleet and print them as TOML; looks at pages printed later, never at the truth file
    Fit(backtest::Fit),
    /// One supply as a picture (SVG): levels, changes, forecast, and what really happened where it is known
    Plot(Plot),
}

#[derive(Debug, Args)]
struct Plot {
    /// The tenant of the device
    #[arg(long, required_unless_present = "data", conflicts_with = "data")]
    tenant: Option<String>,
    /// A folder as the backtest reads it, in place of ClickHouse
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[arg(long)]
    device: String,
    /// A slot, or what the forecast calls the supply: K, C, M, Y, drum, waste
    #[arg(long)]
    supply: String,
    /// Day of the forecast with --data; default: the last one whose end is known
    #[arg(long, value_name = "YYYY-MM-DD", requires = "data")]
    origin: Option<String>,
    /// As seen at this instant; default: now
    #[arg(long, value_name = "INSTANT", conflicts_with = "data")]
    as_of: Option<Instant>,
    /// Where the picture is written; - for standard output
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

impl Arguments {
    /// What works on files alone.
    pub(super) fn on_files(&mut self) -> Option<Result<Exit, Failure>> {
        match self.action.as_ref()? {
            Action::Backtest(asked) => Some(backtest::backtest(asked).or_exit(Exit::Config).map(|()| Exit::Done)),
            Action::Fit(asked) => {
                Some(backtest::fit(asked).or_exit(Exit::Config).and_then(|constants| print(constants.as_bytes())))
            }
            Action::Score { truth: Some(truth), forecasts: Some(forecasts), .. } => {
                let scores = backtest::score(truth, forecasts).or_exit(Exit::Config);
                Some(scores.and_then(|scores| print(scores.as_bytes())))
            }
            Action::Plot(Plot { data: Some(data), device, supply, origin, out, .. }) => {
                let svg = command::plot::from_folder(data, device, supply, origin.as_deref()).map_err(no_plot);
                Some(svg.and_then(|svg| write(out, &svg)))
            }
            Action::Score { .. } | Action::Plot(_) => None,
        }
    }

    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        let ground = command::forecast::ground(&around.config.forecast).or_exit(Exit::Config)?;
        match self.action {
            Some(Action::Plot(Plot { tenant: Some(tenant), device, supply, as_of, out, .. })) => {
                let as_of = around.instant(as_of).await?;
                let store = around.store.tenant(&tenant).or_exit(Exit::Config)?;
                let svg = command::plot::live(&store, &ground, &device, &supply, as_of).await.map_err(no_plot)?;
                return write(&out, &svg);
            }
            Some(Action::Score { tenant, as_of, json, .. }) => {
                let as_of = around.instant(as_of).await?;
                let mut scores = Vec::new();
                for tenant in tenants(around, tenant).await? {
                    let store = around.store.tenant(&tenant).or_exit(Exit::Config)?;
                    scores.push((tenant, command::score::live(&store, &ground, as_of).await.map_err(failed)?));
                }
                return if json { print_json(&scores) } else { print(score_table::render(&scores).as_bytes()) };
            }
            // Done on files already.
            Some(Action::Backtest(_) | Action::Fit(_) | Action::Plot(_)) => return Ok(Exit::Done),
            None => {}
        }
        let as_of = around.instant(self.as_of).await?;
        // Who keeps wants no list of everything, unless it is asked for.
        let show = self.json || !self.keep;
        let (mut supplies, mut said, mut unsaid) = (Vec::new(), 0, 0);
        for tenant in tenants(around, self.tenant).await? {
            let tenant = around.store.tenant(&tenant).or_exit(Exit::Config)?;
            let run = command::forecast::run(&tenant, &ground, as_of, self.keep, show).await.map_err(failed)?;
            supplies.extend(run.supplies);
            (said, unsaid) = (said + run.said, unsaid + run.unsaid);
        }
        if !show {
            return print(format!("{said} forecasts kept, and {unsaid} reasons why nothing can be said\n").as_bytes());
        }
        let outlook = command::forecast::outlook(as_of, supplies);
        if self.json { print_json(&outlook) } else { print(forecast_table::render(&outlook).as_bytes()) }
    }
}

/// The one that was asked for, or all.
pub(super) async fn tenants(around: &Surroundings, asked: Option<String>) -> Result<Vec<String>, Failure> {
    match asked {
        Some(tenant) => Ok(vec![tenant]),
        None => around.store.tenants().await.map_err(unread),
    }
}

fn write(out: &Path, svg: &str) -> Result<Exit, Failure> {
    if out.as_os_str() == "-" {
        return print(svg.as_bytes());
    }
    let written = std::fs::write(out, svg).map_err(|error| format!("write the picture to {}: {error}", out.display()));
    written.or_exit(Exit::Config).map(|()| Exit::Done)
}

pub(super) fn failed(error: ForecastRunError) -> Failure {
    let exit = match &error {
        ForecastRunError::Constants(_) | ForecastRunError::Facts { .. } => Exit::Config,
        ForecastRunError::Read(error) => exit_of(error),
        ForecastRunError::Keep(_) => Exit::Unavailable,
    };
    Failure::new(exit, error)
}

fn no_plot(error: PlotError) -> Failure {
    match error {
        PlotError::Run(error) => failed(error),
        other @ (PlotError::Backtest(_) | PlotError::Unknown { .. } | PlotError::NotADay(_)) => {
            Failure::new(Exit::Config, other)
        }
    }
}
