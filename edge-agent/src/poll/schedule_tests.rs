use proptest::prelude::*;
use schemas::wire::{Poll, Supply};

use super::super::alerts::OpenAlert;
use super::super::pace::{QUIET_AFTER, Sample};
use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);
const SLOW: Slowing = Slowing { stretch: 4, attentive: false };

/// What a site has that sets nothing: everything once an hour.
fn plain() -> Intervals {
    Intervals { meters: HOUR, supplies: HOUR, status: HOUR, attentive: HOUR / 4, quiet: HOUR * 4 }
}

fn schedule() -> Schedule {
    Schedule::new(plain(), 7)
}

/// Extents with which a device that was polled whole at `from` is polled until `to`, looked at each minute; it stays as it is.
fn polls(schedule: &Schedule, pace: Pace, slowing: Slowing, from: Duration, to: Duration) -> Vec<(Duration, Extent)> {
    let (mut pace, mut last) = (pace, from);
    pace.begins(Extent::Whole, from);
    let mut polls = Vec::new();
    let mut now = from;
    while now < to {
        if let Some(extent) = schedule.slots(now, slowing, false).due(Some(last), &pace, false) {
            pace.begins(extent, now);
            last = now;
            polls.push((now, extent));
        }
        now += Duration::from_secs(60);
    }
    polls
}

fn quiet(now: Duration) -> Pace {
    let mut pace = Pace::default();
    (0..=QUIET_AFTER).for_each(|_| pace.heard(Sample::of(&Poll::default(), Extent::Whole, &[], 10), now));
    pace
}

fn alerting(now: Duration) -> Pace {
    let mut pace = Pace::default();
    pace.heard(Sample::of(&Poll::default(), Extent::Whole, &[OpenAlert::default()], 10), now);
    pace
}

fn low(now: Duration) -> Pace {
    let supply = Supply { level: Some(1), max: Some(100), ..Supply::default() };
    let mut pace = Pace::default();
    pace.heard(Sample::of(&Poll { supplies: vec![supply], ..Poll::default() }, Extent::Whole, &[], 10), now);
    pace
}

fn extents(polls: &[(Duration, Extent)]) -> Vec<Extent> {
    polls.iter().map(|(_, extent)| *extent).collect()
}

#[test]
fn all_devices_of_an_agent_are_due_together_and_once_an_interval_for_everything() {
    let schedule = schedule();
    let burst = schedule.next_slot(HOUR * 10, HOUR);
    let due = |now: Duration, last: Duration| {
        schedule.slots(now, Slowing::NONE, false).due(Some(last), &Pace::read_at(Some(last)), false)
    };
    assert_eq!(due(burst - SECOND, burst - HOUR), None);
    assert_eq!(due(burst, burst - HOUR), Some(Extent::Whole));
    assert_eq!(due(burst + SECOND * 90, burst - SECOND * 5), Some(Extent::Whole));
    assert_eq!(due(burst + SECOND * 90, burst), None);
    let day = polls(&schedule, Pace::default(), Slowing::NONE, burst, burst + HOUR * 24);
    assert_eq!(extents(&day), [Extent::Whole; 23], "beside the one at its beginning");
}

#[test]
fn agents_lie_at_different_places_of_the_interval() {
    let first = |seed| Schedule::new(plain(), seed).next(Duration::ZERO, Slowing::NONE);
    let places: std::collections::BTreeSet<Duration> = (0..100).map(first).collect();
    assert!(places.len() > 90 && places.iter().all(|place| *place < HOUR));
}

#[test]
fn a_device_is_never_polled_twice_within_a_second_even_if_wanted() {
    let now = HOUR * 5;
    let slots = schedule().slots(now, Slowing::NONE, false);
    let due = |ago: Duration| slots.due(Some(now - ago), &Pace::read_at(Some(now - ago)), true);
    assert_eq!(due(Duration::from_millis(900)), None);
    assert_eq!(due(SECOND), Some(Extent::Whole));
}

#[test]
fn a_new_device_and_one_from_before_a_restart_are_due_at_once() {
    let due = |now, last: Option<Duration>| {
        schedule().slots(now, Slowing::NONE, false).due(last, &Pace::read_at(last), false)
    };
    assert_eq!(due(Duration::ZERO, None), Some(Extent::Whole));
    assert_eq!(due(HOUR, Some(HOUR * 100)), Some(Extent::Whole));
}

#[test]
fn each_group_of_readings_has_an_interval_of_its_own_and_levels_bring_the_meters_along() {
    let intervals = Intervals { supplies: HOUR * 2, status: HOUR / 2, ..plain() };
    let schedule = Schedule::new(intervals, 7);
    let begin = schedule.next_slot(HOUR * 9, HOUR * 2);
    let four_hours = polls(&schedule, Pace::default(), Slowing::NONE, begin, begin + HOUR * 4);
    let (status, meters, whole) = (Extent::Status, Extent::Meters, Extent::Whole);
    assert_eq!(extents(&four_hours), [status, meters, status, whole, status, meters, status]);
}

#[test]
fn attention_takes_slots_within_the_bursts_and_reads_what_it_is_for() {
    let schedule = schedule();
    let begin = schedule.next_slot(HOUR * 9, HOUR);
    let slots = polls(&schedule, alerting(begin), Slowing::NONE, begin, begin + HOUR * 2);
    let (status, whole) = (Extent::Status, Extent::Whole);
    assert_eq!(extents(&slots), [status, status, status, whole, status, status, status]);
    let slots = polls(&schedule, low(begin), Slowing::NONE, begin, begin + HOUR * 2);
    assert_eq!(extents(&slots), [whole; 7]);
}

#[test]
fn a_quiet_device_shares_every_fourth_burst_and_is_read_at_once_when_a_trap_comes() {
    let schedule = schedule();
    let begin = schedule.next_slot(HOUR * 9, HOUR * 4);
    let day = polls(&schedule, quiet(begin), Slowing::NONE, begin, begin + HOUR * 24);
    assert_eq!(day.len(), 5, "{day:?}");
    let now = begin + HOUR;
    let wanted = schedule.slots(now, Slowing::NONE, false).due(Some(begin), &quiet(begin), true);
    assert_eq!(wanted, Some(Extent::Whole));
}

#[test]
fn a_slowed_agent_polls_in_every_fourth_burst_and_gives_up_what_is_out_of_turn_first() {
    let schedule = schedule();
    let begin = schedule.next_slot(HOUR * 9, HOUR * 4);
    for pace in [Pace::default(), alerting(begin), low(begin)] {
        let day = polls(&schedule, pace, SLOW, begin, begin + HOUR * 24);
        assert_eq!(extents(&day), [Extent::Whole; 5]);
    }
    let within = begin + HOUR / 2;
    let due = |now| schedule.slots(now, SLOW, false).due(Some(begin), &Pace::read_at(Some(begin)), true);
    assert_eq!(due(within), None, "a trap waits");
    assert_eq!(due(begin + HOUR), Some(Extent::Whole), "for the next burst");
}

#[test]
fn on_both_sides_of_local_midnight_everybodys_meters_are_read() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
    // Midnight is at 23:00 UTC in winter.
    for (burst, turns) in [
        ("2026-01-31T21:40:00Z", false),
        ("2026-01-31T22:40:00Z", true),
        ("2026-01-31T23:40:00Z", true),
        ("2026-02-01T00:40:00Z", false),
    ] {
        assert_eq!(day_turns(&zone, at(burst), HOUR), turns, "{burst}");
    }
    let schedule = schedule();
    let begin = schedule.next_slot(HOUR * 9, HOUR * 4);
    let due = |mut pace: Pace, slowing| {
        pace.begins(Extent::Whole, begin);
        schedule.slots(begin + HOUR, slowing, true).due(Some(begin), &pace, false)
    };
    assert_eq!(due(quiet(begin), Slowing::NONE), Some(Extent::Meters));
    assert_eq!(due(Pace::default(), SLOW), Some(Extent::Meters));
}

proptest! {
    #[test]
    fn the_next_look_lies_ahead_and_within_a_burst(seed in 0u64.., every in 1u64..100_000, part in 1u64..100_000,
        now in 0u64..10_000_000, stretch in 1u32..=8) {
        let [every, part, now] = [every, part, now].map(Duration::from_secs);
        let intervals = Intervals { meters: every, supplies: part, status: part, attentive: part, quiet: every };
        let slowing = Slowing { stretch, attentive: stretch == 1 };
        let next = Schedule::new(intervals, seed).next(now, slowing);
        prop_assert!(next > now || Schedule::new(intervals, seed).current(now).is_none());
        prop_assert!(next <= now + every);
    }

    /// What becomes due becomes due when the agent looks: never between two looks.
    #[test]
    fn nobody_is_overlooked(seed in 0u64.., every in 60u64..20_000, status in 60u64..20_000, supplies in 60u64..20_000,
        now in 100_000u64..1_000_000, stretch in 1u32..=8, share in 0u32..1_000) {
        let [every, status, supplies, now] = [every, status, supplies, now].map(Duration::from_secs);
        let intervals = Intervals { meters: every, supplies, status, attentive: status, quiet: every };
        let schedule = Schedule::new(intervals, seed);
        let slowing = Slowing { stretch, attentive: stretch == 1 };
        let next = schedule.next(now, slowing);
        let between = now + (next - now) / 1_000 * share;
        let due = schedule.slots(between, slowing, false).due(Some(now - SECOND * 2), &Pace::read_at(Some(now)), false);
        let was_due = schedule.slots(now, slowing, false).due(Some(now - SECOND * 2), &Pace::read_at(Some(now)), false);
        prop_assert_eq!(due, was_due);
    }

    #[test]
    fn however_slowed_meters_are_read_once_a_day(seed in 0u64.., every in 60u64..86_400, start in 100_000u64..1_000_000) {
        let [every, start] = [every, start].map(Duration::from_secs);
        let intervals = Intervals { meters: every, supplies: every, status: every, attentive: every, quiet: HOUR * 24 };
        let schedule = Schedule::new(intervals, seed);
        let slowing = Slowing { stretch: 8, attentive: false };
        let read = schedule.slot(start, every).unwrap();
        for mut pace in [Pace::default(), quiet(read)] {
            pace.begins(Extent::Whole, read);
            // A day later, at the burst that comes then.
            let next = schedule.next_slot(read + HOUR * 24, every);
            let due = schedule.slots(next, slowing, false).due(Some(read), &pace, false);
            prop_assert!(due.is_some_and(|extent| extent >= Extent::Meters));
        }
    }
}
