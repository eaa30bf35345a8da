//! Finds printers: which addresses answer SNMP, with which community and version, and which of them are printers.
//!
//! Asks only what the configuration includes, one unicast packet at a time per address, within a rate. Devices that are
//! not printers are told apart with one more packet and not read further.

pub mod printer_test;
pub mod ranges;
mod sweep;

pub use ranges::{RangeError, Ranges};
pub use sweep::{Found, Kind, Progress, Swept, probe, sweep};
