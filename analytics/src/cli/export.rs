//! `analytics export`.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use service::exit::{Exit, Failure, OrExit};

use super::draft::{Run, Shape};
use super::output::{failed, write};
use super::{Surroundings, period};
use crate::billing::calendar::Instant;
use crate::billing::{Period, Zone};
use crate::command::export::{ExportError, reads};
use crate::command::issue;
use crate::ledger::{Document, Matter};
use crate::papers::{Language, Paper, meters, pdf, ubl};
use crate::read::{Store, TenantStore};
use crate::report::bill_csv;
use crate::statement::Statement;

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
    /// An issued document: JSON, CSV, UBL, PDF, or its meters for another system
    #[command(after_help = PAPER_EXAMPLES)]
    Invoice(Issued),
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

const PAPER_EXAMPLES: &str = "Examples:
  analytics export invoice --config analytics.toml --tenant acme 17 --format pdf --language de --output 17.pdf
  analytics export invoice --config analytics.toml --tenant acme 17 --format ubl --output 17.xml
  analytics export invoice --config analytics.toml --tenant acme 17 --format meters-csv --map e-automate

Seller, buyers and tax of PDF and UBL stand in [papers] of the configuration.";

/// An issued document on paper, or for another system.
#[derive(Debug, Args)]
pub(super) struct Issued {
    #[arg(long)]
    tenant: String,
    /// The number of the document
    number: u64,
    #[arg(long, value_enum, default_value = "json")]
    format: PaperFormat,
    /// Default: that of the configuration
    #[arg(long, value_enum)]
    language: Option<Language>,
    /// Columns of the meters: plain, e-automate, or a map of the configuration
    #[arg(long, value_name = "NAME", default_value = meters::PLAIN)]
    map: String,
    /// Write here instead of to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PaperFormat {
    /// The document itself, byte for byte: lines, reads and all that it was priced from
    Json,
    /// The lines as JSON with the reads behind each, as `bill draft --json` prints them
    Statement,
    /// One row per line and meter
    Csv,
    /// UBL 2.1 by EN 16931 and Peppol BIS Billing 3
    Ubl,
    /// To print
    Pdf,
    /// Due meters, one row per device and meter
    MetersCsv,
    /// The same as XML
    MetersXml,
}

impl Issued {
    async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        let tenant = around.store.tenant(&self.tenant).or_exit(Exit::Config)?;
        let document = issue::document(&tenant, self.number).await.map_err(super::bill::failed)?;
        let papers = &around.config.papers;
        let bytes = match self.format {
            PaperFormat::Json => document.bytes().or_exit(Exit::Bug)?,
            PaperFormat::Statement => serde_json::to_vec_pretty(&statement(&document)?).or_exit(Exit::Bug)?,
            PaperFormat::Csv => bill_csv::render(&statement(&document)?).or_exit(Exit::Bug)?,
            PaperFormat::Ubl | PaperFormat::Pdf => {
                let credited = credited(&tenant, &document).await?;
                let paper = Paper::of(&document, credited.as_ref(), papers, self.language).or_exit(Exit::Config)?;
                match self.format {
                    PaperFormat::Ubl => ubl::render(&paper).or_exit(Exit::Config)?,
                    _ => pdf::render(&paper),
                }
            }
            PaperFormat::MetersCsv | PaperFormat::MetersXml => {
                let own: Vec<&str> = papers.meter_maps.keys().map(String::as_str).collect();
                let unknown = || {
                    let known = [&[meters::PLAIN, meters::E_AUTOMATE][..], own.as_slice()].concat().join(", ");
                    format!("no map of meters is named {:?}; known are {known}", self.map)
                };
                let columns = meters::map(&self.map, &papers.meter_maps).ok_or_else(unknown).or_exit(Exit::Config)?;
                let rows = meters::rows(&document, &columns, &tenant.devices().await.map_err(failed)?);
                match self.format {
                    PaperFormat::MetersXml => meters::xml(&columns, &rows).or_exit(Exit::Bug)?,
                    _ => meters::csv(&columns, &rows).or_exit(Exit::Bug)?,
                }
            }
        };
        if self.output.is_none() && matches!(self.format, PaperFormat::Pdf) && std::io::stdout().is_terminal() {
            return Err("a PDF is no text; give --output FILE").or_exit(Exit::Config);
        }
        write(self.output.as_deref(), &bytes)
    }
}

fn statement(document: &Document) -> Result<Statement, Failure> {
    let Matter::Invoice { snapshot, result, .. } = &document.matter else {
        return Err("a credit note gives back all lines of its invoice; export that one").or_exit(Exit::Config);
    };
    snapshot.statement(&document.head.tenant, result).or_exit(Exit::Failed)
}

/// The invoice that a credit note gives back.
async fn credited(tenant: &TenantStore, document: &Document) -> Result<Option<Document>, Failure> {
    match &document.matter {
        Matter::Invoice { .. } => Ok(None),
        Matter::CreditNote { credits, .. } => {
            issue::document(tenant, credits.number).await.map(Some).map_err(super::bill::failed)
        }
    }
}

impl Action {
    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        match self {
            Action::Invoice(issued) => issued.run(around).await,
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
