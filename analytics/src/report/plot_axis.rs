//! The axes of a plot: days along, percent up, and dates that fit.

use crate::forecast::calendar::civil;
use crate::forecast::series::Day;

/// From days and percent to places in the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) first: f64,
    pub(super) last: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Dates along the axis, at most.
const TICKS_MAX: usize = 11;

impl Axis {
    pub(super) fn x(&self, moment: f64) -> f64 {
        self.left + (moment - self.first) / (self.last - self.first).max(1.0) * (self.right - self.left)
    }

    pub(super) fn y(&self, level: f64) -> f64 {
        self.bottom - level.clamp(0.0, 105.0) / 100.0 * (self.bottom - self.top)
    }

    /// The first days of months, or of weeks where the span is short.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        #[expect(clippy::cast_possible_truncation, reason = "days since 1970 of a plot fit")]
        let (first, last) = (self.first.floor() as Day, self.last.ceil() as Day);
        let days = first..=last;
        let mondays: Vec<Day> = days.clone().filter(|day| (day + 3).rem_euclid(7) == 0).collect();
        let starts: Vec<Day> = if mondays.len() <= TICKS_MAX {
            mondays
        } else {
            let months: Vec<Day> = days.filter(|day| civil(*day).2 == 1).collect();
            let every = months.len().div_ceil(TICKS_MAX).max(1);
            months.into_iter().step_by(every).collect()
        };
        let inside = starts.into_iter().map(f64::from).filter(|day| *day >= self.first && *day <= self.last);
        inside.map(|day| (day, date(day))).collect()
    }
}

/// `YYYY-MM-DD` of a moment in days since 1970.
pub(super) fn date(moment: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "days since 1970 of a plot fit")]
    let (year, month, day) = civil(moment.clamp(-1e6, 1e6).floor() as Day);
    format!("{year:04}-{month:02}-{day:02}")
}
