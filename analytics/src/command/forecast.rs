//! Forecasts all supplies of a tenant from what ClickHouse holds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stored_second;
use crate::billing::calendar::Instant;
use crate::forecast::{Forecast, LevelRead, Pages, Wear, depletion, forecast};
use crate::limits::{DEVICES_PER_QUESTION, FORECAST_HISTORY_DAYS};
use crate::read::{DeviceRow, ReadError, SupplyReadRow, SupplyRow, TenantStore};
use crate::usage::Read;

/// Version of the JSON shape below.
pub const OUTLOOK_VERSION: u32 = 1;

/// The answer of `analytics forecast`, as JSON: what runs out next stands first, what cannot be said last.
#[derive(Debug, Serialize)]
pub struct Outlook {
    pub version: u32,
    pub as_of: String,
    pub supplies: Vec<SupplyOutlook>,
}

/// One supply. `days` is null where nothing can be said; then `reason` says why.
#[derive(Debug, Serialize)]
pub struct SupplyOutlook {
    pub tenant: String,
    pub device: String,
    pub model: String,
    pub site: String,
    pub slot: String,
    pub color: String,
    pub description: String,
    pub level_percent: Option<f64>,
    pub days: Option<Days>,
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

/// A supply with its series.
struct Series {
    supply: SupplyRow,
    reads: Vec<LevelRead>,
    pages: Option<Pages>,
}

/// All supplies of the tenant as seen at `as_of`, unordered.
pub async fn run(store: &TenantStore, as_of: Instant) -> Result<Vec<SupplyOutlook>, ReadError> {
    let devices: BTreeMap<String, DeviceRow> =
        store.devices().await?.into_iter().map(|row| (row.device.clone(), row)).collect();
    let mut supplies: BTreeMap<(String, String), SupplyRow> = BTreeMap::new();
    for row in store.supplies().await? {
        supplies.insert((row.device.clone(), row.slot.clone()), row);
    }

    let mut all = Vec::new();
    let keys: Vec<&str> = devices.keys().map(String::as_str).collect();
    let (from, to) = (as_of.0 - FORECAST_HISTORY_DAYS * 86_400, as_of.0);
    for chunk in keys.chunks(DEVICES_PER_QUESTION) {
        let mut rows = store.supply_series(chunk, stored_second(from), stored_second(to))?;
        let mut current: Vec<SupplyReadRow> = Vec::new();
        while let Some(row) = rows.next().await? {
            if current.last().is_some_and(|last| last.device != row.device || last.slot != row.slot) {
                all.extend(series_of(std::mem::take(&mut current), &mut supplies));
            }
            current.push(row);
        }
        all.extend(series_of(current, &mut supplies));
    }
    // Supplies that were seen, but not lately.
    all.extend(supplies.into_values().map(|supply| Series { supply, reads: Vec::new(), pages: None }));

    let model = |device: &str| devices.get(device).map_or("", |row| row.model.as_str());
    let fleet = Fleet::of(&all, model);
    let outlook = |series: &Series| {
        let SupplyRow { device, slot, color, description, .. } = series.supply.clone();
        let alike = fleet.rate(model(&device), &series.supply);
        let said = forecast(&series.reads, series.pages.as_ref(), alike, as_of.0);
        let site = devices.get(&device).map_or_else(String::new, |row| row.site.clone());
        let (tenant, model) = (store.tenant().to_owned(), model(&device).to_owned());
        let (level_percent, days, reason) = match said {
            Ok(Forecast { p10, p50, p90, level_percent, reason }) => {
                (Some(tenth(level_percent)), Some(Days { p10: tenth(p10), p50: tenth(p50), p90: tenth(p90) }), reason)
            }
            Err(cannot) => (None, None, format!("cannot say, because {cannot}")),
        };
        let empty_on = days.and_then(|days| day_after(as_of, days.p50));
        SupplyOutlook { tenant, device, model, site, slot, color, description, level_percent, days, empty_on, reason }
    };
    Ok(all.iter().map(outlook).collect())
}

/// What runs out next first; then by tenant, device and slot.
pub fn outlook(as_of: Instant, mut supplies: Vec<SupplyOutlook>) -> Outlook {
    let key = |of: &SupplyOutlook| of.days.map_or(f64::INFINITY, |days| days.p50);
    supplies.sort_by(|a, b| {
        key(a).total_cmp(&key(b)).then_with(|| (&a.tenant, &a.device, &a.slot).cmp(&(&b.tenant, &b.device, &b.slot)))
    });
    Outlook { version: OUTLOOK_VERSION, as_of: as_of.to_string(), supplies }
}

/// One supply's rows, in order of time, with what is known of it.
fn series_of(rows: Vec<SupplyReadRow>, supplies: &mut BTreeMap<(String, String), SupplyRow>) -> Option<Series> {
    let first = rows.first()?;
    let key = (first.device.clone(), first.slot.clone());
    let unknown = || SupplyRow {
        device: first.device.clone(),
        slot: first.slot.clone(),
        class: 0,
        kind: 0,
        color: String::new(),
        description: String::new(),
    };
    let supply = supplies.remove(&key).unwrap_or_else(unknown);
    let uses_color = takes_color(&supply) && rows.iter().any(|row| row.color_pages.is_some());
    let mut counter: BTreeMap<i64, i64> = BTreeMap::new();
    for row in &rows {
        let value = if uses_color { row.color_pages } else { row.total };
        if let Some(value) = value.filter(|value| *value >= 0) {
            counter.insert(i64::from(row.ts), value);
        }
    }
    let counter: Vec<Read> = counter.into_iter().map(|(ts, value)| Read { ts, value }).collect();
    let reads = rows.into_iter().map(|row| LevelRead {
        ts: i64::from(row.ts),
        level: row.level,
        max: row.max,
        serial: row.serial,
    });
    Some(Series { supply, reads: reads.collect(), pages: Pages::of(&counter) })
}

/// Cyan, magenta and yellow are worn by colour pages, everything else by all pages.
fn takes_color(supply: &SupplyRow) -> bool {
    let words = format!("{} {}", supply.color, supply.description).to_lowercase();
    let drum = words.contains("drum") || words.contains("waste") || words.contains("fuser");
    !drum && ["cyan", "magenta", "yellow"].iter().any(|color| words.contains(color))
}

/// Percent per page of alike supplies: same model and colour, or, where too few, same colour.
struct Fleet(BTreeMap<(String, String), Wear>);

/// A group of supplies says something once together they have used this many percent.
const FLEET_PERCENT_MIN: f64 = 50.0;

impl Fleet {
    fn of<'a>(all: &[Series], model: impl Fn(&str) -> &'a str) -> Fleet {
        let mut groups: BTreeMap<(String, String), Wear> = BTreeMap::new();
        for series in all {
            let Some(pages) = &series.pages else { continue };
            let wear = depletion::own_wear(&series.reads, pages);
            groups.entry((model(&series.supply.device).to_owned(), kind(&series.supply))).or_default().add(wear);
        }
        Fleet(groups)
    }

    fn rate(&self, model: &str, supply: &SupplyRow) -> Option<f64> {
        let group = self.0.get(&(model.to_owned(), kind(supply)))?;
        (group.percent >= FLEET_PERCENT_MIN).then(|| group.rate()).flatten()
    }
}

fn kind(supply: &SupplyRow) -> String {
    format!("{}/{}/{}", supply.class, supply.kind, supply.color.to_lowercase())
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn day_after(as_of: Instant, days: f64) -> Option<String> {
    let span = jiff::SignedDuration::try_from_secs_f64(days * crate::forecast::DAY_SECS).ok()?;
    let at = jiff::Timestamp::from_second(as_of.0).ok()?.checked_add(span).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply(color: &str, description: &str) -> SupplyRow {
        SupplyRow {
            device: "d".into(),
            slot: "1".into(),
            class: 3,
            kind: 3,
            color: color.into(),
            description: description.into(),
        }
    }

    #[test]
    fn colour_toner_is_worn_by_colour_pages_and_drums_by_all() {
        assert!(takes_color(&supply("cyan", "Toner")));
        assert!(takes_color(&supply("", "Yellow Toner Cartridge")));
        assert!(!takes_color(&supply("black", "Black Toner")));
        assert!(!takes_color(&supply("cyan", "Cyan Drum Unit")));
    }

    #[test]
    fn the_day_of_emptiness_is_counted_from_the_run() {
        let as_of: Instant = "2026-01-30T12:00:00Z".parse().unwrap();
        assert_eq!(day_after(as_of, 2.6).as_deref(), Some("2026-02-02"));
        assert_eq!(day_after(as_of, f64::NAN), None);
    }
}
