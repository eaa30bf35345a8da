//! Devices are read as often as they give cause, and no more than the site's budget allows.

use anyhow::{Result, ensure};

use crate::support::{DRILL, Site};

const HOURS: u64 = 24;
/// What ten readings of one printer take.
const BUDGET: &str = "[budget]\nlan_bytes_per_day = 10000\n";

/// Passes hours in quarters.
async fn quarters(site: &mut Site, hours: u64) -> Result<()> {
    for _ in 0..hours {
        for quarter in 1..4 {
            site.set_clocks(site.hour * 3_600 + quarter * 900);
            site.barrier().await?;
        }
        site.hours(1).await?;
    }
    Ok(())
}

/// Which quarter of an hour a stamp is nearest to.
fn quarter_of(ts: i64) -> i64 {
    (ts + 450) / 900 % 4
}

async fn stretch(site: &Site, agent: usize) -> Option<f64> {
    site.world.metric(&site.world.agents[agent].http, "edge_agent_budget_stretch").await
}

/// Of each poll of an agent: device, time, whether the alert table had a row; in order.
async fn polls(site: &Site, cn: &str) -> Result<Vec<(String, i64, bool)>> {
    let query = format!(
        "SELECT device, toUnixTimestamp(ts), notEmpty(alerts.slot) FROM polls FINAL WHERE cn = '{cn}' AND outcome <= 1 \
         ORDER BY device, ts FORMAT TSV"
    );
    let rows = site.world.query(&query).await?;
    let cells = |row: &str| -> Result<(String, i64, bool)> {
        let cells: Vec<&str> = row.split('\t').collect();
        Ok((cells[0].to_owned(), cells[1].parse()?, cells[2] == "1"))
    };
    rows.lines().map(cells).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_an_open_alert_is_read_more_often_and_over_the_budget_polling_slows_and_says_so() -> Result<()> {
    let schedule = "[schedule]\nquiet_interval_s = 3600\nsupply_low_percent = 5\n";
    let mut site = Site::prepare(2, 6, |at| format!("{DRILL}\n{schedule}\n{}", ["", BUDGET][at])).await?;
    site.begin().await?;
    quarters(&mut site, HOURS).await?;
    ensure!(stretch(&site, 0).await == Some(1.0), "it has no budget");
    ensure!(stretch(&site, 1).await > Some(1.0), "six printers take some 100 KB");
    site.settle().await?;

    let usual = polls(&site, "acme.one").await?;
    let count = |quarter: i64| usual.iter().filter(|poll| quarter_of(poll.1) == quarter).count();
    let burst = (0..4).max_by_key(|quarter| count(*quarter)).unwrap();
    // The poll of its discovery comes when a device is found, and says when the next burst is.
    let early = usual.windows(2).filter(|pair| pair[0].0 == pair[1].0 && quarter_of(pair[1].1) != burst);
    let (caused, causeless): (Vec<_>, Vec<_>) = early.partition(|pair| pair[0].2);
    ensure!(!caused.is_empty(), "nobody with an alert was read again before the burst");
    ensure!(causeless.is_empty(), "read before the burst without an alert: {causeless:?}");

    let slowed = polls(&site, "acme.two").await?;
    ensure!(slowed.len() * 2 < usual.len(), "{} polls beside {}", slowed.len(), usual.len());
    let events = "SELECT cn, uniqExact(ts) FROM events FINAL WHERE kind = 'budget-exceeded' GROUP BY cn FORMAT TSV";
    let told = site.world.query(events).await?;
    ensure!(told.starts_with("acme.two\t") && told.lines().count() == 1, "{told}");
    site.assert_books_close().await?;
    Ok(())
}
