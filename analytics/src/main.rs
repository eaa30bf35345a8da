//! The command line of `analytics`: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    service::exit::finish(analytics::cli::run(analytics::cli::Cli::parse()))
}
