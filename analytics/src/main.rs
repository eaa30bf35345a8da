//! The command line of `analytics`: parse, run, exit code.

use std::process::ExitCode;

use analytics::cli::{Cli, run};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    service::exit::finish(run(Cli::parse()).await)
}
