//! How far a shown level is off at empty, in points: positive means it still shows that much. Computed levels ("dot counts") are
//! off by a few points, measured ones are not. Learned from cartridges that were watched down to 0: for a model how large the
//! error is, for a device which way it goes. Promise: with nothing watched it is the constants' guess.

use crate::forecast::constants::LevelConstants;
use crate::forecast::history::Slot;
use crate::forecast::normal::Bell;
use crate::forecast::rate;
use crate::forecast::series::Level;
use crate::forecast::step::Display;

/// One cartridge: the level its display would have shown when it was really empty, with the variance of that figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Off {
    pub points: f64,
    pub variance: f64,
}

/// Points of display that must have been watched before an error is believed.
const WATCHED_MIN: f64 = 25.0;

/// Errors of all cartridges of a slot that were seen at 0.
pub fn seen(slot: &Slot, display: &Display, wander: f64) -> Vec<Off> {
    let total = &slot.total;
    let mut found = Vec::new();
    for (segment, edges) in slot.segments.iter().zip(&slot.edges) {
        let edges = rate::telling(edges, display);
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
            continue;
        };
        let (drop, used) = (first.level - last.level, last.used - first.used);
        if drop < WATCHED_MIN || used <= 0.0 {
            continue;
        }
        let k = drop / used;
        let Some(empty) = segment.seen.iter().position(|seen| seen.level == Level::Percent(0.0)).filter(|i| *i > 0)
        else {
            continue;
        };
        let (Some(zero), Some(before)) = (segment.seen.get(empty), segment.seen.get(empty - 1)) else {
            continue;
        };
        let (late, early) = (total.at(zero.at), total.at(before.at));
        let middle = 0.5 * (late + early);
        let beyond = k * (middle - last.used).max(0.0);
        let blur = (k * (late - early)).powi(2) / 12.0 + (k * last.width).powi(2) / 12.0 + display.noise.powi(2);
        let variance = blur + wander * beyond * (1.0 + beyond / drop) + 0.1;
        found.push(Off { points: last.level - beyond, variance });
    }
    found
}

/// Error of a model at empty over all its cartridges: the part all share (rounding of the display) and the spread.
/// The guess counts as two cartridges for the spread, as four without error for the shared part.
pub fn of_model(all: &[Off], guess: f64) -> Bell {
    let (mut sum, mut square, mut weight) = (0.0, 0.0, 0.0);
    for off in all {
        let trust = 1.0 / (1.0 + off.variance / 4.0);
        let points = off.points.clamp(-15.0, 15.0);
        sum += trust * points.clamp(-4.0, 4.0);
        square += trust * (points * points - off.variance).max(-4.0);
        weight += trust;
    }
    let mean = (sum / (weight + 4.0)).clamp(-OFFSET_MAX, OFFSET_MAX);
    let variance = (square - weight * mean * mean + 2.0 * guess * guess) / (weight + 2.0);
    Bell { mean, sd: variance.max(0.04).sqrt() }
}

/// Rounding moves a level by half a point at most.
const OFFSET_MAX: f64 = 0.5;

/// Error of the cartridge in use: what the device's own past cartridges say, and the spread from one to the next.
pub fn of_device(past: &[Off], offset: f64, size: f64, c: &LevelConstants) -> Bell {
    let shared = size * c.error_shared.clamp(0.0, 1.0).sqrt();
    let single = size * (1.0 - c.error_shared.clamp(0.0, 1.0)).sqrt();
    let mut belief = Bell { mean: 0.0, sd: shared.max(1e-3) };
    for off in past {
        belief = belief.measured((off.points - offset).clamp(-20.0, 20.0), (single * single + off.variance).sqrt()).0;
    }
    Bell { mean: belief.mean, sd: (belief.sd * belief.sd + single * single).sqrt() }
}
