//! An invoice together with the reads that each line rests on: what a run prints.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::billing::calendar::Instant;
use crate::billing::invoice::ClosingEntry;
use crate::billing::line::as_text;
use crate::billing::{Contract, Currency, Invoice, Line, MeterUse, Period};
use crate::evidence::Origin;
use crate::usage::{BoundaryValue, Closing, ClosingSource, Opening, Point};

/// Version of the JSON shape below.
pub const STATEMENT_VERSION: u32 = 1;

/// The answer of `analytics bill`, as JSON. Money is text; times are UTC.
#[derive(Debug, Serialize)]
pub struct Statement {
    pub version: u32,
    pub tenant: String,
    pub contract: String,
    pub currency: String,
    pub minor_digits: u32,
    pub timezone: String,
    pub period: PeriodShape,
    pub as_of: String,
    pub lines: Vec<StatementLine>,
    #[serde(serialize_with = "as_text")]
    pub total: Decimal,
    pub closing: BTreeMap<String, ClosingEntry>,
    pub flags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carry: Option<BTreeMap<String, i64>>,
    /// Device → polls in the period whose time is not sure; none of them was billed.
    pub unsure_polls: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
pub struct PeriodShape {
    pub start: String,
    /// Exclusive.
    pub end: String,
    /// The same as instants: local midnights of the contract's zone.
    pub from: String,
    pub to: String,
}

/// A line as the rules publish it, and the reads behind it.
#[derive(Debug, Serialize)]
pub struct StatementLine {
    /// From 1.
    pub number: usize,
    pub line: Line,
    pub reads: Vec<ReadsUsed>,
}

/// One meter of one device in a line.
#[derive(Debug, Clone, Serialize)]
pub struct ReadsUsed {
    pub device: String,
    pub meter: String,
    pub weight: i64,
    pub pages: i64,
    pub opening: Option<Side>,
    pub closing: Option<Side>,
}

/// The value at one end of the period.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// On the unwrapped scale; closing minus opening is what is billed.
    pub value: i64,
    /// `read`, `interpolated`, `estimated`, `stale`; `previous`, `start_read`, `end_read`, `first_inside`, `opening`.
    pub method: &'static str,
    /// The true value lies in `lo ..= hi`.
    pub lo: i64,
    pub hi: i64,
    /// The last read at or before the boundary (`first_inside`: the first after it).
    pub read: Option<ReadShape>,
    /// The first read after the boundary, where one is known.
    pub next: Option<ReadShape>,
}

/// A read and the poll that brought it; an exchange noted by a technician has no poll.
#[derive(Debug, Clone, Serialize)]
pub struct ReadShape {
    pub ts: String,
    /// What the counter showed.
    pub raw: i64,
    /// The same on the unwrapped scale.
    pub value: i64,
    pub cn: Option<String>,
    /// As text: it has 64 bits.
    pub epoch: Option<String>,
    pub seq: Option<u64>,
}

/// What a statement says beside the invoice.
#[derive(Debug)]
pub struct Frame<'a> {
    pub tenant: &'a str,
    pub contract: &'a Contract,
    pub currency: Currency,
    pub period: Period,
    pub window: crate::usage::Window,
    pub as_of: Instant,
    pub unsure_polls: BTreeMap<String, u64>,
}

/// Both ends of a measured meter, with their origins looked up.
pub fn reads_used(used: &MeterUse, origin: impl Fn(&str, i64, i64) -> Option<Origin>) -> ReadsUsed {
    let shape = |point: &Point| {
        let origin = origin(&used.meter, point.ts, point.raw);
        ReadShape {
            ts: Instant(point.ts).to_string(),
            raw: point.raw,
            value: point.u,
            cn: origin.as_ref().map(|origin| origin.cn.to_string()),
            epoch: origin.as_ref().map(|origin| origin.epoch.to_string()),
            seq: origin.as_ref().map(|origin| origin.seq),
        }
    };
    let opening = used.volume.opening.as_ref().map(|opening| match opening {
        Opening::Previous(u) => given(*u, "previous"),
        Opening::StartRead(u) => given(*u, "start_read"),
        Opening::Boundary(value) => at_boundary(value, value.u, shape),
        Opening::FirstInside(point) => Side { read: Some(shape(point)), ..given(point.u, "first_inside") },
    });
    let closing = used.volume.closing.as_ref().map(|Closing { u, source, .. }| match source {
        ClosingSource::EndRead(_) => given(*u, "end_read"),
        ClosingSource::Boundary(value) => at_boundary(value, *u, shape),
        ClosingSource::Opening => given(*u, "opening"),
    });
    let (device, meter) = (used.device.clone(), used.meter.clone());
    ReadsUsed { device, meter, weight: 0, pages: used.volume.pages, opening, closing }
}

fn given(value: i64, method: &'static str) -> Side {
    Side { value, method, lo: value, hi: value, read: None, next: None }
}

/// `u` is the value billed: after a negative true-up it is not the one found at the boundary.
fn at_boundary(value: &BoundaryValue, u: i64, shape: impl Fn(&Point) -> ReadShape) -> Side {
    Side {
        value: u,
        method: value.method.name(),
        lo: value.lo,
        hi: value.hi,
        read: Some(shape(&value.last)),
        next: value.next.as_ref().map(shape),
    }
}

/// Puts the reads under the lines that they were billed in.
pub fn statement(frame: Frame<'_>, invoice: Invoice, reads: &[ReadsUsed]) -> Statement {
    let lines = invoice.lines.into_iter().enumerate().map(|(index, line)| {
        let reads = reads_of(&line, frame.contract, reads);
        StatementLine { number: index + 1, line, reads }
    });
    Statement {
        version: STATEMENT_VERSION,
        tenant: frame.tenant.to_owned(),
        contract: frame.contract.id.clone(),
        currency: frame.currency.code.to_owned(),
        minor_digits: frame.currency.minor_digits,
        timezone: frame.contract.timezone.clone(),
        period: PeriodShape {
            start: frame.period.start.to_string(),
            end: frame.period.end.to_string(),
            from: Instant(frame.window.from).to_string(),
            to: Instant(frame.window.to).to_string(),
        },
        as_of: frame.as_of.to_string(),
        lines: lines.collect(),
        total: invoice.total,
        closing: invoice.closing,
        flags: invoice.flags.into_iter().collect(),
        carry: invoice.carry,
        unsure_polls: frame.unsure_polls,
    }
}

/// The meters of the charge, of the line's device or of all.
fn reads_of(line: &Line, contract: &Contract, reads: &[ReadsUsed]) -> Vec<ReadsUsed> {
    let Line::Usage { charge, device, .. } = line else { return Vec::new() };
    let Some(charge) = contract.charges.iter().find(|of| of.id == *charge) else { return Vec::new() };
    let of_line = reads.iter().filter(|used| device.as_ref().is_none_or(|device| *device == used.device));
    of_line.filter_map(|used| Some(ReadsUsed { weight: *charge.meters.get(&used.meter)?, ..used.clone() })).collect()
}
