//! Series of which only parts are at hand. Of the rest it is known that the meter only grew there, by steps that a printer can
//! print, from the read before to the read after; whether the parts then say what the whole series would say is decided here.
//!
//! Promise: where this says so, unwrapping the parts gives the scale and the flags of the whole series (§3), and volumes and the
//! reads that they rest on are the same (§4, §5). Wherever a verdict could hang on a read that is not at hand, it does not say so.

use std::ops::RangeInclusive;

use super::boundary::{BoundaryValue, Method};
use super::{Anchor, ClosingSource, Opening, Point, Read, Step, Unwrapped, Volume};

/// Before and after everything.
pub const BEGINNING: i64 = i64::MIN;
pub const END: i64 = i64::MAX;

/// The times of which every read is at hand (Unix seconds): ascending, none touching the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(Vec<RangeInclusive<i64>>);

impl Known {
    /// From spans in any order.
    pub fn of(spans: impl IntoIterator<Item = RangeInclusive<i64>>) -> Known {
        let mut spans: Vec<_> = spans.into_iter().collect();
        spans.sort_unstable_by_key(|span| *span.start());
        let mut known: Vec<RangeInclusive<i64>> = Vec::with_capacity(spans.len());
        for span in spans {
            match known.last_mut() {
                Some(last) if *span.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(span.end());
                }
                _ => known.push(span),
            }
        }
        Known(known)
    }

    /// Whether every read from one instant to the other is at hand.
    fn joins(&self, from: i64, to: i64) -> bool {
        self.0.iter().any(|span| span.contains(&from) && span.contains(&to))
    }
}

/// Whether all reads of a meter would have been judged like those at hand (no exchange among them). At both ends of what is not
/// at hand, the verdict must be plain growth, which looks neither ahead nor, but for the read before, back.
pub fn unwraps_alike(reads: &[Read], anchor: Option<Anchor>, unwrapped: &Unwrapped, known: &Known) -> bool {
    let reads = match anchor {
        None => reads,
        Some(anchor) => match reads.get(reads.partition_point(|read| read.ts < anchor.ts)..) {
            Some(from_anchor) if from_anchor.first().is_some_and(|read| read.ts == anchor.ts) => from_anchor,
            _ => return false,
        },
    };
    let verdict = |read: &Read| {
        let at = unwrapped.points.binary_search_by_key(&read.ts, |point| point.ts);
        at.ok().and_then(|at| unwrapped.points.get(at))
    };
    let grew = |point: &Point| matches!(point.step, Step::First | Step::Counted) && point.mark == point.raw;
    let looked_ahead = |read: &Read| {
        verdict(read).is_none_or(|point| !matches!(point.step, Step::First | Step::Counted | Step::SmallDrop))
    };
    reads.iter().enumerate().all(|(at, read)| {
        let next = reads.get(at + 1);
        if known.joins(read.ts, next.map_or(END, |next| next.ts)) {
            return true;
        }
        let before = at.checked_sub(1).and_then(|before| reads.get(before));
        let looks_over = before.is_some_and(|before| known.joins(before.ts, read.ts) && looked_ahead(before));
        let goes_on = next.is_none_or(|next| verdict(next).is_some_and(|point| point.step == Step::Counted));
        !looks_over && goes_on && verdict(read).is_some_and(grew)
    })
}

/// Whether a volume rests on reads that would be the ones at the ends of its window too if all were at hand.
pub fn rests_alike(volume: &Volume, never_read: bool, known: &Known) -> bool {
    let at_end = |value: &BoundaryValue| {
        let next = value.next.map_or(END, |next| next.ts);
        matches!(value.method, Method::Read | Method::Interpolated) && known.joins(value.last.ts, next)
    };
    let nothing_before = |ts: i64| never_read || known.joins(BEGINNING, ts);
    let opens = match &volume.opening {
        Some(Opening::Previous(_) | Opening::StartRead(_)) => true,
        Some(Opening::Boundary(value)) => at_end(value),
        Some(Opening::FirstInside(point)) => nothing_before(point.ts),
        None => nothing_before(volume.window.to),
    };
    let closes = match volume.closing.as_ref().map(|closing| &closing.source) {
        Some(ClosingSource::EndRead(_)) => true,
        Some(ClosingSource::Boundary(value)) => at_end(value),
        Some(ClosingSource::Opening) | None => nothing_before(volume.window.to),
    };
    opens && closes
}

#[cfg(test)]
mod tests;
