//! The command line of ingest.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use ingest::VERSION;
use ingest::config::Config;
use ingest::proof::Question;
use schemas::id::AgentCn;
use service::exit::{Exit, Failure, OrExit, finish};
use service::shutdown::Shutdown;

/// Takes payloads from the broker and settles them in ClickHouse.
#[derive(Debug, Parser)]
#[command(name = "ingest", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "Examples:
  ingest run --config ingest.toml
  ingest run --config ingest.toml --check
  ingest migrate --config ingest.toml
  ingest migrate --print > tables.sql
  ingest migrate --print --cluster main > cluster.sql
  ingest proof --config ingest.toml --cn acme.hq --from 2026-05-01 --to 2026-06-01
  ingest retry --config ingest.toml

Exit codes: 0 done, 1 the books do not close, 64 configuration, 69 something outside is missing.";

#[derive(Debug, Args)]
struct Source {
    /// The TOML file; PLATEN_INGEST__SECTION__KEY in the environment overrides it
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Subscribe, decode, store, acknowledge
    Run {
        #[command(flatten)]
        source: Source,
        /// Check the configuration and the certificates, print the effective configuration, and stop
        #[arg(long)]
        check: bool,
    },
    /// Create the database and apply what is missing
    Migrate {
        #[command(flatten)]
        source: Source,
        /// Print the statements instead of sending them
        #[arg(long)]
        print: bool,
        /// …for this cluster of ClickHouse's remote_servers: replicated tables with Distributed ones over them
        #[arg(long, requires = "print")]
        cluster: Option<String>,
    },
    /// Print the books of every agent from ClickHouse alone; exit code 1 if they do not close
    Proof {
        #[command(flatten)]
        source: Source,
        /// Only this agent, `tenant.agent`
        #[arg(long)]
        cn: Option<AgentCn>,
        /// Only epochs of which something was received since this UTC day or RFC 3339 time
        #[arg(long, value_parser = moment)]
        from: Option<u32>,
        /// Only epochs of which something was received before this UTC day or RFC 3339 time
        #[arg(long, value_parser = moment)]
        to: Option<u32>,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Decode held payloads again, after an upgrade
    Retry {
        #[command(flatten)]
        source: Source,
        /// Rejected payloads too, after what refused them was put right
        #[arg(long)]
        rejected: bool,
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
        Verb::Run { source, check } => {
            let config = load(&source)?;
            if check { checked(&config) } else { run(config) }
        }
        Verb::Migrate { source, print: true, cluster } => print(&load(&source)?, cluster.as_deref()),
        Verb::Migrate { source, print: false, .. } => migrate(&load(&source)?),
        Verb::Proof { source, cn, from, to, json } => {
            proof(&load(&source)?, &Question { cn: cn.map(String::from), from, to }, json)
        }
        Verb::Retry { source, rejected } => retry(&load(&source)?, rejected),
        Verb::Version => say(&format!("ingest {VERSION}\n")),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "ingest", &mut script);
            say(&String::from_utf8_lossy(&script))
        }
    }
}

fn load(source: &Source) -> Result<Config, Failure> {
    let config: Config = service::config::load(source.config.as_deref()).or_exit(Exit::Config)?;
    service::log::init(&config.log).or_exit(Exit::Config)?;
    Ok(config)
}

fn run(config: Config) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let shutdown = Shutdown::new();
        shutdown.on_signals().or_exit(Exit::Unavailable)?;
        ingest::run(config, shutdown).await.map_err(|error| Failure::new(error.exit(), error))?;
        Ok(Exit::Done)
    })
}

fn checked(config: &Config) -> Result<Exit, Failure> {
    let cn = ingest::check(config).map_err(|error| Failure::new(error.exit(), error))?;
    say(&format!("# the certificates are readable; the client id is {cn}\n{}", service::config::show(config)))
}

fn print(config: &Config, cluster: Option<&str>) -> Result<Exit, Failure> {
    match cluster {
        Some(cluster) => say(&ingest::migrate::print_cluster(&config.clickhouse, cluster).or_exit(Exit::Config)?),
        None => say(&ingest::migrate::print(&config.clickhouse)),
    }
}

fn migrate(config: &Config) -> Result<Exit, Failure> {
    let done = runtime()?
        .block_on(ingest::migrate::migrate(&config.clickhouse))
        .map_err(|error| Failure::new(error.exit(), error))?;
    if done.is_empty() {
        return say("nothing to do, all migrations are applied\n");
    }
    say(&done.iter().map(|name| format!("applied {name}\n")).collect::<String>())
}

fn proof(config: &Config, question: &Question, json: bool) -> Result<Exit, Failure> {
    let proof = runtime()?.block_on(ingest::proof::proof(&config.clickhouse, question)).or_exit(Exit::Unavailable)?;
    if json {
        say(&format!("{}\n", serde_json::to_string_pretty(&proof).or_exit(Exit::Bug)?))?;
    } else {
        say(&proof.table())?;
    }
    Ok(if proof.closes { Exit::Done } else { Exit::Failed })
}

fn retry(config: &Config, rejected: bool) -> Result<Exit, Failure> {
    let outcome = runtime()?.block_on(ingest::retry::retry(&config.clickhouse, rejected)).or_exit(Exit::Unavailable)?;
    say(&format!(
        "committed {}, still held {}, still rejected {}\n",
        outcome.committed, outcome.still_held, outcome.still_rejected
    ))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().or_exit(Exit::Unavailable)
}

/// `2026-05-01` (midnight UTC) or `2026-05-01T06:00:00+02:00` in Unix seconds.
fn moment(text: &str) -> Result<u32, String> {
    let full = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let time: jiff::Timestamp =
        full.parse().map_err(|_| format!("{text:?} is no day like 2026-05-01 and no RFC 3339 time"))?;
    Ok(ingest::decode::seconds(time))
}

fn say(text: &str) -> Result<Exit, Failure> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).or_exit(Exit::Unavailable)?;
    Ok(Exit::Done)
}
