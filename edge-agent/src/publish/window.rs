//! Which payload is sent next: oldest first, at most [`WINDOW_MAX`] without an ack, again when needed. Pure.
//!
//! Nothing is sent before ingest has answered on this connection. After an answer, after a silence, and when ingest asks for
//! it, everything unacked is due again; a silence also narrows the window to 1, an ack doubles it. Acks come in any order. A payload that
//! never gets an ack cannot block others: among what is due, the one tried least often goes first.

use std::collections::BTreeMap;
use std::time::Duration;

use schemas::limits::WINDOW_MAX;

use crate::limits::ASKED_APART;

/// How long to wait for an ack before sending again: doubling from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pace {
    pub min: Duration,
    pub max: Duration,
}

impl Pace {
    fn wait(self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.min.saturating_mul(1 << doublings).min(self.max)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flight {
    /// Sent at this time, so many times in all.
    Sent { at: Duration, attempts: u32 },
    /// To be sent again.
    Due { attempts: u32 },
}

impl Flight {
    fn attempts(self) -> u32 {
        match self {
            Self::Sent { attempts, .. } | Self::Due { attempts } => attempts,
        }
    }
}

/// What the caller should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Nothing,
    /// Send this payload again.
    Again(u64),
    /// Send the oldest payloads held after this seq, at most so many.
    New {
        after: u64,
        count: usize,
    },
}

/// The payloads of one epoch that were sent and are not settled. Times are of any clock that never goes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    pace: Pace,
    open: bool,
    /// How many may be sent without an ack.
    width: usize,
    flights: BTreeMap<u64, Flight>,
    /// The highest seq that was ever sent.
    reached: u64,
    last_ack: Option<Duration>,
    /// Waits that ended in silence since the last ack; each doubles the next one.
    silences: u32,
    /// When ingest's wish that everything be sent again is due, and when one was last granted.
    asked: Option<Duration>,
    granted: Option<Duration>,
}

impl Window {
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            open: false,
            width: WINDOW_MAX,
            flights: BTreeMap::new(),
            reached: 0,
            last_ack: None,
            silences: 0,
            asked: None,
            granted: None,
        }
    }

    /// The connection is gone or not greeted yet: nothing may be sent.
    pub fn closed(&mut self) {
        self.open = false;
        self.asked = None;
    }

    /// Ingest answered the hello of this connection: what was sent on others is due again.
    pub fn greeted(&mut self) {
        self.open = true;
        self.silences = 0;
        self.all_due();
    }

    /// Ingest asks for what has no ack: another worker hears this agent now. Granted at most every [`ASKED_APART`]; what
    /// comes earlier waits until then.
    pub fn asked(&mut self, now: Duration) {
        if self.open {
            let at = self.granted.map_or(now, |granted| now.max(granted + ASKED_APART));
            self.asked.get_or_insert(at);
        }
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Payloads sent and not settled.
    pub fn unacked(&self) -> usize {
        self.flights.len()
    }

    /// The highest seq that was ever sent.
    pub fn reached(&self) -> u64 {
        self.reached
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// What to send now.
    pub fn want(&self) -> Want {
        let under_way = self.flights.values().filter(|flight| matches!(flight, Flight::Sent { .. })).count();
        if !self.open || under_way >= self.width {
            return Want::Nothing;
        }
        let due = self.flights.iter().filter(|(_, flight)| matches!(flight, Flight::Due { .. }));
        if let Some((seq, _)) = due.min_by_key(|(seq, flight)| (flight.attempts(), **seq)) {
            return Want::Again(*seq);
        }
        let room = WINDOW_MAX.saturating_sub(self.flights.len()).min(self.width - under_way);
        if room == 0 { Want::Nothing } else { Want::New { after: self.reached, count: room } }
    }

    /// A payload was handed to the connection. Returns whether it was sent before.
    pub fn sent(&mut self, seq: u64, now: Duration) -> bool {
        let before = self.flights.get(&seq).map_or(0, |flight| flight.attempts());
        self.flights.insert(seq, Flight::Sent { at: now, attempts: before + 1 });
        self.reached = self.reached.max(seq);
        before > 0
    }

    /// A payload was settled, by an ack for whatever sending of it.
    pub fn settled(&mut self, seq: u64, now: Duration) {
        self.flights.remove(&seq);
        self.last_ack = Some(now);
        self.silences = 0;
        self.width = (self.width * 2).clamp(1, WINDOW_MAX);
    }

    /// A payload is no longer held.
    pub fn gone(&mut self, seq: u64) {
        self.flights.remove(&seq);
    }

    /// The epoch changed: seqs start over.
    pub fn restart(&mut self) {
        self.flights.clear();
        self.reached = 0;
    }

    /// Lets time pass: payloads whose ack is overdue are due again. If nothing at all was acked since, the window narrows.
    pub fn pass(&mut self, now: Duration) {
        if !self.open {
            return;
        }
        if self.asked.is_some_and(|at| at <= now) {
            (self.asked, self.granted) = (None, Some(now));
            self.silences = 0;
            self.all_due();
        }
        let (pace, silences) = (self.pace, self.silences);
        let mut silent = false;
        for flight in self.flights.values_mut() {
            if let Flight::Sent { at, attempts } = *flight
                && at + pace.wait(attempts.max(silences + 1)) <= now
            {
                silent |= self.last_ack.is_none_or(|ack| ack < at);
                *flight = Flight::Due { attempts };
            }
        }
        if silent {
            self.silences = self.silences.saturating_add(1);
            self.width = 1;
            self.all_due();
        }
    }

    /// When [`Window::pass`] has something to do.
    pub fn next_overdue(&self) -> Option<Duration> {
        if !self.open {
            return None;
        }
        let overdue = |flight: &Flight| match flight {
            Flight::Sent { at, attempts } => Some(*at + self.pace.wait((*attempts).max(self.silences + 1))),
            Flight::Due { .. } => None,
        };
        self.flights.values().filter_map(overdue).chain(self.asked).min()
    }

    fn all_due(&mut self) {
        for flight in self.flights.values_mut() {
            *flight = Flight::Due { attempts: flight.attempts() };
        }
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
