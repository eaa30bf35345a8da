use super::super::catalog::models;
use super::*;

/// Monday 2026-01-05 00:00 UTC.
const MONDAY: i64 = 1_767_571_200;
const DAY: i64 = 86_400;

#[test]
fn a_life_follows_from_its_seed_and_not_from_how_it_is_advanced() {
    for (number, model) in models().iter().enumerate() {
        let seed = 40 + number as u64;
        let mut once = Printer::new(model, seed, MONDAY);
        once.advance_to(MONDAY + 60 * DAY);
        let mut often = Printer::new(model, seed, MONDAY);
        for step in 0..=(60 * 24) {
            often.advance_to(MONDAY + step * 3600);
            often.advance_to(MONDAY + step * 3600 - 1800);
        }
        assert_eq!(once, often, "{}", model.name);
        let mut other = Printer::new(model, seed + 1, MONDAY);
        other.advance_to(MONDAY + 60 * DAY);
        assert_ne!(once.counts(), other.counts(), "{}", model.name);
    }
}

#[test]
fn the_counter_at_a_moment_is_what_was_shown_at_that_moment() {
    let mut printer = Printer::new(&models()[4], 3, MONDAY);
    let mut shown = vec![(MONDAY, printer.counts())];
    for minute in 1..(14 * 24 * 12) {
        let now = MONDAY + minute * 300 + minute % 7;
        printer.advance_to(now);
        shown.push((now, printer.counts()));
    }
    for (at, counts) in shown.iter().rev().step_by(37) {
        assert_eq!(printer.counter_at(*at), Some(counts.total));
        assert_eq!(printer.color_at(*at), Some(counts.color));
        assert_eq!(printer.counters_at(*at), Some(*counts));
    }
    assert_eq!(printer.counter_at(MONDAY - 1), None, "nothing is known before the start");
    assert_eq!(printer.counter_at(printer.now() + 1), None, "nor of what was not lived yet");
    assert!(shown.last().unwrap().1.total > shown[0].1.total);
}

#[test]
fn counters_never_fall_and_their_parts_never_exceed_the_whole() {
    for model in models() {
        let mut printer = Printer::new(model, 5, MONDAY);
        let mut before = printer.counts();
        for day in 1..=90 {
            printer.advance_to(MONDAY + day * DAY);
            let now = printer.counts();
            assert!(now.total >= before.total && now.color >= before.color && now.scan >= before.scan);
            assert!(now.color <= now.total && now.copy + now.fax <= now.total && now.copy_color <= now.color);
            assert_eq!(now.mono() + now.color, now.total);
            before = now;
        }
        assert_eq!(model.is_color(), before.color > 0, "{}", model.name);
        assert!(printer.changes().zip(printer.changes().skip(1)).all(|(a, b)| a.0 < b.0 && a.1 < b.1));
    }
}

#[test]
fn toner_falls_with_the_pages_and_is_swapped_when_it_is_used_up() {
    let mut swaps = 0;
    let mut outs = 0;
    let mut stopped_days = 0;
    for seed in 0..40 {
        let model = &models()[usize::try_from(seed).unwrap() % models().len()];
        let mut printer = Printer::new(model, seed, MONDAY);
        let mut before: Vec<SupplyState> = printer.supplies().to_vec();
        for day in 1..=120 {
            printer.advance_to(MONDAY + day * DAY);
            for (old, new) in before.iter().zip(printer.supplies()) {
                assert!(new.left <= old.left || new.cartridge > old.cartridge, "a level rises by a swap only");
                assert_eq!(usize::try_from(new.cartridge).unwrap(), new.swaps.len());
            }
            outs += printer.supplies().iter().filter(|s| s.left == 0).count();
            stopped_days += usize::from(printer.alerts().is_stopped());
            before = printer.supplies().to_vec();
        }
        swaps += before.iter().map(|s| s.swaps.len()).sum::<usize>();
    }
    assert!(swaps > 60 && outs > 10 && stopped_days > 5, "{swaps} swaps, {outs} outs, {stopped_days} stopped days");
}

#[test]
fn nothing_is_printed_while_the_device_is_stopped_and_alerts_open_and_close() {
    let mut seen = std::collections::BTreeSet::new();
    let mut closed = false;
    for seed in 0..12 {
        let mut printer = Printer::new(&models()[usize::try_from(seed).unwrap()], seed, MONDAY);
        let mut before = (printer.alerts().is_stopped(), printer.counts().total, 0);
        for step in 1..(30 * 24 * 12) {
            printer.advance_to(MONDAY + step * 300);
            let causes: Vec<Cause> = printer.alerts().alerts().iter().map(|a| a.cause).collect();
            closed |= causes.len() < before.2;
            seen.extend(causes.iter().map(|cause| match cause {
                Cause::SupplyLow(_) => "low",
                Cause::SupplyOut(_) => "out",
                Cause::TrayEmpty(_) => "tray",
                Cause::Jam => "jam",
            }));
            let stopped_all_along = before.0
                && printer.alerts().alerts().iter().any(|a| a.severity == 3 && a.since <= MONDAY + (step - 1) * 300);
            assert!(!stopped_all_along || printer.counts().total == before.1, "printed while stopped");
            before = (printer.alerts().is_stopped(), printer.counts().total, causes.len());
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["jam", "low", "out", "tray"]);
    assert!(closed);
}

#[test]
fn restarts_shorten_the_uptime_and_leave_the_counters_alone() {
    let mut printer = Printer::new(&models()[0], 9, MONDAY);
    let first = printer.boot();
    printer.advance_to(MONDAY + 60 * DAY);
    assert!(printer.boot() > first && printer.boot() > MONDAY);
    assert!(printer.counts().total >= printer.counter_at(MONDAY).unwrap());
    assert!(printer.pages_since_boot() <= printer.counts().total - printer.counter_at(MONDAY).unwrap());
}

#[test]
fn lives_stay_the_same_from_release_to_release() {
    let total = |place: usize, seed: u64| {
        let mut printer = Printer::new(&models()[place], seed, MONDAY);
        printer.advance_to(MONDAY + 35 * DAY);
        (printer.counter_at(MONDAY).unwrap(), printer.counts().total)
    };
    assert_eq!([total(0, 7), total(8, 7), total(15, 7)], [(27_690, 29_863), (211_980, 229_744), (242_192, 262_985)]);
}
