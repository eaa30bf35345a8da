//! Which readings count (§2): from all readings ever delivered to one clean, ascending series per device and meter.
//!
//! The order of the input and repeats in it change nothing. A reading that does not count leaves a flag, except when it
//! was not yet received at the time of the run: such a reading does not exist for that run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Flags, MeterFlag, TIME_RANGE, UsageError};

/// How far two clocks may differ before it matters, in seconds.
const CLOCK_TOLERANCE_SECS: i64 = 300;

/// One value of one meter as it was delivered. Times are Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading<'a> {
    pub device: &'a str,
    pub meter: &'a str,
    /// When it was taken, by the agent's clock.
    pub ts: i64,
    /// Pages on the counter; `None` = the printer gave no number.
    pub value: Option<i64>,
    /// When the server got it, by the server's clock; `None` counts as "at `ts`".
    pub received: Option<i64>,
    /// When its batch was sent, by the agent's clock; known for imports only.
    pub sent: Option<i64>,
}

/// A reading that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub ts: i64,
    pub value: i64,
}

/// Device → meter → reads, strictly ascending in time.
pub type Series = BTreeMap<String, BTreeMap<String, Vec<Read>>>;

/// Applies §2 in its order. `devices` are those of the contract; flags go to `flags`.
pub fn counting_reads<'a>(
    readings: impl IntoIterator<Item = Reading<'a>>,
    as_of: i64,
    devices: &BTreeSet<&str>,
    flags: &mut Flags,
) -> Result<Series, UsageError> {
    let mut candidates: BTreeMap<(&str, &str), Vec<Candidate>> = BTreeMap::new();
    for reading in readings {
        check_calendar(&reading)?;
        if !visible(&reading, as_of) {
            continue;
        }
        if !devices.contains(reading.device) {
            flags.unassigned_device(reading.device);
            continue;
        }
        let mut raise = |flag| flags.meter(flag, reading.device, reading.meter);
        let Some(value) = valid_value(&reading) else {
            raise(MeterFlag::Invalid);
            continue;
        };
        let (ts, skewed) = without_skew(&reading);
        if skewed {
            raise(MeterFlag::ClockSkew);
        }
        if from_the_future(ts, reading.received) {
            raise(MeterFlag::FutureReading);
            continue;
        }
        let candidate = Candidate { ts, received: reading.received.unwrap_or(reading.ts), value };
        candidates.entry((reading.device, reading.meter)).or_default().push(candidate);
    }

    let mut series = Series::new();
    for ((device, meter), mut of_meter) in candidates {
        let (reads, conflict) = last_delivery_wins(&mut of_meter);
        if conflict {
            flags.meter(MeterFlag::Conflict, device, meter);
        }
        series.entry(device.to_owned()).or_default().insert(meter.to_owned(), reads);
    }
    Ok(series)
}

/// A valid reading on its way into the series; the derived order is the order in which deliveries win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    ts: i64,
    received: i64,
    value: i64,
}

/// §2.1: what was received after the run is not there.
fn visible(reading: &Reading<'_>, as_of: i64) -> bool {
    reading.received.unwrap_or(reading.ts) <= as_of
}

/// §2.2: null and negative numbers are not counter values.
fn valid_value(reading: &Reading<'_>) -> Option<i64> {
    reading.value.filter(|value| *value >= 0)
}

/// §2.3: a batch that says when it was sent shows how wrong the agent's clock is. Gives the time and whether it was moved.
fn without_skew(reading: &Reading<'_>) -> (i64, bool) {
    let (Some(received), Some(sent)) = (reading.received, reading.sent) else {
        return (reading.ts, false);
    };
    let skew = received - sent; // both lie in TIME_RANGE
    if skew.abs() > CLOCK_TOLERANCE_SECS { (reading.ts + skew, true) } else { (reading.ts, false) }
}

/// §2.4: nothing is received before it was read.
fn from_the_future(ts: i64, received: Option<i64>) -> bool {
    received.is_some_and(|received| ts > received + CLOCK_TOLERANCE_SECS)
}

/// §2.5: per instant the greatest `received` wins, then the greatest value; says whether values differed anywhere.
fn last_delivery_wins(candidates: &mut [Candidate]) -> (Vec<Read>, bool) {
    candidates.sort_unstable();
    let mut reads = Vec::with_capacity(candidates.len());
    let mut conflict = false;
    for same_instant in candidates.chunk_by(|a, b| a.ts == b.ts) {
        conflict |= same_instant.iter().any(|candidate| candidate.value != same_instant[0].value);
        reads.extend(same_instant.last().map(|winner| Read { ts: winner.ts, value: winner.value }));
    }
    (reads, conflict)
}

/// Times inside the calendar make every later difference and sum of times safe.
fn check_calendar(reading: &Reading<'_>) -> Result<(), UsageError> {
    let times = [Some(reading.ts), reading.received, reading.sent];
    match times.into_iter().flatten().find(|ts| !TIME_RANGE.contains(ts)) {
        None => Ok(()),
        Some(ts) => {
            Err(UsageError::OutsideCalendar { device: reading.device.to_owned(), meter: reading.meter.to_owned(), ts })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_780_000_000;

    fn reading(ts: i64, value: i64) -> Reading<'static> {
        Reading { device: "D1", meter: "total", ts, value: Some(value), received: None, sent: None }
    }

    fn run(readings: &[Reading<'_>], as_of: i64) -> (Vec<Read>, Vec<String>) {
        let mut flags = Flags::default();
        let series = counting_reads(readings.iter().copied(), as_of, &BTreeSet::from(["D1"]), &mut flags).unwrap();
        let reads = series.get("D1").and_then(|meters| meters.get("total")).cloned().unwrap_or_default();
        (reads, flags.iter().map(str::to_owned).collect())
    }

    fn check(readings: &[Reading<'_>], expected: &[(i64, i64)], expected_flags: &[&str]) {
        let (reads, flags) = run(readings, NOON + 1000);
        assert_eq!(reads.iter().map(|read| (read.ts, read.value)).collect::<Vec<_>>(), expected);
        assert_eq!(flags, expected_flags);
    }

    #[test]
    fn a_reading_received_after_the_run_does_not_exist_and_raises_nothing() {
        let late = Reading { received: Some(NOON + 1001), value: None, ..reading(NOON, 0) };
        let just_in_time = Reading { received: Some(NOON + 1000), ..reading(NOON + 900, 7) };
        check(&[late, just_in_time, reading(NOON + 1001, 9)], &[(NOON + 900, 7)], &[]);
    }

    #[test]
    fn a_foreign_device_raises_one_flag_even_if_its_value_is_invalid() {
        let foreign = Reading { device: "X", value: Some(-1), ..reading(NOON, 0) };
        check(&[foreign, foreign], &[], &["UNASSIGNED_DEVICE:X"]);
    }

    #[test]
    fn null_and_negative_values_are_dropped_and_zero_is_not() {
        let null = Reading { value: None, ..reading(NOON, 0) };
        check(&[null, reading(NOON + 1, -3), reading(NOON + 2, 0)], &[(NOON + 2, 0)], &["INVALID:D1/total"]);
    }

    #[test]
    fn a_skew_of_more_than_300_seconds_moves_the_reading_and_300_does_not() {
        let edge = Reading { received: Some(NOON + 300), sent: Some(NOON), ..reading(NOON - 50, 1) };
        check(&[edge], &[(NOON - 50, 1)], &[]);
        let behind = Reading { received: Some(NOON + 301), sent: Some(NOON), ..reading(NOON - 50, 1) };
        check(&[behind], &[(NOON + 251, 1)], &["CLOCK_SKEW:D1/total"]);
        let ahead = Reading { received: Some(NOON), sent: Some(NOON + 9_000), ..reading(NOON + 8_000, 1) };
        check(&[ahead], &[(NOON - 1_000, 1)], &["CLOCK_SKEW:D1/total"]);
    }

    #[test]
    fn a_reading_from_the_future_is_dropped_after_the_skew_is_taken_out() {
        let edge = Reading { received: Some(NOON), ..reading(NOON + 300, 1) };
        let beyond = Reading { received: Some(NOON), ..reading(NOON + 301, 2) };
        check(&[edge, beyond], &[(NOON + 300, 1)], &["FUTURE_READING:D1/total"]);
        let both = Reading { received: Some(NOON), sent: Some(NOON - 1_000), ..reading(NOON - 600, 3) };
        check(&[both], &[], &["CLOCK_SKEW:D1/total", "FUTURE_READING:D1/total"]);
    }

    #[test]
    fn of_two_values_at_one_instant_the_last_received_wins_then_the_greatest() {
        let first = Reading { received: Some(NOON + 10), ..reading(NOON, 900) };
        let second = Reading { received: Some(NOON + 20), ..reading(NOON, 100) };
        let third = Reading { received: Some(NOON + 20), ..reading(NOON, 200) };
        let conflict = ["CONFLICT:D1/total"];
        check(&[second, third, first], &[(NOON, 200)], &conflict);
        check(&[first, second], &[(NOON, 100)], &conflict);
        check(&[first, first], &[(NOON, 900)], &[]);
    }

    #[test]
    fn a_time_outside_of_the_calendar_is_an_error_not_an_overflow() {
        for ts in [i64::MIN, i64::MAX] {
            let mut flags = Flags::default();
            let readings = [Reading { sent: Some(0), received: Some(ts), ..reading(0, 1) }];
            let answer = counting_reads(readings, NOON, &BTreeSet::from(["D1"]), &mut flags);
            assert!(matches!(answer, Err(UsageError::OutsideCalendar { .. })));
        }
    }
}
