//! Prints what came out: invoices, what runs out next, the proof, and what to look at while it runs.

use anyhow::Result;

use super::report::Report;
use super::{print_line, stage};
use crate::world::{World, tools};

/// Supplies shown on the terminal; all are in the report.
const SUPPLIES_SHOWN: usize = 8;

/// # Errors
/// When a tool cannot be run.
pub(super) async fn show(world: &World, report: &Report) -> Result<()> {
    let period = stage::period(report.simulated_hours)?;
    let config = world.billing_config.to_string_lossy();
    for ((tenant, _), invoice) in stage::TENANTS.into_iter().zip(&report.invoices) {
        let number = invoice["number"].to_string();
        print_line(&format!("\n── Invoice of {tenant} for {period}"));
        let arguments = ["bill", "show", "--config", &config, "--tenant", tenant, &number];
        print_line(&tools::text(world, "analytics", &arguments).await?);
        let findings = invoice["findings"].as_array().map_or(0, Vec::len);
        print_line(&format!("  {findings} findings of the review before; papers beside {}:", world.dir.display()));
        for ending in ["pdf", "xml", "meters.csv", "dossier.json"] {
            print_line(&format!("    {}", stage::paper(&world.dir, tenant, ending).display()));
        }
    }
    print_line("── What runs out next");
    for supply in report.supplies["supplies"].as_array().into_iter().flatten().take(SUPPLIES_SHOWN) {
        let word = |name: &str| supply[name].as_str().unwrap_or("").to_owned();
        let days = |name: &str| supply["days"][name].as_f64();
        let said = match (days("p50"), days("p10"), days("p90"), supply["expected_error_days"].as_f64()) {
            (Some(p50), Some(p10), Some(p90), Some(error)) => format!(
                "{p50:>5.1} days (8 of 10 cases: {p10:.1} to {p90:.1}; off by {error:.1} on average)\n      {}",
                word("reason")
            ),
            _ => word("reason"),
        };
        let named: String = word("description").chars().take(34).collect();
        print_line(&format!("  {:26} {named:34} {said}", word("device")));
    }
    proof(report);
    Ok(())
}

fn proof(report: &Report) {
    print_line(&format!(
        "\n── The proof (seed {}: {} printers of {} models, {} simulated hours in {} s)",
        report.seed, report.printers, report.models, report.simulated_hours, report.wall_seconds
    ));
    for fault in &report.faults {
        print_line(&format!("  hour {:4}  {}", fault.hour, fault.what));
    }
    for check in &report.checks {
        let mark = if check.passed() { "ok  " } else { "FAIL" };
        print_line(&format!("  {mark} {}: {} of {}", check.name, check.tried - check.disagreeing, check.tried));
        for example in &check.disagreements {
            print_line(&format!("         {example}"));
        }
    }
    let traffic = &report.traffic;
    print_line(&format!(
        "  {} polls stored; upstream {:.0} B per poll on the TCP stream, TLS and reconnects included (IP and TCP headers \
         and MQTT keep-alive are not: keep-alive runs on real time); LAN {:.0} B per poll, discovery included",
        traffic.polls_stored, traffic.upstream_stream_bytes_per_poll, traffic.lan_bytes_per_poll
    ));
    print_line(if report.passed {
        "  lost 0 · billed twice 0 · every number agrees"
    } else {
        "  NOT every number agrees"
    });
}

/// What to look at while everything still runs.
pub(super) fn keep(world: &World) {
    print_line("\nEverything is still running; Ctrl-C ends it.");
    print_line(&format!(
        "  ClickHouse     curl -u reader:$(cat {}/reader.password) 'http://{}/?database=platen' -d 'SELECT * FROM device_last FINAL LIMIT 3 FORMAT Vertical'",
        world.dir.display(),
        world.clickhouse_address
    ));
    print_line(&format!("  ingest         curl http://{}/metrics", world.ingest_http));
    print_line(&format!("  broker         curl http://{}/health", world.broker_http));
    for agent in &world.agents {
        print_line(&format!(
            "  {:14} target/debug/edge-agent queue --config {}",
            agent.cn.as_str(),
            agent.config.display()
        ));
    }
    print_line(&format!("  the books      target/debug/ingest proof --config {}", world.ingest_config.display()));
    print_line(&format!("  logs           {}/logs", world.dir.display()));
}
