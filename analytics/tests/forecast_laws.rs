//! Laws of the forecaster for whatever a printer may say: it never panics, never invents a date, never sees the future, and the
//! same input gives the same bits.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use analytics::forecast::constants::Constants;
use analytics::forecast::depletion::DAYS_MAX;
use analytics::forecast::fleet::FleetTables;
use analytics::forecast::history::History;
use analytics::forecast::series::{Day, Device, Facts, Read, Supply};
use analytics::forecast::supply::{self, Judged};
use proptest::prelude::*;

const BEGIN: Day = 20_200;
const DAY_S: i64 = 86_400;

/// Values that devices really send, and values that nobody should.
fn value() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 0..=100_i64,
        1 => Just(-1), 1 => Just(-2), 2 => Just(-3), 1 => Just(0),
        1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => Just(255),
    ]
}

fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![
        20 => (0..200 * DAY_S).prop_map(|second| i64::from(BEGIN) * DAY_S + second),
        1 => any::<i64>(), 1 => Just(0), 1 => Just(i64::MAX),
    ]
}

prop_compose! {
    fn read()(
        at_s in moment(), level in value(), max in prop_oneof![8 => Just(100_i64), 1 => value(), 2 => Just(8_000)],
        pages in proptest::option::weighted(0.9, prop_oneof![9 => 0..200_000_i64, 1 => value()]),
        pages_color in proptest::option::weighted(0.5, prop_oneof![9 => 0..90_000_i64, 1 => value()]),
        serial in prop_oneof![3 => Just(0_u32), 1 => 1..4_u32],
    ) -> Read {
        Read { at_s, level, max, pages, pages_color, serial }
    }
}

/// A printing device with a cartridge now and then, spoiled by some hostile reads.
fn lived() -> impl Strategy<Value = Vec<Read>> {
    (1..400_i64, 1..300_i64, 500..20_000_i64, proptest::collection::vec(read(), 0..12)).prop_map(
        |(per_day, days, cartridge, hostile)| {
            let mut reads: Vec<Read> = (0..days)
                .map(|day| Read {
                    at_s: (i64::from(BEGIN) + day) * DAY_S + 40_000,
                    level: 100 - (day * per_day) % cartridge * 100 / cartridge,
                    max: 100,
                    pages: Some(1_000 + day * per_day),
                    pages_color: None,
                    serial: 0,
                })
                .collect();
            reads.extend(hostile);
            reads
        },
    )
}

fn device(name: &str, reads: Vec<Read>) -> Device {
    let supply = Supply { reads, ..Supply::named(name) };
    Device { id: "d".into(), site: "s".into(), model: "m".into(), first_seen: Some(BEGIN), supplies: vec![supply] }
}

fn ask(device: &Device, origin: Day) -> Judged {
    let constants = Constants::shipped().unwrap();
    let tables = FleetTables::learn(std::slice::from_ref(device), &Facts::default(), &constants, origin);
    supply::judge(&History::before(device, origin), &tables, &constants, f64::from(origin)).remove(0)
}

/// What was said, to the bit.
fn said(judged: &Judged) -> Result<([u64; 3], String), String> {
    match &judged.answer {
        Ok((f, _)) => Ok(([f.p10.to_bits(), f.p50.to_bits(), f.p90.to_bits()], f.reason.clone())),
        Err(cannot) => Err(cannot.to_string()),
    }
}

fn holds(judged: &Judged) -> Result<(), TestCaseError> {
    match &judged.answer {
        Ok((f, _)) => {
            prop_assert!(0.0 <= f.p10 && f.p10 <= f.p50 && f.p50 <= f.p90 && f.p90 <= DAYS_MAX, "{f:?}");
            prop_assert!(f.expected_error.is_finite() && f.expected_error >= 0.0, "{f:?}");
            prop_assert!(
                f.reason.contains("% left") && !f.reason.contains("NaN") && !f.reason.contains("inf"),
                "{f:?}"
            );
        }
        Err(cannot) => prop_assert!(cannot.to_string().starts_with("cannot say, because ") && !cannot.why.is_empty()),
    }
    for swap in &judged.swaps {
        prop_assert!(swap.after <= swap.at && swap.left.is_none_or(|left| (0.0..=100.0).contains(&left)), "{swap:?}");
        prop_assert!(swap.yielded.is_none_or(|share| share.is_finite() && share >= 0.0), "{swap:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn hostile_reads_give_an_answer_or_a_reason(
        reads in proptest::collection::vec(read(), 0..150), name in "K|C|drum|waste", after in -5..220_i32
    ) {
        holds(&ask(&device(&name, reads), BEGIN + after))?;
    }

    #[test]
    fn a_spoiled_history_gives_an_answer_or_a_reason(reads in lived(), name in "K|drum|waste", after in 0..320_i32) {
        holds(&ask(&device(&name, reads), BEGIN + after))?;
    }

    #[test]
    fn what_comes_later_and_the_order_of_the_reads_change_nothing(
        reads in lived(), future in proptest::collection::vec(read(), 0..40), after in 20..300_i32
    ) {
        let origin = BEGIN + after;
        let plain = ask(&device("K", reads.clone()), origin);
        // The first of two reads of one moment counts, so the known ones stand first.
        let mut later = reads.clone();
        later.extend(future.into_iter().filter(|read| read.at_s >= i64::from(origin) * DAY_S));
        prop_assert_eq!(said(&plain), said(&ask(&device("K", later), origin)));
        let mut sorted = reads;
        sorted.sort_by_key(|read| read.at_s);
        prop_assert_eq!(said(&plain), said(&ask(&device("K", sorted), origin)));
    }
}
