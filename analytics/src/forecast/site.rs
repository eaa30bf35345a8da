//! Learns the calendar of a site from all its devices.
//! Promise: with nothing printed it is the mixture of kinds by their share; the more was printed, the more it is the site's own.

use std::collections::BTreeSet;

use crate::forecast::arithmetic::{exp, ln};
use crate::forecast::calendar::{Calendar, Hours, Kind, relative, weekday};
use crate::forecast::constants::CalendarConstants;
use crate::forecast::meter::Interval;
use crate::forecast::series::Day;

/// What was learned about a site.
#[derive(Debug, Clone)]
pub struct Site {
    pub calendar: Calendar,
    /// Index and probability of the likeliest kind.
    pub kind: usize,
    pub sure: f64,
    /// Device-weeks of history behind it.
    pub weeks: f64,
}

/// Kinds with their plain calendars over the span of days in use.
#[derive(Debug)]
pub struct Kinds<'a> {
    pub kinds: &'a [Kind],
    pub plain: Vec<Calendar>,
    pub span: std::ops::Range<Day>,
    pub hours: Hours,
    pub holidays: &'a BTreeSet<Day>,
}

impl<'a> Kinds<'a> {
    pub fn new(constants: &'a CalendarConstants, span: std::ops::Range<Day>, holidays: &'a BTreeSet<Day>) -> Self {
        let plain = constants.kind.iter().map(|kind| kind.calendar(span.clone(), holidays, constants.hours)).collect();
        Kinds { kinds: &constants.kind, plain, span, hours: constants.hours, holidays }
    }
}

/// What makes the calendar of a site its own: some numbers, where a calendar has one for every day.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    /// Probability of each kind.
    chances: Vec<f64>,
    weekday: [f64; 7],
    holiday: f64,
    weeks: f64,
}

/// `devices`: the intervals of each device of the site.
pub fn learn(devices: &[&[Interval]], kinds: &Kinds<'_>, c: &CalendarConstants) -> Site {
    habits(devices, kinds, c).site(kinds)
}

/// What [`learn`] makes the calendar from.
pub fn habits(devices: &[&[Interval]], kinds: &Kinds<'_>, c: &CalendarConstants) -> Habits {
    let chances = chances(devices, kinds, c);
    let prior = Calendar::new(kinds.span.start, mixed(&chances, kinds), kinds.hours);
    let (weekday, holiday, weeks) = corrections(devices, &prior, kinds, c);
    Habits { chances, weekday, holiday, weeks }
}

impl Habits {
    /// The same bits as [`learn`] gives. `kinds`: those that the habits were learned with.
    pub fn site(&self, kinds: &Kinds<'_>) -> Site {
        let best = (0..self.chances.len()).max_by(|a, b| self.chances[*a].total_cmp(&self.chances[*b])).unwrap_or(0);
        let factor = |day: Day| if kinds.holidays.contains(&day) { self.holiday } else { self.weekday[weekday(day)] };
        let days = kinds.span.clone().zip(mixed(&self.chances, kinds));
        Site {
            calendar: Calendar::new(
                kinds.span.start,
                days.map(|(day, work)| work * factor(day)).collect(),
                kinds.hours,
            ),
            kind: best,
            sure: self.chances.get(best).copied().unwrap_or(0.0),
            weeks: self.weeks,
        }
    }
}

/// Work per day of the mixture of kinds.
fn mixed(chances: &[f64], kinds: &Kinds<'_>) -> Vec<f64> {
    let mixed =
        |day: Day| -> f64 { kinds.plain.iter().zip(chances).map(|(plain, chance)| plain.day(day) * chance).sum() };
    kinds.span.clone().map(mixed).collect()
}

/// Probability of each kind given the devices.
fn chances(devices: &[&[Interval]], kinds: &Kinds<'_>, c: &CalendarConstants) -> Vec<f64> {
    let mut fit: Vec<f64> = kinds.kinds.iter().map(|kind| ln(kind.share.max(1e-6))).collect();
    for (plain, fit) in kinds.plain.iter().zip(&mut fit) {
        for intervals in devices {
            for one in relative(intervals, plain, c.around_days) {
                if one.expected > 0.0 {
                    *fit -= c.kind_temper * ln((one.pages + 1.0) / (one.expected + 1.0)).abs().min(3.0);
                }
            }
        }
    }
    let top = fit.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut chances: Vec<f64> = fit.iter().map(|fit| exp(fit - top)).collect();
    let sum: f64 = chances.iter().sum();
    chances.iter_mut().for_each(|chance| *chance /= sum.max(1e-12));
    chances
}

/// Weekday factors, the holiday factor, and the device-weeks they rest on.
fn corrections(
    devices: &[&[Interval]],
    prior: &Calendar,
    kinds: &Kinds<'_>,
    c: &CalendarConstants,
) -> ([f64; 7], f64, f64) {
    let (mut seen, mut due) = ([0.0; 7], [0.0; 7]);
    let (mut holiday_seen, mut holiday_due, mut weeks) = (0.0, 0.0, 0.0);
    for intervals in devices {
        for one in relative(intervals, prior, c.around_days) {
            let span = one.to - one.from;
            if one.expected <= 0.0 || span <= 0.0 {
                continue;
            }
            weeks += span / 7.0;
            // Compare in units of the prior's work, so that every device counts the same; a burst counts at most three times.
            let work = prior.work(one.from, one.to);
            let ratio = (one.pages / one.expected).min(3.0);
            let (mut day, last) = (one.from.floor() as Day, one.to.floor() as Day);
            while day <= last {
                let part = prior.work(one.from.max(f64::from(day)), one.to.min(f64::from(day) + 1.0));
                let share = if work > 0.0 { part / work } else { 0.0 };
                // Days that only grazed the interval would blur their neighbours.
                if share > 0.02 {
                    let trust = share;
                    if kinds.holidays.contains(&day) {
                        holiday_seen += ratio * part * trust;
                        holiday_due += part * trust;
                    } else {
                        seen[weekday(day)] += ratio * part * trust;
                        due[weekday(day)] += part * trust;
                    }
                }
                day += 1;
            }
        }
    }
    let mut factor = [1.0; 7];
    for day in 0..7 {
        let base = c.weekday_prior_weeks * prior_share(prior, kinds, day);
        factor[day] = ((seen[day] + base) / (due[day] + base).max(1e-9)).clamp(0.05, 20.0);
    }
    let base = c.holiday_prior_days * 0.1;
    (factor, ((holiday_seen + base) / (holiday_due + base).max(1e-9)).clamp(0.02, 30.0), weeks)
}

/// Average work of a weekday in the prior.
fn prior_share(prior: &Calendar, kinds: &Kinds<'_>, day: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for one in kinds.span.clone().take(371) {
        if weekday(one) == day && !kinds.holidays.contains(&one) {
            sum += prior.day(one);
            count += 1.0;
        }
    }
    if count > 0.0 { sum / count } else { 1.0 }
}
