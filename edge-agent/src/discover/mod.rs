//! Finds printers: which addresses answer SNMP, with which version and credential, and which of them are printers.
//!
//! Asks only what the configuration includes, one unicast packet at a time per address, within a rate. Devices that are
//! not printers are told apart with one more packet and not read further.

pub mod ping;
pub mod printer_test;
mod propose;
pub mod ranges;
mod sweep;

pub use propose::{Proposal, propose};
pub use ranges::{RangeError, Ranges};
pub use sweep::{Depth, Found, Kind, Progress, Swept, probe, resolve, sweep};
