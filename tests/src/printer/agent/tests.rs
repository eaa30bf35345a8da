use super::super::catalog::models;
use super::super::chance::{below, mix};
use super::super::message::Version;
use super::*;

/// Monday 2026-01-05 00:00 UTC.
const MONDAY: i64 = 1_767_571_200;

fn unit(model: usize) -> (Unit, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(MONDAY));
    let printer = Printer::new(&models()[model], 21, MONDAY);
    (Unit::printer(printer, "lab", Ipv4Addr::LOCALHOST, "public", Arc::clone(&clock)), clock)
}

fn ask(unit: &Unit, community: &str, kind: Kind, oid: &str) -> Option<Message> {
    let request = Message::request(Version::V1, community, kind, 1, &[oid.parse().unwrap()]);
    unit.respond(&request.encode()).map(|bytes| Message::decode(&bytes).unwrap())
}

#[test]
fn a_wrong_community_and_a_set_change_nothing_and_are_counted() {
    let (unit, _) = unit(0);
    let before = unit.mib();
    assert!(ask(&unit, "secret", Kind::Get, "1.3.6.1.2.1.1.1.0").is_none());
    assert!(ask(&unit, "", Kind::Set, "1.3.6.1.2.1.1.5.0").is_none());
    assert_eq!(ask(&unit, "public", Kind::Set, "1.3.6.1.2.1.1.5.0").unwrap().status, status::NO_SUCH_NAME);
    let traffic = unit.traffic();
    assert_eq!((traffic.wrong_community, traffic.sets_total, traffic.packets_in), (2, 2, 3));
    assert_eq!(unit.mib(), before);
}

#[test]
fn random_and_damaged_bytes_never_stop_a_device() {
    let (unit, _) = unit(3);
    let good = Message::request(Version::V2c, "public", Kind::GetBulk, 9, &[Oid::new([1, 3, 6, 1])]).encode();
    for round in 0..30_000u64 {
        let mut bytes = good.clone();
        if round % 2 == 0 {
            let length = below(1, &[round], 300);
            bytes = (0..length).map(|i| mix(2, &[round, i]).to_le_bytes()[0]).collect();
        } else {
            let place = usize::try_from(below(3, &[round], good.len() as u64)).unwrap();
            bytes[place] = mix(4, &[round]).to_le_bytes()[0];
        }
        unit.respond(&bytes);
    }
    assert!(ask(&unit, "public", Kind::Get, "1.3.6.1.2.1.1.3.0").is_some());
    assert_eq!(unit.traffic().packets_in, 30_001);
    assert!(unit.traffic().malformed > 1000);
}

#[test]
fn each_read_is_remembered_with_its_simulated_time_and_the_total_it_told() {
    let (unit, clock) = unit(0);
    let oid = "1.3.6.1.2.1.43.10.2.1.4.1.1";
    for hour in 0..100 {
        clock.store(MONDAY + hour * 3600, Ordering::SeqCst);
        assert_eq!(ask(&unit, "public", Kind::Get, oid).unwrap().status, 0);
    }
    ask(&unit, "public", Kind::Get, "1.3.6.1.2.1.1.3.0");
    let reads = unit.reads();
    assert_eq!(reads.len(), 101);
    assert_eq!(reads[100].total, None);
    for read in &reads[..100] {
        assert!(read.total.is_some());
        assert_eq!(read.total, unit.counter_at(read.at), "at {}", read.at);
    }
    assert!(reads[99].total > reads[0].total);
}

#[test]
fn a_device_is_silent_between_two_moments_and_reports_zero_after_a_start() {
    let (unit, clock) = unit(0);
    unit.set_faults(Faults {
        silent: std::iter::once(MONDAY..MONDAY + 60).collect(),
        zero_after_start_s: i64::MAX / 2,
        ..Faults::default()
    });
    assert!(ask(&unit, "public", Kind::Get, "1.3.6.1.2.1.1.3.0").is_none());
    clock.store(MONDAY + 60, Ordering::SeqCst);
    ask(&unit, "public", Kind::Get, "1.3.6.1.2.1.43.10.2.1.4.1.1").unwrap();
    assert_eq!(unit.reads().last().unwrap().total, Some(0));
    assert!(unit.counter_at(MONDAY + 60).unwrap() > 0, "the truth is not touched by a fault");
}
