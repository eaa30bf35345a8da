//! Pages per unit of work, now: a grid filter over the level and the burstiness of a device.
//! Work weeks arrive as gamma amounts around level x work; the level drifts, and sometimes jumps (a new tenant, a moved device).
//! A jump makes the filter forget by itself; no half-life is chosen. Promise: weights are finite, non-negative, and sum to 1.

use crate::forecast::arithmetic::{exp, ln, power};
use crate::forecast::calendar::Calendar;
use crate::forecast::constants::UsageConstants;
use crate::forecast::lanes::{Loop, wide};
use crate::forecast::meter::Interval;

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
pub const GRID: f64 = 0.075;
/// Grid points below and above the long-run level: a device may fall silent, but cannot print far above its own average.
const BELOW: usize = 46;
const POINTS: usize = 74;

type Row = [f64; POINTS];

/// Weeks older than this are taken three at a time: they only say what is usual, and it halves the work.
const FRESH_DAYS: f64 = 112.0;

/// Cuts the known intervals into blocks of about a week, counted back from the newest.
pub fn blocks(intervals: &[Interval], calendar: &Calendar) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    let newest = intervals.last().map_or(0.0, |one| one.to);
    let works: Vec<f64> = calendar.works(intervals).collect();
    for (one, work) in intervals.iter().zip(works).rev() {
        let Some(pages) = one.pages else { continue };
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
    let log_usual = ln(pages / work);
    let log_low = log_usual - GRID * BELOW as f64;
    let from = blocks.first()?.from;
    let (weights, shape) = wide(Weeks { blocks, from, until, log_low, c });
    Some(Pace { log_low, weights, shape, log_usual })
}

/// Blocks that the filter is to see, from one moment until another.
struct Weeks<'a> {
    blocks: &'a [Block],
    from: f64,
    until: f64,
    log_low: f64,
    c: &'a UsageConstants,
}

impl Loop for Weeks<'_> {
    /// Weights of the levels, and the shape.
    type Answer = (Vec<f64>, f64);

    #[inline(always)]
    fn run(self) -> Self::Answer {
        let Weeks { blocks, from, until, log_low, c } = self;
        let mut filter = Filter::new(c);
        let mut at = from;
        for block in blocks {
            let middle = 0.5 * (block.from + block.to);
            filter.pass((middle - at).max(0.0) / 7.0, c);
            at = middle;
            filter.see(block, log_low, c);
        }
        filter.pass((until - at).max(0.0) / 7.0, c);
        filter.finish()
    }
}

/// Joint weights: one row of levels per shape.
struct Filter {
    rows: Vec<(f64, Row)>,
    usual: Row,
}

/// A burstiness with less belief than this is given up: it halves the work.
const SHAPE_MASS_MIN: f64 = 1e-7;

impl Filter {
    fn new(c: &UsageConstants) -> Self {
        let bell = |sd: f64| -> Row {
            let mut row: Row = std::array::from_fn(|i| exp(-0.5 * ((i as f64 - BELOW as f64) * GRID / sd).powi(2)));
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|w| *w /= sum);
            row
        };
        let start = bell(c.start_sd);
        let rows =
            c.shapes.iter().zip(&c.shape_shares).map(|(shape, share)| (*shape, start.map(|w| w * share))).collect();
        Filter { rows, usual: bell(c.jump_sd) }
    }

    /// Time passes: drift and the chance of a jump.
    #[inline(always)]
    fn pass(&mut self, weeks: f64, c: &UsageConstants) {
        if weeks <= 0.0 {
            return;
        }
        let jump = 1.0 - power(1.0 - c.jump_week, weeks);
        // A three-point kernel with the right variance, repeated until it is narrow enough.
        let variance = c.drift_week * weeks / (GRID * GRID);
        let rounds = (variance / 0.6).ceil().clamp(1.0, 40.0);
        let side = (0.5 * variance / rounds).min(0.45);
        for (_, row) in &mut self.rows {
            for _ in 0..rounds as usize {
                spread(row, side);
            }
            let mass: f64 = row.iter().sum();
            for (w, usual) in row.iter_mut().zip(&self.usual) {
                *w = *w * (1.0 - jump) + mass * usual * jump;
            }
        }
    }

    #[inline(always)]
    fn see(&mut self, block: &Block, log_low: f64, c: &UsageConstants) {
        if block.work < c.work_min {
            return;
        }
        let weeks = block.work / 7.0;
        let log_mean = ln(block.pages.max(0.3) / block.work);
        // By level: how far the week is from what it should have been, on the scale of the gamma density.
        let excess: Row = std::array::from_fn(|i| {
            let ratio = log_mean - (log_low + i as f64 * GRID);
            ratio - exp(ratio) + 1.0
        });
        let mut masses = Vec::with_capacity(self.rows.len());
        for (shape, row) in &mut self.rows {
            let (usual, odd) = (*shape * weeks, *shape * weeks * c.odd_factor);
            let norm = (1.0 - c.odd_share) * exp(gamma_norm(usual));
            let norm_odd = c.odd_share * exp(gamma_norm(odd));
            for (w, excess) in row.iter_mut().zip(&excess) {
                *w *= norm * exp(usual * excess) + norm_odd * exp(odd * excess) + 1e-9;
            }
            masses.push(row.iter().sum::<f64>());
        }
        let sum: f64 = masses.iter().sum();
        if sum > 0.0 {
            let mut mass = masses.iter();
            self.rows.retain(|_| mass.next().is_some_and(|mass| *mass > SHAPE_MASS_MIN * sum));
            for (_, row) in &mut self.rows {
                row.iter_mut().for_each(|w| *w /= sum);
            }
        }
    }

    #[inline(always)]
    fn finish(self) -> (Vec<f64>, f64) {
        let mut weights = vec![0.0; POINTS];
        let (mut sum, mut log_shape) = (0.0, 0.0);
        for (shape, row) in &self.rows {
            let mass: f64 = row.iter().sum();
            sum += mass;
            log_shape += mass * ln(*shape);
            for (total, w) in weights.iter_mut().zip(row) {
                *total += w;
            }
        }
        let sum = sum.max(1e-300);
        weights.iter_mut().for_each(|w| *w /= sum);
        (weights, exp(log_shape / sum))
    }
}

/// A part `side` of every weight moves to each neighbour; nothing leaves at the ends.
#[inline(always)]
fn spread(row: &mut Row, side: f64) {
    let old = *row;
    for i in 1..POINTS - 1 {
        row[i] = old[i] + side * (old[i - 1] - 2.0 * old[i] + old[i + 1]);
    }
    row[0] = old[0] + side * (old[1] - old[0]);
    row[POINTS - 1] = old[POINTS - 1] + side * (old[POINTS - 2] - old[POINTS - 1]);
}

/// ln of a^a e^-a / Gamma(a): the gamma density of log(amount / mean) at the mean.
fn gamma_norm(a: f64) -> f64 {
    a * ln(a) - a - ln_gamma(a)
}

/// Stirling's series after shifting the argument above 6.
pub fn ln_gamma(a: f64) -> f64 {
    let (mut x, mut shift) = (a.max(1e-6), 0.0);
    while x < 6.0 {
        shift += ln(x);
        x += 1.0;
    }
    let i = 1.0 / x;
    (x - 0.5) * ln(x) - x + 0.918_938_533_204_672_7 + i * (1.0 / 12.0 - i * i * (1.0 / 360.0 - i * i / 1260.0)) - shift
}

impl Pace {
    /// Median pages per work.
    pub fn median(&self) -> f64 {
        let mut sum = 0.0;
        for (i, w) in self.weights.iter().enumerate() {
            sum += w;
            if sum >= 0.5 {
                return exp(self.log_low + i as f64 * GRID);
            }
        }
        exp(self.log_usual)
    }

    /// Mean and variance of the log level.
    pub fn moments(&self) -> (f64, f64) {
        let mean: f64 = self.weights.iter().enumerate().map(|(i, w)| w * i as f64).sum();
        let square: f64 = self.weights.iter().enumerate().map(|(i, w)| w * (i as f64 - mean).powi(2)).sum();
        (self.log_low + mean * GRID, square * GRID * GRID)
    }
}
