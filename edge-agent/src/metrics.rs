//! What the agent shows on `/metrics`, all under `edge_agent_`. Names are a documented contract (docs/operations.md).

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use schemas::wire::Outcome;
use service::metrics::Metrics;

use crate::spool::Summary;
use crate::time::Moment;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    pub outcome: &'static str,
}

/// Why payloads are given up.
const CAUSES: [&str; 3] = ["cap", "damaged", "lost-spool"];

/// Why payloads were given up: one of [`CAUSES`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CauseLabel {
    pub cause: String,
}

/// Why a connection to the broker ended or was not made; the words of `publish::fault`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FaultLabel {
    pub fault: &'static str,
}

/// What a trap led to; the words of `traps::gate`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TrapLabel {
    pub led_to: &'static str,
}

type Whole = Gauge<i64, AtomicI64>;
type Count = Counter<u64, AtomicU64>;

/// Cheap to clone; all clones count into the same numbers.
#[derive(Debug, Clone, Default)]
pub struct AgentMetrics {
    pub queue_bytes: Whole,
    pub queue_payloads: Whole,
    pub queue_oldest_seconds: Whole,
    pub queue_unfrozen_polls: Whole,
    pub disk_bytes: Whole,
    pub polls: Family<OutcomeLabel, Count>,
    pub polls_settled: Count,
    pub payloads_taken: Count,
    pub payloads_sent: Count,
    pub payloads_resent: Count,
    pub payloads_settled: Count,
    pub payloads_unacked: Whole,
    pub payloads_dropped: Family<CauseLabel, Count>,
    pub records_held_back: Whole,
    pub records_refused: Count,
    pub spool_errors: Count,
    pub snmp_packets: Count,
    pub snmp_bytes: Count,
    pub wan_bytes: Count,
    pub connected: Whole,
    pub reconnects: Count,
    pub faults: Family<FaultLabel, Count>,
    pub traps: Family<TrapLabel, Count>,
    pub cert_expiry_seconds: Whole,
    /// Unix seconds at which the certificate expires; 0 before one was read.
    cert_until: Whole,
    pub clock_learned: Whole,
    pub clock_offset_seconds: Whole,
    pub last_settled_timestamp_seconds: Whole,
    pub devices: Whole,
    pub budget_stretch: Whole,
}

impl AgentMetrics {
    /// Registers everything.
    pub fn register(metrics: &Metrics) -> Self {
        let own = Self::default();
        let register = |name: &str, help: &str, metric: &Whole| metrics.register(name, help, metric.clone());
        register("queue_bytes", "bytes kept until they are settled", &own.queue_bytes);
        register("queue_payloads", "frozen payloads that are not settled", &own.queue_payloads);
        register("queue_oldest_seconds", "age of the oldest payload that is not settled", &own.queue_oldest_seconds);
        register("queue_unfrozen_polls", "polls that are in no payload yet", &own.queue_unfrozen_polls);
        register("disk_bytes", "bytes of the spool on disk", &own.disk_bytes);
        register("connected", "1 while the broker and ingest answer", &own.connected);
        register("cert_expiry_seconds", "seconds until the agent's certificate expires", &own.cert_expiry_seconds);
        register("clock_learned", "1 once the server's time was heard in this boot", &own.clock_learned);
        register("clock_offset_seconds", "server's time minus the host's", &own.clock_offset_seconds);
        register(
            "last_settled_timestamp_seconds",
            "Unix time at which a payload was last settled, in the server's time",
            &own.last_settled_timestamp_seconds,
        );
        register("payloads_unacked", "payloads sent and neither settled nor sent again yet", &own.payloads_unacked);
        register("records_held_back", "records in memory because the spool cannot be written", &own.records_held_back);
        register("devices", "devices known", &own.devices);
        register("budget_stretch", "how many times as long intervals are to keep the budget", &own.budget_stretch);
        own.budget_stretch.set(1);
        let count = |name: &str, help: &str, metric: &Count| metrics.register(name, help, metric.clone());
        count("polls_settled", "polls in payloads that were settled", &own.polls_settled);
        count("payloads_taken", "payloads frozen", &own.payloads_taken);
        count("payloads_sent", "payloads published for the first time in this process", &own.payloads_sent);
        count("payloads_resent", "payloads published again", &own.payloads_resent);
        count("payloads_settled", "payloads settled and freed", &own.payloads_settled);
        metrics.register(
            "payloads_dropped",
            "payloads given up, by cause; each is named in a drop record",
            own.payloads_dropped.clone(),
        );
        count(
            "spool_errors",
            "attempts to use the spool that failed: full disk, fault of the disk, damage",
            &own.spool_errors,
        );
        count("records_refused", "records that neither the spool nor memory could keep", &own.records_refused);
        count("snmp_packets", "SNMP packets in both directions", &own.snmp_packets);
        count("snmp_bytes", "SNMP bytes at IP level in both directions", &own.snmp_bytes);
        count("wan_bytes", "payload bytes published, resends included", &own.wan_bytes);
        count("reconnects", "connections to the broker that were tried", &own.reconnects);
        metrics.register("broker_faults", "connections that ended or were not made, by fault", own.faults.clone());
        for (_, outcome) in OUTCOMES {
            drop(own.polls.get_or_create(&OutcomeLabel { outcome }));
        }
        // Each series begins at 0, so that a rule sees its first rise.
        for cause in CAUSES {
            drop(own.payloads_dropped.get_or_create(&CauseLabel { cause: cause.to_owned() }));
        }
        for fault in crate::publish::fault::KINDS {
            drop(own.faults.get_or_create(&FaultLabel { fault }));
        }
        for led_to in crate::traps::gate::Passed::WORDS {
            drop(own.traps.get_or_create(&TrapLabel { led_to }));
        }
        metrics.register("traps", "traps and informs by what they led to", own.traps.clone());
        metrics.register("polls", "polls by outcome", own.polls.clone());
        own
    }

    /// Counts a poll.
    pub fn poll(&self, outcome: u8) {
        self.polls.get_or_create(&OutcomeLabel { outcome: outcome_word(outcome) }).inc();
    }

    /// Counts payloads that were given up.
    pub fn dropped(&self, cause: &str, payloads: u64) {
        self.payloads_dropped.get_or_create(&CauseLabel { cause: cause.to_owned() }).inc_by(payloads);
    }

    /// Counts a trap.
    pub fn trap(&self, led_to: &'static str) {
        self.traps.get_or_create(&TrapLabel { led_to }).inc();
    }

    /// Counts a fault of the connection.
    pub fn fault(&self, fault: &'static str) {
        self.faults.get_or_create(&FaultLabel { fault }).inc();
    }

    /// Notes when the certificate expires (Unix seconds); [`AgentMetrics::spool`] shows what is left of it.
    pub fn certificate_until(&self, expires: i64) {
        self.cert_until.set(expires);
    }

    /// Shows the state of the spool, and what is left of the certificate by the server's time.
    pub fn spool(&self, summary: &Summary, now: Moment) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let server_ms = now.wall_ms.saturating_add(summary.offset_ms.unwrap_or(0));
        match self.cert_until.get() {
            0 => {}
            until => drop(self.cert_expiry_seconds.set(until.saturating_sub(server_ms.div_euclid(1_000)))),
        }
        self.queue_bytes.set(whole(summary.bytes));
        self.queue_payloads.set(whole(summary.payloads));
        self.queue_oldest_seconds.set(summary.oldest_closed_ms.map_or(0, |closed| (server_ms - closed).max(0) / 1_000));
        self.queue_unfrozen_polls.set(whole(summary.unfrozen_polls));
        self.disk_bytes.set(whole(summary.disk_bytes));
        self.clock_learned.set(i64::from(summary.learned));
        self.clock_offset_seconds.set(summary.offset_ms.unwrap_or(0) / 1_000);
    }
}

/// The outcome of a poll as a label.
pub fn outcome_word(outcome: u8) -> &'static str {
    OUTCOMES.iter().find(|(known, _)| *known as u8 == outcome).map_or("unknown", |(_, name)| name)
}

const OUTCOMES: [(Outcome, &str); 6] = [
    (Outcome::Complete, "complete"),
    (Outcome::Partial, "partial"),
    (Outcome::NoAnswer, "no-answer"),
    (Outcome::Refused, "refused"),
    (Outcome::Unusable, "unusable"),
    (Outcome::Changed, "changed"),
];
