//! The acceptance cases of `../shared/billing` through ClickHouse: readings inserted into the real tables, shuffled and some
//! twice, billed by the real binary, on the long way and on the proved one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::support::Cloud;

/// Meters with a column.
const COLUMNS: [&str; 6] = ["total", "mono", "color", "scan", "fax", "a3"];

#[tokio::test(flavor = "multi_thread")]
async fn every_shared_case_comes_out_exactly_when_its_readings_come_from_clickhouse() -> Result<()> {
    let cloud = Cloud::start().await?;
    let path = shared().join("billing/cases.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}; set PLATEN_SHARED", path.display()))?;
    let cases: Value = serde_json::from_str(&text)?;
    let cases = cases["cases"].as_array().context("a list of cases")?;
    ensure!(!cases.is_empty(), "{} holds no case", path.display());
    for (at, case) in cases.iter().enumerate() {
        insert(&cloud, &tenant(at), case).await?;
    }
    let mut wrong = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        for reads in ["every", "proved"] {
            let found =
                billed(&cloud, &tenant(at), case, reads).await.with_context(|| format!("case {}", case["id"]))?;
            if found != case["expected"] {
                wrong.push(format!(
                    "case {} {} ({reads}):\n  got      {found}\n  expected {}",
                    case["id"], case["name"], case["expected"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

fn tenant(at: usize) -> String {
    format!("case{at}")
}

/// Each reading is a poll of its own; one with a sender's clock goes where such readings go. Every third comes twice, and all
/// come in an order that has nothing to do with time.
async fn insert(cloud: &Cloud, tenant: &str, case: &Value) -> Result<()> {
    let readings = case["readings"].as_array().map_or(&[][..], Vec::as_slice);
    let mut rows: Vec<(u64, &Value, usize, u32)> = Vec::new();
    for (at, reading) in readings.iter().enumerate() {
        let shuffled = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        rows.push((shuffled, reading, at, 0));
        if at % 3 == 0 {
            rows.push((shuffled.rotate_left(31), reading, at, 40));
        }
    }
    rows.sort_by_key(|(order, ..)| *order);
    for (_, reading, at, later) in rows {
        let second = |of: &Value| -> Result<i64> {
            Ok(of.as_str().context("an instant")?.parse::<jiff::Timestamp>()?.as_second())
        };
        let (device, meter) =
            (reading["device"].as_str().context("device")?, reading["meter"].as_str().context("meter")?);
        // What has no number is kept like what has an impossible one: both are invalid.
        let (ts, value) = (second(&reading["ts"])?, reading["value"].as_i64().unwrap_or(-1));
        let received =
            if reading["received"].is_null() { ts } else { second(&reading["received"])? } + i64::from(later);
        if !reading["sent"].is_null() && !reading["received"].is_null() {
            let sql = format!(
                "INSERT INTO manual_reads (tenant, device, meter, ts, value, received, sent, source, note) VALUES \
                 ('{tenant}', '{device}', '{meter}', {ts}, {value}, {}, {}, 'case', '')",
                received - i64::from(later),
                second(&reading["sent"])?
            );
            cloud.world.query(&sql).await?;
            continue;
        }
        let (column, cell) = if COLUMNS.contains(&meter) {
            (meter, value.to_string())
        } else {
            ("extra", format!("map('{meter}', {value})"))
        };
        let sql = format!(
            "INSERT INTO polls (tenant, device, ts, cn, received, version, epoch, seq, id, site, zone, local_day, maker, serial, \
             plan, {column}) VALUES ('{tenant}', '{device}', {ts}, '{tenant}.a{at}', {received}, {}, 1, {}, '0123456789abcdef', \
             'hq', 'UTC', toDate({ts}), 'any', '{device}', '', {cell})",
            i64::from(u32::MAX) - received,
            at + 1
        );
        cloud.world.query(&sql).await?;
    }
    Ok(())
}

/// What the binary says, in the shape of `expected`.
async fn billed(cloud: &Cloud, tenant: &str, case: &Value, reads: &str) -> Result<Value> {
    if case["action"] == "correct" {
        let issued = drafted(cloud, tenant, case, &case["issued_as_of"], reads).await?;
        let mut lines = issued["lines"].clone();
        for line in lines.as_array_mut().context("lines")? {
            line["amount"] = negated(&line["amount"]);
        }
        let note = json!({"lines": lines, "total": negated(&issued["total"])});
        let replacement = drafted(cloud, tenant, case, &case["as_of"], reads).await?;
        return Ok(json!({"credit_note": note, "replacement": replacement}));
    }
    drafted(cloud, tenant, case, &case["as_of"], reads).await
}

async fn drafted(cloud: &Cloud, tenant: &str, case: &Value, as_of: &Value, reads: &str) -> Result<Value> {
    let mut contract = case["contract"].clone();
    contract["tenant"] = json!(tenant);
    contract["events"] = case["events"].clone();
    if contract["devices"].as_array().is_none_or(Vec::is_empty) {
        contract["all_devices"] = json!(true);
    }
    let file = cloud.world.dir.join(format!("{tenant}.toml"));
    std::fs::write(&file, toml::to_string(&without_nulls(contract))?)?;
    let previous = cloud.world.dir.join(format!("{tenant}.previous.json"));
    std::fs::write(&previous, if case["previous"].is_null() { "{}".to_owned() } else { case["previous"].to_string() })?;
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let period = format!("{}..{}", text(&case["period"]["start"]), text(&case["period"]["end"]));
    let config = cloud.world.billing_config.to_string_lossy().into_owned();
    let (file, previous, as_of) = (file.to_string_lossy(), previous.to_string_lossy(), text(as_of));
    let arguments = [
        "bill",
        "draft",
        "--config",
        &config,
        "--contract",
        &file,
        "--period",
        &period,
        "--as-of",
        &as_of,
        "--previous",
        &previous,
        "--unfinished",
        "--json",
        "--reads",
        reads,
    ];
    let output = cloud.world.tool("analytics", &arguments).await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let statement: Value = serde_json::from_slice(&output.stdout)?;
    let lines: Vec<Value> =
        statement["lines"].as_array().context("lines")?.iter().map(|line| line["line"].clone()).collect();
    let mut found = json!({"lines": lines, "total": statement["total"], "closing": statement["closing"], "flags": statement["flags"]});
    if !statement["carry"].is_null() {
        found["carry"] = statement["carry"].clone();
    }
    Ok(found)
}

fn negated(amount: &Value) -> Value {
    let text = amount.as_str().unwrap_or_default();
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    match text.strip_prefix('-') {
        _ if zero => json!(text),
        Some(positive) => json!(positive),
        None => json!(format!("-{text}")),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, of)| !of.is_null()).map(|(key, of)| (key, without_nulls(of)));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn shared() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test finds its material here; it has no configuration")]
    let told = std::env::var("PLATEN_SHARED");
    told.map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}
