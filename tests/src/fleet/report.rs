//! What the drill measured, as a table and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::gauge::Taken;
use super::tally::Spread;
use crate::demo::print_line;

/// Raised when a field changes its meaning or goes.
pub(super) const REPORT_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub version: u32,
    pub agents: usize,
    pub devices_per_agent: u32,
    /// Seconds between two batches of an agent.
    pub every_s: f64,
    pub backlog_agents: usize,
    pub backlog_hours: u64,
    pub release_binaries: bool,
    pub issue_seconds: f64,
    pub phases: Vec<Phase>,
    pub payloads: u64,
    pub polls_stored: u64,
    pub own_peak_mib: f64,
    pub passed: bool,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Phase {
    pub name: &'static str,
    pub seconds: f64,
    /// Until half, 99 in 100 and all agents were answered by ingest, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_s: Option<[f64; 3]>,
    /// Connection attempts that failed.
    pub refused: u64,
    pub payloads_settled: u64,
    pub payloads_per_s: f64,
    pub polls_per_s: f64,
    pub resent: u64,
    /// First publish to ack, as the agents see it.
    pub fresh: Spread,
    pub backlog: Spread,
    /// Receive to commit, as ingest sees it.
    pub commit_p50_ms: f64,
    pub commit_p99_ms: f64,
    pub taken: BTreeMap<&'static str, Taken>,
}

impl Phase {
    pub(super) fn show(&self) {
        print_line(&format!("\n── {} ({:.1} s)", self.name, self.seconds));
        if let Some([half, most, all]) = self.back_s {
            print_line(&format!(
                "  back: half after {half:.1} s, 99 % after {most:.1} s, all after {all:.1} s; {} attempts failed",
                self.refused
            ));
        }
        if self.payloads_settled > 0 {
            print_line(&format!(
                "  settled {} payloads, {:.0}/s = {:.0} polls/s; resent {}",
                self.payloads_settled, self.payloads_per_s, self.polls_per_s, self.resent
            ));
            print_line(&format!(
                "  receive to commit p50 {:.0} ms, p99 {:.0} ms",
                self.commit_p50_ms, self.commit_p99_ms
            ));
        }
        for (what, spread) in [("fresh", &self.fresh), ("backlog", &self.backlog)] {
            if spread.count > 0 {
                print_line(&format!(
                    "  publish to ack, {what}: p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms ({} payloads)",
                    spread.p50_ms, spread.p99_ms, spread.max_ms, spread.count
                ));
            }
        }
        for (name, taken) in &self.taken {
            print_line(&format!("  {name}: peak {:.0} MiB, {:.1} s of processor", taken.peak_mib, taken.cpu_seconds));
        }
    }
}
