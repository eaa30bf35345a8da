//! An invoice together with the reads that each line rests on: what a run prints.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::billing::calendar::Instant;
use crate::billing::invoice::{ClosingEntry, closing_key};
use crate::billing::line::money;
use crate::billing::{Contract, Currency, Invoice, Line, MeterUse, Previous};
use crate::evidence::Origin;
use crate::snapshot::Snapshot;
use crate::usage::{Anchor, BoundaryValue, Closing, ClosingSource, Opening, Point, Volume, Window};

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
    #[serde(with = "money")]
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

/// One meter of one device, in a line or in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadsUsed {
    pub device: String,
    pub meter: String,
    /// In a line: what the charge counts it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    pub pages: i64,
    pub opening: Option<Side>,
    pub closing: Option<Side>,
    /// Where the next period goes on unwrapping; `None` after a read that somebody noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
}

/// The value at one end of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// On the unwrapped scale; closing minus opening is what is billed.
    pub value: i64,
    /// `read`, `interpolated`, `estimated`, `stale`; `previous`, `start_read`, `end_read`, `first_inside`, `opening`.
    pub method: Cow<'static, str>,
    /// The true value lies in `lo ..= hi`.
    pub lo: i64,
    pub hi: i64,
    /// The last read at or before the boundary (`first_inside`: the first after it).
    pub read: Option<ReadShape>,
    /// The first read after the boundary, where one is known.
    pub next: Option<ReadShape>,
}

/// A read and the poll that brought it; an exchange noted by a technician has no poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Id of the payload that brought it: the first 16 bytes of its BLAKE3 hash, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Hash of the plan that names the OID, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// Both ends of a measured meter, with their origins looked up. `before`: what the preceding invoice left of it.
pub fn reads_used(used: &MeterUse, before: &Previous, origin: impl Fn(&str, i64, i64) -> Option<Origin>) -> ReadsUsed {
    let shape = |point: &Point| {
        let origin = origin(&used.meter, point.ts, point.raw);
        let agents = origin.filter(|origin| !origin.cn.is_empty());
        ReadShape {
            ts: Instant(point.ts).to_string(),
            raw: point.raw,
            value: point.u,
            cn: agents.as_ref().map(|origin| origin.cn.to_string()),
            epoch: agents.as_ref().map(|origin| origin.epoch.to_string()),
            seq: agents.as_ref().map(|origin| origin.seq),
            payload: agents.as_ref().map(|origin| origin.payload.to_string()).filter(|id| !id.is_empty()),
            plan: agents.as_ref().map(|origin| origin.plan.to_string()).filter(|plan| !plan.is_empty()),
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
    let anchor = used.volume.closing.as_ref().and_then(|closing| match closing.source {
        ClosingSource::EndRead(_) => None,
        ClosingSource::Boundary(value) => Some(value.last.anchor()),
        ClosingSource::Opening => before.closing.get(&closing_key(&used.device, &used.meter))?.anchor,
    });
    let (device, meter) = (used.device.clone(), used.meter.clone());
    ReadsUsed { device, meter, weight: None, pages: used.volume.pages, opening, closing, anchor }
}

impl ReadsUsed {
    /// What pricing needs of it.
    pub fn measured(&self) -> MeterUse {
        let closing = self.closing.as_ref().map(|side| Closing {
            u: side.value,
            estimated: matches!(&*side.method, "interpolated" | "estimated"),
            source: ClosingSource::Opening,
        });
        let (window, pages) = (Window { from: 0, to: 0 }, self.pages);
        let volume = Volume { window, pages, opening: None, closing, flags: Vec::new() };
        MeterUse { device: self.device.clone(), meter: self.meter.clone(), volume }
    }
}

fn given(value: i64, method: &'static str) -> Side {
    Side { value, method: Cow::Borrowed(method), lo: value, hi: value, read: None, next: None }
}

/// `u` is the value billed: after a negative true-up it is not the one found at the boundary.
fn at_boundary(value: &BoundaryValue, u: i64, shape: impl Fn(&Point) -> ReadShape) -> Side {
    Side {
        value: u,
        method: Cow::Borrowed(value.method.name()),
        lo: value.lo,
        hi: value.hi,
        read: Some(shape(&value.last)),
        next: value.next.as_ref().map(shape),
    }
}

/// Puts the reads under the lines that they were billed in.
pub fn statement(
    tenant: &str,
    snapshot: &Snapshot,
    currency: Currency,
    window: Window,
    invoice: &Invoice,
) -> Statement {
    let Snapshot { contract, period, as_of, reads, unsure_polls, .. } = snapshot;
    let lines = invoice.lines.iter().enumerate().map(|(index, line)| StatementLine {
        number: index + 1,
        line: line.clone(),
        reads: reads_of(line, contract, reads),
    });
    Statement {
        version: STATEMENT_VERSION,
        tenant: tenant.to_owned(),
        contract: contract.id.clone(),
        currency: currency.code.to_owned(),
        minor_digits: currency.minor_digits,
        timezone: contract.timezone.clone(),
        period: PeriodShape {
            start: period.start.to_string(),
            end: period.end.to_string(),
            from: Instant(window.from).to_string(),
            to: Instant(window.to).to_string(),
        },
        as_of: as_of.to_string(),
        lines: lines.collect(),
        total: invoice.total,
        closing: invoice.closing.clone(),
        flags: invoice.flags.iter().cloned().collect(),
        carry: invoice.carry.clone(),
        unsure_polls: unsure_polls.clone(),
    }
}

/// The meters of the charge, of the line's device or of all.
pub fn reads_of(line: &Line, contract: &Contract, reads: &[ReadsUsed]) -> Vec<ReadsUsed> {
    let Line::Usage { charge, device, .. } = line else { return Vec::new() };
    let Some(charge) = contract.charges.iter().find(|of| of.id == *charge) else { return Vec::new() };
    let of_line = reads.iter().filter(|used| device.as_ref().is_none_or(|device| *device == used.device));
    of_line
        .filter_map(|used| Some(ReadsUsed { weight: Some(*charge.meters.get(&used.meter)?), ..used.clone() }))
        .collect()
}
