//! From forecasts to what is shipped by when: which supply a slot holds, who is to get how much and how early, what was ordered,
//! what came. Deciding is pure; [`store`] keeps it.

pub mod finding;
pub mod named;
pub mod order;
pub mod plan;
pub mod rules;
pub mod store;
