//! The socket for traps. Failing to open it is a warning: polls go on without hints.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::TrapsConfig;
use super::gate::{Gate, Passed};
use super::message::read;
use crate::metrics::AgentMetrics;
use crate::time::Moments;

/// A datagram is read whole or not at all.
const DATAGRAM_BYTES: usize = 64 * 1024;

/// Listens until the token is cancelled.
#[derive(Debug)]
pub struct Listener {
    pub socket: UdpSocket,
    pub config: TrapsConfig,
    pub hints: mpsc::Sender<IpAddr>,
    /// Addresses of devices that are polled.
    pub known: watch::Receiver<Arc<BTreeSet<IpAddr>>>,
    pub moments: Moments,
    pub metrics: AgentMetrics,
}

/// Opens the socket that the configuration names, or its fallback; `None` if traps are off or neither can be opened.
pub async fn open(config: &TrapsConfig) -> Option<UdpSocket> {
    let wanted: Vec<SocketAddr> =
        config.listen.into_iter().chain(config.fallback.filter(|_| config.listen.is_some())).collect();
    for address in wanted {
        match UdpSocket::bind(address).await {
            Ok(socket) => {
                tracing::info!(address = %socket.local_addr().unwrap_or(address), "listening for traps");
                return Some(socket);
            }
            Err(error) => {
                tracing::warn!(%address, %error, "cannot listen for traps; port 162 needs CAP_NET_BIND_SERVICE")
            }
        }
    }
    None
}

impl Listener {
    pub async fn run(self, token: CancellationToken) {
        let mut gate = Gate::new(self.config.communities.clone(), self.moments.clock().steady());
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let received = tokio::select! {
                () = token.cancelled() => return,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            match received {
                Ok((length, from)) => self.take(&mut gate, buffer.get(..length).unwrap_or_default(), from).await,
                // An earlier ack met a closed port; not to spin on an error that stays.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    async fn take(&self, gate: &mut Gate, datagram: &[u8], from: SocketAddr) {
        let trap = read(datagram);
        let known = Arc::clone(&self.known.borrow());
        let passed = gate.pass(trap.as_ref(), from.ip(), &known, self.moments.clock().steady());
        self.metrics.trap(passed.word());
        if let Passed::Poll(device) = passed {
            // A full queue means that polls are due anyway.
            let _ = self.hints.try_send(device);
        }
        if let Some(ack) = trap.and_then(|trap| trap.ack).filter(|_| passed.is_known()) {
            let _ = self.socket.send_to(&ack, from).await;
        }
    }
}
