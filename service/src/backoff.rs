//! Waiting times between attempts: doubling, jittered, bounded, without end.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// An endless series of waiting times from `min`, doubling up to `max`, each with up to its own length of jitter added
/// but never above twice `max`.
#[derive(Debug)]
pub struct Backoff {
    builder: ExponentialBuilder,
    series: ExponentialBackoff,
    max: Duration,
}

impl Backoff {
    pub fn new(min: Duration, max: Duration) -> Self {
        let max = max.max(min);
        let builder = ExponentialBuilder::new()
            .with_min_delay(min)
            .with_max_delay(max)
            .with_factor(2.0)
            .with_jitter()
            .without_max_times();
        Self { builder, series: builder.build(), max }
    }

    /// How long to wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        self.series.next().unwrap_or(self.max).min(self.max * 2)
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.series = self.builder.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_start_over_after_a_success() {
        let min = Duration::from_millis(10);
        let max = Duration::from_millis(80);
        let mut backoff = Backoff::new(min, max);
        let waits: Vec<Duration> = (0..50).map(|_| backoff.next_wait()).collect();
        assert!(waits.iter().all(|wait| *wait >= min && *wait <= max * 2), "{waits:?}");
        assert!(waits[40] >= max, "{waits:?}");
        backoff.reset();
        assert!(backoff.next_wait() <= min * 2);
    }
}
