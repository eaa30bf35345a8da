//! `analytics export`.

use clap::{Subcommand, ValueEnum};
use service::exit::{Exit, Failure, OrExit};

use super::draft::{Run, Shape};
use super::output::failed;
use super::{Surroundings, period};
use crate::billing::calendar::Instant;
use crate::billing::{Period, Zone};
use crate::command::export::{ExportError, reads};
use crate::read::Store;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
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
    /// The lines of a draft invoice, as `bill draft --csv` prints them
    Lines {
        #[command(flatten)]
        run: Run,
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    Csv,
}

impl Action {
    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        match self {
            Action::Lines { run, format: Format::Csv } => {
                Shape { json: false, csv: true }.print(&run.statement(around).await?)
            }
            Action::Reads { tenant, period, format: Format::Csv } => export_reads(&around.store, &tenant, period).await,
        }
    }
}

async fn export_reads(store: &Store, tenant: &str, period: Period) -> Result<Exit, Failure> {
    let tenant = store.tenant(tenant).or_exit(Exit::Config)?;
    let utc = Zone::named("UTC").ok_or("the tz database has no UTC").or_exit(Exit::Bug)?;
    let window = utc.window(period);
    match reads(&tenant, Instant(window.from), Instant(window.to), std::io::stdout().lock()).await {
        Ok(_) => Ok(Exit::Done),
        Err(ExportError::Read(error)) => Err(failed(error)),
        Err(ExportError::Write(error)) if is_closed_pipe(&error) => Ok(Exit::Done),
        Err(error) => Err(error).or_exit(Exit::Unavailable),
    }
}

fn is_closed_pipe(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
}
