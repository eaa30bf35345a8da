//! Disks that are full, read-only or too small. The disks are small tmpfs, mounted where only the test sees them.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::inside::{inside, run};
use crate::support::{DRILL, Site};

const DISK_BYTES: u64 = 16 << 20;
/// What the cautious agent leaves free.
const FLOOR_BYTES: u64 = 4 << 20;
const CAP_BYTES: u64 = 128 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_polling_goes_on_nothing_taken_is_lost_and_room_ends_it() -> Result<()> {
    let name = "hardship::disk::on_a_full_disk_polling_goes_on_nothing_taken_is_lost_and_room_ends_it";
    if !inside(name).await? {
        return Ok(());
    }
    // The first agent keeps a floor free, as configured by default; the second writes until the disk refuses.
    let floor = |at: usize| format!("{DRILL}\n[spool]\ndisk_free_min_bytes = {}\n", [FLOOR_BYTES, 0][at]);
    let mut site = Site::prepare(2, 4, floor).await?;
    let disks: Vec<_> = site.world.agents.iter().map(|agent| agent.data.clone()).collect();
    for disk in &disks {
        mount(disk, DISK_BYTES).await?;
    }
    site.begin().await?;
    site.hours(2).await?;
    // Held payloads are read again and again meanwhile, because nothing settles them.
    site.world.clickhouse.kill()?;
    site.hours(3).await?;

    fill(&disks[0], FLOOR_BYTES / 2)?;
    fill(&disks[1], 0)?;
    let polls = |at: usize| site.agent_metric(at, "polls_total");
    let before = [polls(0).await?, polls(1).await?];
    site.hours(12).await?;
    for (at, before) in before.into_iter().enumerate() {
        ensure!(site.agent_metric(at, "polls_total").await? >= before + 48, "polling goes on");
        site.shows(at, "spool_errors_total", |errors| errors > 0).await?;
        site.shows(at, "records_held_back", |held| held >= 4)
            .await
            .context("what cannot be written waits in memory")?;
        let said = site.health(at, "spool").await?;
        ensure!(said.contains("make room"), "/health: {said}");
        let log = std::fs::read_to_string(site.world.agents[at].process.log())?;
        ensure!(log.contains("spool failed"), "{log}");
    }

    for disk in &disks {
        std::fs::remove_file(disk.join("filler"))?;
    }
    for at in 0..2 {
        site.well(at, "spool").await?;
        site.shows(at, "records_held_back", |held| held == 0).await?;
    }
    site.world.start_clickhouse().await?;
    site.settle().await?;
    site.assert_whole().await?;
    for at in 0..2 {
        ensure!(site.agent_metric(at, "payloads_dropped_total").await? == 0, "nothing was given up");
        ensure!(site.agent_metric(at, "records_refused_total").await? == 0);
    }
    ensure!(site.hours_of_each_device().await? >= site.hour, "the hours on the full disk are there as well");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_is_refused_with_the_remedy_and_serves_an_agent_without_a_disk() -> Result<()> {
    let name = "hardship::disk::a_read_only_directory_is_refused_with_the_remedy_and_serves_an_agent_without_a_disk";
    if !inside(name).await? {
        return Ok(());
    }
    let mut site = Site::prepare(1, 3, |_| format!("{DRILL}\n[spool]\nmode = \"memory\"\n")).await?;
    let data = site.world.agents[0].data.clone();
    mount(&data, DISK_BYTES).await?;
    run("mount", &["-o", "remount,ro", &data.to_string_lossy()]).await?;

    let with_disk = site.folder.path().join("with-disk.toml");
    let text = std::fs::read_to_string(&site.world.agents[0].config)?;
    std::fs::write(&with_disk, text.replace("mode = \"memory\"", "mode = \"disk\""))?;
    let output = site.world.tool("edge-agent", &["run", "--config", &with_disk.to_string_lossy()]).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(69), "{:?}: {said}", output.status);
    for part in [data.to_string_lossy().as_ref(), "mount that disk writable", "spool.mode = \"memory\""] {
        ensure!(said.contains(part), "{part} is not in: {said}");
    }

    site.begin().await?;
    site.hours(4).await?;
    site.settle().await?;
    site.assert_whole().await?;
    let log = std::fs::read_to_string(site.world.agents[0].process.log())?;
    ensure!(log.matches("counters file not written").count() == 1, "said once: {log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_cap_the_oldest_are_given_up_by_name_and_the_books_close() -> Result<()> {
    let mut site = Site::prepare(1, 8, |_| format!("{DRILL}\n[spool]\nbytes_max = {CAP_BYTES}\n")).await?;
    site.begin().await?;
    site.hours(1).await?;
    site.world.agents[0].relay.cut();
    let mut highest = 0;
    while site.agent_metric(0, "payloads_dropped_total").await? == 0 {
        ensure!(site.hour < 500, "{highest} bytes after {} hours", site.hour);
        site.hours(5).await?;
        highest = highest.max(site.agent_metric(0, "queue_bytes").await?);
    }
    site.hours(10).await?;
    ensure!(site.labelled(0, "payloads_dropped_total", "cause=\"cap\"").await? > 1);
    ensure!(highest <= i64::try_from(CAP_BYTES)?, "{highest} bytes");
    site.shows(0, "queue_oldest_seconds", |age| age > 20 * 3600).await?;
    site.shows(0, "queue_payloads", |held| held > 20).await?;
    site.world.agents[0].relay.mend();
    site.settle().await?;
    site.assert_whole().await?;
    let proof = site.assert_books_close().await?;
    ensure!(proof["dropped"].as_u64() > Some(1), "{proof:#}");
    site.shows(0, "queue_oldest_seconds", |age| age == 0).await?;
    Ok(())
}

async fn mount(path: &Path, bytes: u64) -> Result<()> {
    std::fs::create_dir_all(path)?;
    let options = format!("size={bytes},mode=700");
    run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", &path.to_string_lossy()]).await
}

/// Writes a file until no more than `leave` bytes are free.
fn fill(disk: &Path, leave: u64) -> Result<()> {
    let mut filler = std::fs::File::create(disk.join("filler"))?;
    let block = [0xa5; 4096];
    loop {
        let stat = rustix::fs::statvfs(disk)?;
        if stat.f_bavail * stat.f_frsize <= leave {
            return Ok(());
        }
        if let Err(error) = filler.write_all(&block) {
            ensure!(error.kind() == std::io::ErrorKind::StorageFull, "{error}");
            return Ok(());
        }
    }
}
