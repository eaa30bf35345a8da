//! `analytics forecast backtest` and `score`: the fleet forecaster on a folder of readings, and how right it was.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::toner::constants::Constants;
use crate::toner::{backtest as toner, data, score as scores};

/// Resamplings of devices behind each interval.
const BOOTSTRAP: usize = 400;

/// What the fleet forecaster does with files.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Forecast a recorded fleet at past days, looking at nothing later than each of them
    #[command(after_help = "Example:\n  analytics forecast backtest --data fleet --out forecasts.csv")]
    Backtest {
        /// Folder with readings.csv(.gz), devices.csv, catalog.csv, holidays.csv and truth.csv
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where the forecasts are written: device,supply,origin,p10,p50,p90
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The rows to forecast (device,supply,origin); default: the first columns of DIR/truth.csv
        #[arg(long, value_name = "FILE")]
        pairs: Option<PathBuf>,
    },
    /// Score forecasts against what happened, with 90 % bootstrap intervals over devices
    Score { truth: PathBuf, forecasts: PathBuf },
}

/// Does it; the answer is what goes to standard output.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(action: Action) -> Result<String, BacktestError> {
    match action {
        Action::Backtest { data, out, pairs } => backtest(&data, &out, pairs.as_deref()).map(|()| String::new()),
        Action::Score { truth, forecasts } => score(&truth, &forecasts),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    #[error("read the fleet: {0}")]
    Data(String),
    #[error("the forecaster's constants: {0}")]
    Constants(String),
    #[error("write the forecasts to {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

/// Forecasts every row, says on stderr how far it is and what it cannot say, and writes the CSV.
///
/// # Errors
/// When the folder cannot be read or the file not be written.
fn backtest(dir: &Path, out: &Path, pairs: Option<&Path>) -> Result<(), BacktestError> {
    let unread = |error: &dyn std::fmt::Display| BacktestError::Data(error.to_string());
    let (devices, facts) = data::load(dir).map_err(|error| unread(&error))?;
    let pairs = pairs.map_or_else(|| dir.join("truth.csv"), Path::to_path_buf);
    let pairs = data::pairs(&pairs).map_err(|error| unread(&error))?;
    let constants = Constants::shipped().map_err(|error| BacktestError::Constants(error.to_string()))?;
    let progress = |done: usize, all: usize| say(&format!("{done} of {all} days"));
    let found = toner::run(&devices, &facts, &constants, &pairs, &progress);
    std::fs::write(out, toner::to_csv(&found))
        .map_err(|source| BacktestError::Write { path: out.to_path_buf(), source })?;
    for (pair, answer) in &found {
        if let Err(error) = answer {
            say(&format!("{} {} {}: {error}", pair.device, pair.supply, pair.origin));
        }
    }
    Ok(())
}

/// One line per score: name, value, bounds.
///
/// # Errors
/// When a file cannot be read.
fn score(truth: &Path, forecasts: &Path) -> Result<String, BacktestError> {
    let unread = |error: &dyn std::fmt::Display| BacktestError::Data(error.to_string());
    let truth = data::truth(truth).map_err(|error| unread(&error))?;
    let forecasts = data::forecasts(forecasts).map_err(|error| unread(&error))?;
    let rows = scores::join(&truth, &forecasts);
    let mut text = String::new();
    let all: Vec<_> = rows.iter().collect();
    for ((name, value), (_, low, high)) in scores::score(&all).0.iter().zip(scores::bootstrap(&rows, BOOTSTRAP)) {
        let _ = writeln!(text, "{name:22} {value:.3}  [{low:.3}, {high:.3}]");
    }
    Ok(text)
}

fn say(text: &str) {
    // A closed stderr must not end the work.
    let _ = writeln!(std::io::stderr(), "{text}");
}
