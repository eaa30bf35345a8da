//! SNMP v1 and v2c as far as a reader needs it: object identifiers, values, tables, and the one client that owns UDP.
//!
//! Nothing in here can write to a device: the encoder knows GET, GETNEXT and GETBULK and no other request.

pub mod client;
pub mod config;
pub mod fetch;
pub mod limits;
pub mod mib;
pub mod oid;
mod request;
pub mod value;

pub use client::{Client, SnmpError};
pub use config::{SnmpConfig, Version};
pub use oid::Oid;
pub use value::{Table, Value};

#[cfg(test)]
mod tests;
