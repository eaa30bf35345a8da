//! SNMP v1, v2c and v3 as far as a reader needs it: object identifiers, values, tables, and the one line that owns UDP.
//!
//! Nothing in here can write to a device: the encoder knows GET, GETNEXT and GETBULK and no other request.

pub(crate) mod ber;
pub mod client;
pub mod config;
pub mod credential;
pub mod fetch;
pub mod limits;
mod line;
pub mod mib;
pub mod oid;
mod request;
pub mod usm;
pub mod value;

pub use client::{Client, SnmpError};
pub use config::{SnmpConfig, Version};
pub use credential::{Login, Way};
pub use oid::Oid;
pub use usm::UsmError;
pub use value::{Table, Value};

#[cfg(test)]
mod tests;
