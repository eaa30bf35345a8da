//! Commands, their arguments and what each prints.

use std::io::{Read as _, Write};
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use service::exit::{Exit, Failure, OrExit};

use crate::simulate;

/// The largest file of cases that is read, in bytes.
const INPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;

#[derive(Debug, Parser)]
#[command(name = "analytics", version, about = "Invoices and forecasts from the readings in ClickHouse")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bill a contract, or try out billing without a database
    #[command(subcommand)]
    Bill(Bill),
    /// Print completions for a shell
    Completions { shell: Shell },
    /// Print the version
    Version,
}

#[derive(Debug, Subcommand)]
enum Bill {
    /// Bill written cases, without a database: one JSON line per case
    #[command(after_help = "Example:\n  analytics bill simulate --input cases.json | jq .expected.total")]
    Simulate {
        /// A case or a file {"cases": […]}; - reads standard input
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
    },
}

/// Runs one command; prints its result on standard output.
pub fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Bill(Bill::Simulate { input }) => simulate_file(&input),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "analytics", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        Command::Version => print(&format!("analytics {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

/// One line per case; the exit code says whether every case could be billed.
fn simulate_file(input: &std::path::Path) -> Result<Exit, Failure> {
    let text = read(input).map_err(|error| format!("read {}: {error}", input.display())).or_exit(Exit::Config)?;
    let cases =
        simulate::cases_of(&text).map_err(|error| format!("{}: {error}", input.display())).or_exit(Exit::Config)?;
    let mut exit = Exit::Done;
    for case in &cases {
        let answer = simulate::answer(case);
        for key in &answer.ignored {
            warn(&format!("case {}: {key} is no key of a contract and was ignored", answer.line["id"]));
        }
        if answer.failed {
            exit = Exit::Failed;
        }
        print(&format!("{}\n", answer.line))?;
    }
    Ok(exit)
}

fn read(input: &std::path::Path) -> std::io::Result<String> {
    let mut text = String::new();
    let bytes = if input.as_os_str() == "-" {
        std::io::stdin().lock().take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)?
    } else {
        std::fs::File::open(input)?.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)?
    };
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > INPUT_BYTES_MAX) {
        return Err(std::io::Error::other(format!("more than {INPUT_BYTES_MAX} bytes; split the file")));
    }
    Ok(text)
}

/// A closed pipe (`| head`) ends the output, not with an error.
fn print(text: &str) -> Result<Exit, Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).or_exit(Exit::Unavailable),
        _ => Ok(Exit::Done),
    }
}

fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}
