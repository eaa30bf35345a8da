//! testbed
pub mod printer;
