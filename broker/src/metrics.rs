//! What the broker counts. Names and meanings stand in `broker_config::metric_names`; no label ever holds a CN.

use std::sync::atomic::AtomicU64;

use broker_config::metric_names as names;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use service::metrics::Metrics;

use crate::reason::{End, Refused};

/// Upper bounds in seconds: a loopback handshake takes 1 ms, one over a poor line seconds.
const HANDSHAKE_BUCKETS: [f64; 8] = [0.002, 0.01, 0.05, 0.2, 0.5, 1.0, 3.0, 10.0];
const CANARY_BUCKETS: [f64; 7] = [0.000_5, 0.002, 0.01, 0.05, 0.2, 1.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Connect {
    result: &'static str,
    reason: &'static str,
}

/// What nobody heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Up,
    Down,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Up => "up",
            Kind::Down => "down",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

/// Handles to all of them; cheap to clone.
#[derive(Debug, Clone)]
pub struct BrokerMetrics {
    registry: Metrics,
    connects: Family<Connect, Counter>,
    disconnects: Family<ByReason, Counter>,
    refusals: Family<ByReason, Counter>,
    reloads: Family<ByResult, Counter>,
    unheard: Family<ByKind, Counter>,
    pub connections: Gauge,
    pub takeovers: Counter,
    pub publishes: Counter,
    pub publish_bytes: Counter,
    pub delivered: Counter,
    pub wills: Counter,
    pub throttled: Counter,
    pub stalls: Counter,
    pub handshake_seconds: Histogram,
    pub canary_seconds: Histogram,
    pub certificate_expiry_seconds: Gauge,
    pub crl_age_seconds: Gauge,
    pub crl_stale: Gauge,
    /// How full the router's channel was at the last look of the canary.
    pub router_backlog: Gauge<u64, AtomicU64>,
    /// What waited for all clients together at that moment.
    pub queued_bytes: Gauge<u64, AtomicU64>,
}

impl BrokerMetrics {
    pub fn new(version: &'static str) -> Self {
        let registry = Metrics::new(names::PREFIX, version);
        let metrics = Self {
            registry: registry.clone(),
            connects: Family::default(),
            disconnects: Family::default(),
            refusals: Family::default(),
            reloads: Family::default(),
            unheard: Family::default(),
            connections: Gauge::default(),
            takeovers: Counter::default(),
            publishes: Counter::default(),
            publish_bytes: Counter::default(),
            delivered: Counter::default(),
            wills: Counter::default(),
            throttled: Counter::default(),
            stalls: Counter::default(),
            handshake_seconds: Histogram::new(HANDSHAKE_BUCKETS),
            canary_seconds: Histogram::new(CANARY_BUCKETS),
            certificate_expiry_seconds: Gauge::default(),
            crl_age_seconds: Gauge::default(),
            crl_stale: Gauge::default(),
            router_backlog: Gauge::default(),
            queued_bytes: Gauge::default(),
        };
        metrics.begin();
        let m = &metrics;
        registry.register(names::CONNECTS, "attempts to connect", m.connects.clone());
        registry.register(names::DISCONNECTS, "ended connections", m.disconnects.clone());
        registry.register(names::REFUSALS, "publishes and subscriptions that the rules refused", m.refusals.clone());
        registry.register(names::RELOADS, "reloads of certificates", m.reloads.clone());
        registry.register(names::CONNECTIONS, "clients connected now", m.connections.clone());
        registry.register(names::TAKEOVERS, "connections closed by their successor", m.takeovers.clone());
        registry.register(names::PUBLISHES, "publishes accepted from clients", m.publishes.clone());
        registry.register(names::PUBLISH_BYTES, "payload bytes of these", m.publish_bytes.clone());
        registry.register(names::DELIVERED, "publishes written to clients", m.delivered.clone());
        registry.register(names::WILLS, "last wills published", m.wills.clone());
        registry.register(names::THROTTLED, "pauses of clients beyond their quota", m.throttled.clone());
        registry.register(names::STALLS, "pauses of publishers for a slow subscriber", m.stalls.clone());
        registry.register(names::HANDSHAKE_SECONDS, "TCP accept to end of TLS", m.handshake_seconds.clone());
        registry.register(names::CANARY_SECONDS, "round trip through the router", m.canary_seconds.clone());
        registry.register(
            names::CERTIFICATE_EXPIRY_SECONDS,
            "seconds until the broker's certificate expires",
            m.certificate_expiry_seconds.clone(),
        );
        registry.register(names::CRL_AGE_SECONDS, "seconds since the CRL was made", m.crl_age_seconds.clone());
        registry.register(names::CRL_STALE, "1 while the CRL is past its next update", m.crl_stale.clone());
        registry.register(names::UNHEARD, "publishes that nobody was subscribed to", m.unheard.clone());
        registry.register(names::QUEUED_BYTES, "bytes waiting for clients", m.queued_bytes.clone());
        registry.register(names::ROUTER_BACKLOG, "events waiting for the router", m.router_backlog.clone());
        metrics
    }

    /// Every label there can be stands at 0: a rule that looks for a rise would miss the first of a new one.
    fn begin(&self) {
        drop(self.connects.get_or_create(&Connect { result: "accepted", reason: "" }));
        for reason in Refused::ALL {
            drop(self.connects.get_or_create(&Connect { result: "refused", reason: reason.word() }));
        }
        for end in End::ALL {
            drop(self.disconnects.get_or_create(&ByReason { reason: end.word() }));
        }
        for reason in broker_config::acl::Refusal::ALL {
            drop(self.refusals.get_or_create(&ByReason { reason: reason.word() }));
        }
        for kind in [Kind::Up, Kind::Down] {
            drop(self.unheard.get_or_create(&ByKind { kind: kind.word() }));
        }
        for result in ["done", "failed"] {
            drop(self.reloads.get_or_create(&ByResult { result }));
        }
    }

    /// For the HTTP face.
    pub fn registry(&self) -> Metrics {
        self.registry.clone()
    }

    pub fn accepted(&self) {
        self.connects.get_or_create(&Connect { result: "accepted", reason: "" }).inc();
    }

    pub fn refused(&self, reason: Refused) {
        self.connects.get_or_create(&Connect { result: "refused", reason: reason.word() }).inc();
    }

    pub fn ended(&self, end: End) {
        self.disconnects.get_or_create(&ByReason { reason: end.word() }).inc();
    }

    pub fn forbidden(&self, reason: broker_config::acl::Refusal) {
        self.refusals.get_or_create(&ByReason { reason: reason.word() }).inc();
    }

    pub fn unheard(&self, kind: Kind) {
        self.unheard.get_or_create(&ByKind { kind: kind.word() }).inc();
    }

    pub fn reloaded(&self, result: &'static str) {
        self.reloads.get_or_create(&ByResult { result }).inc();
    }
}
