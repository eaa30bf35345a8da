//! Payloads that a watching service saw on the broker, and what a second client with an agent's certificate does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use broker_config::pki::Validity;

use crate::world::mqtt::{Client, Message};
use crate::world::{Agent, World};

/// Payloads that a watching service saw, the newest last; enough to repeat some of each agent.
const CAPTURED_MAX: usize = 512;
/// How many old payloads are sent again.
const REPEATS: usize = 40;

/// Payloads seen on the broker by a service that only watches.
#[derive(Debug, Clone)]
pub struct Captured {
    seen: Arc<Mutex<VecDeque<Message>>>,
}

impl Captured {
    /// Begins to watch; the watcher connects again whenever the broker comes back.
    ///
    /// # Errors
    /// When the first connection fails.
    pub async fn start(world: &World) -> Result<Self> {
        let paths =
            world.pki.issue_service("watch1", Validity::days(90)?)?.write(&world.dir.join("watch"), "watch", false)?;
        let port = world.broker_port;
        let seen = Arc::new(Mutex::new(VecDeque::new()));
        let mut client = Client::connect(&paths, "service.watch1", port).await.context("the watching service")?;
        client.subscribe(&schemas::topic::filter::up_all()).await?;
        let captured = Self { seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            loop {
                while let Ok(message) = client.message().await {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    if seen.len() == CAPTURED_MAX {
                        seen.pop_front();
                    }
                    seen.push_back(message);
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
                if let Ok(mut again) = Client::connect(&paths, "service.watch1", port).await
                    && again.subscribe(&schemas::topic::filter::up_all()).await.is_ok()
                {
                    client = again;
                }
            }
        });
        Ok(captured)
    }

    /// The oldest payloads known of one topic.
    pub fn of(&self, topic: &str) -> Vec<Message> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|message| message.topic == topic).take(REPEATS).cloned().collect()
    }
}

/// Takes the agent's connection over, as a second agent with the same certificate would, and delivers old payloads again.
///
/// # Errors
/// When the agent takes its connection back before all are sent.
pub async fn repeat(world: &World, agent: &Agent, old: &[Message]) -> Result<()> {
    let mut client = Client::connect(&agent.paths, agent.cn.as_str(), world.broker_port).await?;
    for message in old {
        client.publish(&message.topic, message.payload.to_vec()).await.context("repeat an old payload")?;
    }
    Ok(())
}

/// Takes the agent's connection over and says nothing, until the agent takes it back or `hold` has passed.
///
/// # Errors
/// When the broker does not let it in.
pub async fn take_over(world: &World, agent: &Agent, hold: Duration) -> Result<()> {
    let mut client = Client::connect(&agent.paths, agent.cn.as_str(), world.broker_port).await?;
    // Either end is fine: the agent came back, or it was cut off for that long.
    let _ = tokio::time::timeout(hold, client.wait(|_| None::<()>)).await;
    Ok(())
}
