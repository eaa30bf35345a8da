//! The soak: all parts as real processes for an hour, days of simulated time passing in seconds, and every fault that we
//! know how to cause, at random from a seed. Every some days the faults stop, everything must settle without a human, and
//! what is stored is held against the printers' own lives.
//!
//! `stage` says what is set up, `script` what goes wrong and when, `breaker` does it, `settle` waits, `verify` proves,
//! `twins` knows which polls came in two payloads and `given_up` what full spools let go, `memory` watches the processes, `run` passes the hours, `report` is the
//! same as JSON.

mod breaker;
mod given_up;
mod memory;
mod report;
mod run;
pub mod script;
mod settle;
mod stage;
mod twins;
mod verify;

pub use run::{Options, run};
