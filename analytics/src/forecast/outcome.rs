//! What became of the cartridge that a past forecast was about, as far as the levels tell.
//! Promise: a cartridge that was changed before its end, or is still in use, has no end; it is not given one.

use crate::forecast::segment::Seen;
use crate::forecast::series::Level;
use crate::forecast::swap::Swap;

/// Days count from the forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// It showed 0, or was changed with next to nothing left.
    Empty { days: f64 },
    /// Changed with so many percent left.
    Early { left: f64 },
    /// No end was seen yet.
    Running,
}

/// Changed with more than this left: when it would have been empty, nobody saw.
const EMPTY_BELOW: f64 = 5.0;

/// `seen` and `swaps` of the supply, oldest first, over all that is known; `at`: the moment of the forecast, days since 1970.
pub fn outcome(seen: &[Seen], swaps: &[Swap], at: f64) -> Outcome {
    let empty = |one: &Seen| one.level == Level::Percent(0.0);
    // Shown empty already: that forecast is about the cartridge put in next.
    let shown_before = seen.iter().rev().find(|one| one.at <= at);
    let begin = match shown_before.filter(|one| empty(one)) {
        None => at,
        Some(_) => match swaps.iter().find(|swap| swap.at > at) {
            Some(swap) => swap.at,
            None => return Outcome::Running,
        },
    };
    let change = swaps.iter().find(|swap| swap.at > begin && !swap.doubtful());
    let until = change.map_or(f64::INFINITY, |swap| swap.after);
    if let Some(zero) = seen.iter().find(|one| one.at > begin && one.at <= until && empty(one)) {
        return Outcome::Empty { days: zero.at - at };
    }
    match change {
        None => Outcome::Running,
        Some(swap) => match swap.left.filter(|left| *left > EMPTY_BELOW) {
            Some(left) => Outcome::Early { left },
            None => Outcome::Empty { days: (0.5 * (swap.after + swap.at) - at).max(0.0) },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(levels: &[(f64, f64)]) -> Vec<Seen> {
        levels.iter().map(|(at, level)| Seen { at: *at, level: Level::Percent(*level), serial: 0 }).collect()
    }

    fn swap(after: f64, left: f64) -> Swap {
        let (begins, yielded) = (Some(100.0), None);
        Swap { after, at: after + 1.0, left: Some(left), begins, yielded, starter: false, certain: false }
    }

    #[test]
    fn a_cartridge_ends_when_it_shows_nothing_or_is_changed_nearly_empty() {
        let levels = seen(&[(0.0, 20.0), (5.0, 0.0), (6.0, 0.0), (7.0, 100.0)]);
        assert_eq!(outcome(&levels, &[swap(6.0, 0.0)], 1.0), Outcome::Empty { days: 4.0 });
        let levels = seen(&[(0.0, 20.0), (6.0, 3.0), (7.0, 100.0)]);
        assert_eq!(outcome(&levels, &[swap(6.0, 3.0)], 1.0), Outcome::Empty { days: 5.5 });
    }

    #[test]
    fn an_early_change_and_a_cartridge_in_use_have_no_end() {
        let levels = seen(&[(0.0, 40.0), (6.0, 30.0), (7.0, 100.0)]);
        assert_eq!(outcome(&levels, &[swap(6.0, 30.0)], 1.0), Outcome::Early { left: 30.0 });
        assert_eq!(outcome(&levels, &[swap(6.0, 30.0)], 8.0), Outcome::Running);
        assert_eq!(outcome(&[], &[], 8.0), Outcome::Running);
    }

    #[test]
    fn a_forecast_made_at_zero_is_about_the_next_cartridge() {
        let levels = seen(&[(0.0, 0.0), (2.0, 100.0), (20.0, 0.0)]);
        assert_eq!(outcome(&levels, &[swap(1.0, 0.0)], 0.5), Outcome::Empty { days: 19.5 });
    }
}
