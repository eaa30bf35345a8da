//! How long an error of the store is waited out before payloads are blamed for it. Pure: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::Class;

/// The errors of one group.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long an error that nobody listed is taken for the store's.
    unknown: Duration,
    unknown_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The store is at fault: nothing is acknowledged, and it is tried again later.
    Wait,
    /// Some rows are at fault: find them.
    Blame,
}

impl Patience {
    pub fn new(unknown: Duration) -> Self {
        Self { unknown, unknown_since: None }
    }

    /// An insert failed.
    pub fn failed(&mut self, class: Class, now: Instant) -> Verdict {
        match class {
            Class::Retryable => Verdict::Wait,
            Class::Permanent => Verdict::Blame,
            Class::Unknown => {
                let since = *self.unknown_since.get_or_insert(now);
                if now.saturating_duration_since(since) < self.unknown { Verdict::Wait } else { Verdict::Blame }
            }
        }
    }

    /// Whether an error met while rows are blamed for one of `class` says something of its own rows; one of the store ends
    /// the search.
    pub fn blames(class: Class, met: Class) -> bool {
        met == Class::Permanent || met == class
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_an_error_of_the_rows_or_one_that_was_waited_out_blames_somebody() {
        let (start, minute) = (Instant::now(), Duration::from_secs(60));
        let mut patience = Patience::new(minute);
        assert_eq!(patience.failed(Class::Retryable, start + minute * 1_000), Verdict::Wait, "for ever");
        assert_eq!(patience.failed(Class::Permanent, start), Verdict::Blame);
        assert_eq!(patience.failed(Class::Unknown, start), Verdict::Wait);
        assert_eq!(patience.failed(Class::Retryable, start + minute), Verdict::Wait);
        assert_eq!(patience.failed(Class::Unknown, start + minute), Verdict::Blame);
    }

    #[test]
    fn while_rows_are_blamed_a_store_that_goes_away_ends_the_search() {
        for class in [Class::Permanent, Class::Unknown] {
            assert!(Patience::blames(class, Class::Permanent));
            assert!(!Patience::blames(class, Class::Retryable));
        }
        assert!(Patience::blames(Class::Unknown, Class::Unknown));
        assert!(!Patience::blames(Class::Permanent, Class::Unknown));
    }
}
