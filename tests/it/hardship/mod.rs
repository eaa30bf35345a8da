//! The edge under hardship: the real agent on full, damaged and read-only disks, on bad lines, with wrong clocks and with a
//! double of itself. Each fault is one that happens at customers; docs/hardship.md lists them with the test that shows it.
//!
//! Every test sees the metrics move that an operator would see.

mod clock;
mod damage;
mod disk;
mod inside;
mod line;
mod month;
mod power;
mod twins;

use anyhow::{Context, Result};
use testbed::world::http;
use testbed::world::process::until;

use crate::support::{PATIENCE, Site};

impl Site {
    /// A metric of an agent, summed over its labels; `name` without the agent's prefix.
    async fn agent_metric(&self, at: usize, name: &str) -> Result<i64> {
        let value = self.world.metric(&self.world.agents[at].http, &format!("edge_agent_{name}")).await;
        let value = value
            .with_context(|| format!("no metrics; the log ends:\n{}", self.world.agents[at].process.log_tail()))?;
        // All of them are whole numbers.
        Ok(format!("{value:.0}").parse()?)
    }

    /// Waits until a metric of an agent is as it should be: the agent shows it just after it says that an hour is done.
    async fn shows(&self, at: usize, name: &str, right: impl Fn(i64) -> bool) -> Result<()> {
        let seen = until(name, PATIENCE, || async { self.agent_metric(at, name).await.is_ok_and(&right) }).await;
        let last = self.agent_metric(at, name).await?;
        seen.with_context(|| format!("{name} is {last}"))
    }

    /// The same for one value of a label, `cause="cap"` for example.
    async fn labelled(&self, at: usize, name: &str, label: &str) -> Result<i64> {
        let answer = http::get(&self.world.agents[at].http, "/metrics").await?;
        let head = format!("edge_agent_{name}{{{label}}} ");
        let value = answer.body.lines().find_map(|line| line.strip_prefix(&head));
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
    }

    /// What `/health` says of one component of an agent.
    async fn health(&self, at: usize, component: &str) -> Result<String> {
        let answer = http::get(&self.world.agents[at].http, "/health").await?;
        let report: serde_json::Value = serde_json::from_str(&answer.body)?;
        Ok(report["components"][component].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a component of an agent is well.
    async fn well(&self, at: usize, component: &str) -> Result<()> {
        until(&format!("{component} is not well again"), PATIENCE, || async {
            self.health(at, component).await.is_ok_and(|said| said == "ok")
        })
        .await
    }

    /// In how many hours the device with the fewest was polled.
    async fn hours_of_each_device(&self) -> Result<u64> {
        let each = "SELECT uniqExact(toStartOfHour(ts)) AS hours FROM polls FINAL GROUP BY device";
        self.world.count(&format!("SELECT min(hours) FROM ({each})")).await
    }
}
