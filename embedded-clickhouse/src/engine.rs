//! The engine of this process: started once, asked through short-lived sessions, ended once.
//!
//! Promises: a session sees only what it set itself; nobody gets a session after [`Engine::stop`] began; the engine is
//! shut down only when the last session is closed. Sessions and all calls block: never call them on the async threads.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::abi::{self, Api, Connection};
use crate::reply::Failure;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("load the ClickHouse engine {path}", path = path.display())]
    Load { path: PathBuf, source: libloading::Error },
    #[error("the path {0:?} cannot be given to the engine: it contains a zero byte or is not UTF-8")]
    Path(PathBuf),
    #[error("the engine did not start on {path}; its own message stands above (is the disk full, or the data newer?)", path = path.display())]
    Start { path: PathBuf },
    #[error("the engine does not answer SELECT 1 after its start: {0}")]
    Silent(String),
    #[error("{0} sessions are still open")]
    StillOpen(usize),
}

/// See the module.
#[derive(Debug)]
pub struct Engine {
    api: &'static Api,
    arguments: Vec<CString>,
    gate: Mutex<Gate>,
    closed: Condvar,
    zone: String,
}

#[derive(Debug)]
struct Gate {
    /// Holds the engine open between requests: with the last connection closed it would stop and start again.
    keeper: Option<Connection>,
    open: usize,
}

impl Engine {
    /// Loads the library and opens the data at `data` (absolute) with the configuration file `config`.
    ///
    /// # Errors
    /// [`EngineError`], each naming the file and what to look at.
    pub fn start(library: &Path, data: &Path, config: &Path) -> Result<Self, EngineError> {
        let api = Api::load(library).map_err(|source| EngineError::Load { path: library.to_owned(), source })?;
        let mut arguments = vec![c"clickhouse".to_owned()];
        for (flag, path) in [("--path", data), ("--config-file", config)] {
            let text = path.to_str().ok_or_else(|| EngineError::Path(path.to_owned()))?;
            let argument = CString::new(format!("{flag}={text}")).map_err(|_| EngineError::Path(path.to_owned()))?;
            arguments.push(argument);
        }
        let mut keeper = api.connect(&arguments).ok_or_else(|| EngineError::Start { path: data.to_owned() })?;
        let zone = {
            let answer = keeper.query("SELECT timezone()", "TSVRaw", &[]);
            if let Some(error) = answer.error() {
                return Err(EngineError::Silent(error));
            }
            String::from_utf8_lossy(answer.bytes()).trim().to_owned()
        };
        let gate = Mutex::new(Gate { keeper: Some(keeper), open: 0 });
        Ok(Self { api, arguments, gate, closed: Condvar::new(), zone })
    }

    /// The version of the library, `26.7.3` for example.
    pub fn version(&self) -> String {
        self.api.version()
    }

    /// The time zone in which the engine reads and writes times that name none.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// A new session with the engine's own settings.
    ///
    /// # Errors
    /// When the engine is stopping or refuses a connection.
    pub(crate) fn session(&self) -> Result<Session<'_>, Failure> {
        {
            let mut gate = self.gate();
            if gate.keeper.is_none() {
                return Err(Failure::stopping());
            }
            gate.open += 1;
        }
        let place = Place { engine: self };
        match self.api.connect(&self.arguments) {
            Some(connection) => Ok(Session { connection, _place: place }),
            None => Err(Failure::engine("the engine refused a connection; its own message is on stderr")),
        }
    }

    /// Asks whether the engine works.
    ///
    /// # Errors
    /// What it said instead of 1.
    pub(crate) fn ping(&self) -> Result<(), String> {
        let mut session = self.session().map_err(|failure| failure.text)?;
        let answer = session.connection.query("SELECT 1", "TSV", &[]);
        match answer.error() {
            Some(error) => Err(error),
            None if answer.bytes() == b"1\n" => Ok(()),
            None => Err("SELECT 1 gave something else".to_owned()),
        }
    }

    /// One number out of the engine's own books (`system.metrics` and the like).
    pub(crate) fn number(&self, sql: &str) -> Option<f64> {
        let mut session = self.session().ok()?;
        let answer = session.connection.query(sql, "TSV", &[]);
        std::str::from_utf8(answer.bytes()).ok()?.trim().parse().ok()
    }

    /// Asks the engine to stop the statement with this `log_comment`. `SYNC` would hang for ever, so this does not wait.
    pub(crate) fn kill(&self, log_comment: &str) {
        let sql = format!("KILL QUERY WHERE Settings['log_comment'] = {} ASYNC", quoted(log_comment));
        match self.session() {
            Ok(mut session) => {
                if let Some(error) = session.connection.query(&sql, "Null", &[]).error() {
                    tracing::debug!(error, "kill did not work");
                }
            }
            Err(failure) => tracing::debug!(error = failure.text, "kill was not possible"),
        }
    }

    /// Refuses new sessions, waits for the open ones to close, then ends the engine.
    ///
    /// # Errors
    /// [`EngineError::StillOpen`] when `deadline` passes first: leave the process with [`leave_now`] then.
    pub fn stop(&self, deadline: Duration) -> Result<(), EngineError> {
        let mut gate = self.gate();
        let keeper = gate.keeper.take();
        let (gate, _) = self
            .closed
            .wait_timeout_while(gate, deadline, |gate| gate.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        if gate.open > 0 {
            std::mem::forget(keeper);
            return Err(EngineError::StillOpen(gate.open));
        }
        if keeper.is_some() {
            drop(keeper);
            self.api.shutdown();
        }
        Ok(())
    }

    /// Whether [`Engine::stop`] has done its work.
    fn stopped(&self) -> bool {
        let gate = self.gate();
        gate.keeper.is_none() && gate.open == 0
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    /// An engine that still runs when its owner goes (a panic, an early return) would crash in `exit`.
    fn drop(&mut self) {
        if !self.stopped() {
            tracing::error!("the engine was not stopped, leaving at once");
            leave_now(service::exit::Exit::Bug);
        }
    }
}

/// Ends the process without touching the engine, whose destructors crash while a statement runs.
pub fn leave_now(exit: service::exit::Exit) -> ! {
    abi::leave_now(exit.code())
}

/// A connection of its own: settings, database and temporary tables are seen by nobody else.
#[derive(Debug)]
pub(crate) struct Session<'e> {
    // Declared first, so that it is closed before its place is given back.
    pub(crate) connection: Connection,
    _place: Place<'e>,
}

impl Session<'_> {
    /// Runs a statement for its effect.
    pub(crate) fn run(&mut self, sql: &str) -> Result<(), Failure> {
        match self.connection.query(sql, "Null", &[]).error() {
            Some(error) => Err(Failure::from_engine(&error)),
            None => Ok(()),
        }
    }

    /// Sets settings, all in one statement; an unknown name is error 115, as on a server.
    pub(crate) fn set(&mut self, settings: &[(String, String)]) -> Result<(), Failure> {
        if settings.is_empty() {
            return Ok(());
        }
        let mut list = Vec::with_capacity(settings.len());
        for (name, value) in settings {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(Failure::unknown_setting(name));
            }
            list.push(format!("{name}={}", quoted(value)));
        }
        self.run(&format!("SET {}", list.join(", ")))
    }

    pub(crate) fn use_database(&mut self, name: &str) -> Result<(), Failure> {
        self.run(&format!("USE `{}`", name.replace('\\', "\\\\").replace('`', "\\`")))
    }
}

#[derive(Debug)]
struct Place<'e> {
    engine: &'e Engine,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.engine.gate().open -= 1;
        self.engine.closed.notify_all();
    }
}

/// A text as a ClickHouse string literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        assert_eq!(quoted(r"a'b\"), r"'a\'b\\'");
    }
}
