//! The forecast on the synthetic fleet of `../shared/forecast`: better than the common methods there, and its 80 %
//! interval holds about 80 % of the time.
//!
//! Needs the folder `shared` beside the checkout, or where `PLATEN_SHARED` says.
#![cfg(feature = "recordings")]
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use analytics::forecast::{LevelRead, Pages, Wear, depletion, forecast};
use analytics::usage::Read;

const DAY: i64 = 86_400;
/// As `score.py` clips.
const DAYS_MAX: f64 = 120.0;

/// Device and supply.
type Key = (String, String);

#[derive(Default)]
struct Series {
    reads: Vec<LevelRead>,
    counter: Vec<Read>,
}

impl Series {
    /// The last 150 days before the origin.
    fn before(&self, origin: i64) -> (Vec<LevelRead>, Option<Pages>) {
        let within = |ts: i64| ts < origin && ts >= origin - 150 * DAY;
        let counter: Vec<Read> = self.counter.iter().filter(|read| within(read.ts)).copied().collect();
        (self.reads.iter().filter(|read| within(read.ts)).cloned().collect(), Pages::of(&counter))
    }
}

#[test]
fn the_forecast_beats_the_common_methods_and_its_interval_is_honest() {
    let all = readings();
    let models = models();
    let mut truth: BTreeMap<i64, Vec<(Key, f64)>> = BTreeMap::new();
    for row in rows("truth.csv") {
        truth.entry(day(&row[2])).or_default().push(((row[0].clone(), row[1].clone()), row[4].parse().unwrap()));
    }
    let (mut at_14, mut said, mut inside, mut pinball) = (Vec::new(), 0.0, 0.0, Vec::new());
    for (origin, rows) in &truth {
        let series: BTreeMap<&Key, _> = rows.iter().map(|(key, _)| (key, all[key].before(*origin))).collect();
        let mut fleet: BTreeMap<(&str, &str), Wear> = BTreeMap::new();
        for (key, (reads, pages)) in &series {
            if let Some(pages) = pages {
                fleet.entry((&models[&key.0], &key.1)).or_default().add(depletion::own_wear(reads, pages));
            }
        }
        for (key, days) in rows {
            let (reads, pages) = &series[key];
            let alike = fleet.get(&(models[&key.0].as_str(), key.1.as_str())).and_then(|wear| wear.rate());
            let clip = |days: f64| days.clamp(0.0, DAYS_MAX);
            let (p10, p50, p90) = match forecast(reads, pages.as_ref(), alike, *origin) {
                Ok(got) => (clip(got.p10), clip(got.p50), clip(got.p90)),
                Err(_) => (DAYS_MAX, DAYS_MAX, DAYS_MAX),
            };
            if (11.0..=17.0).contains(days) {
                at_14.push((p50 - days).abs());
            }
            if p50 <= 60.0 {
                said += 1.0;
                inside += f64::from(u8::from(p10 <= *days && *days <= p90));
            }
            for (quantile, value) in [(0.1, p10), (0.5, p50), (0.9, p90)] {
                pinball.push((quantile * (days - value)).max((quantile - 1.0) * (days - value)));
            }
        }
    }
    at_14.sort_by(f64::total_cmp);
    let mean = |of: &[f64]| of.iter().sum::<f64>() / f64::from(u32::try_from(of.len()).unwrap());
    let (mae, median, coverage, pinball) = (mean(&at_14), at_14[at_14.len() / 2], inside / said, mean(&pinball));
    println!("mae_at_14 {mae:.2} medae_at_14 {median:.2} coverage80 {coverage:.3} pinball {pinball:.3}");
    assert!(mae < 15.0 && median < 7.4, "mean {mae}, median {median}: no better than two points on a line");
    assert!((0.70..0.92).contains(&coverage), "the 80 % interval held in {coverage}");
    assert!(pinball < 4.1, "pinball {pinball}");
}

fn readings() -> BTreeMap<Key, Series> {
    let mut all: BTreeMap<Key, Series> = BTreeMap::new();
    let file = std::fs::File::open(shared().join("readings.csv.gz")).unwrap();
    for row in csv::Reader::from_reader(flate2::read::GzDecoder::new(file)).into_records() {
        let row = row.unwrap();
        let number = |at: usize| row[at].parse::<i64>().ok();
        let ts: i64 = row[2].parse::<jiff::Timestamp>().unwrap().as_second();
        let series = all.entry((row[0].to_owned(), row[1].to_owned())).or_default();
        series.reads.push(LevelRead { ts, level: number(3), max: number(4), serial: String::new() });
        let counter = if matches!(&row[1], "C" | "M" | "Y") { number(6) } else { number(5) };
        if let Some(value) = counter.filter(|value| *value >= 0) {
            series.counter.push(Read { ts, value });
        }
    }
    for series in all.values_mut() {
        series.reads.sort_by_key(|read| read.ts);
        series.counter.sort_by_key(|read| read.ts);
        series.counter.dedup_by_key(|read| read.ts);
    }
    all
}

fn models() -> BTreeMap<String, String> {
    rows("devices.csv").into_iter().map(|row| (row[0].clone(), row[2].clone())).collect()
}

fn rows(name: &str) -> Vec<Vec<String>> {
    let path = shared().join(name);
    let reader = csv::Reader::from_path(&path)
        .unwrap_or_else(|error| panic!("read {}: {error}; set PLATEN_SHARED to the shared folder", path.display()));
    reader.into_records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn day(text: &str) -> i64 {
    text.parse::<jiff::civil::Date>().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second()
}

fn shared() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test finds its material here; it has no configuration")]
    let told = std::env::var("PLATEN_SHARED");
    let shared = told.map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    shared.join("forecast")
}
