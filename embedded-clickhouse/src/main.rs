//! The command line of embedded-clickhouse.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use embedded_clickhouse::config::Config;
use embedded_clickhouse::{RunError, VERSION};
use service::exit::{Exit, Failure, OrExit, finish};
use service::shutdown::Shutdown;

/// The ClickHouse engine as a local process: one folder, one port, no server to install.
#[derive(Debug, Parser)]
#[command(name = "embedded-clickhouse", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "Examples:
  embedded-clickhouse run --config embedded-clickhouse.toml
  embedded-clickhouse run --config embedded-clickhouse.toml --check
  curl -u default:$(cat /var/lib/platen/clickhouse/default.password) http://127.0.0.1:8123/ -d 'SELECT version()'";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the engine and serve ClickHouse's HTTP interface
    Run {
        /// The TOML file; PLATEN_EMBEDDED_CLICKHOUSE__SECTION__KEY in the environment overrides it
        #[arg(long)]
        config: Option<PathBuf>,
        /// Check the configuration and the engine's library byte for byte, print the effective configuration, and stop
        #[arg(long)]
        check: bool,
    },
    /// Print the version
    Version,
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
}

fn main() -> ExitCode {
    finish(command(Arguments::parse().verb))
}

fn command(verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Run { config, check } => {
            let config: Config = service::config::load(config.as_deref()).or_exit(Exit::Config)?;
            service::log::init(&config.log).or_exit(Exit::Config)?;
            if check { checked(&config) } else { run(config) }
        }
        Verb::Version => say(&format!("embedded-clickhouse {VERSION}\n")),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "embedded-clickhouse", &mut script);
            say(&String::from_utf8_lossy(&script))
        }
    }
}

fn run(config: Config) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().or_exit(Exit::Unavailable)?;
    runtime.block_on(async {
        let shutdown = Shutdown::new();
        shutdown.on_signals().or_exit(Exit::Unavailable)?;
        embedded_clickhouse::run(config, shutdown).await.map_err(failure)?;
        Ok(Exit::Done)
    })
}

fn checked(config: &Config) -> Result<Exit, Failure> {
    let library = embedded_clickhouse::check(config).map_err(failure)?;
    say(&format!("# the engine {} is the pinned one\n{}", library.display(), service::config::show(config)))
}

fn failure(error: RunError) -> Failure {
    Failure::new(error.exit(), error)
}

fn say(text: &str) -> Result<Exit, Failure> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).or_exit(Exit::Unavailable)?;
    Ok(Exit::Done)
}
