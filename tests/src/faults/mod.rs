//! Ways to break a running [`crate::world::World`] that the demo and the soak share: payloads seen before and delivered
//! again, a connection taken over, a data folder copied as a snapshot or a clone.

pub mod captured;
pub mod folder;

pub use captured::{Captured, repeat, take_over};
