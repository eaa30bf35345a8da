//! What this part counts; the names are a documented contract.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use service::metrics::Metrics;

type Labels = Vec<(&'static str, &'static str)>;

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    requests: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram>,
    pub(crate) inserted_rows: Counter,
    pub(crate) killed: Counter,
    pub(crate) connections: Gauge,
    pub(crate) engine_memory_bytes: Gauge,
}

/// What a request was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// Never got as far as a statement: wrong password, body too large.
    Refused,
    Read,
    Write,
    Insert,
}

impl RequestKind {
    fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Read => "read",
            Self::Write => "write",
            Self::Insert => "insert",
        }
    }
}

impl Counters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        // 1 ms (a small read) to 270 s (the default max_execution_time).
        let seconds: fn() -> Histogram =
            || Histogram::new([0.001, 0.004, 0.016, 0.064, 0.256, 1.0, 4.0, 16.0, 64.0, 270.0]);
        let counters = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            inserted_rows: Counter::default(),
            killed: Counter::default(),
            connections: Gauge::default(),
            engine_memory_bytes: Gauge::default(),
        };
        for kind in [RequestKind::Refused, RequestKind::Read, RequestKind::Write, RequestKind::Insert] {
            let result = if kind == RequestKind::Refused { "forbidden" } else { "ok" };
            drop(counters.requests.get_or_create(&vec![("kind", kind.label()), ("result", result)]));
            drop(counters.seconds.get_or_create(&vec![("kind", kind.label())]));
        }
        metrics.register(
            "requests",
            "requests by kind and result (ok or a class of errors)",
            counters.requests.clone(),
        );
        metrics.register("request_seconds", "time until the reply began", counters.seconds.clone());
        metrics.register("inserted_rows", "rows of acknowledged inserts", counters.inserted_rows.clone());
        metrics.register(
            "killed_statements",
            "statements whose client left or whose time ran out",
            counters.killed.clone(),
        );
        metrics.register("connections", "open HTTP connections", counters.connections.clone());
        metrics.register("engine_memory_bytes", "memory that the engine tracks", counters.engine_memory_bytes.clone());
        counters
    }

    pub(crate) fn request(&self, kind: RequestKind, result: &'static str, seconds: f64) {
        self.requests.get_or_create(&vec![("kind", kind.label()), ("result", result)]).inc();
        self.seconds.get_or_create(&vec![("kind", kind.label())]).observe(seconds);
    }
}
