//! The path itself: printers are read, stored, settled, billed; and what must never appear on the way.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use testbed::printer::fault::Faults;
use testbed::world::process::until;

use crate::support::{PATIENCE, Site};

#[tokio::test(flavor = "multi_thread")]
async fn every_counter_reaches_clickhouse_as_the_printer_had_it_and_frees_the_spool() -> Result<()> {
    let mut site = Site::start(2, 8).await?;
    site.hours(6).await?;
    site.settle().await?;
    site.assert_whole().await?;
    let devices = site.world.count("SELECT uniqExact(device) FROM polls WHERE outcome <= 1").await?;
    assert_eq!(devices, 16, "every printer of both sites is read, v1-only ones too");
    let hours = site.world.count("SELECT min(n) FROM (SELECT count() AS n FROM polls FINAL GROUP BY device)").await?;
    assert!(hours >= 6, "each printer is read every hour, not {hours} times in 8 hours");
    assert_eq!(site.fleet.traffic().sets_total, 0);
    assert!(site.world.count("SELECT count() FROM supply_last FINAL WHERE description.3 != ''").await? > 16);
    assert_eq!(
        site.world
            .count("SELECT count() FROM polls WHERE plan NOT IN (SELECT hash FROM plans) AND outcome <= 1")
            .await?,
        0
    );
    site.world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_that_begins_while_printers_are_still_answering_is_polled_too() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.hours(1).await?;
    let slow = Faults { delay_ms: (400, 400), ..Faults::default() };
    site.fleet.units().iter().for_each(|unit| unit.set_faults(slow.clone()));
    let asked = |site: &Site| -> Vec<u64> { site.fleet.units().iter().map(|unit| unit.traffic().packets_in).collect() };
    let (before, answered) = (asked(&site), site.fleet.traffic().packets_out);
    site.begin_hour();
    // Each of them: three questions may be two to one printer. And one has answered, 400 ms later: a sweep asks known printers
    // too, and may do so before their polls begin.
    until("all printers are asked", PATIENCE, || async {
        asked(&site).iter().zip(&before).all(|(now, before)| now > before)
            && site.fleet.traffic().packets_out > answered
    })
    .await?;
    site.begin_hour();
    site.barrier().await?;
    site.settle().await?;
    let hours = "SELECT min(n) FROM (SELECT uniqExact(toStartOfHour(ts)) AS n FROM polls FINAL GROUP BY device)";
    assert_eq!(site.world.count(hours).await?, site.hour + 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_ends_on_sigterm_with_exit_code_0() -> Result<()> {
    let mut site = Site::start(1, 2).await?;
    let world = &mut site.world;
    for process in [&mut world.agents[0].process, &mut world.ingest, &mut world.broker, &mut world.clickhouse] {
        let status = process.stop(PATIENCE).await?.expect("it was running");
        assert_eq!(status.code(), Some(0), "{}:\n{}", process.name(), process.log_tail());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sealed_spool_shows_no_serial_number_and_keys_belong_to_their_owner_alone() -> Result<()> {
    let mut site = Site::start(1, 6).await?;
    let held = site.world.agents[0].http.clone();
    until("the time is learned, without which nothing is frozen", PATIENCE, || async {
        site.world.metric(&held, "edge_agent_clock_learned").await == Some(1.0)
    })
    .await?;
    site.world.agents[0].relay.cut();
    site.hours(3).await?;
    until("something is held", PATIENCE, || async {
        site.world.metric(&held, "edge_agent_queue_payloads").await.is_some_and(|count| count > 0.0)
    })
    .await?;
    let serials: Vec<String> =
        site.fleet.truth(&[]).printers.into_iter().filter_map(|printer| printer.serial).collect();
    assert!(serials.len() >= 4);
    for file in files(&site.world.agents[0].data) {
        let bytes = std::fs::read(&file)?;
        for serial in &serials {
            let plain = bytes.windows(serial.len()).any(|window| window == serial.as_bytes());
            assert!(!plain, "{} shows {serial}", file.display());
        }
    }
    for key in files(site.folder.path()).into_iter().filter(|file| file.extension().is_some_and(|ext| ext == "key")) {
        let mode = std::fs::metadata(&key)?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", key.display());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_appears_in_logs_in_check_or_in_argv() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.hours(2).await?;
    let world = &site.world;
    let mut secrets = vec![world.password.clone(), std::fs::read_to_string(world.dir.join("reader.password"))?];
    for key in files(&world.dir).into_iter().filter(|file| file.extension().is_some_and(|ext| ext == "key")) {
        let text = std::fs::read_to_string(&key).unwrap_or_default();
        secrets.extend(text.lines().filter(|line| line.len() > 40).map(str::to_owned));
    }
    let mut said = String::new();
    for log in files(&world.dir.join("logs")) {
        said.push_str(&std::fs::read_to_string(log)?);
    }
    for (program, config) in [
        ("ingest", &world.ingest_config),
        ("edge-agent", &world.agents[0].config),
        ("broker", &world.dir.join("broker.toml")),
    ] {
        let output = world.tool(program, &["run", "--config", &config.to_string_lossy(), "--check"]).await?;
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    for process in [&world.ingest, &world.broker, &world.clickhouse, &world.agents[0].process] {
        said.push_str(&std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid().expect("running")))?);
    }
    for secret in secrets {
        assert!(!said.contains(secret.trim()), "a secret of {} characters is shown", secret.len());
    }
    assert!(said.contains("***"), "--check masks what it hides");
    Ok(())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
