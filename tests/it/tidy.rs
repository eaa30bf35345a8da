//! House rules that a machine can check: who may depend on whom, which names are refused, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// An edge that is missing here is forbidden.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("schemas", &[]),
    ("service", &[]),
    ("broker-config", &["schemas"]),
    ("broker", &["broker-config", "schemas", "service"]),
    ("edge-agent", &["schemas", "service"]),
    ("ingest", &["schemas", "service"]),
    ("analytics", &["schemas", "service"]),
    ("embedded-clickhouse", &["service"]),
    (
        "tests",
        &["analytics", "broker", "broker-config", "edge-agent", "embedded-clickhouse", "ingest", "schemas", "service"],
    ),
    ("fuzz", &["analytics", "broker", "broker-config", "edge-agent", "embedded-clickhouse", "ingest", "schemas"]),
];

/// Names that say nothing about what is inside.
const REFUSED: &[&str] = &["utils", "util", "common", "base", "misc", "manager", "helper", "helpers", "imp", "stuff"];

/// A file may be longer than this only with a reason in [`LONG`].
const LINES_MAX: usize = 400;

const LONG: &[(&str, &str)] =
    &[("edge-agent/src/spool/tests.rs", "the spool's tests: one list of sentences over one type")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (folder, _) in DEPENDENCIES {
        walk(&root().join(folder), &mut found);
    }
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() && name != "node_modules" && name != "target" {
            walk(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

#[test]
fn parts_depend_only_on_what_the_design_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        DEPENDENCIES.iter().map(|(part, on)| (*part, on.iter().copied().collect())).collect();
    for part in allowed.keys() {
        let text = std::fs::read_to_string(root().join(part).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let named = manifest["dependencies"].as_table().unwrap().keys();
        let ours: BTreeSet<&str> = named.map(String::as_str).filter(|name| allowed.contains_key(name)).collect();
        let extra: Vec<_> = ours.difference(&allowed[part]).collect();
        assert!(extra.is_empty(), "{part} must not depend on {extra:?}; see ARCHITECTURE.md");
    }
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let bad: Vec<String> = sources()
        .iter()
        .filter(|path| {
            let stem = path.file_stem().unwrap().to_string_lossy();
            let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy();
            REFUSED.contains(&stem.as_ref()) || REFUSED.contains(&folder.as_ref())
        })
        .map(|path| relative(path))
        .collect();
    assert!(bad.is_empty(), "these names say nothing about what is inside: {bad:?}");
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let long: Vec<String> = sources()
        .iter()
        .filter_map(|path| {
            let lines = std::fs::read_to_string(path).unwrap().lines().count();
            let name = relative(path);
            let excused = LONG.iter().any(|(excused, _)| *excused == name);
            (lines > LINES_MAX && !excused).then(|| format!("{name}: {lines} lines"))
        })
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn no_test_is_ignored_and_no_lint_is_silenced_without_a_reason() {
    let marks = [concat!("#[", "ignore"), concat!("#[", "allow("), concat!("#![", "allow(")];
    let mut bad = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let silenced = marks.iter().any(|mark| line.contains(mark));
            // A long list of lints has its reason some lines further down.
            let reasoned =
                lines[number..].iter().take(10).take_while(|line| !line.is_empty()).any(|l| l.contains("reason ="));
            if silenced && !reasoned {
                bad.push(format!("{}:{}: {}", relative(&path), number + 1, line.trim()));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_outside_world_is_met_in_one_file_a_part() {
    // (what is looked for, the files that may have it)
    let meetings: &[(&str, &[&str])] = &[
        // fault.rs only names the reasons of a failed connection.
        (
            "rumqttc::",
            &["edge-agent/src/publish/client.rs", "edge-agent/src/publish/fault.rs", "ingest/src/subscribe.rs"],
        ),
        // SNMP's requests, ICMP's echoes and the traps of devices are three protocols.
        (
            "UdpSocket",
            &["edge-agent/src/snmp/line.rs", "edge-agent/src/discover/ping.rs", "edge-agent/src/traps/listen.rs"],
        ),
        ("sled::", &["edge-agent/src/spool/"]),
    ];
    for (what, allowed) in meetings {
        for path in sources() {
            let name = relative(&path);
            let product = ["edge-agent/src", "ingest/src", "analytics/src"].iter().any(|part| name.starts_with(part));
            if !product || allowed.iter().any(|file| name.starts_with(file)) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let used = text.lines().any(|line| line.contains(what) && !line.trim_start().starts_with("//"));
            assert!(!used, "{name} uses {what}, which belongs into {allowed:?}");
        }
    }
}

#[test]
fn the_page_of_benches_says_each_heading_once() {
    let text = std::fs::read_to_string(root().join("BENCHMARKS.md")).unwrap();
    let mut seen = BTreeSet::new();
    for heading in text.lines().filter(|line| line.starts_with("## ") || line.starts_with("<!-- bench ")) {
        assert!(seen.insert(heading), "BENCHMARKS.md has {heading:?} twice; a bench renews the first alone");
    }
    assert!(seen.len() > 10);
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let mut files: Vec<PathBuf> = sources();
    for name in ["README.md", "ARCHITECTURE.md", "STYLE.md", "CHANGELOG.md", "Makefile", ".ci/run"] {
        files.push(root().join(name));
    }
    let foreign = [
        concat!("/work", "/main"),
        concat!("/work", "/shared"),
        concat!("registry.", "npmjs"),
        concat!("static.", "crates"),
    ];
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for word in foreign {
            assert!(!text.contains(word), "{} names {word}", relative(&path));
        }
    }
}
