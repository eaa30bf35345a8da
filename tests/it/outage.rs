//! Parts that are away, killed, wiped or set back: nothing is lost and nothing counts twice.

use anyhow::Result;
use testbed::faults::folder::copy;
use testbed::world::process::until;

use crate::support::{PATIENCE, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_has_forgotten_everything_costs_nothing() -> Result<()> {
    let mut site = Site::start(2, 4).await?;
    for _ in 0..3 {
        site.hours(2).await?;
        site.begin_hour();
        site.world.broker.kill()?;
        site.world.start_broker().await?;
        site.barrier().await?;
    }
    site.settle().await?;
    site.assert_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_clickhouse_is_away_nothing_is_settled_and_afterwards_everything_is() -> Result<()> {
    let mut site = Site::start(1, 4).await?;
    site.hours(2).await?;
    site.world.clickhouse.kill()?;
    site.hours(30).await?;
    let held = site.world.metric(&site.world.agents[0].http, "edge_agent_queue_payloads").await;
    assert!(held.is_some_and(|held| held >= 25.0), "{held:?} payloads are held while the store is away");
    site.world.start_clickhouse().await?;
    site.settle().await?;
    site.assert_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_network_for_days_delivers_everything_afterwards() -> Result<()> {
    let mut site = Site::start(2, 4).await?;
    site.hours(1).await?;
    site.world.agents[1].relay.cut();
    site.hours(72).await?;
    site.world.agents[1].relay.mend();
    site.settle().await?;
    site.assert_whole().await?;
    let polls = site.world.query("SELECT cn, count() FROM polls FINAL GROUP BY cn ORDER BY cn FORMAT TSV").await?;
    let counts: Vec<&str> = polls.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(counts[0], counts[1], "both agents polled in the same hours");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_jumps_by_days_changes_no_stamp() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.hours(2).await?;
    for seconds in [3 * 86_400, -40 * 86_400, 0] {
        site.world.drill.as_ref().unwrap().move_wall("acme.one", seconds);
        site.hours(2).await?;
    }
    site.settle().await?;
    // assert_whole compares each value with the printer's at exactly the stored second.
    site.assert_whole().await?;
    assert_eq!(site.world.count("SELECT count() FROM polls FINAL WHERE clock != 0").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_clock_starts_in_1970_stamps_its_polls_once_it_hears_the_time() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.hours(1).await?;
    let long_ago = -crate::support::beginning().as_second();
    site.world.agents[0].process.kill()?;
    std::fs::remove_dir_all(&site.world.agents[0].data)?;
    site.world.drill.as_ref().unwrap().move_wall("acme.one", long_ago);
    site.world.agents[0].relay.cut();
    site.world.agents[0].process.start()?;
    site.hours(5).await?;
    site.world.agents[0].relay.mend();
    site.settle().await?;
    let first = site.world.count("SELECT toYear(min(ts)) FROM polls FINAL").await?;
    assert_eq!(first, 2026, "nothing is stamped 1970");
    assert_eq!(site.world.count("SELECT count() FROM polls FINAL WHERE clock != 0").await?, 0);
    site.assert_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_snapshot_of_an_agent_loses_nothing() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.hours(3).await?;
    let data = site.world.agents[0].data.clone();
    let snapshot = site.folder.path().join("snapshot");
    site.world.agents[0].process.kill()?;
    copy(&data, &snapshot)?;
    site.world.agents[0].process.start()?;
    site.hours(6).await?;
    // What the discarded life still held would go with its disk.
    site.settle().await?;
    site.world.agents[0].process.kill()?;
    std::fs::remove_dir_all(&data)?;
    copy(&snapshot, &data)?;
    site.world.agents[0].process.start()?;
    site.hours(4).await?;
    let http = site.world.agents[0].http.clone();
    site.hours(2).await?;
    until("the restored agent still holds payloads", PATIENCE, || async {
        site.world.metric(&http, "edge_agent_queue_payloads").await == Some(0.0)
    })
    .await?;
    assert_eq!(site.proof().await?["lost"], 0);
    // Every hour before, during and after is there: the rows of the discarded life too.
    let hours = site.world.count("SELECT uniqExact(toStartOfHour(ts)) FROM polls FINAL").await?;
    assert!(hours >= site.hour, "{hours} of {} hours", site.hour);
    Ok(())
}
