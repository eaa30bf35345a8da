//! Fits the constants on a folder of data: what usage does, against the pages really printed later; and how far off its own past
//! forecasts were, against what the levels showed later.
//! Promise: deterministic; looks only forward from each past origin, and never at the truth file.

use crate::forecast::arithmetic::ln;
use std::collections::BTreeMap;

use crate::forecast::backtest;
use crate::forecast::calendar::{Calendar, civil};
use crate::forecast::constants::Constants;
use crate::forecast::data::Pair;
use crate::forecast::depletion::Need;
use crate::forecast::fit_interval::{CAP, Outcome};
use crate::forecast::fleet::FleetTables;
use crate::forecast::history::History;
use crate::forecast::meter::Interval;
use crate::forecast::outcome;
use crate::forecast::segment::Seen;
use crate::forecast::series::{Day, Device, Facts};
use crate::forecast::supply;
use crate::forecast::swap::Swap;
use crate::forecast::usage;

/// Quantiles at which a usage forecast is judged.
const JUDGED: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

/// Intervals of a device and counter with the calendar of its site.
#[derive(Debug)]
pub struct Series<'a> {
    pub intervals: Vec<Interval>,
    pub calendar: &'a Calendar,
}

/// Everything the usage loss needs, prepared once.
pub fn series<'a>(devices: &[Device], tables: &'a FleetTables, until: Day) -> Vec<Series<'a>> {
    let mut found = Vec::new();
    for device in devices {
        let history = History::before(device, until);
        let calendar = tables.calendar(&device.site);
        for intervals in [history.all, history.color] {
            if intervals.iter().filter_map(|one| one.pages).sum::<f64>() > 50.0 {
                found.push(Series { intervals, calendar });
            }
        }
    }
    found
}

/// Mean quantile loss of ln(work forecast / work needed) over 10, 20 and 40 days ahead from every second week.
pub fn usage_loss(all: &[Series<'_>], constants: &Constants) -> (f64, [f64; 5], f64) {
    let halves: Vec<(f64, f64, [f64; 5], f64)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..2)
            .map(|part| {
                scope.spawn(move || {
                    let mut sum = (0.0, 0.0, [0.0; 5], 0.0);
                    for series in all.iter().skip(part).step_by(2) {
                        one_loss(series, constants, &mut sum);
                    }
                    sum
                })
            })
            .collect();
        handles.into_iter().filter_map(|handle| handle.join().ok()).collect()
    });
    let (mut loss, mut count, mut below, mut bias) = (0.0, 0.0, [0.0; 5], 0.0);
    for half in halves {
        loss += half.0;
        count += half.1;
        bias += half.3;
        for (sum, one) in below.iter_mut().zip(half.2) {
            *sum += one;
        }
    }
    (loss / f64::max(count, 1.0), below.map(|b| b / f64::max(count, 1.0)), bias / f64::max(count, 1.0))
}

fn one_loss(series: &Series<'_>, constants: &Constants, sum: &mut (f64, f64, [f64; 5], f64)) {
    let (Some(first), Some(last)) = (series.intervals.first(), series.intervals.last()) else {
        return;
    };
    let mut origin = first.from.ceil() + 35.0;
    while origin + 10.0 < last.to {
        let cut = series.intervals.partition_point(|one| one.to < origin);
        let (past, future) = series.intervals.split_at(cut);
        let blocks = usage::blocks(past, series.calendar);
        if let (Some(pace), Some(since)) = (usage::pace(&blocks, origin, &constants.usage), past.last()) {
            for horizon in [10.0, 20.0, 40.0] {
                let mut pages = 0.0;
                let mut end = None;
                let mut whole = true;
                for one in future {
                    match one.pages {
                        Some(more) => pages += more,
                        None => whole = false,
                    }
                    if one.to >= origin + horizon {
                        end = Some(one.to);
                        break;
                    }
                }
                let Some(end) = end.filter(|_| whole && pages >= 1.0) else {
                    continue;
                };
                let work = series.calendar.work(since.to, end);
                if work < 2.0 {
                    continue;
                }
                let need = Need::new(&[(pages, 1.0)], &pace);
                for (i, quantile) in JUDGED.iter().enumerate() {
                    let off = ln(need.work(*quantile, &constants.depletion) / work).clamp(-1.0, 1.0);
                    // The amount is known here, so the loss is on when it is used up.
                    sum.0 += if off > 0.0 { (1.0 - quantile) * off } else { -quantile * off };
                    sum.2[i] += f64::from(u8::from(off > 0.0));
                    if i == 2 {
                        sum.3 += off;
                    }
                }
                sum.1 += 1.0;
            }
        }
        origin += 14.0;
    }
}

/// Days of records before the first forecast that is judged, and days between two.
const WARM_DAYS: Day = 60;
const EVERY_DAYS: Day = 14;

/// Own forecasts of every second week against what the levels showed later. Cartridges that were changed early or are still in
/// use tell nothing.
pub fn outcomes(devices: &[Device], facts: &Facts, constants: &Constants, progress: &Progress<'_>) -> Vec<Outcome> {
    let end = end_of(devices);
    let tables = FleetTables::learn(devices, facts, constants, end);
    let origins: Vec<(Day, String)> =
        (tables.first_day + WARM_DAYS..end).step_by(EVERY_DAYS as usize).map(|day| (day, text_of(day))).collect();
    let pairs: Vec<Pair> = origins
        .iter()
        .flat_map(|(_, origin)| {
            let names = devices.iter().flat_map(|device| device.supplies.iter().map(move |supply| (device, supply)));
            names.map(|(device, supply)| Pair {
                device: device.id.clone(),
                supply: supply.name.clone(),
                origin: origin.clone(),
            })
        })
        .collect();
    let days: BTreeMap<&str, Day> = origins.iter().map(|(day, text)| (text.as_str(), *day)).collect();
    let mut later: BTreeMap<(&str, &str), (Vec<Seen>, Vec<Swap>)> = BTreeMap::new();
    for device in devices {
        let history = History::before(device, end);
        let judged = supply::judge(&history, &tables, constants, f64::from(end));
        for (i, (supply, judged)) in device.supplies.iter().zip(judged).enumerate() {
            later.insert((&device.id, &supply.name), (supply::shown(&history, &tables, i), judged.swaps));
        }
    }
    let found = backtest::run(devices, facts, constants, &pairs, progress);
    let judged = found.into_iter().filter_map(|(pair, answer)| {
        let (_, parts) = answer.ok()?;
        let (seen, swaps) = later.get(&(pair.device.as_str(), pair.supply.as_str()))?;
        match outcome::outcome(seen, swaps, f64::from(*days.get(pair.origin.as_str())?)) {
            outcome::Outcome::Empty { days } => {
                Some(Outcome { device: pair.device, trust: parts.trust, raw: parts.raw, truth: days.min(CAP) })
            }
            outcome::Outcome::Early { .. } | outcome::Outcome::Running => None,
        }
    });
    judged.collect()
}

/// Told after each day: (done, all).
pub type Progress<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// `YYYY-MM-DD`.
pub fn text_of(day: Day) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day after the last read.
pub fn end_of(devices: &[Device]) -> Day {
    let last = devices
        .iter()
        .flat_map(|device| &device.supplies)
        .flat_map(|supply| &supply.reads)
        .map(|read| read.at_s)
        .max()
        .unwrap_or(0);
    (last / 86_400 + 1) as Day
}

type Knob = (&'static str, fn(&mut Constants) -> &mut f64, f64);

/// What is fitted, and the first step of the search as a factor.
const KNOBS: [Knob; 8] = [
    ("usage.drift_week", |c| &mut c.usage.drift_week, 1.6),
    ("usage.jump_week", |c| &mut c.usage.jump_week, 1.8),
    ("usage.jump_sd", |c| &mut c.usage.jump_sd, 1.25),
    ("usage.odd_share", |c| &mut c.usage.odd_share, 1.6),
    ("usage.odd_factor", |c| &mut c.usage.odd_factor, 1.6),
    ("depletion.shape_factor", |c| &mut c.depletion.shape_factor, 1.2),
    ("depletion.averaging", |c| &mut c.depletion.averaging, 1.07),
    ("depletion.drift_week", |c| &mut c.depletion.drift_week, 1.7),
];

/// Changes one number at a time while the usage loss falls; returns the loss reached.
pub fn descend(all: &[Series<'_>], constants: &mut Constants, rounds: usize, told: &dyn Fn(&str, f64, f64)) -> f64 {
    let mut best = usage_loss(all, constants).0;
    for _ in 0..rounds {
        for (name, knob, factor) in KNOBS {
            for factor in [factor, 1.0 / factor] {
                let before = *knob(constants);
                *knob(constants) = before * factor;
                let loss = usage_loss(all, constants).0;
                if loss < best - 2e-5 {
                    best = loss;
                    told(name, before * factor, loss);
                    break;
                }
                *knob(constants) = before;
            }
        }
    }
    best
}
