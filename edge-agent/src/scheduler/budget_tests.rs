use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const PER_DAY: u64 = 1_000_000;

fn lan(bytes: u64) -> Spent {
    Spent { lan_bytes: bytes, ..Spent::default() }
}

fn budget() -> Budget {
    Budget::new(&BudgetConfig { lan_bytes_per_day: Some(PER_DAY), ..BudgetConfig::default() }, Duration::ZERO)
}

#[test]
fn without_a_budget_nothing_slows() {
    let mut budget = Budget::new(&BudgetConfig::default(), Duration::ZERO);
    let all = Spent { lan_bytes: u64::MAX, lan_packets: u64::MAX, upstream_bytes: u64::MAX };
    assert_eq!((budget.count(HOUR, all), budget.slowing()), (None, Slowing::NONE));
}

#[test]
fn attention_is_given_up_first_then_polling_slows_and_both_turns_are_told_once() {
    let mut budget = budget();
    assert_eq!(budget.slowing(), Slowing::NONE);
    assert_eq!(budget.count(Duration::ZERO, lan(60_000)), None);
    assert_eq!(budget.slowing(), Slowing { stretch: 1, attentive: false });
    let exceeded = Some(Turn::Exceeded(vec!["lan_bytes_per_day"]));
    assert_eq!(budget.count(Duration::ZERO, lan(101_000)), exceeded);
    assert_eq!(budget.slowing(), Slowing { stretch: 2, attentive: false });
    assert_eq!(budget.count(Duration::ZERO, lan(102_000)), None, "it is told once");
    assert_eq!(budget.count(HOUR, lan(102_000)), None);
    assert!(budget.slowing().stretch > 1, "until there is something to spend again");
    assert_eq!(budget.count(HOUR * 3, lan(102_000)), Some(Turn::Recovered));
    assert_eq!(budget.slowing(), Slowing::NONE);
}

#[test]
fn any_of_the_budgets_slows_and_the_event_names_it() {
    let config = BudgetConfig {
        lan_packets_per_day: Some(1_000),
        upstream_bytes_per_day: Some(10_000),
        ..BudgetConfig::default()
    };
    let mut budget = Budget::new(&config, Duration::ZERO);
    let spent = Spent { lan_bytes: 1 << 40, lan_packets: 0, upstream_bytes: 2_000 };
    assert_eq!(budget.count(HOUR, spent), Some(Turn::Exceeded(vec!["upstream_bytes_per_day"])));
}

#[test]
fn a_large_debt_slows_as_far_as_it_goes_and_is_paid_back_in_days() {
    let mut budget = budget();
    budget.count(Duration::ZERO, lan(PER_DAY * 1_000));
    assert_eq!(budget.slowing().stretch, STRETCH_MAX);
    assert_eq!(budget.count(HOUR * 24 * 2, lan(PER_DAY * 1_000)), Some(Turn::Recovered));
}

proptest! {
    /// Devices are polled in bursts, whose interval is stretched as the budget says.
    #[test]
    fn any_day_stays_within_the_budget_if_slowing_is_enough(burst in 100u64..PER_DAY / 100, interval in 600u64..7_200) {
        // What would be spent without slowing is at most six times the budget.
        prop_assume!(burst * 86_400 / interval < PER_DAY * 6);
        let interval = Duration::from_secs(interval);
        let mut budget = budget();
        let mut spent = 0;
        let mut bursts: Vec<(Duration, u64)> = Vec::new();
        let mut now = Duration::ZERO;
        while now < HOUR * 24 * 5 {
            spent += burst;
            bursts.push((now, burst));
            budget.count(now, lan(spent));
            now += interval * budget.slowing().stretch;
        }
        for (begin, _) in &bursts {
            let end = *begin + HOUR * 24;
            let day: u64 = bursts.iter().filter(|(at, _)| (*begin..end).contains(at)).map(|(_, bytes)| bytes).sum();
            prop_assert!(day <= PER_DAY, "{day} bytes in the day after {begin:?}");
        }
    }

    #[test]
    fn who_spends_three_quarters_is_never_slowed(interval in 60u64..3_600) {
        let mut budget = budget();
        let a_time = PER_DAY * 3 / 4 * interval / 86_400;
        for time in 0..200_000 / interval {
            prop_assert_eq!(budget.count(Duration::from_secs(time * interval), lan(time * a_time)), None);
        }
    }
}
