//! Why a device is not found: runs the steps of discovery at one address, or over a range, and names one cause.
//!
//! [`probe`] and [`range`] ask and collect evidence; [`verdict`] decides from it and is pure; [`report`] shows what was done,
//! for people and as JSON. What an address outside the ranges is asked was typed by a person; an excluded one is asked
//! nothing.

pub mod evidence;
mod probe;
mod range;
pub mod report;
pub mod verdict;

pub use evidence::Evidence;
pub use probe::{Given, device, recording};
pub use range::{RangeEvidence, over};
pub use report::Report;
pub use verdict::Verdict;
