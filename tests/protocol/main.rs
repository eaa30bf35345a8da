//! The protocol, explored and simulated: the production types of agent and ingest, driven through a broker and a store
//! that are models. docs/protocol.md says what is modelled and what is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod agent;
mod calm;
mod explore;
mod invariants;
mod search;
mod simulate;
mod store;
mod system;
mod time;
mod truth;
mod worker;
