//! `edge-agent`: see `edge-agent --help`.

use std::process::ExitCode;

use clap::Parser;
use edge_agent::cli::{Arguments, execute};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    service::exit::finish(execute(Arguments::parse()).await)
}
