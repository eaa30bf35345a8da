//! Every behaviour within stated bounds.

use std::hash::{Hash, Hasher};
use std::time::Instant;

use crate::agent::Host;
use crate::invariants;
use crate::search::{Model, search};
use crate::system::{Step, System};
use crate::worker::Means;

/// What is explored.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Readings that the agent takes.
    readings: usize,
    /// Workers that own every partition at once.
    workers: usize,
    /// Faults of any kind, in any combination and at any moment.
    faults: u8,
    /// Times that time passes to the next thing due.
    waits: u8,
    /// Of so many states one is followed until everything settles.
    calm_every: u64,
}

const HOST: Host = Host { wall_off_ms: 0, bytes_max: u64::MAX, memory_only: false };
const MEANS: Means = Means { quota_bytes_per_day: u64::MAX, clock_off_s: 0 };

#[derive(Debug, Clone)]
struct Explored {
    system: System,
    faults: u8,
    waits: u8,
}

impl Hash for Explored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.system, self.faults, self.waits).hash(state);
    }
}

impl Model for Bounds {
    type State = Explored;
    type Step = Step;

    fn beginning(&self) -> Explored {
        let system = System::new(&[HOST], &vec![MEANS; self.workers], None);
        Explored { system, faults: self.faults, waits: self.waits }
    }

    fn steps(&self, state: &Explored) -> Vec<Step> {
        let (system, agent) = (&state.system, 0);
        let inner = &system.agents[agent];
        let mut steps = Vec::new();
        if system.truth.readings.len() < self.readings {
            steps.push(Step::Take(agent));
        }
        if inner.can_close() {
            steps.push(Step::Close(agent));
        }
        if inner.connected {
            steps.extend((0..inner.hearing.len()).map(|at| Step::Hear { agent, at }));
        } else {
            steps.push(Step::Connect(agent));
        }
        for (worker, inner) in system.workers.iter().enumerate() {
            steps.extend((0..inner.inbox.len()).map(|at| Step::Deliver { worker, at }));
            if inner.has_work() {
                steps.push(Step::Work(worker));
            }
        }
        if state.waits > 0 {
            steps.push(Step::Wait);
        }
        if state.faults > 0 {
            faults(system, agent, &mut steps);
        }
        steps
    }

    fn after(&self, last: &Explored, step: Step) -> Option<Explored> {
        let mut next = last.clone();
        next.faults -= u8::from(step.fault().is_some());
        next.waits -= u8::from(step == Step::Wait);
        next.system.step(step);
        // The link sends what is due after whatever happened to it, before it listens again.
        if next.system.agents[0].connected {
            next.system.step(Step::Send(0));
        }
        Some(next)
    }

    fn check(&self, state: &Explored, fingerprint: u64) -> Result<(), String> {
        invariants::hold(&state.system, fingerprint.is_multiple_of(self.calm_every))
    }
}

fn faults(system: &System, agent: usize, steps: &mut Vec<Step>) {
    let inner = &system.agents[agent];
    steps.extend([Step::Kill(agent), Step::Reboot(agent), Step::LoseSpool(agent), Step::KillBroker]);
    if inner.connected {
        steps.extend([Step::Disconnect(agent), Step::AskAgain(agent)]);
        steps.extend((0..inner.hearing.len()).map(|at| Step::RepeatAck { agent, at }));
    }
    steps.extend((0..inner.hearing.len()).map(|at| Step::LoseAck { agent, at }));
    if system.snapshots[agent].is_some() {
        steps.extend([true, false].map(|counters_too| Step::SetBack { agent, counters_too }));
    }
    for (worker, inner) in system.workers.iter().enumerate() {
        steps.extend((0..inner.inbox.len()).flat_map(|at| [Step::Repeat { worker, at }, Step::Lose { worker, at }]));
        steps.push(Step::KillWorker(worker));
        if inner.has_work() {
            steps.extend([Step::HalfInsert(worker), Step::Unanswered(worker)]);
        }
    }
}

/// `large` for bounds that take minutes, or numbers of one's own: readings, workers, faults, waits, as in `2,1,2,1`.
const BOUNDS: &str = "PLATEN_PROTOCOL_BOUNDS";

fn explore(name: &str, small: Bounds, large: Bounds) {
    let within = match std::env::var_os(BOUNDS).map(|bounds| bounds.into_string().unwrap()) {
        None => small,
        Some(wanted) if wanted == "large" => large,
        Some(wanted) => {
            let numbers: Vec<u8> = wanted.split(',').map(|number| number.parse().unwrap()).collect();
            bounds(numbers.try_into().unwrap_or_else(|_| panic!("{BOUNDS} needs four numbers")))
        }
    };
    let began = Instant::now();
    let found = search(&within);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{name}: {} states, {} steps, depth {}, {seconds:.1} s within {within:?}",
        found.states, found.steps, found.depth
    );
    if let Some((why, way)) = found.broken {
        panic!("{why}\nafter {way:#?}");
    }
}

fn bounds([readings, workers, faults, waits]: [u8; 4]) -> Bounds {
    Bounds { readings: readings.into(), workers: workers.into(), faults, waits, calm_every: 64 }
}

#[test]
fn with_one_worker_no_two_faults_at_any_moment_break_a_promise() {
    explore("one worker", bounds([1, 1, 2, 0]), bounds([1, 1, 2, 1]));
}

#[test]
fn with_two_owners_of_a_partition_no_fault_at_any_moment_breaks_a_promise() {
    explore("two owners", bounds([1, 2, 1, 0]), bounds([1, 2, 1, 1]));
}

#[test]
fn with_several_readings_no_fault_at_any_moment_breaks_a_promise() {
    explore("several readings", bounds([3, 1, 1, 0]), bounds([2, 1, 1, 1]));
}

#[test]
fn no_fault_and_no_time_that_passes_at_any_moment_break_a_promise() {
    explore("time passes", bounds([1, 1, 1, 1]), bounds([1, 1, 1, 2]));
}
