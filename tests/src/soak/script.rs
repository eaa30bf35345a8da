//! What goes wrong in the soak, and when. Pure: the faults of an hour follow from the seed, the hour and what still lasts.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Chance that something goes wrong in an hour, in percent; and that a second thing does too.
const FAULT_PERCENT: u32 = 12;
const SECOND_PERCENT: u32 = 25;
/// A kill or a pause falls this many milliseconds into a step at most; a step takes 50 to 200.
const INTO_STEP_MS: u64 = 150;
/// A paused process sleeps this long at most: more than a resend, less than what ends a connection.
const PAUSE_MS_MAX: u64 = 4_000;

/// A process. Where several workers run, each is a part of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    ClickHouse,
    Broker,
    Ingest,
    Agent(usize),
}

/// One thing that goes wrong. Durations in hours are simulated, milliseconds are real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// kill -9 in the middle of a step, and started again at once. The broker has forgotten everything then.
    Kill { part: Part, after_ms: u64 },
    /// SIGSTOP, later SIGCONT.
    Pause { part: Part, after_ms: u64, ms: u64 },
    /// SIGTERM, exit code 0, started again.
    Restart { part: Part },
    /// kill -9 of ClickHouse, started again after some hours.
    StoreAway { hours: u64 },
    /// The line is cut.
    Cut { agent: usize, hours: u64 },
    /// The line takes connections and passes nothing.
    Freeze { agent: usize, hours: u64 },
    /// The present connection swallows everything for ever, and nobody is told.
    Lose { agent: usize },
    /// Somebody with the same certificate takes the connection over and delivers old payloads again.
    Repeat { agent: usize },
    /// Somebody with the same certificate takes the connection over and is silent.
    TakeOver { agent: usize, ms: u64 },
    /// The host's wall clock is wrong by days for some hours.
    MoveClock { agent: usize, days: i64, hours: u64 },
    /// The data folder is copied; at the next checkpoint the copy replaces the original.
    Snapshot { agent: usize },
    /// A copy of the data folder runs as a second agent with the same certificate for some hours.
    Clone { agent: usize, hours: u64 },
    /// A new certificate of the broker and a new list of revoked ones, read by the running broker.
    RenewBroker,
    /// The agent's certificate is revoked and a new one put in its place.
    RenewAgent { agent: usize },
}

impl Fault {
    /// For the report.
    pub fn words(&self, agents: &[String]) -> String {
        let part = |part: Part| match part {
            Part::ClickHouse => "ClickHouse",
            Part::Broker => "broker",
            Part::Ingest => "ingest",
            Part::Agent(agent) => agents[agent].as_str(),
        };
        match *self {
            Self::Kill { part: which, after_ms } => format!("kill -9 {} {after_ms} ms into the hour", part(which)),
            Self::Pause { part: which, after_ms, ms } => {
                format!("{} stopped for {ms} ms, {after_ms} ms into the hour", part(which))
            }
            Self::Restart { part: which } => format!("{} restarted", part(which)),
            Self::StoreAway { hours } => format!("kill -9 ClickHouse, away for {hours} h"),
            Self::Cut { agent, hours } => format!("line of {} cut for {hours} h", agents[agent]),
            Self::Freeze { agent, hours } => format!("line of {} frozen for {hours} h", agents[agent]),
            Self::Lose { agent } => format!("connection of {} lost in silence", agents[agent]),
            Self::Repeat { agent } => format!("old payloads of {} sent again over its connection", agents[agent]),
            Self::TakeOver { agent, ms } => format!("connection of {} taken over for {ms} ms", agents[agent]),
            Self::MoveClock { agent, days, hours } => {
                format!("wall clock of {} wrong by {days} days for {hours} h", agents[agent])
            }
            Self::Snapshot { agent } => format!("snapshot of {}, restored at the checkpoint", agents[agent]),
            Self::Clone { agent, hours } => format!("clone of {} runs for {hours} h", agents[agent]),
            Self::RenewBroker => "broker's certificate and the CRL renewed".to_owned(),
            Self::RenewAgent { agent } => format!("certificate of {} revoked and renewed", agents[agent]),
        }
    }

    /// What it keeps busy, and for how many hours: two faults of one kind do not overlap on one target.
    fn lasts(&self) -> Option<(Target, u64)> {
        match *self {
            Self::StoreAway { hours } => Some((Target::Store, hours)),
            Self::Cut { agent, hours } | Self::Freeze { agent, hours } => Some((Target::Line(agent), hours)),
            Self::MoveClock { agent, hours, .. } => Some((Target::Wall(agent), hours)),
            // Until the checkpoint, which forgets all.
            Self::Snapshot { agent } => Some((Target::Folder(agent), u64::MAX)),
            Self::Clone { agent, hours } => Some((Target::Folder(agent), hours)),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Store,
    Line(usize),
    Wall(usize),
    Folder(usize),
}

/// Draws faults hour by hour.
#[derive(Debug)]
pub struct Script {
    seed: u64,
    agents: usize,
    busy: BTreeMap<Target, u64>,
}

impl Script {
    pub fn new(seed: u64, agents: usize) -> Self {
        Self { seed, agents, busy: BTreeMap::new() }
    }

    /// What goes wrong in this hour.
    pub fn hour(&mut self, hour: u64) -> Vec<Fault> {
        self.busy.retain(|_, until| *until > hour);
        let mut random = StdRng::seed_from_u64(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ hour);
        let mut faults = Vec::new();
        let mut percent = FAULT_PERCENT;
        while random.random_range(0..100) < percent && faults.len() < 2 {
            let fault = draw(&mut random, self.agents);
            if self.begin(hour, &fault) {
                faults.push(fault);
            }
            percent = SECOND_PERCENT;
        }
        faults
    }

    /// A fault that is not drawn but due; `false` if its target is still busy with another.
    pub fn begin(&mut self, hour: u64, fault: &Fault) -> bool {
        let Some((target, hours)) = fault.lasts() else { return true };
        if self.busy.contains_key(&target) {
            return false;
        }
        self.busy.insert(target, hour.saturating_add(hours));
        true
    }

    /// A checkpoint ends everything.
    pub fn all_ended(&mut self) {
        self.busy.clear();
    }
}

fn draw(random: &mut StdRng, agents: usize) -> Fault {
    let agent = random.random_range(0..agents);
    let after_ms = random.random_range(0..INTO_STEP_MS);
    let part = match random.random_range(0..8) {
        0 => Part::ClickHouse,
        1 | 2 => Part::Broker,
        3..=5 => Part::Ingest,
        _ => Part::Agent(agent),
    };
    match random.random_range(0..100) {
        0..30 => Fault::Kill { part, after_ms },
        30..46 => Fault::Pause { part, after_ms, ms: random.random_range(50..PAUSE_MS_MAX) },
        46..53 => Fault::Restart { part },
        53..56 => Fault::StoreAway { hours: random.random_range(2..16) },
        56..64 => Fault::Cut { agent, hours: random.random_range(1..96) },
        64..68 => Fault::Freeze { agent, hours: random.random_range(1..12) },
        68..73 => Fault::Lose { agent },
        73..79 => Fault::Repeat { agent },
        79..84 => Fault::TakeOver { agent, ms: random.random_range(10..1_000) },
        84..90 => {
            let days = random.random_range(-400..400);
            Fault::MoveClock { agent, days, hours: random.random_range(1..72) }
        }
        90..93 => Fault::Snapshot { agent },
        93..95 => Fault::Clone { agent, hours: random.random_range(2..12) },
        95..97 => Fault::RenewBroker,
        _ => Fault::RenewAgent { agent },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(fault: &Fault) -> std::mem::Discriminant<Fault> {
        std::mem::discriminant(fault)
    }

    #[test]
    fn the_same_seed_breaks_the_same_things_in_the_same_hours_and_an_hour_of_soak_breaks_everything() {
        let run = |seed: u64| {
            let mut script = Script::new(seed, 3);
            (0..5_000)
                .flat_map(|hour| {
                    if hour % 240 == 0 {
                        script.all_ended();
                    }
                    script.hour(hour).into_iter().map(move |fault| (hour, fault)).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        for seed in 0..5 {
            let faults = run(seed);
            assert_eq!(faults, run(seed), "seed {seed}");
            let kinds: std::collections::HashSet<_> = faults.iter().map(|(_, fault)| kind(fault)).collect();
            assert_eq!(kinds.len(), 14, "seed {seed}");
        }
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn two_faults_of_one_kind_never_overlap_on_one_target() {
        let mut script = Script::new(9, 3);
        let mut cut_until = [0; 3];
        for hour in 0..5_000 {
            for fault in script.hour(hour) {
                if let Fault::Cut { agent, hours } | Fault::Freeze { agent, hours } = fault {
                    assert!(cut_until[agent] <= hour, "{fault:?} in hour {hour}");
                    cut_until[agent] = hour + hours;
                }
            }
        }
    }
}
