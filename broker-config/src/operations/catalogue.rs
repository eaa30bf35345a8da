//! Every metric: what it tells, and what to do when it is not as it should be. Names are a contract: they stay.

use crate::metric_names as broker;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written with `_total` behind its name.
    Counter,
    Gauge,
    /// Written as `_bucket`, `_sum` and `_count`.
    Histogram,
}

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Without the part's prefix and without `_total`.
    pub name: &'static str,
    pub kind: Kind,
    /// Labels, parted by commas.
    pub labels: &'static str,
    pub tells: &'static str,
    /// What to do about it; empty where the number only describes.
    pub act: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Folder, package and service.
    pub name: &'static str,
    pub prefix: &'static str,
    pub metrics: &'static [Metric],
}

impl Part {
    /// The name as it is written on `/metrics`, for a histogram without its endings.
    pub fn full_name(&self, metric: &Metric) -> String {
        let total = if metric.kind == Kind::Counter { "_total" } else { "" };
        format!("{}_{}{total}", self.prefix, metric.name)
    }
}

/// All parts that have `/metrics`, in the order of the flow.
pub const PARTS: [Part; 4] = [
    Part { name: "edge-agent", prefix: "edge_agent", metrics: EDGE_AGENT },
    Part { name: "broker", prefix: broker::PREFIX, metrics: BROKER },
    Part { name: "ingest", prefix: "ingest", metrics: INGEST },
    Part { name: "embedded-clickhouse", prefix: "embedded_clickhouse", metrics: EMBEDDED_CLICKHOUSE },
];

/// The table of docs/operations.md.
pub fn table() -> String {
    let mut text = String::from("| metric | what it tells | what to do |\n|---|---|---|\n");
    for part in &PARTS {
        for metric in part.metrics {
            let labels = if metric.labels.is_empty() { String::new() } else { format!("{{{}}}", metric.labels) };
            let act = if metric.act.is_empty() { "–" } else { metric.act };
            text += &format!("| `{}{labels}` | {} | {act} |\n", part.full_name(metric), metric.tells);
        }
    }
    text
}

const fn counter(name: &'static str, labels: &'static str, tells: &'static str, act: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, tells, act }
}

const fn gauge(name: &'static str, tells: &'static str, act: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels: "", tells, act }
}

const fn histogram(name: &'static str, labels: &'static str, tells: &'static str, act: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, tells, act }
}

const BUILD: Metric =
    Metric { name: "build_info", kind: Kind::Gauge, labels: "version", tells: "the running version", act: "" };

const EDGE_AGENT: &[Metric] = &[
    BUILD,
    gauge(
        "queue_oldest_seconds",
        "age of the oldest payload that is not settled",
        "above some hours: look at `connected`, then at the broker and at ingest",
    ),
    gauge(
        "queue_payloads",
        "payloads kept until they are settled",
        "growing while connected: ingest does not settle; see its log",
    ),
    gauge("queue_bytes", "bytes of these", "beside `spool.bytes_max`: how long the site can still be offline"),
    gauge(
        "queue_unfrozen_polls",
        "polls that are in no payload yet",
        "growing: the clock is not learned, or the disk refuses",
    ),
    gauge("disk_bytes", "bytes of the spool on disk", ""),
    counter(
        "payloads_taken",
        "",
        "payloads frozen and synced to disk",
        "standing still: no polls; look at `polls_total`",
    ),
    counter("payloads_sent", "", "payloads published for the first time in this process", ""),
    counter(
        "payloads_resent",
        "",
        "payloads published again",
        "much: acks do not come in time; look at ingest's latency",
    ),
    counter("payloads_settled", "", "payloads settled and freed", ""),
    gauge(
        "payloads_unacked",
        "payloads sent and neither settled nor sent again yet",
        "64 for long: ingest or the store does not settle",
    ),
    counter(
        "payloads_dropped",
        "cause",
        "payloads given up, each named in a drop record: cap, damaged, lost-spool",
        "readings are lost, and named: make the cap larger, mend the line, look at the disk",
    ),
    counter(
        "spool_errors",
        "",
        "times that the spool could not be read or written",
        "free the disk; /health and the log name the path",
    ),
    gauge(
        "records_held_back",
        "records in memory because the spool cannot be written",
        "they are lost with the process: free the disk",
    ),
    counter(
        "broker_faults",
        "fault",
        "connections that ended or were not made, by fault",
        "`own-certificate`: issue anew; `name-unknown`, `unreachable`, `timeout`: network and firewall",
    ),
    counter("polls_settled", "", "polls in settled payloads", ""),
    counter(
        "records_refused",
        "",
        "records that neither disk nor memory could keep",
        "readings are lost: free the disk, look at the agent's log",
    ),
    counter(
        "polls",
        "outcome",
        "polls by outcome",
        "`no-answer` or `refused` for a device that should answer: `edge-agent read ADDRESS`",
    ),
    gauge("devices", "devices known", "fewer than expected: ranges, communities, `edge-agent discover`"),
    gauge(
        "budget_stretch",
        "how many times as long intervals are to keep the budget of the site; 1 = as configured",
        "above 1: see `edge-agent devices`; raise `[budget]` or the intervals",
    ),
    counter("snmp_packets", "", "SNMP packets in both directions", ""),
    counter("snmp_bytes", "", "SNMP bytes at IP level in both directions", ""),
    counter(
        "traps",
        "led_to",
        "traps and informs by what they led to: `poll`, `debounced`, `over-rate`, `unknown-source`, `wrong-community`, \
         `unreadable`",
        "`unknown-source` rises: a device that is not polled sends traps; run `edge-agent diagnose` with its address",
    ),
    counter("wan_bytes", "", "payload bytes published, resends included", ""),
    gauge(
        "connected",
        "1 while broker and ingest answer",
        "0: network, certificate, revocation; the reason stands in /health",
    ),
    counter(
        "reconnects",
        "",
        "connections that were tried",
        "steadily rising: something between cuts idle connections",
    ),
    gauge(
        "clock_learned",
        "1 once the server's time was heard in this boot",
        "0 for an hour while connected: round trips over 5 s",
    ),
    gauge(
        "clock_offset_seconds",
        "server's time minus the host's",
        "large: the host's clock is wrong; stamps are right all the same",
    ),
    gauge("cert_expiry_seconds", "seconds until the agent's certificate expires", "below 14 days: issue a new one"),
    gauge("last_settled_timestamp_seconds", "when a payload was last settled", "older than a day: the site is silent"),
];

const BROKER: &[Metric] = &[
    BUILD,
    gauge(
        broker::CONNECTIONS,
        "clients connected now",
        "a step down: network or certificates; `connects_total` says why they are not let in",
    ),
    counter(
        broker::CONNECTS,
        "result,reason",
        "attempts to connect, from TCP accept to CONNACK",
        "refused by `certificate_expired` or `certificate_revoked`: issue anew, or find who still uses it",
    ),
    counter(
        broker::DISCONNECTS,
        "reason",
        "ended connections",
        "`slow` or `overrun`: a subscriber is behind; `keep_alive`: half-open lines",
    ),
    counter(
        broker::REFUSALS,
        "reason",
        "publishes, subscriptions and wills that the rules refused",
        "any: somebody holds a certificate and tries more than it allows; the log names the CN",
    ),
    counter(
        broker::TAKEOVERS,
        "",
        "connections closed because the same CN connected again",
        "steadily rising: two agents with one certificate; the log names the CN",
    ),
    counter(broker::PUBLISHES, "", "publishes accepted from clients", ""),
    counter(broker::PUBLISH_BYTES, "", "payload bytes of these", ""),
    counter(broker::DELIVERED, "", "publishes written to clients", ""),
    counter(broker::WILLS, "", "last wills published: clients that left without a word", ""),
    counter(
        broker::THROTTLED,
        "",
        "pauses of clients beyond their quota",
        "one agent sends more than its share; usual after a month offline",
    ),
    counter(
        broker::STALLS,
        "",
        "pauses of publishers for a slow subscriber",
        "rising: ingest is slower than what comes in",
    ),
    counter(
        broker::UNHEARD,
        "kind",
        "accepted while nobody was subscribed: `up` without ingest, `down` for an agent that is not there",
        "nothing is lost, the edge sends again; `up` rising: ingest is not connected",
    ),
    gauge(broker::QUEUED_BYTES, "bytes waiting for clients", "growing: a client reads slower than it is told"),
    histogram(broker::HANDSHAKE_SECONDS, "", "TCP accept to end of TLS", ""),
    histogram(
        broker::CANARY_SECONDS,
        "",
        "a round trip through the router",
        "slow or absent: the router is stuck; the broker ends itself and is restarted",
    ),
    gauge(
        broker::CERTIFICATE_EXPIRY_SECONDS,
        "seconds until the broker's certificate expires",
        "below 14 days: `broker-config issue broker`; it is read without restart",
    ),
    gauge(broker::CRL_AGE_SECONDS, "seconds since the list of revoked certificates was made", ""),
    gauge(
        broker::CRL_STALE,
        "1 while that list is past its next update",
        "`broker-config crl`; until then the old one is honoured",
    ),
    counter(
        broker::RELOADS,
        "result",
        "reloads of certificates",
        "`failed`: the files are half written or do not belong together; the old ones stay in force",
    ),
    gauge(
        broker::ROUTER_BACKLOG,
        "events waiting for the router",
        "near 512: publishers are paused; see `stalls_total`",
    ),
];

const INGEST: &[Metric] = &[
    BUILD,
    counter(
        "payloads",
        "result",
        "payloads by what became of them: committed, held, rejected, duplicate, over_quota, refused",
        "`held`: upgrade, then `ingest retry`; `rejected`: `ingest proof` and table `kept`; `over_quota`: an agent sends too much and keeps the rest; `duplicate` above a fifth: acks are slow or two workers share partitions",
    ),
    counter("polls", "", "polls committed", "standing still while payloads come: look at `retries_total`"),
    counter("rows", "table", "rows inserted, repeats included", ""),
    counter(
        "retries",
        "class",
        "inserts that failed, by class of error",
        "`permanent`: a payload was taken out and kept as rejected; `retryable`, `unknown`: ClickHouse is away or refuses",
    ),
    counter(
        "conflicts",
        "",
        "second payloads for one place in the books",
        "an agent was cloned or its disk restored; event `two-payloads-for-one-seq` names it",
    ),
    gauge("pending_payloads", "payloads taken and not settled", "above 0 without commits: ClickHouse does not answer"),
    histogram(
        "receive_to_commit_seconds",
        "",
        "from a payload's arrival to its line in `batches`",
        "p99 over 5 s: see `insert_seconds` and `group_payloads`; more workers only if the store waits for them",
    ),
    histogram(
        "insert_seconds",
        "",
        "one insert into one table",
        "rising: ClickHouse is busy with merges, or its disk is slow",
    ),
    histogram("group_payloads", "", "payloads inserted together", ""),
    counter("acks", "", "payload ids told to agents as settled", ""),
    counter("hellos", "", "hellos answered", "in bursts: agents reconnect"),
    counter(
        "redis_errors",
        "",
        "questions to Redis without an answer",
        "repeats cost rows twice inserted, never twice counted: mend Redis in office hours",
    ),
    counter(
        "broker_reconnects",
        "",
        "connections to the broker after the first",
        "rising: the broker restarts or closes ingest as too slow",
    ),
    gauge(
        "partitions",
        "partitions that this worker serves",
        "all workers together are below 64 for longer than a minute: nobody hears some agents; look at the workers' logs",
    ),
    counter(
        "lease_changes",
        "change",
        "partitions that this worker gained or lost",
        "steadily rising: workers come and go, or do not renew in time; look at their CPU and at Redis",
    ),
    counter(
        "takeovers",
        "",
        "partitions taken from a worker that did not renew its lease",
        "a worker died or hangs: find out why; agents were asked to send again",
    ),
    gauge(
        "leases_alone",
        "1 while Redis is out of sight and all partitions are served",
        "each payload is taken by each worker: mend Redis in office hours",
    ),
    counter("resends", "", "agents told to send again because somebody new hears them", ""),
    gauge("agents", "agents that are connected, as far as their presence says", "a step down: the broker or a network"),
    gauge(
        "queue_seconds",
        "age of the oldest payload that waits for a group",
        "rising: more comes in than the store takes; agents keep what is not settled",
    ),
    counter(
        "canaries",
        "result",
        "canary rows tried after a permanent error of the store",
        "`failed`: not one payload is at fault but the store or its tables; nothing is given up meanwhile",
    ),
    gauge(
        "last_commit_timestamp_seconds",
        "when something was last committed",
        "old while `pending_payloads` > 0: nothing is stored",
    ),
    gauge(
        "newest_poll_timestamp_seconds",
        "stamp of the newest poll committed",
        "old while payloads are committed: only backlog comes in",
    ),
];

const EMBEDDED_CLICKHOUSE: &[Metric] = &[
    BUILD,
    counter(
        "requests",
        "kind,result",
        "requests by kind and result",
        "`refused`, `forbidden`: wrong passwords; `busy`: more statements than turns",
    ),
    histogram("request_seconds", "kind", "time until the reply began", ""),
    counter("inserted_rows", "", "rows of acknowledged inserts", ""),
    counter(
        "killed_statements",
        "",
        "statements whose client left or whose time ran out",
        "rising: a report asks for too much",
    ),
    gauge("connections", "open HTTP connections", "near 256: a client does not close"),
    gauge(
        "engine_memory_bytes",
        "memory that the engine tracks",
        "near `engine.memory_max_mb`: statements begin to fail with code 241",
    ),
];
