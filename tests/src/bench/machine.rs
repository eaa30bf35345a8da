//! Where and when it was measured, and how much of the machine others had meanwhile.

use std::fs;

use anyhow::Result;
use service::clock::Clock;

use super::usage::{kilobytes, ticks};

/// With more than this taken by others, a figure is marked.
const BUSY_PERCENT: f64 = 10.0;

/// Busy and all ticks of the machine so far.
fn machine_ticks() -> Result<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let all: f64 = fields.iter().take(8).sum();
    let idle: f64 = fields.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

fn own_ticks() -> Result<f64> {
    ticks(&fs::read_to_string("/proc/self/stat")?, 4)
}

/// Watches the machine while a bench runs.
pub(super) struct Watch {
    busy: f64,
    all: f64,
    own: f64,
}

impl Watch {
    pub(super) fn begin() -> Result<Self> {
        let (busy, all) = machine_ticks()?;
        Ok(Self { busy, all, own: own_ticks()? })
    }

    /// When and where it was measured, in a sentence. All processes that the bench started must have ended.
    pub(super) fn end(&self, quick: bool) -> Result<String> {
        let (busy, all) = machine_ticks()?;
        let others = (busy - self.busy - (own_ticks()? - self.own)).max(0.0) / (all - self.all).max(1.0) * 100.0;
        let warning = if others > BUSY_PERCENT { " **Busy machine: preliminary.**" } else { "" };
        Ok(format!(
            "{}; {}; {}; others had {others:.0} % of the machine meanwhile.{warning}",
            Clock::system().wall().strftime("%Y-%m-%d %H:%M UTC"),
            if quick { "quick sizes" } else { "full sizes" },
            describe(),
        ))
    }
}

/// CPU, cores, memory, kernel and how our binaries were built.
fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = kilobytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:") / (1024 * 1024);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, {memory} GiB, Linux {}, profile {}", kernel.trim(), profile())
}

/// The folder of the running program is named after the profile.
fn profile() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let folder = path.parent().and_then(std::path::Path::file_name);
    folder.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
