//! One Grafana dashboard: the fleet on one page, in the order of the flow.

use serde_json::{Value, json};

struct Panel {
    title: &'static str,
    /// Grafana's name of the unit.
    unit: &'static str,
    /// (PromQL, legend)
    lines: &'static [(&'static str, &'static str)],
}

struct Row {
    title: &'static str,
    panels: &'static [Panel],
}

const ROWS: &[Row] = &[
    Row {
        title: "Sites",
        panels: &[
            Panel {
                title: "Age of the oldest payload",
                unit: "s",
                lines: &[("topk(10, edge_agent_queue_oldest_seconds)", "{{instance}}")],
            },
            Panel {
                title: "Payloads kept",
                unit: "short",
                lines: &[("topk(10, edge_agent_queue_payloads)", "{{instance}}")],
            },
            Panel {
                title: "Agents connected, devices known",
                unit: "short",
                lines: &[("sum(edge_agent_connected)", "connected"), ("sum(edge_agent_devices)", "devices")],
            },
            Panel {
                title: "Polls by outcome",
                unit: "short",
                lines: &[("sum by (outcome) (increase(edge_agent_polls_total[1h]))", "{{outcome}}")],
            },
            Panel {
                title: "Given up",
                unit: "short",
                lines: &[
                    ("sum(increase(edge_agent_payloads_dropped_total[1h]))", "payloads dropped"),
                    ("sum(increase(edge_agent_records_refused_total[1h]))", "records refused"),
                ],
            },
            Panel {
                title: "Bytes to the cloud for each settled poll",
                unit: "bytes",
                lines: &[(
                    "sum(rate(edge_agent_wan_bytes_total[6h])) / sum(rate(edge_agent_polls_settled_total[6h]))",
                    "bytes",
                )],
            },
        ],
    },
    Row {
        title: "Broker",
        panels: &[
            Panel { title: "Connections", unit: "short", lines: &[("broker_connections", "{{instance}}")] },
            Panel {
                title: "Not let in, by reason",
                unit: "short",
                lines: &[(
                    "sum by (reason) (increase(broker_connects_total{result=\"refused\"}[5m])) > 0",
                    "{{reason}}",
                )],
            },
            Panel {
                title: "Forbidden, taken over, ended",
                unit: "short",
                lines: &[
                    ("sum by (reason) (increase(broker_refusals_total[5m])) > 0", "forbidden: {{reason}}"),
                    ("sum(increase(broker_takeovers_total[5m]))", "taken over"),
                    ("sum by (reason) (increase(broker_disconnects_total[5m])) > 0", "ended: {{reason}}"),
                ],
            },
            Panel {
                title: "Messages",
                unit: "cps",
                lines: &[
                    ("sum(rate(broker_publishes_total[5m]))", "in"),
                    ("sum(rate(broker_delivered_total[5m]))", "out"),
                    ("sum(rate(broker_stalls_total[5m]))", "pauses for ingest"),
                ],
            },
            Panel {
                title: "Canary",
                unit: "s",
                lines: &[
                    ("histogram_quantile(0.5, sum by (le) (rate(broker_canary_seconds_bucket[5m])))", "median"),
                    ("histogram_quantile(0.99, sum by (le) (rate(broker_canary_seconds_bucket[5m])))", "p99"),
                ],
            },
            Panel {
                title: "Certificates: time left",
                unit: "s",
                lines: &[
                    ("broker_certificate_expiry_seconds", "broker {{instance}}"),
                    ("bottomk(5, edge_agent_cert_expiry_seconds)", "agent {{instance}}"),
                ],
            },
        ],
    },
    Row {
        title: "Ingest",
        panels: &[
            Panel {
                title: "Payloads by what became of them",
                unit: "cps",
                lines: &[("sum by (result) (rate(ingest_payloads_total[5m]))", "{{result}}")],
            },
            Panel {
                title: "Receive to commit",
                unit: "s",
                lines: &[
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(ingest_receive_to_commit_seconds_bucket[5m])))",
                        "median",
                    ),
                    (
                        "histogram_quantile(0.99, sum by (le) (rate(ingest_receive_to_commit_seconds_bucket[5m])))",
                        "p99",
                    ),
                ],
            },
            Panel { title: "Not settled yet", unit: "short", lines: &[("ingest_pending_payloads", "{{instance}}")] },
            Panel { title: "Polls committed", unit: "cps", lines: &[("sum(rate(ingest_polls_total[5m]))", "polls")] },
            Panel {
                title: "Trouble",
                unit: "short",
                lines: &[
                    ("sum by (class) (increase(ingest_retries_total[5m])) > 0", "insert: {{class}}"),
                    ("sum(increase(ingest_conflicts_total[5m]))", "conflicts"),
                    ("sum(increase(ingest_redis_errors_total[5m]))", "redis"),
                    ("sum(increase(ingest_broker_reconnects_total[5m]))", "reconnects"),
                ],
            },
            Panel {
                title: "Who serves what",
                unit: "short",
                lines: &[
                    ("ingest_partitions", "partitions of {{instance}}"),
                    ("sum by (change) (increase(ingest_lease_changes_total[5m])) > 0", "{{change}}"),
                    ("sum(increase(ingest_takeovers_total[5m]))", "taken over"),
                ],
            },
            Panel {
                title: "Agents there, agents asked to send again",
                unit: "short",
                lines: &[("max(ingest_agents)", "agents"), ("sum(increase(ingest_resends_total[5m]))", "asked")],
            },
            Panel { title: "Oldest in the queue", unit: "s", lines: &[("ingest_queue_seconds", "{{instance}}")] },
            Panel {
                title: "How far behind the newest poll is",
                unit: "s",
                lines: &[("time() - ingest_newest_poll_timestamp_seconds", "{{instance}}")],
            },
        ],
    },
    Row {
        title: "Embedded engine",
        panels: &[
            Panel {
                title: "Requests",
                unit: "cps",
                lines: &[(
                    "sum by (kind, result) (rate(embedded_clickhouse_requests_total[5m]))",
                    "{{kind}} {{result}}",
                )],
            },
            Panel {
                title: "Time until the reply begins (p99)",
                unit: "s",
                lines: &[(
                    "histogram_quantile(0.99, sum by (le, kind) (rate(embedded_clickhouse_request_seconds_bucket[5m])))",
                    "{{kind}}",
                )],
            },
            Panel {
                title: "Memory",
                unit: "bytes",
                lines: &[("embedded_clickhouse_engine_memory_bytes", "{{instance}}")],
            },
        ],
    },
];

const COLUMNS: usize = 3;
const WIDTH: usize = 8;
const HEIGHT: usize = 7;

/// All expressions, for whoever checks them.
pub fn expressions() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(|row| row.panels).flat_map(|panel| panel.lines).map(|(expression, _)| *expression)
}

/// The dashboard as Grafana imports it.
pub fn dashboard() -> String {
    let mut panels: Vec<Value> = Vec::new();
    let mut y = 0;
    for row in ROWS {
        panels.push(json!({
            "id": panels.len() + 1, "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": y, "w": COLUMNS * WIDTH, "h": 1 },
        }));
        y += 1;
        for (at, panel) in row.panels.iter().enumerate() {
            let place = json!({ "x": at % COLUMNS * WIDTH, "y": y + at / COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT });
            panels.push(chart(panels.len() + 1, panel, &place));
        }
        y += row.panels.len().div_ceil(COLUMNS) * HEIGHT;
    }
    let dashboard = json!({
        "uid": "platen-fleet",
        "title": "Platen: the fleet",
        "tags": ["platen"],
        "schemaVersion": 39,
        "timezone": "utc",
        "refresh": "1m",
        "time": { "from": "now-24h", "to": "now" },
        "templating": { "list": [{ "name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus" }] },
        "panels": panels,
    });
    format!("{dashboard:#}\n")
}

fn chart(id: usize, panel: &Panel, place: &Value) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${source}" });
    let targets: Vec<Value> = panel
        .lines
        .iter()
        .zip('A'..)
        .map(|((expression, legend), name)| {
            json!({ "refId": name.to_string(), "datasource": source, "expr": expression, "legendFormat": legend })
        })
        .collect();
    json!({
        "id": id, "type": "timeseries", "title": panel.title, "datasource": source, "gridPos": place,
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "targets": targets,
    })
}
