//! How a display shows a level: in which steps, with how much noise, whether it rests at 1 % (a dot count), and when it says only "some".
//! Learned from all devices of a model, because one device has seen too little.

use crate::forecast::series::{Level, Read};

/// What a shown level means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Display {
    /// Points between two levels it can show.
    pub step: f64,
    /// Shown levels bounce by about this many points (0 = never up without a swap).
    pub noise: f64,
    /// The shown level rests at 1 % until the engine says empty.
    pub rests: bool,
    /// Below this level the device says "some" (-3).
    pub some_below: f64,
    /// Standard deviation of the error of the shown level at empty, in points.
    pub error_sd: f64,
    /// Points the shown level is above the true one on average (rounding; negative when it rounds down).
    pub offset: f64,
}

impl Default for Display {
    fn default() -> Self {
        Display { step: 1.0, noise: 0.0, rests: false, some_below: 20.0, error_sd: 1.5, offset: 0.0 }
    }
}

/// Gathers evidence over the devices of a model.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    levels: std::collections::BTreeSet<i64>,
    ups: u32,
    moves: u32,
    before_some: Vec<f64>,
}

/// How long the cartridges of a model rested at 1 %, over all its supplies.
#[derive(Debug, Clone, Default)]
pub struct Rests {
    watched: u32,
    rested: u32,
}

impl Rests {
    /// One cartridge watched down to 1 %: pages printed there, pages per point above it. `over`: it was replaced since.
    pub fn add(&mut self, pages_at_one: f64, pages_per_point: f64, over: bool) {
        let rested = pages_at_one > 2.6 * pages_per_point;
        self.rested += u32::from(rested);
        self.watched += u32::from(over || rested);
    }

    /// Levels that are computed, not measured.
    pub fn rests(&self) -> bool {
        self.rested >= 2 && self.rested * 5 >= self.watched
    }
}

impl Evidence {
    pub fn add(&mut self, reads: &[Read], fills_up: bool) {
        let mut last: Option<f64> = None;
        for read in reads {
            match read.said(fills_up) {
                Level::Percent(level) => {
                    self.levels.insert((level * 10.0).round() as i64);
                    if let Some(before) = last.filter(|before| *before != level && (*before - level).abs() < 6.0) {
                        self.moves += 1;
                        self.ups += u32::from(level > before);
                    }
                    last = Some(level);
                }
                Level::Some => {
                    if let Some(level) = last.take() {
                        self.before_some.push(level);
                    }
                }
                Level::Unknown => {}
            }
        }
    }

    pub fn display(&self) -> Display {
        let levels: Vec<i64> = self.levels.iter().copied().collect();
        let mut gaps: Vec<i64> = levels.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        let step = match gaps.get(gaps.len() / 2) {
            Some(gap) if gaps.len() >= 2 => (*gap as f64 / 10.0).clamp(0.1, 50.0),
            _ => 1.0,
        };
        let mut before: Vec<f64> =
            self.before_some.iter().copied().filter(|level| *level < 60.0 && *level > 0.0).collect();
        before.sort_by(f64::total_cmp);
        let some_below = before.get(before.len() / 10).map_or(20.0, |level| level.clamp(3.0, 40.0));
        let bounces = self.moves >= 20 && f64::from(self.ups) > 0.12 * f64::from(self.moves);
        Display {
            step,
            noise: if bounces && step < 4.0 { 1.0 } else { 0.0 },
            rests: false,
            some_below,
            error_sd: 1.5,
            offset: 0.0,
        }
    }
}
