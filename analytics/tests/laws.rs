//! Laws of billing that hold for any readings: what must not matter, and what must add up.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use analytics::billing::calendar::Instant;
use analytics::billing::{Contract, Invoice, Line, Period, Previous, bill};
use analytics::usage::{ClosingSource, Reading};
use proptest::prelude::*;

const DAY: i64 = 86_400;
/// 1 January 2026, 00:00 UTC.
const NEW_YEAR: i64 = 1_767_225_600;

/// Readings of three devices and two meters over ninety days: growth, small drops, spikes, zeros, resets, late ones.
fn readings() -> impl Strategy<Value = Vec<Reading<'static>>> {
    let one = (0..3_usize, 0..2_usize, 0..90 * 24_i64, value(), 0..40_i64);
    prop::collection::vec(one, 0..80).prop_map(|all| {
        let reading = |(device, meter, hour, value, late): (usize, usize, i64, i64, i64)| {
            let ts = NEW_YEAR + hour * 3_600;
            reading(["A", "B", "C"][device], ["total", "color"][meter], ts, value + hour * 7, Some(ts + late * DAY))
        };
        all.into_iter().map(reading).collect()
    })
}

fn value() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..50_i64, 1 => 100_000..9_000_000_i64, 1 => -20_000..0_i64]
}

fn reading(device: &'static str, meter: &'static str, ts: i64, value: i64, received: Option<i64>) -> Reading<'static> {
    Reading { device, meter, ts, value: Some(value), received, sent: None }
}

fn contract(devices: &[&str]) -> Contract {
    let mut text = String::from(
        "currency = \"EUR\"\ntimezone = \"Europe/Madrid\"\nmin_amount = \"20\"\nbase_fee = { amount = \"7.77\", per = \"device\" }
        [[charges]]\nid = \"mono\"\nmeters = { total = 1, color = -1 }\nprice = \"0.0123\"\nincluded = 100
        [[charges]]\nid = \"color\"\nmeters = { color = 1 }\nscope = \"pool\"\nincluded = 500\ncarry_cap = 300\ntier_mode = \"graduated\"
        tiers = [{ up_to = 1000, price = \"0.09\" }, { price = \"0.07\" }]\n",
    );
    for device in devices {
        text.push_str(&format!("[[devices]]\ndevice = \"{device}\"\n"));
    }
    toml::from_str(&text).unwrap()
}

fn run(contract: &Contract, readings: &[Reading<'_>]) -> Invoice {
    let period = Period::month("2026-02").unwrap();
    bill(contract, period, Instant(NEW_YEAR + 100 * DAY), readings, &[], &Previous::default()).unwrap()
}

proptest! {
    #[test]
    fn permuting_and_doubling_readings_changes_nothing(readings in readings(), seed in any::<u64>()) {
        let contract = contract(&["A", "B", "C"]);
        let mut shuffled: Vec<Reading<'_>> = readings.iter().chain(&readings).cloned().collect();
        let mut state = seed | 1;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
        }
        prop_assert_eq!(run(&contract, &readings), run(&contract, &shuffled));
    }

    #[test]
    fn the_total_is_the_sum_of_the_lines(readings in readings()) {
        let invoice = run(&contract(&["A", "B", "C"]), &readings);
        prop_assert_eq!(invoice.total, invoice.lines.iter().map(Line::amount).sum());
    }

    #[test]
    fn the_order_of_devices_in_a_contract_does_not_matter(readings in readings()) {
        prop_assert_eq!(run(&contract(&["A", "B", "C"]), &readings), run(&contract(&["C", "A", "B"]), &readings));
    }

    #[test]
    fn the_value_used_at_a_boundary_lies_within_its_bounds(readings in readings()) {
        use analytics::usage::Opening;
        for used in run(&contract(&["A", "B", "C"]), &readings).meters {
            if let Some(Opening::Boundary(value)) = used.volume.opening {
                prop_assert!(value.lo <= value.u && value.u <= value.hi);
            }
        }
    }

    /// The hidden counter of a printer grows by the hour; only some hours are read. The bounds hold at any boundary.
    #[test]
    fn the_true_counter_lies_within_the_bounds(
        growth in prop::collection::vec(0..60_i64, 24 * 60),
        read_hours in prop::collection::btree_set(0..24 * 60_usize, 1..40),
        boundary_hour in 0..24 * 60_usize,
    ) {
        use analytics::usage::{BoundaryPolicy, UnwrapRules, boundary::value_at, unwrap::unwrap, Read};
        let counter: Vec<i64> = growth.iter().scan(1_000, |sum, pages| { *sum += pages; Some(*sum) }).collect();
        let at = |hour: usize| NEW_YEAR + i64::try_from(hour).unwrap() * 3_600;
        let reads: Vec<Read> = read_hours.iter().map(|hour| Read { ts: at(*hour), value: counter[*hour] }).collect();
        let rules = UnwrapRules { max_pages_per_day: 60 * 24, small_drop: 0, modulus: None };
        let policy = BoundaryPolicy { max_read_age_hours: 48, estimate: true, max_pages_per_day: 60 * 24 };
        let points = unwrap(&reads, &[], &rules, None).unwrap().points;
        if let Some(value) = value_at(&points, at(boundary_hour), &policy).unwrap() {
            prop_assert!(value.lo <= counter[boundary_hour] && counter[boundary_hour] <= value.hi);
        }
    }

    /// Only for series that do not fall: what a reset is worth depends on the level it falls to.
    #[test]
    fn adding_a_constant_to_a_counter_changes_no_line(steps in steps(), constant in 0..1_000_000_000_i64) {
        let series = |add: i64| growing(&steps, add);
        let contract = contract(&["A"]);
        prop_assert_eq!(run(&contract, &series(0)).lines, run(&contract, &series(constant)).lines);
    }

    /// Readings arrive late and in no order; a week is billed whenever it is over, as it is known then. What was estimated
    /// too low is settled by a later week, so at the end as much was billed as by one invoice over everything, unless a
    /// week was estimated too high.
    #[test]
    fn issuing_after_each_arrival_sums_to_one_issue_at_the_end_unless_a_closing_was_too_high(
        steps in steps(),
        late_days in prop::collection::vec(0..20_i64, 60),
    ) {
        let text = "currency = \"EUR\"\ntimezone = \"UTC\"\n[[charges]]\nid = \"all\"\nmeters = { total = 1 }\nprice = \"1\"\n\
            [[devices]]\ndevice = \"A\"\nstart_reads = { total = 0 }";
        let contract: Contract = toml::from_str(text).unwrap();
        let mut readings = growing(&steps, 0);
        for (reading, days) in readings.iter_mut().zip(&late_days) {
            reading.received = Some(reading.ts + days * DAY);
        }
        let date = |day: i64| Instant(NEW_YEAR + day * DAY).to_string()[..10].parse().unwrap();
        let run = |from: i64, to: i64, as_of: i64, previous: &Previous| {
            let period = Period::new(date(from), date(to)).unwrap();
            bill(&contract, period, Instant(NEW_YEAR + as_of * DAY), &readings, &[], previous).unwrap()
        };
        let pages = |invoice: &Invoice| invoice.meters.iter().map(|used| used.volume.pages).sum::<i64>();
        let (mut previous, mut sum, mut too_high) = (Previous::default(), 0, false);
        for week in 0..52 {
            // The last week is billed when everything has arrived.
            let as_of = if week == 51 { 500 } else { 7 * week + 7 };
            let invoice = run(7 * week, 7 * week + 7, as_of, &previous);
            too_high |= invoice.flags.iter().any(|flag| flag.starts_with("NEGATIVE_TRUE_UP"));
            sum += pages(&invoice);
            previous = left_behind(&invoice);
        }
        let whole = pages(&run(0, 7 * 52, 500, &Previous::default()));
        if too_high {
            prop_assert!(sum >= whole);
        } else {
            prop_assert_eq!(sum, whole);
        }
    }

    #[test]
    fn splitting_a_period_at_a_read_sums_to_the_whole(steps in steps(), split in 2..28_i64) {
        let contract: Contract = toml::from_str(
            "currency = \"EUR\"\ntimezone = \"UTC\"\n[[charges]]\nid = \"all\"\nmeters = { total = 1 }\nprice = \"1\"\n[[devices]]\ndevice = \"A\"",
        )
        .unwrap();
        let middle = NEW_YEAR + (30 + split) * DAY;
        let mut readings = growing(&steps, 0);
        let before = readings.iter().filter(|reading| reading.ts <= middle).map(|reading| reading.value).max().flatten();
        if let Some(value) = before {
            readings.retain(|reading| reading.ts != middle);
            readings.push(reading("A", "total", middle, value, None));
            let day = |text: String| text.parse().unwrap();
            let split_date = format!("2026-02-{split:02}");
            let [start, end] = ["2026-02-01", "2026-03-01"].map(str::to_owned);
            let pages = |start: &str, end: &str| {
                let period = Period::new(day(start.to_owned()), day(end.to_owned())).unwrap();
                let as_of = Instant(NEW_YEAR + 400 * DAY);
                let invoice = bill(&contract, period, as_of, &readings, &[], &Previous::default()).unwrap();
                invoice.meters.iter().map(|used| used.volume.pages).sum::<i64>()
            };
            prop_assert_eq!(pages(&start, &split_date) + pages(&split_date, &end), pages(&start, &end));
        }
    }
}

/// What the next period begins with: closings with the points that they rest on.
fn left_behind(invoice: &Invoice) -> Previous {
    use analytics::billing::contract::PreviousClosing;
    let closings = invoice.meters.iter().filter_map(|used| {
        let closing = used.volume.closing?;
        let anchor = match closing.source {
            ClosingSource::Boundary(value) => Some(value.last.anchor()),
            ClosingSource::EndRead(_) | ClosingSource::Opening => None,
        };
        Some((format!("{}/{}", used.device, used.meter), PreviousClosing { u: closing.u, anchor }))
    });
    Previous { closing: closings.collect(), carry: std::collections::BTreeMap::new() }
}

/// Hours since the last read and pages printed in them.
fn steps() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((1..120_i64, 0..900_i64), 1..60)
}

fn growing(steps: &[(i64, i64)], add: i64) -> Vec<Reading<'static>> {
    let (mut ts, mut value) = (NEW_YEAR, add);
    let mut readings = Vec::new();
    for (hours, pages) in steps {
        ts += hours * 3_600;
        value += pages;
        readings.push(reading("A", "total", ts, value, None));
    }
    readings
}
