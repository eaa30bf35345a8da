//! `target/demo/report.json`, version 1: what the demo did and what it proved. Documented in docs/demo-report.md.

use serde::Serialize;

use crate::check::Check;

/// Raised when a field changes its meaning or goes.
pub(super) const REPORT_VERSION: u32 = 1;

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub version: u32,
    pub seed: u64,
    /// Every check agrees.
    pub passed: bool,
    pub simulated_hours: u64,
    pub wall_seconds: u64,
    pub printers: usize,
    pub models: usize,
    pub agents: Vec<String>,
    /// What went wrong on purpose, by simulated hour.
    pub faults: Vec<FaultLine>,
    pub checks: Vec<Check>,
    pub books: serde_json::Value,
    pub invoices: Vec<serde_json::Value>,
    pub supplies: serde_json::Value,
    pub traffic: Traffic,
}

#[derive(Debug, Serialize)]
pub(super) struct FaultLine {
    pub hour: u64,
    pub what: String,
}

/// Bytes on the way, and per device poll.
#[derive(Debug, Default, Serialize)]
pub(super) struct Traffic {
    pub polls_stored: u64,
    /// On the TCP stream between agents and broker, TLS and handshakes included, both directions.
    pub upstream_stream_bytes: u64,
    /// The part of it that MQTT keep-alive took; it runs on real time and is left out below.
    pub keep_alive_note: &'static str,
    pub upstream_stream_bytes_per_poll: f64,
    /// UDP payload + 28 bytes a packet, both directions, discovery included.
    pub lan_bytes: u64,
    pub lan_packets: u64,
    pub lan_bytes_per_poll: f64,
}
