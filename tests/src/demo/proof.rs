//! The proof: what is stored and billed against what the printers really did.
//!
//! The truth comes from the printers' lives, never from what was read over the network.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;

use super::report::Traffic;
use super::stage;
use crate::check::{self, Check, Printers};
use crate::printer::fleet::Fleet;
use crate::world::{World, tools};

/// Everything that the proof found.
#[derive(Debug)]
pub(super) struct Found {
    pub models: usize,
    pub checks: Vec<Check>,
    pub books: Value,
    pub invoices: Vec<Value>,
    pub supplies: Value,
    pub traffic: Traffic,
}

/// # Errors
/// When a tool cannot be run or ClickHouse does not answer.
pub(super) async fn prove(world: &World, fleet: &Fleet, hours: u64) -> Result<Found> {
    let truth = fleet.truth(&[]);
    let printers = check::by_key(fleet);
    let models: BTreeSet<&str> = truth.printers.iter().map(|printer| printer.model.as_str()).collect();

    let mut checks = vec![stored(world, &printers, hours).await?];
    let (books, closed) = books(world).await?;
    checks.push(closed);
    let mut invoices = Vec::new();
    let period = stage::period(hours)?;
    let mut sound =
        Check::new("every issued invoice replays to the byte from all readings, its chain and its dossiers hold");
    for whose in stage::TENANTS {
        invoices.push(bill(world, fleet, whose, &period, &mut sound).await?);
    }
    checks.push(sound);
    checks.extend(billed(&invoices, &printers)?);
    checks.push(no_set(fleet));
    Ok(Found {
        models: models.len(),
        checks,
        books,
        invoices,
        supplies: forecast(world, fleet).await?,
        traffic: traffic(world, fleet).await?,
    })
}

/// Every counter in ClickHouse against the printer's at that second, and no printer missing.
async fn stored(world: &World, printers: &Printers, hours: u64) -> Result<Check> {
    let (mut check, reads) = check::stored(world, printers, 0).await?;
    for key in printers.keys() {
        let count = reads.get(key).copied().unwrap_or(0);
        check.that(count > hours / 2, || format!("{key} has {count} reads in {hours} hours"));
    }
    Ok(check)
}

/// `ingest proof` from ClickHouse alone.
async fn books(world: &World) -> Result<(Value, Check)> {
    let config = world.ingest_config.to_string_lossy().into_owned();
    let (code, books) = tools::json(world, "ingest", &["proof", "--config", &config, "--json"], &[0, 1]).await?;
    let mut check = Check::new("the books close for every agent: no seq and no poll lost");
    check.that(code == 0, || "ingest proof says that the books do not close".to_owned());
    for agent in &world.agents {
        let named = books.to_string().contains(agent.cn.as_str());
        check.that(named, || format!("{} has no books", agent.cn));
    }
    Ok((books, check))
}

/// A month as somebody bills it: the contract is applied, looked over, issued, proved and exported.
async fn bill(
    world: &World,
    fleet: &Fleet,
    (tenant, zone): (&str, &str),
    period: &str,
    sound: &mut Check,
) -> Result<Value> {
    stage::papers(&world.billing_config)?;
    let contract = stage::contract(&world.dir, tenant, zone)?;
    let (config, contract) = (world.billing_config.to_string_lossy(), contract.to_string_lossy());
    let (as_of, id) = (as_of(fleet)?, format!("{tenant}-2026"));
    let whose = ["--config", &config, "--tenant", tenant];
    let which = ["--contract", &id, "--period", period, "--as-of", &as_of];
    said(world, &["contract", "apply", "--config", &config, &contract]).await?;
    let review = [&["bill", "review", "--json"][..], &whose, &which].concat();
    let findings = tools::json(world, "analytics", &review, &[0, 1]).await?.1;
    let issue = [&["bill", "issue", "--json"][..], &whose, &which].concat();
    let issued = tools::json(world, "analytics", &issue, &[0]).await?.1;
    let again = tools::json(world, "analytics", &issue, &[0]).await?.1;
    sound.that(issued == again, || format!("{tenant}: issued twice, the invoice is another one"));
    let number = issued["head"]["number"].as_u64().context("an invoice has a number")?.to_string();
    let replay = [&["bill", "replay", &number, "--readings"][..], &whose].concat();
    let verify = [&["bill", "verify"][..], &whose].concat();
    for proof in [replay, verify] {
        let output = world.tool("analytics", &proof).await?;
        sound.that(output.status.success(), || {
            format!("{}: {}", proof.join(" "), String::from_utf8_lossy(&output.stdout))
        });
    }
    for (format, ending) in [("pdf", "pdf"), ("ubl", "xml"), ("meters-csv", "meters.csv")] {
        let file = stage::paper(&world.dir, tenant, ending);
        let file = file.to_string_lossy();
        let export = ["export", "invoice", &number, "--format", format, "--output", &file];
        said(world, &[&export[..], &whose].concat()).await?;
    }
    let dossier = stage::paper(&world.dir, tenant, "dossier.json");
    let dossier = dossier.to_string_lossy();
    said(world, &[&["bill", "dossier", &number, "2", "--output", &dossier][..], &whose].concat()).await?;
    let checked = world.tool("analytics", &["bill", "dossier", "--check", &dossier]).await?;
    sound.that(checked.status.success(), || String::from_utf8_lossy(&checked.stdout).into_owned());
    let export = [&["export", "invoice", &number, "--format", "statement"][..], &whose].concat();
    let mut statement = tools::json(world, "analytics", &export, &[0]).await?.1;
    statement["number"] = issued["head"]["number"].clone();
    statement["findings"] = findings;
    Ok(statement)
}

/// A command that must succeed.
async fn said(world: &World, arguments: &[&str]) -> Result<()> {
    let output = world.tool("analytics", arguments).await?;
    let words = || String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "analytics {}:\n{}", arguments.join(" "), words());
    Ok(())
}

async fn forecast(world: &World, fleet: &Fleet) -> Result<Value> {
    let config = world.analytics_config.to_string_lossy();
    let as_of = as_of(fleet)?;
    Ok(tools::json(world, "analytics", &["forecast", "--config", &config, "--as-of", &as_of, "--json"], &[0]).await?.1)
}

/// The simulated moment at the end of the demo.
pub(super) fn as_of(fleet: &Fleet) -> Result<String> {
    Ok(Timestamp::from_second(fleet.now())?.to_string())
}

/// Every value that an invoice line rests on.
fn billed(invoices: &[Value], printers: &Printers) -> Result<Vec<Check>> {
    let mut named =
        Check::new("every billed opening and closing value is the printer's counter at the read that the line names");
    let mut bounded =
        Check::new("the counter at each boundary lies between the last read before it and the first after it");
    let mut volume = Check::new("the pages really printed in the period lie between the bounds of the line");
    let mut twice = Check::new("no page is billed twice: one line per device, its pages = closing - opening");
    let mut all = Check::new("every printer is billed");
    let mut seen = BTreeSet::new();
    for invoice in invoices {
        let (from, to) = (instant(&invoice["period"]["from"])?, instant(&invoice["period"]["to"])?);
        for used in
            invoice["lines"].as_array().into_iter().flatten().flat_map(|line| line["reads"].as_array()).flatten()
        {
            let key = used["device"].as_str().unwrap_or_default().to_owned();
            let Some(unit) = printers.get(&key) else {
                named.that(false, || format!("{key} is billed and does not exist"));
                continue;
            };
            let mut ends = Vec::new();
            for (side, boundary) in [(&used["opening"], from), (&used["closing"], to)] {
                for read in [&side["read"], &side["next"]] {
                    let at = instant(&read["ts"]).ok();
                    let really = at.and_then(|at| unit.counter_at(at)).map(|total| i64::try_from(total).unwrap_or(-1));
                    named.that(really.is_some() && really == read["raw"].as_i64(), || {
                        format!("{key}: {read} but the printer had {really:?}")
                    });
                }
                let really = unit.counter_at(boundary).and_then(|total| i64::try_from(total).ok());
                let (before, after) = (side["read"]["value"].as_i64(), side["next"]["value"].as_i64());
                let inside = matches!((before, really, after), (Some(b), Some(r), Some(a)) if b <= r && r <= a);
                bounded.that(inside, || format!("{key}: {before:?} <= {really:?} <= {after:?} at {boundary}"));
                ends.push((before, really, after, side["value"].as_i64()));
            }
            check_volume(&key, used, &ends, &mut volume, &mut twice);
            twice.that(seen.insert(key.clone()), || format!("{key} stands in two lines"));
        }
    }
    for key in printers.keys() {
        all.that(seen.contains(key), || format!("{key} is in no invoice"));
    }
    Ok(vec![named, bounded, volume, twice, all])
}

type End = (Option<i64>, Option<i64>, Option<i64>, Option<i64>);

fn check_volume(key: &str, used: &Value, ends: &[End], volume: &mut Check, twice: &mut Check) {
    let [(open_lo, open, open_hi, opening), (close_lo, close, close_hi, closing)] = ends else { return };
    let printed = close.zip(*open).map(|(close, open)| close - open);
    let least = close_lo.zip(*open_hi).map(|(close, open)| close - open);
    let most = close_hi.zip(*open_lo).map(|(close, open)| close - open);
    let inside = matches!((least, printed, most), (Some(l), Some(p), Some(m)) if l <= p && p <= m);
    volume.that(inside, || format!("{key}: {least:?} <= {printed:?} <= {most:?}"));
    let pages = used["pages"].as_i64();
    let difference = closing.zip(*opening).map(|(closing, opening)| closing - opening);
    twice.that(pages.is_some() && pages == difference, || format!("{key}: {pages:?} pages, but {difference:?}"));
}

fn instant(value: &Value) -> Result<i64> {
    let text = value.as_str().context("an instant is missing")?;
    Ok(text.parse::<Timestamp>().with_context(|| text.to_owned())?.as_second())
}

/// The agent must not be able to change a printer.
fn no_set(fleet: &Fleet) -> Check {
    let mut check = Check::new("no SNMP SET was sent to any printer");
    let sets = fleet.traffic().sets_total;
    check.that(sets == 0, || format!("{sets} SETs"));
    check
}

async fn traffic(world: &World, fleet: &Fleet) -> Result<Traffic> {
    let polls_stored = world.count("SELECT count() FROM polls FINAL").await?;
    let stream: u64 = world
        .agents
        .iter()
        .map(|agent| {
            let counts = agent.relay.counts();
            counts.up.load(std::sync::atomic::Ordering::Relaxed)
                + counts.down.load(std::sync::atomic::Ordering::Relaxed)
        })
        .sum();
    let lan = fleet.traffic();
    let per_poll = |bytes: u64| if polls_stored == 0 { 0.0 } else { to_f64(bytes) / to_f64(polls_stored) };
    Ok(Traffic {
        polls_stored,
        upstream_stream_bytes: stream,
        keep_alive_note: "MQTT keep-alive runs on real time and is shorter than the demo: it is not part of these figures",
        upstream_stream_bytes_per_poll: per_poll(stream),
        lan_bytes: lan.ip_bytes(),
        lan_packets: lan.packets_in + lan.packets_out,
        lan_bytes_per_poll: per_poll(lan.ip_bytes()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "byte counts of a demo are far below 2^52")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
