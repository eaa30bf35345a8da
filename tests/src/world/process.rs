//! One part as a real child process: started, killed, restarted, its log kept in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// How often a condition is looked at while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A part's process and the command that starts it again.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
    starts: u32,
}

impl Process {
    /// `program` is the name of one of our binaries; its output goes to `log`.
    pub fn new(name: &str, program: &str, arguments: Vec<String>, log: &Path) -> Result<Self> {
        Ok(Self::outside(name, &binary(program)?, arguments, log))
    }

    /// A program of others.
    pub fn outside(name: &str, program: &Path, arguments: Vec<String>, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments,
            log: log.to_owned(),
            child: None,
            starts: 0,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How often it was started so far.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// # Errors
    /// When the program cannot be started.
    pub fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {} ({})", self.name, self.program.display()))?;
        self.child = Some(child);
        self.starts += 1;
        Ok(())
    }

    /// The exit status if the process has ended by itself.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    /// SIGKILL, and waits until the process is gone. Only ever ends the child that this value started.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends a signal, if the process runs.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if let Some(child) = &self.child {
            kill_process(Pid::from_child(child), signal).with_context(|| format!("{signal:?} to {}", self.name))?;
        }
        Ok(())
    }

    /// SIGSTOP, and SIGCONT after `duration`: a host that stalls. Nothing of it is lost, but its time.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub async fn pause(&self, duration: Duration) -> Result<()> {
        self.signal(Signal::STOP)?;
        tokio::time::sleep(duration).await;
        self.signal(Signal::CONT)
    }

    /// Resident memory in bytes; `None` if the process does not run.
    pub fn resident_bytes(&self) -> Option<u64> {
        resident_bytes(&self.pid()?.to_string())
    }

    /// SIGTERM, then waits.
    ///
    /// # Errors
    /// When the process does not end in time.
    pub async fn stop(&mut self, deadline: Duration) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let pid = Pid::from_child(child);
        if child.try_wait()?.is_none() {
            kill_process(pid, Signal::TERM)?;
        }
        let until = Instant::now() + deadline;
        loop {
            if let Some(status) = child.try_wait()? {
                self.child = None;
                return Ok(Some(status));
            }
            if Instant::now() > until {
                self.kill()?;
                bail!("{} did not stop within {deadline:?}; its log is {}", self.name, self.log.display());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The last lines of the log, for error messages.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Waits until `/health` on `http` says ready.
    ///
    /// # Errors
    /// When the process ends or is not ready in time; with the tail of its log.
    pub async fn ready(&mut self, http: &str, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(status) = self.ended()? {
                bail!("{} ended with {status} instead of becoming ready:\n{}", self.name, self.log_tail());
            }
            let answer = super::http::get(http, "/health").await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if Instant::now() > until {
                let said = answer.map_or_else(|error| error.to_string(), |answer| answer.body);
                bail!("{} is not ready after {deadline:?}; /health: {said}\n{}", self.name, self.log_tail());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Waits until `fact` holds.
///
/// # Errors
/// When it does not hold in time, naming `what`.
pub async fn until<F, Fut>(what: &str, deadline: Duration, mut fact: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let until = Instant::now() + deadline;
    while !fact().await {
        if Instant::now() > until {
            bail!("waited {deadline:?} in vain: {what}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Resident memory of a process of /proc (a number, or `self`) in bytes.
pub fn resident_bytes(pid: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// One of our own binaries, beside the running test or demo.
///
/// # Errors
/// When it was not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let mut folder = own.parent().context("the test binary lies in no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().unwrap_or(folder);
    }
    let path = folder.join(name);
    if !path.exists() {
        bail!("{} is missing; run `make build` first", path.display());
    }
    Ok(path)
}
