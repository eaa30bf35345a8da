//! A fleet of agents without printers: thousands of real TLS connections against one broker, ingest and engine. Shows how
//! long everybody takes to be back after a restart, what steady traffic costs, and whether agents that bring a month of
//! backlog delay the fresh data of the others.
//!
//! `identity` issues, `line` is one connection, `agent` what an agent does on it, `load` what it says, `tally` what is
//! counted, `gauge` looks at the processes, `run` passes the phases, `report` prints them.

mod agent;
mod gauge;
mod identity;
mod limits;
mod line;
mod load;
mod report;
mod run;
mod tally;

pub(crate) use run::raise_files;
pub use run::{Options, run};
