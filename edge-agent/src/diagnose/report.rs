//! What was tried, what came back, how long it took, and the verdict: as lines for people and as JSON with stable names.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::evidence::{Evidence, Seen};
use super::verdict::Verdict;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `name`, `range`, `ping`, `tcp`, `snmp`, `values`; `sweep` and `address` for a range.
    pub step: &'static str,
    pub tried: String,
    pub said: String,
    pub ms: u64,
}

impl Step {
    /// One line.
    pub fn line(&self) -> String {
        format!("{:<8} {:<44} {}  ({} ms)\n", self.step, self.tried, self.said, self.ms)
    }
}

/// A diagnosis as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub format: u8,
    pub target: String,
    pub address: Option<IpAddr>,
    pub steps: Vec<Step>,
    /// What answered, if anything did.
    pub device: Option<Seen>,
    pub verdict: &'static str,
    pub exit_code: u8,
    pub says: String,
    pub next: String,
}

impl Report {
    pub(super) fn of_address(target: &str, evidence: Evidence, steps: Vec<Step>, verdict: Verdict) -> Self {
        Self { address: evidence.address, device: evidence.seen, ..Self::of_range(target, steps, verdict) }
    }

    pub(super) fn of_range(target: &str, steps: Vec<Step>, verdict: Verdict) -> Self {
        let (name, exit_code) = verdict.name_and_code();
        Self {
            format: 1,
            target: target.to_owned(),
            address: None,
            steps,
            device: None,
            verdict: name,
            exit_code,
            says: verdict.says(),
            next: verdict.next(),
        }
    }

    /// The last lines: what it is and what to do.
    pub fn conclusion(&self) -> String {
        format!("\n{}: {}\nnext: {}\n", self.verdict, self.says, self.next)
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
