//! Tests with programs and libraries that others wrote: Debian's net-snmp tools and the snmp2 client read the simulator.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use snmp2::{AsyncSession, Oid as ClientOid, Value as ClientValue, Version as ClientVersion};

use super::agent::Unit;
use super::catalog::models;
use super::fault::Faults;
use super::fleet::{Fleet, FleetSpec, SiteSpec};
use super::recording;
use super::walk::{Walker, differences, walk};

/// Monday 2026-01-05 00:00 UTC.
const MONDAY: i64 = 1_767_571_200;

/// A week into the life of one printer of each model.
async fn fleet(base: Ipv4Addr) -> Fleet {
    let sites = vec![SiteSpec::new("lab", base, models().len())];
    let spec = FleetSpec { sites, port: 0, community: "public".into(), seed: 5, start: MONDAY };
    let fleet = Fleet::start(&spec).await.unwrap();
    fleet.set_time(MONDAY + 7 * 86_400 + 11 * 3600);
    fleet
}

/// Every row of the table and nothing else comes through.
async fn assert_walks(walker: Walker, unit: &Unit, port: u16) {
    let address = SocketAddrV4::new(unit.address(), port);
    let walked = walk(walker, address, "public").await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(differences(&unit.mib(), &walked), Vec::<String>::new(), "{}", unit.name());
    assert_eq!(walked.len(), unit.mib().len());
}

#[tokio::test]
async fn snmpwalk_of_version_1_reads_every_model_completely() {
    let fleet = fleet(Ipv4Addr::new(127, 81, 0, 1)).await;
    for unit in fleet.units() {
        assert_walks(Walker::V1, unit, fleet.port()).await;
    }
    assert_eq!(fleet.traffic().sets_total, 0);
}

#[tokio::test]
async fn snmpbulkwalk_reads_every_model_that_speaks_version_2_completely() {
    let fleet = fleet(Ipv4Addr::new(127, 81, 1, 1)).await;
    let mut read = 0;
    for (unit, model) in fleet.units().iter().zip(models()) {
        if !model.snmp.v1_only {
            assert_walks(Walker::Bulk, unit, fleet.port()).await;
            read += 1;
        }
    }
    assert!(read >= 10);
}

#[tokio::test]
async fn a_replayed_recording_is_walked_line_by_line() {
    const LINES: &str = "\
1.3.6.1.2.1.1.1.0|4|Example|Printer
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.2001.1.1.1.1
1.3.6.1.2.1.1.3.0|67|4294967295
1.3.6.1.2.1.2.2.1.6.2|4x|0017c8b902de
1.3.6.1.2.1.2.2.1.10.2|65|4294967295
1.3.6.1.2.1.4.20.1.1.192.168.3.81|64|192.168.3.81
1.3.6.1.2.1.25.3.2.1.4.1|6|0.0
1.3.6.1.2.1.43.11.1.1.9.1.2|2|-3
1.3.6.1.2.1.43.11.1.1.9.1.10|2|-2147483648
1.3.6.1.4.1.2001.9.1|68x|9f780442f60000
";
    let mib = recording::parse("example", LINES.as_bytes()).unwrap();
    let recordings = vec![("one".to_owned(), mib.clone()), ("two".to_owned(), mib.clone())];
    let fleet = Fleet::replay(recordings, Ipv4Addr::new(127, 81, 2, 1), 0, "public").await.unwrap();
    for unit in fleet.units() {
        assert_walks(Walker::V1, unit, fleet.port()).await;
        assert_walks(Walker::Bulk, unit, fleet.port()).await;
    }
    fleet.stop().await;
}

async fn session(version: ClientVersion, unit: &Unit, port: u16) -> AsyncSession {
    let target = (unit.address(), port);
    match version {
        ClientVersion::V1 => AsyncSession::new_v1(target, b"public", 17).await.unwrap(),
        _ => AsyncSession::new_v2c(target, b"public", 17).await.unwrap(),
    }
}

const TOTAL: [u64; 13] = [1, 3, 6, 1, 2, 1, 43, 10, 2, 1, 4, 1, 1];
const DESCR: [u64; 9] = [1, 3, 6, 1, 2, 1, 1, 1, 0];

#[tokio::test]
async fn the_snmp2_client_reads_totals_in_both_versions() {
    let fleet = fleet(Ipv4Addr::new(127, 81, 3, 1)).await;
    for (unit, model) in fleet.units().iter().zip(models()).filter(|(_, m)| m.device_index == 1) {
        let version = if model.snmp.v1_only { ClientVersion::V1 } else { ClientVersion::V2C };
        let mut session = session(version, unit, fleet.port()).await;
        let (descr, total) = (ClientOid::from(&DESCR).unwrap(), ClientOid::from(&TOTAL).unwrap());
        let answer = session.get_many(&[&descr, &total]).await.unwrap();
        let values: Vec<ClientValue<'_>> = answer.varbinds.map(|(_, value)| value).collect();
        let expected = unit.counter_at(fleet.now()).unwrap();
        assert!(matches!(values[0], ClientValue::OctetString(text) if !text.is_empty()), "{}", model.name);
        assert!(matches!(values[1], ClientValue::Counter32(n) if u64::from(n) == expected), "{values:?}");
        assert_eq!(unit.reads().last().unwrap().total, Some(expected));
    }
}

#[tokio::test]
async fn the_snmp2_client_bulk_reads_the_supplies_and_meets_the_limits() {
    let fleet = fleet(Ipv4Addr::new(127, 81, 4, 1)).await;
    let unit = |name: &str| fleet.units().iter().find(|u| u.name() == name).unwrap();
    let kyocera = unit("kyocera-taskalfa-3253ci");
    let mut open = session(ClientVersion::V2C, kyocera, fleet.port()).await;
    let levels = ClientOid::from(&[1, 3, 6, 1, 2, 1, 43, 11, 1, 1, 9]).unwrap();
    let answer = open.getbulk(&[&levels], 0, 5).await.unwrap();
    assert_eq!(answer.varbinds.filter(|(oid, _)| oid.to_string().starts_with("1.3.6.1.2.1.43.11.1.1.9.1.")).count(), 5);

    let oki = unit("oki-c532");
    let mut open = session(ClientVersion::V2C, oki, fleet.port()).await;
    let total = ClientOid::from(&TOTAL).unwrap();
    let answer = open.get_many(&[&total; 11]).await.unwrap();
    assert_eq!(answer.error_status, 1, "eleven variables are too many for this model");
    assert_eq!(open.get_many(&[&total; 10]).await.unwrap().error_status, 0);
    assert_eq!(oki.traffic().too_big, 1);

    let samsung = unit("samsung-m4080");
    let mut open = session(ClientVersion::V1, samsung, fleet.port()).await;
    let absent = ClientOid::from(&[1, 3, 6, 1, 4, 1, 9, 9, 0]).unwrap();
    let answer = open.get_many(&[&total, &absent]).await.unwrap();
    assert_eq!((answer.error_status, answer.error_index), (2, 2));
}

#[tokio::test]
async fn bytes_and_packets_are_counted_as_the_network_carries_them() {
    let fleet = fleet(Ipv4Addr::new(127, 81, 5, 1)).await;
    let unit = &fleet.units()[0];
    let mut open = session(ClientVersion::V2C, unit, fleet.port()).await;
    let total = ClientOid::from(&TOTAL).unwrap();
    for _ in 0..3 {
        open.get(&total).await.unwrap();
    }
    let traffic = unit.traffic();
    assert_eq!((traffic.packets_in, traffic.packets_out, traffic.gets), (3, 3, 3));
    assert_eq!(traffic.ip_bytes(), traffic.bytes_in + traffic.bytes_out + 6 * 28);
    // message 2, version 3, community 8, PDU 2 + 3 numbers 6..12, list 2, varbind 2 + 2 + 12 + 2
    assert!((43..=48).contains(&(traffic.bytes_in / 3)), "{traffic:?}");
}

#[tokio::test]
async fn a_stale_answer_reaches_the_client_before_the_right_one() {
    let fleet = fleet(Ipv4Addr::new(127, 81, 6, 1)).await;
    let unit = Arc::clone(&fleet.units()[0]);
    unit.set_faults(Faults { stale: 1000, ..Faults::default() });
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let request = |id| {
        use super::message::{Kind, Message, Version};
        Message::request(Version::V2c, "public", Kind::Get, id, &["1.3.6.1.2.1.1.3.0".parse().unwrap()]).encode()
    };
    let mut ids = Vec::new();
    for id in 1..=3 {
        socket.send_to(&request(id), (unit.address(), fleet.port())).await.unwrap();
        if id > 1 {
            let mut buffer = [0; 1500];
            let length = socket.recv(&mut buffer).await.unwrap();
            ids.push(super::message::Message::decode(&buffer[..length]).unwrap().id);
        }
    }
    assert_eq!(ids, [1, 2], "each answer comes when the next request is sent");
    unit.set_faults(Faults { duplicate: 1000, ..Faults::default() });
    socket.send_to(&request(4), (unit.address(), fleet.port())).await.unwrap();
    for expected in [3, 4, 4] {
        let mut buffer = [0; 1500];
        let length = socket.recv(&mut buffer).await.unwrap();
        assert_eq!(super::message::Message::decode(&buffer[..length]).unwrap().id, expected);
    }
}
