//! Binds the ports, starts the tasks, accepts connections, and stops in order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use service::health::Health;
use service::http;
use service::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::certificates::{Certificates, CertificatesError};
use crate::config::BrokerConfig;
use crate::connection::{self, Shared};
use crate::door::Door;
use crate::limits::{ACCEPT_PAUSE, STOP_DEADLINE};
use crate::metrics::BrokerMetrics;
use crate::reason::Refused;
use crate::router::{Router, RouterGone};
use crate::seats::Seats;
use crate::{canary, reload};

/// SIGHUPs waiting to be acted on; one stands for all.
const RELOAD_QUEUE: usize = 1;

#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    #[error("listen on {address} for clients (listen.address): {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Http(std::io::Error),
    #[error("watch for SIGHUP: {0}")]
    Signal(std::io::Error),
    /// The process must end: its supervisor starts a new one, the edges send again.
    #[error(transparent)]
    Router(#[from] RouterGone),
}

/// A broker whose ports are bound and whose certificates are read.
#[derive(Debug)]
pub struct Broker {
    listener: TcpListener,
    address: SocketAddr,
    http: TcpListener,
    http_address: SocketAddr,
    certificates: Certificates,
    config: BrokerConfig,
}

/// Binds and runs.
///
/// # Errors
/// As [`Broker::bind`] and [`Broker::run`].
pub async fn run(config: BrokerConfig, shutdown: Shutdown) -> Result<(), BrokerError> {
    Broker::bind(config).await?.run(shutdown).await
}

impl Broker {
    /// # Errors
    /// When a certificate file is not usable or a port not free.
    pub async fn bind(config: BrokerConfig) -> Result<Self, BrokerError> {
        let certificates = Certificates::load(&config.tls)?;
        let failed = |source| BrokerError::Listen { address: config.listen.address, source };
        let listener = TcpListener::bind(config.listen.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let http = http::bind(&config.http).await.map_err(BrokerError::Http)?;
        let http_address = http.local_addr().map_err(BrokerError::Http)?;
        Ok(Self { listener, address, http, http_address, certificates, config })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where /health and /metrics are.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Serves until the shutdown is triggered.
    ///
    /// # Errors
    /// [`BrokerError::Router`] when the router died.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), BrokerError> {
        let stop = shutdown.token();
        let metrics = BrokerMetrics::new(env!("CARGO_PKG_VERSION"));
        let health = Health::new("broker", env!("CARGO_PKG_VERSION"));
        health.set("router", Err("starting".to_owned()));
        health.fact("mqtt_address", self.address.to_string());
        if self.config.tls.crl.is_none() {
            tracing::warn!("tls.crl is not set: no certificate is ever refused as revoked");
            health.fact("crl", "none configured");
        }
        let shared = Arc::new(Shared {
            router: Router::start(self.config.listen.connections_max, self.config.limits.queue_bytes)?,
            certificates: RwLock::new(Arc::new(self.certificates)),
            seats: Arc::new(Seats::default()),
            metrics: metrics.clone(),
            stop: stop.clone(),
            config: self.config,
        });

        shutdown.spawn("http", http::serve(self.http, health.clone(), metrics.registry(), stop.clone()));
        let (ask, asked) = mpsc::channel(RELOAD_QUEUE);
        let mut hangup = signal(SignalKind::hangup()).map_err(BrokerError::Signal)?;
        let stopped = stop.clone();
        shutdown.spawn("hangup", async move {
            while let Some(Some(())) = stopped.run_until_cancelled(hangup.recv()).await {
                // A full queue holds the same wish already.
                let _ = ask.try_send(());
            }
        });
        shutdown.spawn("reload", reload::run(Arc::clone(&shared), health.clone(), asked));
        let died = Arc::new(Mutex::new(None));
        let (trigger, noted) = (shutdown.clone(), Arc::clone(&died));
        let song = canary::run(shared.router.clone(), Arc::clone(&shared.seats), metrics, health.clone(), stop.clone());
        shutdown.spawn("canary", async move {
            if let Err(gone) = song.await {
                tracing::error!("the router does not answer, ending");
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(gone);
                trigger.trigger();
            }
        });
        shutdown.spawn("accept", accept(self.listener, shared, stop));
        health.set("listener", Ok(()));
        tracing::info!(address = %self.address, http = %self.http_address, "broker ready");

        let late = shutdown.finish(STOP_DEADLINE).await;
        let gone = died.lock().unwrap_or_else(PoisonError::into_inner).take();
        tracing::info!(late = late.len(), "broker stopped");
        gone.map_or(Ok(()), |gone| Err(gone.into()))
    }
}

/// Accepts until the broker stops, then waits for the connections to end.
async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let listen = &shared.config.listen;
    let places = Arc::new(Semaphore::new(listen.connections_max));
    let door = Door::new(listen.handshakes_max, listen.handshakes_per_address);
    let connections = TaskTracker::new();
    loop {
        let (stream, remote) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let admitted = Arc::clone(&places)
            .try_acquire_owned()
            .map_err(|_| Refused::ConnectionsMax)
            .and_then(|place| door.knock(remote.ip()).map(|pending| (place, pending)));
        match admitted {
            Ok((place, pending)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    connection::serve(shared, stream, remote, pending).await;
                    drop(place);
                });
            }
            Err(reason) => {
                shared.metrics.refused(reason);
                tracing::debug!(%remote, reason = reason.word(), "client refused at the door");
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}
