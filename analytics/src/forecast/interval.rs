//! Turns the model's chances into honest ones: which model quantile is really exceeded in 10 %, 50 %, 90 % of cases,
//! by kind of display and history and by horizon, learned from own forecasts against what happened.

use serde::{Deserialize, Serialize};

/// Model quantiles to ask for, and factors on the answer, per class.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalConstants {
    /// Model quantiles asked for p10, p50, p90.
    pub ask: [f64; 3],
    /// Upper bounds of the horizon classes in days (of the model's p50); the last class has no bound.
    pub horizons: Vec<f64>,
    pub class: Vec<Class>,
    /// Expected absolute error as a share of p50, and a floor in days, per horizon class.
    pub error_share: Vec<f64>,
}

/// Factors on p10, p50, p90 per horizon class.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub name: String,
    pub factors: Vec<[f64; 3]>,
}

/// What decides the class of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Fine display, steady printing.
    Fine,
    /// Steps of 4 points and more, or a level computed from dots.
    Coarse,
    /// Bursts with silence between.
    Bursty,
}

impl Trust {
    pub fn of(step: f64, rests: bool, shape: f64) -> Self {
        if shape < 1.5 {
            Trust::Bursty
        } else if step >= 4.0 || rests {
            Trust::Coarse
        } else {
            Trust::Fine
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Trust::Fine => "fine",
            Trust::Coarse => "coarse",
            Trust::Bursty => "bursty",
        }
    }
}

impl IntervalConstants {
    /// The class of a horizon.
    pub fn horizon(&self, p50: f64) -> usize {
        self.horizons.partition_point(|bound| *bound <= p50)
    }

    /// Calibrated days, ordered.
    pub fn calibrate(&self, days: [f64; 3], trust: Trust) -> [f64; 3] {
        let mut found = days;
        if let Some(class) = self.class.iter().find(|class| class.name == trust.name()) {
            // Between the middles of two horizon classes the factors glide, so that a forecast never jumps by a class border.
            let factors = self.glide(days[1], &class.factors);
            for (day, factor) in found.iter_mut().zip(factors) {
                *day *= factor;
            }
        }
        found[0] = found[0].min(found[1]);
        found[2] = found[2].max(found[1]);
        found
    }

    fn glide(&self, p50: f64, factors: &[[f64; 3]]) -> [f64; 3] {
        let middle = |i: usize| -> f64 {
            let low = if i == 0 { 0.0 } else { self.horizons.get(i - 1).copied().unwrap_or(0.0) };
            let high = self.horizons.get(i).copied().unwrap_or(low * 1.6);
            0.5 * (low + high)
        };
        let last = factors.len().saturating_sub(1);
        let after = (0..factors.len()).find(|i| middle(*i) > p50).unwrap_or(last);
        let before = after.saturating_sub(usize::from(middle(after) > p50));
        let (Some(a), Some(b)) = (factors.get(before), factors.get(after)) else {
            return [1.0; 3];
        };
        let span = middle(after) - middle(before);
        let part = if span > 0.0 { ((p50 - middle(before)) / span).clamp(0.0, 1.0) } else { 0.0 };
        [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * part)
    }

    pub fn expected_error(&self, p50: f64) -> f64 {
        let share = self.error_share.get(self.horizon(p50)).or(self.error_share.last()).copied().unwrap_or(0.3);
        (share * p50).max(0.7)
    }
}
