//! subscribe → decode → dedupe → batch → insert → ack: takes payloads from the broker and settles them in ClickHouse.
//!
//! Promise: an agent is told that a payload is settled only after its rows are committed, or its bytes are kept with the
//! reason. A crash anywhere only repeats, and repeats change nothing. Redis and the broker's own acks never decide.
//!
//! Reading order: [`config`] and [`limits`] → `pipeline` (all tasks and queues) → `keeper` with [`leases`] (which partitions
//! are ours) → `subscribe` with [`subscriptions`] and [`window`] (the only MQTT client) → [`decode`] → [`dedupe`] and [`quota`]
//! → [`intake`] with [`queue`] → [`batch`] → `commit` with [`settle`], [`patience`] and [`bisect`] → `insert` and `store` (the only ClickHouse
//! client) → [`acks`]. `shared` is the only Redis client. Beside the path: `hints` with [`presence`] (agents that are to send
//! again), [`migrate`] with [`cluster`], [`retry`], [`proof`] with [`books`].

pub mod acks;
pub mod batch;
pub mod bisect;
pub mod books;
pub mod cluster;
mod commit;
pub mod config;
pub mod decode;
pub mod dedupe;
mod hints;
mod insert;
pub mod intake;
mod keeper;
pub mod leases;
pub mod limits;
pub mod metrics;
pub mod migrate;
pub mod patience;
mod pipeline;
pub mod presence;
pub mod proof;
pub mod queue;
pub mod quota;
pub mod retry;
pub mod settle;
mod shared;
mod store;
mod subscribe;
pub mod subscriptions;
mod tls;
pub mod window;

pub use pipeline::{RunError, check, run};
pub use store::{Class, StoreError};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
