//! Forecasts all supplies of a tenant from what ClickHouse holds, and keeps what was said.

use std::path::Path;
use std::sync::Arc;

use schemas::store::supplies::ForecastRow;
use serde::Serialize;

use super::judge::{Case, Ground, Judging};
use super::stored_second;
use crate::billing::calendar::Instant;
use crate::config::ForecastConfig;
use crate::forecast::constants::{Constants, ConstantsError};
use crate::forecast::data::{self, DataError};
use crate::forecast::series::Facts;
use crate::ledger::store::WriteError;
use crate::limits::FORECASTS_PER_INSERT;
use crate::read::{ReadError, TenantStore};

/// Version of the JSON shape below.
pub const OUTLOOK_VERSION: u32 = 2;

/// The answer of `analytics forecast`, as JSON: what runs out next stands first, what cannot be said last.
#[derive(Debug, Serialize)]
pub struct Outlook {
    pub version: u32,
    pub as_of: String,
    pub supplies: Vec<SupplyOutlook>,
}

/// One supply. `days` is null where nothing can be said; then `reason` says why.
#[derive(Debug, Clone, Serialize)]
pub struct SupplyOutlook {
    pub tenant: String,
    pub device: String,
    pub model: String,
    pub site: String,
    pub slot: String,
    /// K, C, M, Y, drum, waste, ...
    pub supply: String,
    pub color: String,
    pub description: String,
    pub level_percent: Option<f64>,
    pub days: Option<Days>,
    /// How far off such a forecast is on average, in days.
    pub expected_error_days: Option<f64>,
    /// The day of `days.p50`, UTC.
    pub empty_on: Option<String>,
    pub reason: String,
}

/// Days from `as_of` on; 80 % of alike forecasts come true between `p10` and `p90`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Days {
    pub p10: f64,
    pub p50: f64,
    pub p90: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum ForecastRunError {
    #[error("the forecaster's constants: {0}")]
    Constants(#[from] ConstantsError),
    #[error("{what} of [forecast]: {source}")]
    Facts { what: &'static str, source: DataError },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("keep the forecasts: {0}")]
    Keep(#[from] WriteError),
}

/// The constants of this build and what the configuration knows of yields and holidays.
///
/// # Errors
/// When a file cannot be read.
pub fn ground(config: &ForecastConfig) -> Result<Ground, ForecastRunError> {
    let mut facts = Facts::default();
    let named = |path: &Path| !path.as_os_str().is_empty();
    if named(&config.catalog) {
        facts.nominal_yield =
            data::catalog(&config.catalog).map_err(|source| ForecastRunError::Facts { what: "catalog", source })?;
    }
    if named(&config.holidays) {
        facts.holidays =
            data::holidays(&config.holidays).map_err(|source| ForecastRunError::Facts { what: "holidays", source })?;
    }
    Ok(Ground { constants: Arc::new(Constants::shipped()?), facts: Arc::new(facts) })
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Run {
    /// Unordered; empty unless `show` was asked for.
    pub supplies: Vec<SupplyOutlook>,
    pub said: usize,
    pub unsaid: usize,
}

/// All supplies of the tenant as seen at `as_of`; `keep` writes them into `forecasts`. Without `show` memory does not grow with
/// the fleet.
///
/// # Errors
/// [`ForecastRunError`].
pub async fn run(
    store: &TenantStore,
    ground: &Ground,
    as_of: Instant,
    keep: bool,
    show: bool,
) -> Result<Run, ForecastRunError> {
    let mut run = Run::default();
    let mut rows: Vec<ForecastRow> = Vec::new();
    let mut judging = Judging::begin(store, ground.clone(), as_of, None).await?;
    while let Some(cases) = judging.next().await? {
        if keep {
            rows.extend(cases.iter().map(|case| row_of(case, store.tenant(), ground, as_of)));
        }
        if rows.len() >= FORECASTS_PER_INSERT {
            store.add_forecasts(&rows).await?;
            rows.clear();
        }
        let said = cases.iter().filter(|case| case.judged.answer.is_ok()).count();
        run.said += said;
        run.unsaid += cases.len() - said;
        if show {
            run.supplies.extend(cases.iter().map(|case| outlook_of(case, store.tenant(), as_of)));
        }
    }
    store.add_forecasts(&rows).await?;
    Ok(run)
}

/// What runs out next first; then by tenant, device and slot.
pub fn outlook(as_of: Instant, mut supplies: Vec<SupplyOutlook>) -> Outlook {
    let key = |of: &SupplyOutlook| of.days.map_or(f64::INFINITY, |days| days.p50);
    supplies.sort_by(|a, b| {
        key(a).total_cmp(&key(b)).then_with(|| (&a.tenant, &a.device, &a.slot).cmp(&(&b.tenant, &b.device, &b.slot)))
    });
    Outlook { version: OUTLOOK_VERSION, as_of: as_of.to_string(), supplies }
}

/// A judged supply as people and programs see it.
pub fn outlook_of(case: &Case, tenant: &str, as_of: Instant) -> SupplyOutlook {
    let (level_percent, days, error, reason) = match &case.judged.answer {
        Ok((said, parts)) => {
            let days = Days { p10: tenth(said.p10), p50: tenth(said.p50), p90: tenth(said.p90) };
            (Some(tenth(parts.left.level.mean)), Some(days), Some(tenth(said.expected_error)), said.reason.clone())
        }
        Err(cannot) => (case.judged.shown.map(tenth), None, None, cannot.to_string()),
    };
    SupplyOutlook {
        tenant: tenant.to_owned(),
        device: case.device.device.clone(),
        model: case.device.model.clone(),
        site: case.device.site.clone(),
        slot: case.supply.slot.clone(),
        supply: case.name.clone(),
        color: case.supply.color.clone(),
        description: case.supply.description.clone(),
        level_percent,
        expected_error_days: error,
        empty_on: days.and_then(|days| day_after(as_of, days.p50)),
        days,
        reason,
    }
}

fn row_of(case: &Case, tenant: &str, ground: &Ground, as_of: Instant) -> ForecastRow {
    let said = case.judged.answer.as_ref().ok();
    ForecastRow {
        tenant: tenant.to_owned(),
        device: case.device.device.clone(),
        slot: case.supply.slot.clone(),
        as_of: stored_second(as_of.0),
        supply: case.name.clone(),
        model: case.device.model.clone(),
        site: case.device.site.clone(),
        constants: ground.constants.version,
        p10: said.map(|said| said.0.p10),
        p50: said.map(|said| said.0.p50),
        p90: said.map(|said| said.0.p90),
        expected_error: said.map(|said| said.0.expected_error),
        level: said.map(|said| said.1.left.level.mean),
        reason: match &case.judged.answer {
            Ok(said) => said.0.reason.clone(),
            Err(cannot) => cannot.to_string(),
        },
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The date some days after an instant.
pub fn day_after(as_of: Instant, days: f64) -> Option<String> {
    let span = jiff::SignedDuration::try_from_secs_f64(days * 86_400.0).ok()?;
    let at = jiff::Timestamp::from_second(as_of.0).ok()?.checked_add(span).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_emptiness_is_counted_from_the_run() {
        let as_of: Instant = "2026-01-30T12:00:00Z".parse().unwrap();
        assert_eq!(day_after(as_of, 2.6).as_deref(), Some("2026-02-02"));
        assert_eq!(day_after(as_of, f64::NAN), None);
    }
}
