//! Splits the reads of a supply at cartridge swaps.
//! Promise: a false 0, an unknown level, a bounce of a few points or a shaken cartridge (same serial) is no swap; every segment
//! has at least one level.

use crate::forecast::series::{Level, Read};
use crate::forecast::step::Display;

/// One level that counts, inside a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    pub at: f64,
    pub level: Level,
    /// As [`Read::serial`].
    pub serial: u32,
}

/// The reads of one cartridge. Of a level that stays, only the first and the last read are kept, unless the display bounces.
#[derive(Debug, Clone)]
pub struct Segment {
    pub seen: Vec<Seen>,
    /// The last read of the cartridge before; `None` for the first segment, whose beginning was not watched.
    pub swapped_after: Option<f64>,
}

/// Below this level a 0 is believed at once.
const ZERO_BELIEVED_BELOW: f64 = 25.0;
/// A rise by more than this is a new cartridge (or more than one step of a coarse display).
const RISE_MIN: f64 = 6.0;
/// A device that said "some" (or nothing above it) and now shows more than this got a new cartridge.
const AFTER_SOME_MIN: f64 = 30.0;

/// The cartridges behind the reads, oldest first.
pub fn segments(reads: &[Read], fills_up: bool, display: &Display) -> Vec<Segment> {
    let (step, some_below) = (display.step, display.some_below);
    let seen = clean(reads, fills_up);
    let mut found: Vec<Segment> = Vec::new();
    let mut low: Option<f64> = None;
    let mut last_at: Option<f64> = None;
    let mut serial = 0;
    for (i, one) in seen.iter().enumerate() {
        let level = match one.level {
            Level::Percent(level) => level,
            Level::Some | Level::Unknown => low.unwrap_or(some_below).min(some_below),
        };
        let rise_min = if step >= 4.0 { 0.9 * step } else { RISE_MIN };
        let from_some = matches!(low, Some(low) if low <= some_below) && step < 4.0;
        let needed = if from_some { AFTER_SOME_MIN.min(RISE_MIN + some_below * 0.2) } else { rise_min };
        let rose = matches!(low, Some(low) if level > low + needed);
        // One lone high read between low ones is a glitch, not a cartridge.
        let stays = match seen.get(i + 1).map(|next| next.level) {
            Some(Level::Percent(next)) => next > low.unwrap_or(0.0) + needed * 0.5,
            _ => true,
        };
        // Where a chip tells which cartridge it is, it decides.
        let told = one.serial != 0 && serial != 0;
        let rose = if told { one.serial != serial } else { rose };
        if rose && !stays && !told {
            continue;
        }
        serial = if one.serial == 0 && !rose { serial } else { one.serial };
        if rose || found.is_empty() {
            found.push(Segment { seen: Vec::new(), swapped_after: last_at });
            low = None;
        }
        if let Some(segment) = found.last_mut() {
            match segment.seen.as_mut_slice() {
                [.., a, b] if display.noise == 0.0 && a.level == one.level && b.level == one.level => *b = *one,
                _ => segment.seen.push(*one),
            }
        }
        low = Some(low.map_or(level, |low| low.min(level)));
        last_at = Some(one.at);
    }
    found
}

/// Levels that say something, without single false zeros.
fn clean(reads: &[Read], fills_up: bool) -> Vec<Seen> {
    let told: Vec<Seen> = reads
        .iter()
        .map(|read| Seen { at: read.at(), level: read.said(fills_up), serial: read.serial })
        .filter(|seen| seen.level != Level::Unknown)
        .collect();
    let mut kept: Vec<Seen> = Vec::with_capacity(told.len());
    for (i, one) in told.iter().enumerate() {
        let before = kept.last().and_then(|seen| match seen.level {
            Level::Percent(level) => Some(level),
            Level::Some | Level::Unknown => None,
        });
        let zero = one.level == Level::Percent(0.0);
        let doubtful = zero && before.is_some_and(|level| level > ZERO_BELIEVED_BELOW);
        let confirmed = told.get(i + 1).is_some_and(|next| next.level == Level::Percent(0.0));
        if doubtful && !confirmed {
            continue;
        }
        // A lone 0 that is followed by the old level again is false at any level.
        let back = match (before, told.get(i + 1).map(|next| next.level)) {
            (Some(before), Some(Level::Percent(next))) => next > 0.0 && next <= before && before > 1.5,
            (None, Some(Level::Some)) => !kept.is_empty(),
            _ => false,
        };
        if zero && back {
            continue;
        }
        kept.push(*one);
    }
    kept
}
