//! Cartridge changes as the levels tell them: when, how much was thrown away, and what the old one yielded against what a
//! cartridge of this slot usually yields. Promise: what was not watched is `None`, never guessed.

use crate::forecast::arithmetic::exp;
use crate::forecast::constants::RateConstants;
use crate::forecast::history::Slot;
use crate::forecast::normal::Bell;
use crate::forecast::rate::{self, Watched};
use crate::forecast::segment::Segment;
use crate::forecast::series::Level;
use crate::forecast::step::Display;

/// One change of a cartridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Swap {
    /// Last read of the old cartridge and first read of the new one, in days since 1970.
    pub after: f64,
    pub at: f64,
    /// Percent shown by the old one at the end, less what was printed until the middle of the gap. `None`: it said only "some".
    pub left: Option<f64>,
    /// Percent shown by the new one at first.
    pub begins: Option<f64>,
    /// Pages the old one would have given from full to empty over what the slot usually gives; below 1 = it held less.
    pub yielded: Option<f64>,
    /// The old one was the first of a new device.
    pub starter: bool,
    /// Both cartridges told their serials, so it is surely another one; or it was full at the change, as far as what was
    /// printed since tells.
    pub certain: bool,
}

/// A new cartridge shows at least this; less is a shaken, refilled or half used one.
const FULL_MIN: f64 = 80.0;
/// Computed levels and coarse steps are off by some points; below this nothing counts as thrown away.
const WASTE_MIN: f64 = 5.0;

impl Swap {
    /// It may be the old cartridge, shaken or put back.
    pub fn doubtful(&self) -> bool {
        !self.certain && self.begins.is_some_and(|level| level < FULL_MIN)
    }

    /// Percent thrown away, if that is worth a word.
    pub fn wasted(&self) -> Option<f64> {
        self.left.filter(|left| *left > WASTE_MIN && !self.doubtful())
    }
}

/// The changes of a slot, oldest first. `usual`: belief about ln(percent per page) of its usual cartridge.
pub fn swaps(slot: &Slot, display: &Display, usual: Bell, new_device: bool, c: &RateConstants) -> Vec<Swap> {
    let edges = slot.edges.iter();
    slot.segments
        .windows(2)
        .zip(edges)
        .enumerate()
        .filter_map(|(i, (pair, edges))| match pair {
            [old, new] => {
                let starter = new_device && i == 0;
                let watched = if slot.counted { rate::watched(edges, display, starter, c) } else { None };
                one(slot, display, usual, (old, new), starter, watched)
            }
            _ => None,
        })
        .collect()
}

fn one(
    slot: &Slot,
    display: &Display,
    usual: Bell,
    (old, new): (&Segment, &Segment),
    starter: bool,
    watched: Option<Watched>,
) -> Option<Swap> {
    let (last, first) = (old.seen.last()?, new.seen.first()?);
    let percent = |level: Level| match level {
        Level::Percent(level) => Some(level),
        Level::Some | Level::Unknown => None,
    };
    let gap = 0.5 * (slot.total.at(first.at) - slot.total.at(last.at)).max(0.0);
    let per_page = watched.map_or_else(|| exp(usual.mean), |watched| exp(watched.log_rate));
    // A coarse display shows the top of its step: half a step is the fair guess.
    let shown = if display.step >= 4.0 { 0.5 * display.step } else { 0.0 };
    let used = if slot.counted { per_page * gap } else { 0.0 };
    Some(Swap {
        after: last.at,
        at: first.at,
        left: percent(last.level).map(|level| (level - shown - used).clamp(0.0, 100.0)),
        begins: percent(first.level),
        yielded: watched.filter(|watched| watched.drop >= 30.0).map(|watched| exp(usual.mean - watched.log_rate)),
        starter,
        certain: (last.serial != 0 && first.serial != 0 && last.serial != first.serial)
            || (slot.counted && percent(first.level).is_some_and(|level| level + 2.0 * used >= FULL_MIN && used > 5.0)),
    })
}
