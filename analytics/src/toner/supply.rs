//! The forecaster: one supply of one device, given its history, the fleet tables, the constants and the origin.
//! Promise: an answer with its reason or a reason for none; the same input gives the same bits; nothing after the origin is read.

use crate::toner::constants::Constants;
use crate::toner::depletion::{self, Need};
use crate::toner::display_error::{self, Off};
use crate::toner::explain::{self, Ground};
use crate::toner::fleet::{self, FleetTables};
use crate::toner::history::{History, Slot};
use crate::toner::interval::Trust;
use crate::toner::level::{self, Left};
use crate::toner::normal::Bell;
use crate::toner::rate::{self, Filling};
use crate::toner::series::{Day, Device, Eats};
use crate::toner::step::Display;
use crate::toner::usage::{self, GRID, Pace};

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
    let prepared = Prepared::new(&history, tables, constants, origin);
    device
        .supplies
        .iter()
        .enumerate()
        .map(|(i, supply)| {
            (supply.name.clone(), one(&history, i, &prepared, tables, constants, origin).map(|found| found.0))
        })
        .collect()
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
    let prepared = Prepared::new(&history, tables, constants, origin);
    one(&history, index, &prepared, tables, constants, origin).map(|found| found.0)
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
    pub fn new(history: &History<'_>, tables: &FleetTables, constants: &Constants, origin: Day) -> Self {
        let calendar = tables.calendar(&history.device.site);
        let supplies = &history.device.supplies;
        let of = |intervals| usage::pace(&usage::blocks(intervals, calendar), f64::from(origin), &constants.usage);
        let displays: Vec<Display> =
            supplies.iter().map(|supply| tables.display(&history.device.model, &supply.name)).collect();
        let slots: Vec<Option<Slot>> =
            displays.iter().enumerate().map(|(i, display)| history.slot(i, calendar, display)).collect();
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
    origin: Day,
) -> Result<(Forecast, Parts), CannotSay> {
    let device = history.device;
    let Some(supply) = device.supplies.get(index) else {
        return cannot("the device has no such supply");
    };
    let Some((_, last_poll)) = history.span() else {
        return cannot("there is no read before this day");
    };
    let now = f64::from(origin);
    if now - last_poll > SILENT_DAYS_MAX {
        return cannot("the device has been silent for more than 60 days");
    }
    if history.span().is_some_and(|(first, last)| last - first < SEEN_DAYS_MIN) {
        return cannot("the device has been seen for less than three days");
    }
    let calendar = tables.calendar(&device.site);
    let (Some(Some(slot)), Some(display)) = (prepared.slots.get(index), prepared.displays.get(index).copied()) else {
        return cannot("the supply has no reads");
    };
    let Some(segment) = slot.segments.last() else {
        return cannot("no read carries a usable level");
    };
    let pace = if slot.counted {
        match supply.eats {
            Eats::AllPages => prepared.all.clone(),
            Eats::ColorPages => prepared.color.clone(),
        }
    } else {
        Some(steady())
    };
    let Some(pace) = pace else {
        return cannot("nothing was printed in the history known");
    };
    let new = tables.is_new(device);
    let prior = if slot.counted {
        tables.rate(&device.model, &supply.name, &constants.rate)
    } else {
        Bell { mean: (0.5f64).ln(), sd: 1.5 }
    };
    let past = fleet::past(slot, &display, new, &constants.rate);
    let moved = rate::edges(segment, &slot.total, &display).len() > usize::from(segment.swapped_after.is_some());
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
    let shown_empty = segment.seen.last().is_some_and(|seen| seen.level == crate::toner::series::Level::Percent(0.0));
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
        origin,
        total: &slot.total,
        eats: supply.eats,
        renewed,
    };
    let reason = explain::reason(&ground, [p10, p50, p90], expected_error, calendar);
    Ok((Forecast { p10, p50, p90, reason, expected_error }, Parts { left, pace, since, trust, raw }))
}

/// One unit of work per unit of work: for supplies without a page counter.
fn steady() -> Pace {
    let weights: Vec<f64> = (0..21).map(|i| (-0.5 * ((f64::from(i) - 10.0) / 3.0).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    Pace { log_low: -10.0 * GRID, weights: weights.iter().map(|w| w / sum).collect(), shape: 4.0, log_usual: 0.0 }
}
