//! Every recorded device, read by the agent's own code, against what a correct reader must find.
//!
//! Needs the shared recordings: `$PLATEN_SHARED/printers`, or `../shared/printers` beside the checkout. Run by
//! `make test-recordings` (feature `recordings`).
#![cfg(feature = "recordings")]

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
