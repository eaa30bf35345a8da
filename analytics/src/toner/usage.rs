//! Pages per unit of work, now: a grid filter over the level and the burstiness of a device.
//! Work weeks arrive as gamma amounts around level x work; the level drifts, and sometimes jumps (a new tenant, a moved device).
//! A jump makes the filter forget by itself; no half-life is chosen. Promise: weights are finite, non-negative, and sum to 1.

use crate::toner::calendar::Calendar;
use crate::toner::constants::UsageConstants;
use crate::toner::meter::Interval;

/// About a week of printing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    pub from: f64,
    pub to: f64,
    pub pages: f64,
    pub work: f64,
}

/// Belief about the level: weights over log(pages per work).
#[derive(Debug, Clone)]
pub struct Pace {
    pub log_low: f64,
    pub weights: Vec<f64>,
    /// Gamma shape of one normal week (1 / squared variation): 6 steady, below 1 bursts with silence.
    pub shape: f64,
    /// Long-run log level.
    pub log_usual: f64,
}

/// Distance of two grid points in log level.
pub const GRID: f64 = 0.07;
const POINTS: usize = 100;

/// Weeks older than this are taken three at a time: they only say what is usual, and it halves the work.
const FRESH_DAYS: f64 = 140.0;

/// Cuts the known intervals into blocks of about a week, counted back from the newest.
pub fn blocks(intervals: &[Interval], calendar: &Calendar) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    let newest = intervals.last().map_or(0.0, |one| one.to);
    for one in intervals.iter().rev() {
        let Some(pages) = one.pages else { continue };
        let work = calendar.work(one.from, one.to);
        let block = match open {
            Some(block) => Block { from: one.from, to: block.to, pages: block.pages + pages, work: block.work + work },
            None => Block { from: one.from, to: one.to, pages, work },
        };
        let age = newest - block.to;
        if block.to - block.from >= if age < FRESH_DAYS { 6.7 } else { 20.7 } {
            found.push(block);
            open = None;
        } else {
            open = Some(block);
        }
    }
    if let Some(block) = open.filter(|block| block.work > 0.5) {
        found.push(block);
    }
    found.reverse();
    found
}

/// `None` when nothing was printed or nothing is known.
pub fn pace(blocks: &[Block], until: f64, c: &UsageConstants) -> Option<Pace> {
    let from = blocks.len().saturating_sub(c.weeks_max);
    let blocks = blocks.get(from..)?;
    let (pages, work) = blocks.iter().fold((0.0, 0.0), |sum, block| (sum.0 + block.pages, sum.1 + block.work));
    if pages < 1.0 || work < 0.5 {
        return None;
    }
    let log_usual = (pages / work).ln();
    let log_low = log_usual - 0.5 * GRID * POINTS as f64;
    let mut filter = Filter::new(c);
    let mut at = blocks.first()?.from;
    for block in blocks {
        let middle = 0.5 * (block.from + block.to);
        filter.pass((middle - at).max(0.0) / 7.0, c);
        at = middle;
        filter.see(block, log_low, c);
    }
    filter.pass((until - at).max(0.0) / 7.0, c);
    let (weights, shape) = filter.finish();
    Some(Pace { log_low, weights, shape, log_usual })
}

/// Joint weights: one row of levels per shape.
struct Filter {
    rows: Vec<(f64, Vec<f64>)>,
    usual: Vec<f64>,
}

impl Filter {
    fn new(c: &UsageConstants) -> Self {
        let centre = 0.5 * (POINTS as f64 - 1.0);
        let bell = |sd: f64| -> Vec<f64> {
            let raw: Vec<f64> = (0..POINTS).map(|i| (-0.5 * ((i as f64 - centre) * GRID / sd).powi(2)).exp()).collect();
            let sum: f64 = raw.iter().sum();
            raw.iter().map(|w| w / sum).collect()
        };
        let start = bell(c.start_sd);
        let rows = c
            .shapes
            .iter()
            .zip(&c.shape_shares)
            .map(|(shape, share)| (*shape, start.iter().map(|w| w * share).collect()))
            .collect();
        Filter { rows, usual: bell(c.jump_sd) }
    }

    /// Time passes: drift and the chance of a jump.
    fn pass(&mut self, weeks: f64, c: &UsageConstants) {
        if weeks <= 0.0 {
            return;
        }
        let jump = 1.0 - (1.0 - c.jump_week).powf(weeks);
        // A three-point kernel with the right variance, repeated until it is narrow enough.
        let variance = c.drift_week * weeks / (GRID * GRID);
        let rounds = (variance / 0.6).ceil().clamp(1.0, 40.0);
        let side = (0.5 * variance / rounds).min(0.45);
        for (_, row) in &mut self.rows {
            for _ in 0..rounds as usize {
                let mut left = row[0];
                for i in 0..POINTS {
                    let here = row[i];
                    let right = if i + 1 < POINTS { row[i + 1] } else { here };
                    row[i] = here + side * (left - 2.0 * here + right);
                    left = here;
                }
            }
            let mass: f64 = row.iter().sum();
            for (w, usual) in row.iter_mut().zip(&self.usual) {
                *w = *w * (1.0 - jump) + mass * usual * jump;
            }
        }
    }

    fn see(&mut self, block: &Block, log_low: f64, c: &UsageConstants) {
        if block.work < c.work_min {
            return;
        }
        let weeks = block.work / 7.0;
        let mean = block.pages.max(0.3) / block.work;
        // By level: how far the week is from what it should have been, on the scale of the gamma density.
        let excess: Vec<f64> = (0..POINTS)
            .map(|i| {
                let ratio = mean.ln() - (log_low + i as f64 * GRID);
                ratio - ratio.exp() + 1.0
            })
            .collect();
        let mut top = 0.0_f64;
        for (shape, row) in &mut self.rows {
            let (usual, odd) = (*shape * weeks, *shape * weeks * c.odd_factor);
            let (norm, norm_odd) = (gamma_norm(usual).exp(), gamma_norm(odd).exp());
            for (w, excess) in row.iter_mut().zip(&excess) {
                // An odd week matters only where a usual one is out of the question.
                let far = usual * excess;
                let odd = if far < -2.0 { c.odd_share * norm_odd * (odd * excess).exp() } else { 0.0 };
                let usual = if far > -40.0 { (1.0 - c.odd_share) * norm * far.exp() } else { 0.0 };
                *w *= usual + odd + 1e-9;
                top = top.max(*w);
            }
        }
        if top > 0.0 {
            for (_, row) in &mut self.rows {
                row.iter_mut().for_each(|w| *w /= top);
            }
        }
    }

    fn finish(self) -> (Vec<f64>, f64) {
        let mut weights = vec![0.0; POINTS];
        let (mut sum, mut log_shape) = (0.0, 0.0);
        for (shape, row) in &self.rows {
            let mass: f64 = row.iter().sum();
            sum += mass;
            log_shape += mass * shape.ln();
            for (total, w) in weights.iter_mut().zip(row) {
                *total += w;
            }
        }
        let sum = sum.max(1e-300);
        weights.iter_mut().for_each(|w| *w /= sum);
        (weights, (log_shape / sum).exp())
    }
}

/// ln of a^a e^-a / Gamma(a): the gamma density of log(amount / mean) at the mean.
fn gamma_norm(a: f64) -> f64 {
    a * a.ln() - a - ln_gamma(a)
}

/// Stirling's series after shifting the argument above 6.
pub fn ln_gamma(a: f64) -> f64 {
    let (mut x, mut shift) = (a.max(1e-6), 0.0);
    while x < 6.0 {
        shift += x.ln();
        x += 1.0;
    }
    let i = 1.0 / x;
    (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_7 + i * (1.0 / 12.0 - i * i * (1.0 / 360.0 - i * i / 1260.0)) - shift
}

impl Pace {
    /// Median pages per work.
    pub fn median(&self) -> f64 {
        let mut sum = 0.0;
        for (i, w) in self.weights.iter().enumerate() {
            sum += w;
            if sum >= 0.5 {
                return (self.log_low + i as f64 * GRID).exp();
            }
        }
        self.log_usual.exp()
    }

    /// Mean and variance of the log level.
    pub fn moments(&self) -> (f64, f64) {
        let mean: f64 = self.weights.iter().enumerate().map(|(i, w)| w * i as f64).sum();
        let square: f64 = self.weights.iter().enumerate().map(|(i, w)| w * (i as f64 - mean).powi(2)).sum();
        (self.log_low + mean * GRID, square * GRID * GRID)
    }
}
