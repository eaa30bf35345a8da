//! `analytics bill`.

use clap::{Args, Subcommand};
use service::exit::{Exit, Failure, OrExit};

use super::dossier::DossierArguments;
use super::draft::{Run, Shape, chosen_period, measured};
use super::output::{exit_of, print, print_json, warn};
use super::simulate::Simulate;
use super::{Surroundings, contract, period};
use crate::billing::Period;
use crate::billing::calendar::Instant;
use crate::command::bill::{Asked, Reads, measure_contract};
use crate::command::contract as contracts;
use crate::command::issue::{self, IssueError};
use crate::ledger::diff::difference;
use crate::ledger::plan::Standing;
use crate::ledger::{Document, Matter};
use crate::read::TenantStore;
use crate::report::{document_table, review_table};
use crate::review::{Threshold, findings};

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
  analytics bill draft --config analytics.toml --contract acme.toml --period 2026-01 --as-of 2026-02-03T00:00:00Z
  analytics bill issue --config analytics.toml --tenant acme --contract C-17 --period 2026-01
  analytics bill replay --config analytics.toml --tenant acme 17 --readings
  analytics bill correct --config analytics.toml --tenant acme 17
  analytics bill simulate --input cases.json"#;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = CONTRACT_EXAMPLE)]
pub(super) struct Bill {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    run: Run,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// What an invoice would say now; nothing is written
    Draft {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        shape: Shape,
    },
    /// Issue the invoice of an applied contract; issued already, it is printed again
    Issue {
        #[command(flatten)]
        of: OfContract,
        #[command(flatten)]
        shape: Shape,
    },
    /// The issued documents
    List {
        #[arg(long)]
        tenant: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print an issued document
    Show {
        #[command(flatten)]
        number: Number,
        #[command(flatten)]
        shape: Shape,
    },
    /// Make a document again from its snapshot; exit code 1 if a byte differs
    Replay {
        #[command(flatten)]
        number: Number,
        /// Measure the readings in ClickHouse again too, as they were known then
        #[arg(long)]
        readings: bool,
    },
    /// What is known now would change in an issued invoice, line by line; exit code 1 if it would
    Diff {
        #[command(flatten)]
        number: Number,
        /// Default: now
        #[arg(long, value_name = "INSTANT")]
        as_of: Option<Instant>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Credit the last invoice of a contract in full and issue its replacement
    Correct {
        #[command(flatten)]
        number: Number,
        /// As known at this instant; default: now
        #[arg(long, value_name = "INSTANT")]
        as_of: Option<Instant>,
        /// With the contract as it is now, instead of the version that was billed
        #[arg(long)]
        latest_contract: bool,
    },
    /// Check the hash chain of all documents; exit code 1 and the first broken one if it does not hold
    Verify {
        #[arg(long)]
        tenant: String,
    },
    /// What to look at before issuing: each meter with the reason and its last good read; exit code 1 if there is anything
    Review {
        #[command(flatten)]
        of: OfContract,
        /// List meters with so many times more or fewer pages than the invoice before makes likely
        #[arg(long, default_value_t = Threshold::default().factor, value_parser = clap::value_parser!(u32).range(2..=1_000))]
        factor: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep a contract from being issued
    Hold {
        #[command(flatten)]
        named: Held,
        #[arg(long)]
        reason: String,
    },
    /// Let a held contract go
    Release {
        #[command(flatten)]
        named: Held,
    },
    /// What would be billed: written cases without a database, or a contract over the readings of a tenant
    Simulate(Simulate),
    /// Every read behind a line with its origin, sealed so that it can be checked without a database
    Dossier(DossierArguments),
}

#[derive(Debug, Args)]
struct OfContract {
    #[arg(long)]
    tenant: String,
    /// The id of an applied contract
    #[arg(long, value_name = "ID")]
    contract: String,
    /// A month like 2026-01, or dates like 2026-01-15..2026-02-15; default: the contract's period, else the last full month
    #[arg(long, value_parser = period)]
    period: Option<Period>,
    /// As known at this instant; default: now
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<Instant>,
}

#[derive(Debug, Args)]
struct Number {
    #[arg(long)]
    tenant: String,
    /// The number of the document
    number: u64,
}

#[derive(Debug, Args)]
struct Held {
    #[arg(long)]
    tenant: String,
    /// The id of the contract
    #[arg(long, value_name = "ID")]
    contract: String,
}

impl Bill {
    /// What works on files alone.
    pub(super) fn on_files(&self) -> Option<Result<Exit, Failure>> {
        match &self.action {
            Some(Action::Simulate(simulate)) => simulate.on_files(),
            Some(Action::Dossier(dossier)) => dossier.on_files(),
            _ => None,
        }
    }

    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        let tenant = |name: &str| around.store.tenant(name).or_exit(Exit::Config);
        match self.action {
            None => self.shape.print(&self.run.statement(around).await?),
            Some(Action::Draft { run, shape }) => shape.print(&run.statement(around).await?),
            Some(Action::Issue { of, shape }) => issue(around, &tenant(&of.tenant)?, of, shape).await,
            Some(Action::List { tenant: name, json }) => list(&tenant(&name)?, json).await,
            Some(Action::Show { number, shape }) => {
                show(&issue::document(&tenant(&number.tenant)?, number.number).await.map_err(failed)?, shape)
            }
            Some(Action::Replay { number, readings }) => {
                let found = issue::replay(&tenant(&number.tenant)?, number.number, readings).await.map_err(failed)?;
                print(document_table::replay(&found).as_bytes())?;
                Ok(if found.is_identical() { Exit::Done } else { Exit::Failed })
            }
            Some(Action::Diff { number, as_of, json }) => {
                let as_of = around.instant(as_of).await?;
                diff(&tenant(&number.tenant)?, number.number, as_of, json).await
            }
            Some(Action::Correct { number, as_of, latest_contract }) => {
                let now = around.instant(None).await?;
                let instants = (as_of.unwrap_or(now), now);
                let (tenant, lock_dir) = (tenant(&number.tenant)?, &around.config.billing.lock_dir);
                let done = issue::correct(&tenant, lock_dir, number.number, instants, latest_contract).await;
                let (credit, replacement) = done.map_err(failed)?;
                print(document_table::corrected(number.number, &credit, &replacement).as_bytes())
            }
            Some(Action::Verify { tenant: name }) => verify(&tenant(&name)?).await,
            Some(Action::Review { of, factor, json }) => {
                review(around, &tenant(&of.tenant)?, of, Threshold { factor, ..Threshold::default() }, json).await
            }
            Some(Action::Hold { named, reason }) => {
                hold(around, &tenant(&named.tenant)?, &named.contract, Some(reason)).await
            }
            Some(Action::Release { named }) => hold(around, &tenant(&named.tenant)?, &named.contract, None).await,
            Some(Action::Simulate(simulate)) => simulate.run(around).await,
            Some(Action::Dossier(dossier)) => dossier.run(around).await,
        }
    }
}

async fn issue(around: &Surroundings, tenant: &TenantStore, of: OfContract, shape: Shape) -> Result<Exit, Failure> {
    let now = around.instant(None).await?;
    let as_of = of.as_of.unwrap_or(now);
    let applied = contracts::version(tenant, &of.contract, None).await.map_err(contract::refused)?;
    let period = chosen_period(&applied.1, of.period, as_of, false)?;
    let issued =
        issue::issue(tenant, &around.config.billing.lock_dir, &applied, period, (as_of, now)).await.map_err(failed)?;
    if !issued.written {
        warn(&format!("issued before as number {}; nothing was written", issued.document.head.number));
    }
    show(&issued.document, shape)
}

async fn list(tenant: &TenantStore, json: bool) -> Result<Exit, Failure> {
    let mut rows = tenant.documents().map_err(super::output::failed)?;
    let mut headers = Vec::new();
    while let Some(mut row) = rows.next().await.map_err(super::output::failed)? {
        row.document.clear();
        headers.push(row);
    }
    if json { print_json(&headers) } else { print(document_table::list(&headers).as_bytes()) }
}

fn show(document: &Document, shape: Shape) -> Result<Exit, Failure> {
    match (&document.matter, shape) {
        (_, Shape { json: true, .. }) => print_json(document),
        (Matter::Invoice { snapshot, result, .. }, shape) => {
            let statement = snapshot.statement(&document.head.tenant, result).or_exit(Exit::Failed)?;
            if !shape.csv {
                print(document_table::head(document).as_bytes())?;
            }
            shape.print(&statement)
        }
        (Matter::CreditNote { .. }, Shape { .. }) => print(document_table::credit_note(document).as_bytes()),
    }
}

async fn diff(tenant: &TenantStore, number: u64, as_of: Instant, json: bool) -> Result<Exit, Failure> {
    let (document, _, now) = issue::again(tenant, number, as_of).await.map_err(failed)?;
    let Matter::Invoice { result, .. } = &document.matter else { return Ok(Exit::Done) };
    let found = difference(result, &now);
    if json {
        print_json(&found)?
    } else {
        print(document_table::difference(number, &found).as_bytes())?
    };
    Ok(if found.lines.is_empty() { Exit::Done } else { Exit::Failed })
}

async fn verify(tenant: &TenantStore) -> Result<Exit, Failure> {
    match issue::verify(tenant).await {
        Ok(chain) => {
            let last = if chain.is_empty() { "none" } else { chain.last_sha256() };
            print(format!("{} documents hold; the hash of the last is {last}\n", chain.len()).as_bytes())
        }
        Err(IssueError::Broken(broken)) => {
            print(format!("{broken}\n").as_bytes())?;
            Ok(Exit::Failed)
        }
        Err(error) => Err(failed(error)),
    }
}

async fn review(
    around: &Surroundings,
    tenant: &TenantStore,
    of: OfContract,
    threshold: Threshold,
    json: bool,
) -> Result<Exit, Failure> {
    let as_of = around.instant(of.as_of).await?;
    let (_, file) = contracts::version(tenant, &of.contract, None).await.map_err(contract::refused)?;
    let period = chosen_period(&file, of.period, as_of, true)?;
    let documents = tenant.documents_of(&of.contract).await.or_exit(Exit::Unavailable)?;
    // Reviewed again after it was issued, a period still follows the one before.
    let earlier: Vec<Document> = documents.into_iter().filter(|of| of.period().end <= period.start).collect();
    let before = Standing::of(&earlier).next(period).map_err(|error| failed(error.into()))?.0;
    let previous = before.map(issue::left_behind).unwrap_or_default();
    let asked = Asked { period, as_of, reads: Reads::Auto };
    let snapshot = measure_contract(tenant, &file, asked, previous).await.map_err(measured)?;
    let before = before.and_then(|document| match &document.matter {
        Matter::Invoice { snapshot, .. } => Some(&**snapshot),
        Matter::CreditNote { .. } => None,
    });
    let found = findings(&snapshot, before, threshold);
    if json {
        print_json(&found)?
    } else {
        print(review_table::render(&of.contract, period, &found).as_bytes())?
    };
    Ok(if found.is_empty() { Exit::Done } else { Exit::Failed })
}

async fn hold(around: &Surroundings, tenant: &TenantStore, id: &str, reason: Option<String>) -> Result<Exit, Failure> {
    contracts::version(tenant, id, None).await.map_err(contract::refused)?;
    let ts = around.instant(None).await?.0.saturating_mul(1_000);
    let said = match &reason {
        Some(reason) => format!("{id} is held: {reason}\n"),
        None => format!("{id} may be issued\n"),
    };
    let row = schemas::store::billing::HoldRow {
        tenant: tenant.tenant().to_owned(),
        contract: id.to_owned(),
        ts,
        held: u8::from(reason.is_some()),
        reason: reason.unwrap_or_default(),
    };
    tenant.add_hold(row).await.or_exit(Exit::Unavailable)?;
    print(said.as_bytes())
}

pub(super) fn failed(error: IssueError) -> Failure {
    let exit = match error {
        IssueError::Measure(error) => return measured(error),
        IssueError::Contract(error) => return contract::refused(error),
        IssueError::Read(ref error) => exit_of(error),
        IssueError::Lock(_) | IssueError::Write(_) => Exit::Unavailable,
        IssueError::Unknown { .. } => Exit::Config,
        IssueError::Price(_) | IssueError::Plan(_) | IssueError::Held { .. } | IssueError::Broken(_) => Exit::Failed,
        IssueError::Document(_) => Exit::Bug,
    };
    Failure::new(exit, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_of_the_help_text_can_be_billed() {
        let toml = CONTRACT_EXAMPLE.split("Examples:").next().unwrap().replace("A contract:", "");
        let contract: crate::billing::Contract = toml::from_str(&toml).unwrap();
        let period = Period::month("2026-01").unwrap();
        assert!(crate::billing::Terms::of(&contract, period, &std::collections::BTreeSet::new()).is_ok());
    }
}
