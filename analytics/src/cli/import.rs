//! `analytics import`.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use service::exit::{Exit, Failure, OrExit};

use super::Surroundings;
use super::output::{exit_of, print};
use crate::command::import::{ImportError, exchanges, reads};

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Reads from CSV: device,meter,ts,value and if you like source,note,sent
    #[command(
        after_help = "Example:\n  printf 'device,meter,ts,value,source\\nhp:VNB3C12345,total,2026-01-31T16:00:00+01:00,48211,phone\\n' > reads.csv\n  analytics import reads --config analytics.toml --tenant acme reads.csv"
    )]
    Reads(Source),
    /// Replaced counters from CSV: device,meter,ts,old_value,new_value and if you like source,note
    Exchanges(Source),
}

#[derive(Debug, Args)]
pub(super) struct Source {
    #[arg(long)]
    tenant: String,
    file: PathBuf,
    /// Take devices of which nothing was ever read
    #[arg(long)]
    new_devices: bool,
}

impl Action {
    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        let (Action::Reads(source) | Action::Exchanges(source)) = &self;
        let tenant = around.store.tenant(&source.tenant).or_exit(Exit::Config)?;
        let now = around.instant(None).await?;
        let (file, name) = (open(&source.file)?, source.file.display().to_string());
        let (count, what) = match self {
            Action::Reads(_) => (reads(&tenant, &name, file, now, source.new_devices).await, "reads"),
            Action::Exchanges(_) => (exchanges(&tenant, &name, file, now, source.new_devices).await, "exchanges"),
        };
        let count = count.map_err(failed)?;
        print(format!("{count} {what} taken in from {name}\n").as_bytes())
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| format!("read {}: {error}", path.display())).or_exit(Exit::Config)
}

fn failed(error: ImportError) -> Failure {
    let exit = match &error {
        ImportError::Line { .. } | ImportError::TooLong { .. } => Exit::Config,
        ImportError::Read(error) => exit_of(error),
        ImportError::Write(_) => Exit::Unavailable,
    };
    Failure::new(exit, error)
}
