//! Everything around the product that proves it: the printer simulator, the `World` that runs all parts as real
//! processes, the demo, the soak, the fleet and the benches.
//!
//! Nothing of the product depends on this crate.

pub mod bench;
pub mod check;
pub mod demo;
pub mod faults;
pub mod fleet;
pub mod printer;
pub mod soak;
pub mod world;
