//! The names of the broker's metrics, in one place for the broker and for dashboards. All carry the prefix `broker_`;
//! counters get `_total` appended in the exposition. Nothing is labelled by CN: agents are thousands, the log names them.

/// The prefix of every name below.
pub const PREFIX: &str = "broker";
/// Gauge: clients connected now.
pub const CONNECTIONS: &str = "connections";
/// Counter `{result="accepted"|"refused", reason}`: attempts to connect, TCP accept to CONNACK.
pub const CONNECTS: &str = "connects";
/// Counter `{reason}`: ended connections.
pub const DISCONNECTS: &str = "disconnects";
/// Counter `{reason}`: publishes, subscriptions and wills that the rules refused.
pub const REFUSALS: &str = "refusals";
/// Counter: connections closed because the same CN connected again.
pub const TAKEOVERS: &str = "takeovers";
/// Counter: publishes accepted from clients.
pub const PUBLISHES: &str = "publishes";
/// Counter: payload bytes of these publishes.
pub const PUBLISH_BYTES: &str = "publish_bytes";
/// Counter: publishes written to clients.
pub const DELIVERED: &str = "delivered";
/// Counter: last wills published.
pub const WILLS: &str = "wills";
/// Counter: pauses of a client that sent faster than its quota.
pub const THROTTLED: &str = "throttled";
/// Counter: pauses of publishers because a subscriber was behind.
pub const STALLS: &str = "stalls";
/// Histogram: seconds from TCP accept to the end of the TLS handshake.
pub const HANDSHAKE_SECONDS: &str = "handshake_seconds";
/// Histogram: seconds of a round trip through the router.
pub const CANARY_SECONDS: &str = "canary_seconds";
/// Gauge: seconds until the broker's own certificate expires; negative afterwards.
pub const CERTIFICATE_EXPIRY_SECONDS: &str = "certificate_expiry_seconds";
/// Gauge: seconds since the list of revoked certificates was made.
pub const CRL_AGE_SECONDS: &str = "crl_age_seconds";
/// Gauge: 1 while the list of revoked certificates is past its `next update`. It is honoured all the same.
pub const CRL_STALE: &str = "crl_stale";
/// Counter `{result="done"|"failed"}`: reloads of certificates.
pub const RELOADS: &str = "reloads";
/// Counter `{kind="up"|"down"}`: publishes accepted while nobody was subscribed to them. Nothing is kept for later.
pub const UNHEARD: &str = "unheard";
/// Gauge: bytes waiting for clients, in the router and in the outboxes of agents, as the canary saw it last.
pub const QUEUED_BYTES: &str = "queued_bytes";
/// Gauge: events waiting for the router thread.
pub const ROUTER_BACKLOG: &str = "router_backlog";
