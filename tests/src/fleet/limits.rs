//! Bounds of the fleet, with their reasons.

use std::time::Duration;

/// DNS, TCP, TLS and CONNACK together, as the agent has it.
pub(super) const CONNECT_TIMEOUT: Duration = edge_agent::limits::CONNECT_TIMEOUT;
/// All agents must be back within this after a restart of the broker.
pub(super) const BACK_DEADLINE: Duration = Duration::from_secs(300);
/// Everything that is held must be settled within this at the end of a phase.
pub(super) const DRAIN_DEADLINE: Duration = Duration::from_secs(900);
/// A packet from the broker; acks name at most 64 payloads here.
pub(super) const PACKET_BYTES_MAX: usize = 64 * 1024;
/// Files that this process needs beside the connections.
pub(super) const FILES_BESIDE: u64 = 512;
/// Moments at which latencies are kept; beyond it the drill is longer than it should be.
pub(super) const SAMPLES_MAX: usize = 2_000_000;
