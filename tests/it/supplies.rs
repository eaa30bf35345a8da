//! Forecasts and orders of supplies over the real engine: proposed once, shipped, closed by the cartridge that is seen, scored
//! by what happened, and nobody else's.

use std::process::Output;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::support::Cloud;

/// A world in which one printer prints 100 pages a day from 2026-01-01 on; its black cartridge lasts 5000.
struct Depot {
    cloud: Cloud,
}

impl Depot {
    async fn open() -> Result<Self> {
        Ok(Self { cloud: Cloud::start().await? })
    }

    /// Polls of the days `from..to`, counted from 2026-01-01, at noon.
    async fn print(&self, from: u64, to: u64) -> Result<()> {
        let named = "toDateTime('2026-01-01 12:00:00', 'UTC') + number * 86400 AS t, number AS day, number * 100 AS pages, \
             pages + 2000 AS counted, 'hq' AS place, 'A' AS serial_number";
        self.insert("acme", named, "'hp:A'", &format!("{from}, {}", to - from)).await
    }

    /// Two sites from Monday 2026-01-05 to Friday 2026-04-03: an office that prints on working days and a shop that prints every
    /// day, 100 pages each. On that Friday all their toners have 100 pages left. `key`: of device `d` at a `place`, in SQL.
    async fn office_and_shop(&self, tenant: &str, key: &str) -> Result<()> {
        let named = "number % 16 AS d, intDiv(number, 16) AS day, toDateTime('2026-01-05 21:00:00', 'UTC') + day * 86400 AS t, \
             if(d % 2 = 0, 'office', 'shop') AS place, \
             if(d % 2 = 0, (intDiv(day, 7) * 5 + least(day % 7 + 1, 5)) * 100 + 3400, (day + 1) * 100 + 1000) AS pages, \
             pages AS counted, toString(d) AS serial_number";
        self.insert(tenant, named, key, "16 * 89").await
    }

    /// Polls of `numbers(rows)` that read one black toner of 5,000 pages. `named` gives, in SQL, `t`, `day` (since the first), `pages` (of
    /// the toners), `counted` (by the device), `place` and `serial_number`.
    async fn insert(&self, tenant: &str, named: &str, key: &str, rows: &str) -> Result<()> {
        let sql = format!(
            "INSERT INTO polls (tenant, device, ts, cn, received, version, epoch, seq, id, site, zone, local_day, maker, \
             model, serial, total, `supplies.slot`, `supplies.level`, `supplies.max`, `supplies.unit`, `supplies.class`, \
             `supplies.kind`, `supplies.color`, `supplies.description`, `supplies.serial`, `supplies.part`) WITH {named} \
             SELECT '{tenant}', {key}, t, '{tenant}.one', t + 60, toUInt32(4294967295 - toUnixTimestamp(t + 60)), 7, day + 1, \
             substring(MD5(toString(number)), 1, 16), place, 'Europe/Berlin', toDate(t, 'UTC'), 'hp', 'M1', serial_number, \
             toInt64(counted), ['1.1'], [toInt64(100 - intDiv(pages % 5000, 50))], [toInt64(100)], [toInt32(19)], \
             [toInt32(3)], [toInt32(3)], ['black'], ['Black toner'], [''], ['TN-1'] FROM numbers({rows})"
        );
        self.cloud.world.query(&sql).await.map(drop)
    }

    async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let config = self.cloud.world.billing_config.to_string_lossy().into_owned();
        let all: Vec<&str> = arguments.iter().copied().chain(["--config", &config]).collect();
        self.cloud.world.tool("analytics", &all).await
    }

    async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.run(&[arguments, &["--json"]].concat()).await?;
        ensure!(output.status.success(), "{output:?}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Day 93 at 23:00: 86 % of the second cartridge are used, 7 days are left.
const NEAR: &str = "2026-04-04T23:00:00Z";
/// Day 110: the third cartridge was put in on day 100.
const AFTER: &str = "2026-04-21T23:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_toner_that_runs_out_is_proposed_once_shipped_and_closed_by_the_new_cartridge() -> Result<()> {
    let depot = Depot::open().await?;
    depot.print(0, 94).await?;
    let plan = ["supplies", "--tenant", "acme", "--as-of", NEAR, "--keep"];
    let first = depot.json(&plan).await?;
    let line = &first["ship"][0];
    assert_eq!(
        (&line["device"], &line["supply"], &line["part"]),
        (&"hp:A".into(), &"K".into(), &"TN-1".into()),
        "{first}"
    );
    let order = line["order"].as_str().unwrap_or_default().to_owned();
    assert_eq!(depot.json(&plan).await?["ship"][0]["order"], line["order"], "the same order again, not another one");
    assert_eq!(depot.cloud.world.count("SELECT count() FROM supply_orders").await?, 1);

    let shipped = depot.run(&["supplies", "ship", "--tenant", "acme", "--note", "parcel 7", &order]).await?;
    assert_eq!(String::from_utf8_lossy(&shipped.stdout), "1 orders are now shipped\n", "{shipped:?}");
    let again = depot.json(&["supplies", "--tenant", "acme", "--as-of", NEAR, "--all"]).await?;
    assert_eq!(again["ship"], Value::Array(Vec::new()), "what is under way is not shipped twice");
    assert_eq!(again["others"][0]["state"], "shipped", "{again}");
    let back = depot.run(&["supplies", "order", "--tenant", "acme", &order]).await?;
    assert_eq!(back.status.code(), Some(1), "no step is taken back: {back:?}");

    depot.print(94, 111).await?;
    depot.json(&["supplies", "--tenant", "acme", "--as-of", AFTER, "--keep"]).await?;
    let orders = depot.json(&["supplies", "orders", "--tenant", "acme", "--all"]).await?;
    assert_eq!(orders[0]["state"], "installed", "{orders}");
    let states: Vec<&str> =
        orders[0]["changes"].as_array().into_iter().flatten().filter_map(|change| change["state"].as_str()).collect();
    assert_eq!(states, ["proposed", "shipped", "installed"], "every change is kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_forecasts_are_scored_by_what_was_read_since_and_are_nobody_elses() -> Result<()> {
    let depot = Depot::open().await?;
    depot.print(0, 94).await?;
    let said = depot.json(&["forecast", "--tenant", "acme", "--as-of", NEAR, "--keep"]).await?;
    let days = said["supplies"][0]["days"]["p50"].as_f64().unwrap_or(f64::NAN);
    // 14 % at noon of day 93 are 7 days, of which 11 hours have passed.
    assert!((days - 6.5).abs() < 2.0, "{said}");
    let before = depot.json(&["forecast", "score", "--tenant", "acme", "--as-of", NEAR]).await?;
    assert_eq!((&before[0][1]["ended"], &before[0][1]["running"]), (&0.into(), &1.into()), "{before}");
    depot.print(94, 111).await?;
    let scores = depot.json(&["forecast", "score", "--tenant", "acme", "--as-of", AFTER]).await?;
    assert_eq!(scores[0][1]["ended"], 1, "{scores}");
    let all = &scores[0][1]["groups"][0];
    assert!(all["mean_error"].as_f64().is_some_and(|error| error < 2.5), "{scores}");
    let other = depot.json(&["forecast", "--tenant", "globex", "--as-of", NEAR]).await?;
    assert_eq!(other["supplies"], Value::Array(Vec::new()));
    let foreign = depot.json(&["forecast", "score", "--tenant", "globex", "--as-of", AFTER]).await?;
    assert_eq!(foreign[0][1]["ended"], 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_has_its_own_calendar_wherever_its_devices_lie_among_the_keys() -> Result<()> {
    const FRIDAY: &str = "2026-04-03T23:00:00Z";
    let depot = Depot::open().await?;
    depot.office_and_shop("acme", "concat('hp:', place, toString(d))").await?;
    depot.office_and_shop("globex", "concat('hp:', toString(d), place)").await?;
    let (apart, among) = (
        depot.json(&["forecast", "--tenant", "acme", "--as-of", FRIDAY]).await?,
        depot.json(&["forecast", "--tenant", "globex", "--as-of", FRIDAY]).await?,
    );
    let days = |said: &Value, site: &str| -> Vec<f64> {
        let supplies = said["supplies"].as_array().into_iter().flatten().filter(|supply| supply["site"] == site);
        supplies.filter_map(|supply| supply["days"]["p50"].as_f64()).collect()
    };
    for said in [&apart, &among] {
        let (office, shop) = (days(said, "office"), days(said, "shop"));
        assert_eq!((office.len(), shop.len()), (8, 8), "{said}");
        assert!(office.iter().all(|days| *days > 2.0), "the hundred pages are printed on Monday: {office:?}");
        assert!(shop.iter().all(|days| *days < 1.6), "the hundred pages are printed on Saturday: {shop:?}");
    }
    assert_eq!(days(&apart, "office"), days(&among, "office"));
    assert_eq!(days(&apart, "shop"), days(&among, "shop"));
    Ok(())
}
