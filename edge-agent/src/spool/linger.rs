//! How long a batch waits for more: its linger from the first record on, less if an alert changed. Pure.

use crate::limits::ALERT_LINGER_MS;
use crate::time::Moment;

/// The waiting of what is unfrozen. Times are of the steady clock, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Linger {
    wait_ms: u64,
    /// When it closes because of an alert.
    urgent_at: Option<u64>,
}

impl Linger {
    pub fn new(wait_ms: u64) -> Self {
        Self { wait_ms, urgent_at: None }
    }

    /// An alert changed: the batch closes soon, and the rest of the burst still finds a place in it.
    pub fn hurry(&mut self, now: Moment) {
        let soon = now.steady_ms.saturating_add(ALERT_LINGER_MS);
        self.urgent_at = Some(self.urgent_at.map_or(soon, |already| already.min(soon)));
    }

    /// What was urgent is closed.
    pub fn calm(&mut self) {
        self.urgent_at = None;
    }

    /// When a batch closes whose first record was made at `first`; at once if that was in another boot.
    pub fn until(&self, first: Moment, now: Moment) -> u64 {
        let patient = if first.boot == now.boot { first.steady_ms + self.wait_ms } else { now.steady_ms };
        self.urgent_at.map_or(patient, |urgent| urgent.min(patient))
    }

    /// Whether the wait is over; `first` is the moment of the first record, if there is one.
    pub fn is_over(&self, first: Option<Moment>, now: Moment) -> bool {
        self.urgent_at.is_some_and(|at| at <= now.steady_ms)
            || first.is_some_and(|first| {
                first.boot != now.boot || now.steady_ms.saturating_sub(first.steady_ms) >= self.wait_ms
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Boot;

    fn at(boot: u64, steady_ms: u64) -> Moment {
        Moment { boot: Boot(boot), steady_ms, wall_ms: 0 }
    }

    #[test]
    fn a_batch_waits_its_linger_and_an_alert_shortens_it() {
        let mut linger = Linger::new(60_000);
        assert_eq!(linger.until(at(1, 1_000), at(1, 5_000)), 61_000);
        assert!(
            !linger.is_over(Some(at(1, 1_000)), at(1, 60_999)) && linger.is_over(Some(at(1, 1_000)), at(1, 61_000))
        );
        linger.hurry(at(1, 5_000));
        linger.hurry(at(1, 6_000));
        assert_eq!(linger.until(at(1, 1_000), at(1, 6_000)), 5_000 + ALERT_LINGER_MS, "the first alert counts");
        linger.calm();
        assert!(!linger.is_over(Some(at(1, 1_000)), at(1, 8_000)));
    }

    #[test]
    fn what_another_boot_left_does_not_wait() {
        let linger = Linger::new(60_000);
        assert!(linger.is_over(Some(at(1, 9_000_000)), at(2, 10)));
        assert_eq!(linger.until(at(1, 9_000_000), at(2, 10)), 10);
    }
}
