//! Pages printed over time, from the same unwrapping as billing, so that a reset or a swap of the board is no burst of pages.

use super::{days_between, seconds};
use crate::usage::unwrap::unwrap;
use crate::usage::{Point, Read, UnwrapRules};

/// As in contracts that say nothing else.
const RULES: UnwrapRules = UnwrapRules { max_pages_per_day: 20_000, small_drop: 100, modulus: None };

/// Half of the weight of the pages-per-day rate lies in so many days.
const HALF_LIFE_DAYS: f64 = 35.0;

/// The unwrapped counter of a device.
#[derive(Debug, Clone, Default)]
pub struct Pages(Vec<Point>);

impl Pages {
    /// From values of one counter, strictly ascending in time; `None` if there are fewer than two.
    pub fn of(reads: &[Read]) -> Option<Pages> {
        let points = unwrap(reads, &[], &RULES, None).ok()?.points;
        (points.len() > 1).then_some(Pages(points))
    }

    /// The counter at a time: on the line between two points, constant outside.
    pub fn at(&self, ts: i64) -> f64 {
        let after = self.0.partition_point(|point| point.ts <= ts);
        let (before, next) = (after.checked_sub(1).and_then(|before| self.0.get(before)), self.0.get(after));
        match (before, next) {
            (Some(a), Some(b)) => {
                let share = days_between(a.ts, ts) / days_between(a.ts, b.ts);
                seconds(a.u) + share * (seconds(b.u) - seconds(a.u))
            }
            (Some(only), None) | (None, Some(only)) => seconds(only.u),
            (None, None) => 0.0,
        }
    }

    pub fn between(&self, from: i64, to: i64) -> f64 {
        self.at(to) - self.at(from)
    }

    /// Pages a day up to `now`; days count less the longer ago they are. `None` for less than a day of history.
    pub fn per_day(&self, now: i64) -> Option<f64> {
        let first = self.0.first()?.ts;
        let (mut pages, mut days) = (0.0, 0.0);
        let mut end = now.min(self.0.last()?.ts);
        while end > first {
            let start = (end - 86_400).max(first);
            let weight = 0.5_f64.powf(days_between(end, now) / HALF_LIFE_DAYS);
            pages += weight * self.between(start, end);
            days += weight * days_between(start, end);
            end = start;
        }
        (days_between(first, now) >= 1.0 && days > 0.0).then(|| pages / days)
    }

    /// Pages of each full week before `now`, the latest first; at most `weeks`.
    pub fn weekly(&self, now: i64, weeks: usize) -> Vec<f64> {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return Vec::new() };
        let ends = (0..).map(|week| now.min(last.ts) - week * 7 * 86_400);
        let full = ends.take_while(|end| end - 7 * 86_400 >= first.ts).take(weeks);
        full.map(|end| self.between(end - 7 * 86_400, end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(of: &[(i64, i64)]) -> Pages {
        let reads: Vec<Read> = of.iter().map(|(day, value)| Read { ts: day * 86_400, value: *value }).collect();
        Pages::of(&reads).unwrap()
    }

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
    }

    #[test]
    fn the_counter_is_interpolated_between_reads() {
        let pages = pages(&[(0, 100), (10, 300)]);
        near(pages.at(5 * 86_400), 200.0);
        near(pages.between(-86_400, 20 * 86_400), 200.0);
    }

    #[test]
    fn a_steady_device_has_its_rate_and_a_recent_change_weighs_more() {
        near(pages(&[(0, 0), (70, 700)]).per_day(70 * 86_400).unwrap(), 10.0);
        let changed = pages(&[(0, 0), (35, 0), (70, 700)]).per_day(70 * 86_400).unwrap();
        assert!(changed > 13.0 && changed < 14.0, "{changed}");
    }

    #[test]
    fn a_reset_counter_is_no_negative_burst() {
        let pages = pages(&[(0, 90_000), (7, 90_070), (8, 5), (14, 65)]);
        near(pages.between(0, 14 * 86_400), 135.0);
        assert_eq!(pages.weekly(14 * 86_400, 9).len(), 2);
    }
}
