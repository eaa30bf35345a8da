//! Percent per page of a slot: learned from its past cartridges, starting from what the model's other devices use.
//! Everything is a bell over ln(percent per page). Promise: a cartridge far off the others (third-party, starter) moves it little.

use crate::forecast::arithmetic::{exp, ln};
use crate::forecast::constants::RateConstants;
use crate::forecast::meter::Total;
use crate::forecast::normal::Bell;
use crate::forecast::segment::Segment;
use crate::forecast::series::Level;
use crate::forecast::step::Display;

/// The rate one watched cartridge showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watched {
    pub log_rate: f64,
    /// Variance of `log_rate` from the display and the polls, without the spread between cartridges.
    pub variance: f64,
    /// Points watched.
    pub drop: f64,
    /// The first cartridge of a new device.
    pub starter: bool,
}

/// A change of the shown level: the amount used at the change, its uncertainty (width), and the level crossed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    pub used: f64,
    pub width: f64,
    pub level: f64,
}

/// The level at which a shown level is entered, in points.
pub fn entered(level: Level, display: &Display) -> Option<f64> {
    match level {
        Level::Percent(level) => Some(if display.step >= 4.0 { level } else { level + 0.5 * display.step }),
        Level::Some => Some(display.some_below + 0.5),
        Level::Unknown => None,
    }
}

/// A display that rests near 1 % tells nothing below this.
const RESTS_BELOW: f64 = 2.0;

/// The edges that say something on this display: all, or those above its rest.
pub fn telling<'a>(edges: &'a [Edge], display: &Display) -> &'a [Edge] {
    let end = if display.rests { edges.partition_point(|edge| edge.level >= RESTS_BELOW) } else { edges.len() };
    edges.get(..end).unwrap_or_default()
}

/// All changes downwards in a segment; a new cartridge begins with an edge at 100.
pub fn edges(segment: &Segment, total: &Total, display: &Display) -> Vec<Edge> {
    let mut found: Vec<Edge> = Vec::new();
    let mut before: Option<(f64, Level)> = None;
    let mut lowest = f64::INFINITY;
    for seen in &segment.seen {
        let Some(level) = entered(seen.level, display) else {
            continue;
        };
        match (before, segment.swapped_after) {
            (None, Some(swapped_after)) if level > 85.0 => {
                let used = total.at(seen.at);
                let earlier = total.at(swapped_after);
                found.push(Edge { used: 0.5 * (used + earlier), width: used - earlier, level: 100.0 });
                lowest = 100.0;
            }
            (Some((at, old)), _) if old != seen.level && level < lowest => {
                let (earlier, used) = (total.at(at), total.at(seen.at));
                if seen.level != Level::Percent(0.0) {
                    found.push(Edge { used: 0.5 * (used + earlier), width: used - earlier, level });
                }
            }
            _ => {}
        }
        lowest = lowest.min(level);
        before = Some((seen.at, seen.level));
    }
    found
}

/// The rate over a whole segment, if it was watched over enough points.
pub fn watched(edges: &[Edge], display: &Display, starter: bool, c: &RateConstants) -> Option<Watched> {
    let edges = telling(edges, display);
    let (first, last) = (edges.first()?, edges.last()?);
    let (drop, used) = (first.level - last.level, last.used - first.used);
    if drop < c.drop_min.max(0.9 * display.step) || used < 1.0 {
        return None;
    }
    let rate = drop / used;
    let blur =
        ((first.width * rate).powi(2) + (last.width * rate).powi(2)) / 12.0 + 2.0 * display.noise * display.noise;
    let variance = (blur + c.wander * drop) / (drop * drop);
    Some(Watched { log_rate: ln(rate), variance, drop, starter })
}

/// Belief about the rate of the next usual cartridge of a slot, after its past ones, oldest first.
pub fn slot(prior: Bell, past: &[Watched], c: &RateConstants) -> Bell {
    let mut belief = prior;
    for one in past {
        belief.sd = (belief.sd * belief.sd + c.slot_drift * c.slot_drift).sqrt();
        let (value, mut error) = if one.starter {
            (one.log_rate - c.starter_shift, one.variance + c.starter_sd * c.starter_sd)
        } else {
            (one.log_rate, one.variance + c.cartridge_sd * c.cartridge_sd)
        };
        // Smaller fillings are common, larger ones are not: distrust a high rate far above the belief.
        let spread = (belief.sd * belief.sd + error).sqrt();
        let off = (value - belief.mean) / spread;
        if off > 2.0 && belief.sd < 0.25 {
            error += c.third_shift * c.third_shift;
        } else if off.abs() > 3.0 {
            error += (0.5 * (value - belief.mean)).powi(2);
        }
        belief = belief.measured(value, error.sqrt()).0;
    }
    belief
}

/// What the cartridge in use may be, before looking at it: (share, mean ln rate, spread) of usual, third-party or starter filling.
#[derive(Debug, Clone)]
pub struct Filling {
    parts: Vec<(f64, f64, f64)>,
}

impl Filling {
    pub fn new(slot: Bell, starter: bool, c: &RateConstants) -> Self {
        let both = |a: f64, b: f64| (a * a + b * b).sqrt();
        let usual = both(slot.sd, c.cartridge_sd);
        let parts = if starter {
            vec![
                (1.0 - c.starter_share, slot.mean, usual),
                (c.starter_share, slot.mean + c.starter_shift, both(usual, c.starter_sd)),
            ]
        } else {
            vec![
                (1.0 - c.third_share, slot.mean, usual),
                (c.third_share, slot.mean + c.third_shift, both(usual, c.third_sd)),
            ]
        };
        Filling { parts }
    }

    /// Candidate rates over everything possible: (ln rate, weight).
    pub fn wide(&self) -> Vec<(f64, f64)> {
        let low = self.parts.iter().map(|part| part.1 - 2.8 * part.2).fold(f64::INFINITY, f64::min);
        let high = self.parts.iter().map(|part| part.1 + 2.8 * part.2).fold(f64::NEG_INFINITY, f64::max);
        self.between(low, high, 13)
    }

    /// Candidate rates around what a first look at the levels left over.
    pub fn near(&self, seen: Bell) -> Vec<(f64, f64)> {
        let wide = self.wide();
        let gap = match (wide.first(), wide.get(1)) {
            (Some(a), Some(b)) => b.0 - a.0,
            _ => 0.05,
        };
        let reach = 3.0 * seen.sd.max(0.6 * gap);
        self.between(seen.mean - reach, seen.mean + reach, 13)
    }

    fn between(&self, low: f64, high: f64, points: usize) -> Vec<(f64, f64)> {
        let gap = (high - low) / (points - 1) as f64;
        (0..points)
            .map(|i| {
                let x = low + gap * i as f64;
                let weight =
                    self.parts.iter().map(|(share, mean, sd)| share / sd * exp(-0.5 * ((x - mean) / sd).powi(2))).sum();
                (x, weight)
            })
            .collect()
    }
}
