use schemas::wire::StatusCodes;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn supply(level: Option<i64>, max: Option<i64>) -> Supply {
    Supply { index: "1.1".into(), level, max, ..Supply::default() }
}

fn poll(total: i64, level: i64) -> Poll {
    Poll {
        counters: [("total".to_owned(), total)].into(),
        supplies: vec![supply(Some(level), Some(1_000))],
        ..Poll::default()
    }
}

fn sample(total: i64, level: i64) -> Sample {
    Sample::of(&poll(total, level), Extent::Whole, &[], 10)
}

fn jam() -> Vec<OpenAlert> {
    vec![OpenAlert { id: "8.1.0.8".into(), ..OpenAlert::default() }]
}

#[test]
fn a_device_is_quiet_once_nothing_changed_for_the_stated_polls_and_no_longer_when_something_does() {
    let mut pace = Pace::default();
    for hour in 0..=QUIET_AFTER {
        assert!(!pace.is_quiet());
        pace.heard(sample(5, 800), HOUR * hour);
    }
    assert!(pace.is_quiet(), "the first poll is what the others are compared with");
    let quiet = pace;
    pace.heard(sample(6, 800), HOUR * 8);
    assert!(!pace.is_quiet(), "a page was printed");
    for change in [sample(5, 799), Sample::of(&poll(5, 800), Extent::Status, &jam(), 10)] {
        let mut pace = quiet;
        pace.heard(change, HOUR * 8);
        assert!(!pace.is_quiet());
    }
    let mut hinted = quiet;
    hinted.stirs();
    assert!(!hinted.is_quiet());
}

#[test]
fn what_a_poll_did_not_read_did_not_change_and_silence_says_nothing() {
    let mut pace = Pace::default();
    for hour in 0..=QUIET_AFTER {
        pace.heard(sample(5, 20), HOUR * hour);
    }
    let now = HOUR * 7;
    let status_only = Poll { counters: Default::default(), supplies: Vec::new(), ..poll(0, 0) };
    pace.heard(Sample::of(&status_only, Extent::Status, &[], 10), now);
    let silent = Poll { outcome: Outcome::NoAnswer as u8, ..Poll::default() };
    pace.heard(Sample::of(&silent, Extent::Whole, &[], 10), now);
    assert!(pace.is_quiet());
    assert_eq!(pace.attention(now), Attention::Supply, "the supply is still low");
}

#[test]
fn a_supply_is_near_its_end_only_where_its_level_can_be_known() {
    for (level, max, low) in [
        (Some(100), Some(1_000), true),
        (Some(0), Some(1_000), true),
        (Some(101), Some(1_000), false),
        (Some(-3), Some(1_000), false),
        (Some(-2), Some(-2), false),
        (Some(5), None, false),
        (None, Some(100), false),
    ] {
        let poll = Poll { supplies: vec![supply(level, max)], ..Poll::default() };
        let mut pace = Pace::default();
        pace.heard(Sample::of(&poll, Extent::Whole, &[], 10), HOUR);
        assert_eq!(pace.attention(HOUR) == Attention::Supply, low, "{level:?} of {max:?}");
    }
}

#[test]
fn an_open_alert_draws_attention_until_it_closes_or_has_stood_for_a_day() {
    let mut pace = Pace::default();
    pace.heard(Sample::of(&poll(5, 800), Extent::Whole, &jam(), 10), HOUR);
    assert_eq!(pace.attention(HOUR + ATTENTIVE_FOR / 2), Attention::Alert);
    pace.heard(Sample::of(&poll(9, 800), Extent::Whole, &jam(), 10), HOUR * 20);
    assert_eq!(pace.attention(HOUR + ATTENTIVE_FOR), Attention::None, "pages are printed, the alert is the same");
    let errors = Some(StatusCodes { errors: Some(4), ..StatusCodes::default() });
    let worse = Poll { status: errors, ..poll(9, 800) };
    pace.heard(Sample::of(&worse, Extent::Status, &jam(), 10), HOUR * 30);
    assert_eq!(pace.attention(HOUR * 30), Attention::Alert, "something else is wrong too");
    pace.heard(Sample::of(&poll(9, 800), Extent::Status, &[], 10), HOUR * 31);
    assert_eq!(pace.attention(HOUR * 31), Attention::None);
}

#[test]
fn another_device_at_the_address_begins_anew_and_is_not_read_at_once_again_for_that() {
    let mut pace = Pace::read_at(Some(HOUR));
    pace.heard(Sample::of(&poll(5, 5), Extent::Whole, &jam(), 10), HOUR);
    pace.forget();
    assert_eq!((pace.attention(HOUR), pace.meters_at, pace.supplies_at), (Attention::None, Some(HOUR), Some(HOUR)));
}
