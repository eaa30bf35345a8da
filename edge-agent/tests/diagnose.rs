//! One test per verdict of `diagnose`, each with real sockets: devices with faults, Debian's agent, and networks that lead
//! nowhere, in namespaces of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod device;
mod snmpd;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::time::Duration;

use device::{Device, Manners, start, start_at};
use edge_agent::diagnose::{self, Given, Report};
use edge_agent::discover::Ranges;
use edge_agent::roster::Roster;
use edge_agent::snmp::config::RangeConfig;
use edge_agent::snmp::{Oid, SnmpConfig, Table, Value, Version, mib};
use service::secret::Secret;

fn config() -> SnmpConfig {
    SnmpConfig {
        snmp_request_timeout_ms: 500,
        snmp_discovery_timeout_ms: 200,
        ping_timeout_ms: 200,
        ..SnmpConfig::default()
    }
}

fn printer() -> Table {
    let mut table = bare();
    let mut put = |object: &[u32], index: &[u32], value: Value| assert!(table.insert(Oid::of(object, index), value));
    put(mib::PRT_GENERAL_SERIAL_NUMBER, &[1], Value::Bytes(b"U64641E7J134163".to_vec()));
    put(mib::PRT_MARKER_COUNTER_UNIT, &[1, 1], Value::Integer(7));
    put(mib::PRT_MARKER_LIFE_COUNT, &[1, 1], Value::Unsigned(42_976));
    put(mib::PRT_SUPPLIES_CLASS, &[1, 1], Value::Integer(3));
    put(mib::PRT_SUPPLIES_MAX_CAPACITY, &[1, 1], Value::Integer(1_000));
    put(mib::PRT_SUPPLIES_LEVEL, &[1, 1], Value::Integer(900));
    table
}

/// A device that says who made it and nothing else.
fn bare() -> Table {
    let mut table = Table::default();
    table.insert(Oid::of(mib::SYS_OBJECT_ID, &[0]), Value::Oid(Oid::of(mib::ENTERPRISES, &[2435, 2, 3, 9, 1])));
    table.insert(Oid::of(mib::SYS_DESCR, &[0]), Value::Bytes(b"A device".to_vec()));
    table.insert(Oid::of(mib::SYS_UP_TIME, &[0]), Value::Ticks(4_000));
    table
}

fn ranges(include: &[&str], exclude: &[&str], versions: &[Version], port: u16) -> Ranges {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Ranges::new(&[RangeConfig {
        include: own(include),
        exclude: own(exclude),
        snmp_versions: versions.to_vec(),
        port,
        ..RangeConfig::default()
    }])
    .unwrap()
}

async fn ask(snmp: &SnmpConfig, ranges: Option<&Ranges>, known: &Roster, target: &str, port: u16) -> Report {
    let given = Given { snmp, ranges, known, port, patience: Duration::from_secs(5) };
    diagnose::device(&given, target, &mut |_| {}).await
}

async fn at(address: SocketAddr, snmp: &SnmpConfig) -> Report {
    ask(snmp, None, &Roster::default(), &address.ip().to_string(), address.port()).await
}

fn assert_verdict(report: &Report, verdict: &str, code: u8) {
    assert_eq!((report.verdict, report.exit_code), (verdict, code), "{report:#?}");
    assert!(!report.says.is_empty() && !report.next.is_empty());
}

async fn well() -> Device {
    start(printer(), Manners::default()).await
}

#[tokio::test]
async fn healthy() {
    let device = well().await;
    let report = at(device.address, &config()).await;
    assert_verdict(&report, "healthy", 0);
    assert_eq!(report.device.as_ref().map(|seen| seen.serial.as_str()), Some("U64641E7J134163"));
    assert!(report.steps.iter().any(|step| step.step == "snmp" && step.said == "answered"));
}

#[tokio::test]
async fn no_such_name() {
    assert_verdict(&ask(&config(), None, &Roster::default(), "no-such-host.invalid", 161).await, "no-such-name", 10);
}

#[tokio::test]
async fn outside_the_ranges_and_excluded() {
    let device = well().await;
    let port = device.address.port();
    let outside = ranges(&["192.0.2.0/24"], &[], &[Version::V2c], port);
    assert_verdict(&ask(&config(), Some(&outside), &Roster::default(), "127.0.0.1", port).await, "outside-ranges", 11);
    let heard = device.requests.load(std::sync::atomic::Ordering::SeqCst);
    let excluded = ranges(&["127.0.0.0/24"], &["127.0.0.1"], &[Version::V2c], port);
    assert_verdict(&ask(&config(), Some(&excluded), &Roster::default(), "127.0.0.1", port).await, "excluded", 12);
    assert_eq!(
        device.requests.load(std::sync::atomic::Ordering::SeqCst),
        heard,
        "an excluded address is asked nothing"
    );
}

#[tokio::test]
async fn snmp_refused() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_verdict(&at(closed, &config()).await, "snmp-refused", 15);
}

#[tokio::test]
async fn snmp_silent() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let given = config();
    let known = Roster::default();
    let given = Given {
        snmp: &given,
        ranges: None,
        known: &known,
        port: socket.local_addr().unwrap().port(),
        patience: Duration::from_millis(300),
    };
    assert_verdict(&diagnose::device(&given, "127.0.0.1", &mut |_| {}).await, "snmp-silent", 16);
}

#[tokio::test]
async fn wrong_community() {
    let device = well().await;
    let snmp = SnmpConfig { communities: vec![Secret::new("another")], ..config() };
    assert_verdict(&at(device.address, &snmp).await, "wrong-community", 17);
}

#[tokio::test]
async fn answers_another_version_only() {
    let device = start(printer(), Manners { v1_only: true, ..Manners::default() }).await;
    let port = device.address.port();
    let only_v2c = ranges(&["127.0.0.1"], &[], &[Version::V2c], port);
    let report = ask(&config(), Some(&only_v2c), &Roster::default(), "127.0.0.1", port).await;
    assert_verdict(&report, "other-version", 18);
    assert!(report.says.contains("v1"), "{}", report.says);
    let both = ranges(&["127.0.0.1"], &[], &[Version::V2c, Version::V1], port);
    assert_verdict(&ask(&config(), Some(&both), &Roster::default(), "127.0.0.1", port).await, "healthy", 0);
}

#[tokio::test]
async fn wrong_v3_user_wrong_key_and_wrong_privacy_key() {
    let snmpd = snmpd::start();
    let right = snmpd::credential(snmpd::AUTHS[3], Some(snmpd::PRIVACIES[1]));
    let mut wrong = right.clone();
    wrong.user = "nobody".into();
    assert_verdict(&at(snmpd.address, &snmpd::config(vec![wrong])).await, "wrong-user", 19);
    let mut wrong = right.clone();
    wrong.auth_password = Secret::new("another-pass");
    let report = at(snmpd.address, &snmpd::config(vec![wrong])).await;
    assert_verdict(&report, "wrong-key", 20);
    assert!(report.next.contains("auth_password"), "{}", report.next);
    // The agent is silent to what it cannot decrypt.
    for privacy in [snmpd::PRIVACIES[0], snmpd::PRIVACIES[1], snmpd::PRIVACIES[3]] {
        let mut wrong = snmpd::credential(snmpd::AUTHS[3], Some(privacy));
        wrong.priv_password = Secret::new("another-pass");
        let report = at(snmpd.address, &snmpd::config(vec![wrong])).await;
        assert_verdict(&report, "wrong-key", 20);
        assert!(report.next.contains("priv_password"), "{privacy:?}: {}", report.next);
    }
}

#[tokio::test]
async fn snmp_but_no_printer() {
    let snmpd = snmpd::start();
    assert_verdict(&at(snmpd.address, &config()).await, "not-a-printer", 21);
    let v3 = snmpd::credential(snmpd::AUTHS[5], Some(snmpd::PRIVACIES[3]));
    assert_verdict(&at(snmpd.address, &snmpd::config(vec![v3])).await, "not-a-printer", 21);
}

#[tokio::test]
async fn print_server_in_front() {
    let _jobs = TcpListener::bind("127.83.1.1:9100").unwrap();
    let device = start_at("127.83.1.1:0", bare(), Manners::default()).await;
    assert_verdict(&at(device.address, &config()).await, "print-server", 22);
}

#[tokio::test]
async fn a_controller_that_gives_too_little() {
    let mut table = bare();
    table.insert(Oid::of(mib::HR_DEVICE_TYPE, &[1]), Value::Oid(Oid::new(mib::HR_DEVICE_PRINTER)));
    table.insert(Oid::of(mib::HR_PRINTER_STATUS, &[1]), Value::Integer(3));
    let device = start(table, Manners::default()).await;
    assert_verdict(&at(device.address, &config()).await, "gives-too-little", 23);
}

#[tokio::test]
async fn too_slow_for_the_timeouts() {
    let device = start(printer(), Manners { delay_ms: 400, ..Manners::default() }).await;
    let snmp = SnmpConfig { credentials: Vec::new(), snmp_discovery_timeout_ms: 100, ..config() };
    let report = at(device.address, &snmp).await;
    assert_verdict(&report, "too-slow", 24);
    assert!(report.next.contains("snmp_discovery_timeout_ms"), "{}", report.next);
}

#[tokio::test]
async fn duplicate_of_a_known_device() {
    let device = well().await;
    let mut known = Roster::default();
    known.add(([192, 0, 2, 7], 161).into(), "brother:U64641E7J134163");
    let report = ask(&config(), None, &known, "127.0.0.1", device.address.port()).await;
    assert_verdict(&report, "duplicate", 25);
    assert!(report.says.contains("192.0.2.7"), "{}", report.says);
}

#[tokio::test]
async fn unusable_answers() {
    let device = start(printer(), Manners { garbled: true, ..Manners::default() }).await;
    assert_verdict(&at(device.address, &config()).await, "unusable-answers", 26);
}

#[tokio::test]
async fn of_a_range_healthy_firewall_and_refused() {
    let over = |port| async move {
        let range = Ranges::typed("127.85.0.1-2", port).unwrap();
        diagnose::over(&config(), &range, "127.85.0.1-2", &mut |_| {}, &mut |_| {}).await
    };
    let device = start_at("127.85.0.1:0", printer(), Manners::default()).await;
    assert_verdict(&over(device.address.port()).await, "healthy", 0);
    let silent = UdpSocket::bind("127.85.0.1:0").unwrap();
    assert_verdict(&over(silent.local_addr().unwrap().port()).await, "firewall", 41);
    let closed = silent.local_addr().unwrap().port();
    drop(silent);
    assert_verdict(&over(closed).await, "snmp-refused", 15);
    let other = start_at("127.85.0.2:0", bare(), Manners::default()).await;
    assert_verdict(&over(other.address.port()).await, "no-printers", 43);
}

#[tokio::test]
async fn a_recording_is_diagnosed_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device.snmprec");
    std::fs::write(&path, "1.3.6.1.2.1.1.1.0|4|A switch\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.171.10\n").unwrap();
    assert_verdict(&diagnose::recording(&path).await.unwrap(), "not-a-printer", 21);
    std::fs::write(&path, "1.3.6.1.2.1.43.10.2.1.4.1.1|65|7\n1.3.6.1.2.1.43.11.1.1.9.1.1|2|-3\n").unwrap();
    assert_verdict(&diagnose::recording(&path).await.unwrap(), "healthy", 0);
}

/// Runs a script in a network of its own, where loopback also leads to 10.9.0.0/24, in which nobody is. `None` where
/// namespaces are forbidden and `PLATEN_NO_NAMESPACES` says so.
fn nowhere(script: &str) -> Option<String> {
    if std::env::var_os("PLATEN_NO_NAMESPACES").is_some() {
        println!("left out, because PLATEN_NO_NAMESPACES is set");
        return None;
    }
    let network = "set -e; export PATH=/usr/sbin:/usr/bin:/sbin:/bin; ip link set lo up; ip addr add 10.9.0.1/32 dev lo; \
                   ip route add 10.9.0.0/24 dev lo; set +e;";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--", "sh", "-c"])
        .arg(format!("{network} {script}"))
        .env("AGENT", env!("CARGO_BIN_EXE_edge-agent"))
        .output()
        .expect("run unshare (package util-linux); where namespaces are forbidden, set PLATEN_NO_NAMESPACES=1");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

fn verdict_and_code(target: &str, setup: &str) -> Option<(String, String)> {
    let said = nowhere(&format!("{setup} \"$AGENT\" diagnose {target} --patience-s 1 --json; echo code $?"))?;
    let (json, code) = said.rsplit_once("code ").unwrap();
    let report: serde_json::Value = serde_json::from_str(json).unwrap();
    Some((report["verdict"].as_str().unwrap().to_owned(), code.trim().to_owned()))
}

#[test]
fn not_routed_and_host_down() {
    for (target, verdict, code) in [("192.0.2.1", "not-routed", "13"), ("10.9.0.7", "host-down", "14")] {
        if let Some(said) = verdict_and_code(target, "") {
            assert_eq!(said, (verdict.to_owned(), code.to_owned()));
        }
    }
}

#[test]
fn of_a_range_wrong_range_and_all_silent() {
    let own = "ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 arp off up; \
               ip addr add 10.8.0.1/24 dev v0;";
    for (target, setup, verdict, code) in
        [("10.9.0.8/29", "", "wrong-range", "40"), ("10.8.0.8/29", own, "all-silent", "42")]
    {
        if let Some(said) = verdict_and_code(target, setup) {
            assert_eq!(said, (verdict.to_owned(), code.to_owned()));
        }
    }
}

/// The goal of discovery: an empty /24 costs 25 KB at most, counted by the kernel.
#[test]
fn a_sweep_of_an_empty_24_stays_within_25_kilobytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    std::fs::write(&file, "[[ranges]]\ninclude = [\"10.9.0.0/24\"]\nexclude = [\"10.9.0.1\"]\n").unwrap();
    // /proc/net/dev: the tenth field is bytes sent, the eleventh packets sent.
    let count = "awk '/lo:/ { print $10, $11 }' /proc/net/dev";
    let script = format!("{count}; \"$AGENT\" discover --json --config {} > /dev/null; {count}", file.display());
    let Some(said) = nowhere(&script) else { return };
    let numbers: Vec<u64> = said.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let (bytes, packets) = (numbers[2] - numbers[0], numbers[3] - numbers[1]);
    println!("an empty /24: {bytes} bytes in {packets} packets");
    assert!(packets >= 253, "every address is asked");
    assert!(bytes <= 25_000, "{bytes} bytes in {packets} packets");
}
