//! Days left of one supply: the level now, divided by what a day takes, with an interval from how unsteady that is.

use serde::Serialize;

use super::rate::{COARSE_STEP, Effort, Wear, shrunk, wear};
use super::segments::segments;
use super::series::{self, Level, LevelRead, Observation};
use super::{Pages, days_between, seconds};

/// A device that said nothing for so long is a matter for the technician, not for a forecast.
const SILENT_DAYS: f64 = 7.0;
/// The least history that a rate of its own needs.
const HISTORY_DAYS_MIN: f64 = 3.0;
/// "Never" for practical purposes: beyond this a number would only look precise.
const DAYS_MAX: f64 = 730.0;
/// Weeks whose scatter tells how unsteady the use is.
const WEEKS: usize = 12;
/// Scatter of a week about which nothing is known.
const SCATTER_UNKNOWN: f64 = 0.6;
/// What levels and displays are wrong by, even with steady use: fitted so that 80 % intervals hold for 80 % of a test fleet.
const MODEL_ERROR: f64 = 0.36;
/// Half the width of an 80 % interval in standard deviations.
const TENTH: f64 = 1.2816;
/// After the last level that was told, at least this much is assumed to be left while the printer says "some".
const SOME_LEFT_PERCENT: f64 = 0.5;

/// Days from the run on until the supply is empty: one in ten runs out before `p10`, one in ten after `p90`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    pub p10: f64,
    pub p50: f64,
    pub p90: f64,
    /// Estimated level now, in percent.
    pub level_percent: f64,
    /// How it was found, in words.
    pub reason: String,
}

/// Why no forecast is possible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CannotSay {
    #[error("the printer has not told any level")]
    NoLevels,
    #[error("the printer only says that the level is unknown")]
    OnlyUnknown,
    #[error("the printer says that this supply has no limit")]
    Unlimited,
    #[error("the printer tells a level but no capacity")]
    NoCapacity,
    #[error("the printer only says that some is left, never how much")]
    OnlySomeLeft,
    #[error("nothing was heard of it for {0:.0} days")]
    Silent(f64),
    #[error("only {have:.1} days are known since the first level; at least {HISTORY_DAYS_MIN:.0} are needed")]
    TooShort { have: f64 },
    #[error("nothing was used in the {0:.0} days that are known")]
    NotUsed(f64),
    #[error("at this rate it lasts more than {DAYS_MAX:.0} days")]
    Long,
}

/// The forecast of one supply at `now` (Unix seconds), from reads in order of time. `pages`: the counter that wears this
/// supply, where there is one. `fleet`: percent per page of alike supplies of others.
pub fn forecast(
    reads: &[LevelRead],
    pages: Option<&Pages>,
    fleet: Option<f64>,
    now: i64,
) -> Result<Forecast, CannotSay> {
    let levels = series::levels(reads);
    let observations = &levels.observations;
    let Some(last) = observations.last() else {
        return Err(match &levels {
            levels if levels.reads == 0 => CannotSay::NoLevels,
            levels if levels.unlimited > 0 => CannotSay::Unlimited,
            levels if levels.without_capacity > 0 => CannotSay::NoCapacity,
            _ => CannotSay::OnlyUnknown,
        });
    };
    let silent = days_between(last.ts, now);
    if silent > SILENT_DAYS {
        return Err(CannotSay::Silent(silent));
    }
    let known_days = days_between(observations.first().map_or(last.ts, |first| first.ts), now);
    if known_days < HISTORY_DAYS_MIN {
        return Err(CannotSay::TooShort { have: known_days });
    }

    let step = series::step(observations);
    let cartridges = segments(observations, step);
    let effort = pages.map_or(Effort::Days, Effort::Pages);
    let own = wear(&cartridges, effort, step);
    let fleet = fleet.filter(|_| pages.is_some());
    let per_effort = shrunk(own, fleet).ok_or(CannotSay::NotUsed(known_days))?;
    let per_day = match pages {
        Some(pages) => pages.per_day(now).unwrap_or(0.0),
        None => 1.0,
    };
    if per_effort * per_day <= 0.0 {
        return Err(CannotSay::NotUsed(known_days));
    }

    let current = cartridges.last().copied().unwrap_or(observations);
    let level = level_now(current, effort, per_effort, step, now).ok_or(CannotSay::OnlySomeLeft)?;
    let p50 = level / (per_effort * per_day);
    if p50 > DAYS_MAX {
        return Err(CannotSay::Long);
    }
    let width = TENTH * scatter(pages, p50, level, step, known_days, now);
    let reason = reason(&Found {
        level,
        per_effort,
        per_day,
        own,
        effort,
        cartridges: cartridges.len(),
        step,
        fleet,
        known_days,
    });
    Ok(Forecast {
        p10: p50 * (-width).exp(),
        p50,
        p90: (p50 * width.exp()).min(DAYS_MAX),
        level_percent: level,
        reason,
    })
}

/// The wear that a supply shows by itself, for the fleet's rate.
pub fn own_wear(reads: &[LevelRead], pages: &Pages) -> Wear {
    let observations = series::levels(reads).observations;
    let step = series::step(&observations);
    wear(&segments(&observations, step), Effort::Pages(pages), step)
}

/// The level at `now`: the last one told, counted down since then; on a coarse display since its last edge, within the step.
fn level_now(current: &[Observation], effort: Effort<'_>, per_effort: f64, step: f64, now: i64) -> Option<f64> {
    let told = current.iter().filter_map(|observation| match observation.level {
        Level::Percent(percent) => Some((observation.ts, percent)),
        Level::Some => None,
    });
    let told: Vec<(i64, f64)> = told.collect();
    let (_, last) = *told.last()?;
    let since = if step >= COARSE_STEP {
        let same = told.iter().rev().take_while(|(_, percent)| (percent - last).abs() < 0.5);
        same.last()?.0
    } else {
        told.last()?.0
    };
    let used = per_effort * effort.between(since, now).max(0.0);
    let only_some_left = matches!(current.last()?.level, Level::Some);
    let lowest = if step >= COARSE_STEP && !only_some_left { last - step * 0.95 } else { 0.0 };
    Some((last - used).max(lowest).max(SOME_LEFT_PERCENT))
}

/// Standard deviation of the logarithm of the days left.
fn scatter(pages: Option<&Pages>, days: f64, level: f64, step: f64, known_days: f64, now: i64) -> f64 {
    let weekly = pages.map(|pages| pages.weekly(now, WEEKS)).unwrap_or_default();
    let count = seconds(i64::try_from(weekly.len()).unwrap_or(0));
    let mean = weekly.iter().sum::<f64>() / count.max(1.0);
    let of_week = if weekly.len() >= 3 && mean > 0.0 {
        let variance = weekly.iter().map(|pages| (pages - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (variance.sqrt() / mean).min(1.5)
    } else {
        SCATTER_UNKNOWN
    };
    let weeks_ahead = (days / 7.0).max(1.0);
    let weeks_known = (known_days / 7.0).clamp(1.0, seconds(12));
    let display = step / level.max(step) / 12.0_f64.sqrt();
    let variance =
        of_week.powi(2) / weeks_ahead + of_week.powi(2) / weeks_known + display.powi(2) + MODEL_ERROR.powi(2);
    variance.sqrt().min(1.2)
}

struct Found<'a> {
    level: f64,
    per_effort: f64,
    per_day: f64,
    own: Wear,
    effort: Effort<'a>,
    cartridges: usize,
    step: f64,
    fleet: Option<f64>,
    known_days: f64,
}

fn reason(found: &Found<'_>) -> String {
    let mut words = match found.effort {
        Effort::Pages(_) => format!(
            "about {:.0} % left; 1,000 pages take {:.1} %, {:.0} pages a day",
            found.level,
            1_000.0 * found.per_effort,
            found.per_day
        ),
        Effort::Days => {
            format!("about {:.0} % left; a day takes {:.2} % (no page counter)", found.level, found.per_effort)
        }
    };
    words.push_str(&format!("; seen for {:.0} days", found.known_days));
    if found.cartridges > 1 {
        words.push_str(&format!(", {} cartridges", found.cartridges));
    }
    if found.fleet.is_some() && found.own.percent < 25.0 {
        words.push_str(", mostly judged by alike printers");
    }
    if found.step >= COARSE_STEP {
        words.push_str(&format!(", display in steps of {:.0} %", found.step));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Read;

    const DAY: i64 = 86_400;

    /// A device that prints `pages` a day and shows `level(day)`.
    fn device(days: i64, pages: i64, level: impl Fn(i64) -> i64) -> (Vec<LevelRead>, Option<Pages>) {
        let reads = (0..=days).map(|day| LevelRead {
            ts: day * DAY,
            level: Some(level(day)),
            max: Some(100),
            serial: String::new(),
        });
        let counter: Vec<Read> = (0..=days).map(|day| Read { ts: day * DAY, value: 1_000 + day * pages }).collect();
        (reads.collect(), Pages::of(&counter))
    }

    fn near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not near {expected}");
    }

    #[test]
    fn a_steady_printer_runs_out_when_its_line_meets_zero() {
        let (reads, pages) = device(40, 100, |day| 90 - day);
        let got = forecast(&reads, pages.as_ref(), None, 40 * DAY).unwrap();
        near(got.p50, 50.0, 1.0);
        assert!(got.p10 < got.p50 && got.p50 < got.p90);
        near(got.level_percent, 50.0, 0.1);
        assert!(got.reason.contains("100 pages a day"), "{}", got.reason);
    }

    #[test]
    fn a_swap_starts_a_new_cartridge_and_both_tell_the_rate() {
        let (reads, pages) = device(40, 100, |day| if day < 20 { 20 - day } else { 100 - (day - 20) });
        let got = forecast(&reads, pages.as_ref(), None, 40 * DAY).unwrap();
        near(got.p50, 80.0, 3.0);
        assert!(got.reason.contains("2 cartridges"), "{}", got.reason);
    }

    #[test]
    fn a_coarse_display_is_counted_down_within_its_step() {
        let (reads, pages) = device(58, 100, |day| 100 - 20 * (day / 20));
        let got = forecast(&reads, pages.as_ref(), None, 58 * DAY).unwrap();
        near(got.level_percent, 42.0, 1.0);
        near(got.p50, 42.0, 2.0);
    }

    #[test]
    fn some_left_is_counted_down_from_the_last_level_that_was_told() {
        let (reads, pages) = device(90, 100, |day| if day <= 80 { 100 - day } else { -3 });
        let got = forecast(&reads, pages.as_ref(), None, 90 * DAY).unwrap();
        near(got.level_percent, 10.0, 0.5);
    }

    #[test]
    fn a_young_cartridge_is_judged_by_alike_printers() {
        let (reads, pages) = device(4, 50, |_| 100);
        let got = forecast(&reads, pages.as_ref(), Some(0.02), 4 * DAY).unwrap();
        near(got.p50, 100.0, 20.0);
        assert!(got.reason.contains("alike printers"), "{}", got.reason);
    }

    #[test]
    fn without_a_counter_days_are_counted() {
        let (reads, _) = device(30, 0, |day| 80 - 2 * day);
        near(forecast(&reads, None, None, 30 * DAY).unwrap().p50, 10.0, 0.5);
    }

    #[test]
    fn the_interval_is_wider_for_an_unsteady_printer() {
        let (reads, steady) = device(40, 100, |day| 90 - day);
        let bursts: Vec<Read> = (0..=40).map(|day| Read { ts: day * DAY, value: (day / 14) * 1_400 }).collect();
        let unsteady = Pages::of(&bursts);
        let width = |pages: Option<&Pages>| {
            let got = forecast(&reads, pages, None, 40 * DAY).unwrap();
            got.p90 / got.p10
        };
        assert!(width(unsteady.as_ref()) > 1.5 * width(steady.as_ref()));
    }

    #[test]
    fn what_cannot_be_said_is_said_so() {
        let cannot = |level: &dyn Fn(i64) -> i64, now: i64| {
            let (reads, pages) = device(20, 100, level);
            forecast(&reads, pages.as_ref(), None, now).unwrap_err()
        };
        assert_eq!(cannot(&|_| -2, 20 * DAY), CannotSay::OnlyUnknown);
        assert_eq!(cannot(&|_| -1, 20 * DAY), CannotSay::Unlimited);
        assert_eq!(cannot(&|day| 100 - day, 30 * DAY), CannotSay::Silent(10.0));
        assert_eq!(cannot(&|_| 80, 20 * DAY), CannotSay::NotUsed(20.0));
        assert_eq!(forecast(&[], None, None, 0), Err(CannotSay::NoLevels));
        let (reads, pages) = device(2, 100, |day| 50 - day);
        assert_eq!(forecast(&reads, pages.as_ref(), None, 2 * DAY), Err(CannotSay::TooShort { have: 2.0 }));
        let (mut reads, pages) = device(20, 100, |day| 50 - day);
        reads.iter_mut().for_each(|read| read.max = Some(-2));
        assert_eq!(forecast(&reads, pages.as_ref(), None, 20 * DAY), Err(CannotSay::NoCapacity));
        assert_eq!(cannot(&|day| 100 - day / 20, 20 * DAY), CannotSay::Long);
    }

    #[test]
    fn hostile_levels_and_counters_never_panic() {
        let reads: Vec<LevelRead> = [i64::MAX, i64::MIN, 0, 5]
            .iter()
            .zip([0, 10, 20, i64::MAX])
            .map(|(level, ts)| LevelRead { ts, level: Some(*level), max: Some(1), serial: String::new() })
            .collect();
        let pages = Pages::of(&[Read { ts: 0, value: i64::MAX }, Read { ts: 9, value: 3 }, Read { ts: 11, value: 4 }]);
        let _ = forecast(&reads, pages.as_ref(), Some(f64::MAX), i64::MAX);
        let _ = forecast(&reads, pages.as_ref(), Some(f64::NAN), i64::MIN);
    }
}
