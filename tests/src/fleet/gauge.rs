//! What the processes of the cloud take: memory and processor time from /proc, latency from ingest's own histogram.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::world::process::Process;
use crate::world::{World, http};

/// Ticks of /proc/PID/stat per second on Linux, whatever the machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// One process over one phase.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Taken {
    /// Largest resident size since the process started, in MiB.
    pub peak_mib: f64,
    pub cpu_seconds: f64,
}

/// Counts at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    taken: BTreeMap<&'static str, (f64, f64)>,
    /// Upper bound in seconds and cumulative count.
    histogram: Vec<(f64, f64)>,
}

fn status_mib(pid: u32, key: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0) / 1024.0
}

fn cpu_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, rest)) = text.rsplit_once(") ") else { return 0.0 };
    rest.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

fn of(process: &Process) -> (f64, f64) {
    process.pid().map_or((0.0, 0.0), |pid| (status_mib(pid, "VmHWM:"), cpu_seconds(pid)))
}

pub(super) fn own_peak_mib() -> f64 {
    status_mib(std::process::id(), "VmHWM:")
}

/// # Errors
/// When ingest does not answer.
pub(super) async fn read(world: &World) -> Result<Reading> {
    let processes = [("broker", &world.broker), ("ingest", &world.ingest), ("engine", &world.clickhouse)];
    let answer = http::get(&world.ingest_http, "/metrics").await.context("ingest's metrics")?;
    let histogram = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("ingest_receive_to_commit_seconds_bucket{le=\""))
        .filter_map(|line| {
            let (bound, count) = line.split_once("\"} ")?;
            Some((bound.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
        })
        .collect();
    Ok(Reading { taken: processes.map(|(name, process)| (name, of(process))).into(), histogram })
}

impl Reading {
    /// What each process took since `before`; a process that started anew counts from its start.
    pub(super) fn taken_since(&self, before: &Self) -> BTreeMap<&'static str, Taken> {
        let taken = self.taken.iter().map(|(name, (peak_mib, cpu))| {
            let earlier = before.taken.get(name).map_or(0.0, |(_, cpu)| *cpu);
            let cpu_seconds = if *cpu >= earlier { cpu - earlier } else { *cpu };
            (*name, Taken { peak_mib: *peak_mib, cpu_seconds })
        });
        taken.collect()
    }

    /// Receive to commit in milliseconds at this share of the payloads since `before`, interpolated within its bucket.
    pub(super) fn commit_ms(&self, before: &Self, share: f64) -> f64 {
        let counts: Vec<(f64, f64)> = self
            .histogram
            .iter()
            .enumerate()
            .map(|(at, (bound, count))| (*bound, count - before.histogram.get(at).map_or(0.0, |(_, count)| *count)))
            .collect();
        let wanted = counts.last().map_or(0.0, |(_, all)| all * share);
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in counts {
            if count >= wanted && count > below {
                let high = if bound.is_finite() { bound } else { low };
                return (low + (high - low) * (wanted - below) / (count - below)) * 1000.0;
            }
            (low, below) = (bound, count);
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_interpolated_within_its_bucket_of_what_was_counted_since() {
        let reading = |counts: [f64; 3]| Reading {
            taken: BTreeMap::new(),
            histogram: [0.1, 0.5, f64::INFINITY].into_iter().zip(counts).collect(),
        };
        let (before, after) = (reading([10.0, 10.0, 10.0]), reading([60.0, 110.0, 110.0]));
        assert!((after.commit_ms(&before, 0.5) - 100.0).abs() < 0.1);
        assert!((after.commit_ms(&before, 0.75) - 300.0).abs() < 0.1);
    }
}
