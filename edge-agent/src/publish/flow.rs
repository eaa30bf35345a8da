//! How much a connection has taken and not acknowledged, which finds the dead ones. Pure: the time is an argument.
//!
//! Says nothing about whether anything is stored; only an ack of ingest does.

use std::time::Duration;

use crate::limits::MQTT_REQUESTS;

/// What one connection has in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// A connection that acknowledges nothing for this long is dead.
    patience: Duration,
    /// Publishes without PUBACK, and when that number last fell or rose from zero.
    unacked: usize,
    progress: Duration,
    /// Requests that the client did not write yet.
    queued: usize,
}

impl Flow {
    pub fn new(patience: Duration, now: Duration) -> Self {
        Self { patience, unacked: 0, progress: now, queued: 0 }
    }

    /// A publish was handed over.
    pub fn published(&mut self, now: Duration) {
        if self.unacked == 0 {
            self.progress = now;
        }
        self.unacked += 1;
        self.queued += 1;
    }

    /// A subscription was handed over.
    pub fn subscribed(&mut self) {
        self.queued += 1;
    }

    /// A request left.
    pub fn written(&mut self) {
        self.queued = self.queued.saturating_sub(1);
    }

    /// The broker has a publish.
    pub fn received(&mut self, now: Duration) {
        self.unacked = self.unacked.saturating_sub(1);
        self.progress = now;
    }

    /// Whether more may be handed over; the other half of the queue is for what a connection says about itself.
    pub fn has_room(&self) -> bool {
        self.queued < MQTT_REQUESTS / 2
    }

    /// When a connection that acknowledges nothing is given up.
    pub fn silent_at(&self) -> Option<Duration> {
        (self.unacked > 0).then(|| self.progress + self.patience)
    }

    pub fn is_silent(&self, now: Duration) -> bool {
        self.silent_at().is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PUBACK_TIMEOUT;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_connection_is_silent_only_while_it_owes_an_ack() {
        let mut flow = Flow::new(PUBACK_TIMEOUT, Duration::ZERO);
        assert_eq!(flow.silent_at(), None);
        flow.published(SECOND * 100);
        flow.published(SECOND * 110);
        assert!(
            !flow.is_silent(SECOND * 100 + PUBACK_TIMEOUT - SECOND) && flow.is_silent(SECOND * 100 + PUBACK_TIMEOUT)
        );
        flow.received(SECOND * 120);
        assert_eq!(flow.silent_at(), Some(SECOND * 120 + PUBACK_TIMEOUT));
        flow.received(SECOND * 121);
        assert_eq!(flow.silent_at(), None);
    }

    #[test]
    fn what_was_written_makes_room_again() {
        let mut flow = Flow::new(PUBACK_TIMEOUT, Duration::ZERO);
        flow.subscribed();
        while flow.has_room() {
            flow.published(Duration::ZERO);
        }
        flow.written();
        assert!(flow.has_room());
    }
}
