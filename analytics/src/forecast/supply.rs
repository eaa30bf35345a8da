//! The forecaster: one supply of one device, given its history, the fleet tables, the constants and the origin.
//! Promise: an answer with its reason or a reason for none; the same input gives the same bits; nothing after the origin is read.

use crate::forecast::arithmetic::{exp, ln};
use crate::forecast::constants::Constants;
use crate::forecast::depletion::{self, Need};
use crate::forecast::display_error::{self, Off};
use crate::forecast::explain::{self, Ground};
use crate::forecast::fleet::{self, FleetTables};
use crate::forecast::history::{History, Slot};
use crate::forecast::interval::Trust;
use crate::forecast::level::{self, Left};
use crate::forecast::normal::Bell;
use crate::forecast::rate::{self, Filling};
use crate::forecast::segment::Seen;
use crate::forecast::series::{Day, Device, Eats, Level, Read};
use crate::forecast::step::Display;
use crate::forecast::swap::{self, Swap};
use crate::forecast::usage::{self, GRID, Pace};

/// Days from the origin (00:00 UTC) until empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub p10: f64,
    pub p50: f64,
    pub p90: f64,
    /// In words: level, rate, since when, what is assumed.
    pub reason: String,
    /// Expected absolute error of p50 in days, from past forecasts of this horizon.
    pub expected_error: f64,
}

/// No forecast, because...
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("cannot say, because {why}")]
pub struct CannotSay {
    pub why: String,
}

fn cannot<T>(why: &str) -> Result<T, CannotSay> {
    Err(CannotSay { why: why.to_owned() })
}

/// Every supply of a device, in its order.
pub fn forecast_device(
    device: &Device,
    tables: &FleetTables,
    constants: &Constants,
    origin: Day,
) -> Vec<(String, Result<Forecast, CannotSay>)> {
    let history = History::before(device, origin);
    let now = f64::from(origin);
    let prepared = Prepared::new(&history, tables, constants, now);
    device
        .supplies
        .iter()
        .enumerate()
        .map(|(i, supply)| {
            (supply.name.clone(), one(&history, i, &prepared, tables, constants, now).map(|found| found.0))
        })
        .collect()
}

/// What is known of one supply at a moment.
#[derive(Debug)]
pub struct Judged {
    pub answer: Result<(Forecast, Parts), CannotSay>,
    /// Changes of its cartridge, oldest first.
    pub swaps: Vec<Swap>,
    /// Last read of the supply, in days since 1970.
    pub last: Option<f64>,
    /// What it showed then, in percent.
    pub shown: Option<f64>,
    /// Since when the device tells no level any more, if it did before.
    pub unknown_since: Option<f64>,
}

/// Every supply of a device with the changes of its cartridges, in its order. Days count from `now` (days since 1970).
pub fn judge(history: &History<'_>, tables: &FleetTables, constants: &Constants, now: f64) -> Vec<Judged> {
    let prepared = Prepared::new(history, tables, constants, now);
    let new = tables.is_new(history);
    let judged = history.device.supplies.iter().enumerate().map(|(i, supply)| {
        let slot = prepared.slots.get(i).and_then(Option::as_ref);
        let display = prepared.displays.get(i).copied().unwrap_or_default();
        let usual = tables.rate(&history.device.model, &supply.name, &constants.rate);
        let swaps = slot.map_or_else(Vec::new, |slot| {
            let usual = rate::slot(usual, &fleet::past(slot, &display, new, &constants.rate), &constants.rate);
            swap::swaps(slot, &display, usual, new, &constants.rate)
        });
        let seen = slot.and_then(|slot| slot.segments.last()).and_then(|segment| segment.seen.last());
        Judged {
            answer: one(history, i, &prepared, tables, constants, now),
            swaps,
            last: seen.map(|seen| seen.at),
            shown: seen.and_then(|seen| match seen.level {
                Level::Percent(level) => Some(level),
                Level::Some | Level::Unknown => None,
            }),
            unknown_since: history.reads.get(i).and_then(|reads| unknown_since(reads)),
        }
    });
    judged.collect()
}

/// First of the unknown levels at the end, if there are known ones before.
fn unknown_since(reads: &[Read]) -> Option<f64> {
    let known = reads.iter().rposition(|read| read.said(false) != Level::Unknown)?;
    reads.get(known + 1).map(Read::at)
}

/// The levels of a supply that count, oldest first, as [`History::slots`] cleans them.
pub fn shown(history: &History<'_>, tables: &FleetTables, index: usize) -> Vec<Seen> {
    let device = history.device;
    let displays: Vec<Display> =
        device.supplies.iter().map(|supply| tables.display(&device.model, &supply.name)).collect();
    let mut slots = history.slots(tables.calendar(&device.site), &displays);
    let slot = if index < slots.len() { slots.swap_remove(index) } else { None };
    slot.map_or_else(Vec::new, |slot| slot.segments.into_iter().flat_map(|segment| segment.seen).collect())
}

/// One supply by name.
pub fn forecast_supply(
    device: &Device,
    supply: &str,
    tables: &FleetTables,
    constants: &Constants,
    origin: Day,
) -> Result<Forecast, CannotSay> {
    let history = History::before(device, origin);
    let Some(index) = device.supplies.iter().position(|one| one.name == supply) else {
        return cannot("the device has no such supply");
    };
    let now = f64::from(origin);
    let prepared = Prepared::new(&history, tables, constants, now);
    one(&history, index, &prepared, tables, constants, now).map(|found| found.0)
}

/// What is common to all supplies of a device, worked out once: page rates, cartridges, errors of its displays.
#[derive(Debug)]
pub struct Prepared {
    all: Option<Pace>,
    color: Option<Pace>,
    displays: Vec<Display>,
    slots: Vec<Option<Slot>>,
    off: Vec<Off>,
}

impl Prepared {
    pub fn new(history: &History<'_>, tables: &FleetTables, constants: &Constants, now: f64) -> Self {
        let calendar = tables.calendar(&history.device.site);
        let supplies = &history.device.supplies;
        let of = |intervals| usage::pace(&usage::blocks(intervals, calendar), now, &constants.usage);
        let displays: Vec<Display> =
            supplies.iter().map(|supply| tables.display(&history.device.model, &supply.name)).collect();
        let slots = history.slots(calendar, &displays);
        let off = slots
            .iter()
            .zip(&displays)
            .filter_map(|(slot, display)| {
                slot.as_ref().map(|slot| display_error::seen(slot, display, constants.rate.wander))
            })
            .flatten()
            .collect();
        let color = supplies.iter().any(|supply| supply.eats == Eats::ColorPages);
        Prepared { all: of(&history.all), color: if color { of(&history.color) } else { None }, displays, slots, off }
    }
}

impl Prepared {
    /// What eats this supply: pages, or working days where none are counted.
    fn pace(&self, slot: &Slot, eats: Eats) -> Result<Pace, CannotSay> {
        let pages = match eats {
            Eats::AllPages => &self.all,
            Eats::ColorPages => &self.color,
        };
        match pages {
            _ if !slot.counted => Ok(steady()),
            Some(pace) => Ok(pace.clone()),
            None => cannot("nothing was printed in the history known"),
        }
    }
}

/// Silent longer than this: nothing can be said.
const SILENT_DAYS_MAX: f64 = 60.0;

/// Less history than this is no history.
const SEEN_DAYS_MIN: f64 = 3.0;

/// A silence shorter than this does not hide a cartridge change: the last read still counts.
const RENEW_GAP_DAYS: f64 = 2.5;

/// What a forecast was made of, for studies and explanations.
#[derive(Debug)]
pub struct Parts {
    pub left: Left,
    pub pace: Pace,
    pub since: f64,
    pub trust: Trust,
    /// Before calibration.
    pub raw: [f64; 3],
}

pub fn one(
    history: &History<'_>,
    index: usize,
    prepared: &Prepared,
    tables: &FleetTables,
    constants: &Constants,
    now: f64,
) -> Result<(Forecast, Parts), CannotSay> {
    let device = history.device;
    let Some(supply) = device.supplies.get(index) else {
        return cannot("the device has no such supply");
    };
    let last_poll = last_poll(history, now)?;
    let calendar = tables.calendar(&device.site);
    let (Some(Some(slot)), Some(display)) = (prepared.slots.get(index), prepared.displays.get(index).copied()) else {
        return cannot("the supply has no reads");
    };
    let Some(segment) = slot.segments.last() else {
        return cannot("no read carries a usable level");
    };
    let pace = prepared.pace(slot, supply.eats)?;
    let new = tables.is_new(history);
    let prior = if slot.counted {
        tables.rate(&device.model, &supply.name, &constants.rate)
    } else {
        Bell { mean: ln(0.5), sd: 1.5 }
    };
    let past = fleet::past(slot, &display, new, &constants.rate);
    let edges = slot.edges.last().map_or(&[][..], |edges| rate::telling(edges, &display));
    let moved = edges.len() > usize::from(segment.swapped_after.is_some());
    if !slot.counted && past.is_empty() && !moved {
        return cannot("the device counts no pages and the level has not moved yet");
    }
    let slot_rate = rate::slot(prior, &past, &constants.rate);
    let starter = new && slot.segments.len() == 1 && !fleet::lasting(&supply.name);
    let filling = Filling::new(slot_rate, starter, &constants.rate);
    let error = display_error::of_device(&prepared.off, display.offset, display.error_sd, &constants.level);
    let look = |rates: &[(f64, f64)]| {
        level::left(segment, &slot.total, &display, rates, error, &constants.rate, &constants.level)
    };
    // Twice: over everything possible, then finely around what the levels left over.
    let Some(mut left) = look(&filling.wide()).and_then(|wide| look(&filling.near(wide.log_rate))) else {
        return cannot("the levels contradict each other");
    };
    let since = slot.total.end().map_or(last_poll, |end| end.0);
    let shown_empty = segment.seen.last().is_some_and(|seen| seen.level == Level::Percent(0.0));
    let fresh = Filling::new(slot_rate, false, &constants.rate).wide();
    let renewed = level::renew(
        &mut left,
        &fresh,
        if now - since > RENEW_GAP_DAYS { pace.median() * calendar.work(since, now) } else { 0.0 },
        shown_empty,
    );
    let need = Need::new(&left.points, &pace);
    let raw = depletion::days(&need, constants.interval.ask, calendar, since, now, &constants.depletion);
    if raw.iter().any(|days| !days.is_finite()) {
        return cannot("the figures are beyond any sense");
    }
    let trust = Trust::of(display.step, display.rests, pace.shape);
    let [p10, p50, p90] = constants.interval.calibrate(raw, trust);
    let expected_error = constants.interval.expected_error(p50);
    let ground = Ground {
        left: &left,
        pace: &pace,
        segment,
        past: past.len(),
        display: &display,
        counted: slot.counted,
        starter,
        since,
        now,
        total: &slot.total,
        eats: supply.eats,
        renewed,
    };
    let reason = explain::reason(&ground, [p10, p50, p90], expected_error, calendar);
    Ok((Forecast { p10, p50, p90, reason, expected_error }, Parts { left, pace, since, trust, raw }))
}

/// Last poll of the device, if it was watched long and lately enough.
fn last_poll(history: &History<'_>, now: f64) -> Result<f64, CannotSay> {
    match history.span() {
        None => cannot("there is no read before this day"),
        Some((_, last)) if now - last > SILENT_DAYS_MAX => cannot("the device has been silent for more than 60 days"),
        Some((first, last)) if last - first < SEEN_DAYS_MIN => {
            cannot("the device has been seen for less than three days")
        }
        Some((_, last)) => Ok(last),
    }
}

/// One unit of work per unit of work: for supplies without a page counter.
fn steady() -> Pace {
    let weights: Vec<f64> = (0..21).map(|i| exp(-0.5 * ((f64::from(i) - 10.0) / 3.0).powi(2))).collect();
    let sum: f64 = weights.iter().sum();
    Pace { log_low: -10.0 * GRID, weights: weights.iter().map(|w| w / sum).collect(), shape: 4.0, log_usual: 0.0 }
}
