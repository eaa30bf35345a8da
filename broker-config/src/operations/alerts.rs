//! Alert rules for Prometheus. Each says in one sentence what is wrong and in another what to do.

use std::fmt::Write as _;

/// How soon somebody must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Readings are lost, or soon will be: now.
    Critical,
    /// In office hours.
    Warning,
}

#[derive(Debug, Clone, Copy)]
pub struct Alert {
    pub name: &'static str,
    /// PromQL.
    pub when: &'static str,
    /// How long before it counts, in Prometheus' notation.
    pub lasting: &'static str,
    pub severity: Severity,
    pub summary: &'static str,
    pub act: &'static str,
}

const fn alert(
    severity: Severity,
    name: &'static str,
    when: &'static str,
    lasting: &'static str,
    summary: &'static str,
    act: &'static str,
) -> Alert {
    Alert { name, when, lasting, severity, summary, act }
}

use Severity::{Critical, Warning};

/// All rules. An agent's metrics are seen only where its site lets Prometheus in; the cloud's own rules need no agent.
pub const ALERTS: &[Alert] = &[
    alert(
        Warning,
        "QueueOld",
        "edge_agent_queue_oldest_seconds > 6 * 3600",
        "15m",
        "the oldest payload of {{ $labels.instance }} has waited {{ $value | humanizeDuration }}",
        "look at edge_agent_connected, then at the broker and at ingest",
    ),
    alert(
        Critical,
        "QueueVeryOld",
        "edge_agent_queue_oldest_seconds > 3 * 86400",
        "15m",
        "{{ $labels.instance }} has settled nothing for {{ $value | humanizeDuration }}",
        "mend the line before the disk's cap is reached and readings are dropped",
    ),
    alert(
        Warning,
        "SiteSilent",
        "edge_agent_last_settled_timestamp_seconds > 0 and time() - edge_agent_last_settled_timestamp_seconds > 86400",
        "15m",
        "nothing of {{ $labels.instance }} was settled for a day",
        "is the host on, does /health say why",
    ),
    alert(
        Critical,
        "ReadingsDropped",
        "increase(edge_agent_payloads_dropped_total[1h]) > 0 or increase(edge_agent_records_refused_total[1h]) > 0",
        "0m",
        "{{ $labels.instance }} gives up readings: its disk is full",
        "free the disk or raise spool.bytes_max; ingest proof names what was given up",
    ),
    alert(
        Critical,
        "PayloadsUnsettled",
        "ingest_pending_payloads > 0 and time() - ingest_last_commit_timestamp_seconds > 300",
        "5m",
        "{{ $labels.instance }} holds payloads and has committed nothing for {{ $value | humanizeDuration }}",
        "look at ClickHouse; agents keep everything meanwhile",
    ),
    alert(
        Warning,
        "CommitSlow",
        "histogram_quantile(0.99, sum by (le) (rate(ingest_receive_to_commit_seconds_bucket[5m]))) > 5",
        "10m",
        "one payload in a hundred takes {{ $value | humanizeDuration }} from arrival to commit",
        "look at ingest_insert_seconds and at ClickHouse's merges",
    ),
    alert(
        Warning,
        "Duplicates",
        "sum(rate(ingest_payloads_total{result=\"duplicate\"}[30m])) > 0.2 * sum(rate(ingest_payloads_total[30m]))",
        "30m",
        "more than a fifth of all payloads comes again",
        "acks do not reach the agents in time: look at ingest's latency and at Redis; no row is counted twice",
    ),
    alert(
        Warning,
        "PayloadsRejected",
        "increase(ingest_payloads_total{result=\"rejected\"}[1h]) > 0",
        "0m",
        "payloads that cannot be what they claim to be",
        "ingest proof lists them, table kept holds their bytes with the reason",
    ),
    alert(
        Warning,
        "PayloadsHeld",
        "increase(ingest_payloads_total{result=\"held\"}[1h]) > 0",
        "0m",
        "payloads of a newer agent are held",
        "upgrade ingest, then run ingest retry",
    ),
    alert(
        Warning,
        "PayloadsOverQuota",
        "increase(ingest_payloads_total{result=\"over_quota\"}[1h]) > 0",
        "0m",
        "an agent is over its daily quota; it keeps the rest",
        "ingest's log names it; raise the quota or find out why it sends so much",
    ),
    alert(
        Warning,
        "PayloadsRefused",
        "increase(ingest_payloads_total{result=\"refused\"}[1h]) > 0",
        "0m",
        "messages came whose sender cannot be answered",
        "somebody publishes what is no payload; ingest's log names the topic",
    ),
    alert(
        Warning,
        "Conflicts",
        "increase(ingest_conflicts_total[1h]) > 0",
        "0m",
        "two payloads for one place in the books",
        "an agent was cloned or its disk restored; event two-payloads-for-one-seq names it",
    ),
    alert(
        Critical,
        "InsertsRefused",
        "increase(ingest_retries_total{class=\"permanent\"}[1h]) > 0",
        "0m",
        "ClickHouse refuses rows for good",
        "the payload was taken out and kept; ingest's log has the error",
    ),
    alert(
        Warning,
        "WorkerTakenOver",
        "increase(ingest_takeovers_total[15m]) > 0",
        "0m",
        "partitions were taken from an ingest worker that did not renew its leases",
        "find out why it died or hung; agents were asked to send again, nothing is lost",
    ),
    alert(
        Warning,
        "LeasesRestless",
        "sum(increase(ingest_lease_changes_total[1h])) > 640",
        "0m",
        "partitions change hands all the time",
        "workers come and go or renew too late: look at their CPU and at Redis",
    ),
    alert(
        Critical,
        "PartitionsUnserved",
        "sum(ingest_partitions) < 64",
        "2m",
        "only {{ $value }} of 64 partitions are served",
        "nobody hears some agents; look at the logs of the ingest workers",
    ),
    alert(
        Warning,
        "LeasesAlone",
        "ingest_leases_alone == 1",
        "15m",
        "{{ $labels.instance }} serves all partitions without Redis",
        "nothing is lost, each worker stores everything; mend Redis in office hours",
    ),
    alert(
        Critical,
        "StoreRefuses",
        "increase(ingest_canaries_total{result=\"failed\"}[15m]) > 0",
        "0m",
        "ClickHouse refuses even a canary row",
        "not a payload is at fault but the store or its tables; agents keep everything",
    ),
    alert(
        Warning,
        "RedisAway",
        "increase(ingest_redis_errors_total[15m]) > 0",
        "15m",
        "Redis does not answer",
        "nothing is lost, more comes twice; mend it in office hours",
    ),
    alert(
        Warning,
        "Forbidden",
        "sum by (reason) (increase(broker_refusals_total[1h])) > 0",
        "0m",
        "a client tried what the rules forbid: {{ $labels.reason }}",
        "the broker's log names its CN; revoke it if it is not yours",
    ),
    alert(
        Warning,
        "ConnectsRefused",
        "sum by (reason) (rate(broker_connects_total{result=\"refused\",reason!=\"left\"}[15m])) > 0.1",
        "15m",
        "clients are not let in: {{ $labels.reason }}",
        "expired or revoked: issue anew; timeouts: somebody scans the port",
    ),
    alert(
        Warning,
        "Takeovers",
        "increase(broker_takeovers_total[1h]) > 20",
        "0m",
        "clients push each other out",
        "two agents have one certificate; the broker's log names its CN",
    ),
    alert(
        Critical,
        "CanarySlow",
        "histogram_quantile(0.99, sum by (le) (rate(broker_canary_seconds_bucket[5m]))) > 1",
        "5m",
        "the broker's router needs {{ $value | humanizeDuration }} for a round trip",
        "look at broker_router_backlog and broker_stalls_total: ingest is behind",
    ),
    alert(
        Critical,
        "CanaryGone",
        "rate(broker_canary_seconds_count[5m]) == 0",
        "5m",
        "no message comes through the broker's router",
        "the broker should have ended itself; restart it",
    ),
    alert(
        Critical,
        "CertificateExpires",
        "broker_certificate_expiry_seconds < 3 * 86400 or edge_agent_cert_expiry_seconds < 3 * 86400",
        "0m",
        "the certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}",
        "broker-config issue; the broker reads a new one without restart",
    ),
    alert(
        Warning,
        "CertificateExpiresSoon",
        "broker_certificate_expiry_seconds < 14 * 86400 or edge_agent_cert_expiry_seconds < 14 * 86400",
        "0m",
        "the certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}",
        "broker-config issue; the broker reads a new one without restart",
    ),
    alert(
        Warning,
        "RevocationsStale",
        "broker_crl_stale == 1",
        "1h",
        "the list of revoked certificates is past its next update",
        "broker-config crl; until then the old list is honoured",
    ),
    alert(
        Warning,
        "ReloadFailed",
        "increase(broker_reloads_total{result=\"failed\"}[1h]) > 0",
        "0m",
        "new certificates could not be read; the old ones stay in force",
        "broker-config check names what does not belong together",
    ),
    alert(
        Warning,
        "ClockUnknown",
        "edge_agent_clock_learned == 0 and edge_agent_connected == 1",
        "1h",
        "{{ $labels.instance }} has not learned the time",
        "round trips take over 5 s; its polls wait unfrozen",
    ),
    alert(
        Warning,
        "EngineMemory",
        "embedded_clickhouse_engine_memory_bytes > 1.8e9",
        "15m",
        "the embedded engine uses {{ $value | humanize1024 }}B",
        "beside engine.memory_max_mb: raise it, or ask for less at a time",
    ),
];

/// The rules as a file for Prometheus.
pub fn rules() -> String {
    let mut text = String::from(
        "# Written by `broker-config dashboards`; edit broker-config/src/operations/alerts.rs instead.\ngroups:\n  - name: platen\n    rules:\n",
    );
    for alert in ALERTS {
        let severity = match alert.severity {
            Critical => "critical",
            Warning => "warning",
        };
        // A JSON string is a YAML string; writing to a String cannot fail.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let _ = write!(
            text,
            "      - alert: Platen{}\n        expr: {}\n        for: {}\n        labels: {{ severity: {severity} }}\n        \
             annotations:\n          summary: {}\n          description: {}\n",
            alert.name,
            quoted(alert.when),
            alert.lasting,
            quoted(alert.summary),
            quoted(alert.act),
        );
    }
    text
}
