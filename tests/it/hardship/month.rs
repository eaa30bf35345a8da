//! A broker that cannot be reached for long: the spool grows within its bounds, and everything arrives afterwards.

use anyhow::{Context, Result, ensure};
use testbed::world::process::resident_bytes;
use tokio::time::Instant;

use crate::support::{DRILL, Site};

/// `make hardship` sets this; without it a smaller version runs.
const LONG: &str = "PLATEN_HARDSHIP_LONG";
const HOURS_APART: u64 = 6;
/// Far above what polling takes; a spool or an index kept in memory would pass it.
const RESIDENT_MAX: u64 = 128 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_out_of_reach_for_long_costs_disk_and_nothing_else() -> Result<()> {
    let (devices, days) = if std::env::var_os(LONG).is_some() { (1_000, 30) } else { (60, 5) };
    let mut site =
        Site::prepare(1, devices, |_| format!("{DRILL}\n[schedule]\npoll_interval_s = {}\n", HOURS_APART * 3600))
            .await?;
    site.begin().await?;
    site.settle().await?;
    let all = i64::try_from(devices)?;
    site.shows(0, "devices", |found| found == all).await?;
    site.world.agents[0].relay.cut();
    let (mut highest, begun) = (0, Instant::now());
    for _ in 0..days * 24 / HOURS_APART {
        site.hour += HOURS_APART - 1;
        site.hours(1).await?;
        let pid = site.world.agents[0].process.pid().context("the agent runs")?;
        highest = highest.max(resident_bytes(&pid.to_string()).context("the agent runs")?);
    }
    let (polled, metric) = (begun.elapsed(), |name| site.agent_metric(0, name));
    let (bytes, disk, payloads) =
        (metric("queue_bytes").await?, metric("disk_bytes").await?, metric("queue_payloads").await?);
    let (polls, age) = (metric("polls_total").await?, metric("queue_oldest_seconds").await?);
    ensure!(age > 86_400 * (i64::try_from(days)? - 1), "the oldest is {age} s old");
    ensure!(metric("connected").await? == 0 && metric("reconnects_total").await? > 1);
    site.world.agents[0].relay.mend();
    let begun = Instant::now();
    site.settle().await?;
    println!(
        "{devices} devices, {days} days, {polls} polls: {payloads} payloads of {bytes} bytes, {disk} on disk, at most \
         {highest} resident; polled in {:.1?}, drained in {:.1?}",
        polled,
        begun.elapsed()
    );
    site.assert_whole().await?;
    ensure!(site.agent_metric(0, "payloads_dropped_total").await? == 0);
    ensure!(site.hours_of_each_device().await? >= days * 24 / HOURS_APART);
    ensure!(highest < RESIDENT_MAX, "{highest} bytes resident");
    Ok(())
}
