//! How much happens at one time: statements that run, bytes of bodies that wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits;
use crate::metrics::RequestKind;
use crate::reply::Failure;

/// Places for running statements and for the bytes of waiting bodies.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    /// How long a statement waits for a place.
    turn_wait: Duration,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    body_kib: Arc<Semaphore>,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self {
            turn_wait: limits::TURN_WAIT,
            reads: Arc::new(Semaphore::new(limits::READS_MAX)),
            writes: Arc::new(Semaphore::new(limits::WRITES_MAX)),
            body_kib: Arc::new(Semaphore::new(limits::BODIES_BYTES_MAX / 1024)),
        }
    }

    /// Waits for a place to run, at most [`limits::TURN_WAIT`].
    ///
    /// # Errors
    /// When none becomes free in time, or the process stops.
    pub(crate) async fn take(&self, kind: RequestKind) -> Result<OwnedSemaphorePermit, Failure> {
        let slots = match kind {
            RequestKind::Read | RequestKind::Refused => &self.reads,
            RequestKind::Write | RequestKind::Insert => &self.writes,
        };
        match timeout(self.turn_wait, Arc::clone(slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) => Err(Failure::stopping()),
            Err(_) => Err(Failure::busy()),
        }
    }

    /// Takes room for this many KiB of a body, without waiting: requests that wait for each other's room would never end.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn hold_kib(&self, kib: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        Arc::clone(&self.body_kib).try_acquire_many_owned(kib).map_err(|_| {
            Failure::new(241, "MEMORY_LIMIT_EXCEEDED", "too many large requests wait at once, repeat later")
        })
    }

    /// Waits until no statement runs, at most `deadline`; then none starts any more.
    pub(crate) async fn drain(&self, deadline: Duration) -> bool {
        let all = |slots: &Arc<Semaphore>, count: usize| {
            Arc::clone(slots).acquire_many_owned(u32::try_from(count).unwrap_or(u32::MAX))
        };
        let drained = timeout(deadline, async {
            (all(&self.reads, limits::READS_MAX).await.is_ok(), all(&self.writes, limits::WRITES_MAX).await.is_ok())
        });
        let drained = drained.await.is_ok();
        self.reads.close();
        self.writes.close();
        drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_never_take_the_places_of_writes() {
        let slots = Slots::new();
        let mut reads = Vec::new();
        for _ in 0..limits::READS_MAX {
            reads.push(slots.take(RequestKind::Read).await.unwrap());
        }
        assert!(slots.take(RequestKind::Insert).await.is_ok());
    }

    #[tokio::test]
    async fn a_statement_that_gets_no_turn_in_time_hears_that_the_engine_is_busy() {
        let slots = Slots { turn_wait: Duration::from_millis(10), ..Slots::new() };
        let mut writes = Vec::new();
        for _ in 0..limits::WRITES_MAX {
            writes.push(slots.take(RequestKind::Write).await.unwrap());
        }
        assert_eq!(slots.take(RequestKind::Write).await.unwrap_err().code, 202);
        assert!(!slots.drain(Duration::from_millis(10)).await, "four are still running");
    }

    #[tokio::test]
    async fn bodies_beyond_the_room_are_refused_at_once() {
        let slots = Slots::new();
        let held = slots.hold_kib(limits::BODIES_BYTES_MAX / 1024).unwrap();
        assert_eq!(slots.hold_kib(1).unwrap_err().code, 241);
        drop(held);
        assert!(slots.hold_kib(1).is_ok());
    }
}
