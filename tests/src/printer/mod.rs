//! The printer simulator: printers with a life of their own that answer SNMP v1 and v2c on loopback addresses, and
//! recorded devices replayed the same way.
//!
//! In reading order: `model` and `catalog` say how models differ, `schedule`, `supply` and `life` what a printer does in a
//! simulated time, `render` and `vendor` how it shows that as an SNMP table (`mib`), `message` and `answer` how a request
//! is answered, `agent` and `fault` put that on a socket with traffic counts and faults, `fleet` builds many printers
//! over sites and states the truth, `recording` reads `.snmprec` files,
//! `walk` has a peer read a device completely.
//!
//! Promises: the same seed gives the same lives on every machine; the counter at a moment does not depend on who read
//! it when; no bytes make it panic; a SET never changes anything and is counted.

pub mod agent;
pub mod alert;
pub mod answer;
pub mod ber;
pub mod catalog;
pub mod chance;
pub mod fault;
pub mod fleet;
pub mod life;
pub mod limits;
pub mod message;
pub mod mib;
pub mod model;
pub mod oid;
pub mod recording;
pub mod render;
pub mod schedule;
pub mod supply;
pub mod truth;
pub mod value;
mod vendor;
pub mod walk;

#[cfg(test)]
mod peers;
