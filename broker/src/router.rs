//! The handle to rumqttd's router, which runs on its own thread: takes publishes, opens links for those who subscribe, sends
//! packets without blocking, and sizes the rings in which the router keeps publishes per filter.
//!
//! A link costs some 30 KiB in the router, so only services have one of their own: all publishes of all clients share one
//! more, and what agents hear never passes here ([`crate::outbox`]).
//!
//! What the router must never see, because it would panic or lose track: topics and filters that were not checked, acks out
//! of order, a `ready` from a link that is gone, two links of one name. The connections see to that.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::protocol::{Packet, Publish};
use rumqttd::{RouterConfig, SegmentConfig};
use tokio::sync::{Mutex, Semaphore};

use crate::limits::{
    LINKS_MAX, LINKS_OPENING_MAX, PARTITION_QUEUE_BYTES, ROUTER_BACKLOG_MAX, ROUTER_BACKLOG_WAIT, STATUS_QUEUE_BYTES,
};

/// The topic of the canary: outside the grammar of Platen, so no client can publish or hear it.
pub const CANARY_TOPIC: &str = "platen/canary";

/// The router has ended or does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the router is gone")]
pub struct RouterGone;

/// The name of the link that all publishes take; no CN looks like this.
const PUBLISHER: &str = "publisher";

type Open = dyn Fn(&str) -> Result<(LinkTx, LinkRx), RouterGone> + Send + Sync;

/// Cheap to clone.
#[derive(Clone)]
pub struct Router {
    open: Arc<Open>,
    backlog: Arc<dyn Fn() -> usize + Send + Sync>,
    opening: Arc<Semaphore>,
    /// The receiving half hears nothing, and keeps the link open.
    publisher: Arc<Mutex<(LinkTx, LinkRx)>>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("backlog", &self.backlog()).finish_non_exhaustive()
    }
}

impl Router {
    /// Starts the router's thread, and waits a moment until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(connections_max: usize, queue_bytes: usize) -> Result<Self, RouterGone> {
        let events = rumqttd::Router::new(0, rings(connections_max, queue_bytes)).spawn();
        let counted = events.clone();
        let open = move |name: &str| {
            let link = LinkBuilder::new(name, events.clone()).clean_session(true).build();
            link.map(|(tx, rx, _)| {
                // The router makes room for 200 packets of 500 bytes at once; ours come a few at a time.
                *tx.buffer() = VecDeque::new();
                (tx, rx)
            })
            .map_err(|_| RouterGone)
        };
        let publisher = Arc::new(Mutex::new(open(PUBLISHER)?));
        Ok(Self {
            open: Arc::new(open),
            backlog: Arc::new(move || counted.len()),
            opening: Arc::new(Semaphore::new(LINKS_OPENING_MAX)),
            publisher,
        })
    }

    /// Events that wait for the router.
    pub fn backlog(&self) -> usize {
        (self.backlog)()
    }

    /// Registers a link. No other of the same name may be open.
    ///
    /// # Errors
    /// When the router has ended or has no place.
    pub async fn open(&self, name: &str) -> Result<(LinkTx, LinkRx), RouterGone> {
        let _permit = self.opening.acquire().await.map_err(|_| RouterGone)?;
        let (open, name) = (Arc::clone(&self.open), name.to_owned());
        tokio::task::spawn_blocking(move || open(&name)).await.map_err(|_| RouterGone)?
    }

    /// Hands a publish over, in the order of the calls.
    ///
    /// # Errors
    /// When the router has ended.
    pub async fn publish(&self, publish: Publish) -> Result<(), RouterGone> {
        let mut publisher = self.publisher.lock().await;
        self.send(&mut publisher.0, Packet::Publish(publish, None)).await
    }

    /// Hands a packet over. Waits while the router is behind, since its channel blocks the thread when it is full.
    ///
    /// # Errors
    /// When the router has ended.
    pub async fn send(&self, link: &mut LinkTx, packet: Packet) -> Result<(), RouterGone> {
        while self.backlog() > ROUTER_BACKLOG_MAX {
            tokio::time::sleep(ROUTER_BACKLOG_WAIT).await;
        }
        link.send(packet).await.map(drop).map_err(|_| RouterGone)
    }
}

/// A ring drops its oldest segment when a new one begins, so it is sure to hold all segments but one.
fn rings(connections_max: usize, queue_bytes: usize) -> RouterConfig {
    let ring = |bytes: usize, parts: usize| SegmentConfig {
        max_segment_size: (bytes / parts).max(1024),
        max_segment_count: parts + 1,
    };
    // Keys are matched against filters and must not overlap: the router takes any of several matches.
    let custom = HashMap::from([
        ("platen/v1/up/+/#".to_owned(), ring(PARTITION_QUEUE_BYTES, 4)),
        ("platen/v1/status/#".to_owned(), ring(STATUS_QUEUE_BYTES, 4)),
        (CANARY_TOPIC.to_owned(), ring(2 * 1024, 2)),
    ]);
    // Only `platen/v1/up/#` is left for the default.
    let rest = ring(queue_bytes, 16);
    RouterConfig {
        max_connections: LINKS_MAX,
        // Publishes with QoS 0 read at once: the retained presence of all agents must fit.
        max_outgoing_packet_count: (connections_max as u64 * 2).max(1_000),
        max_segment_size: rest.max_segment_size,
        max_segment_count: rest.max_segment_count,
        custom_segment: Some(custom),
        ..RouterConfig::default()
    }
}
