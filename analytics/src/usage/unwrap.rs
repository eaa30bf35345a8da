//! Unwrapping (§3): from raw counter reads, which reset, roll over, glitch and spike, to one ever-growing value `u`.
//!
//! Each case of the rules is a named function. A read is either accepted and becomes a point, or ignored and changes
//! nothing; what was odd is flagged. Never looks at the clock, never guesses beyond the next two reads.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{DAY_SECS, MeterFlag, Read, TooLarge, counter};

/// What the contract says about plausibility, for one meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnwrapRules {
    pub max_pages_per_day: i64,
    /// A loss of at most so many pages is a power cut, not a reset.
    pub small_drop: i64,
    /// The counter counts 0 ..= modulus - 1, then starts again.
    pub modulus: Option<i64>,
}

impl UnwrapRules {
    /// Can `pages` be printed in `secs` seconds? Less than a day counts as a day.
    fn plausible(&self, pages: i128, secs: i64) -> bool {
        pages.saturating_mul(i128::from(DAY_SECS))
            <= i128::from(self.max_pages_per_day) * i128::from(secs.max(DAY_SECS))
    }
}

/// A technician's note: at `ts` the old counter stood at `out`, the new one at `begins`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    pub ts: i64,
    pub out: i64,
    pub begins: i64,
}

/// Where an earlier run left off: the point on which an issued closing rests. Reads up to it are not looked at again (§5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    pub ts: i64,
    /// What the next read is compared with: the raw value, or the high-water mark after a small drop.
    pub mark: i64,
    pub u: i64,
    /// Whether exchanges noted for this very instant are counted already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exchanged: bool,
}

/// How a point came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    First,
    Counted,
    Exchange,
    SmallDrop,
    Rollover,
    Reset,
    Rebase,
}

impl Step {
    fn flag(self) -> Option<MeterFlag> {
        match self {
            Step::First | Step::Counted => None,
            Step::Exchange => Some(MeterFlag::Exchange),
            Step::SmallDrop => Some(MeterFlag::SmallDrop),
            Step::Rollover => Some(MeterFlag::Rollover),
            Step::Reset => Some(MeterFlag::Reset),
            Step::Rebase => Some(MeterFlag::Rebase),
        }
    }

    /// True if pages may have been printed on the way to this point that no counter shows any more.
    pub fn hides_pages(self) -> bool {
        matches!(self, Step::Reset | Step::Rebase)
    }
}

/// An accepted read (or exchange): raw value and unwrapped value at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub ts: i64,
    pub raw: i64,
    pub u: i64,
    /// As in [`Anchor`].
    pub mark: i64,
    pub step: Step,
}

impl Point {
    /// From which a later run goes on.
    pub fn anchor(&self) -> Anchor {
        Anchor { ts: self.ts, mark: self.mark, u: self.u, exchanged: self.step == Step::Exchange }
    }
}

/// The points of one meter, ascending in time, and what was odd on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unwrapped {
    pub points: Vec<Point>,
    pub flags: BTreeSet<MeterFlag>,
}

/// Unwraps strictly ascending reads. Exchanges need not be in order; the same one noted twice counts once.
///
/// With an anchor the scale is the issued one: what is read after it is added to it. What was read before it is kept for
/// rates only, moved onto that scale; whatever is thought of it now, nothing from the anchor on changes.
pub fn unwrap(
    reads: &[Read],
    exchanges: &[Exchange],
    rules: &UnwrapRules,
    anchor: Option<Anchor>,
) -> Result<Unwrapped, TooLarge> {
    let mut done = Unwrapped::default();
    let (mut state, rest) = match anchor {
        Some(Anchor { ts, mark, u, .. }) => {
            let (older, newer) = reads.split_at(reads.partition_point(|read| read.ts <= ts));
            done = before_anchor(older, exchanges, rules, ts, u)?;
            done.flags.clear(); // what was odd then was said by the invoice that left the anchor
            let raw = older.last().filter(|read| read.ts == ts).map_or(mark, |read| read.value);
            done.points.push(Point { ts, raw, u, mark, step: Step::First });
            (State { pt: ts, pv: mark, u }, newer)
        }
        None => match reads.split_first() {
            Some((first, rest)) => {
                let value = first.value;
                done.points.push(Point { ts: first.ts, raw: value, u: value, mark: value, step: Step::First });
                (State { pt: first.ts, pv: value, u: value }, rest)
            }
            None => return Ok(done),
        },
    };

    let counted = anchor.filter(|anchor| anchor.exchanged).map(|anchor| anchor.ts);
    let pending = in_order(exchanges, state.pt).into_iter().filter(|exchange| Some(exchange.ts) != counted);
    let mut pending = pending.peekable();
    for (index, read) in rest.iter().enumerate() {
        while let Some(exchange) = pending.next_if(|exchange| exchange.ts < read.ts) {
            state.exchange(exchange)?;
            done.accept(Point {
                ts: exchange.ts,
                raw: exchange.begins,
                u: state.u,
                mark: state.pv,
                step: Step::Exchange,
            });
        }
        let ahead = &rest[index + 1..];
        let question = Question { state, read: *read, n1: ahead.first().copied(), n2: ahead.get(1).copied(), rules };
        match question.judge() {
            Verdict::Ignore(flag) => {
                done.flags.insert(flag);
            }
            Verdict::Accept { step, pages } => {
                state.accept(*read, step, pages)?;
                done.accept(Point { ts: read.ts, raw: read.value, u: state.u, mark: state.pv, step });
            }
        }
    }
    Ok(done)
}

/// The points before an anchor, on the scale that leads to it.
fn before_anchor(
    older: &[Read],
    exchanges: &[Exchange],
    rules: &UnwrapRules,
    ts: i64,
    u: i64,
) -> Result<Unwrapped, TooLarge> {
    let mut before = unwrap(older, exchanges, rules, None)?;
    let Some(last) = before.points.iter().rfind(|point| point.ts <= ts).copied() else { return Ok(before) };
    before.points.retain(|point| point.ts < ts);
    for point in &mut before.points {
        point.u = counter(i128::from(point.u) - i128::from(last.u) + i128::from(u), point.ts)?;
    }
    Ok(before)
}

/// Exchanges from the first read on in order of time; of one instant in the order in which they were noted. The very
/// same note twice is one exchange: applied twice it would bill the old counter again.
fn in_order(exchanges: &[Exchange], from: i64) -> Vec<Exchange> {
    let mut noted: Vec<Exchange> = exchanges.iter().copied().filter(|exchange| exchange.ts >= from).collect();
    noted.sort_by_key(|exchange| exchange.ts);
    let mut ordered: Vec<Exchange> = Vec::with_capacity(noted.len());
    for exchange in noted {
        let same_instant = ordered.iter().rev().take_while(|before| before.ts == exchange.ts);
        if !same_instant.into_iter().any(|before| *before == exchange) {
            ordered.push(exchange);
        }
    }
    ordered
}

impl Unwrapped {
    fn accept(&mut self, point: Point) {
        self.points.push(point);
        self.flags.extend(point.step.flag());
    }
}

/// Time and raw value that the next read is compared with, and the unwrapped value.
#[derive(Debug, Clone, Copy)]
struct State {
    pt: i64,
    pv: i64,
    u: i64,
}

impl State {
    /// §3.0 Exchange: what the old counter still counted is added, then the new one is followed.
    fn exchange(&mut self, exchange: Exchange) -> Result<(), TooLarge> {
        let pages = (i128::from(exchange.out) - i128::from(self.pv)).max(0);
        self.u = counter(i128::from(self.u) + pages, exchange.ts)?;
        self.pt = exchange.ts;
        self.pv = exchange.begins;
        Ok(())
    }

    /// A small drop keeps the high-water mark, any other accepted read becomes the value to compare with.
    fn accept(&mut self, read: Read, step: Step, pages: i128) -> Result<(), TooLarge> {
        self.u = counter(i128::from(self.u) + pages, read.ts)?;
        self.pt = read.ts;
        if step != Step::SmallDrop {
            self.pv = read.value;
        }
        Ok(())
    }
}

enum Verdict {
    Accept { step: Step, pages: i128 },
    Ignore(MeterFlag),
}

/// One read, what came before and the next two reads: all that a verdict may depend on.
struct Question<'a> {
    state: State,
    read: Read,
    n1: Option<Read>,
    n2: Option<Read>,
    rules: &'a UnwrapRules,
}

impl Question<'_> {
    fn judge(&self) -> Verdict {
        if self.read.value >= self.state.pv {
            return self.growth().or_else(|| self.rebase_upwards()).unwrap_or_else(|| self.spike());
        }
        self.small_drop()
            .or_else(|| self.glitch())
            .or_else(|| self.pending_reset())
            .or_else(|| self.rollover())
            .or_else(|| self.reset())
            .unwrap_or_else(|| self.rebase())
    }

    /// §3.1: the counter grew as much as a printer can print.
    fn growth(&self) -> Option<Verdict> {
        let pages = i128::from(self.read.value) - i128::from(self.state.pv);
        self.plausible(pages).then_some(Verdict::Accept { step: Step::Counted, pages })
    }

    /// §3.1: an implausible level that the next two reads confirm is a new level; the jump is not billed.
    fn rebase_upwards(&self) -> Option<Verdict> {
        let (n1, n2) = (self.n1?, self.n2?);
        let steady = |from: Read, to: Read| {
            from.value <= to.value
                && self.rules.plausible(i128::from(to.value) - i128::from(from.value), to.ts - from.ts)
        };
        (steady(self.read, n1) && steady(n1, n2)).then_some(Verdict::Accept { step: Step::Rebase, pages: 0 })
    }

    /// §3.1: an implausible level that nothing confirms.
    fn spike(&self) -> Verdict {
        Verdict::Ignore(MeterFlag::Spike)
    }

    /// §3.2a: a few pages were lost with the power; the highest value stays the mark.
    fn small_drop(&self) -> Option<Verdict> {
        let lost = i128::from(self.state.pv) - i128::from(self.read.value);
        (lost <= i128::from(self.rules.small_drop)).then_some(Verdict::Accept { step: Step::SmallDrop, pages: 0 })
    }

    /// §3.2b: one of the next two reads is back at the old level, so this one was wrong.
    fn glitch(&self) -> Option<Verdict> {
        let back = |next: Option<Read>| {
            next.is_some_and(|next| {
                next.value >= self.state.pv
                    && self.rules.plausible(i128::from(next.value) - i128::from(self.state.pv), next.ts - self.state.pt)
            })
        };
        (back(self.n1) || back(self.n2)).then_some(Verdict::Ignore(MeterFlag::Glitch))
    }

    /// §3.2c: a drop is believed only when a further read follows.
    fn pending_reset(&self) -> Option<Verdict> {
        self.n1.is_none().then_some(Verdict::Ignore(MeterFlag::PendingReset))
    }

    /// §3.2d: from the last tenth of a known modulus into the first tenth.
    fn rollover(&self) -> Option<Verdict> {
        let modulus = i128::from(self.rules.modulus?);
        let (old, new) = (i128::from(self.state.pv), i128::from(self.read.value));
        let pages = new + modulus - old;
        (10 * old >= 9 * modulus && 10 * new < modulus && self.plausible(pages))
            .then_some(Verdict::Accept { step: Step::Rollover, pages })
    }

    /// §3.2e: counting restarted at 0; the pages since then are billed.
    fn reset(&self) -> Option<Verdict> {
        let pages = i128::from(self.read.value);
        self.plausible(pages).then_some(Verdict::Accept { step: Step::Reset, pages })
    }

    /// §3.2f: a board with a history of its own; the level is followed, nothing is billed.
    fn rebase(&self) -> Verdict {
        Verdict::Accept { step: Step::Rebase, pages: 0 }
    }

    fn plausible(&self, pages: i128) -> bool {
        self.rules.plausible(pages, self.read.ts - self.state.pt)
    }
}

#[cfg(test)]
mod tests;
