//! How much of a cartridge a page (or, without a counter, a day) takes: measured over segments, shrunk towards the fleet.

use super::series::{Level, Observation};
use super::{Pages, days_between};

/// The fleet's rate counts as much as this many percent of own wear.
const PRIOR_PERCENT: f64 = 25.0;
/// A display with steps of at least this many points is coarse: only its edges tell something.
pub const COARSE_STEP: f64 = 4.0;

/// Percent used and the effort (pages or days) in which they were used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wear {
    pub percent: f64,
    pub effort: f64,
}

impl Wear {
    pub fn add(&mut self, other: Wear) {
        self.percent += other.percent;
        self.effort += other.effort;
    }

    /// Percent per unit of effort.
    pub fn rate(self) -> Option<f64> {
        (self.percent > 0.0 && self.effort > 0.0).then(|| self.percent / self.effort)
    }
}

/// What effort is counted in.
#[derive(Debug, Clone, Copy)]
pub enum Effort<'a> {
    Pages(&'a Pages),
    Days,
}

impl Effort<'_> {
    pub fn between(&self, from: i64, to: i64) -> f64 {
        match self {
            Effort::Pages(pages) => pages.between(from, to),
            Effort::Days => days_between(from, to),
        }
    }

    pub fn unit(&self) -> &'static str {
        match self {
            Effort::Pages(_) => "page",
            Effort::Days => "day",
        }
    }
}

/// The wear that segments show. Of a coarse display only the time from edge to edge counts.
pub fn wear(segments: &[&[Observation]], effort: Effort<'_>, step: f64) -> Wear {
    let mut wear = Wear::default();
    for (index, segment) in segments.iter().enumerate() {
        let after_swap = index > 0;
        wear.add(wear_of(segment, effort, step, after_swap));
    }
    wear
}

fn wear_of(segment: &[Observation], effort: Effort<'_>, step: f64, after_swap: bool) -> Wear {
    let numeric: Vec<(i64, f64)> = segment
        .iter()
        .filter_map(|observation| match observation.level {
            Level::Percent(percent) => Some((observation.ts, percent)),
            Level::Some => None,
        })
        .collect();
    let (from, to) = if step >= COARSE_STEP {
        let edges = numeric.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[1]);
        let swap = numeric.first().copied().filter(|_| after_swap);
        let mut edges = swap.into_iter().chain(edges);
        let first = edges.next();
        (first, edges.next_back())
    } else {
        (numeric.first().copied(), numeric.last().copied())
    };
    match (from, to) {
        (Some((from, high)), Some((to, low))) if to > from => {
            Wear { percent: (high - low).max(0.0), effort: effort.between(from, to).max(0.0) }
        }
        _ => Wear::default(),
    }
}

/// Own wear and the fleet's rate (percent per unit of effort) together; `None` if neither says anything.
pub fn shrunk(own: Wear, fleet: Option<f64>) -> Option<f64> {
    match fleet.filter(|rate| *rate > 0.0) {
        Some(fleet) => Some((own.percent + PRIOR_PERCENT) / (own.effort + PRIOR_PERCENT / fleet)),
        None => own.rate(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(levels: &[(i64, f64)]) -> Vec<Observation> {
        let of = |(day, percent): &(i64, f64)| Observation {
            ts: day * 86_400,
            level: Level::Percent(*percent),
            serial: String::new(),
        };
        levels.iter().map(of).collect()
    }

    fn check(segments: &[&[Observation]], step: f64, percent: f64, effort: f64) {
        let got = wear(segments, Effort::Days, step);
        assert!((got.percent - percent).abs() < 1e-9 && (got.effort - effort).abs() < 1e-9, "{got:?}");
    }

    #[test]
    fn a_fine_display_counts_from_its_first_to_its_last_level_over_all_cartridges() {
        let (old, new) = (segment(&[(0, 50.0), (10, 40.0)]), segment(&[(11, 100.0), (21, 85.0)]));
        check(&[&old, &new], 1.0, 25.0, 20.0);
    }

    #[test]
    fn a_coarse_display_counts_from_edge_to_edge() {
        let old = segment(&[(0, 60.0), (3, 40.0), (9, 20.0), (12, 20.0)]);
        check(&[&old], 20.0, 20.0, 6.0);
        let new = segment(&[(13, 100.0), (20, 80.0)]);
        check(&[&old, &new], 20.0, 40.0, 13.0);
    }

    #[test]
    fn little_own_wear_follows_the_fleet_and_much_follows_itself() {
        let near = |got: Option<f64>, expected: f64| assert!((got.unwrap() - expected).abs() < 0.01, "{got:?}");
        near(shrunk(Wear::default(), Some(2.0)), 2.0);
        near(shrunk(Wear { percent: 5_000.0, effort: 5_000.0 }, Some(2.0)), 1.0);
        near(shrunk(Wear { percent: 10.0, effort: 5.0 }, None), 2.0);
        assert_eq!(shrunk(Wear::default(), None), None);
    }
}
