//! The commands of `edge-agent`.

mod commands;
mod devices;
mod finding;
mod queue;
mod validate;

use std::io::Write;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use service::exit::{Exit, Failure, OrExit};

use crate::config::{AgentConfig, SAMPLE};

const DEFAULT_CONFIG: &str = "/etc/platen/agent.toml";

/// Reads the meters of printers on this network and keeps them until the cloud has them.
#[derive(Debug, Parser)]
#[command(
    name = "edge-agent",
    version,
    after_help = "Examples:\n  edge-agent config-sample > agent.toml\n  edge-agent validate --config agent.toml\n  edge-agent discover --config agent.toml\n  edge-agent diagnose 192.168.1.7\n  edge-agent run --config agent.toml"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration.
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Polls, keeps and sends until it is stopped.
    #[command(after_help = "Example:\n  edge-agent run --config agent.toml")]
    Run {
        #[command(flatten)]
        file: ConfigFile,
        /// Prints the effective configuration with secrets masked, and ends.
        #[arg(long)]
        check: bool,
    },
    /// Checks configuration, certificates, spool directory and ranges; says what to do about what is wrong.
    #[command(after_help = "Example:\n  edge-agent validate --config agent.toml")]
    Validate {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Looks for printers in the configured ranges once. Keeps and sends nothing.
    #[command(
        after_help = "Examples:\n  edge-agent discover --config agent.toml\n  edge-agent discover --config agent.toml --thorough\n  edge-agent discover --config agent.toml --json | jq .found"
    )]
    Discover {
        #[command(flatten)]
        file: ConfigFile,
        /// Asks silent addresses in every version and with every credential; slower, and some 70 bytes for each.
        #[arg(long)]
        thorough: bool,
        #[arg(long)]
        json: bool,
    },
    /// Says why a device, or a whole range, is not found: runs the steps of discovery and names one cause.
    ///
    /// The exit code is that of the verdict: 0 healthy, 10 to 27 for an address, 40 to 43 for a range; docs/finding.md lists
    /// them.
    #[command(
        after_help = "Examples:\n  edge-agent diagnose 192.168.1.7\n  edge-agent diagnose printer-3.example --config agent.toml --json | jq .verdict\n  edge-agent diagnose 192.168.1.0/24\n  edge-agent diagnose --walk printer.snmprec"
    )]
    Diagnose(finding::Diagnose),
    /// Saves everything that a device says in a recording, which read and diagnose take with --walk.
    #[command(
        after_help = "Examples:\n  edge-agent walk 192.168.1.7 -o printer.snmprec\n  edge-agent walk 192.168.1.7 --mask -o for-support.snmprec\n  edge-agent read --walk printer.snmprec"
    )]
    Walk(finding::Walk),
    /// Works with ranges of addresses.
    Ranges {
        #[command(subcommand)]
        command: RangesCommand,
    },
    /// Reads one device, or a recording of one, and shows everything. Keeps and sends nothing.
    #[command(
        after_help = "Examples:\n  edge-agent read 192.168.1.7\n  edge-agent read 192.168.1.7 --community-file secret --json\n  edge-agent read --walk printer.snmprec --json"
    )]
    Read {
        /// Address or host name.
        #[arg(required_unless_present = "walk", conflicts_with = "walk")]
        address: Option<String>,
        /// A recording in the .snmprec format.
        #[arg(long, value_name = "FILE")]
        walk: Option<PathBuf>,
        /// Takes communities and timeouts from here; without it, the defaults.
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
        /// A file with the community, so that it does not appear in the list of processes.
        #[arg(long, value_name = "FILE")]
        community_file: Option<PathBuf>,
        #[arg(long, default_value_t = 161)]
        port: u16,
        #[arg(long)]
        json: bool,
    },
    /// Shows what is kept: bytes, payloads, the oldest, days left at the present rate.
    #[command(after_help = "Example:\n  edge-agent queue --config agent.toml --json")]
    Queue {
        #[command(flatten)]
        file: ConfigFile,
        #[arg(long)]
        json: bool,
    },
    /// Shows what the running agent said of itself last.
    #[command(after_help = "Example:\n  edge-agent status --config agent.toml")]
    Status {
        #[command(flatten)]
        file: ConfigFile,
        #[arg(long)]
        json: bool,
    },
    /// Shows what each device cost so far, in both directions, and whether it is read more or less often than usual.
    #[command(after_help = "Example:\n  edge-agent devices --config agent.toml --json | jq .devices")]
    Devices {
        #[command(flatten)]
        file: ConfigFile,
        #[arg(long)]
        json: bool,
    },
    /// Prints the commented sample configuration.
    ConfigSample,
    /// Prints the version.
    Version,
    /// Prints completions for a shell.
    #[command(after_help = "Example:\n  edge-agent completions bash > /etc/bash_completion.d/edge-agent")]
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
enum RangesCommand {
    /// Proposes ranges from this host's own networks, for agent.toml.
    #[command(after_help = "Example:\n  edge-agent ranges propose >> agent.toml")]
    Propose {
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command.
///
/// # Errors
/// A [`Failure`] with the exit code that it deserves.
pub async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Run { file, check } => commands::run(&file.config, check).await,
        Command::Validate { file } => validate::validate(&file.config),
        Command::Discover { file, thorough, json } => finding::discover(&file.config, thorough, json).await,
        Command::Diagnose(asked) => finding::diagnose(asked).await,
        Command::Walk(asked) => finding::walk(asked).await,
        Command::Ranges { command: RangesCommand::Propose { json } } => finding::propose_ranges(json),
        Command::Read { address, walk, config, community_file, port, json } => {
            commands::read(address, walk, config, community_file, port, json).await
        }
        Command::Queue { file, json } => queue::queue(&file.config, json),
        Command::Status { file, json } => queue::status(&file.config, json),
        Command::Devices { file, json } => devices::devices(&file.config, json),
        Command::ConfigSample => print(SAMPLE),
        Command::Version => print(&format!("edge-agent {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "edge-agent", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
    }
}

fn load(file: &std::path::Path) -> Result<AgentConfig, Failure> {
    service::config::load(Some(file)).or_exit(Exit::Config)
}

/// Prints to stdout; a closed pipe is not an error worth a message.
fn print(text: &str) -> Result<Exit, Failure> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_read_needs_an_address_or_a_recording() {
        Arguments::command().debug_assert();
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("edge-agent read").is_err());
        assert!(parse("edge-agent read 192.0.2.1 --walk x.snmprec").is_err());
        assert!(parse("edge-agent read --walk x.snmprec --json").is_ok());
        assert!(
            parse("edge-agent diagnose").is_err() && parse("edge-agent diagnose 192.0.2.1 --patience-s 0").is_err()
        );
        assert!(parse("edge-agent diagnose 192.0.2.0/24 --json").is_ok());
        assert!(parse("edge-agent walk 192.0.2.1").is_err() && parse("edge-agent walk 192.0.2.1 -o x --mask").is_ok());
        assert!(parse("edge-agent ranges propose").is_ok());
        assert!(parse("edge-agent run --check --config agent.toml").is_ok());
    }
}
