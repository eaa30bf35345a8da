//! The contracts between the parts of Platen: ids, topics, units, meters, the wire format and, behind feature `store`, the
//! rows and the DDL of ClickHouse.
//!
//! Does no IO, starts no task, asks no clock. Whoever changes a contract adds a version here and a golden file; shipped
//! golden files and shipped DDL are never edited.
//!
//! Reading order: [`id`] → [`topic`] → [`meter`] → [`device`] (with [`maker`]) → [`wire`] → [`privacy`] → `store`.

pub mod device;
pub mod id;
pub mod limits;
pub mod maker;
pub mod meter;
pub mod privacy;
#[cfg(feature = "store")]
pub mod store;
pub mod topic;
pub mod wire;
