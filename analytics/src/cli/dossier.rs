//! `analytics bill dossier`.

use std::path::{Path, PathBuf};

use clap::Args;
use service::exit::{Exit, Failure, OrExit};

use super::Surroundings;
use super::bill::failed;
use super::output::{print, read, write};
use crate::command::dossier::dossier;
use crate::dossier;
use crate::limits::CASES_BYTES_MAX;

const EXAMPLES: &str = "Examples:
  analytics bill dossier --config analytics.toml --tenant acme 17 2 --output 17-2.dossier.json
  analytics bill dossier --check 17-2.dossier.json

Checking needs the file alone. Exit code 1 and the line that does not fit, if one does not.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DossierArguments {
    #[arg(long, required_unless_present = "check")]
    tenant: Option<String>,
    /// The number of the invoice
    #[arg(required_unless_present = "check")]
    number: Option<u64>,
    /// The number of the line, from 1
    #[arg(required_unless_present = "check")]
    line: Option<usize>,
    /// Write here instead of to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Check a dossier, without a database; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tenant", "number", "line", "output"])]
    check: Option<PathBuf>,
}

impl DossierArguments {
    pub(super) fn on_files(&self) -> Option<Result<Exit, Failure>> {
        self.check.as_deref().map(check)
    }

    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        let tenant = around.store.tenant(&self.tenant.unwrap_or_default()).or_exit(Exit::Config)?;
        let (number, line) = (self.number.unwrap_or_default(), self.line.unwrap_or_default());
        let found = dossier(&tenant, number, line).await.map_err(failed)?;
        let missing = || {
            format!(
                "document {number} has no line {line}; `analytics bill show --tenant {} {number}` shows its lines, and credit notes have no dossier",
                tenant.tenant()
            )
        };
        let dossier = found.ok_or_else(missing).or_exit(Exit::Config)?;
        write(self.output.as_deref(), dossier.sealed().or_exit(Exit::Bug)?.as_bytes())
    }
}

fn check(path: &Path) -> Result<Exit, Failure> {
    let text = read(path, CASES_BYTES_MAX)?;
    match dossier::check(&text) {
        Ok(found) => print(
            format!(
                "holds: line {} of document {} of {}, {} readings; the document's hash is {}\n",
                found.line,
                found.number,
                found.tenant,
                found.readings.len(),
                found.document_sha256
            )
            .as_bytes(),
        ),
        Err(misfit) => {
            print(format!("{}: {misfit}\n", path.display()).as_bytes())?;
            Ok(Exit::Failed)
        }
    }
}
