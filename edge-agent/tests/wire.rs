//! The reading side against devices on real sockets, with the manners that printers have.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod device;

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::Duration;

use device::{Device, Manners, start};
use edge_agent::discover::{self, Depth, Kind, Ranges};
use edge_agent::poll::{self, At, Known, PollError};
use edge_agent::snmp::{Oid, SnmpConfig, SnmpError, Table, Value, Version, mib};
use edge_agent::taken::Polled;
use schemas::wire::Outcome;
use service::secret::Secret;

const NOW: Duration = Duration::from_secs(1_000);
const LATER: Duration = Duration::from_secs(5_000);

fn config() -> SnmpConfig {
    SnmpConfig { snmp_request_timeout_ms: 250, snmp_discovery_timeout_ms: 250, ..SnmpConfig::default() }
}

/// A colour printer: five supplies, three trays, two alerts.
fn printer() -> Table {
    let mut table = Table::default();
    let mut put = |object: &[u32], index: &[u32], value: Value| assert!(table.insert(Oid::of(object, index), value));
    put(mib::SYS_OBJECT_ID, &[0], Value::Oid(Oid::of(mib::ENTERPRISES, &[2435, 2, 3, 9, 1])));
    put(mib::SYS_DESCR, &[0], Value::Bytes(b"A printer".to_vec()));
    put(mib::SYS_UP_TIME, &[0], Value::Ticks(4_000_000_000));
    put(mib::IF_TYPE, &[1], Value::Integer(6));
    put(mib::IF_PHYS_ADDRESS, &[1], Value::Bytes(vec![0, 0x80, 0x77, 1, 2, 3]));
    put(mib::HR_DEVICE_TYPE, &[1], Value::Oid(Oid::new(mib::HR_DEVICE_PRINTER)));
    put(mib::HR_DEVICE_STATUS, &[1], Value::Integer(2));
    put(mib::HR_PRINTER_STATUS, &[1], Value::Integer(3));
    put(mib::HR_PRINTER_DETECTED_ERROR_STATE, &[1], Value::Bytes(vec![0]));
    put(mib::PRT_GENERAL_CONFIG_CHANGES, &[1], Value::Unsigned(2));
    put(mib::PRT_GENERAL_SERIAL_NUMBER, &[1], Value::Bytes(b"U64641E7J134163".to_vec()));
    put(mib::PRT_MARKER_COUNTER_UNIT, &[1, 1], Value::Integer(8));
    put(mib::PRT_MARKER_LIFE_COUNT, &[1, 1], Value::Unsigned(42_976));
    for row in 1..=5 {
        put(mib::PRT_SUPPLIES_CLASS, &[1, row], Value::Integer(3));
        put(mib::PRT_SUPPLIES_MAX_CAPACITY, &[1, row], Value::Integer(1_000));
        put(mib::PRT_SUPPLIES_LEVEL, &[1, row], Value::Integer(900 - i64::from(row)));
    }
    for row in 1..=3 {
        put(mib::PRT_INPUT_CURRENT_LEVEL, &[1, row], Value::Integer(-3));
    }
    for column in poll::alerts::COLUMNS {
        put(column, &[1, 1], Value::Integer(1));
        put(column, &[1, 23], Value::Integer(3));
    }
    table
}

fn at(device: &Device, version: Version) -> At {
    At { address: device.address.ip(), port: device.address.port(), version, credential: String::new() }
}

async fn read(device: &Device, version: Version) -> (Known, Polled) {
    poll::first_read(&config(), &at(device, version), NOW).await.unwrap()
}

fn assert_whole(polled: &Polled) {
    assert_eq!(polled.poll.outcome, Outcome::Complete as u8);
    assert_eq!(polled.poll.counters["total"], 42_976);
    assert_eq!((polled.poll.supplies.len(), polled.poll.trays.len(), polled.poll.alerts.len()), (5, 3, 2));
    assert!(polled.poll.supplies.iter().all(|supply| supply.level.is_some() && supply.max == Some(1_000)));
    assert_eq!(polled.poll.uptime, Some(40_000_000));
}

#[tokio::test]
async fn both_versions_yield_the_same_poll_and_count_the_bytes_that_the_device_saw() {
    for version in [Version::V2c, Version::V1] {
        let device = start(printer(), Manners::default()).await;
        let (mut known, full) = read(&device, version).await;
        assert_whole(&full);
        assert_eq!(full.device.serial, "U64641E7J134163");
        let polled = poll::refresh(&config(), &mut known, LATER).await;
        assert_whole(&polled);
        assert!(polled.poll.info.is_none());
        assert_eq!(full.cost.bytes + polled.cost.bytes, device.bytes.load(Ordering::SeqCst));
        assert_eq!(full.cost.packets + polled.cost.packets, 2 * device.requests.load(Ordering::SeqCst) as u64);
        if version == Version::V2c {
            assert!(polled.cost.packets <= 4, "{:?}", polled.cost);
        }
    }
}

#[tokio::test]
async fn answers_that_come_twice_or_late_are_never_taken_for_another_request() {
    for manners in [Manners { doubled: true, ..Manners::default() }, Manners { late: true, ..Manners::default() }] {
        let device = start(printer(), manners).await;
        let (mut known, full) = read(&device, Version::V2c).await;
        assert_whole(&full);
        assert_whole(&poll::refresh(&config(), &mut known, LATER).await);
    }
}

#[tokio::test]
async fn a_device_that_takes_little_is_asked_for_little_and_it_is_remembered() {
    for (values_max, chokes) in [(12, false), (3, false), (12, true)] {
        let device = start(printer(), Manners { values_max: Some(values_max), chokes, ..Manners::default() }).await;
        let (mut known, full) = read(&device, Version::V2c).await;
        assert_whole(&full);
        assert!(known.packet_oids <= values_max, "{}", known.packet_oids);
        let polled = poll::refresh(&config(), &mut known, LATER).await;
        assert_whole(&polled);
    }
}

#[tokio::test]
async fn short_answers_are_completed_by_further_requests() {
    let device = start(printer(), Manners { cut_to: Some(5), ..Manners::default() }).await;
    let (mut known, full) = read(&device, Version::V2c).await;
    assert_whole(&full);
    assert_whole(&poll::refresh(&config(), &mut known, LATER).await);
}

#[tokio::test]
async fn a_device_whose_bulks_are_wrong_is_asked_by_name_from_then_on() {
    let device = start(printer(), Manners { no_bulk: true, ..Manners::default() }).await;
    let (mut known, full) = read(&device, Version::V2c).await;
    assert_whole(&full);
    assert_whole(&poll::refresh(&config(), &mut known, LATER).await);
    assert!(!known.bulk);
    assert_whole(&poll::refresh(&config(), &mut known, LATER * 2).await);
}

#[tokio::test]
async fn one_lost_packet_costs_a_retry_and_nothing_else() {
    let device = start(printer(), Manners::default()).await;
    let (known, _) = read(&device, Version::V2c).await;
    for version in [Version::V2c, Version::V1] {
        let deaf = start(printer(), Manners { silent_for: 1, ..Manners::default() }).await;
        let mut known = Known { at: at(&deaf, version), ..known.clone() };
        assert_whole(&poll::refresh(&config(), &mut known, LATER).await);
    }
}

#[tokio::test]
async fn silence_and_refusal_are_outcomes_without_values() {
    let device = start(printer(), Manners::default()).await;
    let (known, _) = read(&device, Version::V2c).await;
    let silent = start(printer(), Manners { silent_for: 100, ..Manners::default() }).await;
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, outcome) in [(silent.address, Outcome::NoAnswer), (closed, Outcome::Refused)] {
        let place =
            At { address: address.ip(), port: address.port(), version: Version::V2c, credential: String::new() };
        let mut known = Known { at: place.clone(), ..known.clone() };
        let polled = poll::refresh(&config(), &mut known, LATER).await;
        assert_eq!(polled.poll.outcome, outcome as u8);
        assert_eq!(polled.device.serial, "U64641E7J134163");
        assert!(polled.poll.counters.is_empty() && polled.poll.supplies.is_empty() && polled.poll.status.is_none());
        assert!(poll::first_read(&config(), &place, NOW).await.is_err());
    }
    assert_eq!(silent.requests.load(Ordering::SeqCst), 4, "one retry each");
}

#[tokio::test]
async fn a_device_that_dies_before_it_says_who_it_is_is_booked_to_nobody() {
    let device = start(printer(), Manners::default()).await;
    let (known, full) = read(&device, Version::V2c).await;
    for answered in [2, 5] {
        let dying = start(printer(), Manners { dies_after: Some(answered), ..Manners::default() }).await;
        let place = at(&dying, Version::V2c);
        match poll::first_read(&config(), &place, NOW).await {
            Err(error) => assert!(matches!(error, PollError::Unusable { .. }), "{error}"),
            Ok((_, polled)) => {
                assert_eq!((&polled.device, polled.poll.outcome), (&full.device, Outcome::Partial as u8));
            }
        }
        let dying = start(printer(), Manners { dies_after: Some(answered), ..Manners::default() }).await;
        let mut known = Known { at: at(&dying, Version::V2c), last_full: None, ..known.clone() };
        let plan = known.plan.clone();
        let polled = poll::refresh(&config(), &mut known, LATER).await;
        assert_eq!((&polled.device, &known.device), (&full.device, &full.device));
        assert_eq!(known.plan, plan, "what it was known to have is still asked for");
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_no_readings() {
    let device = start(printer(), Manners::default()).await;
    let (known, _) = read(&device, Version::V2c).await;
    let garbled = start(printer(), Manners { garbled: true, ..Manners::default() }).await;
    let place = at(&garbled, Version::V2c);
    let mut known = Known { at: place.clone(), ..known };
    let polled = poll::refresh(&config(), &mut known, LATER).await;
    assert_eq!(polled.poll.outcome, Outcome::Unusable as u8);
    assert!(polled.poll.counters.is_empty());
    assert!(matches!(poll::first_read(&config(), &place, NOW).await, Err(PollError::Unusable { .. })));
}

#[tokio::test]
async fn a_sweep_tells_printers_from_other_devices_and_from_silence() {
    let mut other = Table::default();
    other.insert(Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR), Value::Oid(Oid::of(mib::ENTERPRISES, &[8072, 3, 2, 10])));
    other.insert(Oid::of(mib::SYS_DESCR, mib::SCALAR), Value::Bytes(b"A server".to_vec()));
    let v1_only = Manners { v1_only: true, ..Manners::default() };
    for (table, manners, kind, version) in [
        (printer(), Manners::default(), Kind::Printer, Version::V2c),
        (printer(), v1_only, Kind::Printer, Version::V1),
        (other.clone(), Manners::default(), Kind::NotAPrinter, Version::V2c),
        (other, v1_only, Kind::NotAPrinter, Version::V1),
    ] {
        let device = start(table, manners).await;
        let config = SnmpConfig { communities: vec![Secret::new("secret"), Secret::new("public")], ..config() };
        let ranges = Ranges::typed("127.0.0.1", device.address.port()).unwrap();
        let mut steps = 0;
        let swept = discover::sweep(&config, &ranges, &BTreeSet::new(), Depth::Thorough, &mut |_| steps += 1).await;
        assert_eq!(swept.found.len(), 1);
        let found = &swept.found[0];
        assert_eq!((found.kind, found.at.version, found.at.credential.as_str()), (kind, version, "community-2"));
        // Pings, where the system allows them, are counted too, and not heard by the device.
        assert!(swept.cost.bytes >= device.bytes.load(Ordering::SeqCst));
        assert!(steps > 0);
        match poll::first_read(&config, &found.at, NOW).await {
            Ok((_, polled)) => assert!(kind == Kind::Printer && polled.device.serial == "U64641E7J134163"),
            Err(error) => assert!(kind == Kind::NotAPrinter && matches!(error, PollError::NotAPrinter { .. })),
        }
    }
}

#[tokio::test]
async fn refused_and_silent_addresses_are_counted_apart() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let ranges = Ranges::typed("127.0.0.1-2", port).unwrap();
    let swept = discover::sweep(&config(), &ranges, &BTreeSet::new(), Depth::Thorough, &mut |_| {}).await;
    assert_eq!((swept.found.len(), swept.silent + swept.mute.len() as u64, swept.refused.len()), (0, 1, 1));
    assert_eq!(discover::probe(&config(), "127.0.0.2", port).await, Err(SnmpError::Refused));
    assert_eq!(discover::probe(&config(), "127.0.0.1", port).await, Err(SnmpError::NoAnswer));
}

#[tokio::test]
async fn a_table_without_an_end_and_a_device_that_does_not_go_upwards_are_left() {
    let endless = start(printer(), Manners { circular: true, ..Manners::default() }).await;
    // The printer test asks for what follows; what follows is nothing new, so it is no printer, and no packet more is sent.
    let read = poll::first_read(&config(), &at(&endless, Version::V2c), NOW).await;
    assert!(read.is_err());
    assert!(endless.requests.load(Ordering::SeqCst) < 60, "{}", endless.requests.load(Ordering::SeqCst));
}

#[tokio::test]
async fn answers_from_another_port_or_to_another_request_are_no_answers() {
    for manners in
        [Manners { other_port: true, ..Manners::default() }, Manners { other_id: true, ..Manners::default() }]
    {
        let device = start(printer(), manners).await;
        let error = poll::first_read(&config(), &at(&device, Version::V2c), NOW).await.unwrap_err();
        assert!(matches!(error, PollError::NoAnswer { .. }), "{error}");
    }
}

#[tokio::test]
async fn strings_of_64_kilobytes_are_refused_or_cut_and_cost_that_object_only() {
    let mut table = printer();
    // The largest that fits into a datagram, and one that only just fits into what is read.
    table.insert(Oid::of(mib::SYS_CONTACT, &[0]), Value::Bytes(vec![b'x'; 4_096]));
    let device = start(table, Manners::default()).await;
    let (_, full) = read(&device, Version::V2c).await;
    assert_whole(&full);
    let huge = device::start_with_huge(printer(), &Oid::of(mib::SYS_CONTACT, &[0]), 65_000).await;
    let (_, polled) = read(&huge, Version::V2c).await;
    assert_eq!(polled.device.serial, "U64641E7J134163");
    assert_eq!(polled.poll.counters["total"], 42_976);
}

#[tokio::test]
async fn one_device_s_trouble_does_not_delay_the_others() {
    let slow = start(printer(), Manners { silent_for: 1_000, ..Manners::default() }).await;
    let good = start(printer(), Manners::default()).await;
    let patient = SnmpConfig { snmp_request_timeout_ms: 60_000, ..SnmpConfig::default() };
    let (stuck_at, good_at) = (at(&slow, Version::V2c), at(&good, Version::V2c));
    let stuck = poll::first_read(&patient, &stuck_at, NOW);
    let fine = poll::first_read(&patient, &good_at, NOW);
    tokio::select! {
        _ = stuck => panic!("a silent device was read"),
        read = fine => assert_whole(&read.unwrap().1),
    }
}
