//! An agent that exists twice: a cloned disk under another name or the same, and two agents with one certificate.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use testbed::faults::folder::copy;
use testbed::world::ports;
use testbed::world::process::{Process, until};

use crate::support::{DRILL, PATIENCE, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_cloned_to_an_agent_of_another_name_is_set_aside_and_both_deliver() -> Result<()> {
    let mut site = Site::start(2, 3).await?;
    site.hours(2).await?;
    site.world.agents[0].relay.cut();
    site.hours(3).await?;
    site.shows(0, "queue_payloads", |held| held >= 2).await.context("it is cloned with what was not sent")?;
    for agent in &mut site.world.agents {
        agent.process.kill()?;
    }
    copy(&site.world.agents[0].data, &site.world.agents[1].data)?;
    for agent in &mut site.world.agents {
        agent.process.start()?;
    }
    site.hours(3).await?;
    site.world.agents[0].relay.mend();
    site.settle().await?;
    site.assert_whole().await?;
    let said =
        site.world.query("SELECT cn, fields['why'] FROM events FINAL WHERE kind = 'spool-lost' FORMAT TSV").await?;
    ensure!(said == "acme.two\tthe spool belongs to acme.one", "{said}");
    let rejected = site.world.count("SELECT count() FROM kept FINAL").await?;
    ensure!(rejected == 0, "{rejected} payloads came under a wrong name");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_with_one_certificate_and_one_cloned_disk_take_turns_and_both_deliver() -> Result<()> {
    // Long enough to be greeted between two takeovers on a slow machine.
    let patient = DRILL.replace("backoff_max_ms = 500", "backoff_max_ms = 5000");
    let mut site = Site::prepare(1, 3, |_| patient.clone()).await?;
    site.begin().await?;
    site.hours(2).await?;
    site.world.agents[0].relay.cut();
    site.hours(2).await?;
    site.world.agents[0].process.kill()?;
    let mut twin = Twin::of(&site)?;
    copy(&site.world.agents[0].data, &twin.data)?;
    site.world.agents[0].process.start()?;
    twin.process.start()?;
    let own = site.world.agents[0].http.clone();
    let mut polls = 0.0;
    for _ in 0..4 {
        polls += 3.0;
        site.begin_hour();
        // Both report to the drill under one name, so it cannot say who has done what.
        for (name, http) in [("the agent", &own), ("its twin", &twin.http)] {
            until(&format!("{name} polls"), PATIENCE, || async {
                site.world.metric(http, "edge_agent_polls_total").await >= Some(polls)
            })
            .await?;
        }
        site.world.agents[0].relay.mend();
    }
    // What lingers is closed in the next hours.
    for _ in 0..2 {
        site.begin_hour();
        site.barrier().await?;
    }
    for (name, http) in [("the agent", &own), ("its twin", &twin.http)] {
        until(&format!("{name} still holds payloads"), PATIENCE, || async {
            site.world.metric(http, "edge_agent_queue_payloads").await == Some(0.0)
                && site.world.metric(http, "edge_agent_queue_unfrozen_polls").await == Some(0.0)
        })
        .await?;
        let tried = site.world.metric(http, "edge_agent_reconnects_total").await;
        ensure!(tried >= Some(2.0), "{name} was never taken over: {tried:?}");
    }
    let takeovers = site.world.metric(&site.world.broker_http, "broker_takeovers_total").await;
    ensure!(takeovers >= Some(1.0), "{takeovers:?}");
    let conflicts = "SELECT count() FROM events FINAL WHERE kind = 'two-payloads-for-one-seq'";
    ensure!(site.world.count(conflicts).await? > 0, "an event says that one seq came twice");
    twin.process.kill()?;
    site.assert_whole().await
}

/// A second process with the configuration and the certificate of the first agent, and a data directory of its own.
#[derive(Debug)]
struct Twin {
    process: Process,
    http: String,
    data: PathBuf,
}

impl Twin {
    fn of(site: &Site) -> Result<Self> {
        let agent = &site.world.agents[0];
        let (data, http) = (site.folder.path().join("twin"), format!("127.0.0.1:{}", ports::free()?));
        let text = std::fs::read_to_string(&agent.config)?
            .replace(&format!("data_dir = {:?}", agent.data), &format!("data_dir = {data:?}"))
            .replace(&format!("listen = {:?}", agent.http), &format!("listen = {http:?}"));
        let config = site.folder.path().join("twin.toml");
        std::fs::write(&config, text)?;
        let arguments = vec!["run".to_owned(), "--config".to_owned(), config.to_string_lossy().into_owned()];
        let process = Process::new("twin", "edge-agent", arguments, &site.folder.path().join("twin.log"))?;
        Ok(Self { process, http, data })
    }
}
