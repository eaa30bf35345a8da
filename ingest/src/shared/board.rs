//! The board in Redis on which workers say who is there and who holds which partition. One script does one exchange, so that
//! two workers cannot both be told that they hold a partition, as long as Redis is there and is asked.

use std::time::Duration;

use redis::Script;
use redis::aio::ConnectionManager;
use schemas::id::Partition;

use crate::config::RedisConfig;
use crate::leases::{Board, Lease, Wish};
use crate::limits::LEASE_ANSWER_TIMEOUT;
use crate::metrics::Counters;

pub(crate) struct BoardClient {
    connection: ConnectionManager,
    script: Script,
    members: String,
    leases: String,
    worker: String,
    lease: Duration,
    counters: Counters,
}

/// Whether the worker was known, all workers, and (partition, owner, offered, milliseconds left) of each lease.
type Answer = (bool, Vec<String>, Vec<(u16, String, bool, u64)>);

impl BoardClient {
    /// `store` names the store, so that workers of different stores do not share partitions. `None` without Redis.
    ///
    /// # Errors
    /// When the URL is not one.
    pub(crate) fn new(
        config: &RedisConfig,
        store: &str,
        worker: &str,
        counters: Counters,
    ) -> Result<Option<Self>, String> {
        let Some(connection) = super::connection(config, LEASE_ANSWER_TIMEOUT)? else { return Ok(None) };
        Ok(Some(Self {
            connection,
            script: Script::new(include_str!("board.lua")),
            members: format!("platen:{{{store}}}:members"),
            leases: format!("platen:{{{store}}}:leases"),
            worker: worker.to_owned(),
            lease: config.lease(),
            counters,
        }))
    }

    /// Says what this worker wishes, and answers what the board shows afterwards; `None` if Redis does not answer in time.
    pub(crate) async fn exchange(&mut self, wish: &Wish) -> Option<Board> {
        let mut call = self.script.prepare_invoke();
        call.key(&self.members).key(&self.leases).arg(&self.worker);
        call.arg(u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX));
        call.arg(u8::from(wish.present)).arg(wish.hold.len());
        for partition in wish.hold.iter().chain(&wish.offer) {
            call.arg(partition.number());
        }
        let asked = tokio::time::timeout(LEASE_ANSWER_TIMEOUT, call.invoke_async::<Answer>(&mut self.connection)).await;
        match asked {
            Ok(Ok(answer)) => Some(board(answer)),
            Ok(Err(error)) => {
                self.counters.redis_errors.inc();
                tracing::debug!(kind = ?error.kind(), "the board refuses");
                None
            }
            Err(_) => {
                self.counters.redis_errors.inc();
                None
            }
        }
    }
}

/// What is not a partition is nobody's lease.
fn board((knew_me, members, entries): Answer) -> Board {
    let lease = |(number, owner, offered, left): (u16, String, bool, u64)| {
        let partition = Partition::new(number).ok()?;
        Some((partition, Lease { owner, offered, left: Duration::from_millis(left) }))
    };
    Board { knew_me, members: members.into_iter().collect(), leases: entries.into_iter().filter_map(lease).collect() }
}
