//! Bad input: every refusal names file, line and remedy, and nothing is written.

use anyhow::Result;

use super::{CONTRACT, Office, code};

/// What is changed in a good contract, and what its refusal must say; the line is that of the first word in the file.
const CONTRACTS: [(&str, &str, &str, &str); 9] = [
    (
        "price = \"0.0125\"",
        "tier_mode = \"slab\"\ntiers = [{ up_to = 100, price = \"1\" }, { up_to = 500, price = \"1\" }]",
        "tiers",
        "the last band must have no up_to, so that no volume is without a price; add such a band",
    ),
    (
        "price = \"0.0125\"",
        "tier_mode = \"slab\"\ntiers = [{ up_to = 500, price = \"1\" }, { up_to = 100, price = \"1\" }, { price = \"1\" }]",
        "tiers",
        "sort them from small to large",
    ),
    (
        "price = \"0.0125\"",
        "prices = [{ from = 2026-01-01, price = \"1\" }, { from = 2026-01-01, price = \"2\" }]",
        "prices",
        "sort them and remove repeats",
    ),
    ("price = \"0.0125\"", "prices = [{ from = 2027-01-01, price = \"1\" }]", "prices", "add one that starts no later"),
    ("meters = { total = 1 }", "meters = { totle = 1 }", "meters", "unknown meter \"totle\"; known are total, "),
    (
        "all_devices = true",
        "devices = [{ device = \"hp:NOBODY\" }]",
        "devices",
        "correct the key, or give --new-devices if it is yet to come",
    ),
    // 02:30 did not exist in Berlin that night, and no time of day is taken without its zone.
    (
        "all_devices = true",
        "devices = [{ device = \"VCF1234567\", from = \"2026-03-29T02:30:00\" }]",
        "devices",
        "neither a date like 2026-01-31 nor an instant like 2026-01-31T22:00:00Z",
    ),
    ("\"EUR\"", "\"EURO\"", "currency", "unknown currency \"EURO\"; known are EUR"),
    ("\"Europe/Berlin\"", "\"Berlin\"", "timezone", "write an IANA name like Europe/Berlin"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_cannot_be_meant_is_refused_with_file_line_and_remedy_and_nothing_is_written() -> Result<()> {
    let office = Office::open().await?;
    for (good, bad, at, words) in CONTRACTS {
        assert!(CONTRACT.contains(good), "{good}");
        let text = CONTRACT.replace(good, bad);
        let path = office.cloud.world.dir.join("bad.toml");
        std::fs::write(&path, &text)?;
        let line = text.lines().position(|line| line.starts_with(at)).unwrap() + 1;
        let refused = office.analytics(&["contract", "apply", &path.to_string_lossy()]).await?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(code(&refused), Some(64), "{bad}: {said}");
        assert!(said.contains("bad.toml") && said.contains(words), "{bad}: {said}");
        assert!(said.contains(&format!(":{line}:")) || said.contains(&format!("line {line}")), "line {line}: {said}");
    }
    assert_eq!(office.cloud.world.count("SELECT max(version) FROM contracts").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_not_over_is_not_billed() -> Result<()> {
    let office = Office::open().await?;
    for month in ["2026-04", "2026-09"] {
        let refused = office.bill("issue", &["--contract", "C-1", "--period", month]).await?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(code(&refused), Some(64), "{said}");
        assert!(said.contains("is not over") && said.contains("wait, or give"), "{said}");
    }
    assert_eq!(office.cloud.world.count("SELECT count() FROM invoices").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_an_unknown_device_or_a_time_without_zone_is_refused_with_its_line_and_the_file_is_not_taken()
-> Result<()> {
    let office = Office::open().await?;
    let good = "VCF1234567,total,2026-03-31T21:00:00Z,1600";
    for (bad, words) in [
        ("hp:NOBODY,total,2026-03-31T21:00:00Z,40", "no device \"hp:NOBODY\""),
        ("VCF1234567,totle pages,2026-03-31T21:00:00Z,40", "is no meter"),
        ("VCF1234567,total,2026-03-29T02:30:00,40", "write it with its zone"),
        ("VCF1234567,total,2027-03-31T21:00:00Z,40", "lies in the future"),
        ("VCF1234567,total,2026-03-31T21:00:00Z,-4", "never negative"),
    ] {
        let path = office.cloud.world.dir.join("reads.csv");
        std::fs::write(&path, format!("device,meter,ts,value\n{good}\n{bad}\n"))?;
        let refused = office.analytics(&["import", "reads", "--tenant", "acme", &path.to_string_lossy()]).await?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(code(&refused), Some(64), "{bad}: {said}");
        assert!(said.contains("reads.csv:3: ") && said.contains(words), "{bad}: {said}");
    }
    assert_eq!(office.cloud.world.count("SELECT count() FROM manual_reads").await?, 0);
    Ok(())
}
