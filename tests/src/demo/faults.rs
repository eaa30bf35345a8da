//! Breaks things, each fault at its point of a step: before the hour begins, while printers are polled, or after.

use std::time::Duration;

use anyhow::Result;

use super::script::Fault;
use crate::faults::{Captured, repeat};
use crate::world::World;
use crate::world::process::until;

const REPEAT_TRIES: u32 = 10;
const COMMIT_DEADLINE: Duration = Duration::from_secs(20);

/// Applies faults.
#[derive(Debug)]
pub(super) struct Breaker {
    captured: Captured,
    store_is_away: bool,
}

impl Breaker {
    pub(super) fn new(captured: Captured) -> Self {
        Self { captured, store_is_away: false }
    }

    /// # Errors
    /// When a process cannot be killed or started.
    pub(super) async fn before(&mut self, world: &mut World, due: &[Fault]) -> Result<()> {
        for fault in due {
            match fault {
                Fault::KillClickHouse => {
                    world.clickhouse.kill()?;
                    self.store_is_away = true;
                }
                Fault::StartClickHouse => {
                    world.start_clickhouse().await?;
                    self.store_is_away = false;
                }
                Fault::CutNetwork { agent } => world.agents[*agent].relay.cut(),
                Fault::MendNetwork { agent } => world.agents[*agent].relay.mend(),
                Fault::MoveClock { agent, seconds } => {
                    if let Some(drill) = &world.drill {
                        drill.move_wall(world.agents[*agent].cn.as_str(), *seconds);
                    }
                }
                Fault::KillBroker | Fault::KillIngest | Fault::KillAgent { .. } | Fault::SendDuplicates { .. } => {}
            }
        }
        Ok(())
    }

    /// # Errors
    /// When a process cannot be killed or started.
    pub(super) async fn during(&mut self, world: &mut World, due: &[Fault]) -> Result<()> {
        for fault in due {
            match fault {
                Fault::KillAgent { agent } => {
                    // A polling round of twenty printers takes some tens of milliseconds here.
                    tokio::time::sleep(Duration::from_millis(8)).await;
                    world.agents[*agent].process.kill()?;
                    world.agents[*agent].process.start()?;
                }
                Fault::KillIngest => {
                    let http = world.ingest_http.clone();
                    let waited = until("ingest holds nothing to commit", COMMIT_DEADLINE, || async {
                        world.metric(&http, "ingest_pending_payloads").await.is_some_and(|pending| pending > 0.0)
                    })
                    .await;
                    world.ingest.kill()?;
                    if self.store_is_away {
                        // Ready it will be when ClickHouse is; the drill does not wait for that.
                        world.ingest.start()?;
                    } else {
                        world.start_ingest().await?;
                    }
                    if waited.is_err() {
                        super::print_error("         (nothing was being committed when ingest was killed)");
                    }
                }
                Fault::KillBroker => {
                    world.broker.kill()?;
                    world.start_broker().await?;
                }
                Fault::KillClickHouse
                | Fault::StartClickHouse
                | Fault::CutNetwork { .. }
                | Fault::MendNetwork { .. }
                | Fault::SendDuplicates { .. }
                | Fault::MoveClock { .. } => {}
            }
        }
        Ok(())
    }

    /// # Errors
    /// When the repeated payloads cannot be sent.
    pub(super) async fn after(&mut self, world: &mut World, due: &[Fault]) -> Result<()> {
        for fault in due {
            if let Fault::SendDuplicates { agent } = fault {
                let agent = &world.agents[*agent];
                let topic = schemas::topic::Topic::up(&agent.cn).to_string();
                let old = self.captured.of(&topic);
                let mut tries = 0;
                // The agent returns and takes its connection back, which may cut this short.
                while let Err(error) = repeat(world, agent, &old).await {
                    tries += 1;
                    anyhow::ensure!(tries < REPEAT_TRIES, "repeat old payloads: {error:#}");
                }
            }
        }
        Ok(())
    }
}
