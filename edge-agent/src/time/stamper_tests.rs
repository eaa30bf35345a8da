use proptest::prelude::*;

use super::*;

/// 2026-01-01T00:00:00Z in milliseconds.
const Y2026: i64 = 1_767_225_600_000;
const HOUR: u64 = 3_600_000;

fn at(boot: u64, steady_ms: u64, wall_ms: i64) -> Moment {
    Moment { boot: Boot(boot), steady_ms, wall_ms }
}

fn stamper(boot: u64) -> Stamper {
    Stamper::new(at(boot, 0, 0), Known::default(), false)
}

fn next_boot(stamper: &Stamper, boot: u64) -> Stamper {
    Stamper::new(at(boot, 0, 0), stamper.known().clone(), false)
}

#[test]
fn nothing_is_stamped_before_the_servers_time_was_heard_and_everything_afterwards() {
    let mut stamper = stamper(1);
    let read = at(1, 5_000, 0);
    assert_eq!(stamper.stamp(read), None);
    assert_eq!(stamper.heard(at(1, 10_000, 0), at(1, 10_200, 0), Y2026), Heard::Learned);
    assert_eq!(stamper.stamp(read), Some(Stamp { ms: Y2026 - 5_100, sure: true }));
}

#[test]
fn a_clock_in_1970_or_one_that_jumps_changes_no_stamp() {
    let mut stamper = stamper(1);
    stamper.heard(at(1, 0, 0), at(1, 0, 0), Y2026);
    for wall in [0, Y2026 + 86_400_000, -5] {
        assert_eq!(stamper.stamp(at(1, 1_000, wall)).unwrap().ms, Y2026 + 1_000);
    }
}

#[test]
fn an_answer_that_took_five_seconds_teaches_nothing() {
    let mut stamper = stamper(1);
    assert_eq!(stamper.heard(at(1, 0, 0), at(1, 5_000, 0), Y2026), Heard::TooSlow);
    assert_eq!(stamper.heard(at(1, 0, 0), at(1, 4_999, 0), Y2026), Heard::Learned);
    assert_eq!(stamper.heard(at(1, 6_000, 0), at(1, 6_000, 0), 0), Heard::TooSlow, "no server lives in 1970");
}

#[test]
fn a_contradiction_is_believed_only_when_it_is_repeated() {
    let mut stamper = stamper(1);
    stamper.heard(at(1, 0, 0), at(1, 0, 0), Y2026);
    let day = 86_400_000;
    assert_eq!(stamper.heard(at(1, 1_000, 0), at(1, 1_000, 0), Y2026 + day), Heard::Doubtful);
    assert_eq!(stamper.stamp(at(1, 1_000, 0)).unwrap().ms, Y2026 + 1_000);
    assert_eq!(stamper.heard(at(1, 2_000, 0), at(1, 2_000, 0), Y2026 + day + 1_000), Heard::Learned);
    assert_eq!(stamper.stamp(at(1, 2_000, 0)).unwrap().ms, Y2026 + day + 1_000);
}

#[test]
fn a_drill_needs_a_later_moment_or_a_rest_to_be_believed() {
    let mut stamper = Stamper::new(at(1, 0, 0), Known::default(), true);
    // The server is a step ahead of us.
    assert_eq!(stamper.heard(at(1, 0, 0), at(1, 0, 0), Y2026 + 3_600_000), Heard::Doubtful);
    assert_eq!(stamper.heard(at(1, HOUR, 0), at(1, HOUR, 0), Y2026 + 3_600_000), Heard::Doubtful);
    assert_eq!(stamper.heard(at(1, 2 * HOUR, 0), at(1, 2 * HOUR, 0), Y2026 + 7_200_000), Heard::Learned);
    assert_eq!(stamper.stamp(at(1, 0, 0)).unwrap().ms, Y2026);

    let mut stamper = Stamper::new(at(1, 0, 0), Known::default(), true);
    let heard: Vec<Heard> = (0..4).map(|_| stamper.heard(at(1, 0, 0), at(1, 0, 0), Y2026)).collect();
    assert_eq!(heard, [Heard::Doubtful, Heard::Doubtful, Heard::Doubtful, Heard::Learned]);
}

#[test]
fn a_restarted_process_knows_the_time_of_its_boot_and_a_restarted_host_does_not() {
    let mut first = stamper(1);
    first.heard(at(1, 0, 0), at(1, 0, 0), Y2026);
    let again = Stamper::new(at(1, 60_000, 0), first.known().clone(), false);
    assert!(again.learned());
    let rebooted = next_boot(&first, 2);
    assert!(!rebooted.learned());
    assert_eq!(rebooted.stamp(at(1, 60_000, 0)).unwrap().ms, Y2026 + 60_000, "records of the learned boot are sure");
    assert_eq!(rebooted.stamp(at(2, 0, Y2026)), None);
    let earlier = Stamper::new(
        at(1, 0, 0),
        Known {
            anchors: vec![Anchor { boot: Boot(1), steady_ms: 5, server_ms: Y2026, sure_until_ms: Y2026 }],
            ..Known::default()
        },
        false,
    );
    assert!(!earlier.learned(), "steady never goes back, so this is another boot of the same name");
}

/// Boot 1 learned the time, boot 2 did not and has these records, boot 3 learns it.
fn judged(records: &[Moment]) -> Vec<Stamp> {
    let mut first = stamper(1);
    first.heard(at(1, 0, 0), at(1, 0, 0), Y2026);
    let mut third = next_boot(&next_boot(&first, 2), 3);
    assert!(!third.needs_verdict(Boot(2)), "nothing is judged before the time is known");
    third.heard(at(3, 0, 0), at(3, 0, 0), Y2026 + 10 * 3_600_000);
    assert!(third.needs_verdict(Boot(2)));
    let span = records.iter().map(|record| Span::of(*record)).reduce(Span::joined).unwrap();
    third.judge(Boot(2), span);
    records.iter().map(|record| third.stamp(*record).unwrap()).collect()
}

#[test]
fn records_of_an_unlearned_boot_are_sure_only_in_order_between_two_sure_ones() {
    let hour = 3_600_000;
    let sure = judged(&[at(2, 10, Y2026 + hour), at(2, 20, Y2026 + 2 * hour)]);
    assert_eq!(sure, [Stamp { ms: Y2026 + hour, sure: true }, Stamp { ms: Y2026 + 2 * hour, sure: true }]);
    let before_the_first = judged(&[at(2, 10, Y2026 - 1)]);
    assert_eq!(before_the_first, [Stamp { ms: Y2026 - 1, sure: false }]);
    let after_the_second = judged(&[at(2, 10, Y2026 + 11 * hour)]);
    assert_eq!(after_the_second, [Stamp { ms: Y2026 + 11 * hour, sure: false }]);
}

#[test]
fn records_with_impossible_or_disordered_dates_are_placed_before_the_next_boot_in_their_own_order() {
    let in_1970 = judged(&[at(2, 1_000, 0), at(2, 61_000, 60_000)]);
    let end = Y2026 + 10 * 3_600_000;
    assert_eq!(in_1970, [Stamp { ms: end - 60_000, sure: false }, Stamp { ms: end, sure: false }]);
    let jumped_back = judged(&[at(2, 1_000, Y2026 + 2 * 3_600_000), at(2, 61_000, Y2026 + 3_600_000)]);
    assert!(jumped_back.iter().all(|stamp| !stamp.sure) && jumped_back[0].ms < jumped_back[1].ms);
}

proptest! {
    #[test]
    fn stamps_of_one_boot_keep_the_order_and_the_distance_of_steady_time(
        learned_at in 0u64..HOUR, offset in 0i64..1_000_000_000, steady in proptest::collection::vec(0u64..100 * HOUR, 2..20),
        walls in proptest::collection::vec(any::<i32>(), 20),
    ) {
        let mut stamper = stamper(1);
        stamper.heard(at(1, learned_at, 0), at(1, learned_at, 0), Y2026 + offset);
        for (pair, wall) in steady.windows(2).zip(walls) {
            let [a, b] = [pair[0], pair[1]].map(|steady| stamper.stamp(at(1, steady, i64::from(wall))).unwrap());
            prop_assert!(a.sure && b.sure);
            prop_assert_eq!(b.ms - a.ms, i64::try_from(pair[1]).unwrap() - i64::try_from(pair[0]).unwrap());
        }
    }

    #[test]
    fn no_date_makes_an_unlearned_boot_sure_unless_it_lies_between(wall in any::<i64>()) {
        let stamp = judged(&[at(2, 10, wall)])[0];
        let between = (Y2026..=Y2026 + 10 * 3_600_000).contains(&wall);
        prop_assert_eq!(stamp.sure, between);
        prop_assert!(stamp.ts() >= STAMP_MIN, "{:?} would be refused by ingest", stamp);
    }
}
