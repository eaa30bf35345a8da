//! The embedded engine behaves to its clients as a ClickHouse server does, and keeps its own promises: nothing without a
//! password, nothing acknowledged is lost, nothing half is committed, nobody harms it from the network.
//!
//! Needs the engine's library (`make engine`) and the binary (`cargo build -p embedded-clickhouse`).

mod access;
mod clients;
mod conformance;
mod faults;
mod polls;
mod process;
