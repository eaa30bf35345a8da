//! Breaks things and mends them: before the hour begins, while printers are polled, or after.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::Validity;
use rustix::process::Signal;

use super::script::{Fault, Part};
use super::settle;
use crate::faults::{Captured, folder, repeat, take_over};
use crate::world::process::{Process, until};
use crate::world::{World, http};

/// A part that was started says something of itself within this.
const START_DEADLINE: Duration = Duration::from_secs(40);
/// A part that is asked to stop does so within this.
const STOP_DEADLINE: Duration = Duration::from_secs(40);
/// A broker that is told to read its certificates does so within this.
const RELOAD_DEADLINE: Duration = Duration::from_secs(20);
/// Attempts to deliver old payloads against an agent that takes its connection back.
const REPEAT_TRIES: u32 = 10;
const CERTIFICATE_DAYS: u32 = 90;

/// What ends a fault that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undo {
    StartStore,
    Mend(usize),
    RightClock(usize),
    EndClone(usize),
}

/// Applies faults and ends them.
#[derive(Debug)]
pub(super) struct Breaker {
    captured: Captured,
    undo: Vec<(u64, Undo)>,
    store_is_away: bool,
    clones: BTreeMap<usize, Process>,
    snapshots: BTreeMap<usize, PathBuf>,
    /// Agents of which two ran at one time since the last checkpoint: a barrier may have heard the other one.
    doubled: BTreeSet<usize>,
}

impl Breaker {
    pub(super) fn new(captured: Captured) -> Self {
        Self {
            captured,
            undo: Vec::new(),
            store_is_away: false,
            clones: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            doubled: BTreeSet::new(),
        }
    }

    /// Ends what is over, and begins what lasts.
    ///
    /// # Errors
    /// When a process cannot be killed or started.
    pub(super) async fn before(&mut self, world: &mut World, hour: u64, due: &[Fault]) -> Result<()> {
        let (over, lasting) = self.undo.drain(..).partition(|(at, _)| *at <= hour);
        self.undo = lasting;
        self.end(world, over).await?;
        for fault in due {
            match *fault {
                Fault::StoreAway { hours } => {
                    world.clickhouse.kill()?;
                    self.store_is_away = true;
                    self.undo.push((hour + hours, Undo::StartStore));
                }
                Fault::Cut { agent, hours } => {
                    world.agents[agent].relay.cut();
                    self.undo.push((hour + hours, Undo::Mend(agent)));
                }
                Fault::Freeze { agent, hours } => {
                    world.agents[agent].relay.freeze();
                    self.undo.push((hour + hours, Undo::Mend(agent)));
                }
                Fault::Lose { agent } => world.agents[agent].relay.lose(),
                Fault::MoveClock { agent, days, hours } => {
                    move_wall(world, agent, days * 86_400);
                    self.undo.push((hour + hours, Undo::RightClock(agent)));
                }
                Fault::Snapshot { agent } => {
                    let copy = world.dir.join("snapshots").join(world.agents[agent].cn.as_str());
                    copy_data(world, agent, &copy)?;
                    self.snapshots.insert(agent, copy);
                }
                Fault::Clone { agent, hours } => {
                    self.clone_agent(world, agent)?;
                    self.undo.push((hour + hours, Undo::EndClone(agent)));
                }
                Fault::Restart { part } => self.restart(world, part).await?,
                Fault::RenewBroker => renew_broker(world).await?,
                Fault::RenewAgent { agent } => renew_agent(world, agent)?,
                Fault::Kill { .. } | Fault::Pause { .. } | Fault::Repeat { .. } | Fault::TakeOver { .. } => {}
            }
        }
        Ok(())
    }

    /// What strikes while printers are polled.
    ///
    /// # Errors
    /// When a process cannot be killed or started.
    pub(super) async fn during(&mut self, world: &mut World, due: &[Fault]) -> Result<()> {
        for fault in due {
            match *fault {
                Fault::Kill { part, after_ms } => {
                    // Anywhere in the polling, sending, committing or acking of this hour; not a wait for something.
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    process(world, part).kill()?;
                    self.start(world, part).await?;
                }
                Fault::Pause { part, after_ms, ms } => {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    process(world, part).pause(Duration::from_millis(ms)).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What strikes between two hours.
    ///
    /// # Errors
    /// When a second client is never let in.
    pub(super) async fn after(&mut self, world: &World, due: &[Fault]) -> Result<()> {
        for fault in due {
            match *fault {
                Fault::Repeat { agent } => {
                    let agent = &world.agents[agent];
                    let old = self.captured.of(&schemas::topic::Topic::up(&agent.cn).to_string());
                    let mut tries = 0;
                    // The agent returns and takes its connection back, which may cut this short.
                    while let Err(error) = repeat(world, agent, &old).await {
                        tries += 1;
                        ensure!(tries < REPEAT_TRIES, "repeat old payloads: {error:#}");
                    }
                }
                Fault::TakeOver { agent, ms } => {
                    take_over(world, &world.agents[agent], Duration::from_millis(ms))
                        .await
                        .context("take the connection over")?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends everything that lasts.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub(super) async fn end_all(&mut self, world: &mut World) -> Result<()> {
        let all = std::mem::take(&mut self.undo);
        self.end(world, all).await
    }

    /// Agents whose polls may have gaps since the last checkpoint; forgotten afterwards.
    pub(super) fn take_doubled(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.doubled)
    }

    /// Puts the snapshots in the place of what the agents have now. Everything is settled, so nothing may be lost by it.
    ///
    /// # Errors
    /// When a file cannot be copied or an agent not started.
    pub(super) fn restore_snapshots(&mut self, world: &mut World) -> Result<Vec<usize>> {
        let mut restored = Vec::new();
        for (agent, copy) in std::mem::take(&mut self.snapshots) {
            let agent_of = &mut world.agents[agent];
            agent_of.process.kill()?;
            folder::copy(&copy, &agent_of.data)?;
            agent_of.process.start()?;
            restored.push(agent);
        }
        Ok(restored)
    }

    /// Memory of agents that run twice counts too.
    pub(super) fn clones(&self) -> impl Iterator<Item = &Process> {
        self.clones.values()
    }

    pub(super) fn clones_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.clones.values_mut()
    }

    async fn end(&mut self, world: &mut World, over: Vec<(u64, Undo)>) -> Result<()> {
        for (_, undo) in over {
            match undo {
                Undo::StartStore => {
                    world.start_clickhouse().await?;
                    self.store_is_away = false;
                }
                Undo::Mend(agent) => world.agents[agent].relay.mend(),
                Undo::RightClock(agent) => move_wall(world, agent, 0),
                Undo::EndClone(agent) => {
                    if let Some(mut clone) = self.clones.remove(&agent) {
                        clone.kill()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A part that was started a moment ago may not listen for signals yet, and would just end.
    async fn restart(&self, world: &mut World, part: Part) -> Result<()> {
        if part == Part::ClickHouse && self.store_is_away {
            return Ok(());
        }
        let what = format!("{part:?} does not come up, so that it could be asked to stop");
        let address = settle::address(world, part).to_owned();
        until(&what, START_DEADLINE, || async { http::get(&address, "/health").await.is_ok() }).await?;
        let process = process(world, part);
        let status = process.stop(STOP_DEADLINE).await?;
        let good = status.is_none_or(|status| status.success());
        ensure!(good, "{} ended with {status:?} when asked to stop:\n{}", process.name(), process.log_tail());
        self.start(world, part).await
    }

    /// Starts a part and waits until it is ready, where it can be.
    async fn start(&self, world: &mut World, part: Part) -> Result<()> {
        match part {
            Part::ClickHouse if self.store_is_away => Ok(()),
            Part::ClickHouse => world.start_clickhouse().await,
            Part::Broker => world.start_broker().await,
            // Ready it will be when ClickHouse is; the soak does not wait for that.
            Part::Ingest if self.store_is_away => world.ingest.start(),
            Part::Ingest => world.start_ingest().await,
            Part::Agent(agent) => world.agents[agent].process.start(),
        }
    }

    /// A copy of the agent as it is now, running beside it over the same line.
    fn clone_agent(&mut self, world: &mut World, agent: usize) -> Result<()> {
        let name = format!("{}-clone", world.agents[agent].cn);
        let home = world.dir.join(&name);
        let data = home.join("data");
        copy_data(world, agent, &data)?;
        let original = &world.agents[agent];
        let text = std::fs::read_to_string(&original.config)?;
        let text = text
            .replace(&format!("{:?}", original.data), &format!("{data:?}"))
            .replace(&original.http, &format!("127.0.0.1:{}", crate::world::ports::free()?));
        let config = home.join("agent.toml");
        std::fs::write(&config, text)?;
        let arguments = vec!["run".to_owned(), "--config".to_owned(), config.to_string_lossy().into_owned()];
        let log = world.dir.join("logs").join(format!("{name}.log"));
        let mut clone = Process::new(&name, "edge-agent", arguments, &log)?;
        clone.start()?;
        self.clones.insert(agent, clone);
        self.doubled.insert(agent);
        Ok(())
    }
}

fn process(world: &mut World, part: Part) -> &mut Process {
    match part {
        Part::ClickHouse => &mut world.clickhouse,
        Part::Broker => &mut world.broker,
        Part::Ingest => &mut world.ingest,
        Part::Agent(agent) => &mut world.agents[agent].process,
    }
}

fn move_wall(world: &World, agent: usize, seconds: i64) {
    if let Some(drill) = &world.drill {
        drill.move_wall(world.agents[agent].cn.as_str(), seconds);
    }
}

/// A copy of the folder as a crash leaves it.
fn copy_data(world: &mut World, agent: usize, to: &std::path::Path) -> Result<()> {
    let agent = &mut world.agents[agent];
    agent.process.kill()?;
    folder::copy(&agent.data, to)?;
    agent.process.start()
}

async fn renew_broker(world: &World) -> Result<()> {
    let reloads = || async {
        let text = http::get(&world.broker_http, "/metrics").await.map(|answer| answer.body).unwrap_or_default();
        http::metric(&text, &format!("broker_{}_total{{result=\"done\"}}", broker_config::metric_names::RELOADS))
    };
    let before = reloads().await;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let validity = Validity::days(CERTIFICATE_DAYS)?;
    world.pki.issue_broker(&names, validity)?.write(&world.dir.join("broker"), "broker", true)?;
    world.pki.renew_crl(validity.not_after)?;
    world.broker.signal(Signal::HUP)?;
    until("the broker does not read its new certificate", RELOAD_DEADLINE, || async { reloads().await > before }).await
}

fn renew_agent(world: &World, agent: usize) -> Result<()> {
    let agent = &world.agents[agent];
    world.pki.revoke(agent.cn.as_str())?;
    let folder = agent.paths.certificate.parent().context("a certificate lies in a folder")?;
    world.pki.issue_agent(&agent.cn, Validity::days(CERTIFICATE_DAYS)?)?.write(folder, "agent", true)?;
    world.broker.signal(Signal::HUP)
}
