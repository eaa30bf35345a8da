//! The gateway between the edges and the cloud: our own TLS front over rumqttd's router.
//!
//! Every client is known by its certificate, speaks MQTT 3.1.1, and does only what `broker_config::acl` lists. Nothing is
//! stored: a PUBACK says "received", and whoever needs more waits for the ack of ingest. Every queue is bounded; whoever
//! is too slow is closed and counted, never left with a gap it cannot see.
//!
//! Reading order: [`config`] → [`pipeline`] → [`door`] → [`connection`] → [`connect`] → [`reader`] → [`writer`] →
//! [`router`] → [`seats`] → [`outbox`] → [`certificates`] → [`reload`] → [`canary`].

pub mod canary;
pub mod certificates;
pub mod config;
pub mod connect;
pub mod connection;
pub mod door;
pub mod identity;
pub mod inflight;
pub mod limits;
pub mod metrics;
pub mod outbox;
pub mod pipeline;
pub mod rate;
pub mod reader;
pub mod reason;
pub mod reload;
pub mod router;
pub mod seats;
pub mod wire;
pub mod writer;

pub use config::BrokerConfig;
pub use pipeline::{Broker, BrokerError, run};
