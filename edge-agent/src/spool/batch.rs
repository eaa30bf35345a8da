//! Builds payload bodies from stamped records. Pure: the same records give the same bytes.
//!
//! A body decodes alone (site, zone, device table). What does not fit is split between records; a single record that is
//! too large by itself loses its least needed parts, and in the end itself, never silently.

use std::collections::HashMap;

use schemas::limits::{
    ALERTS_MAX, BATCH_CLOSE_BYTES, COUNTERS_MAX, EVENT_FIELDS_MAX, PAYLOAD_BYTES_MAX, PLAN_ITEMS_MAX, SUPPLIES_MAX,
    TEXT_BYTES_MAX,
};
use schemas::wire::{Body, Device, Record, encode_body};

use super::record::Taken;
use crate::limits::BATCH_RECORDS_MAX;
use crate::time::stamper::Stamp;

/// Bytes of a header around the body: names, CN, epoch, seq.
const HEADER_BYTES: usize = 160;
/// What a compressed body may have so that its payload stays within the wire format's limit.
pub const BODY_FIT: usize = PAYLOAD_BYTES_MAX - HEADER_BYTES;

/// What each body says about its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub site: String,
    /// IANA zone.
    pub zone: String,
    /// Version of the zone database.
    pub tzdb: String,
}

/// A body ready to be frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    pub body: Vec<u8>,
    /// Records and polls inside.
    pub records: u32,
    pub polls: u32,
}

/// What came of building.
#[derive(Debug, Default)]
pub struct Batch {
    pub built: Vec<Built>,
    /// Kinds of records that lost parts (`trimmed`) or had to be left out (`left-out`) because of their size.
    pub oversize: Vec<(&'static str, &'static str)>,
}

/// Builds as few bodies as fit, in the order of the records.
pub fn build(origin: &Origin, records: &[(Taken, Stamp)]) -> Batch {
    let mut batch = Batch::default();
    for part in records.chunks(BATCH_RECORDS_MAX) {
        split(origin, part, &mut batch);
    }
    batch
}

fn split(origin: &Origin, records: &[(Taken, Stamp)], batch: &mut Batch) {
    let body = body(origin, records);
    match encode_body(&body) {
        Ok(bytes) if bytes.len() <= BODY_FIT.min(limit(records.len())) => {
            let polls = records.iter().filter(|(taken, _)| taken.is_poll()).count();
            batch.built.push(Built {
                body: bytes,
                records: u32::try_from(records.len()).unwrap_or(u32::MAX),
                polls: u32::try_from(polls).unwrap_or(u32::MAX),
            });
        }
        _ if records.len() > 1 => {
            let (left, right) = records.split_at(records.len() / 2);
            split(origin, left, batch);
            split(origin, right, batch);
        }
        _ => {
            let Some((taken, stamp)) = records.first() else { return };
            trim(origin, taken, *stamp, batch);
        }
    }
}

/// Several records stay near the closing size; one alone may use all there is.
fn limit(records: usize) -> usize {
    if records > 1 { BATCH_CLOSE_BYTES + BATCH_CLOSE_BYTES / 8 } else { BODY_FIT }
}

fn trim(origin: &Origin, taken: &Taken, stamp: Stamp, batch: &mut Batch) {
    let kind = kind(&taken.record);
    let mut smaller = taken.clone();
    for step in 0..TRIM_STEPS {
        trim_step(&mut smaller.record, step);
        if let Ok(bytes) = encode_body(&body(origin, &[(smaller.clone(), stamp)]))
            && bytes.len() <= BODY_FIT
        {
            batch.built.push(Built { body: bytes, records: 1, polls: u32::from(taken.is_poll()) });
            batch.oversize.push((kind, "trimmed"));
            return;
        }
    }
    batch.oversize.push((kind, "left-out"));
}

const TRIM_STEPS: usize = 4;

/// Takes away, in this order: descriptive strings and trays, alerts, supplies, counters beyond the first 64.
fn trim_step(record: &mut Record, step: usize) {
    if let Some(poll) = &mut record.poll {
        match step {
            0 => {
                poll.info = None;
                poll.trays.clear();
            }
            1 => poll.alerts.clear(),
            2 => poll.supplies.clear(),
            _ => {
                while poll.counters.len() > 64 {
                    poll.counters.pop_last();
                }
            }
        }
    }
    if let Some(event) = &mut record.event
        && step == 0
    {
        event.fields.clear();
    }
}

/// The name of what a record carries.
pub fn kind(record: &Record) -> &'static str {
    match record {
        Record { poll: Some(_), .. } => "poll",
        Record { event: Some(_), .. } => "event",
        Record { plan: Some(_), .. } => "plan",
        Record { stats: Some(_), .. } => "stats",
        Record { drop: Some(_), .. } => "drop",
        _ => "unknown",
    }
}

fn body(origin: &Origin, records: &[(Taken, Stamp)]) -> Body {
    let mut devices: Vec<Device> = Vec::new();
    let mut places: HashMap<&Device, u32> = HashMap::new();
    let mut stamped = Vec::with_capacity(records.len());
    for (taken, stamp) in records {
        let place = taken.device.as_ref().map(|device| {
            *places.entry(device).or_insert_with(|| {
                devices.push(device.clone());
                u32::try_from(devices.len() - 1).unwrap_or(u32::MAX)
            })
        });
        stamped.push(taken.stamped(*stamp, place));
    }
    Body { site: origin.site.clone(), zone: origin.zone.clone(), tzdb: origin.tzdb.clone(), devices, records: stamped }
}

/// Holds a record to the caps of the wire format, so that one odd device cannot make a payload unreadable.
pub fn cap(taken: &mut Taken) {
    if let Some(device) = &mut taken.device {
        for text in [&mut device.maker, &mut device.model, &mut device.serial, &mut device.mac] {
            cut(text);
        }
    }
    if let Some(poll) = &mut taken.record.poll {
        while poll.counters.len() > COUNTERS_MAX {
            poll.counters.pop_last();
        }
        poll.counters.retain(|name, _| name.len() <= TEXT_BYTES_MAX);
        poll.supplies.truncate(SUPPLIES_MAX);
        poll.trays.truncate(SUPPLIES_MAX);
        poll.alerts.truncate(ALERTS_MAX);
        for supply in &mut poll.supplies {
            for text in
                [&mut supply.index, &mut supply.color, &mut supply.description, &mut supply.serial, &mut supply.part]
            {
                cut(text);
            }
        }
        for tray in &mut poll.trays {
            [&mut tray.index, &mut tray.name, &mut tray.media].into_iter().for_each(cut);
        }
        for alert in &mut poll.alerts {
            [&mut alert.index, &mut alert.text].into_iter().for_each(cut);
        }
        if let Some(info) = &mut poll.info {
            let fields = [
                &mut info.address,
                &mut info.host_name,
                &mut info.location,
                &mut info.contact,
                &mut info.firmware,
                &mut info.description,
                &mut info.console,
            ];
            fields.into_iter().flatten().for_each(cut);
        }
    }
    if let Some(event) = &mut taken.record.event {
        while event.fields.len() > EVENT_FIELDS_MAX {
            event.fields.pop_last();
        }
        event.fields.values_mut().for_each(cut);
    }
    if let Some(plan) = &mut taken.record.plan {
        plan.items.truncate(PLAN_ITEMS_MAX);
    }
}

fn cut(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}
