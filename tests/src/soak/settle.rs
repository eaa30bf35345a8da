//! Waits until nothing is on its way any more. Whoever stalls is named, with what it says of itself.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::script::Part;
use crate::world::process::until;
use crate::world::{World, http};

/// Longer than the slowest way back: a silent connection is given up after 30 s without PUBACK, its successor tried for
/// 20 s, and a month of payloads is sent then.
pub(super) const SETTLE_DEADLINE: Duration = Duration::from_secs(240);
/// Every part says that it is well within this, without anybody's help.
const HEALTHY_DEADLINE: Duration = Duration::from_secs(90);

/// Waits until no agent holds anything and ingest has nothing in hand.
///
/// # Errors
/// Naming who still holds something.
pub(super) async fn settle(world: &World) -> Result<()> {
    for agent in &world.agents {
        let what = format!("{} still holds payloads", agent.cn);
        let done = until(&what, SETTLE_DEADLINE, || async {
            let Ok(answer) = http::get(&agent.http, "/metrics").await else { return false };
            ["edge_agent_queue_payloads", "edge_agent_queue_unfrozen_polls"]
                .iter()
                .all(|name| http::metric(&answer.body, name) == 0.0)
        });
        if let Err(error) = done.await {
            return Err(anyhow!("{error:#}\n{}", states(world).await));
        }
    }
    Ok(())
}

/// Waits until every part says of itself that it is well.
///
/// # Errors
/// Naming who does not, and why.
pub(super) async fn healthy(world: &World) -> Result<()> {
    for (name, address) in addresses(world) {
        let what = format!("{name} does not become healthy");
        let done = until(&what, HEALTHY_DEADLINE, || async {
            http::get(&address, "/health").await.is_ok_and(|answer| answer.status == 200)
        });
        if let Err(error) = done.await {
            return Err(anyhow!("{error:#}\n{}", states(world).await));
        }
    }
    Ok(())
}

/// Where a part tells how it is.
pub(super) fn address(world: &World, part: Part) -> &str {
    match part {
        Part::ClickHouse => &world.clickhouse_http,
        Part::Broker => &world.broker_http,
        Part::Ingest => &world.ingest_http,
        Part::Agent(agent) => &world.agents[agent].http,
    }
}

fn addresses(world: &World) -> Vec<(String, String)> {
    let parts = [
        ("embedded-clickhouse", &world.clickhouse_http),
        ("broker", &world.broker_http),
        ("ingest", &world.ingest_http),
    ];
    let parts = parts.into_iter().map(|(name, address)| (name.to_owned(), address.clone()));
    parts.chain(world.agents.iter().map(|agent| (agent.cn.to_string(), agent.http.clone()))).collect()
}

/// What every part says of itself, for a report of a stall.
pub(super) async fn states(world: &World) -> String {
    let mut text = String::new();
    for (name, address) in addresses(world) {
        let said = match http::get(&address, "/health").await {
            Ok(answer) => format!("{} {}", answer.status, answer.body.trim()),
            Err(error) => format!("does not answer: {error:#}"),
        };
        let _ = writeln!(text, "  {name}: {said}");
    }
    for agent in &world.agents {
        if let Ok(answer) = http::get(&agent.http, "/metrics").await {
            let number = |name: &str| http::metric(&answer.body, &format!("edge_agent_{name}"));
            let _ = writeln!(
                text,
                "  {}: payloads {} unfrozen {} connected {} sent {} resent {} settled {} reconnects {}",
                agent.cn,
                number("queue_payloads"),
                number("queue_unfrozen_polls"),
                number("connected"),
                number("payloads_sent_total"),
                number("payloads_resent_total"),
                number("payloads_settled_total"),
                number("reconnects_total")
            );
        }
    }
    text
}
