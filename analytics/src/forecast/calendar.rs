//! How much work a day is, for a site: weekday, holidays, school breaks, year end, season.
//! A site starts as a mixture of known kinds of site and is corrected by what its own devices printed.
//! Unit: an average day is 1, a normal week is 7. Promise: work is never negative and grows with time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::forecast::meter::Interval;
use crate::forecast::series::Day;

/// A kind of site, as fitted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub name: String,
    /// Share of sites of this kind.
    pub share: f64,
    /// Work per weekday, Monday first; scaled to 7 on use.
    pub weekday: [f64; 7],
    /// Work on a public holiday as a share of the weekday.
    pub holiday: f64,
    /// Factor per month, January first.
    pub season: [f64; 12],
    #[serde(default)]
    pub breaks: Vec<Break>,
}

/// Days with other work: by date (`from`/`to` as MM-DD, may wrap the year) or by days around Easter Sunday.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    pub from: Option<String>,
    pub to: Option<String>,
    pub easter: Option<[i32; 2]>,
    pub factor: f64,
}

/// Hours in which work happens (UTC, share of the day).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    pub open: f64,
    pub close: f64,
}

/// Work per day over a span of days.
#[derive(Debug, Clone)]
pub struct Calendar {
    first: Day,
    hours: Hours,
    days: Vec<f64>,
    /// sums[i] = work before day first + i.
    sums: Vec<f64>,
}

impl Calendar {
    pub fn new(first: Day, days: Vec<f64>, hours: Hours) -> Self {
        let mut sums = Vec::with_capacity(days.len() + 1);
        let mut sum = 0.0;
        sums.push(0.0);
        for day in &days {
            sum += day;
            sums.push(sum);
        }
        Calendar { first, hours, days, sums }
    }

    fn before(&self, moment: f64) -> f64 {
        let offset = moment - f64::from(self.first);
        let last = self.days.len() as f64;
        if offset <= 0.0 {
            return offset;
        }
        if offset >= last {
            return self.sums.last().copied().unwrap_or(0.0) + (offset - last);
        }
        let index = offset as usize;
        let part = ((offset - index as f64 - self.hours.open) / (self.hours.close - self.hours.open).max(1e-3))
            .clamp(0.0, 1.0);
        self.sums.get(index).copied().unwrap_or(0.0) + part * self.days.get(index).copied().unwrap_or(0.0)
    }

    /// Work between two moments (days since 1970). Outside the span every day is an average day.
    pub fn work(&self, from: f64, to: f64) -> f64 {
        (self.before(to) - self.before(from)).max(0.0)
    }

    /// Work of each interval; intervals that follow one another share a moment, which halves the cost.
    pub fn works<'a>(&'a self, intervals: &'a [Interval]) -> impl Iterator<Item = f64> + 'a {
        let mut last = (f64::NAN, 0.0);
        intervals.iter().map(move |one| {
            let begin = if one.from == last.0 { last.1 } else { self.before(one.from) };
            last = (one.to, self.before(one.to));
            (last.1 - begin).max(0.0)
        })
    }

    pub fn day(&self, day: Day) -> f64 {
        usize::try_from(day - self.first).ok().and_then(|index| self.days.get(index)).copied().unwrap_or(1.0)
    }

    /// The moment at which `work` has been done since `from`, at most `days_max` days later.
    pub fn moment_after(&self, from: f64, work: f64, days_max: f64) -> f64 {
        let (mut low, mut high) = (0.0, days_max);
        if self.work(from, from + high) <= work {
            return from + days_max;
        }
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if self.work(from, from + middle) < work { low = middle } else { high = middle }
        }
        from + high
    }
}

/// Day of the week, Monday 0.
pub fn weekday(day: Day) -> usize {
    (day + 3).rem_euclid(7) as usize
}

/// Year, month (1..=12), day of the month; proleptic Gregorian (after H. Hinnant's day algorithms).
pub fn civil(day: Day) -> (i32, u32, u32) {
    let z = i64::from(day) + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year as i32, month as u32, (doy - (153 * mp + 2) / 5 + 1) as u32)
}

/// Day of a date.
pub fn day_of(year: i32, month: u32, day: u32) -> Day {
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (i64::from(month) + 9) % 12;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 + i64::from(day) - 1;
    (era * 146_097 + doe - 719_468) as Day
}

/// Easter Sunday (anonymous Gregorian computus).
pub fn easter(year: i32) -> Day {
    let (a, b, c) = (year.rem_euclid(19), year / 100, year % 100);
    let (d, e, f) = (b / 4, b % 4, (b + 8) / 25);
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    let sum = h + l - 7 * m + 114;
    day_of(year, (sum / 31) as u32, (sum % 31 + 1) as u32)
}

impl Break {
    pub fn covers(&self, day: Day) -> bool {
        let (year, month, dom) = civil(day);
        if let Some([from, to]) = self.easter {
            let sunday = easter(year);
            return (sunday + from..=sunday + to).contains(&day);
        }
        let part = |text: &Option<String>| {
            let (month, day) = text.as_deref()?.split_once('-')?;
            Some(month.parse::<u32>().ok()? * 100 + day.parse::<u32>().ok()?)
        };
        let (Some(from), Some(to)) = (part(&self.from), part(&self.to)) else {
            return false;
        };
        let now = month * 100 + dom;
        if from <= to { (from..=to).contains(&now) } else { now >= from || now <= to }
    }
}

impl Kind {
    pub fn work_on(&self, day: Day, holidays: &BTreeSet<Day>) -> f64 {
        let scale = 7.0 / self.weekday.iter().sum::<f64>().max(1e-9);
        let (_, month, _) = civil(day);
        let mut work = self.weekday[weekday(day)] * scale * self.season[(month as usize - 1) % 12];
        if holidays.contains(&day) {
            work *= self.holiday;
        } else if let Some(pause) = self.breaks.iter().find(|pause| pause.covers(day)) {
            work *= pause.factor;
        }
        work.max(1e-4)
    }

    pub fn calendar(&self, span: std::ops::Range<Day>, holidays: &BTreeSet<Day>, hours: Hours) -> Calendar {
        Calendar::new(span.start, span.map(|day| self.work_on(day, holidays)).collect(), hours)
    }
}

/// Pages per work of one interval relative to the device's own level of the ~120 days around it.
#[derive(Debug)]
pub struct Relative {
    pub from: f64,
    pub to: f64,
    pub pages: f64,
    pub expected: f64,
}

/// Short intervals of a device with what `calendar` expects of them at the device's own level.
pub fn relative(intervals: &[Interval], calendar: &Calendar, around: f64) -> Vec<Relative> {
    let known: Vec<(f64, f64, f64, f64)> = intervals
        .iter()
        .zip(calendar.works(intervals))
        .filter_map(|(i, work)| Some((i.from, i.to, i.pages?, work)))
        .filter(|i| i.1 - i.0 < 1.8)
        .collect();
    let mut found = Vec::with_capacity(known.len());
    let (mut low, mut high, mut pages, mut work) = (0, 0, 0.0, 0.0);
    for one in &known {
        while let Some(next) = known.get(high).filter(|next| next.0 <= one.0 + around) {
            pages += next.2;
            work += next.3;
            high += 1;
        }
        while let Some(old) = known.get(low).filter(|old| old.0 < one.0 - around) {
            pages -= old.2;
            work -= old.3;
            low += 1;
        }
        let expected = if work > 1.0 { one.3 * pages.max(0.0) / work } else { 0.0 };
        found.push(Relative { from: one.0, to: one.1, pages: one.2, expected });
    }
    found
}
