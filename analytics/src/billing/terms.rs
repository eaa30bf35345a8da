//! A contract whose meaning was checked for one period (end of §6): the only thing that can be billed.
//!
//! Every refusal names the place in the contract and what to do; nothing is computed from a contract that is refused.

use std::collections::BTreeSet;

use schemas::meter::{CANONICAL, is_canonical};

use super::calendar::{Period, Zone};
use super::contract::{Charge, Contract, ContractDevice, Price, Scope, Settings, Tier, TierMode};
use super::currency::Currency;
use super::proration::DaySpan;
use super::tiers::Rates;
use crate::usage::{BoundaryPolicy, UnwrapRules, Window};

/// A checked contract for one period.
#[derive(Debug)]
pub struct Terms<'a> {
    pub contract: &'a Contract,
    pub period: Period,
    pub zone: Zone,
    pub currency: Currency,
    /// Period and contract together.
    pub days: DaySpan,
    pub window: Window,
    /// In contract order.
    pub charges: Vec<ChargeTerms<'a>>,
    /// By code point of the device.
    pub devices: Vec<&'a ContractDevice>,
    /// Meters of which volumes are needed: those of some charge.
    pub billed_meters: BTreeSet<&'a str>,
}

/// A charge with the prices that apply to the period.
#[derive(Debug)]
pub struct ChargeTerms<'a> {
    pub charge: &'a Charge,
    pub rates: Rates<'a>,
}

/// What is wrong with a contract, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("contract, {at}: {problem}")]
pub struct ContractError {
    /// Path of keys from the top of the contract, like `charges[0].prices[1].from`.
    pub at: String,
    pub problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("unknown currency {0:?}; known are {known}", known = Currency::codes())]
    UnknownCurrency(String),
    #[error("unknown time zone {0:?}; write an IANA name like Europe/Berlin")]
    UnknownZone(String),
    #[error("unknown meter {0:?}; known are {known}, and any meter of which a reading is at hand", known = CANONICAL.join(", "))]
    UnknownMeter(String),
    #[error(
        "no device {0:?} of this tenant ever reported or was read; correct the key, or give --new-devices if it is yet to come"
    )]
    UnknownDevice(String),
    #[error("{0:?} stands here twice; list each device once")]
    DeviceTwice(String),
    #[error("{0:?} is the id of two charges; give each charge its own")]
    ChargeTwice(String),
    #[error("is empty; give it a name")]
    Empty,
    #[error("no meter is named; write at least one, like total = 1")]
    NoMeter,
    #[error("give exactly one of price, prices and tiers")]
    OnePricing,
    #[error("prices must ascend by date, but {later} follows {earlier}; sort them and remove repeats")]
    PricesNotAscending { earlier: String, later: String },
    #[error("no price applies on {0}, the first day of the period; add one that starts no later")]
    NoPriceYet(String),
    #[error("bands must ascend, but {later} follows {earlier}; sort them from small to large")]
    TiersNotAscending { earlier: i64, later: i64 },
    #[error("the last band must have no up_to, so that no volume is without a price; add such a band")]
    NoLastBand,
    #[error("a band without up_to must be the last; move it to the end")]
    UnlimitedBandInside,
    #[error("tiers need tier_mode = \"graduated\" or \"slab\"; say which is meant")]
    NoTierMode,
    #[error("only pools carry pages over; remove it or set scope = \"pool\"")]
    CarryOutsidePool,
    #[error("{found} is too small; write at least {least}")]
    TooSmall { found: i64, least: i64 },
    #[error("ends ({end}) before it starts ({start})")]
    EndsBeforeStart { start: String, end: String },
}

impl<'a> Terms<'a> {
    /// Checks everything that could make a bill wrong. `seen_meters`: names that readings or events of the devices carry.
    pub fn of(
        contract: &'a Contract,
        period: Period,
        seen_meters: &BTreeSet<&str>,
    ) -> Result<Terms<'a>, ContractError> {
        let currency = Currency::named(&contract.currency)
            .ok_or_else(|| at("currency", Problem::UnknownCurrency(contract.currency.clone())))?;
        let zone = Zone::named(&contract.timezone)
            .ok_or_else(|| at("timezone", Problem::UnknownZone(contract.timezone.clone())))?;
        let charges = check_charges(contract, period, seen_meters)?;
        let devices = check_devices(contract, seen_meters)?;
        check_settings(contract, seen_meters)?;

        let days = DaySpan::of(period).intersect(contract.start, contract.end);
        let mut window = zone.window(period);
        window.from = window.from.max(contract.start.map_or(i64::MIN, |start| zone.midnight(start)));
        window.to = window.to.min(contract.end.map_or(i64::MAX, |end| zone.midnight(end)));
        let billed_meters = charged_meters(contract).collect();
        Ok(Terms { contract, period, zone, currency, days, window, charges, devices, billed_meters })
    }

    /// The rules for unwrapping one meter.
    pub fn unwrap_rules(&self, meter: &str) -> UnwrapRules {
        let Settings { max_pages_per_day, small_drop, modulus, .. } = &self.contract.settings;
        UnwrapRules {
            max_pages_per_day: *max_pages_per_day,
            small_drop: *small_drop,
            modulus: modulus.get(meter).copied(),
        }
    }

    pub fn boundary_policy(&self) -> BoundaryPolicy {
        let Settings { max_read_age_hours, max_pages_per_day, estimation, .. } = &self.contract.settings;
        BoundaryPolicy {
            max_read_age_hours: *max_read_age_hours,
            estimate: *estimation == super::contract::Estimation::Auto,
            max_pages_per_day: *max_pages_per_day,
        }
    }
}

fn check_charges<'a>(
    contract: &'a Contract,
    period: Period,
    seen_meters: &BTreeSet<&str>,
) -> Result<Vec<ChargeTerms<'a>>, ContractError> {
    let mut ids = BTreeSet::new();
    let mut charges = Vec::with_capacity(contract.charges.len());
    for (index, charge) in contract.charges.iter().enumerate() {
        let place = format!("charges[{index}]");
        let key = |key: &str| format!("{place}.{key}");
        if charge.id.is_empty() {
            return Err(at(key("id"), Problem::Empty));
        }
        if !ids.insert(&charge.id) {
            return Err(at(key("id"), Problem::ChargeTwice(charge.id.clone())));
        }
        if charge.meters.is_empty() {
            return Err(at(key("meters"), Problem::NoMeter));
        }
        for meter in charge.meters.keys() {
            known_meter(meter, seen_meters, || format!("{place}.meters.{meter}"))?;
        }
        at_least(1, charge.price_per, || key("price_per"))?;
        at_least(0, charge.included, || key("included"))?;
        at_least(0, charge.min_volume, || key("min_volume"))?;
        if let Some(cap) = charge.carry_cap {
            if charge.scope != Scope::Pool {
                return Err(at(key("carry_cap"), Problem::CarryOutsidePool));
            }
            at_least(0, cap, || key("carry_cap"))?;
        }
        charges.push(ChargeTerms { charge, rates: rates(charge, period, &place)? });
    }
    Ok(charges)
}

/// The prices of a charge that apply to the period.
fn rates<'a>(charge: &'a Charge, period: Period, place: &str) -> Result<Rates<'a>, ContractError> {
    match (&charge.price, charge.prices.as_slice(), charge.tiers.as_slice()) {
        (Some(price), [], []) => Ok(Rates::Flat(price)),
        (None, [_, ..], []) => dated_price(charge, period, place).map(Rates::Flat),
        (None, [], tiers @ [_, ..]) => {
            check_tiers(tiers, place)?;
            match charge.tier_mode {
                Some(TierMode::Graduated) => Ok(Rates::Graduated(tiers)),
                Some(TierMode::Slab) => Ok(Rates::Slab(tiers)),
                None => Err(at(format!("{place}.tier_mode"), Problem::NoTierMode)),
            }
        }
        _ => Err(at(place, Problem::OnePricing)),
    }
}

/// The last price that starts at or before the first day of the period.
fn dated_price<'a>(charge: &'a Charge, period: Period, place: &str) -> Result<&'a Price, ContractError> {
    for (index, pair) in charge.prices.windows(2).enumerate() {
        if pair[0].from >= pair[1].from {
            let (earlier, later) = (pair[0].from.to_string(), pair[1].from.to_string());
            let place = format!("{place}.prices[{}].from", index + 1);
            return Err(at(place, Problem::PricesNotAscending { earlier, later }));
        }
    }
    let applicable = charge.prices.iter().rev().find(|price| price.from <= period.start);
    let missing = || at(format!("{place}.prices"), Problem::NoPriceYet(period.start.to_string()));
    applicable.map(|dated| &dated.price).ok_or_else(missing)
}

fn check_tiers(tiers: &[Tier], place: &str) -> Result<(), ContractError> {
    let mut below = 0;
    for (index, tier) in tiers.iter().enumerate() {
        let place = || format!("{place}.tiers[{index}].up_to");
        let is_last = index + 1 == tiers.len();
        match tier.up_to {
            Some(up_to) if up_to <= below => {
                return Err(at(place(), Problem::TiersNotAscending { earlier: below, later: up_to }));
            }
            Some(_) if is_last => return Err(at(place(), Problem::NoLastBand)),
            Some(up_to) => below = up_to,
            None if is_last => {}
            None => return Err(at(place(), Problem::UnlimitedBandInside)),
        }
    }
    Ok(())
}

fn check_devices<'a>(
    contract: &'a Contract,
    seen_meters: &BTreeSet<&str>,
) -> Result<Vec<&'a ContractDevice>, ContractError> {
    let mut known: BTreeSet<&str> = seen_meters.clone();
    known.extend(charged_meters(contract));
    let mut ids = BTreeSet::new();
    for (index, device) in contract.devices.iter().enumerate() {
        let place = format!("devices[{index}]");
        if device.device.is_empty() {
            return Err(at(format!("{place}.device"), Problem::Empty));
        }
        if !ids.insert(&device.device) {
            return Err(at(format!("{place}.device"), Problem::DeviceTwice(device.device.clone())));
        }
        for (key, reads) in [("start_reads", &device.start_reads), ("end_reads", &device.end_reads)] {
            for (meter, value) in reads {
                known_meter(meter, &known, || format!("{place}.{key}.{meter}"))?;
                at_least(0, *value, || format!("{place}.{key}.{meter}"))?;
            }
        }
    }
    let mut devices: Vec<&ContractDevice> = contract.devices.iter().collect();
    devices.sort_unstable_by(|a, b| a.device.cmp(&b.device));
    Ok(devices)
}

fn check_settings(contract: &Contract, seen_meters: &BTreeSet<&str>) -> Result<(), ContractError> {
    let settings = &contract.settings;
    at_least(0, settings.max_read_age_hours, || "settings.max_read_age_hours".to_owned())?;
    at_least(0, settings.max_pages_per_day, || "settings.max_pages_per_day".to_owned())?;
    at_least(0, settings.small_drop, || "settings.small_drop".to_owned())?;
    let mut known: BTreeSet<&str> = seen_meters.clone();
    known.extend(charged_meters(contract));
    for (meter, modulus) in &settings.modulus {
        known_meter(meter, &known, || format!("settings.modulus.{meter}"))?;
        at_least(1, *modulus, || format!("settings.modulus.{meter}"))?;
    }
    Ok(())
}

fn charged_meters(contract: &Contract) -> impl Iterator<Item = &str> {
    contract.charges.iter().flat_map(|charge| charge.meters.keys().map(String::as_str))
}

fn known_meter(meter: &str, seen: &BTreeSet<&str>, place: impl Fn() -> String) -> Result<(), ContractError> {
    if is_canonical(meter) || seen.contains(meter) {
        return Ok(());
    }
    Err(at(place(), Problem::UnknownMeter(meter.to_owned())))
}

fn at_least(least: i64, found: i64, place: impl Fn() -> String) -> Result<(), ContractError> {
    if found >= least { Ok(()) } else { Err(at(place(), Problem::TooSmall { found, least })) }
}

pub(crate) fn at(place: impl Into<String>, problem: Problem) -> ContractError {
    ContractError { at: place.into(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        currency = "EUR"
        timezone = "UTC"
        start = 2025-01-01
        [[charges]]
        id = "pages"
        meters = { total = 1 }
        price = "0.01"
        [[devices]]
        device = "S1"
    "#;

    /// Replaces a part of a good contract, and expects the refusal at this place with these words.
    fn refused(replace: &str, with: &str, place: &str, words: &str) {
        assert!(GOOD.contains(replace), "{replace}");
        let contract: Contract = toml::from_str(&GOOD.replace(replace, with)).unwrap();
        let period = Period::month("2026-01").unwrap();
        let error = Terms::of(&contract, period, &BTreeSet::new()).unwrap_err();
        assert_eq!(error.at, place);
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn a_good_contract_is_accepted() {
        let contract: Contract = toml::from_str(GOOD).unwrap();
        assert!(Terms::of(&contract, Period::month("2026-01").unwrap(), &BTreeSet::new()).is_ok());
    }

    #[test]
    fn unknown_currencies_zones_and_meters_are_refused() {
        refused("\"EUR\"", "\"XAU\"", "currency", "unknown currency \"XAU\"");
        refused("\"UTC\"", "\"Mars/Olympus\"", "timezone", "unknown time zone");
        refused("total = 1", "totl = 1", "charges[0].meters.totl", "unknown meter \"totl\"");
        refused("\"S1\"", "\"S1\"\nstart_reads = { totl = 1 }", "devices[0].start_reads.totl", "unknown meter");
    }

    #[test]
    fn a_meter_that_a_reading_names_is_known() {
        let contract: Contract = toml::from_str(&GOOD.replace("total = 1", "coverage_low = 1")).unwrap();
        assert!(Terms::of(&contract, Period::month("2026-01").unwrap(), &BTreeSet::from(["coverage_low"])).is_ok());
    }

    #[test]
    fn devices_and_charges_stand_once() {
        refused("\"S1\"", "\"S1\"\n[[devices]]\ndevice = \"S1\"", "devices[1].device", "twice");
        let again = "price = \"0.01\"\n[[charges]]\nid = \"pages\"\nmeters = { total = 1 }\nprice = \"1\"";
        refused("price = \"0.01\"", again, "charges[1].id", "two charges");
    }

    #[test]
    fn prices_ascend_and_one_applies_on_the_first_day() {
        let price = "price = \"0.01\"";
        let dated = |dates: &[&str]| {
            let list: Vec<String> = dates.iter().map(|date| format!("{{ from = {date}, price = \"1\" }}")).collect();
            format!("prices = [{}]", list.join(", "))
        };
        let place = "charges[0].prices[1].from";
        refused(price, &dated(&["2025-02-01", "2025-01-01"]), place, "2025-01-01 follows 2025-02-01");
        refused(price, &dated(&["2025-02-01", "2025-02-01"]), place, "ascend");
        refused(price, &dated(&["2026-01-02"]), "charges[0].prices", "no price applies on 2026-01-01");
        refused(price, "", "charges[0]", "exactly one of");
        refused(price, "price = \"1\"\ntiers = [{ price = \"1\" }]", "charges[0]", "exactly one of");
    }

    #[test]
    fn tiers_ascend_leave_no_hole_and_say_their_mode() {
        let check = |bands: &str, place: &str, words: &str| {
            refused("price = \"0.01\"", &format!("tier_mode = \"slab\"\ntiers = [{bands}]"), place, words);
        };
        let place = "charges[0].tiers[1].up_to";
        check("{ up_to = 9, price = \"1\" }, { up_to = 9, price = \"1\" }, { price = \"1\" }", place, "9 follows 9");
        check("{ price = \"1\" }, { up_to = 9, price = \"1\" }", "charges[0].tiers[0].up_to", "must be the last");
        check("{ up_to = 9, price = \"1\" }, { up_to = 10, price = \"1\" }", place, "last band");
        refused("price = \"0.01\"", "tiers = [{ price = \"1\" }]", "charges[0].tier_mode", "graduated");
    }

    #[test]
    fn numbers_below_their_least_are_refused() {
        let with = |line: &str| format!("price = \"0.01\"\n{line}");
        refused("price = \"0.01\"", &with("price_per = 0"), "charges[0].price_per", "at least 1");
        refused("price = \"0.01\"", &with("included = -1"), "charges[0].included", "at least 0");
        refused("price = \"0.01\"", &with("carry_cap = 5"), "charges[0].carry_cap", "scope = \"pool\"");
        let settings = "\"S1\"\n[settings]\nsmall_drop = -1";
        refused("\"S1\"", settings, "settings.small_drop", "at least 0");
        refused("\"S1\"", "\"S1\"\n[settings]\nmodulus = { total = 0 }", "settings.modulus.total", "at least 1");
    }
}
