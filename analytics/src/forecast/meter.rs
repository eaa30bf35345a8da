//! Turns page counters into work: intervals with pages, and a running total that survives resets.
//! Promise: a reset, a jump beyond any engine's speed or a missing counter makes an interval unknown, never negative or invented.

use crate::forecast::series::{Eats, Read};

/// Pages between two polls; `None` when the counter did not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub from: f64,
    pub to: f64,
    pub pages: Option<f64>,
}

/// 100 pages a minute, day and night: no office device prints more.
const PAGES_PER_DAY_MAX: f64 = 144_000.0;

/// Intervals between consecutive reads that carry the counter. A lone read gives none.
pub fn intervals(reads: &[Read], eats: Eats) -> Vec<Interval> {
    let mut found = Vec::with_capacity(reads.len());
    let mut last: Option<(f64, i64)> = None;
    for read in reads {
        let counter = match eats {
            Eats::AllPages => read.pages,
            Eats::ColorPages => read.pages_color,
        };
        let Some(counter) = counter.filter(|pages| *pages >= 0) else {
            continue;
        };
        let at = read.at();
        if let Some((from, before)) = last {
            let days = at - from;
            if days <= 0.0 {
                continue;
            }
            let delta = counter as f64 - before as f64;
            let believable = delta >= 0.0 && delta <= PAGES_PER_DAY_MAX * days.max(0.05);
            found.push(Interval { from, to: at, pages: believable.then_some(delta) });
        }
        last = Some((at, counter));
    }
    found
}

/// The intervals of one device in 8 bytes each, for when very many devices are held: seconds and pages are whole numbers, and
/// an interval begins where the one before it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Compact {
    begin: u32,
    /// End of each interval and the pages in it.
    steps: Box<[(u32, u32)]>,
}

/// Stands for pages that the counter did not tell.
const UNTOLD: u32 = u32::MAX;

impl Compact {
    /// `intervals`: as [`intervals`] finds them.
    pub fn of(intervals: &[Interval]) -> Self {
        let second = |days: f64| (days * 86_400.0).round() as u32;
        let pages = |one: &Interval| one.pages.map_or(UNTOLD, |pages| pages as u32);
        Compact {
            begin: intervals.first().map_or(0, |one| second(one.from)),
            steps: intervals.iter().map(|one| (second(one.to), pages(one))).collect(),
        }
    }

    /// What it was made of, to the bit.
    pub fn intervals(&self) -> Vec<Interval> {
        let mut from = self.begin;
        let days = |second: u32| f64::from(second) / 86_400.0;
        let intervals = self.steps.iter().map(|(to, pages)| {
            let pages = Some(f64::from(*pages)).filter(|_| *pages != UNTOLD);
            Interval { from: days(std::mem::replace(&mut from, *to)), to: days(*to), pages }
        });
        intervals.collect()
    }
}

/// Total amount used up to any moment, in pages (or in units of work where there is no counter).
#[derive(Debug, Clone, Default)]
pub struct Total {
    points: Vec<(f64, f64)>,
}

impl Total {
    /// Unknown intervals are filled with `guess(from, to)`.
    pub fn new(intervals: &[Interval], guess: impl Fn(f64, f64) -> f64) -> Self {
        let mut points = Vec::with_capacity(intervals.len() + 1);
        let mut sum = 0.0;
        for interval in intervals {
            if points.is_empty() {
                points.push((interval.from, 0.0));
            }
            sum += interval.pages.unwrap_or_else(|| guess(interval.from, interval.to).max(0.0));
            points.push((interval.to, sum));
        }
        Total { points }
    }

    pub fn is_empty(&self) -> bool {
        self.points.len() < 2
    }

    /// Linear between polls; constant outside.
    pub fn at(&self, moment: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 < moment);
        match (after.checked_sub(1).and_then(|i| self.points.get(i)), self.points.get(after)) {
            (Some(a), Some(b)) if b.0 > a.0 => a.1 + (b.1 - a.1) * (moment - a.0) / (b.0 - a.0),
            (_, Some(b)) => b.1,
            (Some(a), None) => a.1,
            (None, None) => 0.0,
        }
    }

    pub fn end(&self) -> Option<(f64, f64)> {
        self.points.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_small_gives_the_intervals_to_the_bit() {
        let pages = [Some(100), Some(340), None, Some(341), Some(12), Some(6_000_000_000), Some(6_000_000_007)];
        let at = |i: i64| 1_775_000_000 + i * 86_437;
        let reads: Vec<Read> = (0..)
            .zip(pages)
            .map(|(i, pages)| Read { at_s: at(i), level: -2, max: -2, pages, pages_color: None, serial: 0 })
            .collect();
        let told = intervals(&reads, Eats::AllPages);
        assert_eq!(told.iter().filter(|one| one.pages.is_none()).count(), 2, "a reset and a jump beyond any engine");
        assert_eq!(Compact::of(&told).intervals(), told);
        assert_eq!(Compact::of(&[]).intervals(), []);
    }
}
