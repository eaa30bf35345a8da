//! The status file: what the running agent says to `edge-agent status` and `queue`, written each minute.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemas::id::AgentCn;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::AgentMetrics;
use crate::publish::mode::Mode;
use crate::spool::Summary;
use crate::spool::counters::replace;
use crate::time::Moments;

/// A rate is stated once it rests on this much time.
const RATE_NEEDS: Duration = Duration::from_secs(3_600);
const DAY_S: u64 = 86_400;

/// What the file says. The format is a documented contract (docs/operations.md); fields are only added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    pub format: u32,
    pub version: String,
    pub cn: String,
    pub site: String,
    pub pid: u32,
    /// Unix seconds by the server's time as far as it is known.
    pub written_at: i64,
    pub link: Mode,
    pub clock_learned: bool,
    pub devices: i64,
    pub queue: Queue,
    pub spent: SpentSoFar,
}

/// What was spent since the start of the process, and whether the site's budget slows polling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpentSoFar {
    /// Both directions at IP level.
    pub lan_packets: u64,
    pub lan_bytes: u64,
    /// Published, resends included.
    pub upstream_payloads: u64,
    pub upstream_bytes: u64,
    /// Intervals are this many times as long as usual; 1 = within the budget.
    pub budget_stretch: i64,
}

/// The spool in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Queue {
    pub epoch: u64,
    /// Highest seq given, and lowest still held.
    pub taken: u64,
    pub oldest: u64,
    pub payloads: u64,
    pub unfrozen_polls: u64,
    pub bytes: u64,
    pub bytes_max: u64,
    pub disk_bytes: u64,
    /// When the oldest payload held was frozen, Unix seconds.
    pub oldest_at: Option<i64>,
    pub dropped: u64,
    /// Bytes that a day adds, and days until the cap is reached if nothing is settled; absent until known.
    pub bytes_per_day: Option<u64>,
    pub days_left: Option<u64>,
}

impl Queue {
    /// The numbers of a summary; `gained` = payload bytes made in `over`.
    pub fn of(summary: &Summary, gained: u64, over: Duration) -> Self {
        let bytes_per_day =
            (over >= RATE_NEEDS && gained > 0).then(|| gained.saturating_mul(DAY_S) / over.as_secs().max(1));
        let left = summary.bytes_max.saturating_sub(summary.bytes);
        Self {
            epoch: summary.epoch,
            taken: summary.taken,
            oldest: summary.oldest,
            payloads: summary.payloads,
            unfrozen_polls: summary.unfrozen_polls,
            bytes: summary.bytes,
            bytes_max: summary.bytes_max,
            disk_bytes: summary.disk_bytes,
            oldest_at: summary.oldest_closed_ms.map(|ms| ms.div_euclid(1_000)),
            dropped: summary.dropped,
            bytes_per_day,
            days_left: bytes_per_day.map(|rate| left / rate.max(1)),
        }
    }
}

/// Where the file lies.
#[derive(Debug, Clone)]
pub struct StatusFile {
    path: PathBuf,
}

impl StatusFile {
    pub fn in_dir(dir: &Path) -> Self {
        Self { path: dir.join("status.json") }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// When there is none, or it is not one of ours.
    pub fn read(&self) -> std::io::Result<Status> {
        Ok(serde_json::from_str(&std::fs::read_to_string(&self.path)?)?)
    }

    fn write(&self, status: &Status) -> std::io::Result<()> {
        replace(&self.path, serde_json::to_string_pretty(status)?.as_bytes())
    }
}

/// Writes the file while the agent runs.
#[derive(Debug)]
pub struct StatusWriter {
    pub file: StatusFile,
    pub cn: AgentCn,
    pub site: String,
    pub spool: watch::Receiver<Summary>,
    pub mode: watch::Receiver<Mode>,
    pub moments: Moments,
    pub metrics: AgentMetrics,
}

impl StatusWriter {
    /// Writes at once, then each `every` and when the agent stops.
    pub async fn run(self, every: Duration, token: CancellationToken) {
        let begin = self.moments.clock().steady();
        let mut failing = false;
        loop {
            let status = self.status(begin);
            let file = self.file.clone();
            let written = tokio::task::spawn_blocking(move || file.write(&status)).await;
            let failed_before = std::mem::replace(&mut failing, !matches!(written, Ok(Ok(()))));
            if let (Ok(Err(error)), false) = (written, failed_before) {
                tracing::warn!(%error, file = %self.file.path().display(), "status file not written");
            }
            if token.is_cancelled() {
                return;
            }
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    fn status(&self, begin: Duration) -> Status {
        let summary = *self.spool.borrow();
        let over = self.moments.clock().steady().saturating_sub(begin);
        let now = self.moments.now().wall_ms.saturating_add(summary.offset_ms.unwrap_or(0));
        Status {
            format: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cn: self.cn.to_string(),
            site: self.site.clone(),
            pid: std::process::id(),
            written_at: now.div_euclid(1_000),
            link: *self.mode.borrow(),
            clock_learned: summary.learned,
            devices: self.metrics.devices.get(),
            queue: Queue::of(&summary, summary.bytes_frozen, over),
            spent: SpentSoFar {
                lan_packets: self.metrics.snmp_packets.get(),
                lan_bytes: self.metrics.snmp_bytes.get(),
                upstream_payloads: self.metrics.payloads_sent.get() + self.metrics.payloads_resent.get(),
                upstream_bytes: self.metrics.wan_bytes.get(),
                budget_stretch: self.metrics.budget_stretch.get(),
            },
        }
    }
}
