//! What goes wrong in the demo, and when: drawn from the seed, before anything starts.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// kill -9, and started again at once.
    KillBroker,
    /// kill -9 while payloads are being committed, and started again at once.
    KillIngest,
    /// kill -9 in the middle of a polling round, and started again at once.
    KillAgent {
        agent: usize,
    },
    /// kill -9 of the engine, and started again after some simulated hours.
    KillClickHouse,
    StartClickHouse,
    /// The agent's line is cut, and mended days later.
    CutNetwork {
        agent: usize,
    },
    MendNetwork {
        agent: usize,
    },
    /// Payloads that were already delivered are delivered again.
    SendDuplicates {
        agent: usize,
    },
    /// The host's wall clock jumps (steady time does not).
    MoveClock {
        agent: usize,
        seconds: i64,
    },
}

impl Fault {
    /// For the progress display and the report.
    pub fn words(&self, agents: &[String]) -> String {
        match self {
            Self::KillBroker => "kill -9 broker".to_owned(),
            Self::KillIngest => "kill -9 ingest in mid-batch".to_owned(),
            Self::KillAgent { agent } => format!("kill -9 agent {}", agents[*agent]),
            Self::KillClickHouse => "kill -9 ClickHouse".to_owned(),
            Self::StartClickHouse => "ClickHouse is back".to_owned(),
            Self::CutNetwork { agent } => format!("network of {} cut", agents[*agent]),
            Self::MendNetwork { agent } => format!("network of {} back", agents[*agent]),
            Self::SendDuplicates { agent } => format!("old payloads of {} sent again", agents[*agent]),
            Self::MoveClock { agent, seconds } => {
                format!("wall clock of {} moved by {} h", agents[*agent], seconds / 3600)
            }
        }
    }
}

/// Hours of the drill at which something happens, in order.
pub type Script = Vec<(u64, Fault)>;

/// Draws the faults: the broker twice, ingest, an agent, ClickHouse, five days without network, duplicates, a clock.
/// Nothing happens in the first and the last tenth, so that the drill starts and ends whole.
pub fn draw(seed: u64, hours: u64, agents: usize) -> Script {
    let mut random = StdRng::seed_from_u64(seed);
    let (early, late) = (hours / 10, hours - hours / 10);
    let cut_hours = (5 * 24).min((late - early) / 3);
    let away_hours = 6.min((late - early) / 6).max(1);
    let mut when = |reserve: u64| random.random_range(early..(late - reserve).max(early + 1));
    let (cut, away, moved) = (when(cut_hours), when(away_hours), when(48.min((late - early) / 4)));
    let mut script = vec![
        (when(0), Fault::KillBroker),
        (when(0), Fault::KillBroker),
        (when(0), Fault::KillIngest),
        (away, Fault::KillClickHouse),
        (away + away_hours, Fault::StartClickHouse),
        (cut, Fault::CutNetwork { agent: 2 % agents }),
        (cut + cut_hours, Fault::MendNetwork { agent: 2 % agents }),
        (when(0), Fault::KillAgent { agent: 0 }),
        (when(0), Fault::SendDuplicates { agent: 1 % agents }),
        (moved, Fault::MoveClock { agent: 1 % agents, seconds: 3 * 86_400 }),
        (moved + 48.min((late - early) / 4), Fault::MoveClock { agent: 1 % agents, seconds: 0 }),
    ];
    script.sort_by_key(|(hour, _)| *hour);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_breaks_everything_that_is_promised_and_leaves_start_and_end_alone() {
        for seed in 0..200 {
            for hours in [48, 840] {
                let script = draw(seed, hours, 3);
                let count = |wanted: fn(&Fault) -> bool| script.iter().filter(|(_, fault)| wanted(fault)).count();
                assert_eq!(count(|fault| *fault == Fault::KillBroker), 2);
                assert_eq!(count(|fault| *fault == Fault::KillIngest), 1);
                assert_eq!(count(|fault| matches!(fault, Fault::KillAgent { .. })), 1);
                assert_eq!(count(|fault| *fault == Fault::StartClickHouse), 1);
                assert_eq!(count(|fault| matches!(fault, Fault::MendNetwork { .. })), 1);
                assert!(
                    script.iter().all(|(hour, _)| *hour >= hours / 10 && *hour <= hours - hours / 10),
                    "{seed} {script:?}"
                );
                assert!(script.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            }
        }
    }
}
