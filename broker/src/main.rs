//! The broker's command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use broker::{Broker, BrokerConfig, BrokerError};
use clap::{CommandFactory, Parser, Subcommand};
use service::exit::{Exit, Failure, OrExit, finish};
use service::log::LogConfig;
use service::shutdown::Shutdown;

const EXAMPLES: &str = "Examples:
  broker run --config broker.toml
  broker run --config broker.toml --check
  kill -HUP PID                          read certificates and CRL again

Exit codes: 0 done, 64 configuration or certificates, 69 a port is taken, 70 the router died.";

/// Platen's MQTT broker.
#[derive(Debug, Parser)]
#[command(name = "broker", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT.
    Run {
        #[arg(long)]
        config: PathBuf,
        /// Print the effective configuration, look at the certificates, and stop.
        #[arg(long)]
        check: bool,
    },
    /// Print completions for a shell.
    Completions { shell: clap_complete::Shell },
    /// Print the version.
    Version,
}

fn main() -> ExitCode {
    finish(dispatch(Arguments::parse().command))
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run { config, check } => {
            let config: BrokerConfig = service::config::load(Some(&config)).or_exit(Exit::Config)?;
            if check {
                print(&service::config::show(&config));
                broker::certificates::Certificates::load(&config.tls).or_exit(Exit::Config)?;
                return Ok(Exit::Done);
            }
            run(config)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "broker", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        Command::Version => {
            print(&format!("broker {}\n", env!("CARGO_PKG_VERSION")));
            Ok(Exit::Done)
        }
    }
}

fn run(config: BrokerConfig) -> Result<Exit, Failure> {
    // The router's own log repeats what the front logs, and calls ordinary goodbyes errors.
    let log = LogConfig { level: format!("rumqttd=off,{}", config.log.level), ..config.log.clone() };
    service::log::init(&log).or_exit(Exit::Config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().or_exit(Exit::Unavailable)?;
    let outcome = runtime.block_on(async {
        let shutdown = Shutdown::new();
        shutdown.on_signals().or_exit(Exit::Unavailable)?;
        let broker = Broker::bind(config).await.map_err(failure)?;
        broker.run(shutdown).await.map_err(failure)?;
        Ok(Exit::Done)
    });
    // A router that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

fn failure(error: BrokerError) -> Failure {
    let exit = match &error {
        BrokerError::Certificates(_) => Exit::Config,
        BrokerError::Listen { .. } | BrokerError::Http(_) | BrokerError::Signal(_) => Exit::Unavailable,
        BrokerError::Router(_) => Exit::Bug,
    };
    Failure::new(exit, error)
}

fn print(text: &str) {
    use std::io::Write;
    // A closed stdout must not turn an answer into a panic.
    let _ = write!(std::io::stdout(), "{text}");
}
