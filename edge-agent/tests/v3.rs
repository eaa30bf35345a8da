//! SNMP v3 against Debian's net-snmp agent: every pair of protocols, and every way of being refused.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod snmpd;

use std::time::Duration;

use edge_agent::discover::probe;
use edge_agent::poll::{At, PollError, first_read};
use edge_agent::snmp::usm::{Auth, Privacy};
use edge_agent::snmp::{Oid, SnmpConfig, SnmpError, UsmError, Value, Version, mib};
use service::secret::Secret;
use snmpd::{AUTHS, PRIVACIES, Snmpd, config, credential, start};

fn at(snmpd: &Snmpd) -> At {
    let (address, port) = (snmpd.address.ip(), snmpd.address.port());
    At { address, port, version: Version::V3, credential: "office".into() }
}

async fn name(snmpd: &Snmpd, config: &SnmpConfig) -> Result<Option<Value>, SnmpError> {
    let mut client = at(snmpd).client(config, config.request_timeout(), 0);
    let oid = Oid::of(mib::SYS_NAME, mib::SCALAR);
    client.get(std::slice::from_ref(&oid)).await.map(|mut binds| binds.remove(0).1)
}

#[tokio::test]
async fn every_pair_of_protocols_reads_a_real_agent() {
    let snmpd = start();
    let expected = Ok(Some(Value::Bytes(b"platen-peer".to_vec())));
    for auth in AUTHS {
        assert_eq!(name(&snmpd, &config(vec![credential(auth, None)])).await, expected, "{auth:?}");
        for privacy in PRIVACIES {
            let config = config(vec![credential(auth, Some(privacy))]);
            config.check().unwrap();
            assert_eq!(name(&snmpd, &config).await, expected, "{auth:?} {privacy:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_user_a_wrong_key_and_a_level_that_is_too_low_are_told_apart() {
    let snmpd = start();
    let (auth, privacy) = (AUTHS[3], PRIVACIES[1]);
    let right = credential(auth, Some(privacy));
    let mut wrong = right.clone();
    wrong.user = "nobody".into();
    assert_eq!(name(&snmpd, &config(vec![wrong])).await, Err(SnmpError::Usm(UsmError::UnknownUser)));
    let mut wrong = right.clone();
    wrong.auth_password = Secret::new("another-pass");
    assert_eq!(name(&snmpd, &config(vec![wrong])).await, Err(SnmpError::Usm(UsmError::WrongKey)));
    let mut wrong = right.clone();
    wrong.auth = Auth::Sha512;
    assert_eq!(name(&snmpd, &config(vec![wrong])).await, Err(SnmpError::Usm(UsmError::WrongKey)));
    // A user without a privacy key cannot be asked with one.
    let mut wrong = credential(auth, None);
    (wrong.privacy, wrong.priv_password) = (Privacy::Aes128, Secret::new("second-pass"));
    assert_eq!(name(&snmpd, &config(vec![wrong])).await, Err(SnmpError::Usm(UsmError::Level)));
}

#[tokio::test]
async fn the_engine_is_found_once_and_remembered_and_packets_are_counted() {
    let snmpd = start();
    let config = config(vec![credential(AUTHS[1], Some(PRIVACIES[1]))]);
    let mut packets = Vec::new();
    for _ in 0..3 {
        let mut client = at(&snmpd).client(&config, config.request_timeout(), 0);
        client.get(&[Oid::of(mib::SYS_NAME, mib::SCALAR)]).await.unwrap();
        packets.push(client.cost().packets);
    }
    assert_eq!(packets[1..], [2, 2], "{packets:?}");
    assert!((4..=6).contains(&packets[0]), "finding the engine and its clock costs a pair each: {packets:?}");
}

#[tokio::test]
async fn an_engine_that_was_replaced_is_found_anew_within_the_same_request() {
    let config = config(vec![credential(AUTHS[3], Some(PRIVACIES[1]))]);
    let first = start();
    name(&first, &config).await.unwrap();
    let address = first.address;
    drop(first);
    // Another agent at the same address: its engine and its boots are others.
    let second = snmpd::start_at(address);
    assert_eq!(name(&second, &config).await, Ok(Some(Value::Bytes(b"platen-peer".to_vec()))));
}

#[tokio::test]
async fn several_credentials_are_tried_until_one_fits_and_a_server_is_no_printer() {
    let snmpd = start();
    let mut wrong = credential(AUTHS[0], Some(PRIVACIES[0]));
    (wrong.name, wrong.user) = ("first".into(), "nobody".into());
    let config = config(vec![wrong, credential(AUTHS[3], Some(PRIVACIES[3]))]);
    let found = probe(&config, "127.0.0.1", snmpd.address.port()).await.unwrap();
    assert_eq!((found.at.version, found.at.credential.as_str()), (Version::V3, "office"));
    let read = first_read(&config, &found.at, Duration::ZERO).await;
    assert!(matches!(read, Err(PollError::NotAPrinter { .. })), "{read:?}");
}
