use std::collections::BTreeMap;

use super::*;
use crate::limits::{BODY_BYTES_MAX, COUNTERS_MAX, PAYLOAD_BYTES_MAX};

fn cn() -> crate::id::AgentCn {
    "acme.one".parse().unwrap()
}

/// What `golden/v1.payload` says. The file was written by the first release and is never edited.
fn golden_body() -> Body {
    Body {
        site: "hq".into(),
        zone: "Europe/Berlin".into(),
        tzdb: "2026a".into(),
        devices: vec![Device {
            enterprise: Some(1347),
            maker: "Kyocera".into(),
            model: "ECOSYS P2040dw".into(),
            serial: "VCF1234567".into(),
            mac: "00:17:c8:11:22:33".into(),
        }],
        records: vec![
            Poll {
                ts: 1_780_000_000,
                device: 0,
                counters: BTreeMap::from([("total".into(), 7_432), ("print".into(), 7_000), ("x.drum".into(), 12)]),
                supplies: vec![Supply {
                    index: "1.1".into(),
                    level: Some(-3),
                    max: Some(7_200),
                    unit: Some(7),
                    class: Some(3),
                    kind: Some(3),
                    color: "black".into(),
                    description: "TK-1160".into(),
                    ..Supply::default()
                }],
                trays: vec![Tray {
                    index: "1.1".into(),
                    level: Some(250),
                    max: Some(250),
                    name: "Tray 1".into(),
                    media: "A4".into(),
                }],
                alerts: vec![Alert {
                    index: "1.1".into(),
                    severity: Some(4),
                    group: Some(11),
                    code: Some(1104),
                    text: "low".into(),
                    ..Alert::default()
                }],
                status: Some(StatusCodes { device: Some(2), printer: Some(3), errors: Some(4) }),
                uptime: Some(55_809),
                plan: vec![7; 16],
                info: Some(Box::new(Info {
                    address: Some("192.0.2.7".into()),
                    firmware: Some("2S0".into()),
                    ..Info::default()
                })),
                ..Poll::default()
            }
            .into(),
            Event {
                ts: 1_780_000_001,
                clock: clock::UNSURE,
                kind: "device-found".into(),
                device: Some(0),
                fields: BTreeMap::from([("address".into(), "192.0.2.7".into())]),
            }
            .into(),
            Plan {
                hash: vec![7; 16],
                device: 0,
                ts: 1_780_000_000,
                items: vec![PlanItem {
                    name: "total".into(),
                    oid: "1.3.6.1.2.1.43.10.2.1.4.1.1".into(),
                    unit: 7,
                    rule: "raw".into(),
                }],
            }
            .into(),
            Stats {
                ts: 1_780_000_002,
                taken: 9,
                polls_taken: 90,
                oldest: 4,
                dropped: 1,
                polls_dropped: 3,
                version: "0.1.0".into(),
                prior: vec![PriorEpoch { epoch: 5, taken: 3, oldest: 2 }],
                ..Stats::default()
            }
            .into(),
            Drop { ts: 1_780_000_003, epoch: 6, from: 2, to: 3, polls: 3, cause: "cap".into() }.into(),
        ],
    }
}

#[test]
fn the_golden_payload_of_version_1_decodes_to_what_was_written() {
    let payload = include_bytes!("../../golden/v1.payload");
    let header = decode_header(payload).unwrap();
    assert_eq!((header.v, header.cn.as_str(), header.epoch, header.seq, header.n), (1, "acme.one", 6, 1, 5));
    assert_eq!(decode_body(&header).unwrap(), golden_body());
}

#[test]
fn the_golden_acks_and_hellos_of_version_1_decode_to_what_was_written() {
    let ack = decode_ack(include_bytes!("../../golden/v1.ack")).unwrap();
    assert_eq!(
        (ack.ids.len(), ack.ids[0].as_slice(), ack.now, ack.re),
        (1, [9_u8; 16].as_slice(), 1_780_000_000_000, Some(u64::MAX))
    );
    let hello = decode_hello(&decode_header(include_bytes!("../../golden/v1.hello")).unwrap()).unwrap();
    assert_eq!((hello.nonce, hello.drill, hello.taken, hello.oldest), (u64::MAX, true, 9, 4));
}

#[test]
fn an_ack_that_asks_for_a_resend_is_an_empty_ack_to_agents_that_do_not_know_it() {
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct First {
        ids: Vec<serde_bytes::ByteBuf>,
        now: i64,
        re: Option<u64>,
    }
    let golden = include_bytes!("../../golden/v1.ack-resend");
    let resend = Ack { now: 1_780_000_000_000, resend: true, ..Ack::default() };
    assert_eq!(decode_ack(golden).unwrap(), resend);
    assert_eq!(encode_ack(&resend).unwrap(), golden);
    let first: First = rmp_serde::from_slice(golden).unwrap();
    assert_eq!((first.ids.len(), first.now, first.re), (0, 1_780_000_000_000, None));
    assert!(!decode_ack(include_bytes!("../../golden/v1.ack")).unwrap().resend);
    assert!(encode_ack(&Ack::default()).unwrap().windows(6).all(|bytes| bytes != b"resend"), "costs nothing otherwise");
}

#[test]
fn a_frozen_payload_reads_back_and_its_id_is_that_of_its_bytes() {
    let frozen = freeze(&cn(), 6, 1, &golden_body()).unwrap();
    assert_eq!(frozen.id, crate::id::PayloadId::of(&frozen.bytes));
    assert_eq!(decode_body(&decode_header(&frozen.bytes).unwrap()).unwrap(), golden_body());
}

#[test]
fn unknown_fields_and_unknown_records_are_ignored() {
    #[derive(serde::Serialize)]
    struct Newer {
        site: &'static str,
        weather: &'static str,
        records: Vec<BTreeMap<&'static str, BTreeMap<&'static str, i64>>>,
    }
    let newer = Newer {
        site: "hq",
        weather: "fine",
        records: vec![
            BTreeMap::from([("poll", BTreeMap::from([("ts", 5), ("mood", 7)]))]),
            BTreeMap::from([("song", BTreeMap::new())]),
        ],
    };
    let header = Header {
        v: VERSION,
        enc: ENC_NONE.into(),
        n: 2,
        body: rmp_serde::to_vec_named(&newer).unwrap(),
        ..Header::default()
    };
    let body = decode_body(&header).unwrap();
    assert_eq!((body.site.as_str(), body.records[0].poll.as_ref().unwrap().ts), ("hq", 5));
    assert_eq!(body.records[1], Record::default());
}

#[test]
fn the_header_of_a_newer_version_is_readable_and_its_body_is_unknown_not_malformed() {
    #[derive(serde::Serialize)]
    struct Newer {
        v: u32,
        cn: &'static str,
        epoch: u64,
        seq: u64,
        enc: &'static str,
        n: u32,
        signature: Vec<u8>,
        #[serde(with = "serde_bytes")]
        body: Vec<u8>,
    }
    let newer =
        Newer { v: 2, cn: "acme.one", epoch: 1, seq: 2, enc: "zstd", n: 1, signature: vec![1], body: vec![0xff] };
    let header = decode_header(&rmp_serde::to_vec_named(&newer).unwrap()).unwrap();
    assert_eq!((header.epoch, header.seq), (1, 2));
    assert!(matches!(decode_body(&header), Err(DecodeError::Unknown { v: 2, .. })));
    let other = Header { v: VERSION, enc: "brotli".into(), ..Header::default() };
    assert!(matches!(decode_body(&other), Err(DecodeError::Unknown { .. })));
}

#[test]
fn a_compression_bomb_is_refused_by_its_decoded_size() {
    let bomb = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], 19).unwrap();
    assert!(bomb.len() < PAYLOAD_BYTES_MAX);
    let header = Header { v: VERSION, enc: ENC_ZSTD.into(), body: bomb, ..Header::default() };
    assert!(matches!(decode_body(&header), Err(DecodeError::TooLarge { max: BODY_BYTES_MAX, .. })));
}

/// A body in a frame (RFC 8878 §3.1.1) that states no size, asks for a window of 2^`window_log` bytes and holds it as it is.
fn in_window(body: &[u8], window_log: u8) -> Header {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (window_log - 10) << 3];
    let block = u32::try_from(body.len()).unwrap() << 3 | 1;
    frame.extend_from_slice(&block.to_le_bytes()[..3]);
    frame.extend_from_slice(body);
    Header { v: VERSION, enc: ENC_ZSTD.into(), body: frame, ..Header::default() }
}

#[test]
fn a_frame_that_asks_for_more_memory_than_a_body_may_have_is_refused_before_it_gets_any() {
    let body = rmp_serde::to_vec_named(&Body::default()).unwrap();
    assert_eq!(decode_body(&in_window(&body, 19)).unwrap(), Body::default(), "512 KiB, the size of the largest body");
    for window_log in [20, 27, 41] {
        let refused = decode_body(&in_window(&body, window_log)).unwrap_err();
        assert!(matches!(&refused, DecodeError::Malformed { what: "zstd frame", .. }), "{window_log}: {refused}");
    }
}

#[test]
fn a_bomb_that_does_not_state_its_size_is_refused_where_it_exceeds_a_body() {
    use std::io::Write;
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(19).unwrap();
    encoder.write_all(&vec![0; 64 * 1024 * 1024]).unwrap();
    let header = Header { v: VERSION, enc: ENC_ZSTD.into(), body: encoder.finish().unwrap(), ..Header::default() };
    assert!(matches!(decode_body(&header), Err(DecodeError::TooLarge { max: BODY_BYTES_MAX, .. })));
}

#[test]
fn the_largest_body_that_an_agent_freezes_needs_no_larger_window() {
    let counters = |n: i64| (0..24).map(|at| (format!("x{at}"), n * 1_000_003 + at)).collect();
    let polls = (0..2_000).map(|n| Poll { ts: n, counters: counters(n), ..Poll::default() }.into());
    let body = Body { records: polls.collect(), ..Body::default() };
    let plain = rmp_serde::to_vec_named(&body).unwrap().len();
    assert!((BODY_BYTES_MAX / 4 * 3..=BODY_BYTES_MAX).contains(&plain), "{plain} bytes");
    let header =
        Header { v: VERSION, enc: ENC_ZSTD.into(), n: 2_000, body: encode_body(&body).unwrap(), ..Header::default() };
    assert_eq!(decode_body(&header).unwrap().records.len(), 2_000);
}

#[test]
fn too_many_counters_too_deep_nesting_and_trailing_bytes_are_refused() {
    let counters = (0..=COUNTERS_MAX).map(|n| (format!("x{n}"), 1)).collect();
    let body = Body { records: vec![Poll { counters, ..Poll::default() }.into()], ..Body::default() };
    let header = Header {
        v: VERSION,
        enc: ENC_NONE.into(),
        n: 1,
        body: rmp_serde::to_vec_named(&body).unwrap(),
        ..Header::default()
    };
    assert!(matches!(decode_body(&header), Err(DecodeError::Malformed { .. })));

    let header = Header { v: VERSION, enc: ENC_NONE.into(), body: vec![0x91; 4_000], ..Header::default() };
    assert!(matches!(decode_body(&header), Err(DecodeError::Malformed { .. })));

    let mut bytes = freeze(&cn(), 1, 1, &Body::default()).unwrap().bytes;
    bytes.push(0);
    assert!(matches!(decode_header(&bytes), Err(DecodeError::Malformed { .. })));
}

#[test]
fn a_body_that_does_not_hold_what_its_header_counts_is_malformed() {
    let mut header = decode_header(&freeze(&cn(), 1, 1, &golden_body()).unwrap().bytes).unwrap();
    header.n = 4;
    assert!(matches!(decode_body(&header), Err(DecodeError::Malformed { .. })));
}

#[test]
fn every_field_that_can_leave_the_network_is_on_the_closed_list() {
    let json = serde_json::to_value(golden_body()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let object = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for key in object(&json) {
        match key.as_str() {
            "devices" => seen.extend(object(&json["devices"][0]).into_iter().map(|field| format!("devices.{field}"))),
            "records" => {
                for record in json["records"].as_array().unwrap() {
                    for kind in object(record) {
                        if kind == "poll" {
                            seen.extend(
                                object(&record["poll"]).into_iter().map(|field| format!("records.poll.{field}")),
                            );
                        } else {
                            seen.insert(format!("records.{kind}"));
                        }
                    }
                }
            }
            _ => {
                seen.insert(key);
            }
        }
    }
    // Skipped while they have their default in the golden body.
    seen.extend(["records.poll.clock".to_owned(), "records.poll.outcome".to_owned()]);
    let listed: std::collections::BTreeSet<String> =
        crate::privacy::COLLECTED.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(seen, listed);
}

#[test]
fn what_a_site_withholds_is_gone_from_the_body() {
    let mut body = golden_body();
    crate::privacy::Withhold { address: true, mac: true, ..Default::default() }.apply(&mut body);
    let text = serde_json::to_string(&body.records[0]).unwrap() + &body.devices[0].mac;
    assert!(!text.contains("192.0.2.7") && !text.contains("00:17"), "{text}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2_000)) {
        if let Ok(header) = decode_header(&bytes) {
            let _ = decode_body(&header);
            let _ = decode_hello(&header);
        }
        let _ = decode_ack(&bytes);
        let _ = decode_status(&bytes);
        for enc in [ENC_NONE, ENC_ZSTD] {
            let _ = decode_body(&Header { v: VERSION, enc: enc.into(), body: bytes.clone(), ..Header::default() });
        }
    }
}

#[test]
fn golden_files_exist_for_every_version() {
    for name in ["v1.payload", "v1.ack", "v1.hello"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
        assert!(path.exists(), "{} is missing", path.display());
    }
}
