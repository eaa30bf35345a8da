//! The edge agent: reads printers by SNMP on a customer's network and keeps every reading until the cloud has it.
//!
//! The flow, in the order of the modules: `config` says what to read; `discover` finds printers (and `diagnose` says why one is
//! not found); `poll` reads them over
//! `snmp`; `time` stamps what was read; `spool` keeps it; `publish` sends it and hears what is settled. `pipeline` wires
//! them; it is the only place that spawns tasks and sizes queues.
//!
//! Never sends an SNMP SET. Never frees a payload before ingest said that it is settled.

pub mod cli;
pub mod config;
pub mod diagnose;
pub mod discover;
pub mod inventory;
pub mod limits;
pub mod metrics;
pub mod pipeline;
pub mod poll;
pub mod publish;
pub mod read;
pub mod roster;
pub mod scheduler;
pub mod snmp;
pub mod spool;
pub mod status;
pub mod taken;
pub mod time;
pub mod traffic;
pub mod traps;
pub mod walk;

pub use pipeline::run;
