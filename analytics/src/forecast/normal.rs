//! The normal distribution: density, distribution, and the first two moments of its truncation.
//! Promise: finite for finite input; no tables, so the same bits every time.

use crate::forecast::arithmetic::{exp, ln};

/// Density.
#[inline(always)]
pub fn density(z: f64) -> f64 {
    exp(-0.5 * z * z) * 0.398_942_280_401_432_7
}

/// Distribution (Abramowitz and Stegun 7.1.26, absolute error below 1e-7).
#[inline(always)]
pub fn below(z: f64) -> f64 {
    let z = z.clamp(-8.0, 8.0);
    below_with(z, exp(-0.5 * z * z))
}

/// The same where e^(-z^2/2) is known already.
#[inline(always)]
fn below_with(z: f64, bell: f64) -> f64 {
    let x = z.abs() * std::f64::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let tail = 0.5 * poly * bell;
    if z >= 0.0 { 1.0 - tail } else { tail }
}

/// A mean and a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bell {
    pub mean: f64,
    pub sd: f64,
}

impl Bell {
    /// The bell after learning that the value lies in `low..=high`, and the log of the probability it gave to that
    /// (never below `ln 3e-4`: one impossible read is an odd read, not the end of the belief).
    // All three cases are worked out and one is chosen: without branches a loop over bells is worked on several at a time.
    #[inline(always)]
    pub fn within(self, low: f64, high: f64) -> (Bell, f64) {
        const ODD: f64 = -8.0;
        let sd = self.sd.max(1e-6);
        let (a, b) = ((low - self.mean) / sd, (high - self.mean) / sd);
        // A narrow slice of a wide bell is flat.
        let narrow = (b - a < 0.05) & (a.abs().min(b.abs()) < 6.0);
        let slice = density(0.5 * (a + b)) * (b - a);
        let (a, b) = (a.clamp(-8.0, 8.0), b.clamp(-8.0, 8.0));
        let (bell_a, bell_b) = (exp(-0.5 * a * a), exp(-0.5 * b * b));
        let mass = below_with(b, bell_b) - below_with(a, bell_a);
        // Next to nothing was expected there: the nearest edge.
        let odd = mass < 1e-5;
        let (da, db) = (0.398_942_280_401_432_7 * bell_a, 0.398_942_280_401_432_7 * bell_b);
        let shift = (da - db) / mass;
        let variance = (1.0 + (a * da - b * db) / mass - shift * shift).clamp(1e-6, 1.0);
        let edge = if self.mean > high { high } else { low };
        let usual = Bell { mean: self.mean + sd * shift, sd: sd * variance.sqrt() };
        let log = ln(if narrow { slice.max(1e-12) } else { mass }).max(ODD);
        let either = |narrow_case: f64, odd_case: f64, usual: f64| {
            let wide = if odd { odd_case } else { usual };
            if narrow { narrow_case } else { wide }
        };
        let bell = Bell {
            mean: either(0.5 * (low + high), edge, usual.mean),
            sd: either((high - low) / 12f64.sqrt(), (0.25 * (high - low)).min(sd), usual.sd),
        };
        (bell, either(log, ODD, log))
    }

    /// The bell after a measurement with its own error, and the log density the measurement had.
    #[inline(always)]
    pub fn measured(self, value: f64, error_sd: f64) -> (Bell, f64) {
        let (v, e) = (self.sd * self.sd, error_sd * error_sd);
        let total = (v + e).max(1e-12);
        let z2 = (value - self.mean) * (value - self.mean) / total;
        let bell = Bell { mean: self.mean + (value - self.mean) * v / total, sd: (v * e / total).sqrt() };
        (bell, (-0.5 * z2 - 0.5 * ln(total)).max(-8.0))
    }
}
