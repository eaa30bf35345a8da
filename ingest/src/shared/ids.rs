//! Ids of settled payloads that several workers share.
//!
//! Asked before an insert and told after the commit. It never decides: what it claims is looked up in `batches`, and when it
//! is slow, down or wiped, work is repeated, which changes nothing.

use std::time::Duration;

use redis::aio::ConnectionManager;
use tokio::time::Instant;

use crate::config::RedisConfig;
use crate::dedupe::Key;
use crate::limits::REDIS_PAUSE;
use crate::metrics::Counters;

pub(crate) struct SharedIds {
    connection: ConnectionManager,
    /// Names the store, so that a cache that outlived another one does not match.
    prefix: String,
    timeout: Duration,
    keep_seconds: u64,
    paused_until: Option<Instant>,
    counters: Counters,
}

impl SharedIds {
    /// `None` when none is configured.
    ///
    /// # Errors
    /// When the URL is not one. Whether Redis answers is of no matter here.
    pub(crate) fn new(config: &RedisConfig, store: &str, counters: Counters) -> Result<Option<Self>, String> {
        let timeout = Duration::from_millis(config.timeout_ms);
        let Some(connection) = super::connection(config, timeout)? else { return Ok(None) };
        let keep_seconds = config.keep_hours.saturating_mul(3_600);
        let prefix = format!("platen:settled:{store}:");
        Ok(Some(Self { connection, prefix, timeout, keep_seconds, paused_until: None, counters }))
    }

    /// Which of the keys somebody says are settled; none if there is no answer in time.
    pub(crate) async fn hints(&mut self, keys: &[Key]) -> Vec<bool> {
        let mut command = redis::cmd("MGET");
        for key in keys {
            command.arg(format!("{}{}", self.prefix, key.to_hex()));
        }
        let answer: Option<Vec<Option<u8>>> = if keys.is_empty() { None } else { self.ask_command(&command).await };
        match answer {
            Some(found) if found.len() == keys.len() => found.iter().map(Option::is_some).collect(),
            _ => vec![false; keys.len()],
        }
    }

    /// Tells that these are settled.
    pub(crate) async fn record(&mut self, keys: &[Key]) {
        let mut pipeline = redis::pipe();
        for key in keys {
            let key = format!("{}{}", self.prefix, key.to_hex());
            pipeline.cmd("SET").arg(key).arg(1).arg("NX").arg("EX").arg(self.keep_seconds).ignore();
        }
        if keys.is_empty() || self.paused() {
            return;
        }
        let mut connection = self.connection.clone();
        let asked = tokio::time::timeout(self.timeout, pipeline.query_async::<()>(&mut connection)).await;
        self.note(matches!(asked, Ok(Ok(()))));
    }

    async fn ask_command<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> Option<T> {
        if self.paused() {
            return None;
        }
        let mut connection = self.connection.clone();
        let asked = tokio::time::timeout(self.timeout, command.query_async::<T>(&mut connection)).await;
        let answer = asked.ok().and_then(Result::ok);
        self.note(answer.is_some());
        answer
    }

    fn paused(&self) -> bool {
        self.paused_until.is_some_and(|until| Instant::now() < until)
    }

    fn note(&mut self, answered: bool) {
        if answered {
            if self.paused_until.take().is_some() {
                tracing::info!("redis answers again");
            }
            return;
        }
        self.counters.redis_errors.inc();
        if self.paused_until.is_none() {
            tracing::warn!("redis does not answer, going on without it");
        }
        self.paused_until = Some(Instant::now() + REDIS_PAUSE);
    }
}
