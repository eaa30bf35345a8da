//! Days of many devices put together: in which of them a device's meters only grew, and which days must be read poll by poll
//! because something else happened then. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use crate::read::facts::{NOT_READ, SteadyDay, SteadyExtra};
use crate::usage::DAY_SECS;
use crate::usage::parts::END;

/// A verdict about a reading looks at the two after it.
const POLLS_AFTER_A_BREAK: u32 = 3;

/// All devices, fed with whole UTC days in their order.
#[derive(Debug, Default)]
pub struct Tracks {
    meters: Vec<&'static str>,
    pages_max: i64,
    of: HashMap<String, Track>,
}

/// One device over the days.
#[derive(Debug, Default)]
pub struct Track {
    pub first_ts: u32,
    pub last_ts: u32,
    /// By canonical meter, in their order.
    read: Vec<bool>,
    extra_read: BTreeSet<String>,
    doubtful: Vec<RangeInclusive<i64>>,
    last: Option<Last>,
    /// Polls that must still be read after a break.
    owed: u32,
}

/// The last day with polls.
#[derive(Debug)]
struct Last {
    /// Its beginning, in Unix seconds.
    day: i64,
    /// What its meters said in the end; `None` where they did not only grow.
    ended: Option<Values>,
}

/// The values of all meters that were read, at one end of a day.
#[derive(Debug, PartialEq, Eq)]
struct Values {
    /// [`NOT_READ`] where it was not.
    canonical: Vec<i64>,
    extra: BTreeMap<String, i64>,
}

impl Tracks {
    /// For these canonical meters, in the order of the lists of [`SteadyDay`].
    pub fn of(meters: Vec<&'static str>, pages_max: i64) -> Tracks {
        Tracks { meters, pages_max, of: HashMap::new() }
    }

    pub fn get(&self, device: &str) -> Option<&Track> {
        self.of.get(device)
    }

    /// Whether a meter of a device was read in all days together.
    pub fn was_read(&self, device: &str, meter: &str) -> bool {
        let Some(track) = self.of.get(device) else { return false };
        let canonical = self.meters.iter().position(|of| *of == meter).and_then(|at| track.read.get(at));
        canonical.copied().unwrap_or_else(|| track.extra_read.contains(meter))
    }

    /// Takes in the UTC day that begins at `day` (Unix seconds); days must come in order.
    pub fn add_day(&mut self, day: i64, devices: Vec<SteadyDay>, extras: Vec<SteadyExtra>) {
        let mut extras_of: HashMap<String, Vec<SteadyExtra>> = HashMap::new();
        for extra in extras {
            extras_of.entry(extra.device.clone()).or_default().push(extra);
        }
        for mut of in devices {
            let device = std::mem::take(&mut of.device);
            let extras = extras_of.remove(&device).unwrap_or_default();
            let new = || Track { first_ts: of.first_ts, ..Track::default() };
            self.of.entry(device).or_insert_with(new).add_day(day, of, extras, self.pages_max);
        }
    }
}

impl Track {
    fn add_day(&mut self, day: i64, of: SteadyDay, extras: Vec<SteadyExtra>, pages_max: i64) {
        self.last_ts = of.last_ts;
        let steady = of.steady == 1 && extras.iter().all(|extra| extra.steady == 1);
        self.read.resize(of.first.len(), false);
        self.read.iter_mut().zip(&of.first).for_each(|(read, first)| *read |= *first != NOT_READ);
        for extra in &extras {
            if !self.extra_read.contains(&extra.meter) {
                self.extra_read.insert(extra.meter.clone());
            }
        }
        let began = extras.iter().map(|extra| (extra.meter.clone(), extra.first)).collect();
        let began = Values { canonical: of.first, extra: began };
        let ended =
            Values { canonical: of.last, extra: extras.into_iter().map(|extra| (extra.meter, extra.last)).collect() };
        let before = self.last.take();
        let goes_on = match before.as_ref().map(|last| &last.ended) {
            Some(Some(ended)) => ended.goes_on(&began, pages_max),
            // The first day, or the one after a day that is read poll by poll, as this one is.
            Some(None) | None => true,
        };
        let before = before.map(|last| last.day);
        if steady && goes_on {
            if self.owed > 0 {
                self.read_by_poll(day, before);
                self.owed = self.owed.saturating_sub(of.instants);
            }
        } else {
            if let Some(before) = before {
                self.read_by_poll(before, None);
            }
            self.read_by_poll(day, before);
            let counted = if steady { of.instants } else { 0 };
            self.owed = POLLS_AFTER_A_BREAK.saturating_sub(counted);
        }
        self.last = Some(Last { day, ended: steady.then_some(ended) });
    }

    /// `before`: the last day with polls before it; if that one is read too, so are the days without polls between them.
    fn read_by_poll(&mut self, day: i64, before: Option<i64>) {
        let end = day + DAY_SECS - 1;
        match self.doubtful.last_mut() {
            Some(span) if *span.end() >= end => {}
            Some(span) if before.is_some_and(|before| *span.end() == before + DAY_SECS - 1) => {
                *span = *span.start()..=end;
            }
            _ => self.doubtful.push(day..=end),
        }
    }

    /// The spans of days that must be read poll by poll, in Unix seconds; what happened before `since` does not matter. Between
    /// these days, and before and after them, each meter only grew from one reading to the next, by steps that it can print.
    pub fn doubtful(&self, since: i64) -> impl Iterator<Item = RangeInclusive<i64>> {
        let last = self.last.as_ref().map(|last| last.day + DAY_SECS - 1);
        self.doubtful.iter().filter(move |span| *span.end() >= since).map(move |span| {
            // Nothing comes after the last day.
            let end = if Some(*span.end()) == last { END } else { *span.end() };
            *span.start()..=end
        })
    }
}

impl Values {
    /// From one day to the next: at least as long passed as the rules count (§3), so a step that a day allows is plausible.
    fn goes_on(&self, next: &Values, pages_max: i64) -> bool {
        let grew = |(before, after): (&i64, &i64)| match (*before, *after) {
            (NOT_READ, NOT_READ) => true,
            (NOT_READ, _) | (_, NOT_READ) => false,
            (before, after) => (0..=i128::from(pages_max)).contains(&(i128::from(after) - i128::from(before))),
        };
        self.canonical.iter().zip(&next.canonical).all(grew)
            && self.extra.keys().eq(next.extra.keys())
            && self.extra.values().zip(next.extra.values()).all(grew)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32, steady: u8, total: Option<(i64, i64)>) -> (i64, SteadyDay) {
        let (first, last) = total.unwrap_or((NOT_READ, NOT_READ));
        let (first, last) = (vec![first, NOT_READ], vec![last, NOT_READ]);
        let (first_ts, last_ts) = (day * 86_400 + 9, day * 86_400 + 900);
        (
            i64::from(day),
            SteadyDay { device: "d".into(), steady, extras: 0, instants: 24, first_ts, last_ts, first, last },
        )
    }

    /// Days to read poll by poll, as spans of day numbers; the last `None`: to the end.
    fn doubtful(days: &[(i64, SteadyDay)]) -> Vec<(i64, Option<i64>)> {
        let mut tracks = Tracks::of(vec!["total"], 100);
        days.iter().for_each(|(at, day)| tracks.add_day(at * DAY_SECS, vec![day.clone()], Vec::new()));
        let spans = tracks.get("d").unwrap().doubtful(0);
        spans.map(|span| (span.start() / DAY_SECS, (*span.end() != END).then(|| span.end() / DAY_SECS))).collect()
    }

    #[test]
    fn nothing_is_doubtful_while_each_day_is_steady_and_goes_on_from_the_one_before() {
        assert_eq!(doubtful(&[day(0, 1, Some((5, 9))), day(1, 1, Some((9, 30))), day(4, 1, Some((130, 130)))]), []);
    }

    #[test]
    fn a_day_that_is_not_steady_is_read_with_its_neighbours_that_have_polls() {
        let steady = |at| day(at, 1, Some((5, 5)));
        let days = [steady(0), steady(1), day(5, 0, None), steady(6), steady(7), steady(8)];
        assert_eq!(doubtful(&days), [(1, Some(6))], "with the days without polls between them");
        assert_eq!(doubtful(&days[..3]), [(1, None)], "to the end, for nothing comes after it");
        assert_eq!(doubtful(&days[2..]), [(5, Some(6))]);
    }

    #[test]
    fn a_step_over_night_that_is_no_growth_is_read_from_both_sides() {
        let low = |at| day(at, 1, Some((5, 9)));
        for second in [Some((8, 20)), Some((110, 120)), None] {
            let next = second.map(|(_, last)| (last, last));
            assert_eq!(
                doubtful(&[low(0), day(1, 1, Some((9, 9))), day(2, 1, second), day(3, 1, next)]),
                [(1, Some(2))]
            );
        }
    }

    #[test]
    fn after_a_step_over_night_days_are_read_until_there_are_three_polls() {
        let one = |at, value| {
            let (at, day) = day(at, 1, Some((value, value)));
            (at, SteadyDay { instants: 1, ..day })
        };
        let days = [one(0, 50), one(1, 50), one(2, 3), one(3, 4), one(4, 5), one(5, 6)];
        assert_eq!(doubtful(&days), [(1, Some(4))]);
    }

    #[test]
    fn other_meters_count_too() {
        let extra = |first, last| SteadyExtra { device: "d".into(), meter: "x.y".into(), steady: 1, first, last };
        let (_, total) = day(0, 1, Some((5, 5)));
        let mut tracks = Tracks::of(vec!["total", "scan"], 100);
        tracks.add_day(0, vec![total.clone()], vec![extra(7, 8)]);
        tracks.add_day(DAY_SECS, vec![total.clone()], vec![extra(8, 8)]);
        assert_eq!(["x.y", "total", "scan"].map(|meter| tracks.was_read("d", meter)), [true, true, false]);
        assert_eq!(tracks.get("d").unwrap().doubtful(0).count(), 0);
        tracks.add_day(2 * DAY_SECS, vec![total.clone()], vec![extra(3, 9)]);
        assert_eq!(tracks.get("d").unwrap().doubtful(0).collect::<Vec<_>>(), [DAY_SECS..=END]);
        assert_eq!(tracks.get("d").unwrap().doubtful(3 * DAY_SECS).count(), 0, "what was before does not matter");
    }
}
