//! The scores of score.py, in the same arithmetic, plus bootstrap intervals over devices.

use std::collections::BTreeMap;

use crate::forecast::data::{Truth, parse_day};

const CAP: f64 = 120.0;
const LEAD: f64 = 5.0;
const REVIEW: f64 = 7.0;

/// A true value with its forecast.
#[derive(Debug, Clone)]
pub struct Row {
    pub device: String,
    pub supply: String,
    pub cartridge: String,
    pub origin: f64,
    pub truth: f64,
    pub days: [f64; 3],
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores(pub Vec<(&'static str, f64)>);

impl Scores {
    pub fn get(&self, name: &str) -> f64 {
        self.0.iter().find(|score| score.0 == name).map_or(f64::NAN, |score| score.1)
    }
}

fn clip(x: f64) -> f64 {
    x.clamp(0.0, CAP)
}

/// Joins truth with forecasts (device, supply, origin) -> days; a missing one counts as 120 days.
pub fn join(truth: &[Truth], forecasts: &BTreeMap<(String, String, String), [f64; 3]>) -> Vec<Row> {
    truth
        .iter()
        .map(|t| {
            let mut days = forecasts
                .get(&(t.device.clone(), t.supply.clone(), t.origin.clone()))
                .copied()
                .unwrap_or([CAP; 3])
                .map(clip);
            days.sort_by(f64::total_cmp);
            Row {
                device: t.device.clone(),
                supply: t.supply.clone(),
                cartridge: t.cartridge.clone(),
                origin: f64::from(parse_day(&t.origin).unwrap_or(0)),
                truth: clip(t.remaining_days),
                days,
            }
        })
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { f64::NAN } else { (values[(n - 1) / 2] + values[n / 2]) / 2.0 }
}

fn pinball(y: f64, q: f64, t: f64) -> f64 {
    (t * (y - q)).max((t - 1.0) * (y - q))
}

pub fn score(rows: &[&Row]) -> Scores {
    let near: Vec<f64> = rows.iter().filter(|r| r.truth <= 60.0).map(|r| (r.truth - r.days[1]).abs()).collect();
    let at14: Vec<&&Row> = rows.iter().filter(|r| (11.0..=17.0).contains(&r.truth)).collect();
    let off: Vec<f64> = at14.iter().map(|r| (r.truth - r.days[1]).abs()).collect();
    let selected: Vec<&&Row> = rows.iter().filter(|r| r.days[1] <= 60.0).collect();
    let share =
        |test: &dyn Fn(&Row) -> bool| mean(&selected.iter().map(|r| f64::from(u8::from(test(r)))).collect::<Vec<_>>());
    let pin: Vec<f64> = rows
        .iter()
        .map(|r| {
            (pinball(r.truth, r.days[0], 0.1) + pinball(r.truth, r.days[1], 0.5) + pinball(r.truth, r.days[2], 0.9))
                / 3.0
        })
        .collect();
    let (cartridges, stockouts, shelf) = policy(rows);
    Scores(vec![
        ("rows", rows.len() as f64),
        ("n_true_le_60", near.len() as f64),
        ("n_at_14", at14.len() as f64),
        ("mae_at_14", mean(&off)),
        ("medae_at_14", median(off.clone())),
        ("bias_at_14", mean(&at14.iter().map(|r| r.days[1] - r.truth).collect::<Vec<_>>())),
        ("within_3d_at_14", mean(&off.iter().map(|off| f64::from(u8::from(*off <= 3.0))).collect::<Vec<_>>())),
        ("mae_le_60", mean(&near)),
        ("medae_le_60", median(near.clone())),
        ("pinball_all", mean(&pin)),
        ("coverage80_p50_le_60", share(&|r| r.days[0] <= r.truth && r.truth <= r.days[2])),
        ("n_p50_le_60", selected.len() as f64),
        ("below_p10", share(&|r| r.truth < r.days[0])),
        ("above_p90", share(&|r| r.truth > r.days[2])),
        ("policy_cartridges", cartridges),
        ("stockout_rate", if cartridges > 0.0 { stockouts / cartridges } else { f64::NAN }),
        ("mean_days_on_shelf", mean(&shelf)),
        ("median_days_on_shelf", median(shelf)),
    ])
}

/// The scores of some forecasts whose end is known.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Group {
    /// all, model, site or horizon
    pub kind: String,
    pub name: String,
    pub forecasts: usize,
    /// Mean and median absolute error of P50, and its mean error, in days.
    pub mean_error: f64,
    pub median_error: f64,
    pub bias: f64,
    pub within_3_days: f64,
    /// Share of ends between P10 and P90; 0.8 is honest.
    pub coverage: f64,
    pub pinball: f64,
}

impl Group {
    /// `rows`: days until empty, and [p10, p50, p90].
    pub fn of(kind: &str, name: &str, rows: &[(f64, [f64; 3])]) -> Group {
        let each = |value: &dyn Fn(f64, [f64; 3]) -> f64| -> Vec<f64> {
            rows.iter().map(|(truth, days)| value(*truth, *days)).collect()
        };
        let yes = |is: bool| f64::from(u8::from(is));
        let off = each(&|truth, days| (truth - days[1]).abs());
        Group {
            kind: kind.to_owned(),
            name: name.to_owned(),
            forecasts: rows.len(),
            mean_error: mean(&off),
            within_3_days: mean(&each(&|truth, days| yes((truth - days[1]).abs() <= 3.0))),
            median_error: median(off),
            bias: mean(&each(&|truth, days| days[1] - truth)),
            coverage: mean(&each(&|truth, days| yes(days[0] <= truth && truth <= days[2]))),
            pinball: mean(&each(&|truth, days| {
                (pinball(truth, days[0], 0.1) + pinball(truth, days[1], 0.5) + pinball(truth, days[2], 0.9)) / 3.0
            })),
        }
    }
}

/// Weekly review, order when p10 <= lead + review: (cartridges judged, stock-outs, days on the shelf of the others).
fn policy(rows: &[&Row]) -> (f64, f64, Vec<f64>) {
    let mut lives: BTreeMap<(&str, &str, &str), Vec<(f64, f64, f64)>> = BTreeMap::new();
    for r in rows {
        lives.entry((&r.device, &r.supply, &r.cartridge)).or_default().push((r.origin, r.truth, r.days[0]));
    }
    let (mut count, mut stockouts, mut shelf) = (0.0, 0.0, Vec::new());
    for life in lives.values_mut() {
        life.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (Some(first), Some(last)) = (life.first(), life.last()) else {
            continue;
        };
        if first.1 < LEAD + 2.0 * REVIEW || last.1 > REVIEW + 1.0 {
            continue;
        }
        count += 1.0;
        let empty = last.0 + last.1;
        match life.iter().find(|one| one.2 <= LEAD + REVIEW) {
            Some(order) if order.0 + LEAD <= empty => shelf.push(empty - order.0 - LEAD),
            _ => stockouts += 1.0,
        }
    }
    (count, stockouts, shelf)
}

/// 90 % intervals of every score, drawing devices with replacement `draws` times (deterministic).
pub fn bootstrap(rows: &[Row], draws: usize) -> Vec<(&'static str, f64, f64)> {
    let mut devices: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        devices.entry(&row.device).or_default().push(row);
    }
    let groups: Vec<&Vec<&Row>> = devices.values().collect();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut samples: Vec<Scores> = Vec::with_capacity(draws);
    for _ in 0..draws {
        let mut picked: Vec<Row> = Vec::with_capacity(rows.len());
        for copy in 0..groups.len() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if let Some(group) = groups.get((seed >> 33) as usize % groups.len()) {
                picked.extend(
                    group.iter().map(|row| Row { cartridge: format!("{}#{copy}", row.cartridge), ..(*row).clone() }),
                );
            }
        }
        samples.push(score(&picked.iter().collect::<Vec<_>>()));
    }
    let names: Vec<&'static str> = samples.first().map_or(Vec::new(), |s| s.0.iter().map(|score| score.0).collect());
    names
        .into_iter()
        .map(|name| {
            let mut values: Vec<f64> = samples.iter().map(|s| s.get(name)).filter(|v| v.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            let at = |q: f64| {
                values.get(((values.len() as f64 - 1.0) * q).round().max(0.0) as usize).copied().unwrap_or(f64::NAN)
            };
            (name, at(0.05), at(0.95))
        })
        .collect()
}
