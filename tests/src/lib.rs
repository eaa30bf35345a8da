//! Everything around the product that proves it: the printer simulator, the `World` that runs all parts as real
//! processes, the demo, and the benches.
//!
//! Nothing of the product depends on this crate.

pub mod bench;
pub mod demo;
pub mod printer;
pub mod world;
