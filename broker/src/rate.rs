//! A quota as a bucket: refilled evenly, twice a second's worth deep. Pure; the caller waits.

use std::time::Duration;

use tokio::time::Instant;

/// Counts one kind of thing per second.
#[derive(Debug)]
pub struct Bucket {
    per_second: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    pub fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, level: per_second * 2.0, filled: now }
    }

    /// Takes `amount`, into debt if need be; says how long to wait until the debt is paid.
    pub fn take(&mut self, amount: u32, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() * self.per_second;
        self.level = (self.level + earned).min(self.per_second * 2.0) - f64::from(amount);
        self.filled = now;
        if self.level >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.level / self.per_second) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_is_paid_by_waiting() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        assert_eq!(bucket.take(20, start), Duration::ZERO);
        assert_eq!(bucket.take(5, start), Duration::from_millis(500));
        assert_eq!(bucket.take(0, start + Duration::from_millis(500)), Duration::ZERO);
        assert_eq!(
            bucket.take(20, start + Duration::from_secs(3600)),
            Duration::ZERO,
            "no more than two seconds' worth"
        );
        assert_eq!(bucket.take(10, start + Duration::from_secs(3600)), Duration::from_secs(1));
    }
}
