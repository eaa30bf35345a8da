use super::*;
use crate::poll::counters;
use crate::snmp::{Value, mib};

fn table(object_id: &[u32], description: &str, objects: &[(&str, Value)]) -> Table {
    let mut table = Table::default();
    if !object_id.is_empty() {
        table.insert(Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR), Value::Oid(Oid::of(mib::ENTERPRISES, object_id)));
    }
    table.insert(Oid::of(mib::SYS_DESCR, mib::SCALAR), Value::Bytes(description.as_bytes().to_vec()));
    for (oid, value) in objects {
        table.insert(oid.parse().unwrap(), value.clone());
    }
    table
}

fn text(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

fn values(table: &Table) -> std::collections::BTreeMap<String, i64> {
    let profile = Profiles::builtin().of(table);
    counters::read(table, &counters::meters(table, &profile))
}

#[test]
fn a_device_is_known_by_its_number_or_by_its_name() {
    for (object_id, description, names) in [
        (&[2385, 3, 1][..], "anything", &["sharp"][..]),
        (&[], "SHARP MX-2614N", &["sharp"]),
        (&[11, 2, 3, 9, 1], "HP ETHERNET MULTI-ENVIRONMENT,PID:Samsung M4080FX", &["samsung", "hp"]),
        (&[1347, 41], "HP ETHERNET MULTI-ENVIRONMENT,ROM J.sp.00", &["kyocera", "hp"]),
        (&[1347, 41], "TA_UTAX Printing System", &["kyocera"]),
        (&[11, 2, 3, 7, 11], "HP J9146A E2910al-24G-PoE Switch", &[]),
        (&[1248, 4, 1], "EPSON Network Projector", &[]),
        (&[674, 10_895, 3000], "Ethernet Routing Switch", &[]),
    ] {
        assert_eq!(Profiles::builtin().of(&table(object_id, description, &[])).names(), names, "{description}");
    }
}

#[test]
fn counters_are_joined_by_what_the_device_calls_them_and_never_by_their_row() {
    let (label, value) = ("1.3.6.1.4.1.2385.1.1.19.2.1.4.", "1.3.6.1.4.1.2385.1.1.19.2.1.3.");
    let mut objects = Vec::new();
    for (row, name, count) in [
        ("9.4.1", "Full Color Total Count", 7u64),
        ("9.4.2", "Single Color Total Count", 2),
        ("9.4.3", "BLACK & WHITE  Total Count", 30),
        ("8.4.50", "Scan to E-mail/FTP", 5),
        ("7.4.50", "Scan to HDD", 6),
        ("7.4.99", "Something New", 1),
    ] {
        objects.push((format!("{label}{row}"), text(name)));
        objects.push((format!("{value}{row}"), Value::Unsigned(count)));
    }
    let objects: Vec<(&str, Value)> = objects.iter().map(|(oid, value)| (oid.as_str(), value.clone())).collect();
    let values = values(&table(&[2385, 3], "SHARP MX", &objects));
    let expected =
        [("color", 9), ("mono", 30), ("total", 39), ("scan", 5), ("scan_to_hdd", 6), ("label.something_new", 1)];
    for (name, value) in expected {
        assert_eq!(values.get(name), Some(&value), "{name} in {values:?}");
    }
    assert!(!values.contains_key("copy"), "absent is absent");
}

#[test]
fn codes_are_labels_too_and_rows_of_the_same_meter_are_added_up() {
    let (kind, value) = ("1.3.6.1.4.1.367.3.2.1.2.19.5.1.2.", "1.3.6.1.4.1.367.3.2.1.2.19.5.1.9.");
    let mut objects = Vec::new();
    for (row, code, count) in [(1, 10, 100u64), (7, 402, 3), (9, 403, 4), (12, 401, 50), (15, 201, 40), (16, 203, 3)] {
        objects.push((format!("{kind}{row}"), Value::Integer(code)));
        objects.push((format!("{value}{row}"), Value::Unsigned(count)));
    }
    let objects: Vec<(&str, Value)> = objects.iter().map(|(oid, value)| (oid.as_str(), value.clone())).collect();
    let values = values(&table(&[367, 1, 1], "RICOH MP", &objects));
    for (name, value) in
        [("total", 100), ("print_color", 7), ("print_mono", 50), ("copy_mono", 40), ("mono", 90), ("color", 10)]
    {
        assert_eq!(values.get(name), Some(&value), "{name} in {values:?}");
    }
}

#[test]
fn paper_sizes_become_meters_and_large_ones_the_canonical() {
    let base = "1.3.6.1.4.1.1347.42.2.1.1.1.";
    let mut objects = Vec::new();
    for (row, name, all, mono, color) in [(1, "A3", 10, 4, 6), (2, "A4", 100, 60, 40), (3, "Ledger", 1, 1, 0)] {
        objects.push((format!("{base}2.1.{row}"), text(name)));
        for (column, count) in [(6, all), (7, mono), (8, color)] {
            objects.push((format!("{base}{column}.1.{row}"), Value::Integer(count)));
        }
    }
    objects.push(("1.3.6.1.4.1.1347.43.10.1.1.12.1.1".to_owned(), Value::Integer(111)));
    objects.push(("1.3.6.1.2.1.43.10.2.1.4.1.1".to_owned(), Value::Integer(115)));
    let objects: Vec<(&str, Value)> = objects.iter().map(|(oid, value)| (oid.as_str(), value.clone())).collect();
    let values = values(&table(&[1347, 41], "KYOCERA", &objects));
    for (name, value) in [
        ("a3", 11),
        ("a3_mono", 5),
        ("a3_color", 6),
        ("size.a4", 100),
        ("mono", 65),
        ("color", 46),
        ("total", 111),
        ("total.rfc3805", 115),
    ] {
        assert_eq!(values.get(name), Some(&value), "{name} in {values:?}");
    }
}

#[test]
fn a_claimed_meaning_never_takes_the_place_of_a_proven_one() {
    let folder = tempfile::tempdir().unwrap();
    let ours = "name = \"ours\"\n[match]\nobject_id = [\"1.3.6.1.4.1.11.2.3.9\"]\n\
                [[meter]]\nname = \"mono\"\noid = \"1.3.6.1.4.1.11.99.1\"\nsure = \"claimed\"\n\
                [[meter]]\nname = \"color\"\noid = \"1.3.6.1.4.1.11.99.2\"\nsure = \"claimed\"\n";
    std::fs::write(folder.path().join("ours.toml"), ours).unwrap();
    let profiles = Profiles::with_folder(folder.path().to_owned()).unwrap();
    let objects = [
        ("1.3.6.1.4.1.11.99.1", Value::Integer(1)),
        ("1.3.6.1.4.1.11.99.2", Value::Integer(2)),
        ("1.3.6.1.4.1.11.2.3.9.4.2.1.4.1.2.6.0", Value::Integer(100)),
    ];
    let table = table(&[11, 2, 3, 9, 1], "HP", &objects);
    let meters = profiles.of(&table).meters(&table);
    let rule = |name: &str| {
        meters.iter().find(|meter| meter.name == name).map(|meter| (meter.value(&table).unwrap(), meter.rule()))
    };
    assert_eq!(rule("mono"), Some((100, "raw".to_owned())));
    assert_eq!(rule("color"), Some((2, "raw; claimed".to_owned())));
}

/// The ten lines of ARCHITECTURE.md.
#[test]
fn a_model_is_added_with_ten_lines_in_the_folder_of_the_site() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md")).unwrap();
    let from = page.find("```toml\n").unwrap() + "```toml\n".len();
    let lines = &page[from..from + page[from..].find("```").unwrap()];
    assert!(lines.lines().filter(|line| !line.is_empty()).count() <= 10, "{lines}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), lines).unwrap();
    let profiles = Profiles::with_folder(folder.path().to_owned()).unwrap();
    let objects =
        [("1.3.6.1.4.1.99999.1.2.1.0", Value::Unsigned(4_711)), ("1.3.6.1.4.1.99999.1.1.3.0", text("AC-1234567"))];
    let table = table(&[99_999, 1, 7], "Acme Printomatic 9000", &objects);
    let profile = profiles.of(&table);
    assert_eq!(profile.names(), ["acme"]);
    let meters = counters::meters(&table, &profile);
    assert_eq!(counters::read(&table, &meters).get("total"), Some(&4_711));
    let serial = crate::poll::identity::serial(&table, &profile).unwrap();
    assert_eq!(serial.text, "AC-1234567");
    assert_eq!(Profiles::builtin().of(&table).names(), Vec::<&str>::new(), "without the folder it is unknown");
}
