//! When a printer prints what: at most one job in each slot of ten minutes, drawn from weekday and hour.
//! Pure integers; a job depends on model, seed and slot only, never on what happened before.

use super::chance::{below, permille};
use super::limits::SLOT_S;
use super::model::{Hours, Model};

/// One print job: it ends at `at` and its pages count at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Unix seconds.
    pub at: i64,
    pub pages: u32,
    pub color: bool,
    pub source: Source,
    pub duplex: bool,
    pub a3: bool,
    /// Pages scanned along the way.
    pub scans: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Print,
    Copy,
    Fax,
}

/// 0 = Sunday … 6 = Saturday. 1970-01-01 was a Thursday.
#[must_use]
pub fn weekday(unix_seconds: i64) -> u32 {
    u32::try_from((unix_seconds.div_euclid(86_400) + 4).rem_euclid(7)).unwrap_or(0)
}

/// Share of a working day's pages that falls into this hour, per mille.
#[must_use]
pub fn hour_share(hours: Hours, weekday: u32, hour: u32) -> u64 {
    const OFFICE: [u64; 12] = [40, 100, 130, 140, 120, 60, 90, 120, 100, 60, 30, 10];
    const SCHOOL: [u64; 9] = [180, 150, 120, 130, 120, 120, 80, 60, 40];
    let from = |first: u32, shares: &[u64]| {
        hour.checked_sub(first).and_then(|h| shares.get(usize::try_from(h).ok()?)).copied().unwrap_or(0)
    };
    match (hours, weekday) {
        (Hours::Office, 1..=5) => from(7, &OFFICE),
        (Hours::Office, 6) => from(7, &OFFICE) / 20,
        (Hours::School, 1..=5) => from(7, &SCHOOL),
        (Hours::Shift, 1..=6) if (5..22).contains(&hour) => 59,
        (Hours::Shift, 0) if (8..16).contains(&hour) => 12,
        (Hours::Office | Hours::School | Hours::Shift, _) => 0,
    }
}

/// The job of a slot, if there is one. `offset` is the site's distance from UTC in seconds.
#[must_use]
pub fn job(model: &Model, seed: u64, slot: i64, offset: i64) -> Option<Job> {
    let work = &model.work;
    let start = slot * SLOT_S;
    let local = start + offset;
    let hour = u32::try_from(local.rem_euclid(86_400) / 3600).unwrap_or(0);
    let share = hour_share(work.hours, weekday(local), hour);
    if share == 0 {
        return None;
    }
    let day = local.div_euclid(86_400).cast_unsigned();
    // a closed day now and then, else 60 to 140 % of the mean; the device itself stands at 50 to 200 %
    let day_factor = if permille(seed, &[DAY, day, 1], 20) { 0 } else { 600 + below(seed, &[DAY, day], 801) };
    let device_factor = 500 + below(seed, &[DEVICE], 1501);
    // expected pages of this slot in thousandths: pages × share is thousandths of an hour, six slots an hour
    let expected = u64::from(work.pages) * share * day_factor / 1000 * device_factor / 1000 / 6;
    let mean = expected.max(5000);
    let key = slot.cast_unsigned();
    let draw = |what: u64, n: u64| below(seed, &[what, key], n);
    let is = |what: u64, share: u32| draw(what, 1000) < u64::from(share);
    if draw(JOB, mean) >= expected {
        return None;
    }
    let pages = u32::try_from(1 + draw(SIZE, 2 * mean / 1000 - 1)).unwrap_or(1);
    let source = match draw(SOURCE, 1000) {
        n if n < u64::from(work.copy) => Source::Copy,
        n if n < u64::from(work.copy + work.fax) => Source::Fax,
        _ => Source::Print,
    };
    let scans = u64::from(pages) * u64::from(work.scan) * draw(SCAN, 2001) / 1_000_000;
    Some(Job {
        at: start + draw(SECOND, SLOT_S.cast_unsigned()).cast_signed(),
        pages,
        color: source != Source::Fax && is(COLOR, work.color),
        source,
        duplex: is(DUPLEX, work.duplex),
        a3: is(A3, work.a3),
        scans: u32::try_from(scans).unwrap_or(0),
    })
}

/// A jam stops the device after this job.
#[must_use]
pub fn jams(model: &Model, seed: u64, job: &Job) -> bool {
    below(seed, &[JAM, job.at.cast_unsigned()], 1_000_000) < u64::from(model.work.jams)
}

// keys of chance, so that one draw does not decide two things
const DAY: u64 = 101;
const DEVICE: u64 = 102;
const JOB: u64 = 103;
const SIZE: u64 = 104;
const SECOND: u64 = 105;
const COLOR: u64 = 106;
const SOURCE: u64 = 107;
const DUPLEX: u64 = 108;
const A3: u64 = 109;
const SCAN: u64 = 110;
const JAM: u64 = 111;

#[cfg(test)]
mod tests {
    use super::super::catalog::models;
    use super::*;

    /// Monday 2026-01-05 00:00 UTC.
    const MONDAY: i64 = 1_767_571_200;

    #[test]
    fn weekdays_are_those_of_the_calendar() {
        assert_eq!(weekday(0), 4, "1970-01-01 was a Thursday");
        assert_eq!(weekday(-1), 3);
        assert_eq!(weekday(MONDAY), 1);
        assert_eq!(weekday(MONDAY + 6 * 86_400), 0);
        assert_eq!(weekday(951_782_400), 2, "2000-02-29 was a Tuesday");
    }

    #[test]
    fn a_working_day_adds_up_to_its_pages() {
        let day = |hours, weekday| (0..24).map(|h| hour_share(hours, weekday, h)).sum::<u64>();
        assert_eq!(day(Hours::Office, 3), 1000);
        assert_eq!(day(Hours::School, 1), 1000);
        assert_eq!(day(Hours::Shift, 6), 1003);
        assert_eq!((day(Hours::Office, 0), day(Hours::School, 6)), (0, 0));
    }

    #[test]
    fn offices_print_on_working_days_in_working_hours_of_their_own_zone() {
        let model = models().iter().find(|m| m.work.hours == Hours::Office).unwrap();
        for offset in [0, 7200, -5 * 3600] {
            let slots = MONDAY / SLOT_S..(MONDAY + 28 * 86_400) / SLOT_S;
            let jobs: Vec<Job> = slots.filter_map(|slot| job(model, 11, slot, offset)).collect();
            assert!(jobs.len() > 100);
            for job in &jobs {
                let local = job.at + offset;
                assert_ne!(weekday(local), 0, "an office prints nothing on Sundays");
                assert!((7 * 3600..19 * 3600).contains(&local.rem_euclid(86_400)), "{job:?}");
            }
            let on = |day| jobs.iter().filter(|j| weekday(j.at + offset) == day).map(|j| j.pages).sum::<u32>();
            assert!(on(6) * 5 < on(2), "Saturday {} Tuesday {}", on(6), on(2));
        }
    }

    #[test]
    fn the_mean_over_many_devices_is_the_model_s() {
        let model = models().iter().find(|m| m.work.hours == Hours::Office).unwrap();
        let mut pages = 0u64;
        for seed in 0..200 {
            for slot in MONDAY / SLOT_S..(MONDAY + 5 * 86_400) / SLOT_S {
                pages += job(model, seed, slot, 0).map_or(0, |j| u64::from(j.pages));
            }
        }
        // devices stand at 50 to 200 % (mean 125), 2 % of the days are closed
        let expected = u64::from(model.work.pages) * 1000 * 1225 / 1000;
        assert!(pages * 100 > expected * 90 && pages * 100 < expected * 110, "{pages} against {expected}");
    }
}
