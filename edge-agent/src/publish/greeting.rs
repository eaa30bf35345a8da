//! When to say hello: at once on each connection, again while nobody answers, later to hear the time anew. Pure.

use std::time::Duration;

use super::window::Pace;
use crate::limits::{ASKED_APART, HELLO_AGAIN, HELLO_FIRST};
use crate::time::Moment;
use crate::time::stamper::Heard;

/// Between two questions about a time that is in doubt.
const OPINIONS_APART: Duration = Duration::from_millis(500);

/// A hello on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asked {
    pub nonce: u64,
    pub at: Moment,
}

/// The hellos of one connection. `now` is time that is never driven; moments are those of the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Greeting {
    pace: Pace,
    asked: Option<Asked>,
    attempts: u32,
    answered: bool,
    /// Not before this time, and not before `steady` has this many milliseconds.
    next: (Duration, u64),
    /// When a hello was last brought forward.
    invited: Option<Duration>,
}

impl Greeting {
    /// A new connection: a hello is due at once.
    pub fn new(pace: Pace, now: Duration) -> Self {
        Self { pace, asked: None, attempts: 0, answered: false, next: (now, 0), invited: None }
    }

    pub fn due(&self, now: Duration, moment: Moment) -> bool {
        now >= self.next.0 && moment.steady_ms >= self.next.1
    }

    /// What to wait for: a time, and a steady time.
    pub fn next(&self) -> (Duration, Duration) {
        (self.next.0, Duration::from_millis(self.next.1))
    }

    /// Whether ingest answered on this connection.
    pub fn answered(&self) -> bool {
        self.answered
    }

    pub fn asked(&mut self, asked: Asked, now: Duration) {
        self.attempts += 1;
        let doublings = (self.attempts - 1).min(16);
        let first = self.pace.min.min(HELLO_FIRST);
        let wait = first.saturating_mul(1 << doublings).min(self.pace.max);
        self.asked = Some(asked);
        self.next = (now + wait, 0);
    }

    /// Somebody hears this agent now: a hello that nobody answered is said again at once, at most every [`ASKED_APART`].
    pub fn invited(&mut self, now: Duration) {
        if !self.answered && self.invited.is_none_or(|last| now >= last + ASKED_APART) {
            self.invited = Some(now);
            self.attempts = 0;
            self.next = (now, 0);
        }
    }

    /// Whether an ack answers the latest hello; says which.
    pub fn answer(&mut self, re: Option<u64>) -> Option<Asked> {
        let asked = self.asked.filter(|asked| re == Some(asked.nonce))?;
        self.answered = true;
        self.attempts = 0;
        self.asked = None;
        Some(asked)
    }

    /// What the answer was worth decides when to ask next.
    pub fn heard(&mut self, heard: Heard, asked: Asked, now: Duration) {
        let again_ms = u64::try_from(HELLO_AGAIN.as_millis()).unwrap_or(u64::MAX);
        self.next = match heard {
            Heard::Learned => (now, asked.at.steady_ms.saturating_add(again_ms)),
            Heard::TooSlow => (now + self.pace.min, 0),
            Heard::Doubtful => (now + self.pace.min.min(OPINIONS_APART), 0),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Boot;

    const PACE: Pace = Pace { min: Duration::from_secs(10), max: Duration::from_secs(600) };

    fn moment(steady_ms: u64) -> Moment {
        Moment { boot: Boot(1), steady_ms, wall_ms: 0 }
    }

    #[test]
    fn a_hello_is_repeated_ever_less_often_until_it_is_answered() {
        let mut greeting = Greeting::new(PACE, Duration::ZERO);
        let (mut now, mut waits) = (Duration::ZERO, Vec::new());
        for nonce in 0..12 {
            assert!(greeting.due(now, moment(0)));
            greeting.asked(Asked { nonce, at: moment(0) }, now);
            waits.push((greeting.next().0 - now).as_secs());
            now = greeting.next().0;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(greeting.answer(Some(10)), None, "only the latest hello can be answered");
        assert!(greeting.answer(Some(11)).is_some() && greeting.answered());
    }

    #[test]
    fn a_hello_that_nobody_answered_is_repeated_when_somebody_hears_the_agent() {
        let mut greeting = Greeting::new(PACE, Duration::ZERO);
        let second = Duration::from_secs(1);
        // So often in vain that the next one is far away.
        let in_vain = |greeting: &mut Greeting, now: Duration| {
            (0..8).for_each(|nonce| greeting.asked(Asked { nonce, at: moment(0) }, now));
        };
        in_vain(&mut greeting, Duration::ZERO);
        assert!(!greeting.due(second, moment(0)));
        greeting.invited(second);
        assert!(greeting.due(second, moment(0)));
        in_vain(&mut greeting, second);
        greeting.invited(second * 2);
        assert!(!greeting.due(second * 2, moment(0)), "not in a row");
        greeting.invited(second + ASKED_APART);
        assert!(greeting.due(second + ASKED_APART, moment(0)));
        greeting.asked(Asked { nonce: 9, at: moment(0) }, second * 9);
        greeting.answer(Some(9)).unwrap();
        greeting.heard(Heard::Learned, Asked { nonce: 9, at: moment(0) }, second * 9);
        greeting.invited(second * 60);
        assert!(!greeting.due(second * 60, moment(0)), "an answered hello is enough");
    }

    #[test]
    fn the_time_is_asked_for_again_a_day_later_or_at_once_if_the_answer_was_doubtful() {
        let mut greeting = Greeting::new(PACE, Duration::ZERO);
        let asked = Asked { nonce: 1, at: moment(5_000) };
        greeting.heard(Heard::Learned, asked, Duration::ZERO);
        assert!(!greeting.due(Duration::from_secs(90_000), moment(86_400_000)));
        assert!(greeting.due(Duration::from_secs(1), moment(86_405_000)));
        greeting.heard(Heard::Doubtful, asked, Duration::ZERO);
        assert!(!greeting.due(Duration::ZERO, moment(5_000)));
        assert!(greeting.due(OPINIONS_APART, moment(5_000)));
    }
}
