//! Every recorded device, read by the agent's own code, against what a correct reader must find.
//!
//! Needs the shared recordings: `$PLATEN_SHARED/printers`, or `../shared/printers` beside the checkout. Run by
//! `make test-recordings` (feature `recordings`).
#![cfg(feature = "recordings")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod device;

use std::path::{Path, PathBuf};

use edge_agent::read;
use serde_json::Value as Json;

fn printers() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "where the recordings are is not configuration of the agent")]
    let shared = std::env::var("PLATEN_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    let folder = shared.join("printers");
    assert!(
        folder.join("recordings").is_dir() && folder.join("expected").is_dir(),
        "no recordings in {}: set PLATEN_SHARED to the folder that holds printers/recordings and printers/expected",
        folder.display()
    );
    folder
}

/// (name, expected, found)
async fn all() -> Vec<(String, Json, Json)> {
    let folder = printers();
    let mut names: Vec<String> = std::fs::read_dir(folder.join("recordings"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "snmprec"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 30, "only {} recordings in {}", names.len(), folder.display());
    let mut devices = Vec::new();
    for name in names {
        let expected = std::fs::read(folder.join("expected").join(format!("{name}.json"))).unwrap();
        let found = read::recording(&folder.join("recordings").join(format!("{name}.snmprec"))).await.unwrap();
        devices.push((name, serde_json::from_slice(&expected).unwrap(), found));
    }
    devices
}

/// Where two documents differ, by path. Numbers are compared by value.
fn differences(path: &str, expected: &Json, found: &Json, list: &mut Vec<String>) {
    match (expected, found) {
        (Json::Object(left), Json::Object(right)) => {
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let (left, right) = (left.get(key).unwrap_or(&Json::Null), right.get(key).unwrap_or(&Json::Null));
                differences(&format!("{path}.{key}"), left, right, list);
            }
        }
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => {
            for (place, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{path}[{place}]"), left, right, list);
            }
        }
        _ if expected == found || (expected.as_f64().is_some() && expected.as_f64() == found.as_f64()) => {}
        _ => list.push(format!("{path}: expected {expected}, found {found}")),
    }
}

#[tokio::test]
async fn every_recording_yields_what_the_standards_say() {
    let mut list = Vec::new();
    for (name, expected, found) in all().await {
        if expected["kind"] == "printer" {
            differences(&format!("{name} rfc"), &expected["rfc"], &found["rfc"], &mut list);
            let total = (&expected["counters"]["total_rfc3805"], &found["counters"]["total_rfc3805"]);
            differences(&format!("{name} total_rfc3805"), total.0, total.1, &mut list);
        }
        assert_eq!(found["complete"], true, "{name}");
    }
    assert!(list.is_empty(), "{} differences:\n{}", list.len(), list.join("\n"));
}

#[tokio::test]
async fn every_recording_yields_its_serial_number_and_hardware_addresses() {
    let mut list = Vec::new();
    for (name, expected, found) in all().await.iter().filter(|(_, expected, _)| expected["kind"] == "printer") {
        for key in ["serial", "macs", "hostname", "location", "ieee1284"] {
            differences(&format!("{name} {key}"), &expected["identity"][key], &found["identity"][key], &mut list);
        }
    }
    assert!(list.is_empty(), "{} differences:\n{}", list.len(), list.join("\n"));
}

#[tokio::test]
async fn devices_that_are_no_printers_are_told_apart() {
    for (name, expected, found) in all().await {
        // Six objects of a Brother, none of the printer tables: a decoding test, not a device to be found.
        if name != "brother-mfc-j680dw" {
            assert_eq!(expected["kind"], found["kind"], "{name}");
        }
        if expected["kind"] != "printer" {
            assert_eq!(expected["identity"]["sys_object_id"], found["rfc"]["sys"]["object_id"], "{name}");
        }
    }
}

/// What a refresh may cost at IP level, both directions; the design's goals where it states them.
#[tokio::test]
async fn a_refresh_stays_within_its_packets_and_bytes() {
    let now = std::time::Duration::from_secs(1_000);
    for (name, packets, bytes) in [
        ("kyocera-ecosys-p2040dw", 2, 1_100),
        ("sharp-mx-3570n", 2, 1_200),
        ("hp-color-laserjet-flow-m880", 2, 1_300),
        ("brother-hl-l8260cdw", 2, 1_024),
    ] {
        let table = edge_agent::walk::load(&printers().join("recordings").join(format!("{name}.snmprec"))).unwrap();
        let device = device::start(table, device::Manners::default()).await;
        let config = edge_agent::snmp::SnmpConfig::default();
        let at = edge_agent::poll::At {
            address: device.address.ip(),
            port: device.address.port(),
            version: edge_agent::snmp::Version::V2c,
            credential: String::new(),
        };
        let (mut known, full) = edge_agent::poll::first_read(&config, &at, now).await.unwrap();
        let polled = edge_agent::poll::refresh(&config, &mut known, now * 2).await;
        println!("{name}: full {:?}, refresh {:?}, {} values", full.cost, polled.cost, known.plan.cells.len());
        assert_eq!(polled.poll.outcome, 0, "{name}");
        assert_eq!(
            (polled.poll.supplies.len(), polled.poll.alerts.len()),
            (full.poll.supplies.len(), full.poll.alerts.len())
        );
        assert!(polled.cost.packets <= packets && polled.cost.bytes <= bytes, "{name}: {:?}", polled.cost);
        assert!(!known.full_wanted, "{name}");
    }
}
