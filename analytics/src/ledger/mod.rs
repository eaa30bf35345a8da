//! Issued documents: append-only, numbered without gaps, chained by hash, each with the snapshot that it was priced from.
//!
//! [`document`] is the canonical form, [`chain`] judges a series of them, [`plan`] decides what may be issued next; all pure.
//! [`store`] is where they are kept, [`lock`] makes sure that one process at a time gives numbers.

pub mod chain;
pub mod diff;
pub mod document;
pub mod lock;
pub mod plan;
pub mod store;

pub use document::{Document, Head, Matter, Reference};
