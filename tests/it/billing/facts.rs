//! What is proved instead of read: a fleet that does everything odd must come out the same, to the byte, whether its invoice
//! is measured from every reading or from the few that the proof leaves.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{code, said};
use crate::support::Cloud;

/// Enough that an issue takes the proved way by itself.
const DEVICES: u32 = 240;
/// 25 January 2026, 00:00 UTC; four polls a day until the middle of April.
const BEGINNING: u32 = 1_769_299_200;
const POLLS: u32 = 82 * 4;

const CONTRACT: &str = "id = \"C-9\"\ntenant = \"acme\"\ncurrency = \"EUR\"\ntimezone = \"Europe/Berlin\"\nstart = 2026-02-01
all_devices = true\nbase_fee = { amount = \"9.90\", per = \"device\" }
[settings]\nmax_read_age_hours = 30
[[charges]]\nid = \"mono\"\nmeters = { total = 1, color = -1 }\nprice = \"0.0080\"\nincluded = 50
[[charges]]\nid = \"color\"\nmeters = { color = 1 }\nscope = \"pool\"\nprice = \"0.0600\"\nincluded = 900\ncarry_cap = 400
[[charges]]\nid = \"staples\"\nmeters = { \"vendor.staples\" = 1 }\nprice = \"0.01\"\n";

/// The polls of some hours of all devices. `d` is the device, `h` the poll; each oddity meets one device in some.
/// A dip inside a day that its first, last, lowest and highest value do not show is the case of `d % 11 = 3`.
fn polls(which: &str) -> String {
    format!(
        "INSERT INTO polls (tenant, device, ts, cn, received, version, epoch, seq, id, site, zone, local_day, clock, outcome, \
         maker, serial, plan, total, color, scan, extra) \
         WITH number % {DEVICES} AS d, intDiv(number, {DEVICES}) AS h, \
         {BEGINNING} + h * 21600 + d * 37 + sipHash64(d, h) % 900 AS t, \
         t + 30 + multiIf(d % 13 = 5 AND h % 40 > 33, 9 * 86400, d % 17 = 6 AND h = 150, -900, 0) AS r, \
         toInt64(5 + d % 7) AS pace, toInt64(h) * pace + toInt64(sipHash64(d, h, 1) % 3) AS grown, \
         toInt64(multiIf( \
            d % 19 = 1 AND h > 170, grown - 170 * pace, \
            d % 11 = 3 AND h % 4 = 2 AND h % 52 = 30, grown - 2 * pace, \
            d % 23 = 2 AND h = 200, 77000000, \
            d % 29 = 4 AND h > 150, grown + 3000000, \
            d % 31 = 7 AND h = 140, 3, \
            d % 37 = 8 AND h = 145, -1, \
            d % 41 = 9 AND h = 263, grown - 40, \
            grown)) AS counted \
         SELECT 'acme', concat('kyocera:F', leftPad(toString(d), 5, '0')), toDateTime(t, 'UTC'), 'acme.one', toDateTime(r, 'UTC'), \
         toUInt32(4294967295 - r), 7, h + 1, substring(MD5(toString(number)), 1, 16), 'hq', 'Europe/Berlin', \
         toDate(toDateTime(t, 'Europe/Berlin')), d % 43 = 10 AND h % 9 = 0, if(d % 47 = 11 AND h % 5 = 0, 1, 0), 'kyocera', \
         concat('F', leftPad(toString(d), 5, '0')), '', \
         if(d % 47 = 11 AND h % 5 = 0, NULL, counted), if(d % 3 = 0, NULL, intDiv(h * pace, 3)), \
         if(d % 5 = 0, toInt64(h * 2 + if(d % 25 = 5 AND h = 100, -5, 0)), NULL), \
         CAST(if(d % 4 = 0, [('vendor.staples', toInt64(intDiv(h, 8) - if(d % 28 = 4 AND h = 162, 3, 0)))], []), \
         'Map(LowCardinality(String), Int64)') \
         FROM numbers({}) WHERE NOT (d % 53 = 12 AND h BETWEEN 20 AND 60) AND NOT (d % 59 = 13 AND h > 230) \
         AND NOT (d % 61 = 14 AND h < 60) AND ({which})",
        DEVICES * POLLS
    )
}

/// Many parts, none in order; a part comes twice, and a second agent reads some devices, at the same second and with other
/// values now and then.
async fn fill(cloud: &Cloud) -> Result<()> {
    for which in ["h % 3 = 1", "h % 3 = 0 AND h < 200", "h % 3 = 2", "h % 3 = 0 AND h >= 190"] {
        cloud.world.query(&polls(which)).await?;
    }
    let again = "INSERT INTO polls SELECT * REPLACE (toDateTime(toUInt32(received) + 4000, 'UTC') AS received, version - 4000 AS version) \
                 FROM polls WHERE device LIKE '%3' AND toHour(ts) < 9";
    cloud.world.query(again).await?;
    let second = "INSERT INTO polls SELECT * REPLACE ('acme.two' AS cn, if(seq % 50 = 0, total + 1, total) AS total) \
                  FROM polls WHERE device LIKE '%71'";
    cloud.world.query(second).await?;
    let noted = "INSERT INTO manual_reads VALUES ('acme', 'kyocera:F00021', 'total', '2026-03-31 21:00:00', 1999, '2026-04-01 08:00:00', NULL, 'phone', '')";
    cloud.world.query(noted).await?;
    let replaced = "INSERT INTO meter_exchanges VALUES ('acme', 'kyocera:F00022', 'total', '2026-03-10 09:00:00', 1500, 0, '2026-03-10 10:00:00', 'technician', '')";
    cloud.world.query(replaced).await?;
    let alias = "INSERT INTO device_alias VALUES ('acme', 'kyocera:F00033', 'kyocera:F00034', '2026-03-15 00:00:00', 1, 'board')";
    cloud.world.query(alias).await?;
    Ok(())
}

struct Desk {
    cloud: Cloud,
    contract: String,
    config: String,
}

impl Desk {
    async fn open() -> Result<Desk> {
        let cloud = Cloud::start().await?;
        fill(&cloud).await?;
        let (contract, config) = (cloud.world.dir.join("fleet.toml"), cloud.world.dir.join("loud.toml"));
        std::fs::write(&contract, CONTRACT)?;
        let quiet = std::fs::read_to_string(&cloud.world.billing_config)?;
        std::fs::write(&config, format!("{quiet}\n[log]\nlevel = \"analytics=debug\"\nformat = \"json\"\n"))?;
        let [contract, config] = [contract, config].map(|path| path.to_string_lossy().into_owned());
        Ok(Desk { cloud, contract, config })
    }

    async fn analytics(&self, arguments: &[&str]) -> Result<std::process::Output> {
        self.cloud.world.tool("analytics", &[arguments, &["--config", &self.config]].concat()).await
    }

    /// A draft, and how many devices were proved.
    async fn draft(&self, reads: &str, period: &str, as_of: &str) -> Result<(String, u64)> {
        let arguments = [
            "bill",
            "draft",
            "--contract",
            &self.contract,
            "--period",
            period,
            "--as-of",
            as_of,
            "--unfinished",
            "--json",
            "--reads",
            reads,
        ];
        let output = self.analytics(&arguments).await?;
        ensure!(code(&output) == Some(0), "{output:?}");
        Ok((said(&output), proved(&output)?))
    }
}

fn proved(output: &std::process::Output) -> Result<u64> {
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let counts: Option<u64> = lines.filter_map(|line| number_of(&line, "proved")).next();
    counts.with_context(|| format!("nothing was measured: {log}"))
}

/// The field stands at the top or among the fields of the line.
fn number_of(line: &Value, field: &str) -> Option<u64> {
    line[field].as_u64().or_else(|| line["fields"][field].as_u64())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_the_same_to_the_byte_from_every_reading_and_from_those_that_the_proof_leaves() -> Result<()> {
    let desk = Desk::open().await?;
    for (period, as_of) in [
        ("2026-02", "2026-03-03T06:00:00Z"),
        ("2026-02", "2026-02-28T23:00:00Z"),
        ("2026-03", "2026-04-02T00:00:00Z"),
        ("2026-03", "2026-05-20T00:00:00Z"),
        ("2026-02-10..2026-03-29", "2026-03-30T10:00:00Z"),
        ("2026-04-01..2026-04-12", "2026-04-12T00:00:00Z"),
    ] {
        let (every, none) = desk.draft("every", period, as_of).await?;
        let (proved, count) = desk.draft("proved", period, as_of).await?;
        assert_eq!(none, 0);
        assert!(count > 20, "{period} as of {as_of}: only {count} devices were proved, which tests nothing");
        let parts = every.lines().zip(proved.lines()).find(|(one, other)| one != other);
        assert!(every == proved, "{period} as of {as_of}: {parts:?}");
    }
    // Merged, far fewer need the long way, and the result is still the same.
    desk.cloud.world.query("OPTIMIZE TABLE polls FINAL").await?;
    let (every, _) = desk.draft("every", "2026-03", "2026-04-02T00:00:00Z").await?;
    let (proved, count) = desk.draft("proved", "2026-03", "2026-04-02T00:00:00Z").await?;
    assert!(every == proved);
    assert!(count > 90, "{count} of {DEVICES} are steady");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_issued_from_the_proof_is_replayed_from_every_reading_to_the_byte_and_goes_on_so() -> Result<()> {
    let desk = Desk::open().await?;
    let applied = desk.analytics(&["contract", "apply", &desk.contract]).await?;
    ensure!(code(&applied) == Some(0), "{applied:?}");
    for (number, (month, as_of)) in
        [("2026-02", "2026-03-03T06:00:00Z"), ("2026-03", "2026-04-02T00:00:00Z")].into_iter().enumerate()
    {
        let issue =
            ["bill", "issue", "--tenant", "acme", "--contract", "C-9", "--period", month, "--as-of", as_of, "--json"];
        let issued = desk.analytics(&issue).await?;
        ensure!(code(&issued) == Some(0), "{}", String::from_utf8_lossy(&issued.stderr));
        assert!(proved(&issued)? > 20, "{month}");
        let replay = ["bill", "replay", "--tenant", "acme", &(number + 1).to_string(), "--readings"];
        let replayed = desk.analytics(&replay).await?;
        assert_eq!(code(&replayed), Some(0), "{month}: {}", said(&replayed));
    }
    Ok(())
}
