//! When the agent looks for devices and when it states its books. Pure: the steady clock is an argument.
//!
//! Polls have a schedule of their own, see [`crate::poll::schedule`].

use std::time::Duration;

use crate::discover::Depth;
use crate::limits::{STATS_EVERY, THOROUGH_EVERY, THOROUGH_FIRST};

/// What is to come beside the polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agenda {
    /// `None`: there is nothing to look through.
    sweep_every: Option<Duration>,
    sweeping: bool,
    next_sweep: Duration,
    next_thorough: Duration,
    next_stats: Duration,
    stretch: u32,
}

impl Agenda {
    /// A quick sweep and the books are due at once.
    pub fn new(now: Duration, sweep_every: Option<Duration>) -> Self {
        Self {
            sweep_every,
            sweeping: false,
            next_sweep: now,
            next_thorough: now + THOROUGH_FIRST,
            next_stats: now,
            stretch: 1,
        }
    }

    /// Sweeps wait this many times as long as usual, to keep the budget.
    pub fn stretch(&mut self, stretch: u32) {
        self.stretch = stretch.max(1);
    }

    /// Whether the books are to be stated now; says so once.
    pub fn stats_due(&mut self, now: Duration) -> bool {
        let due = now >= self.next_stats;
        if due {
            self.next_stats = now + STATS_EVERY;
        }
        due
    }

    /// Which sweep is to begin now; says so once. One that lasts longer than the interval delays the next.
    pub fn sweep_due(&mut self, now: Duration) -> Option<Depth> {
        let every = self.sweep_every.filter(|_| !self.sweeping)?;
        let depth = if now >= self.thorough_at() {
            self.next_thorough = now + THOROUGH_EVERY;
            Depth::Thorough
        } else if now >= self.quick_at(every) {
            self.next_sweep = now + every;
            Depth::Quick
        } else {
            return None;
        };
        self.sweeping = true;
        Some(depth)
    }

    /// The sweep is done.
    pub fn swept(&mut self) {
        self.sweeping = false;
    }

    fn quick_at(&self, every: Duration) -> Duration {
        self.next_sweep.saturating_add(every.saturating_mul(self.stretch - 1))
    }

    fn thorough_at(&self) -> Duration {
        self.next_thorough.saturating_add(THOROUGH_EVERY.saturating_mul(self.stretch - 1))
    }

    /// When the next of both is due.
    pub fn next(&self) -> Duration {
        match self.sweep_every {
            Some(every) if !self.sweeping => self.quick_at(every).min(self.thorough_at()).min(self.next_stats),
            _ => self.next_stats,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_sweep_begins_once_an_interval_and_never_while_one_is_under_way() {
        let minute = HOUR / 60;
        let mut agenda = Agenda::new(Duration::ZERO, Some(HOUR));
        assert_eq!(agenda.sweep_due(Duration::ZERO), Some(Depth::Quick));
        assert_eq!(agenda.sweep_due(HOUR * 2), None, "it is under way");
        agenda.swept();
        assert_eq!(agenda.sweep_due(minute), None);
        assert_eq!(agenda.sweep_due(THOROUGH_FIRST), Some(Depth::Thorough), "what the quick one cannot find");
        agenda.swept();
        assert_eq!(agenda.sweep_due(HOUR * 2), Some(Depth::Quick));
        assert_eq!(agenda.sweep_due(HOUR * 2), None);
        assert!(agenda.stats_due(HOUR * 2));
        assert_eq!(agenda.next(), HOUR * 2 + STATS_EVERY, "a sweep under way is not waited for");
    }

    #[test]
    fn over_the_budget_sweeps_wait_and_the_books_do_not() {
        let mut agenda = Agenda::new(Duration::ZERO, Some(HOUR));
        assert_eq!(agenda.sweep_due(Duration::ZERO), Some(Depth::Quick));
        agenda.swept();
        agenda.stretch(3);
        assert_eq!(agenda.sweep_due(HOUR * 2), None);
        assert_eq!(agenda.sweep_due(HOUR * 3), Some(Depth::Quick));
        assert!(agenda.stats_due(HOUR * 2));
    }

    #[test]
    fn without_ranges_there_is_no_sweep() {
        let mut agenda = Agenda::new(Duration::ZERO, None);
        assert!(agenda.sweep_due(HOUR).is_none() && agenda.stats_due(HOUR) && !agenda.stats_due(HOUR));
    }
}
