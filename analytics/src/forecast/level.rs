//! How much is left in the cartridge in use: for every candidate rate a filter over the true level that is told, at each
//! shown level, the interval in which the true level must lie. Gives points of "pages left" with weights.
//! Promise: every point is positive and finite; weights sum to 1.

use crate::forecast::arithmetic::{exp, ln};
use crate::forecast::constants::{LevelConstants, RateConstants};
use crate::forecast::lanes::{Loop, wide};
use crate::forecast::meter::Total;
use crate::forecast::normal::Bell;
use crate::forecast::segment::Segment;
use crate::forecast::series::Level;
use crate::forecast::step::Display;

/// Pages left (or work left), as weighted points, and the summary for people.
#[derive(Debug, Clone)]
pub struct Left {
    /// (pages left, weight).
    pub points: Vec<(f64, f64)>,
    /// Mean level in percent and its standard deviation.
    pub level: Bell,
    /// Mean ln(percent per page) of the cartridge in use and its standard deviation.
    pub log_rate: Bell,
}

/// A moment at which the true level must lie between two bounds, or was measured.
#[derive(Debug, Clone, Copy)]
struct Bound {
    used: f64,
    low: f64,
    high: f64,
}

/// More than this many bounds of a fine display add nothing but time.
const BOUNDS_MAX: usize = 18;

/// Bounds a shown level puts on the true one.
fn bounds_of(level: Level, display: &Display) -> Option<(f64, f64)> {
    match level {
        Level::Percent(level) if level <= 0.0 => Some((-2.0, if display.step >= 4.0 { 1.0 } else { 1.5 })),
        Level::Percent(level) if display.step >= 4.0 => Some((level - display.step, level)),
        Level::Percent(level) if display.rests && level <= 1.5 => Some((-30.0, 1.7)),
        Level::Percent(level) => Some((level - 0.7 * display.step, level + 0.7 * display.step)),
        Level::Some => Some((-3.0 * display.error_sd, display.some_below + 0.5)),
        Level::Unknown => None,
    }
}

/// First and last read of every shown level, thinned evenly, newest always kept.
fn bounds(segment: &Segment, total: &Total, display: &Display) -> Vec<Bound> {
    let told: Vec<(f64, Level)> = segment.seen.iter().map(|seen| (seen.at, seen.level)).collect();
    let mut found = Vec::new();
    for (i, (at, level)) in told.iter().enumerate() {
        let first = i == 0 || told.get(i - 1).is_some_and(|before| before.1 != *level);
        let last = told.get(i + 1).is_none_or(|next| next.1 != *level);
        if let Some((low, high)) = bounds_of(*level, display).filter(|_| first || last || display.noise > 0.0) {
            found.push(Bound { used: total.at(*at), low, high });
        }
    }
    if found.len() > BOUNDS_MAX {
        let keep_last = BOUNDS_MAX / 3;
        let old = found.len() - keep_last;
        let every = old.div_ceil(BOUNDS_MAX - keep_last);
        found =
            found.iter().enumerate().filter(|(i, _)| *i >= old || i % every == 0).map(|(_, bound)| *bound).collect();
    }
    found
}

impl Bell {
    /// The level after some percent were used, which wander.
    #[inline(always)]
    fn spent(self, percent: f64, wander: f64) -> Bell {
        Bell { mean: self.mean - percent, sd: (self.sd * self.sd + wander * percent).sqrt() }
    }
}

/// `rates`: ln(percent per page) with prior weights; `error`: of the shown level at empty (see `display_error`). `None` when the segment says nothing.
pub fn left(
    segment: &Segment,
    total: &Total,
    display: &Display,
    rates: &[(f64, f64)],
    error: Bell,
    rate: &RateConstants,
    c: &LevelConstants,
) -> Option<Left> {
    let bounds = bounds(segment, total, display);
    let newest = bounds.last()?;
    let first_seen = segment.seen.first()?;
    let begin = segment.swapped_after.map(|after| (total.at(after), total.at(first_seen.at)));
    let end = total.end().map_or(newest.used, |(_, used)| used.max(newest.used));
    let not_empty = newest.high > 1.6;
    let mut tracks: Vec<(f64, f64, Bell)> = Vec::with_capacity(rates.len());
    let pace: Vec<f64> = rates.iter().map(|(log_rate, _)| exp(*log_rate)).collect();
    let full = bounds.first().is_some_and(|b| b.high > 60.0);
    let mut bells: Vec<Bell> = pace
        .iter()
        .map(|k| match begin {
            // A new cartridge is full at some moment between the two reads.
            Some((before, after)) if full => {
                let spent = k * (after - before).max(0.0);
                Bell { mean: 100.0 - 0.5 * spent, sd: (spent * spent / 12.0 + c.full_sd * c.full_sd).sqrt() }
            }
            _ => Bell { mean: 50.0, sd: 300.0 },
        })
        .collect();
    let mut evidence = vec![0.0; rates.len()];
    let (wander, noise) = (rate.wander, display.noise);
    wide(Told { bells: &mut bells, evidence: &mut evidence, pace: &pace, bounds: &bounds, wander, noise });
    for (((log_rate, prior), k), (mut bell, evidence)) in rates.iter().zip(&pace).zip(bells.into_iter().zip(evidence)) {
        // A computed level is off by a share of what was used.
        let part = (100.0 - bell.mean.clamp(0.0, 100.0)) / 100.0;
        bell.mean -= display.offset + error.mean * part;
        bell.sd = (bell.sd * bell.sd + (error.sd * part).powi(2)).sqrt();
        if not_empty || display.rests {
            bell = bell.within(0.0, 130.0).0;
        }
        bell = bell.spent(k * (end - newest.used).max(0.0), rate.wander);
        tracks.push((*log_rate, ln(*prior) + evidence, bell));
    }
    let top = tracks.iter().map(|track| track.1).fold(f64::NEG_INFINITY, f64::max);
    tracks.iter_mut().for_each(|track| track.1 = exp(track.1 - top));
    let sum: f64 = tracks.iter().map(|track| track.1).sum();
    if !(sum.is_finite() && sum > 0.0) {
        return None;
    }
    tracks.iter_mut().for_each(|track| track.1 /= sum);
    Some(summary(&tracks))
}

/// What some bounds tell each candidate rate: its bell after the last of them, and the log of the chance that it gave to them.
struct Told<'a> {
    bells: &'a mut [Bell],
    evidence: &'a mut [f64],
    pace: &'a [f64],
    bounds: &'a [Bound],
    wander: f64,
    noise: f64,
}

impl Loop for Told<'_> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        let Told { bells, evidence, pace, bounds, wander, noise } = self;
        let error_sd = (noise * noise + 0.1).sqrt();
        let mut at = bounds.first().map_or(0.0, |bound| bound.used);
        for bound in bounds {
            let used = (bound.used - at).max(0.0);
            at = bound.used;
            let measured = noise > 0.0 && bound.high - bound.low < 4.0;
            // All rates at one bound: they do not wait for one another.
            let lanes = bells.iter_mut().zip(&mut *evidence).zip(pace);
            if measured {
                for ((bell, evidence), k) in lanes {
                    let (next, log) = bell.spent(k * used, wander).measured(0.5 * (bound.low + bound.high), error_sd);
                    (*bell, *evidence) = (next, *evidence + log);
                }
            } else {
                for ((bell, evidence), k) in lanes {
                    let (next, log) = bell.spent(k * used, wander).within(bound.low, bound.high);
                    (*bell, *evidence) = (next, *evidence + log);
                }
            }
        }
    }
}

/// Five equally likely points of a bell.
const FIVE: [f64; 5] = [-1.2816, -0.5244, 0.0, 0.5244, 1.2816];

fn summary(tracks: &[(f64, f64, Bell)]) -> Left {
    let mut points = Vec::with_capacity(tracks.len() * FIVE.len());
    let (mut level, mut square, mut rate, mut rate_square) = (0.0, 0.0, 0.0, 0.0);
    for (log_rate, weight, bell) in tracks {
        level += weight * bell.mean;
        square += weight * (bell.mean * bell.mean + bell.sd * bell.sd);
        rate += weight * log_rate;
        rate_square += weight * log_rate * log_rate;
        if *weight > 1e-5 {
            let k = exp(*log_rate);
            for z in FIVE {
                let pages = (bell.mean + z * bell.sd).max(0.05) / k;
                points.push((pages.clamp(1e-6, 1e12), weight / FIVE.len() as f64));
            }
        }
    }
    let sum: f64 = points.iter().map(|point| point.1).sum::<f64>().max(1e-12);
    points.iter_mut().for_each(|point| point.1 /= sum);
    Left {
        points,
        level: Bell { mean: level.clamp(0.0, 100.0), sd: (square - level * level).max(0.0).sqrt() },
        log_rate: Bell { mean: rate, sd: (rate_square - rate * rate).max(0.0).sqrt() },
    }
}

/// A cartridge that must have run empty since the last read was replaced: that share of the belief starts anew.
/// `gap_use` is the amount expected to be used since the last read. Returns the share replaced.
pub fn renew(left: &mut Left, fresh: &[(f64, f64)], gap_use: f64, shown_empty: bool) -> f64 {
    let gone: f64 =
        if shown_empty { 1.0 } else { left.points.iter().filter(|point| point.0 < gap_use).map(|point| point.1).sum() };
    if gone < 1e-3 {
        return 0.0;
    }
    // It ran empty at some moment of the gap: half of the gap's use is from the new one.
    let spent = 0.5 * gap_use;
    left.points.retain(|point| !shown_empty && point.0 >= gap_use);
    let sum: f64 = fresh.iter().map(|one| one.1).sum::<f64>().max(1e-300);
    left.points.extend(
        fresh
            .iter()
            .map(|(log_rate, weight)| ((100.0 / exp(*log_rate) - spent).clamp(1e-3, 1e12), gone * weight / sum)),
    );
    gone
}
