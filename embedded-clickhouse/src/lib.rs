//! The real ClickHouse engine (libchdb) as a local process that speaks ClickHouse's HTTP interface.
//!
//! It replaces a ClickHouse server where one node is enough: demo, tests, small installations. Clients differ by URL only.
//! It holds no table of its own, knows nothing of printers, and keeps nothing outside its folder.
//!
//! Reading order: [`config`] and [`limits`] → `server` (HTTP) → `request`, `multipart`, `statement`, `body`,
//! [`access`] (pure: what is asked, by whom; together in [`face`]) → `execution` (one statement, start to end) → [`engine`] → `abi` (the only unsafe code).

mod abi;
pub mod access;
mod body;
pub mod config;
pub mod engine;
mod execution;
pub mod face;
pub mod home;
mod job;
pub mod library;
pub mod limits;
mod metrics;
mod multipart;
mod prologue;
mod reply;
mod request;
mod server;
mod slots;
mod statement;
mod stream_body;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use service::exit::Exit;
use service::health::Health;
use service::metrics::Metrics;
use service::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use access::{User, Users};
use config::Config;
use engine::{Engine, EngineError};
use home::{Home, HomeError};
use library::LibraryError;
use metrics::Counters;
use server::Server;
use slots::Slots;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("listen on {address} for ClickHouse's HTTP interface")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("serve /health and /metrics")]
    Health(#[source] std::io::Error),
    #[error("a step of the start did not end")]
    Step,
}

impl RunError {
    /// What a supervisor should make of it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Library(LibraryError::Other { .. }) => Exit::Config,
            Self::Step => Exit::Bug,
            _ => Exit::Unavailable,
        }
    }
}

/// Verifies the library fully and prepares the folder, without starting the engine.
///
/// # Errors
/// [`RunError`], naming what is missing.
pub fn check(config: &Config) -> Result<PathBuf, RunError> {
    let library = library::find(config.engine.library.as_deref())?;
    let home = Home::open(&config.engine.path)?;
    library::verify(&library, &home.folder, true)?;
    Ok(library)
}

/// Runs until the shutdown is triggered. One engine per process and folder.
///
/// Ends the process at once (exit code 1) if statements still hold the engine after [`limits::STOP_TIMEOUT`]: a normal
/// exit would crash in the engine's destructors. Data are safe either way.
///
/// # Errors
/// [`RunError`], naming the path, file or address that was the trouble.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), RunError> {
    let health = Health::new("embedded-clickhouse", VERSION);
    let metrics = Metrics::new("embedded_clickhouse", VERSION);
    let counters = Counters::new(&metrics);

    // Ports first: a taken one is known before seconds are spent on the engine.
    let address = config.http_interface.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })?;
    let health_listener = service::http::bind(&config.http).await.map_err(RunError::Health)?;

    let preparation = config.clone();
    let (home, users, engine) =
        tokio::task::spawn_blocking(move || start(&preparation)).await.map_err(|_| RunError::Step)??;
    let engine = Arc::new(engine);
    let listens = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(
        version = engine.version(),
        path = %home.folder.display(),
        interface = listens(&listener),
        health = listens(&health_listener),
        "engine started"
    );

    // The killer and the slots outlive the connections: they end what the connections leave behind.
    let slots = Slots::new();
    let (jobs, abandoned) = job::Jobs::new();
    let killer = tokio::spawn(job::kill_abandoned(Arc::clone(&engine), abandoned, counters.clone()));
    let server = Arc::new(Server {
        engine: Arc::clone(&engine),
        users,
        jobs,
        counters: counters.clone(),
        slots: slots.clone(),
        statement_memory_bytes: config.engine.statement_memory_bytes(),
        thread_memory_bytes: config.engine.thread_memory_bytes(),
    });
    shutdown.spawn("clickhouse http interface", server::serve(listener, server, shutdown.token()));
    shutdown.spawn("engine health", watch(Arc::clone(&engine), health.clone(), counters, shutdown.token()));
    shutdown.spawn("health and metrics", service::http::serve(health_listener, health, metrics, shutdown.token()));

    shutdown.finish(limits::STOP_TIMEOUT).await;
    if !slots.drain(limits::STOP_TIMEOUT).await {
        tracing::warn!("statements still run");
    }
    killer.abort();
    let stopping = Arc::clone(&engine);
    let stopped = tokio::task::spawn_blocking(move || stopping.stop(Duration::from_secs(2))).await;
    match stopped {
        Ok(Ok(())) => {
            tracing::info!("engine stopped");
            drop(home);
            Ok(())
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the engine could not be stopped, leaving at once");
            engine::leave_now(Exit::Failed)
        }
        Err(_) => engine::leave_now(Exit::Bug),
    }
}

/// The slow, blocking part of the start.
fn start(config: &Config) -> Result<(Home, Users, Engine), RunError> {
    let library = library::find(config.engine.library.as_deref())?;
    let home = Home::open(&config.engine.path)?;
    library::verify(&library, &home.folder, false)?;
    let users = users(config, &home)?;
    let xml = home.write_engine_config(&config.engine.xml())?;
    let engine = Engine::start(&library, &home.data(), &xml)?;
    Ok((home, users, engine))
}

fn users(config: &Config, home: &Home) -> Result<Users, HomeError> {
    if config.users.is_empty() {
        let (password, file) = home.default_password()?;
        tracing::info!(user = "default", password_file = %file.display(), "no users are configured, using the one of the folder");
        return Ok(Users::new(vec![User { name: "default".to_owned(), password, readonly: false }]));
    }
    let user = |user: &config::UserConfig| User {
        name: user.name.clone(),
        password: user.password.clone(),
        readonly: user.readonly,
    };
    Ok(Users::new(config.users.iter().map(user).collect()))
}

/// Keeps `/health` and the engine's gauges true.
async fn watch(engine: Arc<Engine>, health: Health, counters: Counters, token: CancellationToken) {
    const MEMORY: &str = "SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'";
    let mut interval = tokio::time::interval(limits::HEALTH_INTERVAL);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = interval.tick() => {}
        }
        let asked = Arc::clone(&engine);
        let asked = tokio::task::spawn_blocking(move || (asked.ping(), asked.number(MEMORY)));
        let state = match tokio::time::timeout(limits::HEALTH_TIMEOUT, asked).await {
            Ok(Ok((state, memory))) => {
                if let Some(memory) = memory {
                    #[expect(clippy::cast_possible_truncation, reason = "a gauge of bytes")]
                    counters.engine_memory_bytes.set(memory as i64);
                }
                state
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer to SELECT 1 in {} s", limits::HEALTH_TIMEOUT.as_secs())),
        };
        health.set("engine", state);
    }
}
