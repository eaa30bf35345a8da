//! `ingest retry`: decodes kept payloads again, after an upgrade or after what refused them was put right.
//!
//! A payload that can be read now is stored with the time of its first delivery; its kept bytes make place for a note.

use schemas::id::PayloadId;
use schemas::store::{BatchRow, KeptRow, status};
use schemas::topic::Topic;

use crate::config::ClickhouseConfig;
use crate::decode::{self, Payload};
use crate::insert::Writer;
use crate::store::{Class, Store, StoreError};

/// What became of the kept payloads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    pub committed: u64,
    /// Of an even newer version, or with records of one.
    pub still_held: u64,
    pub still_rejected: u64,
}

/// Tries held payloads, and rejected ones too if wanted.
///
/// # Errors
/// [`StoreError`] when the store does not answer; what was committed before stays so.
pub async fn retry(config: &ClickhouseConfig, rejected_too: bool) -> Result<Outcome, StoreError> {
    let store = Store::new(config);
    let writer = Writer::new(&store, None, "retry");
    let wanted: &[u8] = if rejected_too { &[status::HELD, status::REJECTED] } else { &[status::HELD] };
    let mut rows = store
        .client()
        .query(include_str!("../sql/retry_kept.sql"))
        .bind(wanted)
        .fetch::<KeptRow>()
        .map_err(StoreError::of("read the kept payloads"))?;
    let mut outcome = Outcome::default();
    while let Some(kept) = rows.next().await.map_err(StoreError::of("read the kept payloads"))? {
        match again(&kept) {
            Some(payload) if payload.batch.status == status::COMMITTED => {
                let whole = payload.rows.kept.is_empty();
                match store_one(&writer, &payload, whole.then_some(&kept)).await {
                    Ok(()) if whole => outcome.committed += 1,
                    Ok(()) => outcome.still_held += 1,
                    Err(error) if error.class() == Class::Permanent => {
                        tracing::warn!(agent = kept.cn, id = %PayloadId(kept.id), %error, "still refused");
                        outcome.still_rejected += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
            Some(payload) if payload.batch.status == status::HELD => outcome.still_held += 1,
            _ => outcome.still_rejected += 1,
        }
    }
    Ok(outcome)
}

/// Reads the kept bytes as if they were delivered again; `None` if they can have no sender.
fn again(kept: &KeptRow) -> Option<Payload> {
    let cn = kept.cn.parse().ok()?;
    let envelope = decode::envelope(&Topic::up(&cn).to_string(), &kept.payload).ok()?;
    let received = jiff::Timestamp::from_second(i64::from(kept.received)).ok()?;
    Some(decode::payload(&envelope, &kept.payload, received, "retry"))
}

async fn store_one(writer: &Writer, payload: &Payload, kept: Option<&KeptRow>) -> Result<(), StoreError> {
    writer.rows(&[payload]).await?;
    writer.books(&[&payload.batch]).await?;
    let Some(kept) = kept else { return Ok(()) };
    let done = KeptRow {
        status: status::COMMITTED,
        version: BatchRow::version_of(status::COMMITTED, kept.received),
        reason: "committed by retry".to_owned(),
        payload: Vec::new(),
        ..kept.clone()
    };
    writer.kept(&[done]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::wire::{Body, Event, Record, freeze};

    #[test]
    fn a_kept_payload_is_read_with_the_time_of_its_first_delivery() {
        let cn = "acme.one".parse().unwrap();
        let event = Record::from(Event { ts: 1_780_000_000, kind: "k".into(), ..Event::default() });
        let body = Body { zone: "UTC".into(), records: vec![event], ..Body::default() };
        let bytes = freeze(&cn, 3, 7, &body).unwrap().bytes;
        let kept = KeptRow { cn: "acme.one".into(), received: 1_780_000_005, payload: bytes, ..KeptRow::default() };
        let payload = again(&kept).unwrap();
        assert_eq!((payload.batch.status, payload.batch.epoch, payload.batch.seq), (status::COMMITTED, 3, 7));
        assert_eq!(payload.rows.events[0].received, 1_780_000_005);
        assert!(again(&KeptRow { cn: "nobody".into(), ..kept }).is_none());
    }
}
