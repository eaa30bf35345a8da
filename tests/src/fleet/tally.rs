//! What all agents count together.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::limits::SAMPLES_MAX;

/// Cheap to share behind an `Arc`.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Agents that ingest has answered on their present connection.
    pub greeted: AtomicUsize,
    pub attempts: AtomicU64,
    pub refused: AtomicU64,
    pub made: AtomicU64,
    pub settled: AtomicU64,
    pub resent: AtomicU64,
    /// Backlog payloads that are not settled.
    pub backlog_left: AtomicU64,
    /// From the first publish to the ack, of fresh payloads and of backlog, since they were last taken.
    fresh: Mutex<Vec<Duration>>,
    backlog: Mutex<Vec<Duration>>,
    /// Why connections ended, the latest.
    last_error: Mutex<String>,
}

/// Quantiles of some durations.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(super) struct Spread {
    pub count: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Tally {
    pub(super) fn latency(&self, is_backlog: bool, took: Duration) {
        let mut samples =
            if is_backlog { &self.backlog } else { &self.fresh }.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() < SAMPLES_MAX {
            samples.push(took);
        }
    }

    /// Fresh and backlog latencies since the last call.
    pub(super) fn take(&self) -> (Spread, Spread) {
        let spread = |samples: &Mutex<Vec<Duration>>| {
            let mut samples = std::mem::take(&mut *samples.lock().unwrap_or_else(PoisonError::into_inner));
            samples.sort_unstable();
            let at = |percent: usize| {
                let place = (samples.len() * percent / 100).min(samples.len().saturating_sub(1));
                samples.get(place).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
            };
            Spread { count: samples.len(), p50_ms: at(50), p99_ms: at(99), max_ms: at(100) }
        };
        (spread(&self.fresh), spread(&self.backlog))
    }

    pub(super) fn failed(&self, error: &anyhow::Error) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = format!("{error:#}");
    }

    pub(super) fn last_error(&self) -> String {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn open(&self) -> u64 {
        self.made.load(Ordering::Relaxed).saturating_sub(self.settled.load(Ordering::Relaxed))
    }
}
