//! What a process has used: CPU time, by thread if asked, and memory. From /proc.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// Ticks of /proc in a second; fixed at 100 for user space on Linux.
const TICKS: f64 = 100.0;

/// CPU seconds (user and system) of a process, its threads included, since its start.
///
/// # Errors
/// When there is no such process.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    Ok(ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?, 2)? / TICKS)
}

/// CPU seconds of the calling thread so far; others on the machine do not change it.
///
/// # Errors
/// When the kernel keeps no such account.
pub fn thread_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("the kernel's account of this thread")?;
    Ok(text.split(' ').next().unwrap_or_default().parse::<f64>()? / 1e9)
}

/// Resident memory of a process in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    /// The most so far.
    pub peak: u64,
}

/// # Errors
/// When there is no such process.
pub fn memory(pid: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Memory { now: kilobytes(&text, "VmRSS:") * 1024, peak: kilobytes(&text, "VmHWM:") * 1024 })
}

/// A value in kB of a file like /proc/meminfo, 0 if it is not there.
pub(super) fn kilobytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0)
}

/// The sum of `fields` tick counts of a stat line from utime on (2: own, 4: with children that were waited for).
pub(super) fn ticks(stat: &str, fields: usize) -> Result<f64> {
    let (_, rest) = stat.rsplit_once(") ").context("a line of /proc/PID/stat")?;
    rest.split(' ').skip(11).take(fields).map(|field| Ok(field.parse::<f64>()?)).sum()
}

/// CPU seconds of some processes by name, to be taken before and after.
#[derive(Debug, Clone)]
pub struct Cpu(BTreeMap<&'static str, f64>);

impl Cpu {
    /// # Errors
    /// When one of them has ended.
    pub fn of(parts: &[(&'static str, u32)]) -> Result<Self> {
        parts.iter().map(|(name, pid)| Ok((*name, cpu_seconds(*pid)?))).collect::<Result<_>>().map(Self)
    }

    /// Seconds used by one of them since `before`.
    pub fn since(&self, before: &Self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0) - before.0.get(name).copied().unwrap_or(0.0)
    }

    /// Seconds used by all of them since `before`.
    pub fn all_since(&self, before: &Self) -> f64 {
        self.0.keys().map(|name| self.since(before, name)).sum()
    }
}
