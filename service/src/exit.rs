//! Exit codes: what a script or a supervisor learns from a stopped process.
//!
//! The numbers are a documented contract (docs/operations.md) and follow sysexits where it has one.

use std::error::Error;
use std::process::ExitCode;

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The work is done.
    Done,
    /// The work ran and the answer is "no": a check failed, books do not close.
    Failed,
    /// The configuration or an input file is wrong; restarting does not help (EX_USAGE).
    Config,
    /// Something outside is missing or refuses; trying again later may help (EX_UNAVAILABLE).
    Unavailable,
    /// A defect of Platen itself (EX_SOFTWARE).
    Bug,
    /// The work ran and its answer is one of a command's own documented list; 10 to 59.
    Verdict(u8),
}

impl Exit {
    /// What the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Config => 64,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::Verdict(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error together with the exit code that it deserves.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into() }
    }
}

/// Gives an error its exit code where the reason is known.
pub trait OrExit<T> {
    /// # Errors
    /// The same error, wrapped in a [`Failure`].
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}

/// Turns the outcome of `main` into the process's exit code, and prints a failure with all its causes on stderr.
pub fn finish(outcome: Result<Exit, Failure>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            report(&describe(&*failure.error));
            failure.exit.into()
        }
    }
}

/// One line per cause, the outermost first; a cause that its parent already quotes is not printed twice.
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("error: {error}");
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !said.contains(&words) {
            text.push_str("\n  because: ");
            text.push_str(&words);
            said = words;
        }
        cause = inner.source();
    }
    text
}

fn report(text: &str) {
    use std::io::Write;
    // A closed stderr must not turn an error into a panic.
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_described_with_its_causes_once_each() {
        #[derive(Debug, thiserror::Error)]
        #[error("read the file")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("no such file")]
        struct Inner;
        assert_eq!(describe(&Outer(Inner)), "error: read the file\n  because: no such file");
    }
}
