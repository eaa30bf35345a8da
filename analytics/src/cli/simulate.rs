//! `analytics bill simulate`: what would be billed, from written cases or from the readings of a tenant.

use std::path::{Path, PathBuf};

use clap::Args;
use service::exit::{Exit, Failure, OrExit};

use super::draft::{Run, Shape};
use super::output::{print, read, warn};
use super::{Surroundings, period};
use crate::billing::Period;
use crate::billing::calendar::Instant;
use crate::limits::CASES_BYTES_MAX;
use crate::simulate;

const EXAMPLES: &str = "Examples:
  analytics bill simulate --input cases.json | jq .expected.total
  analytics bill simulate --input cases.json --check
  analytics bill simulate --config analytics.toml --contract offer.toml --tenant acme --period 2026-01

Each case gives one line, {\"id\":…,\"expected\":{…}} or {\"id\":…,\"error\":\"…\"}.
Exit codes: 0 all billed, 1 a case has an error (with --check: or differs), 64 the file holds no case.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Simulate {
    /// A case, a list of cases, or a file {"cases": […]}; - reads standard input
    #[arg(long, value_name = "FILE", required_unless_present = "contract", conflicts_with = "contract")]
    input: Option<PathBuf>,
    /// Compare each result with what the case expects, and say on standard error where they part
    #[arg(long, requires = "input")]
    check: bool,
    /// A contract as TOML, billed over the readings in ClickHouse; nothing is written
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// Whose readings; default: the tenant of the contract
    #[arg(long, requires = "contract")]
    tenant: Option<String>,
    /// A month like 2026-01, or dates like 2026-01-15..2026-02-15
    #[arg(long, requires = "contract", value_parser = period)]
    period: Option<Period>,
    /// As known at this instant; default: now
    #[arg(long, requires = "contract", value_name = "INSTANT")]
    as_of: Option<Instant>,
    #[command(flatten)]
    shape: Shape,
}

impl Simulate {
    /// Cases need no database.
    pub(super) fn on_files(&self) -> Option<Result<Exit, Failure>> {
        self.input.as_deref().map(|input| cases(input, self.check))
    }

    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        let run = Run::over_readings(self.contract, self.tenant, self.period, self.as_of);
        self.shape.print(&run.statement(around).await?)
    }
}

/// One line per case; the exit code says whether every case could be billed.
fn cases(input: &Path, check: bool) -> Result<Exit, Failure> {
    let text = read(input, CASES_BYTES_MAX)?;
    let cases =
        simulate::cases_of(&text).map_err(|error| format!("{}: {error}", input.display())).or_exit(Exit::Config)?;
    let mut exit = Exit::Done;
    for (case, place) in cases.iter().zip(1..) {
        let answer = simulate::answer(case, place);
        for key in &answer.ignored {
            warn(&format!("case {}: {key} is no key of a case and was ignored", answer.line["id"]));
        }
        if check && answer.differs {
            warn(&format!("case {}: expected {}", answer.line["id"], case["expected"]));
        }
        if answer.failed || (check && answer.differs) {
            exit = Exit::Failed;
        }
        print(format!("{}\n", answer.line).as_bytes())?;
    }
    Ok(exit)
}
