//! Resident memory of every process, from /proc, held against a limit by name and against growth.

use std::collections::BTreeMap;

use crate::check::Check;
use crate::soak::breaker::Breaker;
use crate::world::World;
use crate::world::process::resident_bytes;

const MIB: u64 = 1024 * 1024;
/// Builds with debug information and without optimisation; an agent's installed size is measured in benches.
const AGENT_MAX: u64 = 64 * MIB;
const BROKER_MAX: u64 = 64 * MIB;
const INGEST_MAX: u64 = 96 * MIB;
/// The engine's library alone is 566 MB, of which 350 are resident at rest; its caches and merges come on top.
const CLICKHOUSE_MAX: u64 = 1536 * MIB;
/// The printers and this program, which keeps what every printer ever counted.
const SOAK_MAX: u64 = 256 * MIB;

/// Checkpoints after which a process is warm: caches are filled, every kind of fault was met.
const WARM_AFTER: usize = 3;
/// What may come on top of the largest size met while warming up: half of it, and some slack for small processes.
const GROWTH_PERCENT: u64 = 150;
const GROWTH_SLACK: u64 = 16 * MIB;

/// What grows with simulated time and is bounded by its limit alone: the truth about the printers, and the engine, whose proof
/// reads all that was ever stored (its own bound is `memory_max_mb`).
const GROWS_WITH_DATA: [&str; 2] = ["soak", "embedded-clickhouse"];

/// Sizes by process, in the order in which they were taken.
#[derive(Debug, Default)]
pub(super) struct Memory {
    taken: usize,
    warm: BTreeMap<String, u64>,
    pub(super) largest: BTreeMap<String, u64>,
}

impl Memory {
    /// Looks now, between checkpoints: only the largest is kept.
    pub(super) fn look(&mut self, world: &World, breaker: &Breaker) -> BTreeMap<String, u64> {
        let mut sizes = BTreeMap::new();
        let agents = world.agents.iter().map(|agent| &agent.process);
        for process in
            [&world.clickhouse, &world.broker, &world.ingest].into_iter().chain(agents).chain(breaker.clones())
        {
            if let Some(bytes) = process.resident_bytes() {
                sizes.insert(process.name().to_owned(), bytes);
            }
        }
        sizes.extend(resident_bytes("self").map(|bytes| ("soak".to_owned(), bytes)));
        for (name, bytes) in &sizes {
            let largest = self.largest.entry(name.clone()).or_default();
            *largest = (*largest).max(*bytes);
        }
        sizes
    }

    /// Holds the largest sizes so far against the limits.
    pub(super) fn check(&mut self) -> Check {
        let mut check = Check::new("no process is larger than its limit, or grows once it is warm");
        self.taken += 1;
        for (name, bytes) in &self.largest {
            let limit = limit(name);
            check.that(*bytes <= limit, || format!("{name}: {} MiB, the limit is {}", bytes / MIB, limit / MIB));
            if self.taken <= WARM_AFTER || GROWS_WITH_DATA.contains(&name.as_str()) {
                self.warm.insert(name.clone(), *bytes);
            } else if let Some(warm) = self.warm.get(name) {
                let most = warm * GROWTH_PERCENT / 100 + GROWTH_SLACK;
                check.that(*bytes <= most, || {
                    format!("{name}: grew from {} MiB when warm to {} MiB", warm / MIB, bytes / MIB)
                });
            }
        }
        check
    }
}

fn limit(name: &str) -> u64 {
    match name {
        "embedded-clickhouse" => CLICKHOUSE_MAX,
        "broker" => BROKER_MAX,
        "soak" => SOAK_MAX,
        ingest if ingest.starts_with("ingest") => INGEST_MAX,
        _ => AGENT_MAX,
    }
}

/// `name 12 MiB` for each.
pub(super) fn words(sizes: &BTreeMap<String, u64>) -> String {
    sizes.iter().map(|(name, bytes)| format!("{name} {}", bytes / MIB)).collect::<Vec<_>>().join(" ")
}
