//! `analytics forecast backtest`, `score` and `fit` on files: the forecaster on a recorded fleet, how right it was, and its constants.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;

use crate::forecast::constants::Constants;
use crate::forecast::fit_interval::error_share;
use crate::forecast::fleet::FleetTables;
use crate::forecast::{backtest as forecaster, data, fit as fitting, score as scores};

/// Resamplings of devices behind each interval.
const BOOTSTRAP: usize = 400;

/// Rows that could not be answered named one by one; the rest is counted.
const NAMED_MAX: usize = 20;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  analytics forecast backtest --data fleet --out forecasts.csv")]
pub struct Backtest {
    /// Folder with readings.csv(.gz), devices.csv and, where there are, catalog.csv, holidays.csv and truth.csv
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the forecasts are written: device,supply,origin,p10,p50,p90
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The rows to forecast (device,supply,origin); default: the first columns of DIR/truth.csv
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Constants of your own, as `forecast fit` prints them; default: those of this build
    #[arg(long, value_name = "FILE")]
    constants: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  analytics forecast fit --data fleet > constants.toml")]
pub struct Fit {
    /// Folder as for the backtest
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Passes over all numbers
    #[arg(long, default_value_t = 3)]
    rounds: usize,
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
pub fn backtest(asked: &Backtest) -> Result<(), BacktestError> {
    let (devices, facts) = data::load(&asked.data).map_err(unread)?;
    let pairs = asked.pairs.clone().unwrap_or_else(|| asked.data.join("truth.csv"));
    let pairs = data::pairs(&pairs).map_err(unread)?;
    let constants = constants(asked.constants.as_deref())?;
    let found = forecaster::run(&devices, &facts, &constants, &pairs, &Progress::default().show());
    std::fs::write(&asked.out, forecaster::to_csv(&found))
        .map_err(|source| BacktestError::Write { path: asked.out.clone(), source })?;
    let silent: Vec<_> = found.iter().filter_map(|(pair, answer)| Some((pair, answer.as_ref().err()?))).collect();
    for (pair, error) in silent.iter().take(NAMED_MAX) {
        say(&format!("{} {} {}: {error}", pair.device, pair.supply, pair.origin));
    }
    say(&format!("{} of {} rows forecast, {} cannot be said", found.len() - silent.len(), found.len(), silent.len()));
    Ok(())
}

/// One line per score: name, value, bounds.
///
/// # Errors
/// When a file cannot be read.
pub fn score(truth: &Path, forecasts: &Path) -> Result<String, BacktestError> {
    let truth = data::truth(truth).map_err(unread)?;
    let forecasts = data::forecasts(forecasts).map_err(unread)?;
    let rows = scores::join(&truth, &forecasts);
    let mut text = String::new();
    let all: Vec<_> = rows.iter().collect();
    for ((name, value), (_, low, high)) in scores::score(&all).0.iter().zip(scores::bootstrap(&rows, BOOTSTRAP)) {
        let _ = writeln!(text, "{name:22} {value:.3}  [{low:.3}, {high:.3}]");
    }
    Ok(text)
}

/// Constants fitted on the folder, as TOML that says on what.
///
/// # Errors
/// When the folder cannot be read.
pub fn fit(asked: &Fit) -> Result<String, BacktestError> {
    let (devices, facts) = data::load(&asked.data).map_err(unread)?;
    let mut constants = constants(None)?;
    let end = fitting::end_of(&devices);
    let tables = FleetTables::learn(&devices, &facts, &constants, end);
    let series = fitting::series(&devices, &tables, end);
    let before = fitting::usage_loss(&series, &constants).0;
    say(&format!("{} counters of {} devices; usage loss {before:.5}", series.len(), devices.len()));
    let told = |name: &str, value: f64, loss: f64| say(&format!("{name} = {value:.5}: usage loss {loss:.5}"));
    let after = fitting::descend(&series, &mut constants, asked.rounds, &told);
    let outcomes = fitting::outcomes(&devices, &facts, &constants, &Progress::default().show());
    let all: Vec<_> = outcomes.iter().collect();
    constants.interval.error_share = error_share(&all, &constants.interval);
    constants.version += 1;
    constants.fitted_on = format!(
        "{} ({} devices, reads before {}): usage loss {before:.5} to {after:.5}; \
         expected errors from {} own forecasts whose end was seen; everything else as in version {}",
        asked.data.display(),
        devices.len(),
        fitting::text_of(end),
        outcomes.len(),
        constants.version - 1
    );
    toml::to_string(&constants).map_err(|error| BacktestError::Constants(error.to_string()))
}

fn constants(path: Option<&Path>) -> Result<Constants, BacktestError> {
    let parsed = match path {
        None => Constants::shipped(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Constants::parse(&text.map_err(|error| BacktestError::Constants(format!("{}: {error}", path.display())))?)
        }
    };
    parsed.map_err(|error| BacktestError::Constants(error.to_string()))
}

fn unread(error: data::DataError) -> BacktestError {
    BacktestError::Data(error.to_string())
}

/// One line that is written over on a terminal; elsewhere a line at every tenth.
#[derive(Default)]
struct Progress {
    tenths: AtomicUsize,
}

impl Progress {
    fn show(self) -> impl Fn(usize, usize) + Sync {
        let terminal = std::io::stderr().is_terminal();
        move |done: usize, all: usize| {
            if terminal {
                let end = if done == all { "\n" } else { "" };
                let _ = write!(std::io::stderr(), "\r{done} of {all} days forecast{end}");
            } else if self.tenths.fetch_max(done * 10 / all.max(1), Ordering::Relaxed) < done * 10 / all.max(1) {
                say(&format!("{done} of {all} days forecast"));
            }
        }
    }
}

fn say(text: &str) {
    // A closed stderr must not end the work.
    let _ = writeln!(std::io::stderr(), "{text}");
}
