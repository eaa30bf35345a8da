//! How right past forecasts were, from `forecasts` and from what the levels showed since: the scores of the backtest, over
//! all, per model, per site and per horizon.

use std::collections::BTreeMap;

use serde::Serialize;

use super::forecast::ForecastRunError;
use super::judge::{Case, Ground, Judging};
use super::stored_second;
use crate::billing::calendar::Instant;
use crate::forecast::outcome::{Outcome, outcome};
use crate::forecast::score::Group;
use crate::limits::FORECAST_HISTORY_DAYS;
use crate::read::TenantStore;

/// The answer of `analytics forecast score`, as JSON.
#[derive(Debug, Default, Serialize)]
pub struct LiveScores {
    /// Forecasts of supplies that ran empty since; what is scored.
    pub ended: usize,
    /// Of cartridges that were changed before their end: not scored.
    pub changed_early: usize,
    /// Of cartridges that are still in use: not scored yet.
    pub running: usize,
    pub groups: Vec<Group>,
}

/// One ended forecast.
struct Ended {
    labels: [(&'static str, String); 4],
    truth: f64,
    days: [f64; 3],
}

/// Scores what was said of a tenant's supplies in the history that is looked at.
///
/// # Errors
/// [`ForecastRunError`].
pub async fn live(store: &TenantStore, ground: &Ground, as_of: Instant) -> Result<LiveScores, ForecastRunError> {
    let mut scores = LiveScores::default();
    let mut ended = Vec::new();
    let mut judging = Judging::begin(store, ground.clone(), as_of, None).await?.with_levels();
    while let Some(cases) = judging.next().await? {
        let mut devices: Vec<&str> = cases.iter().map(|case| case.device.device.as_str()).collect();
        devices.dedup();
        let from = stored_second(as_of.0 - FORECAST_HISTORY_DAYS * 86_400);
        let said = store.forecasts(&devices, from, stored_second(as_of.0)).await?;
        let slots: BTreeMap<(&str, &str), &Case> =
            cases.iter().map(|case| ((case.device.device.as_str(), case.supply.slot.as_str()), case)).collect();
        for row in said {
            let Some(case) = slots.get(&(row.device.as_str(), row.slot.as_str())) else { continue };
            let (Some(p10), Some(p50), Some(p90)) = (row.p10, row.p50, row.p90) else { continue };
            match outcome(&case.seen, &case.judged.swaps, f64::from(row.as_of) / 86_400.0) {
                Outcome::Running => scores.running += 1,
                Outcome::Early { .. } => scores.changed_early += 1,
                Outcome::Empty { days } => {
                    scores.ended += 1;
                    let labels = [
                        ("all", String::new()),
                        ("model", row.model),
                        ("site", row.site),
                        ("horizon", horizon(p50).to_owned()),
                    ];
                    ended.push(Ended { labels, truth: days, days: [p10, p50, p90] });
                }
            }
        }
    }
    scores.groups = groups(&ended);
    Ok(scores)
}

/// Horizons by what was said, so that a calibrated forecaster is not punished for the choice.
fn horizon(p50: f64) -> &'static str {
    match p50 {
        days if days < 7.0 => "under 7 days",
        days if days < 14.0 => "7 to 14 days",
        days if days < 30.0 => "14 to 30 days",
        days if days < 60.0 => "30 to 60 days",
        _ => "60 days and more",
    }
}

/// Days until empty, and [p10, p50, p90].
type Row = (f64, [f64; 3]);

fn groups(ended: &[Ended]) -> Vec<Group> {
    let mut rows: BTreeMap<(usize, &str, &str), Vec<Row>> = BTreeMap::new();
    for one in ended {
        for (order, (kind, name)) in one.labels.iter().enumerate() {
            rows.entry((order, kind, name)).or_default().push((one.truth, one.days));
        }
    }
    rows.into_iter().map(|((_, kind, name), rows)| Group::of(kind, name, &rows)).collect()
}
