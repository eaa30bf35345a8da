//! Gathers the dossier of a line: the document, every reading between its ends, the plans that name their OIDs, and the
//! payloads that brought them.

use std::collections::{BTreeMap, BTreeSet};

use super::issue::{IssueError, document};
use super::stored_second;
use crate::billing::calendar::Instant;
use crate::dossier::{DOSSIER_VERSION, Dossier, PayloadSeen, SourcedReading, line_of, pieces};
use crate::ledger::document::sha256;
use crate::limits::{DEVICES_PER_QUESTION, DOSSIER_READINGS_MAX};
use crate::read::facts::Span;
use crate::read::sources::PlanRow;
use crate::read::{ReadError, TenantStore, values};
use crate::statement::{ReadShape, ReadsUsed};

/// The dossier of a line; `None` if the document has no such line.
///
/// # Errors
/// [`IssueError`], when there is no such document or ClickHouse does not answer.
pub async fn dossier(store: &TenantStore, number: u64, line: usize) -> Result<Option<Dossier>, IssueError> {
    let document = document(store, number).await?;
    let Some((says, ends)) = line_of(&document, line) else { return Ok(None) };
    let (readings, left_out) = readings(store, &ends, document.as_of()).await?;
    let payloads = payloads(store, &readings).await?;
    let bytes = document.bytes()?;
    Ok(Some(Dossier {
        version: DOSSIER_VERSION,
        tenant: store.tenant().to_owned(),
        number,
        line,
        says,
        ends,
        readings,
        left_out,
        payloads,
        document_sha256: sha256(&bytes),
        previous_sha256: document.head.previous_sha256.clone(),
        document: pieces(&String::from_utf8_lossy(&bytes)),
    }))
}

/// All readings of the meters of a line, from the first read that it names to the last, as they were known then.
async fn readings(
    store: &TenantStore,
    ends: &[ReadsUsed],
    as_of: Instant,
) -> Result<(Vec<SourcedReading>, Option<String>), ReadError> {
    let mut spans: BTreeMap<&str, BTreeMap<&str, (i64, i64)>> = BTreeMap::new();
    for used in ends {
        let named = used.opening.iter().chain(&used.closing).flat_map(|side| side.read.iter().chain(&side.next));
        let times: Vec<i64> = named.filter_map(|read: &ReadShape| Some(read.ts.parse::<Instant>().ok()?.0)).collect();
        // An opening that the invoice before left behind names no read: then from the anchor's month on.
        let anchor = used.anchor.map(|anchor| anchor.ts - 32 * crate::usage::DAY_SECS);
        let opens = used.opening.as_ref().is_some_and(|side| side.read.is_some());
        let first = times.iter().copied().chain(anchor.filter(|_| !opens)).min();
        if let (Some(first), Some(last)) = (first, times.iter().max()) {
            spans.entry(&used.device).or_default().insert(&used.meter, (first, *last));
        }
    }
    if spans.len() > DEVICES_PER_QUESTION {
        let why = format!("the line counts {} devices; ask for a line of one device to see every reading", spans.len());
        return Ok((Vec::new(), Some(why)));
    }
    let devices: Vec<&str> = spans.keys().copied().collect();
    let first = spans.values().flat_map(BTreeMap::values).map(|(first, _)| *first).min().unwrap_or(0);
    let mut found = Vec::new();
    let mut rows = store.device_polls(Span::since(stored_second(first), stored_second(as_of.0), &devices))?;
    while let Some(poll) = rows.next().await? {
        let Some(meters) = spans.get(poll.device.as_str()) else { continue };
        for (meter, raw) in values(&poll.canonical, &poll.extra) {
            let inside = meters.get(meter).is_some_and(|(first, last)| (*first..=*last).contains(&i64::from(poll.ts)));
            if inside && found.len() < DOSSIER_READINGS_MAX {
                found.push(SourcedReading {
                    device: poll.device.clone(),
                    meter: meter.to_owned(),
                    ts: Instant(i64::from(poll.ts)).to_string(),
                    received: Instant(i64::from(poll.received)).to_string(),
                    raw,
                    agent: poll.cn.clone(),
                    epoch: poll.epoch.to_string(),
                    seq: poll.seq,
                    payload: poll.payload.clone(),
                    plan: poll.plan.clone(),
                    oid: String::new(),
                    rule: String::new(),
                });
            }
        }
    }
    let cut = (found.len() == DOSSIER_READINGS_MAX).then(|| format!("only the first {DOSSIER_READINGS_MAX} are here"));
    name_oids(store, &mut found).await?;
    for read in store.manual_reads(&devices, stored_second(as_of.0)).await? {
        let span = spans.get(read.device.as_str()).and_then(|meters| meters.get(read.meter.as_str()));
        if span.is_some_and(|(first, last)| (*first..=*last).contains(&i64::from(read.ts))) {
            found.push(SourcedReading {
                device: read.device,
                meter: read.meter,
                ts: Instant(i64::from(read.ts)).to_string(),
                received: Instant(i64::from(read.received)).to_string(),
                raw: read.value,
                agent: String::new(),
                epoch: String::new(),
                seq: 0,
                payload: String::new(),
                plan: String::new(),
                oid: String::new(),
                rule: format!("noted: {} {}", read.source, read.note).trim().to_owned(),
            });
        }
    }
    found.sort_by(|a, b| (&a.device, &a.meter, &a.ts, &a.agent).cmp(&(&b.device, &b.meter, &b.ts, &b.agent)));
    Ok((found, cut))
}

/// Looks up where each value was read.
async fn name_oids(store: &TenantStore, readings: &mut [SourcedReading]) -> Result<(), ReadError> {
    let plans: BTreeSet<&str> =
        readings.iter().map(|reading| reading.plan.as_str()).filter(|plan| !plan.is_empty()).collect();
    let plans: Vec<&str> = plans.into_iter().collect();
    let known: BTreeMap<String, PlanRow> =
        store.plan_items(&plans).await?.into_iter().map(|row| (row.hash.clone(), row)).collect();
    for reading in readings {
        let Some(plan) = known.get(&reading.plan) else { continue };
        if let Some(at) = plan.names.iter().position(|name| *name == reading.meter) {
            reading.oid = plan.oids.get(at).cloned().unwrap_or_default();
            reading.rule = plan.rules.get(at).cloned().unwrap_or_default();
        }
    }
    Ok(())
}

async fn payloads(store: &TenantStore, readings: &[SourcedReading]) -> Result<Vec<PayloadSeen>, ReadError> {
    let of = |field: fn(&SourcedReading) -> &str| -> Vec<&str> {
        let set: BTreeSet<&str> = readings.iter().map(field).filter(|text| !text.is_empty()).collect();
        set.into_iter().collect()
    };
    let (agents, ids) = (of(|reading| &reading.agent), of(|reading| &reading.payload));
    let mut seen = Vec::new();
    for some in ids.chunks(1_000) {
        seen.extend(store.payloads(&agents, some).await?.into_iter().map(|row| PayloadSeen {
            payload: row.payload,
            agent: row.cn,
            epoch: row.epoch.to_string(),
            seq: row.seq,
            received: Instant(i64::from(row.received)).to_string(),
            bytes: row.bytes,
            records: row.records,
        }));
    }
    Ok(seen)
}
