//! Payloads as agents really build them: an agent polls simulated printers for some hours, and what it publishes is
//! recorded from the broker. More of them are made by moving the recorded hours on.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::Validity;
use schemas::topic::filter;
use schemas::wire::{Body, decode_body, decode_header};

use crate::printer::fleet::{Fleet, FleetSpec, SiteSpec};
use crate::world::mqtt::Client;
use crate::world::{AgentPlan, Plan, World};

/// Printers of the site whose payloads are recorded: their hourly polls fill payloads to the closing size.
const PRINTERS: usize = 500;
/// Simulated time begins on the first of a month, so that moved hours stay within one partition.
const BEGINNING: &str = "2026-03-01T00:00:00Z";
/// Hours that the recorded ones may be moved on.
pub(super) const HOURS_MAX: i64 = 700;
const HOUR: i64 = 3_600;
const PATIENCE: Duration = Duration::from_secs(120);
/// A payload with fewer polls is the end of an hour's burst.
const FULL_POLLS: usize = 50;

/// Bodies that an agent built from refresh polls, which are all polls but the first of a day.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) bodies: Vec<Body>,
}

impl Recorded {
    /// Runs the whole path below `dir` for three hours of simulated time.
    ///
    /// # Errors
    /// When a part does not start or stalls.
    pub(super) async fn take(dir: &Path) -> Result<Self> {
        let start: jiff::Timestamp = BEGINNING.parse()?;
        let base = Ipv4Addr::new(127, 51, 0, 1);
        let fleet = fleet(base, PRINTERS, start.as_second()).await?;
        let agents = vec![agent_plan("acme.one", base, PRINTERS, fleet.port())?];
        let plan = Plan { dir: dir.join("recorded"), agents, drill: Some(start), fsync: false };
        let mut world = World::start(plan).await?;
        let listener = world.pki.issue_service("ingest2", Validity::days(1)?)?;
        let paths = listener.write(&world.dir.join("listener"), "listener", false)?;
        pass(&world, &fleet, 0).await?;
        pass(&world, &fleet, 1).await?;
        let mut client = Client::connect(&paths, "service.ingest2", world.broker_port).await?;
        ensure!(client.subscribe(filter::up_all().as_str()).await?, "a service may hear all payloads");
        let mut bodies: Vec<Body> = Vec::new();
        for hour in 2..=5 {
            pass(&world, &fleet, hour).await?;
        }
        while polls(&bodies) < PRINTERS * 2 {
            let message = client.message().await?;
            let Ok(body) = decode_body(&decode_header(&message.payload)?) else { continue };
            bodies.push(body);
        }
        world.stop().await?;
        fleet.stop().await;
        let hour_two = start.as_second() + 2 * HOUR;
        bodies.retain(|body| {
            let ts = body.records.iter().filter_map(|record| Some(record.poll.as_ref()?.ts));
            body.records.iter().filter(|record| record.poll.is_some()).count() >= FULL_POLLS
                && ts.min().is_some_and(|ts| ts >= hour_two)
        });
        ensure!(!bodies.is_empty(), "no full payload was recorded");
        Ok(Self { bodies })
    }

    /// The `number`th body: the recorded ones in turn, moved on by an hour each round, with counters that went on.
    pub(super) fn body(&self, number: usize) -> Body {
        let mut body = self.bodies[number % self.bodies.len()].clone();
        let hours = i64::try_from(number / self.bodies.len()).unwrap_or(0) % HOURS_MAX;
        for record in &mut body.records {
            if let Some(poll) = &mut record.poll {
                poll.ts += hours * HOUR;
                poll.counters.values_mut().for_each(|value| *value += hours * 7);
            }
            record.stats = None;
        }
        body.records.retain(|record| record.poll.is_some() || record.event.is_some());
        body
    }
}

/// Polls in some bodies.
pub(super) fn polls(bodies: &[Body]) -> usize {
    bodies.iter().flat_map(|body| &body.records).filter(|record| record.poll.is_some()).count()
}

/// Printers of all models from `base` on.
pub(super) async fn fleet(base: Ipv4Addr, count: usize, start: i64) -> Result<Fleet> {
    let sites = vec![SiteSpec::new("hq", base, count)];
    Ok(Fleet::start(&FleetSpec { sites, port: 0, community: "public".to_owned(), seed: 11, start }).await?)
}

/// An agent for these printers, with the waits of a drill.
pub(super) fn agent_plan(cn: &str, base: Ipv4Addr, count: usize, port: u16) -> Result<AgentPlan> {
    let [a, b, c, _] = base.octets();
    // Fleet passes over .0 and .255; a network holds 254 printers.
    let ranges: Vec<String> = (0..=u8::try_from(count.saturating_sub(1) / 254)?)
        .map(|net| {
            let last = (count - usize::from(net) * 254).min(254);
            format!("\"{a}.{b}.{}.1-{a}.{b}.{}.{last}\"", c + net, c + net)
        })
        .collect();
    Ok(AgentPlan {
        cn: cn.parse()?,
        site: "hq".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        ranges: format!("[[ranges]]\ninclude = [{}]\nport = {port}\n", ranges.join(", ")),
        extra: "[drill]\nresend_min_ms = 5000\nresend_max_ms = 20000\nbackoff_min_ms = 50\nbackoff_max_ms = 500\n"
            .to_owned(),
    })
}

/// Moves all clocks to that hour and waits until the agents have done what is due.
pub(super) async fn pass(world: &World, fleet: &Fleet, hour: u64) -> Result<()> {
    let drill = world.drill.as_ref().context("a drill")?;
    fleet.set_time(drill.start().wall.as_second() + i64::try_from(hour)? * HOUR);
    drill.set(hour * 3_600);
    let names: Vec<String> = world.agents.iter().map(|agent| agent.cn.to_string()).collect();
    drill.all_reached(&names, PATIENCE).await
}
