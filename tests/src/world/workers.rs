//! Several ingest workers beside or instead of the one of the world, and a real Redis that they share.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use broker_config::pki::Validity;

use super::process::{Process, until};
use super::{READY_DEADLINE, World, configs, loopback, ports, run_arguments};

/// One worker with a certificate of its own.
#[derive(Debug)]
pub struct Worker {
    pub process: Process,
    /// `127.0.0.1:PORT` of /health and /metrics.
    pub http: String,
    pub config: PathBuf,
}

impl Worker {
    /// # Errors
    /// When it does not become ready.
    pub async fn start(&mut self) -> Result<()> {
        self.process.start()?;
        self.process.ready(&self.http, READY_DEADLINE).await
    }
}

/// A Redis that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    pub process: Process,
    port: u16,
}

impl Redis {
    /// Starts `redis-server` on a free port and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(dir: &Path) -> Result<Self> {
        let port = ports::free()?;
        let text = port.to_string();
        let arguments = ["--port", &text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let program = Path::new("redis-server");
        let process =
            Process::outside("redis", program, arguments.map(str::to_owned).to_vec(), &dir.join("logs/redis.log"));
        let mut redis = Self { process, port };
        redis.again().await?;
        Ok(redis)
    }

    /// Starts it again after a kill, empty.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn again(&mut self) -> Result<()> {
        self.process.start()?;
        until("Redis answers", READY_DEADLINE, || async { self.say("PING").is_ok() }).await
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends one command and answers the first line of what comes back.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn say(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 64];
        let read = stream.read(&mut answer)?;
        let line = String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned();
        anyhow::ensure!(line.starts_with(['+', ':', '$']), "{command}: {line}");
        Ok(line)
    }
}

impl World {
    /// Worker `service.ingestN`, not started; `sections` is added to its configuration.
    ///
    /// # Errors
    /// When a file cannot be written or no port is free.
    pub fn worker(&self, number: u32, sections: &str) -> Result<Worker> {
        let name = format!("ingest{number}");
        let issued = self.pki.issue_service(&name, Validity::days(90)?)?;
        let paths = issued.write(&self.dir.join(format!("worker{number}")), &name, false)?;
        let http = ports::free()?;
        let (_, port) = self.clickhouse_address.rsplit_once(':').context("an address with a port")?;
        let config = configs::Ingest {
            dir: &self.dir,
            paths: &paths,
            broker_port: self.broker_port,
            clickhouse_port: port.parse()?,
            http,
            drill: self.drill.as_ref().map(super::Drill::address),
        };
        let path = self.dir.join(format!("worker{number}.toml"));
        std::fs::write(&path, format!("{}\n{sections}", config.toml()))?;
        let log = self.dir.join("logs").join(format!("worker{number}.log"));
        let process = Process::new(&name, "ingest", run_arguments(&path), &log)?;
        Ok(Worker { process, http: loopback(http), config: path })
    }
}
