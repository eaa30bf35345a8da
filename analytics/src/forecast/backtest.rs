//! Runs the forecaster over past origins exactly as it would have run then.
//! Promise: deterministic, origin by origin; tables and forecasts of an origin see nothing at or after it.

use std::collections::BTreeMap;

use crate::forecast::constants::Constants;
use crate::forecast::data::{Pair, parse_day};
use crate::forecast::fleet::FleetTables;
use crate::forecast::history::History;
use crate::forecast::series::{Device, Facts};
use crate::forecast::supply::{self, CannotSay, Forecast, Parts, Prepared};

pub type Answer = Result<(Forecast, Parts), CannotSay>;

/// Two cores is what a small installation has; more threads would only compete with the database.
const THREADS: usize = 2;

/// Calls `progress(done, all)` after each origin. Answers are in the order of `pairs`.
pub fn run(
    devices: &[Device],
    facts: &Facts,
    constants: &Constants,
    pairs: &[Pair],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<(Pair, Answer)> {
    let mut origins: BTreeMap<&str, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for (i, pair) in pairs.iter().enumerate() {
        origins.entry(&pair.origin).or_default().entry(&pair.device).or_default().push(i);
    }
    let work: Vec<(&str, BTreeMap<&str, Vec<usize>>)> = origins.into_iter().collect();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let mut answers: BTreeMap<usize, Answer> = BTreeMap::new();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (work, done) = (&work, &done);
                scope.spawn(move || {
                    let mut found = Vec::new();
                    for (origin, wanted) in work.iter().skip(thread).step_by(THREADS) {
                        found.extend(at_origin(devices, facts, constants, pairs, origin, wanted));
                        progress(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, work.len());
                    }
                    found
                })
            })
            .collect();
        for handle in handles {
            if let Ok(found) = handle.join() {
                answers.extend(found);
            }
        }
    });
    pairs
        .iter()
        .enumerate()
        .map(|(i, pair)| {
            (
                pair.clone(),
                answers
                    .remove(&i)
                    .unwrap_or_else(|| Err(CannotSay { why: "the row names no known device or day".to_owned() })),
            )
        })
        .collect()
}

fn at_origin(
    devices: &[Device],
    facts: &Facts,
    constants: &Constants,
    pairs: &[Pair],
    origin: &str,
    wanted: &BTreeMap<&str, Vec<usize>>,
) -> Vec<(usize, Answer)> {
    let Some(day) = parse_day(origin) else {
        return Vec::new();
    };
    let histories: Vec<History<'_>> = devices.iter().map(|device| History::before(device, day)).collect();
    let tables = FleetTables::of(&histories, facts, constants, day);
    let mut found = Vec::new();
    for history in histories.iter().filter(|history| wanted.contains_key(history.device.id.as_str())) {
        let device = history.device;
        let prepared = Prepared::new(history, &tables, constants, f64::from(day));
        for i in wanted.get(device.id.as_str()).map_or(&[][..], Vec::as_slice) {
            let Some(pair) = pairs.get(*i) else { continue };
            let answer = match device.supplies.iter().position(|supply| supply.name == pair.supply) {
                Some(index) => supply::one(history, index, &prepared, &tables, constants, f64::from(day)),
                None => Err(CannotSay { why: "the device has no such supply".to_owned() }),
            };
            found.push((*i, answer));
        }
    }
    found
}

/// `device,supply,origin,p10,p50,p90`, days with two decimals; rows without an answer are left out.
pub fn to_csv(found: &[(Pair, Answer)]) -> String {
    let mut text = String::from("device,supply,origin,p10,p50,p90\n");
    for (pair, answer) in found {
        if let Ok((forecast, _)) = answer {
            text.push_str(&format!(
                "{},{},{},{:.2},{:.2},{:.2}\n",
                pair.device, pair.supply, pair.origin, forecast.p10, forecast.p50, forecast.p90
            ));
        }
    }
    text
}
