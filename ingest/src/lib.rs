//! subscribe → decode → dedupe → batch → insert → ack: takes payloads from the broker and settles them in ClickHouse.
//!
//! Promise: an agent is told that a payload is settled only after its rows are committed, or its bytes are kept with the
//! reason. A crash anywhere only repeats, and repeats change nothing. Redis and the broker's own acks never decide.
//!
//! Reading order: [`config`] and [`limits`] → `pipeline` (all tasks and queues) → `subscribe` with `window` (the only MQTT
//! client) → [`decode`] → [`dedupe`] with `shared` (the only Redis client) and [`quota`] → [`intake`] → [`batch`] → `commit`
//! with [`settle`] and [`bisect`] → `insert` and `store` (the only ClickHouse client) → [`acks`]. Beside the path: `migrate`, `retry`,
//! `proof` with [`books`].

pub mod acks;
pub mod batch;
pub mod bisect;
pub mod books;
mod commit;
pub mod config;
pub mod decode;
pub mod dedupe;
mod insert;
pub mod intake;
pub mod limits;
pub mod metrics;
pub mod migrate;
mod pipeline;
pub mod proof;
pub mod quota;
pub mod retry;
pub mod settle;
mod shared;
mod store;
mod subscribe;
mod tls;
pub mod window;

pub use pipeline::{RunError, check, run};
pub use store::StoreError;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
