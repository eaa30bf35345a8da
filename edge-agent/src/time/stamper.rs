//! Turns moments into stamps: server time plus steady difference, once the server's time was heard in that boot.
//!
//! Never trusts the host's date while it can know better. Records of a boot that never learned the time are sure only if
//! their dates lie in order between two sure stamps; all others are marked unsure and, if their dates are impossible,
//! placed so that they end where the next boot begins. Asks no clock: every moment is an argument.

use serde::{Deserialize, Serialize};

use super::{Boot, Moment};
use crate::limits::{AGREE_MS, ANCHORS_MAX, DRIFT_PPM, ROUND_TRIP_MAX};
use schemas::limits::{STAMP_AHEAD_MAX, STAMP_MIN};

/// A statement is trusted after so many more at the same moment: a drill that stands still is not in mid-step.
const AGREEMENTS_AT_REST: u32 = 2;

/// The server's time at one moment of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Anchor {
    pub boot: Boot,
    pub steady_ms: u64,
    pub server_ms: i64,
    /// The latest sure time known of this boot; what follows in another boot is later.
    pub sure_until_ms: i64,
}

impl Anchor {
    /// The server's time at another moment of the same boot, in milliseconds.
    pub fn at(&self, steady_ms: u64) -> i64 {
        let now = i64::try_from(steady_ms).unwrap_or(i64::MAX);
        let then = i64::try_from(self.steady_ms).unwrap_or(i64::MAX);
        self.server_ms.saturating_add(now.saturating_sub(then))
    }
}

/// When a record was made, as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Unix milliseconds.
    pub ms: i64,
    pub sure: bool,
}

impl Stamp {
    /// Unix seconds, rounded down.
    pub fn ts(self) -> i64 {
        self.ms.div_euclid(1_000)
    }
}

/// What an answer to a hello was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The time of this boot is known (again).
    Learned,
    /// The answer took too long, or came from another boot: ask again.
    TooSlow,
    /// It contradicts what was known, or needs a second opinion: ask again at a later moment.
    Doubtful,
}

/// How the records of a boot that ended without learning the time are stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// By their dates, which lie in order between two sure stamps.
    Sure,
    /// By their dates, which are possible but prove nothing.
    Unsure,
    /// By steady time plus this many milliseconds: their dates are impossible.
    Placed(i64),
}

/// Dates of the records of one ended boot, in the order in which they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first_wall_ms: i64,
    pub last_wall_ms: i64,
    pub last_steady_ms: u64,
    /// Whether no date is earlier than the one before.
    pub ordered: bool,
}

impl Span {
    pub fn of(moment: Moment) -> Self {
        Self {
            first_wall_ms: moment.wall_ms,
            last_wall_ms: moment.wall_ms,
            last_steady_ms: moment.steady_ms,
            ordered: true,
        }
    }

    /// Both spans as one; `next` was made after `self`.
    pub fn joined(self, next: Self) -> Self {
        Self {
            first_wall_ms: self.first_wall_ms,
            last_wall_ms: next.last_wall_ms,
            last_steady_ms: next.last_steady_ms.max(self.last_steady_ms),
            ordered: self.ordered && next.ordered && self.last_wall_ms <= next.first_wall_ms,
        }
    }
}

/// Everything known about time, as it is kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// At most one per boot, the newest last.
    pub anchors: Vec<Anchor>,
    pub verdicts: Vec<(Boot, Verdict)>,
}

/// The state machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stamper {
    boot: Boot,
    known: Known,
    /// A statement of the server that waits for others, and how many agreed with it at its very moment.
    candidate: Option<(Anchor, u32)>,
    /// Ask again before the first trust: a drill moves its clocks one after the other, so an answer may straddle a step.
    cautious: bool,
}

impl Stamper {
    /// Goes on from what was kept. An anchor of this boot that lies in the future of `now` is void: steady never goes back.
    pub fn new(now: Moment, mut known: Known, cautious: bool) -> Self {
        known.anchors.retain(|anchor| anchor.boot != now.boot || anchor.steady_ms <= now.steady_ms);
        Self { boot: now.boot, known, candidate: None, cautious }
    }

    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Whether the server's time is known in this boot.
    pub fn learned(&self) -> bool {
        self.anchor(self.boot).is_some()
    }

    /// Hears the server's `now_ms`, said between the two moments.
    pub fn heard(&mut self, sent: Moment, received: Moment, now_ms: i64) -> Heard {
        let round_trip = received.steady_ms.checked_sub(sent.steady_ms);
        let in_time = round_trip.is_some_and(|ms| u128::from(ms) < ROUND_TRIP_MAX.as_millis());
        let possible = now_ms >= STAMP_MIN * 1_000;
        if sent.boot != self.boot || received.boot != self.boot || !in_time || !possible {
            return Heard::TooSlow;
        }
        let middle = sent.steady_ms + round_trip.unwrap_or(0) / 2;
        let said = Anchor { boot: self.boot, steady_ms: middle, server_ms: now_ms, sure_until_ms: now_ms };
        let trusted = match (self.anchor(self.boot), self.candidate) {
            (Some(known), _) if agree(known, said) => true,
            (_, Some((candidate, agreed))) => {
                agree(&candidate, said) && (said.steady_ms > candidate.steady_ms || agreed >= AGREEMENTS_AT_REST)
            }
            (None, None) => !self.cautious,
            (Some(_), None) => false,
        };
        if trusted {
            self.candidate = None;
            self.put(said);
            return Heard::Learned;
        }
        self.candidate = match self.candidate {
            Some((candidate, agreed)) if agree(&candidate, said) => Some((candidate, agreed + 1)),
            _ => Some((said, 0)),
        };
        Heard::Doubtful
    }

    /// The stamp of a record, or `None` while it has to wait. Records of ended boots need [`Stamper::judge`] first.
    pub fn stamp(&self, moment: Moment) -> Option<Stamp> {
        if let Some(anchor) = self.anchor(moment.boot) {
            return Some(Stamp { ms: anchor.at(moment.steady_ms), sure: true });
        }
        match self.verdict(moment.boot)? {
            Verdict::Sure => Some(Stamp { ms: moment.wall_ms, sure: true }),
            Verdict::Unsure => Some(Stamp { ms: moment.wall_ms, sure: false }),
            Verdict::Placed(shift) => {
                let steady = i64::try_from(moment.steady_ms).unwrap_or(i64::MAX);
                Some(Stamp { ms: steady.saturating_add(shift), sure: false })
            }
        }
    }

    /// Whether records of this boot must be judged before they can be stamped, and can be.
    pub fn needs_verdict(&self, boot: Boot) -> bool {
        boot != self.boot && self.learned() && self.anchor(boot).is_none() && self.verdict(boot).is_none()
    }

    /// Judges an ended boot by the dates of all its records, once the time is known in this boot.
    pub fn judge(&mut self, boot: Boot, span: Span) {
        let Some(current) = self.anchor(self.boot).copied() else { return };
        if !self.needs_verdict(boot) {
            return;
        }
        let upper = current.at(0);
        let lower = self
            .known
            .anchors
            .iter()
            .filter(|anchor| anchor.boot != self.boot)
            .map(|anchor| anchor.sure_until_ms)
            .max();
        let between = lower.is_some_and(|lower| lower <= span.first_wall_ms) && span.last_wall_ms <= upper;
        let possible = span.first_wall_ms >= STAMP_MIN * 1_000 && span.last_wall_ms <= upper + STAMP_AHEAD_MAX * 1_000;
        let verdict = if span.ordered && between {
            Verdict::Sure
        } else if span.ordered && possible {
            Verdict::Unsure
        } else {
            let last = i64::try_from(span.last_steady_ms).unwrap_or(i64::MAX);
            Verdict::Placed(upper.saturating_sub(last))
        };
        if self.known.verdicts.len() >= ANCHORS_MAX {
            self.known.verdicts.remove(0);
        }
        self.known.verdicts.push((boot, verdict));
        if verdict == Verdict::Sure {
            // What another ended boot says must lie after this one.
            self.known.anchors.iter_mut().filter(|anchor| anchor.boot != current.boot).for_each(|anchor| {
                anchor.sure_until_ms = anchor.sure_until_ms.max(span.last_wall_ms);
            });
        }
    }

    /// Notes that a record of this boot was stamped, so that later boots know what they follow.
    pub fn stamped(&mut self, moment: Moment, stamp: Stamp) {
        if stamp.sure
            && let Some(anchor) = self.known.anchors.iter_mut().find(|anchor| anchor.boot == moment.boot)
        {
            anchor.sure_until_ms = anchor.sure_until_ms.max(stamp.ms);
        }
    }

    /// The best guess of the server's time, for decisions in which nothing depends on it being right.
    pub fn guess_ms(&self, now: Moment) -> i64 {
        self.anchor(now.boot).map_or(now.wall_ms, |anchor| anchor.at(now.steady_ms))
    }

    /// Server time minus the host's date in milliseconds, if known.
    pub fn offset_ms(&self, now: Moment) -> Option<i64> {
        self.anchor(now.boot).map(|anchor| anchor.at(now.steady_ms).saturating_sub(now.wall_ms))
    }

    fn anchor(&self, boot: Boot) -> Option<&Anchor> {
        self.known.anchors.iter().find(|anchor| anchor.boot == boot)
    }

    fn verdict(&self, boot: Boot) -> Option<Verdict> {
        self.known.verdicts.iter().find(|(judged, _)| *judged == boot).map(|(_, verdict)| *verdict)
    }

    fn put(&mut self, said: Anchor) {
        let before = self.anchor(said.boot).map_or(i64::MIN, |anchor| anchor.sure_until_ms);
        self.known.anchors.retain(|anchor| anchor.boot != said.boot);
        if self.known.anchors.len() >= ANCHORS_MAX {
            self.known.anchors.remove(0);
        }
        self.known.anchors.push(Anchor { sure_until_ms: said.sure_until_ms.max(before), ..said });
    }
}

/// Whether two statements of one boot can both be right.
fn agree(one: &Anchor, other: Anchor) -> bool {
    let elapsed = i64::try_from(one.steady_ms.abs_diff(other.steady_ms)).unwrap_or(i64::MAX);
    let allowed = AGREE_MS.saturating_add(elapsed.saturating_mul(DRIFT_PPM) / 1_000_000);
    one.at(other.steady_ms).saturating_sub(other.server_ms).saturating_abs() <= allowed
}

#[cfg(test)]
#[path = "stamper_tests.rs"]
mod tests;
