//! When is it empty: the amount left against the work still to come, both uncertain.
//! Promise: p10 <= p50 <= p90, all in 0..=DAYS_MAX; pure arithmetic on its input.

use crate::toner::calendar::Calendar;
use crate::toner::constants::DepletionConstants;
use crate::toner::normal;
use crate::toner::usage::{GRID, Pace};

/// Nothing is forecast further away than this.
pub const DAYS_MAX: f64 = 400.0;

/// Chance distribution over the work needed at a usage without noise: ln(pages left / pages per work) on a grid.
#[derive(Debug, Clone)]
pub struct Need {
    log_low: f64,
    weights: Vec<f64>,
    shape: f64,
}

impl Need {
    pub fn new(left: &[(f64, f64)], pace: &Pace) -> Self {
        let logs = left.iter().map(|point| point.0.ln());
        let low = logs.clone().fold(f64::INFINITY, f64::min);
        let high = logs.fold(f64::NEG_INFINITY, f64::max);
        let log_low = low - (pace.log_low + GRID * pace.weights.len() as f64);
        let size = ((high - pace.log_low - log_low) / GRID).ceil().clamp(1.0, 600.0) as usize + 2;
        let mut weights = vec![0.0; size];
        // First gather the amount left on the same grid, then fold.
        let cells = ((high - low) / GRID).floor() as usize + 2;
        let mut amounts = vec![0.0; cells.min(600)];
        for (amount, weight) in left {
            let place = (amount.ln() - low) / GRID;
            let (cell, part) = (place.floor() as usize, place.fract());
            if let Some(slot) = amounts.get_mut(cell) {
                *slot += weight * (1.0 - part);
            }
            if let Some(slot) = amounts.get_mut(cell + 1) {
                *slot += weight * part;
            }
        }
        let count = pace.weights.len();
        for (cell, amount) in amounts.iter().enumerate().filter(|cell| *cell.1 > 1e-9) {
            for (i, w) in pace.weights.iter().enumerate() {
                if let Some(slot) = weights.get_mut(cell + count - i) {
                    *slot += amount * w;
                }
            }
        }
        Need { log_low, weights, shape: pace.shape }
    }

    /// Chance that the cartridge is empty after `work`.
    fn empty_after(&self, work: f64, c: &DepletionConstants) -> f64 {
        let weeks = (work / 7.0).max(1e-3);
        // Variation of the mean pages per work over that time: bursts average out, drift and jumps grow.
        let shape = self.shape * c.shape_factor;
        let variance = 1.0 / (shape * weeks.powf(c.averaging)) + c.drift_week * weeks / 3.0;
        let a = 1.0 / variance.max(1e-6);
        // Wilson and Hilferty: the cube root of a gamma amount is nearly normal.
        let scale = 3.0 * a.sqrt();
        let shift = 1.0 - 1.0 / (9.0 * a);
        let log_work = work.max(1e-9).ln();
        let (mut chance, mut sum) = (0.0, 0.0);
        for (i, w) in self.weights.iter().enumerate().filter(|cell| *cell.1 > 1e-7) {
            let ratio = (self.log_low + i as f64 * GRID - log_work).clamp(-30.0, 30.0);
            chance += w * normal::below(scale * (shift - (ratio / 3.0).exp()));
            sum += w;
        }
        chance / f64::max(sum, 1e-12)
    }

    /// Work at which the chance of being empty reaches `quantile`.
    pub fn work(&self, quantile: f64, c: &DepletionConstants) -> f64 {
        let (mut low, mut high) = ((1e-2_f64).ln(), (4.0 * DAYS_MAX).ln());
        if self.empty_after(high.exp(), c) <= quantile {
            return high.exp();
        }
        for _ in 0..15 {
            let middle = 0.5 * (low + high);
            if self.empty_after(middle.exp(), c) < quantile { low = middle } else { high = middle }
        }
        high.exp()
    }
}

/// Days from `origin` at the quantiles given, for work counted from `since` (the last read).
pub fn days(
    need: &Need,
    quantiles: [f64; 3],
    calendar: &Calendar,
    since: f64,
    origin: f64,
    c: &DepletionConstants,
) -> [f64; 3] {
    let mut found = quantiles.map(|quantile| {
        let work = need.work(quantile, c);
        let moment = calendar.moment_after(since, work, DAYS_MAX + (origin - since).max(0.0));
        (moment - origin).clamp(0.0, DAYS_MAX)
    });
    found[1] = found[1].max(found[0]);
    found[2] = found[2].max(found[1]);
    found
}
