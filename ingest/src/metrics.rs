//! What operators see of ingest; the names are a documented contract.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use service::metrics::Metrics;

type Label = [(&'static str, &'static str); 1];

/// All counters of a worker. Clones count together.
#[derive(Debug, Clone)]
pub struct Counters {
    payloads: Family<Label, Counter>,
    rows: Family<Label, Counter>,
    retries: Family<Label, Counter>,
    lease_changes: Family<Label, Counter>,
    canaries: Family<Label, Counter>,
    pub(crate) polls: Counter,
    pub(crate) hellos: Counter,
    pub(crate) acks: Counter,
    pub(crate) conflicts: Counter,
    pub(crate) redis_errors: Counter,
    pub(crate) takeovers: Counter,
    pub(crate) resends: Counter,
    pub(crate) partitions: Gauge,
    pub(crate) leases_alone: Gauge,
    pub(crate) agents: Gauge,
    pub(crate) queue_seconds: Gauge,
    pub(crate) broker_reconnects: Counter,
    pub(crate) insert_seconds: Histogram,
    pub(crate) receive_to_commit_seconds: Histogram,
    pub(crate) group_payloads: Histogram,
    pub(crate) pending_payloads: Gauge,
    pub(crate) last_commit_timestamp_seconds: Gauge,
    pub(crate) newest_poll_timestamp_seconds: Gauge,
}

/// What became of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Committed,
    Held,
    Rejected,
    Duplicate,
    OverQuota,
    /// No agent could be answered.
    Refused,
}

impl Counters {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Self {
        let seconds =
            || Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]);
        let counters = Self {
            payloads: Family::default(),
            rows: Family::default(),
            retries: Family::default(),
            lease_changes: Family::default(),
            canaries: Family::default(),
            polls: Counter::default(),
            hellos: Counter::default(),
            acks: Counter::default(),
            conflicts: Counter::default(),
            redis_errors: Counter::default(),
            takeovers: Counter::default(),
            resends: Counter::default(),
            partitions: Gauge::default(),
            leases_alone: Gauge::default(),
            agents: Gauge::default(),
            queue_seconds: Gauge::default(),
            broker_reconnects: Counter::default(),
            insert_seconds: seconds(),
            receive_to_commit_seconds: seconds(),
            group_payloads: Histogram::new([1.0, 2.0, 5.0, 10.0, 20.0, 50.0]),
            pending_payloads: Gauge::default(),
            last_commit_timestamp_seconds: Gauge::default(),
            newest_poll_timestamp_seconds: Gauge::default(),
        };
        for result in ["committed", "held", "rejected", "duplicate", "over_quota", "refused"] {
            drop(counters.payloads.get_or_create(&[("result", result)]));
        }
        for class in ["retryable", "permanent", "unknown"] {
            drop(counters.retries.get_or_create(&[("class", class)]));
        }
        for change in ["gained", "lost"] {
            drop(counters.lease_changes.get_or_create(&[("change", change)]));
        }
        for result in ["stored", "failed"] {
            drop(counters.canaries.get_or_create(&[("result", result)]));
        }
        for table in ["polls", "events", "plans", "stats", "drops", "kept", "rejected_records", "batches"] {
            drop(counters.rows.get_or_create(&[("table", table)]));
        }
        let c = &counters;
        metrics.register(
            "payloads",
            "payloads by what became of them; over_quota and refused are not settled",
            c.payloads.clone(),
        );
        metrics.register("rows", "rows inserted, repeats included", c.rows.clone());
        metrics.register("retries", "inserts that failed, by class of error", c.retries.clone());
        metrics.register("polls", "polls committed", c.polls.clone());
        metrics.register("hellos", "hellos answered", c.hellos.clone());
        metrics.register("acks", "payload ids told to agents as settled", c.acks.clone());
        metrics.register("conflicts", "second payloads for one place in the books", c.conflicts.clone());
        metrics.register("redis_errors", "questions to Redis without an answer", c.redis_errors.clone());
        metrics.register("broker_reconnects", "connections to the broker after the first", c.broker_reconnects.clone());
        metrics.register("partitions", "partitions that this worker serves", c.partitions.clone());
        metrics.register("lease_changes", "partitions that this worker gained or lost", c.lease_changes.clone());
        metrics.register(
            "takeovers",
            "partitions taken from a worker that did not renew its lease",
            c.takeovers.clone(),
        );
        metrics.register(
            "leases_alone",
            "1 while Redis is out of sight and all partitions are served",
            c.leases_alone.clone(),
        );
        metrics.register("resends", "agents told to send again because somebody new hears them", c.resends.clone());
        metrics.register("agents", "agents that are connected, as far as their presence says", c.agents.clone());
        metrics.register("queue_seconds", "age of the oldest payload that waits for a group", c.queue_seconds.clone());
        metrics.register("canaries", "canary rows tried after a permanent error of the store", c.canaries.clone());
        metrics.register("insert_seconds", "one insert into one table", c.insert_seconds.clone());
        metrics.register(
            "receive_to_commit_seconds",
            "from a payload's arrival to its line in batches",
            c.receive_to_commit_seconds.clone(),
        );
        metrics.register("group_payloads", "payloads inserted together", c.group_payloads.clone());
        metrics.register("pending_payloads", "payloads taken and not settled", c.pending_payloads.clone());
        metrics.register(
            "last_commit_timestamp_seconds",
            "wall clock of the last commit",
            c.last_commit_timestamp_seconds.clone(),
        );
        metrics.register(
            "newest_poll_timestamp_seconds",
            "stamp of the newest poll committed",
            c.newest_poll_timestamp_seconds.clone(),
        );
        counters
    }

    pub(crate) fn payload(&self, fate: Fate) {
        let result = match fate {
            Fate::Committed => "committed",
            Fate::Held => "held",
            Fate::Rejected => "rejected",
            Fate::Duplicate => "duplicate",
            Fate::OverQuota => "over_quota",
            Fate::Refused => "refused",
        };
        self.payloads.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn rows(&self, table: &'static str, rows: usize) {
        self.rows.get_or_create(&[("table", table)]).inc_by(u64::try_from(rows).unwrap_or(u64::MAX));
    }

    pub(crate) fn lease_changed(&self, gained: usize, lost: usize) {
        for (change, count) in [("gained", gained), ("lost", lost)] {
            self.lease_changes.get_or_create(&[("change", change)]).inc_by(count as u64);
        }
    }

    pub(crate) fn canary(&self, stored: bool) {
        self.canaries.get_or_create(&[("result", if stored { "stored" } else { "failed" })]).inc();
    }

    pub(crate) fn retry(&self, class: crate::store::Class) {
        self.retries.get_or_create(&[("class", class.as_str())]).inc();
    }
}
