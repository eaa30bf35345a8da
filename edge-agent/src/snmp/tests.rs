use super::limits::ARCS_MAX;
use super::request::{Kind, message};
use super::*;
use proptest::prelude::*;

#[test]
fn a_request_is_the_ber_that_the_rfc_describes() {
    let oid: Oid = "1.3.6.1.2.1.1.2.0".parse().unwrap();
    let bytes = message(Version::V2c, b"public", 1, Kind::Get, &[oid]);
    assert_eq!(hex::encode(bytes), "302602010104067075626c6963a019020101020100020100300e300c06082b060102010102000500");
}

#[test]
fn no_request_can_write() {
    let oid = Oid::new(&[1, 3, 6]);
    let bulk = Kind::GetBulk { non_repeaters: 1, repetitions: 3 };
    for (kind, tag) in [(Kind::Get, 0xa0), (Kind::GetNext, 0xa1), (bulk, 0xa5)] {
        let bytes = message(Version::V2c, b"", 1, kind, std::slice::from_ref(&oid));
        assert_eq!(bytes[7], tag, "{kind:?}");
    }
}

#[test]
fn what_comes_before_an_instance_is_shorter_or_one_less() {
    for (oid, before) in [("1.3.6.1.0", "1.3.6.1"), ("1.3.6.1", "1.3.6"), ("1.3.6.1.7", "1.3.6.1.6")] {
        assert_eq!(oid.parse::<Oid>().unwrap().before().to_string(), before);
    }
}

#[test]
fn identifiers_that_are_none_are_refused() {
    for bad in ["", "1..3", "a", "1.3.4294967296", "1.-3", &vec!["1"; ARCS_MAX + 1].join(".")] {
        assert!(bad.parse::<Oid>().is_err(), "{bad}");
    }
}

#[test]
fn an_identifier_without_contents_is_zero_dot_zero_and_not_the_parent_of_everything() {
    let empty = Oid::decode(&[]).unwrap();
    assert_eq!(empty.to_string(), "0.0");
    assert_eq!(empty, empty.to_string().parse().unwrap());
}

#[tokio::test]
async fn a_recording_answers_bulks_as_a_device_does() {
    let mut table = Table::default();
    for row in 1..=3 {
        table.insert(Oid::of(mib::PRT_SUPPLIES_LEVEL, &[1, row]), Value::Integer(row.into()));
        table.insert(Oid::of(mib::PRT_SUPPLIES_MAX_CAPACITY, &[1, row]), Value::Integer(100));
    }
    let columns: Vec<&[u32]> = vec![mib::PRT_SUPPLIES_MAX_CAPACITY, mib::PRT_SUPPLIES_LEVEL, mib::PRT_ALERT_CODE];
    let mut client = Client::recorded(table.clone());
    let fetched = fetch::columns(&mut client, &columns).await.unwrap();
    assert!(fetched.complete);
    assert_eq!(fetched.table, table);
}

#[test]
fn the_defaults_are_accepted_and_nonsense_is_named() {
    assert_eq!(SnmpConfig::default().check(), Ok(()));
    let wrong = SnmpConfig { in_flight: 0, ..SnmpConfig::default() };
    assert!(wrong.check().unwrap_err().contains("snmp.in_flight = 0"));
    let none = SnmpConfig { communities: Vec::new(), ..SnmpConfig::default() };
    assert!(none.check().unwrap_err().contains("snmp.communities"));
}

proptest! {
    #[test]
    fn identifiers_survive_the_wire(arcs in prop::collection::vec(any::<u32>(), 0..20), first in 0u32..2, second in 0u32..40) {
        let oid = Oid::new(&[&[first, second], arcs.as_slice()].concat());
        prop_assert_eq!(Oid::decode(&oid.encode()).unwrap(), oid);
    }

    #[test]
    fn any_bytes_are_an_identifier_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Oid::decode(&bytes);
    }

    #[test]
    fn any_datagram_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = client::answer(&bytes, Version::V2c, b"public", 1);
    }

    /// A valid answer with some bytes changed reaches deeper than random bytes do.
    #[test]
    fn a_damaged_answer_is_read_or_refused(places in prop::collection::vec((0usize..60, any::<u8>()), 1..6)) {
        let oid: Oid = "1.3.6.1.2.1.43.11.1.1.9.1.1".parse().unwrap();
        let mut bytes = message(Version::V2c, b"public", 1, Kind::Get, &[oid.clone(), oid]);
        bytes[13] = 0xa2;
        for (place, value) in places {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
        }
        let _ = client::answer(&bytes, Version::V2c, b"public", 1);
    }
}
