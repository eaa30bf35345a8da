//! Days of many devices put together: which of them only grew from the first day to the last, and is so proved not to need
//! a look at each read. Pure.

use std::collections::{BTreeMap, HashMap};

use crate::read::facts::{NOT_READ, SteadyDay, SteadyExtra};

/// All devices, fed with whole UTC days in their order.
#[derive(Debug)]
pub struct Tracks {
    meters: Vec<&'static str>,
    pages_max: i64,
    of: HashMap<String, Track>,
}

/// One device over the days.
#[derive(Debug, Default)]
pub struct Track {
    /// Every step of every meter was at least 0 and no more than it can print.
    pub steady: bool,
    pub first_ts: u32,
    pub last_ts: u32,
    canonical: Vec<Meter>,
    extra: BTreeMap<String, Meter>,
}

/// The last value of a meter, once it was read.
#[derive(Debug, Clone, Copy, Default)]
struct Meter(Option<i64>);

impl Tracks {
    /// For these canonical meters, in the order of the lists of [`SteadyDay`].
    pub fn of(meters: Vec<&'static str>, pages_max: i64) -> Tracks {
        Tracks { meters, pages_max, of: HashMap::new() }
    }

    pub fn meters(&self) -> &[&'static str] {
        &self.meters
    }

    pub fn get(&self, device: &str) -> Option<&Track> {
        self.of.get(device)
    }

    /// Takes in one day; days must come in order.
    pub fn add_day(&mut self, day: SteadyDay) {
        let (count, first_ts) = (self.meters.len(), day.first_ts);
        let new = || Track { steady: true, first_ts, canonical: vec![Meter::default(); count], ..Track::default() };
        let track = self.of.entry(day.device).or_insert_with(new);
        track.steady &= day.steady == 1;
        track.last_ts = day.last_ts;
        for (meter, (first, last)) in track.canonical.iter_mut().zip(day.first.iter().zip(&day.last)) {
            track.steady &= *first == NOT_READ || meter.goes_on(*first, *last, self.pages_max);
        }
    }

    /// Takes in the other meters of a day, after the day itself.
    pub fn add_extra(&mut self, day: SteadyExtra) {
        let Some(track) = self.of.get_mut(&day.device) else { return };
        let meter = track.extra.entry(day.meter).or_default();
        let goes_on = meter.goes_on(day.first, day.last, self.pages_max);
        track.steady &= goes_on && day.steady == 1;
    }

    /// Whether a meter of a device was read in all days together.
    pub fn was_read(&self, device: &str, meter: &str) -> bool {
        let Some(track) = self.of.get(device) else { return false };
        let canonical = self.meters.iter().position(|of| *of == meter).and_then(|at| track.canonical.get(at));
        canonical.or_else(|| track.extra.get(meter)).is_some_and(|meter| meter.0.is_some())
    }
}

impl Meter {
    /// From one day to the next: at least as long passed as the rules count (§3), so a step that a day allows is plausible.
    fn goes_on(&mut self, first: i64, last: i64, pages_max: i64) -> bool {
        let before = self.0.replace(last);
        before.is_none_or(|before| (0..=i128::from(pages_max)).contains(&(i128::from(first) - i128::from(before))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(ts: u32, steady: u8, total: Option<(i64, i64)>) -> SteadyDay {
        let (first, last) = total.unwrap_or((NOT_READ, NOT_READ));
        let (first, last) = (vec![first, NOT_READ], vec![last, NOT_READ]);
        SteadyDay { device: "d".into(), steady, extras: 0, first_ts: ts, last_ts: ts + 9, first, last }
    }

    fn steady(days: &[SteadyDay]) -> bool {
        let mut tracks = Tracks::of(vec!["total"], 100);
        days.iter().for_each(|day| tracks.add_day(day.clone()));
        tracks.get("d").unwrap().steady
    }

    #[test]
    fn a_device_is_steady_while_each_day_is_and_goes_on_from_the_one_before() {
        assert!(steady(&[day(0, 1, Some((5, 9))), day(100, 1, None), day(200, 1, Some((109, 109)))]));
        assert!(!steady(&[day(0, 1, Some((5, 9))), day(100, 0, None)]), "a day that is not");
        assert!(!steady(&[day(0, 1, Some((5, 9))), day(100, 1, Some((8, 20)))]), "it fell over night");
        assert!(!steady(&[day(0, 1, Some((5, 9))), day(100, 1, Some((110, 120)))]), "it jumped over night");
    }

    #[test]
    fn other_meters_count_too() {
        let extra = |first, last| SteadyExtra { device: "d".into(), meter: "x.y".into(), steady: 1, first, last };
        let mut tracks = Tracks::of(vec!["total"], 100);
        tracks.add_day(day(0, 1, Some((5, 9))));
        tracks.add_extra(extra(7, 8));
        assert_eq!(["x.y", "total", "scan"].map(|meter| tracks.was_read("d", meter)), [true, true, false]);
        assert!(tracks.get("d").unwrap().steady);
        tracks.add_extra(extra(3, 9));
        assert!(!tracks.get("d").unwrap().steady);
    }
}
