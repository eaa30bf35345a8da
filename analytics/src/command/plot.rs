//! `analytics forecast plot`: one supply as a picture, from a folder of readings or from what ClickHouse holds.

use std::path::Path;

use super::backtest::BacktestError;
use super::forecast::ForecastRunError;
use super::judge::{Ground, Judging};
use crate::billing::calendar::Instant;
use crate::forecast::constants::Constants;
use crate::forecast::data;
use crate::forecast::fleet::FleetTables;
use crate::forecast::history::History;
use crate::forecast::segment::Seen;
use crate::forecast::series::{Day, Level};
use crate::forecast::supply::{self, Judged};
use crate::read::TenantStore;
use crate::report::plot::{Change, Fan, Plot, render};

#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    #[error(transparent)]
    Backtest(#[from] BacktestError),
    #[error(transparent)]
    Run(#[from] ForecastRunError),
    #[error("there is no supply {supply:?} on a device {device:?}; {known}")]
    Unknown { device: String, supply: String, known: String },
    #[error("{0:?} is not a day; write YYYY-MM-DD")]
    NotADay(String),
}

/// From a folder as the backtest reads it; `origin`: the day of the forecast, else the last one in `truth.csv` whose end is known.
///
/// # Errors
/// [`PlotError`].
pub fn from_folder(dir: &Path, device: &str, name: &str, origin: Option<&str>) -> Result<String, PlotError> {
    let unread = |error: data::DataError| BacktestError::Data(error.to_string());
    let (devices, facts) = data::load(dir).map_err(unread)?;
    let constants = Constants::shipped().map_err(|error| BacktestError::Constants(error.to_string()))?;
    let found = devices.iter().find(|one| one.id == device);
    let known = found.map_or_else(
        || format!("the folder has {} devices", devices.len()),
        |device| format!("it has {}", names(device.supplies.iter().map(|supply| supply.name.as_str()))),
    );
    let unknown = || PlotError::Unknown { device: device.to_owned(), supply: name.to_owned(), known: known.clone() };
    let (whole, index) = found
        .and_then(|one| Some((one, one.supplies.iter().position(|supply| supply.name == name)?)))
        .ok_or_else(unknown)?;
    let truth = dir.join("truth.csv");
    let truth = if truth.exists() { data::truth(&truth).map_err(unread)? } else { Vec::new() };
    let mut own = truth.iter().filter(|row| row.device == device && row.supply == name);
    let end = crate::forecast::fit::end_of(&devices);
    let day = match origin {
        Some(text) => data::parse_day(text).ok_or_else(|| PlotError::NotADay(text.to_owned()))?,
        None => {
            let known = own.clone().filter(|row| row.remaining_days < 60.0);
            known.filter_map(|row| data::parse_day(&row.origin)).next_back().unwrap_or(end)
        }
    };
    let actual = own.find(|row| data::parse_day(&row.origin) == Some(day)).map(|row| row.remaining_days);
    let tables = FleetTables::learn(&devices, &facts, &constants, day);
    let history = History::before(whole, day);
    let mut judged = supply::judge(&history, &tables, &constants, f64::from(day));
    let all = History::before(whole, end);
    let plot = Subject {
        title: format!("{device} · {name}"),
        subtitle: format!("{} at {}", whole.model, whole.site),
        now: f64::from(day),
        seen: supply::shown(&history, &tables, index),
        later: later(supply::shown(&all, &tables, index), day, actual),
        actual: actual.filter(|days| *days < crate::forecast::fit_interval::CAP - 0.01),
    };
    Ok(render(&plot_of(plot, &judged.swap_remove(index))))
}

/// What the cartridge showed after the forecast, until it was gone.
fn later(seen: Vec<Seen>, day: Day, actual: Option<f64>) -> Vec<Seen> {
    let (from, to) = (f64::from(day), f64::from(day) + actual.unwrap_or(60.0) + 1.0);
    seen.into_iter().filter(|one| one.at >= from && one.at <= to).collect()
}

/// From what ClickHouse holds; `name` is a slot or what the forecast calls the supply.
///
/// # Errors
/// [`PlotError`].
pub async fn live(
    store: &TenantStore,
    ground: &Ground,
    device: &str,
    name: &str,
    as_of: Instant,
) -> Result<String, PlotError> {
    let begun = Judging::begin(store, ground.clone(), as_of, Some(device)).await;
    let mut judging = begun.map_err(ForecastRunError::from)?;
    let mut known = Vec::new();
    while let Some(cases) = judging.next().await.map_err(ForecastRunError::from)? {
        for case in cases.into_iter().filter(|case| case.device.device == device) {
            if case.supply.slot == name || case.name == name {
                let words = if case.supply.description.is_empty() { &case.name } else { &case.supply.description };
                let subject = Subject {
                    title: format!("{device} · {words}"),
                    subtitle: format!("{} at {}", case.device.model, case.device.site),
                    now: as_of.0 as f64 / 86_400.0,
                    seen: case.seen,
                    later: Vec::new(),
                    actual: None,
                };
                return Ok(render(&plot_of(subject, &case.judged)));
            }
            known.push(case.name);
        }
    }
    let known = if known.is_empty() {
        "this device has no supplies".to_owned()
    } else {
        format!("it has {}", names(known.iter().map(String::as_str)))
    };
    Err(PlotError::Unknown { device: device.to_owned(), supply: name.to_owned(), known })
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// What is drawn beside the forecast itself.
struct Subject {
    title: String,
    subtitle: String,
    now: f64,
    seen: Vec<Seen>,
    later: Vec<Seen>,
    /// Days from now until it was really empty.
    actual: Option<f64>,
}

fn plot_of(subject: Subject, judged: &Judged) -> Plot {
    let points = |seen: &[Seen]| -> Vec<(f64, Option<f64>)> {
        let level = |seen: &Seen| match seen.level {
            Level::Percent(level) => Some(level),
            Level::Some | Level::Unknown => None,
        };
        seen.iter().map(|one| (one.at, level(one))).collect()
    };
    let swaps = judged.swaps.iter().map(|swap| {
        let note = match (swap.doubtful(), swap.wasted()) {
            (true, _) => "shaken or refilled?".to_owned(),
            (false, Some(left)) => format!("new, {left:.0} % thrown away"),
            (false, None) => "new".to_owned(),
        };
        Change { at: 0.5 * (swap.after + swap.at), note }
    });
    let fan = judged.answer.as_ref().ok().map(|(said, parts)| Fan {
        level: parts.left.level.mean,
        p10: said.p10,
        p50: said.p50,
        p90: said.p90,
    });
    Plot {
        now: subject.now,
        levels: points(&subject.seen),
        swaps: swaps.collect(),
        fan,
        later: points(&subject.later),
        actual: subject.actual.map(|days| subject.now + days),
        reason: match &judged.answer {
            Ok((said, _)) => said.reason.clone(),
            Err(cannot) => cannot.to_string(),
        },
        title: subject.title,
        subtitle: subject.subtitle,
    }
}
