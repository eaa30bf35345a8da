//! `World`: all parts as real processes of the real binaries on loopback, with certificates, passwords and configuration
//! files made as an operator would make them. Used by the tests and by the demo.
//!
//! Each agent reaches the broker through a relay of its own that counts bytes and can cut the line.

pub mod accept;
pub mod brokers;
pub mod configs;
pub mod drill;
pub mod http;
pub mod mqtt;
pub mod ports;
pub mod process;
pub mod raw;
pub mod relay;
pub mod tools;
pub mod workers;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use broker_config::pki::{Authority, Paths, Validity};
use jiff::Timestamp;
use rand::RngExt;
use schemas::id::AgentCn;

use drill::Drill;
use process::Process;
use relay::Relay;

/// The engine loads a library of 566 MB; a loaded machine takes its time.
const READY_DEADLINE: Duration = Duration::from_secs(90);

/// What to start.
#[derive(Debug)]
pub struct Plan {
    /// Everything is kept below this folder.
    pub dir: PathBuf,
    pub agents: Vec<AgentPlan>,
    /// The moment at which simulated time begins; `None` runs on the system's clock.
    pub drill: Option<Timestamp>,
    /// Whether the engine syncs inserts to disk.
    pub fsync: bool,
}

/// One agent.
#[derive(Debug, Clone)]
pub struct AgentPlan {
    pub cn: AgentCn,
    pub site: String,
    /// IANA zone.
    pub zone: String,
    /// `[[ranges]]` of its configuration, as TOML.
    pub ranges: String,
    /// Further sections of its configuration, as TOML.
    pub extra: String,
}

/// A running agent with its line to the broker.
#[derive(Debug)]
pub struct Agent {
    pub cn: AgentCn,
    pub process: Process,
    pub relay: Relay,
    /// `127.0.0.1:PORT` of /health and /metrics.
    pub http: String,
    pub config: PathBuf,
    pub data: PathBuf,
    pub paths: Paths,
}

/// Everything that runs.
#[derive(Debug)]
pub struct World {
    pub dir: PathBuf,
    pub drill: Option<Drill>,
    pub pki: Authority,
    pub clickhouse: Process,
    pub clickhouse_http: String,
    /// `127.0.0.1:PORT` of ClickHouse's HTTP interface.
    pub clickhouse_address: String,
    pub password: String,
    pub broker: Process,
    pub broker_http: String,
    pub broker_port: u16,
    pub ingest: Process,
    pub ingest_http: String,
    pub ingest_config: PathBuf,
    pub analytics_config: PathBuf,
    /// Of a user who may issue invoices; its clock is the drill's.
    pub billing_config: PathBuf,
    pub agents: Vec<Agent>,
}

impl World {
    /// Makes certificates, passwords and configuration, and starts ClickHouse, broker and ingest until each is ready;
    /// then the agents.
    ///
    /// # Errors
    /// When a part does not become ready, with the tail of its log.
    pub async fn start(plan: Plan) -> Result<Self> {
        let mut world = Self::prepare(plan).await?;
        world.begin().await?;
        Ok(world)
    }

    /// Starts what was prepared.
    ///
    /// # Errors
    /// As [`World::start`].
    pub async fn begin(&mut self) -> Result<()> {
        self.start_clickhouse().await?;
        self.start_broker().await?;
        self.start_ingest().await?;
        for agent in &mut self.agents {
            agent.process.start()?;
        }
        Ok(())
    }

    /// As [`World::start`], without starting anything.
    ///
    /// # Errors
    /// When a file cannot be written or no port is free.
    pub async fn prepare(plan: Plan) -> Result<Self> {
        let dir = plan.dir;
        std::fs::create_dir_all(&dir)?;
        let dir = dir.canonicalize()?;
        let logs = dir.join("logs");
        std::fs::create_dir_all(&logs)?;
        let drill = match plan.drill {
            Some(wall) => Some(Drill::begin(wall).await?),
            None => None,
        };
        let drill_address = drill.as_ref().map(Drill::address);
        let password = new_password(&dir.join("clickhouse.password"))?;
        new_password(&dir.join("reader.password"))?;

        let validity = Validity::days(90)?;
        let pki_dir = dir.join("pki");
        let pki = Authority::create(&pki_dir, "platen test authority", validity, false)?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let broker_paths = pki.issue_broker(&names, validity)?.write(&dir.join("broker"), "broker", false)?;
        let ingest_paths = pki.issue_service("ingest1", validity)?.write(&dir.join("ingest"), "ingest", false)?;

        let [clickhouse_port, clickhouse_http, broker_port, broker_http, ingest_http] =
            [ports::free()?, ports::free()?, ports::free()?, ports::free()?, ports::free()?];
        let write = |name: &str, text: String| -> Result<PathBuf> {
            let path = dir.join(name);
            std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
            Ok(path)
        };
        let clickhouse_config =
            write("embedded-clickhouse.toml", configs::clickhouse(&dir, clickhouse_port, clickhouse_http, plan.fsync))?;
        let broker_config = write("broker.toml", configs::broker(&pki_dir, &broker_paths, broker_port, broker_http))?;
        let ingest = configs::Ingest {
            dir: &dir,
            paths: &ingest_paths,
            broker_port,
            clickhouse_port,
            http: ingest_http,
            drill: drill_address,
        };
        let ingest_config = write("ingest.toml", ingest.toml())?;
        let analytics_config = write("analytics.toml", configs::analytics(&dir, clickhouse_port))?;
        let billing_config = write("billing.toml", configs::billing(&dir, clickhouse_port, drill_address))?;

        let mut agents = Vec::new();
        for agent in &plan.agents {
            agents.push(prepare_agent(&dir, &pki, agent, broker_port, drill_address).await?);
        }
        let run = |name: &str, config: &Path| {
            Process::new(name, name, run_arguments(config), &logs.join(format!("{name}.log")))
        };
        Ok(Self {
            clickhouse: run("embedded-clickhouse", &clickhouse_config)?,
            clickhouse_http: loopback(clickhouse_http),
            clickhouse_address: loopback(clickhouse_port),
            password,
            broker: run("broker", &broker_config)?,
            broker_http: loopback(broker_http),
            broker_port,
            ingest: run("ingest", &ingest_config)?,
            ingest_http: loopback(ingest_http),
            ingest_config,
            analytics_config,
            billing_config,
            agents,
            pki,
            drill,
            dir,
        })
    }

    /// # Errors
    /// When it does not become ready.
    pub async fn start_clickhouse(&mut self) -> Result<()> {
        self.clickhouse.start()?;
        self.clickhouse.ready(&self.clickhouse_http, READY_DEADLINE).await
    }

    /// # Errors
    /// When it does not become ready.
    pub async fn start_broker(&mut self) -> Result<()> {
        self.broker.start()?;
        self.broker.ready(&self.broker_http, READY_DEADLINE).await
    }

    /// # Errors
    /// When it does not become ready.
    pub async fn start_ingest(&mut self) -> Result<()> {
        self.ingest.start()?;
        self.ingest.ready(&self.ingest_http, READY_DEADLINE).await
    }

    /// Runs a statement in ClickHouse as the user that ingest has.
    ///
    /// # Errors
    /// When ClickHouse does not answer, or answers with an error.
    pub async fn query(&self, sql: &str) -> Result<String> {
        let headers = [("X-ClickHouse-User", configs::USER), ("X-ClickHouse-Key", self.password.as_str())];
        let body = bytes::Bytes::from(sql.to_owned());
        let answer =
            http::send(&self.clickhouse_address, hyper::Method::POST, "/?database=platen", &headers, body).await?;
        anyhow::ensure!(answer.status == 200, "{sql}\n{}", answer.body);
        Ok(answer.body.trim().to_owned())
    }

    /// A statement whose answer is one number.
    ///
    /// # Errors
    /// As [`World::query`], or when the answer is no number.
    pub async fn count(&self, sql: &str) -> Result<u64> {
        let answer = self.query(sql).await?;
        answer.parse().with_context(|| format!("{sql} answered {answer:?}"))
    }

    /// Runs one of our command-line tools to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn tool(&self, program: &str, arguments: &[&str]) -> Result<std::process::Output> {
        let mut command = tokio::process::Command::new(process::binary(program)?);
        command.args(arguments).kill_on_drop(true);
        Ok(command.output().await?)
    }

    /// A metric of a part, summed over its labels; `None` while it does not answer.
    pub async fn metric(&self, http: &str, name: &str) -> Option<f64> {
        let answer = http::get(http, "/metrics").await.ok()?;
        Some(http::metric(&answer.body, name))
    }

    /// Ends all parts in the order of the flow.
    ///
    /// # Errors
    /// When one does not stop in time.
    pub async fn stop(&mut self) -> Result<()> {
        let deadline = Duration::from_secs(30);
        for agent in &mut self.agents {
            agent.process.stop(deadline).await?;
        }
        self.ingest.stop(deadline).await?;
        self.broker.stop(deadline).await?;
        self.clickhouse.stop(deadline).await?;
        Ok(())
    }
}

async fn prepare_agent(
    dir: &Path,
    pki: &Authority,
    plan: &AgentPlan,
    broker_port: u16,
    drill: Option<std::net::SocketAddr>,
) -> Result<Agent> {
    let name = plan.cn.to_string();
    let home = dir.join(&name);
    let paths = pki.issue_agent(&plan.cn, Validity::days(90)?)?.write(&home, "agent", false)?;
    let relay = Relay::start(std::net::SocketAddr::from(([127, 0, 0, 1], broker_port))).await?;
    let http = ports::free()?;
    let data = home.join("data");
    let text =
        configs::Agent { plan, data: &data, paths: &paths, broker_port: relay.address().port(), http, drill }.toml();
    let config = home.join("agent.toml");
    std::fs::write(&config, text)?;
    let log = dir.join("logs").join(format!("{name}.log"));
    let process = Process::new(&name, "edge-agent", run_arguments(&config), &log)?;
    Ok(Agent { cn: plan.cn.clone(), process, relay, http: loopback(http), config, data, paths })
}

fn run_arguments(config: &Path) -> Vec<String> {
    vec!["run".to_owned(), "--config".to_owned(), config.to_string_lossy().into_owned()]
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// A random password in a file that only its owner may read.
fn new_password(path: &Path) -> Result<String> {
    let bytes: [u8; 16] = rand::rng().random();
    let password = hex::encode(bytes);
    std::fs::write(path, &password)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(password)
}
