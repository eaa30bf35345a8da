//! Everything around the product that proves it: the printer simulator, the `World` that runs all parts as real
//! processes, and the demo.
//!
//! Nothing of the product depends on this crate.

pub mod demo;
pub mod printer;
pub mod world;
