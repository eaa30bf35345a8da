//! Fits the interval table: by class and horizon, the factor that makes each quantile hold on past forecasts.
//! Promise: few or correlated forecasts move little (shrunk towards no correction); no class is fitted on the rows it is judged on
//! when `cross_validate` is asked.

use crate::forecast::arithmetic::{exp, ln};
use crate::forecast::interval::{Class, IntervalConstants, Trust};

/// A past forecast before calibration, with what happened.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub device: String,
    pub trust: Trust,
    pub raw: [f64; 3],
    /// Days until really empty, capped at `CAP`.
    pub truth: f64,
}

/// Truth is not known beyond this.
pub const CAP: f64 = 120.0;
/// Weekly forecasts of one cartridge tell nearly the same: this many count as one.
const ALIKE: f64 = 4.0;
/// Independent forecasts the "no correction" counts as.
const PRIOR: f64 = 40.0;

pub fn fit(outcomes: &[&Outcome], constants: &IntervalConstants) -> Vec<Class> {
    [Trust::Fine, Trust::Coarse, Trust::Bursty]
        .into_iter()
        .map(|trust| Class {
            name: trust.name().to_owned(),
            factors: (0..=constants.horizons.len())
                .map(|horizon| {
                    let own: Vec<&&Outcome> = outcomes
                        .iter()
                        .filter(|o| o.trust == trust && constants.horizon(o.raw[1]) == horizon)
                        .collect();
                    [0, 1, 2].map(|i| factor(&own, i, constants.ask[i]))
                })
                .collect(),
        })
        .collect()
}

/// The factor at which a share `target` of the truths is below, shrunk towards 1.
fn factor(own: &[&&Outcome], i: usize, target: f64) -> f64 {
    let mut ratios: Vec<f64> = own
        .iter()
        .map(|o| if o.truth >= CAP - 0.01 { f64::INFINITY } else { (o.truth + 0.3) / (o.raw[i] + 0.3) })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let Some(found) =
        ratios.get((ratios.len() as f64 * target) as usize).filter(|ratio| ratio.is_finite() && **ratio > 0.0)
    else {
        return 1.0;
    };
    let count = ratios.len() as f64 / ALIKE;
    let shrunk = exp(ln(*found).clamp(-0.7, 0.7) * count / (count + PRIOR));
    (shrunk * 1000.0).round() / 1000.0
}

/// Mean absolute error of p50 as a share of p50 by horizon class.
pub fn error_share(outcomes: &[&Outcome], constants: &IntervalConstants) -> Vec<f64> {
    (0..=constants.horizons.len())
        .map(|horizon| {
            let own: Vec<f64> = outcomes
                .iter()
                .filter(|o| constants.horizon(o.raw[1]) == horizon && o.raw[1] < CAP)
                .map(|o| (o.raw[1] - o.truth).abs() / o.raw[1].max(2.0))
                .collect();
            let mean = (own.iter().map(|share| share.min(2.0)).sum::<f64>() + 3.0) / (own.len() as f64 + 10.0);
            (mean * 1000.0).round() / 1000.0
        })
        .collect()
}
