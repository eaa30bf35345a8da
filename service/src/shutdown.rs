//! Stopping on purpose: one token for everybody, named tasks, a deadline, and the names of who was late.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Shared by all tasks of one process (or of one part inside a test).
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: Arc<Mutex<JoinSet<&'static str>>>,
    running: Arc<Mutex<Vec<&'static str>>>,
}

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Asks every task to finish its unit of work and return.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Starts a task under a name that appears in the log if it does not stop in time.
    /// A task that panics triggers the shutdown: half a process is worse than none.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.running).push(name);
        let running = Arc::clone(&self.running);
        let ends = EndsProcess { name, token: self.token.clone(), finished: false };
        lock(&self.tasks).spawn(async move {
            let mut ends = ends;
            task.await;
            ends.finished = true;
            let mut running = lock(&running);
            if let Some(at) = running.iter().position(|other| *other == name) {
                running.swap_remove(at);
            }
            name
        });
    }

    /// Triggers on SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let token = self.token.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
                _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "stopping"),
            }
            token.cancel();
        });
        Ok(())
    }

    /// Waits for the trigger and then for all tasks, at most `deadline`; returns the names of those still running.
    pub async fn finish(&self, deadline: Duration) -> Vec<&'static str> {
        self.token.cancelled().await;
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        let drained = tokio::time::timeout(deadline, async { while tasks.join_next().await.is_some() {} }).await;
        if drained.is_ok() {
            return Vec::new();
        }
        let late = lock(&self.running).clone();
        tracing::warn!(?late, deadline_s = deadline.as_secs(), "tasks did not stop in time");
        late
    }
}

/// Triggers the shutdown when a task ends by panic.
struct EndsProcess {
    name: &'static str,
    token: CancellationToken,
    finished: bool,
}

impl Drop for EndsProcess {
    fn drop(&mut self) {
        if !self.finished && !self.token.is_cancelled() && std::thread::panicking() {
            tracing::error!(task = self.name, "task panicked, stopping");
            self.token.cancel();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ignores_the_token_is_named_at_the_deadline() {
        let shutdown = Shutdown::new();
        let token = shutdown.token();
        shutdown.spawn("polite", async move { token.cancelled().await });
        shutdown.spawn("stubborn", std::future::pending());
        shutdown.trigger();
        assert_eq!(shutdown.finish(Duration::from_millis(20)).await, ["stubborn"]);
    }

    #[tokio::test]
    async fn a_panicking_task_stops_the_process() {
        let shutdown = Shutdown::new();
        shutdown.spawn("broken", async { panic!("on purpose") });
        assert!(shutdown.finish(Duration::from_secs(5)).await.is_empty());
    }
}
