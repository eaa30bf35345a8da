//! When every supply will be empty, how sure that is, and why. Pure but for `data`, which reads and writes the files of a
//! backtest: no clock, no network, no database. Forecasts are estimates, so this module (and only this one) counts in
//! floating point.
//!
//! Read in this order: `series` (input), `fleet` (what all devices teach), `supply` (one forecast), then the ideas it uses:
//! `segment`, `step`, `rate`, `level`, `calendar`, `site`, `usage`, `depletion`, `interval`, `explain`; `swap` tells what
//! became of past cartridges. Method and figures: analytics/forecast-method.md.

#![expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::type_complexity,
    reason = "numbers of days, grid points and percent lie far inside the types that they are cast to"
)]

pub mod arithmetic;
pub mod backtest;
pub mod calendar;
pub mod constants;
pub mod data;
pub mod depletion;
pub mod display_error;
pub mod explain;
pub mod fit;
pub mod fit_interval;
pub mod fleet;
pub mod history;
pub mod interval;
pub mod lanes;
pub mod level;
pub mod meter;
pub mod normal;
pub mod outcome;
pub mod rate;
pub mod score;
pub mod segment;
pub mod series;
pub mod site;
pub mod step;
pub mod supply;
pub mod swap;
pub mod usage;

#[cfg(test)]
mod tests;
