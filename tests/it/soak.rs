//! kill -9 of any process at random moments, fifty times in one run: nothing lost, nothing double, no gap.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::Site;

const KILLS: u32 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_at_random_moments_lose_nothing_and_count_nothing_twice() -> Result<()> {
    let seed: u64 = rand::random();
    // Printed for a failure to be repeated.
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut site = Site::start(2, 5).await?;
    for _ in 0..KILLS {
        site.begin_hour();
        // Anywhere in the polling, sending, committing or acking of this hour; not a wait for something.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
        match random.random_range(0..8) {
            0 => {
                site.world.clickhouse.kill()?;
                site.world.start_clickhouse().await?;
            }
            1 | 2 => {
                site.world.broker.kill()?;
                site.world.start_broker().await?;
            }
            3..=5 => {
                site.world.ingest.kill()?;
                site.world.start_ingest().await?;
            }
            which => {
                let agent = &mut site.world.agents[which - 6].process;
                agent.kill()?;
                agent.start()?;
            }
        }
        site.barrier().await?;
    }
    site.settle().await?;
    site.assert_whole().await?;
    let gaps = site
        .world
        .query(
            "SELECT device, uniqExact(toStartOfHour(ts)) AS hours FROM polls FINAL WHERE outcome <= 1 GROUP BY device \
             HAVING hours < 45 FORMAT TSV",
        )
        .await?;
    assert_eq!(gaps, "", "devices with gaps (seed {seed})");
    let double = site
        .world
        .count(
            "SELECT count() FROM (SELECT cn, device, ts FROM polls FINAL GROUP BY cn, device, ts HAVING count() > 1)",
        )
        .await?;
    assert_eq!(double, 0, "rows that stand twice (seed {seed})");
    Ok(())
}
