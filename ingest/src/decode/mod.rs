//! Turns what the broker delivers into rows. Pure: no IO, no clock; never panics, whatever the bytes.
//!
//! Nothing is dropped silently. A payload becomes rows (`committed`), or its bytes are kept with a reason: `held` if it was
//! written by a newer agent, `rejected` if it cannot be what it claims to be. One impossible record is kept beside its
//! batch and costs the batch nothing. Only a message without an agent to answer is refused.

mod record;
mod zone;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use jiff::Timestamp;
use schemas::device::DeviceKey;
use schemas::id::{AgentCn, PayloadId};
use schemas::limits::TEXT_BYTES_MAX;
use schemas::store::{
    BatchRow, DropRow, EventRow, KeptRow, PlanRow, PollRow, RejectedRecordRow, StatsRow, status, version_of,
};
use schemas::topic::Topic;
use schemas::wire::{Body, DecodeError, ENC_HELLO, Header, Hello, Record, decode_body, decode_header, decode_hello};

use crate::limits::{REASON_CHARS_MAX, REJECTED_JSON_MAX};

/// A message that nobody can be answered for; it is counted and forgotten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0:?} is not a topic of payloads")]
    Topic(String),
    #[error("{0} is one of our own services, which have no payloads")]
    Service(AgentCn),
    #[error("the hello of {cn} cannot be read: {why}")]
    Hello { cn: AgentCn, why: String },
}

/// Who sent what, before any work is spent on the body.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// From the topic, which the broker checks against the certificate.
    pub cn: AgentCn,
    pub id: PayloadId,
    /// As the header claims; 0 where it cannot be read.
    pub epoch: u64,
    pub seq: u64,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Hello(Hello),
    Body(Header),
    /// Not what it claims to be, and why.
    Impossible(String),
}

/// A payload that is ready for the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    pub cn: AgentCn,
    pub id: PayloadId,
    /// Its line in the books.
    pub batch: BatchRow,
    pub rows: Rows,
}

/// The rows of a payload, all of which must be stored before its line in the books.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    pub polls: Vec<PollRow>,
    pub events: Vec<EventRow>,
    pub plans: Vec<PlanRow>,
    pub stats: Vec<StatsRow>,
    pub drops: Vec<DropRow>,
    pub kept: Vec<KeptRow>,
    pub rejected: Vec<RejectedRecordRow>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.polls.len()
            + self.events.len()
            + self.plans.len()
            + self.stats.len()
            + self.drops.len()
            + self.kept.len()
            + self.rejected.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads topic and header.
///
/// # Errors
/// [`Refusal`] if there is no agent to answer.
pub fn envelope(topic: &str, payload: &[u8]) -> Result<Envelope, Refusal> {
    let Ok(Topic::Up { cn, .. }) = topic.parse() else {
        return Err(Refusal::Topic(topic.chars().take(120).collect()));
    };
    if cn.is_service() {
        return Err(Refusal::Service(cn));
    }
    let id = PayloadId::of(payload);
    let header = match decode_header(payload) {
        Ok(header) => header,
        Err(error) => {
            return Ok(Envelope { cn, id, epoch: 0, seq: 0, content: Content::Impossible(error.to_string()) });
        }
    };
    let (epoch, seq) = (header.epoch, header.seq);
    let content = if header.cn != cn.as_str() {
        let named: String = header.cn.chars().take(80).collect();
        Content::Impossible(format!("the header names {named:?}, the topic {cn}"))
    } else if header.enc == ENC_HELLO {
        match decode_hello(&header) {
            Ok(hello) => Content::Hello(hello),
            Err(error) => return Err(Refusal::Hello { cn, why: error.to_string() }),
        }
    } else if seq == 0 {
        Content::Impossible("a batch has no seq 0".to_owned())
    } else {
        Content::Body(header)
    };
    Ok(Envelope { cn, id, epoch, seq, content })
}

/// Builds the rows of a payload. `bytes` are those that [`envelope`] read, `received` is the time of their delivery,
/// `worker` names this process in the books.
pub fn payload(envelope: &Envelope, bytes: &[u8], received: Timestamp, worker: &str) -> Payload {
    let at = At::new(envelope, received);
    match &envelope.content {
        Content::Hello(_) => keep(&at, bytes, 0, status::REJECTED, "a hello is not a batch", worker),
        Content::Impossible(why) => keep(&at, bytes, 0, status::REJECTED, why, worker),
        Content::Body(header) => match decode_body(header) {
            Ok(body) => match body_reason(&body) {
                None => commit(&at, bytes, header, &body, worker),
                Some(why) => keep(&at, bytes, header.n, status::REJECTED, &why, worker),
            },
            Err(error @ DecodeError::Unknown { .. }) => {
                keep(&at, bytes, header.n, status::HELD, &error.to_string(), worker)
            }
            Err(error) => keep(&at, bytes, header.n, status::REJECTED, &error.to_string(), worker),
        },
    }
}

/// The payload as it is kept when the store refuses its rows: `bytes` with the reason, and nothing else.
pub fn refused(payload: &Payload, bytes: &[u8], why: &str) -> Payload {
    let row = &payload.batch;
    let at = At {
        cn: &payload.cn,
        id: payload.id,
        epoch: row.epoch,
        seq: row.seq,
        received: row.received,
        version: version_of(row.received),
    };
    keep(&at, bytes, row.records, status::REJECTED, why, &row.worker)
}

/// What all rows of one payload share.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub(crate) cn: &'a AgentCn,
    pub(crate) id: PayloadId,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    /// Unix seconds.
    pub(crate) received: u32,
    pub(crate) version: u32,
}

impl<'a> At<'a> {
    fn new(envelope: &'a Envelope, received: Timestamp) -> Self {
        let received = seconds(received);
        Self {
            cn: &envelope.cn,
            id: envelope.id,
            epoch: envelope.epoch,
            seq: envelope.seq,
            received,
            version: version_of(received),
        }
    }

    fn batch(&self, status: u8, bytes: &[u8], records: u32, worker: &str) -> BatchRow {
        BatchRow {
            tenant: self.cn.tenant().to_owned(),
            cn: self.cn.to_string(),
            epoch: self.epoch,
            seq: self.seq,
            id: self.id.0,
            status,
            version: BatchRow::version_of(status, self.received),
            received: self.received,
            bytes: count(bytes.len()),
            records,
            worker: worker.to_owned(),
            ..BatchRow::default()
        }
    }

    fn kept(&self, status: u8, bytes: &[u8], reason: &str) -> KeptRow {
        KeptRow {
            tenant: self.cn.tenant().to_owned(),
            cn: self.cn.to_string(),
            epoch: self.epoch,
            seq: self.seq,
            id: self.id.0,
            status,
            version: BatchRow::version_of(status, self.received),
            received: self.received,
            reason: reason.to_owned(),
            payload: bytes.to_vec(),
        }
    }
}

/// Unix seconds as the store has them.
pub fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_second().max(0)).unwrap_or(u32::MAX)
}

pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn keep(at: &At<'_>, bytes: &[u8], records: u32, status: u8, why: &str, worker: &str) -> Payload {
    let reason: String = why.chars().take(REASON_CHARS_MAX).collect();
    let rows = Rows { kept: vec![at.kept(status, bytes, &reason)], ..Rows::default() };
    let batch = BatchRow { reason, ..at.batch(status, bytes, records, worker) };
    Payload { cn: at.cn.clone(), id: at.id, batch, rows }
}

fn body_reason(body: &Body) -> Option<String> {
    let long = |name: &str, text: &str| {
        (text.len() > TEXT_BYTES_MAX)
            .then(|| format!("{name} has {} bytes, at most {TEXT_BYTES_MAX} are possible", text.len()))
    };
    long("site", &body.site).or_else(|| long("zone", &body.zone)).or_else(|| long("tzdb", &body.tzdb))
}

fn commit(at: &At<'_>, bytes: &[u8], header: &Header, body: &Body, worker: &str) -> Payload {
    let zone = zone::Zone::of(&body.zone);
    let devices: Vec<Result<DeviceKey, String>> = body.devices.iter().map(record::device).collect();
    let place = record::Place { at, body, devices: &devices, zone: &zone };
    let mut rows = Rows::default();
    let mut polled: HashSet<(String, u32)> = HashSet::new();
    let mut unknown = 0_usize;
    for (n, record) in body.records.iter().enumerate() {
        let n = count(n);
        let reason = match place.add(record, n, &mut polled, &mut rows) {
            Ok(true) => continue,
            Ok(false) => {
                unknown += 1;
                "a kind of record that is not known here; the payload is kept for a newer ingest".to_owned()
            }
            Err(why) => why,
        };
        rows.rejected.push(rejected(at, n, reason, record));
    }
    if unknown > 0 {
        rows.kept.push(at.kept(status::HELD, bytes, &format!("{unknown} records of an unknown kind")));
    }
    if zone.unknown {
        rows.events.push(unknown_zone(at, body));
    }
    let batch = BatchRow {
        polls: count(rows.polls.len()),
        rejected_records: count(rows.rejected.len()),
        ..at.batch(status::COMMITTED, bytes, header.n, worker)
    };
    Payload { cn: at.cn.clone(), id: at.id, batch, rows }
}

fn rejected(at: &At<'_>, n: u32, reason: String, record: &Record) -> RejectedRecordRow {
    let json = serde_json::to_string(record).unwrap_or_default();
    RejectedRecordRow {
        tenant: at.cn.tenant().to_owned(),
        cn: at.cn.to_string(),
        epoch: at.epoch,
        seq: at.seq,
        id: at.id.0,
        n,
        version: at.version,
        received: at.received,
        reason: reason.chars().take(REASON_CHARS_MAX).collect(),
        record: json.chars().take(REJECTED_JSON_MAX).collect(),
    }
}

/// One line per agent and day, however many payloads say it.
fn unknown_zone(at: &At<'_>, body: &Body) -> EventRow {
    let fields = vec![("zone".to_owned(), body.zone.clone()), ("tzdb".to_owned(), body.tzdb.clone())];
    EventRow { ts: at.received / 86_400 * 86_400, epoch: 0, seq: 0, ..event(at, "unknown-zone", fields) }
}

/// Says that one place in the books was given to two payloads: the agent was cloned, or its disk restored. Both count.
pub fn two_payloads_for_one_seq(payload: &Payload, other: PayloadId) -> EventRow {
    let row = &payload.batch;
    let fields = vec![
        ("epoch".to_owned(), row.epoch.to_string()),
        ("seq".to_owned(), row.seq.to_string()),
        ("id".to_owned(), payload.id.to_string()),
        ("other".to_owned(), other.to_string()),
    ];
    let at = At {
        cn: &payload.cn,
        id: payload.id,
        epoch: row.epoch,
        seq: row.seq,
        received: row.received,
        version: version_of(row.received),
    };
    event(&at, "two-payloads-for-one-seq", fields)
}

/// An event of ingest's own making; its `n` is beyond all records.
fn event(at: &At<'_>, kind: &str, fields: Vec<(String, String)>) -> EventRow {
    EventRow {
        tenant: at.cn.tenant().to_owned(),
        cn: at.cn.to_string(),
        ts: at.received,
        kind: kind.to_owned(),
        epoch: at.epoch,
        seq: at.seq,
        n: u32::MAX,
        version: at.version,
        received: at.received,
        fields,
        ..EventRow::default()
    }
}
