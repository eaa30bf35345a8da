//! Fleet tables: what all devices together teach about displays, rates and sites, before an origin.
//! Promise: made from reads before the origin only; the same devices in any order give the same tables.

use std::collections::BTreeMap;

use crate::forecast::arithmetic::ln;
use crate::forecast::calendar::Calendar;
use crate::forecast::constants::{Constants, RateConstants};
use crate::forecast::display_error::{self, Off};
use crate::forecast::history::{History, Slot};
use crate::forecast::meter::Interval;
use crate::forecast::normal::Bell;
use crate::forecast::rate::{self, Watched};
use crate::forecast::series::{Day, Device, Facts};
use crate::forecast::site::{self, Habits, Kinds, Site};
use crate::forecast::step::{Display, Evidence, Rests};

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
/// A life counter beyond this at the first read: the device was in use before it joined.
const NEW_PAGES_MAX: i64 = 1500;
/// Calendars cover this much before and after the origin.
const SPAN_BEFORE: i32 = 500;
const SPAN_AFTER: i32 = 460;

impl FleetTables {
    pub fn learn(devices: &[Device], facts: &Facts, constants: &Constants, origin: Day) -> Self {
        let histories: Vec<History<'_>> = devices.iter().map(|device| History::before(device, origin)).collect();
        FleetTables::of(&histories, facts, constants, origin)
    }

    /// From histories before `origin`, in any order.
    pub fn of(histories: &[History<'_>], facts: &Facts, constants: &Constants, origin: Day) -> Self {
        let mut histories: Vec<&History<'_>> = histories.iter().collect();
        histories.sort_by(|a, b| a.device.id.cmp(&b.device.id));
        let first_day = histories.iter().filter_map(|h| h.span()).map(|span| span.0).fold(f64::INFINITY, f64::min);
        let kinds = Kinds::new(&constants.calendar, origin - SPAN_BEFORE..origin + SPAN_AFTER, &facts.holidays);
        let mut tables = FleetTables {
            origin,
            displays: BTreeMap::new(),
            rates: BTreeMap::new(),
            sites: BTreeMap::new(),
            anywhere: site::learn(&[], &kinds, &constants.calendar),
            first_day: if first_day.is_finite() { first_day.floor() as Day } else { origin },
            facts: facts.clone(),
        };
        tables.learn_sites(&histories, &kinds, constants);
        tables.displays = evidence(&histories);
        // Cartridges and totals depend on the step of a display only, so they are worked out once.
        let known: Vec<Known<'_>> = histories
            .iter()
            .map(|history| {
                let shown = history.device.supplies.iter();
                let shown: Vec<Display> =
                    shown.map(|supply| tables.display(&history.device.model, &supply.name)).collect();
                let slots = history.slots(tables.calendar(&history.device.site), &shown);
                Known { device: history.device, slots, is_new: tables.is_new(history) }
            })
            .collect();
        tables.learn_rests(&known);
        tables.learn_errors(&known, constants);
        tables.rates = tables.learn_rates(&known, &constants.rate);
        tables
    }

    /// The calendars of the sites of these devices, in place of what was known of those sites before.
    pub fn learn_sites(&mut self, histories: &[&History<'_>], kinds: &Kinds<'_>, constants: &Constants) {
        let mut by_site: BTreeMap<&str, Vec<&[Interval]>> = BTreeMap::new();
        for history in histories {
            by_site.entry(&history.device.site).or_default().push(&history.all);
        }
        for (name, devices) in by_site {
            self.sites.insert(name.to_owned(), site::learn(&devices, kinds, &constants.calendar));
        }
    }

    /// The same knowledge of models with the calendars of other sites, made from their habits, each once however often it is named.
    #[must_use]
    pub fn at_sites<'a>(&self, sites: impl Iterator<Item = (&'a str, &'a Habits)>, constants: &Constants) -> Self {
        let kinds = self.kinds(constants);
        let sites: BTreeMap<&str, &Habits> = sites.collect();
        FleetTables {
            origin: self.origin,
            displays: self.displays.clone(),
            rates: self.rates.clone(),
            sites: sites.into_iter().map(|(name, habits)| (name.to_owned(), habits.site(&kinds))).collect(),
            anywhere: self.anywhere.clone(),
            first_day: self.first_day,
            facts: self.facts.clone(),
        }
    }

    /// The plain calendars of the constants around the day of these tables.
    pub fn kinds<'a>(&'a self, constants: &'a Constants) -> Kinds<'a> {
        let span = self.origin - SPAN_BEFORE..self.origin + SPAN_AFTER;
        Kinds::new(&constants.calendar, span, &self.facts.holidays)
    }

    pub fn calendar(&self, site: &str) -> &Calendar {
        &self.sites.get(site).unwrap_or(&self.anywhere).calendar
    }

    pub fn display(&self, model: &str, supply: &str) -> Display {
        self.displays.get(&(model.to_owned(), supply.to_owned())).copied().unwrap_or_default()
    }

    /// A device that joined after the records begin and has printed next to nothing before: its first cartridge is a starter.
    pub fn is_new(&self, history: &History<'_>) -> bool {
        let firsts = history.reads.iter().filter_map(|reads| reads.first()?.pages);
        let unused = firsts.min().is_none_or(|pages| pages < NEW_PAGES_MAX);
        unused && history.device.first_seen.is_some_and(|day| day > self.first_day + NEW_AFTER_DAYS)
    }

    /// Which models rest at 1 %.
    fn learn_rests(&mut self, known: &[Known<'_>]) {
        let mut rests: BTreeMap<&str, Rests> = BTreeMap::new();
        for (device, supply, slot) in slots(known) {
            let display = self.display(&device.model, supply);
            if display.step < 4.0 {
                slot.add_rests(&display, rests.entry(&device.model).or_default());
            }
        }
        for (key, display) in &mut self.displays {
            display.rests = display.step < 4.0 && rests.get(key.0.as_str()).is_some_and(Rests::rests);
        }
    }

    /// With rests known, how far off is a level at empty? Toners of a model share that, lasting parts have their own.
    fn learn_errors(&mut self, known: &[Known<'_>], constants: &Constants) {
        let mut errors: BTreeMap<(&str, bool), Vec<Off>> = BTreeMap::new();
        for (device, supply, slot) in slots(known) {
            let display = self.display(&device.model, supply);
            let seen = display_error::seen(slot, &display, constants.rate.wander);
            errors.entry((&device.model, lasting(supply))).or_default().extend(seen);
        }
        for (key, display) in &mut self.displays {
            let of = |lasts: bool| errors.get(&(key.0.as_str(), lasts)).map_or(&[][..], Vec::as_slice);
            let toner = display_error::of_model(of(false), constants.level.error_guess);
            let error = if lasting(&key.1) { display_error::of_model(of(true), toner.sd) } else { toner };
            display.error_sd = error.sd;
            display.offset = if display.step < 4.0 { error.mean } else { 0.0 };
        }
    }

    fn learn_rates(&self, known: &[Known<'_>], c: &RateConstants) -> BTreeMap<Key, Bell> {
        let mut beliefs: BTreeMap<Key, Vec<Bell>> = BTreeMap::new();
        for one in known {
            for (supply, slot) in one.device.supplies.iter().zip(&one.slots) {
                let Some(slot) = slot.as_ref().filter(|slot| slot.counted) else { continue };
                let past = past(slot, &self.display(&one.device.model, &supply.name), one.is_new, c);
                if let Some(first) = past.first() {
                    let belief = rate::slot(Bell { mean: first.log_rate, sd: 2.0 }, &past, c);
                    beliefs.entry((one.device.model.clone(), supply.name.clone())).or_default().push(belief);
                }
            }
        }
        let slots = beliefs;
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
        self.facts.nominal_yield.get(key).filter(|pages| **pages >= 10.0).map(|pages| ln(100.0 / pages))
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

/// One device with its cartridges.
struct Known<'a> {
    device: &'a Device,
    slots: Vec<Option<Slot>>,
    is_new: bool,
}

/// (device, name of the supply, its cartridges) over all devices.
fn slots<'a>(known: &'a [Known<'a>]) -> impl Iterator<Item = (&'a Device, &'a str, &'a Slot)> {
    known.iter().flat_map(|one| {
        let named = one.device.supplies.iter().zip(&one.slots);
        named.filter_map(|(supply, slot)| Some((one.device, supply.name.as_str(), slot.as_ref()?)))
    })
}

/// Steps, noise and "some" of every display.
fn evidence(histories: &[&History<'_>]) -> BTreeMap<Key, Display> {
    let mut evidence: BTreeMap<Key, Evidence> = BTreeMap::new();
    for history in histories {
        for (i, (supply, reads)) in history.device.supplies.iter().zip(&history.reads).enumerate() {
            let key = (history.device.model.clone(), supply.name.clone());
            evidence.entry(key).or_default().add(reads, history.fills_up.get(i).copied().unwrap_or(false));
        }
    }
    evidence.into_iter().map(|(key, evidence)| (key, evidence.display())).collect()
}

/// Parts that wear with pages and not with coverage.
pub fn lasting(supply: &str) -> bool {
    let name = supply.to_ascii_lowercase();
    ["drum", "waste", "fuser", "belt", "transfer", "kit", "opc", "developer"].iter().any(|part| name.contains(part))
}

/// Rates of the cartridges before the one in use.
pub fn past(slot: &Slot, display: &Display, new: bool, c: &RateConstants) -> Vec<Watched> {
    let before = slot.segments.len().saturating_sub(1);
    slot.edges
        .iter()
        .take(before)
        .enumerate()
        .filter_map(|(i, edges)| rate::watched(edges, display, new && i == 0, c))
        .collect()
}
