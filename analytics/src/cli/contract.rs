//! `analytics contract`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use service::exit::{Exit, Failure, OrExit};

use super::Surroundings;
use super::output::{exit_of, failed, print, print_json};
use crate::billing::calendar::Instant;
use crate::command::contract::{self, Change, ContractRunError};
use crate::contract_file::ContractFile;
use crate::read::TenantStore;
use crate::report::contract_table;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Check contracts and keep each as its next version
    #[command(after_help = "Example:\n  analytics contract apply --config analytics.toml contracts/*.toml")]
    Apply {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Take devices of which nothing was ever read
        #[arg(long)]
        new_devices: bool,
    },
    /// Print a contract as it was applied
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// What a file would change
    Diff { file: PathBuf },
    /// The last version of each contract
    List {
        #[arg(long)]
        tenant: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Named {
    #[arg(long)]
    tenant: String,
    /// The id of the contract
    id: String,
    /// Default: the last
    #[arg(long)]
    version: Option<u32>,
}

impl Action {
    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        match self {
            Action::Apply { files, new_devices } => apply(around, &files, new_devices).await,
            Action::Show { named } => {
                let tenant = around.store.tenant(&named.tenant).or_exit(Exit::Config)?;
                let (row, _) = contract::version(&tenant, &named.id, named.version).await.map_err(refused)?;
                let applied = Instant(i64::from(row.applied));
                print(
                    format!("# version {}, applied {applied}, sha256 {}\n{}", row.version, row.sha256, row.text)
                        .as_bytes(),
                )
            }
            Action::Diff { file } => diff(around, &file).await,
            Action::List { tenant, json } => {
                let tenant = around.store.tenant(&tenant).or_exit(Exit::Config)?;
                let rows = contract::list(&tenant).await.map_err(failed)?;
                if json { print_json(&rows) } else { print(contract_table::render(&rows).as_bytes()) }
            }
        }
    }
}

/// All files are read before the first is applied, so that a slip of the pen applies none.
async fn apply(around: &Surroundings, files: &[PathBuf], new_devices: bool) -> Result<Exit, Failure> {
    let now = around.instant(None).await?;
    let mut contracts = Vec::with_capacity(files.len());
    for path in files {
        let file = ContractFile::load(path).or_exit(Exit::Config)?;
        contracts.push((tenant_of(around, &file)?, file));
    }
    for (tenant, file) in &contracts {
        let lock_dir = &around.config.billing.lock_dir;
        let done = contract::apply(tenant, lock_dir, file, now, new_devices).await.map_err(refused)?;
        let what = if done.changed { "applied as" } else { "unchanged:" };
        print(format!("{} {what} version {}\n", done.contract, done.version).as_bytes())?;
    }
    Ok(Exit::Done)
}

async fn diff(around: &Surroundings, path: &std::path::Path) -> Result<Exit, Failure> {
    let file = ContractFile::load(path).or_exit(Exit::Config)?;
    let tenant = tenant_of(around, &file)?;
    let (row, _) = contract::version(&tenant, &file.contract.id, None).await.map_err(refused)?;
    let mut text = format!("--- {} version {}\n+++ {}\n", row.contract, row.version, path.display());
    let changes = contract::changes(&row.text, file.text());
    let same = changes.iter().all(|change| matches!(change, Change::Same(_)));
    for change in changes {
        match change {
            Change::Same(line) => text.push_str(&format!(" {line}\n")),
            Change::Removed(line) => text.push_str(&format!("-{line}\n")),
            Change::Added(line) => text.push_str(&format!("+{line}\n")),
        }
    }
    if same { print(b"no difference\n") } else { print(text.as_bytes()).map(|_| Exit::Failed) }
}

fn tenant_of(around: &Surroundings, file: &ContractFile) -> Result<TenantStore, Failure> {
    around.store.tenant(&file.tenant).or_exit(Exit::Config)
}

pub(super) fn refused(error: ContractRunError) -> Failure {
    let exit = match &error {
        ContractRunError::File(_) | ContractRunError::NoId(_) | ContractRunError::Unknown { .. } => Exit::Config,
        ContractRunError::Read(error) => exit_of(error),
        ContractRunError::Write(_) | ContractRunError::Lock(_) => Exit::Unavailable,
    };
    Failure::new(exit, error)
}
