//! Lines that go dead without a word, that are slow, and that lose packets.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::inside::{inside, run};
use crate::support::{DRILL, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_is_found_and_replaced() -> Result<()> {
    let mut site = Site::prepare(1, 3, |_| format!("{DRILL}silence_ms = 2000\n")).await?;
    site.begin().await?;
    site.hours(2).await?;
    let tried = site.agent_metric(0, "reconnects_total").await?;
    // As a NAT that forgets: neither side hears of it, a new connection works.
    site.world.agents[0].relay.lose();
    site.hours(3).await?;
    site.settle().await?;
    site.assert_whole().await?;
    ensure!(site.labelled(0, "broker_faults_total", "fault=\"silent\"").await? >= 1);
    ensure!(site.agent_metric(0, "reconnects_total").await? > tried);
    ensure!(site.agent_metric(0, "payloads_resent_total").await? >= 1, "what went into the dead line is sent again");
    let takeovers = site.world.metric(&site.world.broker_http, "broker_takeovers_total").await;
    ensure!(takeovers >= Some(1.0), "the broker held the dead connection until then: {takeovers:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_percent_loss_and_300_ms_each_way_cost_nothing_but_time() -> Result<()> {
    if !inside("hardship::line::two_percent_loss_and_300_ms_each_way_cost_nothing_but_time").await? {
        return Ok(());
    }
    // A payload is sent again only when the line had time to answer.
    let patient = DRILL.replace("resend_min_ms = 500", "resend_min_ms = 4000");
    let mut site = Site::prepare(1, 4, |_| patient.replace("resend_max_ms = 2000", "resend_max_ms = 8000")).await?;
    let relay = site.world.agents[0].relay.address().port();
    let ports = format!("{{ {relay}, {} }}", site.world.broker_port);
    run("nft", &["add", "table", "inet", "hardship"]).await?;
    let chain = ["add", "chain", "inet", "hardship", "loss", "{ type filter hook input priority 0; }"];
    run("nft", &chain).await?;
    for end in ["dport", "sport"] {
        let rule = ["add", "rule", "inet", "hardship", "loss", "tcp", end, ports.as_str()];
        let chance = ["numgen", "random", "mod", "100", "<", "2", "counter", "drop"];
        run("nft", &[rule.as_slice(), chance.as_slice()].concat()).await?;
    }
    site.world.agents[0].relay.delay(Duration::from_millis(300));
    site.begin().await?;
    for _ in 0..6 {
        site.hours(10).await?;
        site.settle().await?;
    }
    site.assert_whole().await?;
    ensure!(site.hours_of_each_device().await? >= site.hour);
    let dropped = dropped_packets().await?;
    println!("{dropped} packets dropped, {} payloads sent again", site.agent_metric(0, "payloads_resent_total").await?);
    ensure!(dropped > 5, "{dropped} packets were dropped");
    Ok(())
}

async fn dropped_packets() -> Result<u64> {
    let output = tokio::process::Command::new("/usr/sbin/nft").args(["list", "ruleset"]).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts = text.split("counter packets ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
    Ok(counts.sum())
}
