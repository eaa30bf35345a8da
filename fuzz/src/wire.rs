//! Payloads as ingest takes them from the broker, and acks as agents do.

use ingest::decode::{Payload, envelope, payload};
use jiff::Timestamp;
use schemas::id::{AgentCn, PayloadId};
use schemas::store::status;
use schemas::topic::Topic;
use schemas::wire::{
    Body, DecodeError, ENC_NONE, ENC_ZSTD, Header, VERSION, decode_ack, decode_body, decode_status, encode_ack,
    encode_body, encode_status,
};

const CN: &str = "acme.one";
/// When everything arrives: some months after the stamps of the golden files.
const RECEIVED: i64 = 1_790_000_000;

/// Any bytes on the topic of an agent, and the same as an ack and as a status.
pub fn header(data: &[u8]) {
    let rows = settled(data);
    assert!(rows.is_none_or(|rows| rows.id == PayloadId::of(data)), "the id is that of the bytes");
    if let Ok(ack) = decode_ack(data) {
        assert_eq!(decode_ack(&encode_ack(&ack).unwrap()).unwrap(), ack);
    }
    if let Ok(status) = decode_status(data) {
        assert_eq!(decode_status(&encode_status(&status).unwrap()).unwrap(), status);
    }
}

/// Number of records (u16, little endian), `1` for a compressed body, then the body in plain MessagePack.
pub fn body(data: &[u8]) {
    let [low, high, packed, plain @ ..] = data else { return };
    let packed = packed % 2 == 1;
    let header = Header {
        v: VERSION,
        cn: CN.to_owned(),
        epoch: 6,
        seq: 1,
        enc: if packed { ENC_ZSTD } else { ENC_NONE }.to_owned(),
        n: u16::from_le_bytes([*low, *high]).into(),
        body: if packed { zstd::bulk::compress(plain, 1).unwrap() } else { plain.to_vec() },
    };
    match decode_body(&header) {
        Ok(body) => assert_eq!(again(&body), body, "a body that was read can be written"),
        Err(error) => assert!(!matches!(error, DecodeError::Unknown { .. }), "{error}"),
    }
    let bytes = rmp_serde::to_vec_named(&header).unwrap();
    let Some(rows) = settled(&bytes) else { panic!("a header that names its sender is answered") };
    if rows.batch.status != status::COMMITTED {
        assert!(rows.rows.kept.len() == 1 && rows.rows.len() == 1, "what is not committed is kept whole: {rows:?}");
        return;
    }
    let named = rows.rows.polls.len() + rows.rows.rejected.len() + rows.rows.kept.len();
    let others = rows.rows.events.len() + rows.rows.plans.len() + rows.rows.stats.len() + rows.rows.drops.len();
    assert!(named + others >= usize::try_from(rows.batch.records).unwrap_or(0), "every record becomes a row: {rows:?}");
}

/// What ingest would store; `None` if nobody can be answered.
fn settled(bytes: &[u8]) -> Option<Payload> {
    let cn: AgentCn = CN.parse().unwrap();
    let received = Timestamp::from_second(RECEIVED).unwrap();
    let envelope = envelope(&Topic::up(&cn).to_string(), bytes).ok()?;
    let rows = payload(&envelope, bytes, received, "ingest1");
    assert_eq!(rows.cn, cn, "the sender is the one of the topic");
    Some(rows)
}

fn again(body: &Body) -> Body {
    let header = Header {
        v: VERSION,
        enc: ENC_ZSTD.to_owned(),
        n: u32::try_from(body.records.len()).unwrap(),
        body: encode_body(body).unwrap(),
        ..Header::default()
    };
    match decode_body(&header) {
        Ok(body) => body,
        Err(error) => panic!("a body that was read cannot be read again: {error}"),
    }
}
