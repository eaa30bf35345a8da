//! Pages used in a window (§5): opening, closing and their difference, never below zero.
//!
//! The closing never falls below the opening, so what was billed once is never billed again and never given back silently.

use super::{BoundaryPolicy, BoundaryValue, MeterFlag, Point, TooLarge, boundary, counter};

/// Half-open in counting, closed in reading: a read exactly at `from` opens it, one exactly at `to` closes it. Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: i64,
    pub to: i64,
}

impl Window {
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }

    pub fn intersect(self, other: Window) -> Window {
        Window { from: self.from.max(other.from), to: self.to.min(other.to) }
    }
}

/// Values that are taken as they stand instead of being read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given {
    /// Closing of the preceding invoice.
    pub previous: Option<i64>,
    /// Noted when the device came.
    pub start: Option<i64>,
    /// Noted when the device went; only if it goes at the end of the window.
    pub end: Option<i64>,
}

/// Where the opening value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    Previous(i64),
    StartRead(i64),
    Boundary(BoundaryValue),
    /// No read before the window: the first one inside it.
    FirstInside(Point),
}

impl Opening {
    pub fn u(&self) -> i64 {
        match self {
            Opening::Previous(u) | Opening::StartRead(u) => *u,
            Opening::Boundary(value) => value.u,
            Opening::FirstInside(point) => point.u,
        }
    }
}

/// Where the closing value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosingSource {
    EndRead(i64),
    Boundary(BoundaryValue),
    /// Nothing was read: the opening stands.
    Opening,
}

/// The closing value that the next period opens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    pub u: i64,
    pub estimated: bool,
    pub source: ClosingSource,
}

/// Pages of one meter of one device in one window, with what they rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub window: Window,
    pub pages: i64,
    pub opening: Option<Opening>,
    pub closing: Option<Closing>,
    pub flags: Vec<MeterFlag>,
}

/// The volume of a window that is not empty, from all points of the meter.
pub fn volume(points: &[Point], window: Window, given: Given, policy: &BoundaryPolicy) -> Result<Volume, TooLarge> {
    let mut flags = Vec::new();
    let opening = opening(points, window, given, policy, &mut flags)?;
    let closing = closing(points, window, given, policy, &mut flags)?;
    let mut volume = Volume { window, pages: 0, opening, closing: None, flags };
    match (opening, closing) {
        (Some(opening), Some(mut closing)) => {
            if closing.u < opening.u() {
                volume.flags.push(MeterFlag::NegativeTrueUp);
                closing.u = opening.u();
            }
            volume.pages = counter(i128::from(closing.u) - i128::from(opening.u()), window.to)?;
            volume.closing = Some(closing);
        }
        (Some(opening), None) => {
            volume.flags.push(MeterFlag::NoRead);
            let source = ClosingSource::Opening;
            volume.closing = Some(Closing { u: opening.u(), estimated: false, source });
        }
        (None, _) => volume.flags.push(MeterFlag::NoRead),
    }
    Ok(volume)
}

fn opening(
    points: &[Point],
    window: Window,
    given: Given,
    policy: &BoundaryPolicy,
    flags: &mut Vec<MeterFlag>,
) -> Result<Option<Opening>, TooLarge> {
    if let Some(u) = given.previous {
        return Ok(Some(Opening::Previous(u)));
    }
    if let Some(u) = given.start {
        return Ok(Some(Opening::StartRead(u)));
    }
    if let Some(value) = boundary::value_at(points, window.from, policy)? {
        flags.extend(boundary_flag(&value));
        return Ok(Some(Opening::Boundary(value)));
    }
    let first = points.first().filter(|point| point.ts <= window.to).copied();
    flags.extend(first.map(|_| MeterFlag::NoOpeningRead));
    Ok(first.map(Opening::FirstInside))
}

fn closing(
    points: &[Point],
    window: Window,
    given: Given,
    policy: &BoundaryPolicy,
    flags: &mut Vec<MeterFlag>,
) -> Result<Option<Closing>, TooLarge> {
    if let Some(u) = given.end {
        return Ok(Some(Closing { u, estimated: false, source: ClosingSource::EndRead(u) }));
    }
    let value = boundary::value_at(points, window.to, policy)?;
    flags.extend(value.as_ref().and_then(boundary_flag));
    Ok(value.map(|value| Closing {
        u: value.u,
        estimated: value.method.is_estimate(),
        source: ClosingSource::Boundary(value),
    }))
}

fn boundary_flag(value: &BoundaryValue) -> Option<MeterFlag> {
    match value.method {
        boundary::Method::Read => None,
        boundary::Method::Interpolated | boundary::Method::Estimated => Some(MeterFlag::Estimated),
        boundary::Method::Stale => Some(MeterFlag::StaleRead),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{DAY_SECS, Step};

    const POLICY: BoundaryPolicy = BoundaryPolicy { max_read_age_hours: 24, estimate: true, max_pages_per_day: 500 };
    const WINDOW: Window = Window { from: 10 * DAY_SECS, to: 40 * DAY_SECS };
    const NOTHING: Given = Given { previous: None, start: None, end: None };

    fn of(days: &[(i64, i64)], given: Given) -> Volume {
        let points: Vec<Point> = days
            .iter()
            .map(|(day, u)| Point { ts: day * DAY_SECS, raw: *u, u: *u, mark: *u, step: Step::Counted })
            .collect();
        volume(&points, WINDOW, given, &POLICY).unwrap()
    }

    fn check(days: &[(i64, i64)], given: Given, pages: i64, closing: Option<(i64, bool)>, flags: &[MeterFlag]) {
        let got = of(days, given);
        assert_eq!(got.pages, pages);
        assert_eq!(got.closing.map(|closing| (closing.u, closing.estimated)), closing);
        assert_eq!(got.flags, flags);
    }

    #[test]
    fn volume_is_closing_minus_opening() {
        check(&[(10, 100), (40, 160)], NOTHING, 60, Some((160, false)), &[]);
    }

    #[test]
    fn the_opening_is_the_previous_closing_then_the_start_read_then_the_boundary() {
        let all = Given { previous: Some(120), start: Some(130), end: None };
        check(&[(10, 100), (40, 160)], all, 40, Some((160, false)), &[]);
        check(&[(10, 100), (40, 160)], Given { previous: None, ..all }, 30, Some((160, false)), &[]);
    }

    #[test]
    fn an_opening_that_is_given_raises_no_flag_although_the_boundary_would_be_estimated() {
        let days = [(0, 100), (20, 140), (40, 160)];
        check(&days, NOTHING, 40, Some((160, false)), &[MeterFlag::Estimated]);
        check(&days, Given { start: Some(100), ..NOTHING }, 60, Some((160, false)), &[]);
    }

    #[test]
    fn a_meter_first_read_inside_the_window_opens_there_and_says_so() {
        check(&[(12, 7_000), (40, 7_050)], NOTHING, 50, Some((7_050, false)), &[MeterFlag::NoOpeningRead]);
        check(&[(40, 7_050)], NOTHING, 0, Some((7_050, false)), &[MeterFlag::NoOpeningRead]);
    }

    #[test]
    fn a_meter_read_only_after_the_window_has_no_read() {
        check(&[(41, 7_050)], NOTHING, 0, None, &[MeterFlag::NoRead]);
        check(&[(41, 7_050)], Given { end: Some(5), ..NOTHING }, 0, None, &[MeterFlag::NoRead]);
    }

    #[test]
    fn an_opening_without_any_closing_stands_and_is_not_estimated() {
        check(&[], Given { previous: Some(77), ..NOTHING }, 0, Some((77, false)), &[MeterFlag::NoRead]);
    }

    #[test]
    fn an_end_read_closes_the_window() {
        check(&[(10, 100), (39, 150)], Given { end: Some(155), ..NOTHING }, 55, Some((155, false)), &[]);
    }

    #[test]
    fn a_closing_below_the_opening_bills_nothing_and_keeps_the_opening() {
        let given = Given { previous: Some(500), ..NOTHING };
        check(&[(10, 100), (40, 160)], given, 0, Some((500, false)), &[MeterFlag::NegativeTrueUp]);
        let flags = [MeterFlag::Estimated, MeterFlag::NegativeTrueUp];
        check(&[(0, 100), (30, 160)], given, 0, Some((500, true)), &flags);
    }
}
