//! Cuts a series of levels where a cartridge was changed.

use super::series::{Level, Observation};

/// A rise of at most so many points is noise, not a new cartridge.
const NOISE_POINTS: f64 = 6.0;
/// From "some is left" to more than this is a new cartridge.
const FRESH_PERCENT: f64 = 30.0;

/// The observations of one cartridge each, oldest first. `step` is the coarseness of the display in points.
pub fn segments(observations: &[Observation], step: f64) -> Vec<&[Observation]> {
    let mut segments = Vec::new();
    let mut start = 0;
    for index in 1..observations.len() {
        if swapped(&observations[start..index], &observations[index], step) {
            segments.push(&observations[start..index]);
            start = index;
        }
    }
    if start < observations.len() {
        segments.push(&observations[start..]);
    }
    segments
}

fn swapped(so_far: &[Observation], next: &Observation, step: f64) -> bool {
    let Some(last) = so_far.last() else { return false };
    let other_serial = !last.serial.is_empty() && !next.serial.is_empty() && last.serial != next.serial;
    let risen = match (last.level, next.level) {
        (Level::Percent(before), Level::Percent(after)) => after - before > NOISE_POINTS.max(step),
        (Level::Some, Level::Percent(after)) => after > FRESH_PERCENT,
        (_, Level::Some) => false,
    };
    other_serial || risen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(levels: &[(f64, &str)], expected: &[usize]) {
        let observations: Vec<Observation> = levels
            .iter()
            .map(|(percent, serial)| Observation {
                ts: 0,
                level: if *percent < 0.0 { Level::Some } else { Level::Percent(*percent) },
                serial: (*serial).to_owned(),
            })
            .collect();
        let lengths: Vec<usize> = segments(&observations, 1.0).iter().map(|segment| segment.len()).collect();
        assert_eq!(lengths, expected);
    }

    #[test]
    fn a_rise_beyond_the_noise_is_a_swap() {
        check(&[(10.0, ""), (12.0, ""), (9.0, ""), (98.0, ""), (97.0, "")], &[3, 2]);
    }

    #[test]
    fn another_serial_is_a_swap_even_at_the_same_level() {
        check(&[(50.0, "A"), (50.0, "B"), (49.0, "")], &[1, 2]);
    }

    #[test]
    fn from_some_left_to_nearly_full_is_a_swap_and_to_little_is_not() {
        check(&[(20.0, ""), (-3.0, ""), (90.0, "")], &[2, 1]);
        check(&[(-3.0, ""), (15.0, "")], &[2]);
        check(&[], &[]);
    }
}
