use super::*;
use schemas::wire::{Device, ENC_NONE, Event, Outcome, Plan, Poll, Stats, VERSION, freeze};
use std::collections::BTreeMap;

const NOW: i64 = 1_780_000_000;

fn cn() -> AgentCn {
    "acme.one".parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn body(records: Vec<Record>) -> Body {
    let device =
        Device { enterprise: Some(1347), model: "P2040".into(), serial: "VCF1234567".into(), ..Device::default() };
    Body { site: "hq".into(), zone: "Europe/Berlin".into(), devices: vec![device], records, ..Body::default() }
}

fn poll(ts: i64) -> Poll {
    Poll { ts, counters: BTreeMap::from([("total".into(), 5), ("x.drum".into(), 6)]), ..Poll::default() }
}

fn decoded(body: &Body) -> Payload {
    let frozen = freeze(&cn(), 9, 4, body).unwrap();
    let envelope = envelope(&Topic::up(&cn()).to_string(), &frozen.bytes).unwrap();
    payload(&envelope, &frozen.bytes, now(), "w")
}

fn raw(header: &Header) -> (Payload, Vec<u8>) {
    let bytes = rmp_serde::to_vec_named(header).unwrap();
    let envelope = envelope(&Topic::up(&cn()).to_string(), &bytes).unwrap();
    (payload(&envelope, &bytes, now(), "w"), bytes)
}

#[test]
fn a_poll_becomes_one_row_with_key_day_columns_and_extras() {
    let payload = decoded(&body(vec![poll(NOW - 3600).into()]));
    let row = &payload.rows.polls[0];
    assert_eq!((row.tenant.as_str(), row.cn.as_str(), row.device.as_str()), ("acme", "acme.one", "kyocera:VCF1234567"));
    assert_eq!((row.total, row.mono, row.extra.as_slice()), (Some(5), None, [("x.drum".to_owned(), 6)].as_slice()));
    assert_eq!((row.epoch, row.seq, row.received, row.version), (9, 4, 1_780_000_000, u32::MAX - 1_780_000_000));
    assert_eq!(row.local_day, 20_601, "2026-05-28 in Berlin");
    let batch = &payload.batch;
    assert_eq!((batch.status, batch.records, batch.polls, batch.rejected_records), (status::COMMITTED, 1, 1, 0));
    assert_eq!(batch.id, row.id);
}

#[test]
fn the_same_bytes_give_the_same_rows() {
    let one = decoded(&body(vec![poll(NOW).into()]));
    assert_eq!(one, decoded(&body(vec![poll(NOW).into()])));
}

#[test]
fn an_impossible_stamp_costs_its_record_and_not_the_batch() {
    for bad in [0, -1, i64::MIN, i64::MAX, 946_684_799, NOW + 86_401, 5_000_000_000] {
        let payload = decoded(&body(vec![poll(bad).into(), poll(NOW).into()]));
        assert_eq!(
            (payload.rows.polls.len(), payload.rows.rejected.len(), payload.batch.status),
            (1, 1, status::COMMITTED),
            "{bad}"
        );
        assert_eq!(payload.rows.rejected[0].n, 0);
        assert!(payload.rows.rejected[0].record.contains("x.drum"), "the record is kept as JSON");
    }
    for good in [946_684_800, NOW + 86_400] {
        assert_eq!(decoded(&body(vec![poll(good).into()])).rows.polls.len(), 1, "{good}");
    }
}

#[test]
fn impossible_records_are_kept_with_their_reason() {
    let named = |name: &str| Poll { counters: BTreeMap::from([(name.to_owned(), 1)]), ts: NOW, ..Poll::default() };
    let long = Event { ts: NOW, kind: "x".repeat(2_000), ..Event::default() };
    let cases: Vec<(Record, &str)> = vec![
        (Poll { device: 1, ..poll(NOW) }.into(), "no device 1"),
        (named("Total").into(), "not the name of a meter"),
        (named("a;DROP TABLE polls").into(), "not the name of a meter"),
        (Poll { plan: vec![1, 2], ..poll(NOW) }.into(), "hash of a plan"),
        (Poll { outcome: Outcome::NoAnswer as u8, ..poll(NOW) }.into(), "has no values"),
        (long.into(), "2000 bytes"),
        (Event { ts: NOW, kind: "k".into(), device: Some(7), ..Event::default() }.into(), "no device 7"),
        (Plan { ts: NOW, ..Plan::default() }.into(), "hash of a plan"),
        (schemas::wire::Drop { ts: NOW, epoch: 1, from: 5, to: 4, ..Default::default() }.into(), "drop of the seqs"),
        (Record::default(), "not known here"),
    ];
    for (record, reason) in cases {
        let payload = decoded(&body(vec![record, poll(NOW).into()]));
        assert_eq!(payload.rows.polls.len(), 1, "{reason}");
        assert!(
            payload.rows.rejected[0].reason.contains(reason),
            "{} instead of {reason}",
            payload.rows.rejected[0].reason
        );
    }
}

#[test]
fn a_second_poll_of_a_device_in_one_second_is_named_instead_of_vanishing() {
    let payload = decoded(&body(vec![poll(NOW).into(), poll(NOW).into()]));
    assert_eq!((payload.batch.polls, payload.batch.rejected_records), (1, 1));
}

#[test]
fn a_batch_with_records_of_an_unknown_kind_is_committed_and_its_bytes_are_held() {
    let payload = decoded(&body(vec![Record::default(), poll(NOW).into()]));
    assert_eq!((payload.batch.status, payload.rows.kept[0].status), (status::COMMITTED, status::HELD));
}

#[test]
fn the_books_of_an_agent_with_a_wrong_clock_are_heard() {
    let payload = decoded(&body(vec![Stats { ts: -5, taken: 3, oldest: 2, ..Stats::default() }.into()]));
    assert_eq!((payload.rows.stats[0].ts, payload.rows.stats[0].taken), (0, 3));
}

#[test]
fn a_newer_version_or_encoding_is_held_with_its_bytes() {
    for (v, enc) in [(VERSION + 1, "zstd"), (VERSION, "brotli")] {
        let header = Header { v, cn: cn().to_string(), epoch: 1, seq: 2, enc: enc.into(), n: 3, body: vec![9] };
        let (payload, bytes) = raw(&header);
        assert_eq!((payload.batch.status, payload.batch.records, payload.batch.seq), (status::HELD, 3, 2));
        assert_eq!(payload.rows.kept[0].payload, bytes);
    }
}

#[test]
fn what_cannot_be_what_it_claims_is_rejected_with_its_bytes() {
    let good = Header { v: VERSION, cn: cn().to_string(), epoch: 1, seq: 2, enc: ENC_NONE.into(), ..Header::default() };
    let foreign = Header { cn: "globex.hq".into(), ..good.clone() };
    let unnumbered = Header { seq: 0, ..good.clone() };
    for (header, reason) in [(good, "not a body"), (foreign, "globex.hq"), (unnumbered, "seq 0")] {
        let (payload, bytes) = raw(&header);
        assert_eq!(payload.batch.status, status::REJECTED);
        assert_eq!(payload.rows.kept[0].payload, bytes);
        assert!(payload.batch.reason.contains(reason), "{}", payload.batch.reason);
    }
    let envelope = envelope(&Topic::up(&cn()).to_string(), b"\xc1 noise").unwrap();
    let payload = payload(&envelope, b"\xc1 noise", now(), "w");
    assert_eq!(
        (payload.batch.status, payload.batch.epoch, payload.rows.kept[0].payload.as_slice()),
        (status::REJECTED, 0, b"\xc1 noise".as_slice())
    );
}

#[test]
fn only_payload_topics_of_agents_are_taken() {
    let service: AgentCn = "service.ingest1".parse().unwrap();
    for topic in [
        Topic::ack(&cn()).to_string(),
        Topic::up(&service).to_string(),
        "platen/v1/up/0/acme.one".to_owned(),
        String::new(),
    ] {
        assert!(envelope(&topic, b"x").is_err(), "{topic}");
    }
}

#[test]
fn a_hello_is_told_from_a_batch() {
    let bytes = schemas::wire::encode_hello(&cn(), &Hello { nonce: 7, ..Hello::default() }).unwrap();
    let envelope = envelope(&Topic::up(&cn()).to_string(), &bytes).unwrap();
    assert!(matches!(envelope.content, Content::Hello(Hello { nonce: 7, .. })));
}

#[test]
fn an_unknown_zone_counts_as_utc_and_an_event_says_so_once_a_day() {
    let payload = decoded(&Body { zone: "Mars/Olympus".into(), ..body(vec![poll(NOW).into()]) });
    assert_eq!(payload.rows.polls[0].zone, "UTC");
    let event = &payload.rows.events[0];
    assert_eq!((event.kind.as_str(), event.ts % 86_400, event.seq), ("unknown-zone", 0, 0));
}

#[test]
fn a_payload_that_the_store_refuses_is_kept_whole() {
    let good = decoded(&body(vec![poll(NOW).into()]));
    let kept = refused(&good, b"the bytes", "code 469");
    assert_eq!(
        (kept.batch.status, kept.batch.seq, kept.batch.polls, kept.rows.polls.len()),
        (status::REJECTED, 4, 0, 0)
    );
    assert_eq!((kept.rows.kept[0].payload.as_slice(), kept.rows.kept[0].id), (b"the bytes".as_slice(), good.id.0));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600), enc in 0..3_usize) {
        let topic = Topic::up(&cn()).to_string();
        let header = Header { v: VERSION, cn: cn().to_string(), epoch: 1, seq: 1, enc: ["none", "zstd", "x"][enc].into(), n: 1, body: bytes.clone() };
        for bytes in [bytes, rmp_serde::to_vec_named(&header).unwrap()] {
            if let Ok(envelope) = envelope(&topic, &bytes) {
                let payload = payload(&envelope, &bytes, now(), "w");
                proptest::prop_assert_eq!(payload.batch.id, PayloadId::of(&bytes).0);
                proptest::prop_assert!(payload.batch.status == status::COMMITTED || !payload.rows.kept.is_empty());
            }
        }
    }

    #[test]
    fn every_record_of_a_readable_body_is_stored_or_kept(
        stamps in proptest::collection::vec((proptest::num::i64::ANY, 0_u32..3, 0_u8..8, "[a-zA-Z.]{0,5}"), 0..20),
        zone in "[A-Za-z/]{0,12}",
    ) {
        let records: Vec<Record> = stamps.iter().map(|(ts, device, outcome, name)| {
            let counters = BTreeMap::from([(name.clone(), *ts)]);
            Poll { ts: if outcome % 2 == 0 { *ts } else { NOW + ts % 90_000 }, device: *device, outcome: *outcome, counters, ..Poll::default() }.into()
        }).collect();
        let payload = decoded(&Body { zone, ..body(records.clone()) });
        proptest::prop_assert_eq!(payload.rows.polls.len() + payload.rows.rejected.len(), records.len());
    }
}
