//! A draft: what an invoice would say now. Nothing is written.

use std::path::{Path, PathBuf};

use clap::Args;
use service::exit::{Exit, Failure, OrExit};

use super::output::{exit_of, print, print_json, read};
use super::{Surroundings, period};
use crate::billing::calendar::Instant;
use crate::billing::{Period, Previous};
use crate::command;
use crate::command::bill::{Asked, BillRunError, Reads};
use crate::contract_file::ContractFile;
use crate::limits::CONTRACT_BYTES_MAX;
use crate::report::{bill_csv, bill_table};
use crate::statement::Statement;

/// Which contract, which period, and as known when.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The contract as TOML; it need not be applied
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
    /// Which readings are looked at; the result is the same to the byte
    #[arg(long, value_enum, default_value = "auto")]
    reads: Reads,
    /// What the preceding invoice left, as JSON {"closing":{"device/meter":{"u":…}},"carry":{…}}
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// Whose readings; default: the tenant of the contract
    #[arg(skip)]
    tenant: Option<String>,
}

/// How a statement is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Shape {
    /// Print JSON with every read used
    #[arg(long, conflicts_with = "csv")]
    pub(super) json: bool,
    /// Print CSV, one row per line and meter
    #[arg(long)]
    pub(super) csv: bool,
}

impl Shape {
    pub(super) fn print(self, statement: &Statement) -> Result<Exit, Failure> {
        if self.json {
            print_json(statement)
        } else if self.csv {
            print(&bill_csv::render(statement).or_exit(Exit::Bug)?)
        } else {
            print(bill_table::render(statement).as_bytes())
        }
    }
}

impl Run {
    /// A contract over the readings of a tenant, finished or not.
    pub(super) fn over_readings(
        contract: Option<PathBuf>,
        tenant: Option<String>,
        period: Option<Period>,
        as_of: Option<Instant>,
    ) -> Run {
        Run { contract, period, as_of, unfinished: true, reads: Reads::Auto, previous: None, tenant }
    }

    pub(super) async fn statement(self, around: &Surroundings) -> Result<Statement, Failure> {
        let path = self.contract.unwrap_or_default();
        let file = ContractFile::load(&path).or_exit(Exit::Config)?;
        let as_of = around.instant(self.as_of).await?;
        let period = chosen_period(&file, self.period, as_of, self.unfinished)?;
        let previous = match self.previous {
            None => Previous::default(),
            Some(path) => previous(&path)?,
        };
        let tenant = around.store.tenant(self.tenant.as_deref().unwrap_or(&file.tenant)).or_exit(Exit::Config)?;
        let asked = Asked { period, as_of, reads: self.reads };
        let snapshot = command::bill::measure_contract(&tenant, &file, asked, previous).await.map_err(measured)?;
        let invoice = snapshot.price().or_exit(Exit::Failed)?;
        snapshot.statement(tenant.tenant(), &invoice).or_exit(Exit::Failed)
    }
}

/// The period that was asked for, that of the contract, or the last month; refused while it still runs.
pub(super) fn chosen_period(
    file: &ContractFile,
    asked: Option<Period>,
    as_of: Instant,
    unfinished: bool,
) -> Result<Period, Failure> {
    let period = asked.or(file.period).or_else(|| command::bill::last_month(&file.contract, as_of));
    let period = period.ok_or("no period: give --period 2026-01, or period in the contract").or_exit(Exit::Config)?;
    if !unfinished && command::bill::is_unfinished(&file.contract, period, as_of) {
        let end = period.end;
        let why = format!(
            "the period ends on {end} and is not over at {as_of}; wait, or give `bill draft --unfinished` for an estimate"
        );
        return Err(why).or_exit(Exit::Config);
    }
    Ok(period)
}

pub(super) fn measured(error: BillRunError) -> Failure {
    let exit = match &error {
        BillRunError::Read(error) => exit_of(error),
        BillRunError::Contract(_) | BillRunError::AmbiguousDevice { .. } => Exit::Config,
        BillRunError::Bill(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}

fn previous(path: &Path) -> Result<Previous, Failure> {
    let text = read(path, CONTRACT_BYTES_MAX)?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display())).or_exit(Exit::Config)
}
