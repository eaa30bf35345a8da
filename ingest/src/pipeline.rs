//! All tasks and queues of a running ingest: subscribe → intake → commit → subscribe.
//!
//! At most one group is inserted, one waits and one fills; whatever is beyond that stays with the broker, and with the
//! agents, which keep everything until they are told otherwise.

use std::time::Duration;

use schemas::id::{AgentCn, PayloadId};
use service::backoff::Backoff;
use service::clock::{Clock, ClockError};
use service::exit::Exit;
use service::health::Health;
use service::metrics::Metrics;
use service::shutdown::Shutdown;
use service::tls::TlsError;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::VERSION;
use crate::batch::{Batcher, Group};
use crate::commit::Committer;
use crate::config::Config;
use crate::decode::seconds;
use crate::dedupe::{Key, Recent};
use crate::hints;
use crate::insert::Writer;
use crate::intake::{Command, Delivery, Intake};
use crate::keeper::Keeper;
use crate::limits::{
    COMMANDS_MAX, DELIVERIES_MAX, GROUPS_QUEUED_MAX, MEASURE_EVERY, NOTICES_MAX, RECONNECT_MAX, RECONNECT_MIN,
    SETTLED_MAX, STOP_TIMEOUT,
};
use crate::metrics::Counters;
use crate::migrate::{self, MigrateError};
use crate::quota::Quota;
use crate::shared::{BoardClient, SharedIds};
use crate::store::{Store, StoreError};
use crate::subscribe::Subscriber;
use crate::subscriptions::Wanted;
use crate::tls;

const DAY_SECONDS: u32 = 86_400;

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("{0}")]
    Redis(String),
    #[error("serve /health and /metrics")]
    Http(#[source] std::io::Error),
}

impl RunError {
    /// What a supervisor should make of it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Tls(_) | Self::Redis(_) => Exit::Config,
            Self::Migrate(error) => error.exit(),
            Self::Clock(_) | Self::Http(_) => Exit::Unavailable,
        }
    }
}

/// Reads the certificates that the configuration names; answers the client id.
///
/// # Errors
/// [`RunError::Tls`], naming the key and the file.
pub fn check(config: &Config) -> Result<AgentCn, RunError> {
    Ok(tls::load(&config.broker)?.cn)
}

/// Runs until the shutdown is triggered. What is in hand then is settled first, if the store answers.
///
/// # Errors
/// [`RunError`], naming what is missing.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), RunError> {
    let health = Health::new("ingest", VERSION);
    let metrics = Metrics::new("ingest", VERSION);
    let counters = Counters::new(&metrics);
    let worker = check(&config)?;
    let listener = service::http::bind(&config.http).await.map_err(RunError::Http)?;
    tracing::info!(%worker, health = %listener.local_addr().map_or_else(|_| String::new(), |at| at.to_string()), "ingest started");
    health.set("broker", Err("not connected yet".to_owned()));
    health.set("clickhouse", Err("not asked yet".to_owned()));
    health.set("migrations", Err("not checked yet".to_owned()));
    shutdown.spawn("health and metrics", service::http::serve(listener, health.clone(), metrics, shutdown.token()));

    let clock = Clock::connect(&config.clock, worker.as_str()).await?;
    if let Some(address) = config.clock.drill_clock {
        health.fact("drill_clock", address.to_string());
        let (drilled, token) = (clock.clone(), shutdown.token());
        shutdown.spawn("drill clock", async move {
            tokio::select! {
                () = drilled.follow() => {}
                () = token.cancelled() => {}
            }
        });
    }

    let token = shutdown.token();
    let prepared = tokio::select! {
        prepared = prepare(&config, &worker, &health, &clock, &counters) => Some(prepared),
        () = token.cancelled() => None,
    };
    match prepared {
        Some(Ok(prepared)) => start(config, prepared, &worker, clock, health, counters, &shutdown),
        Some(Err(error)) => {
            shutdown.trigger();
            shutdown.finish(STOP_TIMEOUT).await;
            return Err(error);
        }
        None => {}
    }
    shutdown.finish(STOP_TIMEOUT).await;
    tracing::info!("ingest stopped");
    Ok(())
}

/// What is known of the store before the first payload.
struct Prepared {
    store: Store,
    recent: Recent,
    quota: Quota,
    shared: Option<SharedIds>,
    board: Option<BoardClient>,
}

/// Waits for the store, checks its tables, and reads what was settled lately.
async fn prepare(
    config: &Config,
    worker: &AgentCn,
    health: &Health,
    clock: &Clock,
    counters: &Counters,
) -> Result<Prepared, RunError> {
    let store = Store::new(&config.clickhouse);
    let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
    loop {
        let step = match migrate::ensure(&store, config.clickhouse.migrate_on_start).await {
            Ok(()) => {
                health.set("migrations", Ok(()));
                warm(config, &store, clock).await
            }
            Err(MigrateError::Store(error)) => Err(error),
            Err(error) => return Err(error.into()),
        };
        match step {
            Ok((recent, quota, identity)) => {
                health.set("clickhouse", Ok(()));
                let shared = SharedIds::new(&config.redis, &identity, counters.clone()).map_err(RunError::Redis)?;
                let board = BoardClient::new(&config.redis, &identity, worker.as_str(), counters.clone())
                    .map_err(RunError::Redis)?;
                return Ok(Prepared { store, recent, quota, shared, board });
            }
            Err(error) => {
                tracing::warn!(%error, "the store is not ready");
                health.set("clickhouse", Err(error.to_string()));
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

async fn warm(config: &Config, store: &Store, clock: &Clock) -> Result<(Recent, Quota, String), StoreError> {
    let now = seconds(clock.wall());
    let since = now.saturating_sub(config.dedupe.warm_hours.saturating_mul(3_600));
    let mut recent = Recent::new(config.dedupe.recent);
    let settled = store.settled_since(since, config.dedupe.recent / 2).await?;
    let count = settled.len();
    for row in settled {
        if let Ok(cn) = row.cn.parse() {
            recent.warm(&cn, row.epoch, row.seq, PayloadId(row.id));
        }
    }
    let mut quota = Quota::new(config.quota.bytes_per_day);
    for row in store.taken_since(now / DAY_SECONDS * DAY_SECONDS).await? {
        if let Ok(cn) = row.cn.parse() {
            quota.warm(cn, row.bytes, now);
        }
    }
    tracing::info!(ids = count, "cache warmed from batches");
    Ok((recent, quota, store.identity().await?))
}

fn start(
    config: Config,
    prepared: Prepared,
    worker: &AgentCn,
    clock: Clock,
    health: Health,
    counters: Counters,
    shutdown: &Shutdown,
) {
    let (deliver, deliveries) = mpsc::channel(DELIVERIES_MAX);
    let (group, groups) = mpsc::channel(GROUPS_QUEUED_MAX);
    let (command, commands) = mpsc::channel(COMMANDS_MAX);
    let (settle, settled) = mpsc::channel(SETTLED_MAX);
    let token = shutdown.token();

    let (notice, notices) = mpsc::channel(NOTICES_MAX);
    // Cancelled once the partitions are handed over and nothing more is to be taken.
    let drain = CancellationToken::new();

    let Prepared { store, recent, quota, shared, board } = prepared;
    // One worker takes everything; with several, each gets its partitions from the board.
    let begin = if board.is_some() { Wanted::Partitions([].into()) } else { Wanted::Everything };
    let (wanted, to_hear) = watch::channel(begin);
    let (quiet, is_quiet) = watch::channel(true);
    let intake = Intake::new(recent, quota, Batcher::new(&config.batch), worker.as_str(), counters.clone());
    let committer = Committer {
        writer: Writer::new(&store, Some(counters.clone()), worker.as_str()),
        store,
        shared,
        retry: config.retry,
        clock: clock.clone(),
        health: health.clone(),
        counters: counters.clone(),
        token: token.clone(),
    };
    let keeper = Keeper {
        board,
        worker: worker.to_string(),
        lease: config.redis.lease(),
        wanted,
        quiet: is_quiet,
        counters: counters.clone(),
        token: token.clone(),
        drain: drain.clone(),
    };
    let subscriber = Subscriber {
        config: config.broker,
        wanted: to_hear,
        quiet,
        deliveries: deliver,
        notices: notice,
        clock: clock.clone(),
        health,
        counters: counters.clone(),
        token,
    };

    // Each ends when those before it have: the leases on the token, intake and hints on the drain, commit without groups,
    // subscribe without commands.
    shutdown.spawn("leases", keeper.run());
    shutdown.spawn("subscribe", subscriber.run(commands));
    shutdown.spawn("hints", hints::run(notices, command.clone(), clock.clone(), counters, drain.clone()));
    shutdown.spawn("commit", committer.run(groups, command.clone(), settle));
    shutdown.spawn("intake", take_in(intake, deliveries, group, command, settled, clock, drain));
}

/// Feeds the intake and hands its groups on. Hellos and repeats are answered even while the store is slow.
async fn take_in(
    mut intake: Intake,
    mut deliveries: mpsc::Receiver<Delivery>,
    groups: mpsc::Sender<Group>,
    commands: mpsc::Sender<Command>,
    mut settled: mpsc::Receiver<Vec<Key>>,
    clock: Clock,
    drain: CancellationToken,
) {
    let mut measure = tokio::time::interval(MEASURE_EVERY);
    let far = Duration::from_secs(3_600);
    while !drain.is_cancelled() {
        let due = intake.due();
        let now = Instant::now();
        let ready = due.is_some_and(|due| due <= now);
        tokio::select! {
            () = drain.cancelled() => {}
            // Whoever waits for the next group is first: it is what keeps the store busy.
            permit = groups.reserve(), if ready => match permit {
                Ok(permit) => permit.send(intake.close()),
                Err(_) => return,
            },
            () = tokio::time::sleep_until(due.unwrap_or(now + far)), if !ready => {}
            now = measure.tick() => intake.measure(now),
            keys = settled.recv() => match keys {
                Some(keys) => intake.settle(&keys),
                None => return,
            },
            delivery = deliveries.recv(), if intake.has_room() => match delivery {
                Some(delivery) => take(&mut intake, delivery, &commands, &clock).await,
                None => break,
            },
        }
        intake.fill(Instant::now());
    }
    // Stopping: what the broker has sent is taken and handed on, nothing more comes.
    while let Ok(delivery) = deliveries.try_recv() {
        take(&mut intake, delivery, &commands, &clock).await;
    }
    intake.fill(Instant::now());
    while !intake.is_empty() {
        tokio::select! {
            permit = groups.reserve() => match permit {
                Ok(permit) => permit.send(intake.close()),
                Err(_) => return,
            },
            Some(_) = settled.recv() => {}
        }
        intake.fill(Instant::now());
    }
}

/// Takes one delivery and brings out what is answered at once.
async fn take(intake: &mut Intake, delivery: Delivery, commands: &mpsc::Sender<Command>, clock: &Clock) {
    for command in intake.take(delivery, clock.wall().as_millisecond()) {
        // Without a broker nobody can be told; the agents send again.
        let _ = commands.send(command).await;
    }
}
