//! What ClickHouse holds: row structs in the order of the columns, and the numbered DDL, which is the only DDL.
//!
//! Views hold idempotent aggregates only, so that a repeated insert changes nothing. DDL never calls now().

pub mod billing;
mod migrations;
mod rows;
pub mod supplies;

pub use migrations::{MIGRATIONS, Migration, statements};
pub use rows::{
    BatchRow, DropRow, EventRow, KeptRow, PlanRow, PollRow, RejectedRecordRow, StatsRow, status, version_of,
};
