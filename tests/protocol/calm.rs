//! What becomes of a system when no further fault comes: everybody does what is due, in turns.

use std::time::Duration;

use crate::system::{Step, System};

/// Turns after which a system that is not settled never will be. Between them lies what the agents wait for.
const TURNS: u32 = 80;
/// From this turn on whole days pass, so that quotas begin anew.
const DAYS_FROM: u32 = 30;

/// Runs until nothing is held anywhere.
///
/// # Errors
/// What is still there after all turns.
pub(crate) fn run(system: &System) -> Result<System, String> {
    let mut calm = system.clone();
    for turn in 0..TURNS {
        for agent in 0..calm.agents.len() {
            if !calm.agents[agent].connected {
                calm.step(Step::Connect(agent));
            }
            if calm.agents[agent].can_close() {
                calm.step(Step::Close(agent));
            }
            calm.step(Step::Send(agent));
        }
        for worker in 0..calm.workers.len() {
            while calm.workers[worker].takes_more() && !calm.workers[worker].inbox.is_empty() {
                calm.step(Step::Deliver { worker, at: 0 });
            }
            while calm.workers[worker].has_work() {
                calm.step(Step::Work(worker));
            }
        }
        for agent in 0..calm.agents.len() {
            while !calm.agents[agent].hearing.is_empty() {
                calm.step(Step::Hear { agent, at: 0 });
            }
        }
        let idle = calm.workers.iter().all(|worker| worker.inbox.is_empty() && !worker.has_work());
        if idle && calm.agents.iter().all(|agent| agent.is_drained()) {
            return Ok(calm);
        }
        let day = Duration::from_secs(86_400);
        if turn >= DAYS_FROM {
            calm.wait(day);
        } else {
            calm.step(Step::Wait);
        }
    }
    Err(format!("not settled after {TURNS} turns:\n{calm:?}"))
}
