//! Statements that nobody waits for any more: a client that left, a time that ran out.
//!
//! The engine is asked again and again to stop such a statement until it has, for a kill that comes before the
//! statement's start does nothing. Kills never wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::limits;
use crate::metrics::Counters;
use crate::reply::Failure;

/// One statement, as the engine's process list knows it.
#[derive(Debug)]
pub(crate) struct Job {
    /// Stands in the statement's `log_comment`; unique in this process, unlike a client's query id.
    pub(crate) comment: String,
    abandoned: AtomicBool,
    ended: AtomicBool,
}

impl Job {
    /// Between two steps: an abandoned statement goes no further.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        if self.abandoned.load(Ordering::Acquire) { Err(Failure::timeout()) } else { Ok(()) }
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Makes jobs and sends abandoned ones to the killer.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    next: Arc<AtomicU64>,
    abandoned: mpsc::Sender<Arc<Job>>,
}

impl Jobs {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Arc<Job>>) {
        let (abandoned, receiver) = mpsc::channel(limits::KILLS_WAITING);
        (Self { next: Arc::default(), abandoned }, receiver)
    }

    pub(crate) fn begin(&self, query_id: &str) -> Watched {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let comment = format!("request {number} {query_id}");
        let job = Job { comment, abandoned: AtomicBool::new(false), ended: AtomicBool::new(false) };
        Watched { job: Arc::new(job), abandoned: self.abandoned.clone() }
    }
}

/// A job that somebody waits for: dropped before its end, it is killed.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) job: Arc<Job>,
    abandoned: mpsc::Sender<Arc<Job>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.job.abandoned.store(true, Ordering::Release);
        if !self.job.ended() && self.abandoned.try_send(Arc::clone(&self.job)).is_err() {
            tracing::warn!("too many statements to kill, one runs on until its max_execution_time");
        }
    }
}

/// Kills abandoned statements, until nobody can abandon another one and all of them have ended.
pub(crate) async fn kill_abandoned(engine: Arc<Engine>, mut abandoned: mpsc::Receiver<Arc<Job>>, counters: Counters) {
    let mut running: Vec<Arc<Job>> = Vec::new();
    let mut interval = tokio::time::interval(limits::KILL_INTERVAL);
    let mut open = true;
    while open || !running.is_empty() {
        tokio::select! {
            job = abandoned.recv(), if open => match job {
                Some(job) => {
                    counters.killed.inc();
                    interval.reset_immediately();
                    running.push(job);
                }
                None => open = false,
            },
            _ = interval.tick(), if !running.is_empty() => {
                running.retain(|job| !job.ended());
                let comments: Vec<String> = running.iter().map(|job| job.comment.clone()).collect();
                let engine = Arc::clone(&engine);
                let asked = tokio::task::spawn_blocking(move || {
                    for comment in comments {
                        engine.kill(&comment);
                    }
                });
                if let Err(error) = asked.await {
                    tracing::error!(%error, "killing a statement failed");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_is_left_before_its_end_is_killed() {
        let (jobs, mut abandoned) = Jobs::new();
        let ended = jobs.begin("a");
        ended.job.end();
        drop(ended);
        let left = jobs.begin("b");
        let job = Arc::clone(&left.job);
        assert_eq!(job.go_on(), Ok(()));
        drop(left);
        assert!(job.go_on().is_err());
        assert_eq!(abandoned.recv().await.unwrap().comment, job.comment);
        assert!(abandoned.try_recv().is_err());
    }
}
