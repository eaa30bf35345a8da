//! A second opinion on the billing rules: written anew from the page, as plainly as it goes, sharing no code with the part;
//! thousands of generated cases must come out alike, the whole answer.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "second_opinion/cases.rs"]
mod cases;
#[path = "second_opinion/opinion.rs"]
mod opinion;
#[path = "second_opinion/pricing.rs"]
mod pricing;

use std::collections::BTreeMap;

const CASES: u64 = 4_000;

#[test]
fn generated_cases_come_out_as_a_second_reading_of_the_rules_has_them() {
    let mut flags_seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=CASES {
        let case = cases::case(seed);
        let answer = analytics::simulate::answer(&case, 1).line;
        let expected = opinion::of(&case);
        assert_eq!(answer["expected"], expected, "seed {seed}:\n{case:#}\n{}", answer["error"]);
        for flag in expected["flags"].as_array().into_iter().flatten() {
            let name = flag.as_str().unwrap().split(':').next().unwrap().to_owned();
            *flags_seen.entry(name).or_default() += 1;
        }
    }
    // A generator that never makes a reset proves nothing about resets.
    for name in [
        "CLOCK_SKEW",
        "CONFLICT",
        "ESTIMATED",
        "EXCHANGE",
        "FUTURE_READING",
        "GLITCH",
        "INVALID",
        "NEGATIVE_DERIVED",
        "NEGATIVE_TRUE_UP",
        "NO_OPENING_READ",
        "NO_READ",
        "PENDING_RESET",
        "REBASE",
        "RESET",
        "ROLLOVER",
        "SMALL_DROP",
        "SPIKE",
        "STALE_READ",
        "UNASSIGNED_DEVICE",
    ] {
        assert!(flags_seen.get(name).is_some_and(|count| *count > 10), "{name}: {flags_seen:?}");
    }
}
