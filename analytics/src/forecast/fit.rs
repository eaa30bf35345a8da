//! Fits the constants on a folder of data: what usage does, against the pages really printed later.
//! Promise: deterministic; looks only forward from each past origin, and never at the truth file.

use crate::forecast::arithmetic::ln;
use crate::forecast::calendar::Calendar;
use crate::forecast::constants::Constants;
use crate::forecast::depletion::Need;
use crate::forecast::fleet::FleetTables;
use crate::forecast::history::History;
use crate::forecast::meter::Interval;
use crate::forecast::series::{Day, Device};
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
