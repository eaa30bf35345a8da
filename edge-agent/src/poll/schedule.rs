//! Who is due for a poll. Pure: the steady clock is an argument.
//!
//! All devices of an agent are due together, once an interval, so that their polls fill one batch; each agent has its own
//! place within the interval, so that agents do not report all at once. Between two polls of one device lies a second at
//! least: the key of a stored poll has whole seconds.

use std::time::Duration;

/// Between two polls of one device.
pub const POLL_GAP_MIN: Duration = Duration::from_secs(1);

/// When an agent polls its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    every: Duration,
    offset: Duration,
}

impl Schedule {
    /// `every` = interval, at least a second. `seed` = any number that differs between agents and stays for one agent.
    pub fn new(every: Duration, seed: u64) -> Self {
        let every = every.max(POLL_GAP_MIN);
        let place = (u128::from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) * every.as_nanos()) >> 64;
        Self { every, offset: Duration::from_nanos(u64::try_from(place).unwrap_or(0)) }
    }

    /// The beginning of the burst that `now` belongs to; before the first one, none.
    pub fn current(&self, now: Duration) -> Option<Duration> {
        let bursts = now.checked_sub(self.offset)?.as_nanos() / self.every.as_nanos();
        Some(self.offset + self.every.saturating_mul(u32::try_from(bursts).unwrap_or(u32::MAX)))
    }

    /// The beginning of the next burst.
    pub fn next(&self, now: Duration) -> Duration {
        self.current(now).map_or(self.offset, |current| current.saturating_add(self.every))
    }

    /// Whether a device is due: never polled, or not since the present burst began. `wanted` = it asks for a poll out of
    /// turn (another device was seen at its address, an alert came).
    pub fn due(&self, now: Duration, last: Option<Duration>, wanted: bool) -> bool {
        // A stamp ahead of now is from before a restart of the host.
        let Some(last) = last.filter(|last| *last <= now) else { return true };
        if now - last < POLL_GAP_MIN {
            return false;
        }
        wanted || self.current(now).is_some_and(|current| last < current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn all_devices_of_an_agent_are_due_together_and_once_an_interval() {
        let schedule = Schedule::new(HOUR, 7);
        let burst = schedule.next(HOUR * 10);
        assert!(!schedule.due(burst - Duration::from_secs(1), Some(burst - HOUR), false));
        assert!(schedule.due(burst, Some(burst - HOUR), false));
        assert!(schedule.due(burst + Duration::from_secs(90), Some(burst - Duration::from_secs(5)), false));
        assert!(!schedule.due(burst + Duration::from_secs(90), Some(burst), false));
        assert_eq!(schedule.next(burst), burst + HOUR);
    }

    #[test]
    fn agents_lie_at_different_places_of_the_interval() {
        let places: std::collections::BTreeSet<Duration> =
            (0..100).map(|seed| Schedule::new(HOUR, seed).next(Duration::ZERO)).collect();
        assert!(places.len() > 90 && places.iter().all(|place| *place < HOUR + HOUR));
    }

    #[test]
    fn a_device_is_never_polled_twice_within_a_second_even_if_wanted() {
        let schedule = Schedule::new(HOUR, 7);
        let now = HOUR * 5;
        assert!(!schedule.due(now, Some(now - Duration::from_millis(900)), true));
        assert!(schedule.due(now, Some(now - Duration::from_secs(1)), true));
    }

    #[test]
    fn a_new_device_and_one_from_before_a_restart_are_due_at_once() {
        let schedule = Schedule::new(HOUR, 7);
        assert!(schedule.due(Duration::ZERO, None, false));
        assert!(schedule.due(HOUR, Some(HOUR * 100), false));
    }

    proptest::proptest! {
        #[test]
        fn the_next_burst_lies_ahead_and_within_an_interval(seed in 0u64.., every in 1u64..100_000, now in 0u64..10_000_000) {
            let schedule = Schedule::new(Duration::from_secs(every), seed);
            let now = Duration::from_secs(now);
            let next = schedule.next(now);
            proptest::prop_assert!(next > now || schedule.current(now).is_none());
            proptest::prop_assert!(next <= now + Duration::from_secs(every));
        }
    }
}
