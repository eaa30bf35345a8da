use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::alerts::{self, ALERTS};
use super::catalogue::{self, Kind, PARTS};
use super::dashboard;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every name under which a metric may be asked for.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in &PARTS {
        for metric in part.metrics {
            let name = part.full_name(metric);
            match metric.kind {
                Kind::Histogram => names.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"))),
                Kind::Counter | Kind::Gauge => drop(names.insert(name)),
            }
        }
    }
    names
}

/// Words of an expression that are metrics of ours by their prefix.
fn asked(expression: &str) -> Vec<&str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| {
            PARTS.iter().any(|part| word.strip_prefix(part.prefix).is_some_and(|rest| rest.starts_with('_')))
        })
        .collect()
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_exist() {
    let names = names();
    for expression in ALERTS.iter().map(|alert| alert.when).chain(dashboard::expressions()) {
        let asked = asked(expression);
        assert!(!asked.is_empty(), "{expression} asks for nothing of ours");
        for name in asked {
            assert!(names.contains(name), "{name} is no metric: {expression}");
        }
    }
}

#[test]
fn what_an_operator_must_see_has_a_rule() {
    let all: String = ALERTS.iter().map(|alert| alert.when).collect();
    for needed in [
        "edge_agent_queue_oldest_seconds",
        "ingest_pending_payloads",
        "result=\"duplicate\"",
        "result=\"rejected\"",
        "result=\"held\"",
        "ingest_conflicts_total",
        "broker_refusals_total",
        "broker_takeovers_total",
        "ingest_takeovers_total",
        "ingest_lease_changes_total",
        "broker_certificate_expiry_seconds",
        "edge_agent_cert_expiry_seconds",
        "broker_canary_seconds",
    ] {
        assert!(all.contains(needed), "no rule looks at {needed}");
    }
    let distinct: BTreeSet<_> = ALERTS.iter().map(|alert| alert.name).collect();
    assert_eq!(distinct.len(), ALERTS.len(), "two rules have one name");
    assert!(ALERTS.iter().all(|alert| !alert.summary.is_empty() && !alert.act.is_empty()));
}

#[test]
fn the_files_in_the_repository_are_those_that_are_written() {
    let held = |file: &str| std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let again = "run `cargo run -p broker-config -- dashboards --dir broker-config/dashboards --force`";
    assert!(held("broker-config/dashboards/alerts.yml") == alerts::rules(), "alerts.yml is old: {again}");
    assert!(held("broker-config/dashboards/fleet.json") == dashboard::dashboard(), "fleet.json is old: {again}");
    let page = held("docs/operations.md");
    assert!(page.contains(&catalogue::table()), "the table is old: paste `cargo run -p broker-config -- metrics`");
}
