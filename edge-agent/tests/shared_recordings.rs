//! Every recorded device, read by the agent's own code, against what a correct reader must find.
//!
//! Needs the shared recordings: `$PLATEN_SHARED/printers`, or `../shared/printers` beside the checkout. Run by
//! `make test-recordings` (feature `recordings`); `make recordings` prints the table of [`table`] alone.
#![cfg(feature = "recordings")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod agreement;
mod device;

use std::path::{Path, PathBuf};
use std::time::Duration;

use agreement::{Group, differences};
use edge_agent::poll::profile::Profiles;
use edge_agent::poll::{self, At};
use edge_agent::read;
use edge_agent::snmp::{Oid, SnmpConfig, Version};
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

fn recording(name: &str) -> PathBuf {
    printers().join("recordings").join(format!("{name}.snmprec"))
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
    let profiles = Profiles::builtin();
    let mut devices = Vec::new();
    for name in names {
        let expected = std::fs::read(folder.join("expected").join(format!("{name}.json"))).unwrap();
        let found = read::recording(&profiles, &recording(&name)).await.unwrap();
        devices.push((name, serde_json::from_slice(&expected).unwrap(), found));
    }
    devices
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

/// The table of `make recordings`: device × field group, the share that agrees, and for each difference why.
#[tokio::test]
async fn the_table_of_all_recordings_agrees_in_every_standard_field_and_in_the_vendors_meters() {
    let (mut rows, mut reasons, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (name, expected, found) in all().await.iter().filter(|(_, expected, _)| expected["kind"] == "printer") {
        let mut cells = Vec::new();
        for group in Group::ALL {
            let agreement = group.compare(expected, found);
            cells.push(format!("{:>7}", format!("{}/{}", agreement.agree, agreement.all)));
            for difference in agreement.differences {
                let reason = agreement::reason(name, &difference);
                if reason.is_none() {
                    failed.push(format!("{name} {}: {difference}", group.name()));
                }
                reasons.push(format!(
                    "{name} {}: {difference}\n    why: {}",
                    group.name(),
                    reason.unwrap_or("not explained")
                ));
            }
        }
        rows.push(format!("{name:<32}{}", cells.join(" ")));
    }
    let head: Vec<String> = Group::ALL.iter().map(|group| format!("{:>7}", group.name())).collect();
    println!("{:<32}{}\n{}\n\n{}", "device", head.join(" "), rows.join("\n"), reasons.join("\n"));
    assert!(failed.is_empty(), "{} differences without a reason:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test]
async fn the_table_of_kinds_tells_printers_from_other_devices() {
    for (name, expected, found) in all().await {
        assert_eq!(expected["kind"], found["kind"], "{name}");
        if expected["kind"] != "printer" {
            assert_eq!(expected["identity"]["sys_object_id"], found["rfc"]["sys"]["object_id"], "{name}");
        }
    }
    let text = std::fs::read_to_string(printers().join("discovery.tsv")).unwrap();
    let (mut lines, mut wrong) = (0, Vec::new());
    for line in text.lines().skip(1) {
        let [kind, _, _, object_id, description] = line.splitn(5, '\t').collect::<Vec<_>>()[..] else { continue };
        let object_id: Option<Oid> = object_id.parse().ok();
        let printer = Profiles::builtin().describe_a_printer(object_id.as_ref(), description);
        lines += 1;
        if printer != (kind == "printer") {
            wrong.push(line.to_owned());
        }
    }
    println!(
        "discovery.tsv: {} of {lines} lines are classed right by sysObjectID and sysDescr alone",
        lines - wrong.len()
    );
    assert!(lines >= 277 && wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_recording_is_read_the_same_over_the_network_in_both_versions() {
    let profiles = Profiles::builtin();
    for (name, expected, _) in all().await.iter().filter(|(_, expected, _)| expected["kind"] == "printer") {
        // Without sysObjectID nothing answers the first question of a search.
        if expected["rfc"]["sys"]["object_id"].is_null() {
            continue;
        }
        let still = read::recording(&profiles, &recording(name)).await.unwrap();
        for v1_only in [false, true] {
            let table = edge_agent::walk::load(&recording(name)).unwrap();
            let device = device::start(table, device::Manners { v1_only, ..device::Manners::default() }).await;
            let config = SnmpConfig { snmp_discovery_timeout_ms: 200, ..SnmpConfig::default() };
            let mut live = read::device(&config, "127.0.0.1", device.address.port()).await.unwrap();
            assert_eq!(live["snmp"]["version"], if v1_only { "1" } else { "2c" }, "{name}");
            live.as_object_mut().unwrap().remove("snmp");
            let mut list = Vec::new();
            differences(name, &still, &live, &mut list);
            assert!(list.is_empty(), "{name} v1: {v1_only}\n{}", list.join("\n"));
        }
    }
}

/// What a refresh may cost at IP level, both directions; the design's goals where it states them.
#[tokio::test]
async fn the_table_of_refreshes_stays_within_its_packets_and_bytes() {
    let now = Duration::from_secs(1_000);
    for (name, packets, bytes) in [
        ("kyocera-ecosys-p2040dw", 2, 1_300),
        ("sharp-mx-3570n", 4, 2_100),
        ("hp-color-laserjet-flow-m880", 2, 1_300),
        ("hp-laserjet-mfp-m130nw", 2, 1_100),
        ("konicaminolta-bizhub-c250i", 2, 1_300),
        ("brother-hl-l8260cdw", 2, 1_024),
    ] {
        let table = edge_agent::walk::load(&recording(name)).unwrap();
        let device = device::start(table, device::Manners::default()).await;
        let config = SnmpConfig::default();
        let (address, port) = (device.address.ip(), device.address.port());
        let at = At { address, port, version: Version::V2c, credential: String::new() };
        let (mut known, full) = poll::first_read(&config, &at, now).await.unwrap();
        let polled = poll::refresh(&config, &mut known, now * 2).await;
        println!(
            "{name:<30} full read {:>3} packets {:>6} B, refresh {} packets {:>5} B: {} meters, {} supplies",
            full.cost.packets,
            full.cost.bytes,
            polled.cost.packets,
            polled.cost.bytes,
            polled.poll.counters.len(),
            polled.poll.supplies.len()
        );
        assert_eq!(polled.poll.outcome, 0, "{name}");
        let rows = |poll: &schemas::wire::Poll| (poll.supplies.len(), poll.alerts.len());
        assert_eq!(rows(&polled.poll), rows(&full.poll), "{name}");
        let daily = known.plan.meters.iter().filter(|meter| meter.daily).count();
        assert_eq!(polled.poll.counters.len() + daily, full.poll.counters.len(), "{name}");
        assert!(polled.cost.packets <= packets && polled.cost.bytes <= bytes, "{name}: {:?}", polled.cost);
        assert!(!known.full_wanted && known.bulk, "{name}");
    }
}
