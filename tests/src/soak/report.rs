//! `target/soak-SEED/report.json`, version 1: what the soak did and what it found. Written again at each checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::check::Check;

/// Raised when a field changes its meaning or goes.
pub(super) const REPORT_VERSION: u32 = 1;

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub version: u32,
    pub seed: u64,
    /// `None` while it runs.
    pub passed: Option<bool>,
    /// What ended it, if that was not the time.
    pub failure: Option<String>,
    pub wall_seconds: u64,
    pub simulated_hours: u64,
    /// How often each kind of fault struck.
    pub faults_by_kind: BTreeMap<String, u64>,
    /// By simulated hour.
    pub faults: Vec<FaultLine>,
    pub checkpoints: Vec<Checkpoint>,
    /// Largest resident size met, in bytes.
    pub memory_bytes: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct FaultLine {
    pub hour: u64,
    pub what: String,
}

/// What was found at one checkpoint.
#[derive(Debug, Serialize)]
pub(super) struct Checkpoint {
    pub hour: u64,
    pub wall_seconds: u64,
    /// From the end of the faults until nothing was held, and what proving took.
    pub settle_seconds: f64,
    pub check_seconds: f64,
    pub polls_stored: u64,
    pub polls_dropped: u64,
    pub lost: u64,
    /// Payloads that were found to claim one place in the books: clones and restored snapshots.
    pub conflicts: u64,
    pub repeats: u64,
    pub memory_bytes: BTreeMap<String, u64>,
    pub checks: Vec<Check>,
}

impl Report {
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        Ok(std::fs::write(dir.join("report.json"), serde_json::to_vec_pretty(self)?)?)
    }
}
