//! Levels of one supply as readings of the Printer MIB (RFC 3805 prtMarkerSuppliesLevel): states and false zeros taken out.

use super::{days_between, seconds};

/// A level as it was read. `ts` in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelRead {
    pub ts: i64,
    pub level: Option<i64>,
    pub max: Option<i64>,
    /// Of the cartridge; empty = not told.
    pub serial: String,
}

/// A level that means something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    /// Percent of the capacity, 0 to 100.
    Percent(f64),
    /// Some is left, nobody knows how much.
    Some,
}

/// One usable level.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub ts: i64,
    pub level: Level,
    pub serial: String,
}

/// The usable levels of a supply, and what the unusable ones said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Levels {
    pub observations: Vec<Observation>,
    pub reads: usize,
    pub unlimited: usize,
    pub without_capacity: usize,
}

/// A single 0 after more than this is a printer that is booting.
const FALSE_ZERO_ABOVE_PERCENT: f64 = 25.0;

/// From reads in order of time.
pub fn levels(reads: &[LevelRead]) -> Levels {
    let mut levels = Levels::default();
    for read in reads {
        let Some(level) = read.level else { continue };
        levels.reads += 1;
        let level = match (level, read.max) {
            (schemas::meter::level::UNLIMITED, _) => {
                levels.unlimited += 1;
                continue;
            }
            (schemas::meter::level::SOME, _) => Level::Some,
            (0.., Some(max @ 1..)) => Level::Percent((100.0 * seconds(level) / seconds(max)).min(100.0)),
            (0.., _) => {
                levels.without_capacity += 1;
                continue;
            }
            _ => continue, // unknown
        };
        levels.observations.push(Observation { ts: read.ts, level, serial: read.serial.clone() });
    }
    drop_false_zeros(&mut levels.observations);
    levels
}

fn drop_false_zeros(observations: &mut Vec<Observation>) {
    let percent = |of: Option<&Observation>| match of.map(|of| of.level) {
        Some(Level::Percent(percent)) => Some(percent),
        _ => None,
    };
    let is_false = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| observations.get(before));
        let high_before = percent(before).is_some_and(|before| before > FALSE_ZERO_ABOVE_PERCENT);
        let zero = percent(observations.get(index)) == Some(0.0);
        // A second zero confirms the first; without a second one the first is not yet believed.
        let confirmed = percent(observations.get(index + 1)) == Some(0.0);
        zero && high_before && !confirmed
    };
    let keep: Vec<bool> = (0..observations.len()).map(|index| !is_false(index)).collect();
    let mut keep = keep.into_iter();
    observations.retain(|_| keep.next().unwrap_or(true));
}

/// The smallest distance between two levels that were shown: 1 for a fine display, 10 or 20 for a coarse one.
pub fn step(observations: &[Observation]) -> f64 {
    let mut shown: Vec<f64> = observations
        .iter()
        .filter_map(|observation| match observation.level {
            Level::Percent(percent) => Some(percent),
            Level::Some => None,
        })
        .collect();
    shown.sort_by(f64::total_cmp);
    let gaps = shown.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.5);
    gaps.min_by(f64::total_cmp).unwrap_or(1.0).max(1.0)
}

/// Days that the observations span.
pub fn span_days(observations: &[Observation]) -> f64 {
    match (observations.first(), observations.last()) {
        (Some(first), Some(last)) => days_between(first.ts, last.ts),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reads: &[(i64, i64)], expected: &[Level]) {
        let reads: Vec<LevelRead> = reads
            .iter()
            .zip(0..)
            .map(|((level, max), ts)| LevelRead { ts, level: Some(*level), max: Some(*max), serial: String::new() })
            .collect();
        let got: Vec<Level> = levels(&reads).observations.iter().map(|of| of.level).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn levels_become_percent_of_the_capacity_and_states_stay_states() {
        check(&[(1_500, 6_000), (-3, 6_000), (-2, 6_000), (-1, 6_000)], &[Level::Percent(25.0), Level::Some]);
        check(&[(50, -2), (120, 100)], &[Level::Percent(100.0)]);
    }

    #[test]
    fn a_lone_zero_from_a_high_level_is_not_believed_and_two_are() {
        let (high, zero) = (Level::Percent(60.0), Level::Percent(0.0));
        check(&[(60, 100), (0, 100), (60, 100)], &[high, high]);
        check(&[(60, 100), (0, 100)], &[high]);
        check(&[(60, 100), (0, 100), (0, 100)], &[high, zero, zero]);
        check(&[(20, 100), (0, 100)], &[Level::Percent(20.0), zero]);
    }

    #[test]
    fn the_step_is_the_smallest_distance_between_levels() {
        let of = |percents: &[f64]| {
            let of = |percent: &f64| Observation { ts: 0, level: Level::Percent(*percent), serial: String::new() };
            step(&percents.iter().map(of).collect::<Vec<_>>())
        };
        assert!((of(&[100.0, 80.0, 80.0, 60.0]) - 20.0).abs() < 1e-9);
        assert!((of(&[100.0, 99.0, 98.0]) - 1.0).abs() < 1e-9);
        assert!((of(&[100.0]) - 1.0).abs() < 1e-9);
    }
}
