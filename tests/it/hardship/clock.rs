//! Clocks that are wrong: stamps come from the server's time and the steady clock, over restarts and without a line.

use anyhow::{Context, Result, ensure};

use crate::support::Site;

const DAY_S: i64 = 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_jumps_by_days_over_restarts_without_a_line_changes_no_stamp() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.hours(2).await?;
    site.world.agents[0].relay.cut();
    for wrong in [3 * DAY_S, -40 * DAY_S, 400 * DAY_S, 0] {
        site.world.drill.as_ref().unwrap().move_wall("acme.one", wrong);
        site.hours(1).await?;
        site.world.agents[0].process.kill()?;
        site.world.agents[0].process.start()?;
        site.hours(2).await?;
        site.shows(0, "clock_learned", |learned| learned == 1).await.context("the boot goes on")?;
        site.shows(0, "clock_offset_seconds", |offset| offset == -wrong).await?;
        let age = site.agent_metric(0, "queue_oldest_seconds").await?;
        ensure!(age < DAY_S, "the age of the queue counts in true time: {age} s");
    }
    site.world.agents[0].relay.mend();
    site.settle().await?;
    // Compares each value with the printer's at exactly the stored second.
    site.assert_whole().await?;
    ensure!(site.world.count("SELECT count() FROM polls FINAL WHERE clock != 0").await? == 0);
    ensure!(site.hours_of_each_device().await? >= site.hour);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_agent_five_years_ahead_without_a_line_waits_with_its_stamps_and_says_so() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.settle().await?;
    site.world.agents[0].process.kill()?;
    std::fs::remove_dir_all(&site.world.agents[0].data)?;
    site.world.drill.as_ref().unwrap().move_wall("acme.one", 5 * 365 * DAY_S);
    site.world.agents[0].relay.cut();
    site.world.agents[0].process.start()?;
    site.hours(4).await?;
    ensure!(site.agent_metric(0, "clock_learned").await? == 0);
    site.shows(0, "queue_unfrozen_polls", |polls| polls >= 12)
        .await
        .context("nothing is frozen under a wrong stamp")?;
    ensure!(site.agent_metric(0, "queue_payloads").await? == 0);
    let said = site.health(0, "clock").await?;
    ensure!(said.contains("not heard"), "/health: {said}");
    let left = site.agent_metric(0, "cert_expiry_seconds").await?;
    ensure!(left < 0, "by that clock the certificate has expired: {left}");
    site.world.agents[0].relay.mend();
    site.settle().await?;
    site.well(0, "clock").await?;
    site.assert_whole().await?;
    ensure!(site.world.count("SELECT toYear(max(ts)) FROM polls FINAL").await? == 2026, "nothing is stamped 2031");
    ensure!(site.world.count("SELECT count() FROM polls FINAL WHERE clock != 0").await? == 0);
    Ok(())
}
