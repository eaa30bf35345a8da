//! One broker as a real process with its own authority: ours, or Debian's mosquitto with the files that
//! `broker-config mosquitto` writes. Both are set up as an operator would set them up.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::{Authority, CRL_FILE, Issued, Validity};
use rustix::process::Signal;
use rustls::ClientConfig;
use schemas::id::AgentCn;
use tempfile::TempDir;

use super::process::{Process, binary, until};
use super::raw::{self, Hello, Raw};
use super::{configs, http, ports};

/// A loaded machine takes its time.
const READY_DEADLINE: Duration = Duration::from_secs(30);
const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// Who made the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    Platen,
    Mosquitto,
}

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    pub maker: Maker,
    pub authority: Authority,
    pub process: Process,
    pub address: SocketAddr,
    /// `127.0.0.1:PORT` of /health and /metrics; ours only.
    http: Option<String>,
    /// Where the files of a mosquitto lie.
    files: PathBuf,
    folder: TempDir,
}

impl Broker {
    /// Starts a broker that knows these services (without `service.`). `extra` are sections and lines for the configuration
    /// of ours.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(maker: Maker, services: &[&str], extra: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (pki, files) = (folder.path().join("pki"), folder.path().join("broker"));
        let authority = Authority::create(&pki, "conformance", Validity::days(30)?, false)?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let paths = authority.issue_broker(&names, Validity::days(30)?)?.write(&files, "broker", false)?;
        let port = ports::free()?;
        let log = folder.path().join("broker.log");
        let (process, http) = match maker {
            Maker::Platen => {
                let http = ports::free()?;
                let config = folder.path().join("broker.toml");
                std::fs::write(&config, with_lines(configs::broker(&pki, &paths, port, http), extra))?;
                let arguments = super::run_arguments(&config);
                (Process::new("broker", "broker", arguments, &log)?, Some(super::loopback(http)))
            }
            Maker::Mosquitto => {
                let configuration = mosquitto_files(&files, services, port).await?;
                std::fs::copy(pki.join(CRL_FILE), files.join(CRL_FILE))?;
                let arguments = vec!["-c".to_owned(), configuration.to_string_lossy().into_owned()];
                ensure!(Path::new(MOSQUITTO).exists(), "{MOSQUITTO} is missing; `apt-get install mosquitto` brings it");
                (Process::outside("mosquitto", Path::new(MOSQUITTO), arguments, &log), None)
            }
        };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut broker = Self { maker, authority, process, address, http, files, folder };
        broker.start_again().await?;
        Ok(broker)
    }

    /// Starts it after a kill, and waits until it is ready.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.start()?;
        match &self.http {
            Some(http) => self.process.ready(http, READY_DEADLINE).await,
            None => {
                let tls = self.tls(None)?;
                let answers = || async { raw::dial(self.address, Arc::clone(&tls)).await.is_ok() };
                let ready = until("the broker answers", READY_DEADLINE, answers).await;
                ready.with_context(|| self.process.log_tail())
            }
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A certificate for an agent or for `service.NAME`.
    ///
    /// # Errors
    /// When the name is not usable.
    pub fn issue(&self, cn: &str) -> Result<Issued> {
        self.issue_for(cn, Validity::days(30)?)
    }

    /// # Errors
    /// As [`Broker::issue`].
    pub fn issue_for(&self, cn: &str, validity: Validity) -> Result<Issued> {
        issue(&self.authority, cn, validity)
    }

    /// # Errors
    /// When a certificate is not usable.
    pub fn tls(&self, issued: Option<&Issued>) -> Result<Arc<ClientConfig>> {
        raw::tls(self.authority.certificate_pem(), issued)
    }

    /// A client with a new certificate.
    ///
    /// # Errors
    /// When the broker does not let it in.
    pub async fn client(&self, cn: &str) -> Result<Raw> {
        self.client_with(&self.issue(cn)?).await
    }

    /// # Errors
    /// When the broker does not let it in.
    pub async fn client_with(&self, issued: &Issued) -> Result<Raw> {
        self.client_saying(issued, Hello::of(&issued.cn)).await
    }

    /// # Errors
    /// When the broker does not let it in.
    pub async fn client_saying(&self, issued: &Issued, hello: Hello<'_>) -> Result<Raw> {
        let greeted = Raw::greet(self.address, self.tls(Some(issued))?, hello).await;
        let (raw, code) = greeted.with_context(|| format!("connect as {}", issued.cn))?;
        ensure!(code == 0, "{} is refused with code {code}", issued.cn);
        Ok(raw)
    }

    /// Revokes a CN and tells the broker as its operator would: ours looks at its files, mosquitto is given them and a SIGHUP.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn revoke(&self, cn: &str) -> Result<()> {
        self.authority.revoke(cn)?;
        if self.maker == Maker::Mosquitto {
            std::fs::copy(self.authority.dir().join(CRL_FILE), self.files.join(CRL_FILE))?;
            self.process.signal(Signal::HUP)?;
        }
        Ok(())
    }

    /// A metric of ours, by its name with labels; `None` with another maker's, 0 if it was never counted.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub async fn metric(&self, name: &str) -> Result<Option<f64>> {
        let Some(http) = &self.http else { return Ok(None) };
        let page = http::get(http, "/metrics").await?.body;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(Some(line.map_or(Ok(0.0), str::parse)?))
    }
}

/// A certificate from any authority.
///
/// # Errors
/// When the name is not usable.
pub fn issue(authority: &Authority, cn: &str, validity: Validity) -> Result<Issued> {
    let cn: AgentCn = cn.parse()?;
    Ok(match cn.is_service() {
        true => authority.issue_service(cn.agent(), validity)?,
        false => authority.issue_agent(&cn, validity)?,
    })
}

/// Adds lines to sections of a TOML text.
fn with_lines(mut text: String, extra: &[(&str, &str)]) -> String {
    for (section, line) in extra {
        let head = format!("[{section}]\n");
        match text.find(&head) {
            Some(at) => text.insert_str(at + head.len(), &format!("{line}\n")),
            None => text.push_str(&format!("\n{head}{line}\n")),
        }
    }
    text
}

/// Runs `broker-config mosquitto`; the configuration file.
async fn mosquitto_files(dir: &Path, services: &[&str], port: u16) -> Result<PathBuf> {
    let mut command = tokio::process::Command::new(binary("broker-config")?);
    command.arg("mosquitto").arg("--dir").arg(dir).arg("--port").arg(port.to_string()).arg("--force");
    for service in services {
        command.arg("--service").arg(format!("service.{service}"));
    }
    let output = command.output().await?;
    ensure!(output.status.success(), "broker-config mosquitto: {}", String::from_utf8_lossy(&output.stderr));
    let path = dir.join("mosquitto.conf");
    // Started by root, mosquitto becomes a user of its own, who may not read a test's folder.
    let text = std::fs::read_to_string(&path)? + "user root\n";
    std::fs::write(&path, text)?;
    Ok(path)
}
