//! The demo: the main job of Platen, working while its parts are killed, and proved at the end.
//!
//! `stage` says what is set up, `script` what goes wrong and when, `run` passes the hours, `faults` breaks things,
//! `proof` compares what was billed with what was printed, `show` prints it, `report` is the same as JSON.

mod faults;
mod progress;
mod proof;
mod report;
mod run;
pub mod script;
mod show;
mod stage;

pub use run::{Options, run};

/// A line on standard output. Everything that the demo prints goes through here and [`print_error`].
pub fn print_line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line on standard error.
pub fn print_error(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
