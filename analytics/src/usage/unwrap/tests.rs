use super::*;

const RULES: UnwrapRules = UnwrapRules { max_pages_per_day: 1_000, small_drop: 10, modulus: None };
const MODULUS: UnwrapRules = UnwrapRules { modulus: Some(100_000), ..RULES };

/// Reads given as (day, value); gives the unwrapped values and the flags.
fn check(rules: UnwrapRules, exchanges: &[Exchange], reads: &[(i64, i64)], points: &[(i64, i64)], flags: &[MeterFlag]) {
    let reads: Vec<Read> = reads.iter().map(|(day, value)| Read { ts: day * DAY_SECS, value: *value }).collect();
    let done = unwrap(&reads, exchanges, &rules, None).unwrap();
    let got: Vec<(i64, i64)> = done.points.iter().map(|point| (point.ts / DAY_SECS, point.u)).collect();
    assert_eq!(got, points);
    assert_eq!(done.flags.into_iter().collect::<Vec<_>>(), flags);
}

fn exchange(day: i64, out: i64, begins: i64) -> Exchange {
    Exchange { ts: day * DAY_SECS, out, begins }
}

#[test]
fn plausible_growth_is_counted_and_its_limit_is_inclusive() {
    check(RULES, &[], &[(0, 50), (1, 1_050), (3, 3_050)], &[(0, 50), (1, 1_050), (3, 3_050)], &[]);
}

#[test]
fn less_than_a_day_is_judged_as_a_day() {
    let reads = [Read { ts: 0, value: 0 }, Read { ts: 60, value: 1_000 }, Read { ts: 120, value: 2_001 }];
    let done = unwrap(&reads, &[], &RULES, None).unwrap();
    assert_eq!(done.points.len(), 2);
    assert_eq!(done.flags, BTreeSet::from([MeterFlag::Spike]));
}

#[test]
fn an_implausible_level_is_a_spike_unless_two_reads_confirm_it() {
    check(RULES, &[], &[(0, 50), (1, 9_000), (2, 60)], &[(0, 50), (2, 60)], &[MeterFlag::Spike]);
    check(RULES, &[], &[(0, 50), (1, 9_000), (2, 9_100)], &[(0, 50)], &[MeterFlag::Spike]);
    check(RULES, &[], &[(0, 50), (1, 9_000), (2, 8_999), (3, 9_100)], &[(0, 50)], &[MeterFlag::Spike]);
    let confirmed = [(0, 50), (1, 9_000), (2, 9_100), (3, 9_150)];
    check(RULES, &[], &confirmed, &[(0, 50), (1, 50), (2, 150), (3, 200)], &[MeterFlag::Rebase]);
}

#[test]
fn the_confirming_steps_of_a_new_level_are_judged_on_their_own_time() {
    // After ten days 9 000 pages are plausible, from one day to the next they are not.
    check(RULES, &[], &[(0, 0), (1, 9_000), (2, 18_000), (3, 18_001)], &[(0, 0)], &[MeterFlag::Spike]);
    check(
        RULES,
        &[],
        &[(0, 0), (1, 9_000), (10, 18_000), (11, 18_001)],
        &[(0, 0), (1, 0), (10, 9_000), (11, 9_001)],
        &[MeterFlag::Rebase],
    );
}

#[test]
fn a_small_drop_keeps_the_high_water_mark() {
    let reads = [(0, 500), (1, 490), (2, 495), (3, 505)];
    check(RULES, &[], &reads, &[(0, 500), (1, 500), (2, 500), (3, 505)], &[MeterFlag::SmallDrop]);
}

#[test]
fn a_drop_that_comes_back_within_two_reads_is_a_glitch() {
    check(RULES, &[], &[(0, 500), (1, 0), (2, 510)], &[(0, 500), (2, 510)], &[MeterFlag::Glitch]);
    check(RULES, &[], &[(0, 500), (1, 0), (2, 1), (3, 510)], &[(0, 500), (3, 510)], &[MeterFlag::Glitch]);
}

#[test]
fn a_return_to_an_implausible_level_does_not_make_the_drop_a_glitch() {
    // 9 000 on day 2 cannot be reached from 500 on day 0; so the drop to 100 is a reset and 9 000 is a spike.
    let reads = [(0, 500), (1, 100), (2, 9_000), (3, 150)];
    check(RULES, &[], &reads, &[(0, 500), (1, 600), (3, 650)], &[MeterFlag::Spike, MeterFlag::Reset]);
}

#[test]
fn a_last_drop_waits_for_a_further_read() {
    check(MODULUS, &[], &[(0, 99_500), (1, 100)], &[(0, 99_500)], &[MeterFlag::PendingReset]);
}

#[test]
fn a_known_modulus_rolls_over_from_its_last_tenth_to_its_first() {
    let done = [(0, 99_500), (1, 100_100), (2, 100_150)];
    check(MODULUS, &[], &[(0, 99_500), (1, 100), (2, 150)], &done, &[MeterFlag::Rollover]);
    // 90 000 just is in the last tenth, and 9 999 in the first.
    let edge = [(0, 90_000), (20, 109_999), (21, 110_000)];
    check(MODULUS, &[], &[(0, 90_000), (20, 9_999), (21, 10_000)], &edge, &[MeterFlag::Rollover]);
    // 89 999 is not in the last tenth, and 10 000 not in the first.
    check(
        MODULUS,
        &[],
        &[(0, 89_999), (1, 100), (2, 150)],
        &[(0, 89_999), (1, 90_099), (2, 90_149)],
        &[MeterFlag::Reset],
    );
    let board = [(0, 99_999), (1, 10_000), (2, 10_050)];
    check(MODULUS, &[], &board, &[(0, 99_999), (1, 99_999), (2, 100_049)], &[MeterFlag::Rebase]);
}

#[test]
fn a_confirmed_drop_without_modulus_is_a_reset_and_bills_what_was_counted_since() {
    let reads = [(0, 99_500), (1, 100), (2, 150)];
    check(RULES, &[], &reads, &[(0, 99_500), (1, 99_600), (2, 99_650)], &[MeterFlag::Reset]);
}

#[test]
fn a_board_with_more_pages_than_can_be_new_is_followed_without_billing_it() {
    let reads = [(0, 99_500), (1, 5_000), (2, 5_100)];
    check(RULES, &[], &reads, &[(0, 99_500), (1, 99_500), (2, 99_600)], &[MeterFlag::Rebase]);
}

#[test]
fn an_exchange_counts_the_old_meter_out_and_the_new_one_in() {
    let reads = [(0, 500), (4, 80)];
    check(RULES, &[exchange(2, 620, 30)], &reads, &[(0, 500), (2, 620), (4, 670)], &[MeterFlag::Exchange]);
}

#[test]
fn an_exchange_never_takes_pages_back_and_the_same_note_twice_counts_once() {
    let twice = [exchange(2, 400, 30), exchange(2, 400, 30)];
    check(RULES, &twice, &[(0, 500), (4, 80)], &[(0, 500), (2, 500), (4, 550)], &[MeterFlag::Exchange]);
}

#[test]
fn exchanges_apply_in_time_order_from_the_first_read_on_and_only_before_a_later_read() {
    let notes = [exchange(9, 1, 1), exchange(3, 50, 7), exchange(0, 510, 20), exchange(-1, 9_999, 0)];
    let points = [(0, 500), (0, 510), (3, 540), (4, 543)];
    check(RULES, &notes, &[(0, 500), (4, 10)], &points, &[MeterFlag::Exchange]);
    // At the instant of the read itself, the read comes first.
    check(RULES, &[exchange(4, 700, 0)], &[(0, 500), (4, 600)], &[(0, 500), (4, 600)], &[]);
}

#[test]
fn exchanges_of_one_instant_apply_in_the_order_in_which_they_were_noted() {
    let (first, second) = (exchange(2, 620, 30), exchange(2, 40, 5));
    check(
        RULES,
        &[first, second],
        &[(0, 500), (4, 80)],
        &[(0, 500), (2, 620), (2, 630), (4, 705)],
        &[MeterFlag::Exchange],
    );
    check(
        RULES,
        &[second, first],
        &[(0, 500), (4, 80)],
        &[(0, 500), (2, 500), (2, 1_115), (4, 1_165)],
        &[MeterFlag::Exchange],
    );
}

#[test]
fn an_ignored_read_still_makes_the_exchange_before_it_effective() {
    let reads = [(0, 500), (2, 90_000), (3, 60)];
    let points = [(0, 500), (1, 520), (3, 570)];
    check(RULES, &[exchange(1, 520, 10)], &reads, &points, &[MeterFlag::Exchange, MeterFlag::Spike]);
}

fn reads(days: &[(i64, i64)]) -> Vec<Read> {
    days.iter().map(|(day, value)| Read { ts: day * DAY_SECS, value: *value }).collect()
}

#[test]
fn going_on_from_an_anchor_keeps_the_issued_scale_whatever_is_thought_of_older_reads() {
    let anchor = Anchor { ts: 2 * DAY_SECS, mark: 900, u: 70_000, exchanged: false };
    let us = |days: &[(i64, i64)]| -> Vec<(i64, i64)> {
        let done = unwrap(&reads(days), &[], &RULES, Some(anchor)).unwrap();
        done.points.iter().map(|point| (point.ts / DAY_SECS, point.u)).collect()
    };
    assert_eq!(us(&[(0, 880), (1, 890), (2, 900), (3, 930)]), [(0, 69_980), (1, 69_990), (2, 70_000), (3, 70_030)]);
    // A reading that arrives late, before the anchor, moves nothing after it.
    assert_eq!(us(&[(0, 880), (1, 5), (2, 900), (3, 930)]).last(), Some(&(3, 70_030)));
    assert_eq!(us(&[(3, 930)]), [(2, 70_000), (3, 70_030)], "history may have expired");
}

#[test]
fn an_anchor_after_a_small_drop_keeps_the_high_water_mark() {
    let days = [(0, 100), (1, 95), (2, 130)];
    let whole = unwrap(&reads(&days), &[], &RULES, None).unwrap();
    let anchor = whole.points[1].anchor();
    assert_eq!((anchor.u, anchor.mark), (100, 100));
    let resumed = unwrap(&reads(&days), &[], &RULES, Some(anchor)).unwrap();
    assert_eq!(resumed.points.last(), whole.points.last());
}

#[test]
fn an_exchange_that_the_anchor_counts_is_not_counted_again() {
    let (days, noted) = ([(0, 500), (3, 60)], [exchange(1, 520, 10)]);
    let whole = unwrap(&reads(&days), &noted, &RULES, None).unwrap();
    for anchor in whole.points.iter().map(Point::anchor) {
        let resumed = unwrap(&reads(&days), &noted, &RULES, Some(anchor)).unwrap();
        assert_eq!(resumed.points.last().map(|point| point.u), Some(570), "{anchor:?}");
    }
}

#[test]
fn a_sum_beyond_the_largest_counter_is_an_error() {
    let reads = [(0, i64::MAX), (1, 5), (2, 6)].map(|(day, value)| Read { ts: day * DAY_SECS, value });
    assert_eq!(unwrap(&reads, &[], &RULES, None), Err(TooLarge { ts: DAY_SECS }));
    let hostile = UnwrapRules { max_pages_per_day: i64::MAX, small_drop: i64::MAX, modulus: Some(i64::MAX) };
    assert!(unwrap(&reads, &[exchange(1, i64::MAX, i64::MAX)], &hostile, None).is_ok());
}
