//! Fleet tables: what all devices together teach about displays, rates and sites, before an origin.
//! Promise: made from reads before the origin only; the same devices in any order give the same tables.

use std::collections::BTreeMap;

use crate::toner::calendar::Calendar;
use crate::toner::constants::{Constants, RateConstants};
use crate::toner::display_error::{self, Off};
use crate::toner::history::History;
use crate::toner::meter::Interval;
use crate::toner::normal::Bell;
use crate::toner::rate::{self, Watched};
use crate::toner::series::{Day, Device, Facts};
use crate::toner::site::{self, Kinds, Site};
use crate::toner::step::{Display, Evidence, Rests};

type Key = (String, String);

#[derive(Debug)]
pub struct FleetTables {
    pub origin: Day,
    pub displays: BTreeMap<Key, Display>,
    pub rates: BTreeMap<Key, Bell>,
    pub sites: BTreeMap<String, Site>,
    /// For sites nobody has seen.
    pub anywhere: Site,
    /// First day of any read: devices seen later than this (plus slack) are new.
    pub first_day: Day,
    facts: Facts,
}

/// A device first seen this long after the records begin is new, and its first cartridges are starters.
const NEW_AFTER_DAYS: i32 = 10;
/// Calendars cover this much before and after the origin.
const SPAN_BEFORE: i32 = 500;
const SPAN_AFTER: i32 = 460;

impl FleetTables {
    pub fn learn(devices: &[Device], facts: &Facts, constants: &Constants, origin: Day) -> Self {
        let mut histories: Vec<History<'_>> = devices.iter().map(|device| History::before(device, origin)).collect();
        histories.sort_by(|a, b| a.device.id.cmp(&b.device.id));
        let kinds = Kinds::new(&constants.calendar, origin - SPAN_BEFORE..origin + SPAN_AFTER, &facts.holidays);
        let mut by_site: BTreeMap<String, Vec<&[Interval]>> = BTreeMap::new();
        for history in &histories {
            by_site.entry(history.device.site.clone()).or_default().push(&history.all);
        }
        let sites: BTreeMap<String, Site> = by_site
            .iter()
            .map(|(name, devices)| (name.clone(), site::learn(devices, &kinds, &constants.calendar)))
            .collect();
        let anywhere = site::learn(&[], &kinds, &constants.calendar);
        let first_day = histories.iter().filter_map(|h| h.span()).map(|span| span.0).fold(f64::INFINITY, f64::min);
        let mut tables = FleetTables {
            origin,
            displays: BTreeMap::new(),
            rates: BTreeMap::new(),
            sites,
            anywhere,
            first_day: if first_day.is_finite() { first_day.floor() as Day } else { origin },
            facts: facts.clone(),
        };
        tables.displays = tables.learn_displays(&histories, constants);
        tables.rates = tables.learn_rates(&histories, &constants.rate);
        tables
    }

    pub fn calendar(&self, site: &str) -> &Calendar {
        &self.sites.get(site).unwrap_or(&self.anywhere).calendar
    }

    pub fn display(&self, model: &str, supply: &str) -> Display {
        self.displays.get(&(model.to_owned(), supply.to_owned())).copied().unwrap_or_default()
    }

    /// A device that joined after the records begin: its first cartridge is a starter.
    pub fn is_new(&self, device: &Device) -> bool {
        device.first_seen.is_some_and(|day| day > self.first_day + NEW_AFTER_DAYS)
    }

    fn learn_displays(&self, histories: &[History<'_>], constants: &Constants) -> BTreeMap<Key, Display> {
        let mut evidence: BTreeMap<Key, Evidence> = BTreeMap::new();
        for history in histories {
            for (supply, reads) in history.device.supplies.iter().zip(&history.reads) {
                evidence
                    .entry((history.device.model.clone(), supply.name.clone()))
                    .or_default()
                    .add(reads, supply.fills_up);
            }
        }
        let mut displays: BTreeMap<Key, Display> =
            evidence.into_iter().map(|(key, evidence)| (key, evidence.display())).collect();
        let mut rests: BTreeMap<String, Rests> = BTreeMap::new();
        for history in histories {
            for (i, supply) in history.device.supplies.iter().enumerate() {
                let Some(display) = displays
                    .get(&(history.device.model.clone(), supply.name.clone()))
                    .filter(|display| display.step < 4.0)
                else {
                    continue;
                };
                if let Some(slot) = history.slot(i, self.calendar(&history.device.site), display) {
                    slot.add_rests(display, rests.entry(history.device.model.clone()).or_default());
                }
            }
        }
        for (key, display) in &mut displays {
            display.rests = display.step < 4.0 && rests.get(&key.0).is_some_and(Rests::rests);
        }
        // With rests known, how far off is a level at empty? Toners of a model share that, lasting parts have their own.
        let mut errors: BTreeMap<(String, bool), Vec<Off>> = BTreeMap::new();
        for history in histories {
            for (i, supply) in history.device.supplies.iter().enumerate() {
                let Some(display) = displays.get(&(history.device.model.clone(), supply.name.clone())) else {
                    continue;
                };
                if let Some(slot) = history.slot(i, self.calendar(&history.device.site), display) {
                    errors
                        .entry((history.device.model.clone(), lasting(&supply.name)))
                        .or_default()
                        .extend(display_error::seen(&slot, display, constants.rate.wander));
                }
            }
        }
        for (key, display) in &mut displays {
            let own = errors.get(&(key.0.clone(), lasting(&key.1))).map_or(&[][..], Vec::as_slice);
            let toner = errors.get(&(key.0.clone(), false)).map_or(&[][..], Vec::as_slice);
            let toner = display_error::of_model(toner, constants.level.error_guess);
            let error = if lasting(&key.1) { display_error::of_model(own, toner.sd) } else { toner };
            display.error_sd = error.sd;
            display.offset = if display.step < 4.0 { error.mean } else { 0.0 };
        }
        displays
    }

    fn learn_rates(&self, histories: &[History<'_>], c: &RateConstants) -> BTreeMap<Key, Bell> {
        let mut slots: BTreeMap<Key, Vec<Bell>> = BTreeMap::new();
        for history in histories {
            for (i, supply) in history.device.supplies.iter().enumerate() {
                let display = self.display(&history.device.model, &supply.name);
                let Some(slot) =
                    history.slot(i, self.calendar(&history.device.site), &display).filter(|slot| slot.counted)
                else {
                    continue;
                };
                let past = past(&slot, &display, self.is_new(history.device), c);
                if !past.is_empty() {
                    let belief = rate::slot(Bell { mean: past[0].log_rate, sd: 2.0 }, &past, c);
                    slots.entry((history.device.model.clone(), supply.name.clone())).or_default().push(belief);
                }
            }
        }
        // How far real use is from the catalog, over everything with a catalog yield.
        let mut offsets: BTreeMap<bool, (f64, f64)> = BTreeMap::new();
        for (key, beliefs) in &slots {
            if let Some(nominal) = self.nominal(key) {
                for belief in beliefs {
                    let sum = offsets.entry(lasting(&key.1)).or_default();
                    sum.0 += belief.mean - nominal;
                    sum.1 += 1.0;
                }
            }
        }
        let offset = |lasts: bool| offsets.get(&lasts).map_or(0.0, |(sum, count)| sum / (count + 3.0));
        let mut keys: Vec<Key> = slots.keys().cloned().collect();
        keys.extend(self.facts.nominal_yield.keys().cloned());
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .map(|key| {
                let usual_sd = if lasting(&key.1) { c.drum_sd } else { c.slot_sd };
                let (guess, guess_slots) = match self.nominal(&key) {
                    Some(nominal) => (nominal + offset(lasting(&key.1)), c.model_prior_slots),
                    None => (self.siblings(&key, &slots).unwrap_or(c.unknown_log_rate), 0.3),
                };
                let beliefs = slots.get(&key).map_or(&[][..], Vec::as_slice);
                let (mut sum, mut weight) = (guess * guess_slots, guess_slots);
                for belief in beliefs {
                    let trust = usual_sd * usual_sd / (usual_sd * usual_sd + belief.sd * belief.sd);
                    sum += trust * belief.mean;
                    weight += trust;
                }
                let mean = sum / weight;
                let spread: f64 = beliefs.iter().map(|belief| (belief.mean - mean).powi(2)).sum::<f64>();
                let count = beliefs.len() as f64;
                let variance = (spread + 6.0 * usual_sd * usual_sd) / (count + 6.0);
                let unknown = if count == 0.0 && self.nominal(&key).is_none() { c.unknown_sd } else { 0.0 };
                (key, Bell { mean, sd: (variance * (1.0 + 1.0 / weight) + unknown * unknown).sqrt() })
            })
            .collect()
    }

    /// ln(percent per page) by the catalog.
    fn nominal(&self, key: &Key) -> Option<f64> {
        self.facts.nominal_yield.get(key).filter(|pages| **pages >= 10.0).map(|pages| (100.0 / pages).ln())
    }

    /// Mean rate of the other supplies of the model, for one without any evidence.
    fn siblings(&self, key: &Key, slots: &BTreeMap<Key, Vec<Bell>>) -> Option<f64> {
        let found: Vec<f64> = slots
            .iter()
            .filter(|(other, _)| other.0 == key.0 && lasting(&other.1) == lasting(&key.1))
            .flat_map(|(_, beliefs)| beliefs.iter().map(|belief| belief.mean))
            .collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
    }

    /// What to expect of a slot before looking at its own cartridges.
    pub fn rate(&self, model: &str, supply: &str, c: &RateConstants) -> Bell {
        let key = (model.to_owned(), supply.to_owned());
        self.rates.get(&key).copied().unwrap_or(Bell { mean: c.unknown_log_rate, sd: c.unknown_sd })
    }
}

/// Parts that wear with pages and not with coverage.
pub fn lasting(supply: &str) -> bool {
    let name = supply.to_ascii_lowercase();
    ["drum", "waste", "fuser", "belt", "transfer", "kit", "opc", "developer"].iter().any(|part| name.contains(part))
}

/// Rates of the cartridges before the one in use.
pub fn past(slot: &crate::toner::history::Slot, display: &Display, new: bool, c: &RateConstants) -> Vec<Watched> {
    let before = slot.segments.len().saturating_sub(1);
    slot.segments
        .iter()
        .take(before)
        .enumerate()
        .filter_map(|(i, segment)| rate::watched(segment, &slot.total, display, new && i == 0, c))
        .collect()
}
