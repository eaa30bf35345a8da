//! The value of a meter at a boundary instant (§4), with the method it was found by and bounds.
//!
//! Promise: as long as the device prints no more than its plausible maximum, the number that its counter showed at the
//! boundary, on the scale of `u`, lies in `lo ..= hi`.

use super::{DAY_SECS, Point, TooLarge, counter};

/// How far back an estimate without a later read looks for the rate, in seconds.
pub const RATE_WINDOW_SECS: i64 = 30 * DAY_SECS;
/// The shortest history that carries such an estimate, in seconds.
const RATE_HISTORY_SECS: i64 = 7 * DAY_SECS;

/// What the contract says about boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundaryPolicy {
    pub max_read_age_hours: i64,
    pub estimate: bool,
    pub max_pages_per_day: i64,
}

/// How a boundary value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The last read, young enough.
    Read,
    /// On the line between the reads on both sides.
    Interpolated,
    /// The last read and the rate of the days before it.
    Estimated,
    /// The last read although it is too old: no estimate is possible or allowed.
    Stale,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Read => "read",
            Method::Interpolated => "interpolated",
            Method::Estimated => "estimated",
            Method::Stale => "stale",
        }
    }

    /// True for numbers that no counter ever showed.
    pub fn is_estimate(self) -> bool {
        matches!(self, Method::Interpolated | Method::Estimated)
    }
}

/// A meter at a boundary: the value used, its bounds in pages and the points that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundaryValue {
    pub u: i64,
    pub method: Method,
    pub lo: i64,
    pub hi: i64,
    /// The last point at or before the boundary.
    pub last: Point,
    /// The first point after it, if one is known.
    pub next: Option<Point>,
}

/// The value at `boundary` (Unix seconds) from ascending points; `None` if there is no point at or before it.
pub fn value_at(points: &[Point], boundary: i64, policy: &BoundaryPolicy) -> Result<Option<BoundaryValue>, TooLarge> {
    let after = points.partition_point(|point| point.ts <= boundary);
    let (known, later) = points.split_at(after);
    let Some(last) = known.last().copied() else { return Ok(None) };
    let next = later.first().copied();
    let age = boundary - last.ts;

    let (u, method) = if fresh(age, policy) {
        (last.u, Method::Read)
    } else if !policy.estimate {
        (last.u, Method::Stale)
    } else if let Some(next) = next {
        (interpolated(last, next, boundary)?, Method::Interpolated)
    } else if let Some(estimate) = extrapolated(known, last, boundary) {
        (estimate?, Method::Estimated)
    } else {
        (last.u, Method::Stale)
    };
    let hi = upper_bound(last, next, age, policy);
    Ok(Some(BoundaryValue { u, method, lo: last.u.min(u), hi: hi.max(u), last, next }))
}

fn fresh(age_secs: i64, policy: &BoundaryPolicy) -> bool {
    i128::from(age_secs) <= i128::from(policy.max_read_age_hours) * 3_600
}

fn interpolated(last: Point, next: Point, boundary: i64) -> Result<i64, TooLarge> {
    along(last, next, last, boundary)
}

/// From the rate between the first point of the 30 days before the last point and the last point itself;
/// `None` if these are less than 7 days apart.
fn extrapolated(known: &[Point], last: Point, boundary: i64) -> Option<Result<i64, TooLarge>> {
    let window = known.partition_point(|point| point.ts < last.ts - RATE_WINDOW_SECS);
    let first = known.get(window).copied()?;
    (last.ts - first.ts >= RATE_HISTORY_SECS).then(|| along(first, last, last, boundary))
}

/// `start.u` plus the rounded-down share that the slope from `a` to `b` gives for the time since `start`; `b` is later than `a`.
fn along(a: Point, b: Point, start: Point, boundary: i64) -> Result<i64, TooLarge> {
    let rise = i128::from(b.u) - i128::from(a.u);
    let share = (rise * i128::from(boundary - start.ts)).div_euclid(i128::from(b.ts - a.ts));
    counter(i128::from(start.u) + share, boundary)
}

/// The next read bounds the value from above, unless pages may have vanished on the way to it; then, and without a
/// next read, only the most that the device can print does. Saturates: a bound may be loose, never too tight.
fn upper_bound(last: Point, next: Option<Point>, age: i64, policy: &BoundaryPolicy) -> i64 {
    if age == 0 {
        return last.u;
    }
    match next {
        Some(next) if !next.step.hides_pages() => next.u,
        _ => {
            let most = i128::from(policy.max_pages_per_day) * i128::from(age.max(DAY_SECS)) / i128::from(DAY_SECS);
            i64::try_from(i128::from(last.u) + most).unwrap_or(i64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Step;

    const HOUR: i64 = 3_600;
    const POLICY: BoundaryPolicy = BoundaryPolicy { max_read_age_hours: 48, estimate: true, max_pages_per_day: 500 };

    fn points(of: &[(i64, i64)]) -> Vec<Point> {
        of.iter().map(|(hour, u)| Point { ts: hour * HOUR, raw: *u, u: *u, mark: *u, step: Step::Counted }).collect()
    }

    fn check(of: &[(i64, i64)], hour: i64, expected: (i64, Method, i64, i64)) {
        let got = value_at(&points(of), hour * HOUR, &POLICY).unwrap().unwrap();
        assert_eq!((got.u, got.method, got.lo, got.hi), expected);
    }

    #[test]
    fn without_a_read_at_or_before_the_boundary_there_is_no_value() {
        assert_eq!(value_at(&points(&[(5, 10)]), 5 * HOUR - 1, &POLICY), Ok(None));
        assert_eq!(value_at(&[], 5 * HOUR, &POLICY), Ok(None));
    }

    #[test]
    fn a_read_on_the_boundary_is_exact() {
        check(&[(0, 100), (5, 110)], 5, (110, Method::Read, 110, 110));
    }

    #[test]
    fn a_read_as_old_as_allowed_is_used_as_it_is_and_bounded_by_the_next() {
        check(&[(0, 100), (60, 190)], 48, (100, Method::Read, 100, 190));
        check(&[(0, 100)], 48, (100, Method::Read, 100, 1_100));
    }

    #[test]
    fn an_older_read_is_interpolated_downwards() {
        check(&[(0, 100), (100, 199)], 50, (149, Method::Interpolated, 100, 199));
    }

    #[test]
    fn without_a_later_read_the_rate_of_at_most_thirty_days_is_continued() {
        // 30 days before hour 1000 begin at hour 280; the first point is outside, the rate is (1100 - 380) / 720 h.
        check(&[(0, 0), (280, 380), (1_000, 1_100)], 1_060, (1_160, Method::Estimated, 1_100, 2_350));
    }

    #[test]
    fn a_history_of_less_than_seven_days_gives_a_stale_read() {
        check(&[(0, 0), (167, 400)], 300, (400, Method::Stale, 400, 3_170));
        check(&[(0, 0), (168, 168)], 300, (300, Method::Estimated, 168, 2_918));
        check(&[(0, 7)], 300, (7, Method::Stale, 7, 6_257));
    }

    #[test]
    fn a_contract_may_forbid_estimates() {
        let policy = BoundaryPolicy { estimate: false, ..POLICY };
        let got = value_at(&points(&[(0, 100), (100, 200)]), 50 * HOUR, &policy).unwrap().unwrap();
        assert_eq!((got.u, got.method, got.lo, got.hi), (100, Method::Stale, 100, 200));
    }

    #[test]
    fn a_reset_behind_the_boundary_does_not_tighten_the_upper_bound() {
        let mut of = points(&[(0, 100), (24, 130)]);
        of[1].step = Step::Reset;
        let got = value_at(&of, 12 * HOUR, &POLICY).unwrap().unwrap();
        assert_eq!((got.lo, got.hi), (100, 600));
    }

    #[test]
    fn an_estimate_beyond_the_largest_counter_is_an_error_and_a_bound_saturates() {
        let of = points(&[(0, 0), (700, i64::MAX)]);
        assert_eq!(value_at(&of, 1_400 * HOUR, &POLICY), Err(TooLarge { ts: 1_400 * HOUR }));
        assert_eq!(value_at(&of, 701 * HOUR, &POLICY).unwrap().unwrap().hi, i64::MAX);
    }
}
