//! The fitted numbers, read from a versioned TOML that says on what it was fitted. Unknown keys are refused.

use serde::{Deserialize, Serialize};

use crate::forecast::calendar::{Hours, Kind};
use crate::forecast::interval::IntervalConstants;

#[derive(Debug, thiserror::Error)]
pub enum ConstantsError {
    #[error("read forecast constants: {0}")]
    Parse(#[from] toml::de::Error),
    #[error("forecast constants: {0} must be {1}")]
    Range(&'static str, &'static str),
}

/// All constants of the forecaster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    pub version: u32,
    /// Data, rows and method behind these numbers.
    pub fitted_on: String,
    pub usage: UsageConstants,
    pub depletion: DepletionConstants,
    pub rate: RateConstants,
    pub level: LevelConstants,
    pub interval: IntervalConstants,
    pub calendar: CalendarConstants,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageConstants {
    /// Variance of the log level per week.
    pub drift_week: f64,
    /// Chance of a jump per week, and the spread of the level after it around the long-run level.
    pub jump_week: f64,
    pub jump_sd: f64,
    pub start_sd: f64,
    /// Share of odd weeks and how much less such a week says.
    pub odd_share: f64,
    pub odd_factor: f64,
    /// Burstiness: gamma shapes of a week and their shares among devices.
    pub shapes: Vec<f64>,
    pub shape_shares: Vec<f64>,
    /// Blocks with less work say nothing.
    pub work_min: f64,
    pub weeks_max: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepletionConstants {
    pub shape_factor: f64,
    /// Exponent of averaging over weeks: 1 = independent weeks.
    pub averaging: f64,
    pub drift_week: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConstants {
    /// Spread of ln(rate) between slots of a model and supply (toner; drums and waste), before data.
    pub slot_sd: f64,
    pub drum_sd: f64,
    /// Slots the first guess counts as, when a model is averaged.
    pub model_prior_slots: f64,
    /// ln(rate) of a supply nobody knows the yield of.
    pub unknown_log_rate: f64,
    pub unknown_sd: f64,
    /// Spread between cartridges of a slot, and drift of the slot from one to the next.
    pub cartridge_sd: f64,
    pub slot_drift: f64,
    pub third_share: f64,
    pub third_shift: f64,
    pub third_sd: f64,
    pub starter_share: f64,
    pub starter_shift: f64,
    pub starter_sd: f64,
    /// Variance in points squared per point used (coverage changes from job to job).
    pub wander: f64,
    /// A segment watched over fewer points says nothing about the rate.
    pub drop_min: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelConstants {
    /// Error in points of a shown level at empty, before a model's cartridges were watched.
    pub error_guess: f64,
    /// Share of the variance of that error that the cartridges of a device have in common.
    pub error_shared: f64,
    /// Spread of a full cartridge around 100.
    pub full_sd: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarConstants {
    pub hours: Hours,
    /// Half-width of the window that gives a device's own level.
    pub around_days: f64,
    /// How much one read says about the kind of site (below 1: reads of a week are alike).
    pub kind_temper: f64,
    pub weekday_prior_weeks: f64,
    pub holiday_prior_days: f64,
    pub kind: Vec<Kind>,
}

/// The constants shipped with the program.
pub const SHIPPED: &str = include_str!("constants.toml");

impl Constants {
    pub fn parse(text: &str) -> Result<Self, ConstantsError> {
        let constants: Constants = toml::from_str(text)?;
        constants.check()?;
        Ok(constants)
    }

    pub fn shipped() -> Result<Self, ConstantsError> {
        Constants::parse(SHIPPED)
    }

    fn check(&self) -> Result<(), ConstantsError> {
        let u = &self.usage;
        if u.shapes.is_empty()
            || u.shapes.len() != u.shape_shares.len()
            || u.shapes.iter().any(|shape| !(0.01..=1000.0).contains(shape))
        {
            return Err(ConstantsError::Range("usage.shapes", "as many as usage.shape_shares, each 0.01 to 1000"));
        }
        if self.calendar.kind.is_empty() {
            return Err(ConstantsError::Range("calendar.kind", "given at least once"));
        }
        if self.calendar.hours.close <= self.calendar.hours.open {
            return Err(ConstantsError::Range("calendar.hours.close", "after open"));
        }
        Ok(())
    }
}
