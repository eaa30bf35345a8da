//! When is it empty: the amount left against the work still to come, both uncertain.
//! Promise: p10 <= p50 <= p90, all in 0..=DAYS_MAX; pure arithmetic on its input.

use crate::forecast::arithmetic::{exp, ln, power};
use crate::forecast::calendar::Calendar;
use crate::forecast::constants::DepletionConstants;
use crate::forecast::lanes::{Loop, wide};
use crate::forecast::normal;
use crate::forecast::usage::{GRID, Pace};

/// Nothing is forecast further away than this.
pub const DAYS_MAX: f64 = 400.0;

/// Chance distribution over the work needed at a usage without noise: ln(pages left / pages per work) on a grid.
#[derive(Debug, Clone)]
pub struct Need {
    /// Cube root of the work at each grid point, with its weight.
    cells: Vec<(f64, f64)>,
    shape: f64,
}

/// Cells with less weight change no quantile that anybody sees.
const CELL_MIN: f64 = 1e-6;

/// Steps in ln(work) at which the chance is worked out before a quantile is closed in on.
const STEPS: usize = 14;

/// Chance that what is left is used up, over all cells of a [`Need`].
struct Chance<'a> {
    cells: &'a [(f64, f64)],
    scale: f64,
    shift: f64,
    root: f64,
}

impl Loop for Chance<'_> {
    type Answer = f64;

    /// Four sums side by side, so that the processor need not wait for one before the next.
    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [0.0; 4];
        for cells in self.cells.chunks(4) {
            for (sum, (cube_root, w)) in sums.iter_mut().zip(cells) {
                *sum += w * normal::below(self.scale * (self.shift - cube_root * self.root));
            }
        }
        (sums[0] + sums[1]) + (sums[2] + sums[3])
    }
}

impl Need {
    pub fn new(left: &[(f64, f64)], pace: &Pace) -> Self {
        let logs = left.iter().map(|point| ln(point.0));
        let low = logs.clone().fold(f64::INFINITY, f64::min);
        let high = logs.fold(f64::NEG_INFINITY, f64::max);
        let log_low = low - (pace.log_low + GRID * pace.weights.len() as f64);
        let size = ((high - pace.log_low - log_low) / GRID).ceil().clamp(1.0, 600.0) as usize + 2;
        let mut weights = vec![0.0; size];
        // First gather the amount left on the same grid, then fold.
        let cells = ((high - low) / GRID).floor() as usize + 2;
        let mut amounts = vec![0.0; cells.min(600)];
        for (amount, weight) in left {
            let place = (ln(*amount) - low) / GRID;
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
        let sum: f64 = weights.iter().filter(|w| **w > CELL_MIN).sum::<f64>().max(1e-12);
        let cells = weights.iter().enumerate().filter(|(_, w)| **w > CELL_MIN);
        let cells = cells.map(|(i, w)| (exp((log_low + i as f64 * GRID) / 3.0), w / sum)).collect();
        Need { cells, shape: pace.shape }
    }

    /// Chance that the cartridge is empty after `work`.
    fn empty_after(&self, work: f64, c: &DepletionConstants) -> f64 {
        let weeks = (work / 7.0).max(1e-3);
        // Variation of the mean pages per work over that time: bursts average out, drift and jumps grow.
        let shape = self.shape * c.shape_factor;
        let variance = 1.0 / (shape * power(weeks, c.averaging)) + c.drift_week * weeks / 3.0;
        let a = 1.0 / variance.max(1e-6);
        // Wilson and Hilferty: the cube root of a gamma amount is nearly normal.
        let scale = 3.0 * a.sqrt();
        let shift = 1.0 - 1.0 / (9.0 * a);
        let root = 1.0 / exp(ln(work) / 3.0);
        wide(Chance { cells: &self.cells, scale, shift, root })
    }

    /// Work at which the chance of being empty reaches each quantile; quantiles ascend. Linear in ln(work) between
    /// steps that are halved twice, which is finer than a day matters.
    pub fn works(&self, quantiles: [f64; 3], c: &DepletionConstants) -> [f64; 3] {
        let chance = |log_work: f64| self.empty_after(exp(log_work), c);
        let (mean, deviation) = self.spread(c);
        let (floor, ceiling) = (ln(1e-2), ln(4.0 * DAYS_MAX));
        let (low, high) = ((mean - 3.2 * deviation).max(floor), (mean + 3.2 * deviation).min(ceiling).max(floor + 0.1));
        let gap = (high - low).max(0.05) / (STEPS - 1) as f64;
        let table: [f64; STEPS] = std::array::from_fn(|i| chance(low + gap * i as f64));
        quantiles.map(|quantile| {
            let after = table.partition_point(|reached| *reached < quantile);
            let mut a = match after.checked_sub(1).and_then(|i| table.get(i)) {
                Some(reached) => (low + gap * (after - 1) as f64, *reached),
                None => (floor, 0.0),
            };
            let mut b = match table.get(after) {
                Some(reached) => (low + gap * after as f64, *reached),
                None if chance(ceiling) <= quantile => return exp(ceiling),
                None => (ceiling, 1.0),
            };
            for _ in 0..if after == 0 || after == STEPS { 9 } else { 2 } {
                let middle = 0.5 * (a.0 + b.0);
                let reached = chance(middle);
                if reached < quantile { a = (middle, reached) } else { b = (middle, reached) }
            }
            let part = if b.1 > a.1 { ((quantile - a.1) / (b.1 - a.1)).clamp(0.0, 1.0) } else { 1.0 };
            exp(a.0 + part * (b.0 - a.0))
        })
    }

    /// One quantile of [`Need::works`].
    pub fn work(&self, quantile: f64, c: &DepletionConstants) -> f64 {
        self.works([quantile; 3], c)[0]
    }

    /// Mean and deviation of ln(work) at which it is empty, roughly: where to look.
    fn spread(&self, c: &DepletionConstants) -> (f64, f64) {
        let (mut mean, mut square) = (0.0, 0.0);
        for (cube_root, w) in &self.cells {
            let log_work = 3.0 * ln(*cube_root);
            mean += w * log_work;
            square += w * log_work * log_work;
        }
        let weeks = (exp(mean) / 7.0).clamp(0.02, 60.0);
        let noise = 1.0 / (self.shape * c.shape_factor * power(weeks, c.averaging)) + c.drift_week * weeks / 3.0;
        (mean, ((square - mean * mean).max(0.0) + noise.min(4.0)).sqrt())
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
    let mut found = need.works(quantiles, c).map(|work| {
        let moment = calendar.moment_after(since, work, DAYS_MAX + (origin - since).max(0.0));
        (moment - origin).clamp(0.0, DAYS_MAX)
    });
    found[1] = found[1].max(found[0]);
    found[2] = found[2].max(found[1]);
    found
}
