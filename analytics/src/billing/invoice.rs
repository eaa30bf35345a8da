//! The whole run (§2 to §6): readings and a contract become an invoice. A pure function of its arguments.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::calendar::{Instant, Period};
use super::charge::{self, Quantity, QuantityTooLarge};
use super::contract::{BaseFeePer, Contract, ContractDevice, Event, Previous, Scope};
use super::line::{Line, money};
use super::proration;
use super::round::{self, TooMuchMoney};
use super::terms::{ChargeTerms, ContractError, Terms};
use crate::usage::parts::{Known, rests_alike, unwraps_alike};
use crate::usage::read::counting_reads;
use crate::usage::unwrap::unwrap;
use crate::usage::volume::volume;
use crate::usage::{Anchor, Exchange, Flags, Given, Read, Reading, UsageError, Volume, Window};

/// What is billed, and what the next period begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    pub lines: Vec<Line>,
    #[serde(with = "money")]
    pub total: Decimal,
    /// `device/meter` → closing value.
    pub closing: BTreeMap<String, ClosingEntry>,
    /// By code point.
    pub flags: BTreeSet<String>,
    /// Charge → pages carried over; only if some pool has a cap for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<BTreeMap<String, i64>>,
    /// What the lines rest on, by device and meter; not part of the published shape.
    #[serde(skip)]
    pub meters: Vec<MeterUse>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingEntry {
    pub u: i64,
    pub estimated: bool,
}

/// The volume of one meter of one device, with the reads behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterUse {
    pub device: String,
    pub meter: String,
    pub volume: Volume,
}

/// Why nothing was billed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("charge {charge}: {source}")]
    Quantity { charge: String, source: QuantityTooLarge },
    #[error("{line}: {source}")]
    Money { line: String, source: TooMuchMoney },
    #[error("{count} pages are carried into charge {charge}; a carry is never negative")]
    NegativeCarry { charge: String, count: i64 },
}

/// Bills a period as seen at `as_of`. Order of readings and repeats in them change nothing.
pub fn bill(
    contract: &Contract,
    period: Period,
    as_of: Instant,
    readings: &[Reading<'_>],
    events: &[Event],
    previous: &Previous,
) -> Result<Invoice, BillError> {
    let exchanges = Exchanges::of(events);
    let seen_meters: BTreeSet<&str> = readings.iter().map(|reading| reading.meter).chain(exchanges.meters()).collect();
    let terms = Terms::of(contract, period, &seen_meters)?;

    let mut flags = Flags::default();
    let devices: BTreeSet<&str> = terms.devices.iter().map(|device| device.device.as_str()).collect();
    let series = counting_reads(readings.iter().copied(), as_of.0, &devices, &mut flags)?;
    let none = BTreeMap::new();
    let mut meters = Vec::new();
    for device in &terms.devices {
        let reads = series.get(&device.device).unwrap_or(&none);
        meters.extend(measure(&terms, device, reads, &exchanges, previous, &mut flags)?);
    }
    invoice(&terms, meters, previous, flags)
}

/// The counting reads of one device, by meter.
pub type ByMeter = BTreeMap<String, Vec<Read>>;

/// Unwraps all meters of a device (their flags count whatever is billed) and measures those that are billed.
pub fn measure(
    terms: &Terms<'_>,
    device: &ContractDevice,
    reads: &ByMeter,
    exchanges: &Exchanges,
    previous: &Previous,
    flags: &mut Flags,
) -> Result<Vec<MeterUse>, UsageError> {
    Ok(measured(terms, device, reads, None, exchanges, previous, flags)?.0)
}

/// The same from a part of the reads, of a device without exchanges whose meters only grew elsewhere. `None`: the part does not
/// settle it, and the flags are not its flags.
pub fn measure_parts(
    terms: &Terms<'_>,
    device: &ContractDevice,
    reads: &ByMeter,
    known: &Known,
    previous: &Previous,
    flags: &mut Flags,
) -> Result<Option<Vec<MeterUse>>, UsageError> {
    let (uses, settled) = measured(terms, device, reads, Some(known), &Exchanges::default(), previous, flags)?;
    Ok(settled.then_some(uses))
}

/// The meters, and whether all reads would give the same. `known`: the times of which all reads are here; `None`: of all times.
fn measured(
    terms: &Terms<'_>,
    device: &ContractDevice,
    by_meter: &ByMeter,
    known: Option<&Known>,
    exchanges: &Exchanges,
    previous: &Previous,
    flags: &mut Flags,
) -> Result<(Vec<MeterUse>, bool), UsageError> {
    let id = device.device.as_str();
    let window = device_window(terms, device);
    let leaves_at_the_end = device.to.is_some_and(|to| terms.zone.instant(to) == window.to);
    let policy = terms.boundary_policy();
    let billed = &terms.billed_meters;
    let mut uses = Vec::new();
    let mut settled = true;

    let since = previous.since(id, billed.iter().copied());
    let named = by_meter.keys().map(String::as_str);
    let all_meters: BTreeSet<&str> = named.chain(billed.iter().copied()).collect();
    for meter in all_meters {
        let of_meter = by_meter.get(meter).map_or(&[][..], Vec::as_slice);
        let before = previous.closing.get(&closing_key(id, meter));
        let anchor = before.and_then(|closing| closing.anchor);
        let of_meter = from_where_it_left_off(of_meter, anchor, since);
        let unwrapped = unwrap(of_meter, exchanges.of_meter(id, meter), &terms.unwrap_rules(meter), anchor);
        let unwrapped = unwrapped.map_err(|error| error.of(id, meter))?;
        settled &= known.is_none_or(|known| unwraps_alike(of_meter, anchor, &unwrapped, known));
        for flag in &unwrapped.flags {
            flags.meter(*flag, id, meter);
        }
        if window.is_empty() || !billed.contains(meter) {
            continue;
        }
        let given = Given {
            previous: before.map(|closing| closing.u),
            start: device.start_reads.get(meter).copied(),
            end: device.end_reads.get(meter).copied().filter(|_| leaves_at_the_end),
        };
        let volume = volume(&unwrapped.points, window, given, &policy).map_err(|error| error.of(id, meter))?;
        settled &= known.is_none_or(|known| rests_alike(&volume, !by_meter.contains_key(meter), known));
        for flag in &volume.flags {
            flags.meter(*flag, id, meter);
        }
        uses.push(MeterUse { device: id.to_owned(), meter: meter.to_owned(), volume });
    }
    Ok((uses, settled))
}

/// §5: a meter that was not billed yet, of a device that was, begins after the anchor of the others.
fn from_where_it_left_off(reads: &[Read], anchor: Option<Anchor>, since: Option<i64>) -> &[Read] {
    let skipped = match (anchor, since) {
        (None, Some(since)) => reads.partition_point(|read| read.ts <= since),
        _ => 0,
    };
    reads.get(skipped..).unwrap_or_default()
}

/// Prices measured volumes: lines in the order of §6, total, closing and carry.
pub fn invoice(
    terms: &Terms<'_>,
    meters: Vec<MeterUse>,
    previous: &Previous,
    mut flags: Flags,
) -> Result<Invoice, BillError> {
    let mut lines = base_lines(terms)?;
    let mut carry = BTreeMap::new();
    let volumes = Volumes::of(&meters);
    for charge in &terms.charges {
        usage_lines(terms, charge, &volumes, previous, &mut flags, &mut lines, &mut carry)?;
    }
    lines.extend(minimum_topup(terms, &lines)?);

    let total = total_of(&lines, terms)?;
    let closing = meters.iter().filter_map(|used| {
        let closing = used.volume.closing?;
        let entry = ClosingEntry { u: closing.u, estimated: closing.estimated };
        Some((closing_key(&used.device, &used.meter), entry))
    });
    let closing = closing.collect();
    let carries = terms.charges.iter().any(|charge| charge.charge.carry_cap.is_some());
    Ok(Invoice { lines, total, closing, flags: flags.into_set(), carry: carries.then_some(carry), meters })
}

/// The part of the period in which the device is under the contract.
pub fn device_window(terms: &Terms<'_>, device: &ContractDevice) -> Window {
    terms.window.intersect(Window {
        from: device.from.map_or(i64::MIN, |from| terms.zone.instant(from)),
        to: device.to.map_or(i64::MAX, |to| terms.zone.instant(to)),
    })
}

/// §6.1: one line for the contract or one per device, by days; none for no days.
fn base_lines(terms: &Terms<'_>) -> Result<Vec<Line>, BillError> {
    let Some(fee) = &terms.contract.base_fee else { return Ok(Vec::new()) };
    let of_days = terms.period.days();
    let spans: Vec<(Option<&str>, i64)> = match fee.per {
        BaseFeePer::Contract => vec![(None, terms.days.days())],
        BaseFeePer::Device => {
            let of_device = |device: &&ContractDevice| proration::device_days(terms, device);
            terms.devices.iter().map(|device| (Some(device.device.as_str()), of_device(device))).collect()
        }
    };
    let mut lines = Vec::new();
    for (device, days) in spans.into_iter().filter(|(_, days)| *days > 0) {
        let amount = proration::base_fee(fee.amount.value(), days, of_days, terms.currency);
        let amount = amount.map_err(|source| BillError::Money { line: "base fee".to_owned(), source })?;
        lines.push(Line::Base { device: device.map(str::to_owned), days, of_days, amount });
    }
    Ok(lines)
}

/// §6.2: the lines of one charge, per device or for the pool, and what the pool carries over.
fn usage_lines(
    terms: &Terms<'_>,
    of: &ChargeTerms<'_>,
    volumes: &Volumes<'_>,
    previous: &Previous,
    flags: &mut Flags,
    lines: &mut Vec<Line>,
    carry: &mut BTreeMap<String, i64>,
) -> Result<(), BillError> {
    let charge = of.charge;
    let too_large = |source| BillError::Quantity { charge: charge.id.clone(), source };
    let of_days = terms.period.days();
    match charge.scope {
        Scope::Device => {
            for device in &terms.devices {
                let id = device.device.as_str();
                let days = proration::device_days(terms, device);
                let weighted = charge::weighted(charge, |meter| volumes.pages(id, meter)).map_err(too_large)?;
                let quantity = charge::quantity(charge, weighted, days, of_days, 0).map_err(too_large)?;
                price(terms, of, Some(id), days, &quantity, flags, lines)?;
            }
        }
        Scope::Pool => {
            let mut weighted: i128 = 0;
            for device in &terms.devices {
                let of_device = charge::weighted(charge, |meter| volumes.pages(&device.device, meter));
                let sum = weighted.checked_add(of_device.map_err(too_large)?);
                weighted = sum.ok_or_else(|| too_large(QuantityTooLarge))?;
            }
            let days = terms.days.days();
            let carried = match charge.carry_cap {
                Some(_) => previous.carry.get(&charge.id).copied().unwrap_or(0),
                None => 0,
            };
            if carried < 0 {
                return Err(BillError::NegativeCarry { charge: charge.id.clone(), count: carried });
            }
            let quantity = charge::quantity(charge, weighted, days, of_days, carried).map_err(too_large)?;
            if let Some(cap) = charge.carry_cap {
                carry.insert(charge.id.clone(), charge::carried_over(cap, &quantity));
            }
            price(terms, of, None, days, &quantity, flags, lines)?;
        }
    }
    Ok(())
}

/// Turns a quantity into lines; none for no days or no pages, but one for a price of zero.
fn price(
    terms: &Terms<'_>,
    of: &ChargeTerms<'_>,
    device: Option<&str>,
    days: i64,
    quantity: &Quantity,
    flags: &mut Flags,
    lines: &mut Vec<Line>,
) -> Result<(), BillError> {
    let charge = of.charge;
    if quantity.negative {
        flags.negative_derived(&charge.id);
    }
    if days == 0 || quantity.billed == 0 {
        return Ok(());
    }
    for (qty, price) in of.rates.lines(quantity.billed) {
        let amount = round::amount(price.value(), qty, charge.price_per, terms.currency);
        let line = || format!("charge {}", charge.id);
        lines.push(Line::Usage {
            charge: charge.id.clone(),
            device: device.map(str::to_owned),
            qty,
            price: price.text().to_owned(),
            price_per: charge.price_per,
            amount: amount.map_err(|source| BillError::Money { line: line(), source })?,
        });
    }
    Ok(())
}

/// §6.3: what is missing to the minimum amount, if the contract runs in this period at all.
fn minimum_topup(terms: &Terms<'_>, lines: &[Line]) -> Result<Option<Line>, BillError> {
    let Some(minimum) = terms.contract.min_amount.as_ref().filter(|_| terms.days.days() > 0) else {
        return Ok(None);
    };
    let missing = round::shortfall(minimum.value(), total_of(lines, terms)?, terms.currency);
    let missing = missing.map_err(|source| BillError::Money { line: "minimum amount".to_owned(), source })?;
    Ok(missing.map(|amount| Line::MinimumTopup { amount }))
}

fn total_of(lines: &[Line], terms: &Terms<'_>) -> Result<Decimal, BillError> {
    round::total(lines.iter().map(Line::amount), terms.currency)
        .map_err(|source| BillError::Money { line: "total".to_owned(), source })
}

pub(crate) fn closing_key(device: &str, meter: &str) -> String {
    format!("{device}/{meter}")
}

/// Meter exchanges by device and meter.
#[derive(Debug, Default)]
pub struct Exchanges(BTreeMap<String, BTreeMap<String, Vec<Exchange>>>);

impl Exchanges {
    pub fn of(events: &[Event]) -> Exchanges {
        let mut by_meter = Exchanges::default();
        for Event::MeterExchange { device, meter, ts, out, begins } in events {
            let exchange = Exchange { ts: ts.0, out: *out, begins: *begins };
            by_meter.0.entry(device.clone()).or_default().entry(meter.clone()).or_default().push(exchange);
        }
        by_meter
    }

    /// Whether any counter of the device was replaced.
    pub fn concern(&self, device: &str) -> bool {
        self.0.contains_key(device)
    }

    fn of_meter(&self, device: &str, meter: &str) -> &[Exchange] {
        self.0.get(device).and_then(|meters| meters.get(meter)).map_or(&[], Vec::as_slice)
    }

    fn meters(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(|meters| meters.keys().map(String::as_str))
    }
}

/// Pages by device and meter.
struct Volumes<'a>(BTreeMap<(&'a str, &'a str), i64>);

impl<'a> Volumes<'a> {
    fn of(meters: &'a [MeterUse]) -> Volumes<'a> {
        let pages = |used: &'a MeterUse| ((used.device.as_str(), used.meter.as_str()), used.volume.pages);
        Volumes(meters.iter().map(pages).collect())
    }

    fn pages(&self, device: &str, meter: &str) -> i64 {
        self.0.get(&(device, meter)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
