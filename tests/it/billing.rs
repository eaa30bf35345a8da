//! Invoices over the real engine: issued once, replayed to the byte, corrected, chained, and nobody else's.

mod facts;
mod papers;
mod refusals;
#[cfg(feature = "recordings")]
mod shared;

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use schemas::wire::{Hello, decode_ack, encode_hello};
use serde_json::Value;
use testbed::world::process::{binary, until};

use crate::support::{Cloud, PATIENCE, beginning, payload};

const CONTRACT: &str =
    "id = \"C-1\"\ntenant = \"acme\"\ncurrency = \"EUR\"\ntimezone = \"Europe/Berlin\"\nstart = 2026-03-05
all_devices = true\nbase_fee = { amount = \"10.00\" }
[[charges]]\nid = \"all\"\nmeters = { total = 1 }\nprice = \"0.0125\"\n";

/// The cloud, a device with one reading a day or so, and somebody who bills.
struct Office {
    cloud: Cloud,
    seq: u64,
    nonce: u64,
}

impl Office {
    async fn open() -> Result<Self> {
        let mut office = Self { cloud: Cloud::start().await?, seq: 0, nonce: 0 };
        office
            .arrive("2026-04-02T00:00:00Z", &[("2026-03-04T12:00:00Z", 1_000), ("2026-03-31T12:00:00Z", 1_500)])
            .await?;
        let contract = office.cloud.world.dir.join("acme.toml");
        std::fs::write(&contract, CONTRACT)?;
        let applied = office.analytics(&["contract", "apply", &contract.to_string_lossy()]).await?;
        ensure!(said(&applied) == "C-1 applied as version 1\n", "{applied:?}");
        Ok(office)
    }

    /// Readings that reach ingest at `now`.
    async fn arrive(&mut self, now: &str, reads: &[(&str, i64)]) -> Result<()> {
        let now: jiff::Timestamp = now.parse()?;
        let steps = u64::try_from(now.as_second() - beginning().as_second())?;
        self.cloud.world.drill.as_ref().context("a drill")?.set(steps);
        // Ingest follows the drill's clock a moment later; its answer to a hello says when it has.
        while self.server_second().await? < now.as_second() {}
        for (ts, total) in reads {
            self.seq += 1;
            let ts: jiff::Timestamp = ts.parse()?;
            let frozen = payload(&self.cloud.cn, 7, self.seq, ts.as_second(), *total);
            self.cloud.deliver(&frozen.bytes).await?;
        }
        Ok(())
    }

    async fn server_second(&mut self) -> Result<i64> {
        self.nonce += 1;
        let hello = encode_hello(&self.cloud.cn, &Hello { nonce: self.nonce, ..Hello::default() })?;
        self.cloud.send(&hello).await?;
        loop {
            let ack = decode_ack(&self.cloud.client.message().await?.payload)?;
            if ack.re == Some(self.nonce) {
                return Ok(ack.now.div_euclid(1_000));
            }
        }
    }

    async fn analytics(&self, arguments: &[&str]) -> Result<Output> {
        let config = self.cloud.world.billing_config.to_string_lossy().into_owned();
        let all: Vec<&str> = arguments.iter().copied().chain(["--config", &config]).collect();
        self.cloud.world.tool("analytics", &all).await
    }

    async fn bill(&self, verb: &str, arguments: &[&str]) -> Result<Output> {
        self.analytics(&[&["bill", verb, "--tenant", "acme"], arguments].concat()).await
    }

    async fn issue(&self, month: &str) -> Result<Value> {
        let output = self.bill("issue", &["--contract", "C-1", "--period", month, "--json"]).await?;
        ensure!(output.status.success(), "{output:?}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_issued_once_and_replayed_to_the_byte() -> Result<()> {
    let office = Office::open().await?;
    let first = office.issue("2026-03").await?;
    // 500 pages at 0.0125 = 6.25; the contract runs 27 of 31 days: 8.71 of the base fee of 10.00.
    assert_eq!((&first["head"]["number"], &first["matter"]["result"]["total"]), (&1.into(), &"14.96".into()));
    assert_eq!(office.issue("2026-03").await?, first, "issuing again changes nothing");
    assert_eq!(office.cloud.world.count("SELECT count() FROM invoices").await?, 1);
    let replay = office.bill("replay", &["1", "--readings"]).await?;
    assert_eq!(code(&replay), Some(0), "{replay:?}");
    assert_eq!(said(&replay).matches("identical, byte for byte").count(), 2);
    let again = office.bill("issue", &["--contract", "C-1", "--period", "2026-03-20..2026-04-02"]).await?;
    assert_eq!(code(&again), Some(1), "a period that overlaps is refused");
    let gap = office.bill("issue", &["--contract", "C-1", "--period", "2026-05"]).await?;
    assert_ne!(code(&gap), Some(0), "a period that is not over is refused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn late_data_changes_nothing_that_was_issued_shows_in_the_difference_and_is_settled_once() -> Result<()> {
    let mut office = Office::open().await?;
    office.issue("2026-03").await?;
    let same = office.bill("diff", &["1"]).await?;
    assert_eq!(code(&same), Some(0), "{same:?}");

    office.arrive("2026-04-16T00:00:00Z", &[("2026-03-31T20:00:00Z", 1_620)]).await?;
    let replay = office.bill("replay", &["1", "--readings"]).await?;
    assert_eq!(code(&replay), Some(0), "{replay:?}");
    let diff = office.bill("diff", &["1", "--json"]).await?;
    assert_eq!(code(&diff), Some(1), "{diff:?}");
    let found: Value = serde_json::from_slice(&diff.stdout)?;
    // 120 pages more at 0.0125.
    assert_eq!((&found["change"], &found["lines"][0]["now_quantity"]), (&"1.50".into(), &620.into()));

    let corrected = office.bill("correct", &["1"]).await?;
    assert_eq!(said(&corrected), "invoice 1 is credited by 2 (-14.96) and replaced by 3 (16.46)\n", "{corrected:?}");
    let twice = office.bill("correct", &["1"]).await?;
    assert_eq!(code(&twice), Some(1), "{twice:?}");

    office.arrive("2026-05-02T00:00:00Z", &[("2026-04-30T12:00:00Z", 2_000)]).await?;
    let april = office.issue("2026-04").await?;
    // 2000 - 1620 pages: with 620 of March every page since 1000 is billed once.
    assert_eq!(april["matter"]["result"]["lines"][1]["qty"], 380);
    assert_eq!(april["matter"]["follows"]["number"], 3);
    let earlier = office.bill("correct", &["3"]).await?;
    assert_eq!(code(&earlier), Some(1), "a later invoice rests on it");
    let verified = office.bill("verify", &[]).await?;
    assert!(said(&verified).starts_with("4 documents hold"), "{verified:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_at_any_moment_and_repeated_bills_once_and_leaves_no_gap() -> Result<()> {
    let office = Office::open().await?;
    let config = office.cloud.world.billing_config.to_string_lossy().into_owned();
    let arguments =
        ["bill", "issue", "--tenant", "acme", "--contract", "C-1", "--period", "2026-03", "--config", &config];
    for milliseconds in (0..120).step_by(10) {
        let mut run = tokio::process::Command::new(binary("analytics")?).args(arguments).kill_on_drop(true).spawn()?;
        // Anywhere between the start and the header; not a wait for something.
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), run.wait()).await;
        run.kill().await.ok();
    }
    until("the lock of the last run is free", PATIENCE, || async { office.issue("2026-03").await.is_ok() }).await?;
    assert_eq!(
        office.cloud.world.query("SELECT groupUniqArray(number), uniqExact(invoice) FROM invoices").await?,
        "[1]\t1"
    );
    assert_eq!(
        office
            .cloud
            .world
            .count("SELECT uniqExact(line) FROM invoice_lines WHERE sha256 IN (SELECT sha256 FROM invoices)")
            .await?,
        2
    );
    let verified = office.bill("verify", &[]).await?;
    assert!(said(&verified).starts_with("1 documents hold"), "{verified:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_row_breaks_the_chain_and_is_named() -> Result<()> {
    let mut office = Office::open().await?;
    office.issue("2026-03").await?;
    office.arrive("2026-05-02T00:00:00Z", &[("2026-04-30T12:00:00Z", 2_000)]).await?;
    office.issue("2026-04").await?;
    let forge = "INSERT INTO invoices SELECT * REPLACE (replaceOne(document, '\"14.96\"', '\"4.96\"') AS document, \
                 lower(hex(SHA256(document))) AS sha256) FROM invoices WHERE number = 1";
    office.cloud.world.query(forge).await?;
    let verified = office.bill("verify", &[]).await?;
    assert_eq!(code(&verified), Some(1), "{verified:?}");
    assert!(said(&verified).starts_with("document 1: "), "{verified:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_sees_and_changes_nothing_with_any_command() -> Result<()> {
    let office = Office::open().await?;
    office.issue("2026-03").await?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = office.cloud.world.dir.join(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    };
    let all_devices = file("globex.toml", &CONTRACT.replace("acme", "globex"))?;
    let listed = file(
        "listed.toml",
        &CONTRACT.replace("acme", "globex").replace("all_devices = true", "devices = [{ device = \"VCF1234567\" }]"),
    )?;
    let reads = file("reads.csv", "device,meter,ts,value\nVCF1234567,total,2026-03-31T21:00:00Z,40\n")?;
    let swaps =
        file("swaps.csv", "device,meter,ts,old_value,new_value\nVCF1234567,total,2026-03-31T13:00:00Z,1550,5\n")?;
    let tenant = ["--tenant", "globex"];
    let contract = ["--contract", "C-1"];
    let month = ["--period", "2026-03"];
    let refused: Vec<Vec<&str>> = vec![
        [&["bill", "show", "1"][..], &tenant].concat(),
        [&["bill", "replay", "1"][..], &tenant].concat(),
        [&["bill", "replay", "1", "--readings"][..], &tenant].concat(),
        [&["bill", "diff", "1"][..], &tenant].concat(),
        [&["bill", "correct", "1"][..], &tenant].concat(),
        [&["bill", "dossier", "1", "2"][..], &tenant].concat(),
        [&["bill", "issue"][..], &tenant, &contract, &month].concat(),
        [&["bill", "review"][..], &tenant, &contract, &month].concat(),
        [&["bill", "hold", "--reason", "mine"][..], &tenant, &contract].concat(),
        [&["bill", "release"][..], &tenant, &contract].concat(),
        [&["contract", "show", "C-1"][..], &tenant].concat(),
        vec!["contract", "diff", &all_devices],
        vec!["contract", "apply", &listed],
        [&["export", "invoice", "1", "--format", "json"][..], &tenant].concat(),
        [&["export", "invoice", "1", "--format", "csv"][..], &tenant].concat(),
        [&["export", "invoice", "1", "--format", "pdf"][..], &tenant].concat(),
        [&["export", "invoice", "1", "--format", "ubl"][..], &tenant].concat(),
        [&["export", "invoice", "1", "--format", "meters-csv"][..], &tenant].concat(),
        [&["import", "reads", &reads][..], &tenant].concat(),
        [&["import", "exchanges", &swaps][..], &tenant].concat(),
    ];
    for arguments in &refused {
        let output = office.analytics(arguments).await?;
        assert_eq!(code(&output), Some(64), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
    // What answers, answers without a device, a reading or a document of the other.
    let answered: Vec<Vec<&str>> = vec![
        [&["bill", "list", "--json"][..], &tenant].concat(),
        [&["bill", "verify"][..], &tenant].concat(),
        [&["contract", "list", "--json"][..], &tenant].concat(),
        [&["export", "reads"][..], &tenant, &month].concat(),
        [&["bill", "draft", "--contract", &all_devices, "--json"][..], &month].concat(),
        [&["bill", "draft", "--contract", &all_devices, "--json", "--reads", "proved"][..], &month].concat(),
        [&["bill", "simulate", "--contract", &all_devices, "--json"][..], &tenant, &month].concat(),
        [&["export", "lines", "--contract", &listed][..], &month].concat(),
        [&["forecast", "--json"][..], &tenant].concat(),
    ];
    for arguments in &answered {
        let output = office.analytics(arguments).await?;
        let (said, device) = (said(&output), arguments.contains(&listed.as_str()));
        assert!(!said.contains("1500") && !said.contains("acme") && !said.contains("kyocera"), "{arguments:?}: {said}");
        assert!(device || !said.contains("VCF1234567"), "{arguments:?}: {said}");
    }
    for table in ["contracts", "manual_reads", "meter_exchanges", "invoices", "invoice_holds"] {
        let sql = format!("SELECT count() FROM {table} WHERE tenant = 'globex'");
        assert_eq!(office.cloud.world.count(&sql).await?, 0, "{table}");
    }
    let verified = office.bill("verify", &[]).await?;
    assert!(said(&verified).starts_with("1 documents hold"), "{verified:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statements_for_a_servers_users_and_row_policies_are_understood_by_the_engine() -> Result<()> {
    let office = Office::open().await?;
    let printed = office.analytics(&["access", "--tenant", "acme", "--tenant", "globex"]).await?;
    assert_eq!(code(&printed), Some(0), "{printed:?}");
    let statements = analytics::access::single(&said(&printed));
    assert!(statements.len() > 60, "{}", statements.len());
    for statement in statements {
        office.cloud.world.query(&format!("EXPLAIN AST {statement}")).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_contract_is_not_issued_until_it_is_let_go() -> Result<()> {
    let office = Office::open().await?;
    let held = office.bill("hold", &["--contract", "C-1", "--reason", "meter disputed"]).await?;
    assert_eq!(code(&held), Some(0), "{held:?}");
    let refused = office.bill("issue", &["--contract", "C-1", "--period", "2026-03"]).await?;
    assert_eq!(code(&refused), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("meter disputed"), "{refused:?}");
    office.cloud.world.drill.as_ref().context("a drill")?.set(40 * 86_400);
    let released = office.bill("release", &["--contract", "C-1"]).await?;
    assert_eq!(code(&released), Some(0), "{released:?}");
    office.issue("2026-03").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_exchanges_that_somebody_noted_are_billed_like_any_other() -> Result<()> {
    let office = Office::open().await?;
    let (reads, exchanges) = (office.cloud.world.dir.join("reads.csv"), office.cloud.world.dir.join("exchanges.csv"));
    // The counter was replaced at 1550 and the new one stood at 40 on the evening of the last day.
    std::fs::write(&exchanges, "device,meter,ts,old_value,new_value\nVCF1234567,total,2026-03-31T13:00:00Z,1550,5\n")?;
    std::fs::write(&reads, "device,meter,ts,value,source\nkyocera:VCF1234567,total,2026-03-31T21:00:00Z,40,phone\n")?;
    for (what, file) in [("exchanges", &exchanges), ("reads", &reads)] {
        let taken = office.analytics(&["import", what, "--tenant", "acme", &file.to_string_lossy()]).await?;
        assert_eq!(said(&taken), format!("1 {what} taken in from {}\n", file.display()), "{taken:?}");
    }
    let invoice = office.issue("2026-03").await?;
    // 550 on the old counter, 35 on the new one.
    assert_eq!(invoice["matter"]["result"]["lines"][1]["qty"], 585);
    std::fs::write(
        &reads,
        "device,meter,ts,value\nVCF1234567,total,2026-03-31T21:00:00Z,41\nVCF1234567,total,soon,42\n",
    )?;
    let refused = office.analytics(&["import", "reads", "--tenant", "acme", &reads.to_string_lossy()]).await?;
    assert_eq!(code(&refused), Some(64), "{refused:?}");
    assert_eq!(
        office.cloud.world.count("SELECT count() FROM manual_reads").await?,
        1,
        "a file is taken whole or not at all"
    );
    Ok(())
}
