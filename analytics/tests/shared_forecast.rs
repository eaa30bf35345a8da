//! The forecasts of the fleet in `../shared/forecast` meet the goals of the forecasting issue, by its own scores.
//!
//! Needs the folder `shared` beside the checkout, or where `PLATEN_SHARED` says.
#![cfg(feature = "recordings")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use analytics::forecast::constants::Constants;
use analytics::forecast::{backtest, data, score};

#[test]
fn the_goals_are_met_on_the_shared_fleet() {
    let dir = shared();
    let (devices, facts) = data::load(&dir).unwrap();
    let truth = data::truth(&dir.join("truth.csv")).unwrap();
    let pairs = data::pairs(&dir.join("truth.csv")).unwrap();
    let found = backtest::run(&devices, &facts, &Constants::shipped().unwrap(), &pairs, &|_, _| {});
    let said: BTreeMap<(String, String, String), [f64; 3]> = found
        .into_iter()
        .filter_map(|(pair, answer)| {
            let forecast = answer.ok()?.0;
            Some(((pair.device, pair.supply, pair.origin), [forecast.p10, forecast.p50, forecast.p90]))
        })
        .collect();
    assert_eq!(said.len(), truth.len(), "every row is answered");
    let rows = score::join(&truth, &said);
    let scores = score::score(&rows.iter().collect::<Vec<_>>());
    for (name, value) in &scores.0 {
        println!("{name:22} {value:.3}");
    }
    // The goals of the issue; "within 3 days" has the only one that 168 rows cannot decide, so its interval must hold it.
    for (name, most) in
        [("mae_at_14", 6.0), ("medae_at_14", 3.8), ("mae_le_60", 8.5), ("pinball_all", 3.1), ("stockout_rate", 0.05)]
    {
        assert!(scores.get(name) <= most, "{name} is {}, more than {most}", scores.get(name));
    }
    assert!(scores.get("median_days_on_shelf") <= 12.0);
    let coverage = scores.get("coverage80_p50_le_60");
    assert!((0.76..=0.84).contains(&coverage), "the 80 % interval held in {coverage}");
    let bounds = score::bootstrap(&rows, 200);
    let within = bounds.iter().find(|bound| bound.0 == "within_3d_at_14").unwrap();
    assert!(within.1 <= 0.45 && 0.45 <= within.2 || within.1 > 0.45, "within 3 days: {within:?}");
}

fn shared() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test finds its material here; it has no configuration")]
    let told = std::env::var("PLATEN_SHARED");
    let shared = told.map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    shared.join("forecast")
}
