//! `run`, `discover` and `read`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;
use service::exit::{Exit, Failure, OrExit};
use service::secret::Secret;
use service::shutdown::Shutdown;

use super::{load, print};
use crate::discover::{Kind, Ranges, sweep};
use crate::poll::profile::Profiles;
use crate::read;
use crate::snmp::SnmpConfig;

pub(super) async fn run(file: &Path, check: bool) -> Result<Exit, Failure> {
    let config = load(file)?;
    if check {
        return print(&service::config::show(&config));
    }
    service::log::init(&config.log.0).or_exit(Exit::Config)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().or_exit(Exit::Unavailable)?;
    crate::pipeline::run(config, shutdown).await?;
    Ok(Exit::Done)
}

pub(super) async fn discover(file: &Path, json: bool) -> Result<Exit, Failure> {
    let config = load(file)?;
    let ranges = Ranges::new(&config.ranges).or_exit(Exit::Config)?;
    ranges.check_some().or_exit(Exit::Config)?;
    let swept = sweep(&config.snmp, &ranges, &BTreeSet::new(), &mut |_| {}).await;
    let word = |kind: Kind| if kind == Kind::Printer { "printer" } else { "not-a-printer" };
    if json {
        let found: Vec<_> = swept
            .found
            .iter()
            .map(|found| {
                json!({
                    "address": found.at.address, "port": found.at.port, "version": found.at.version,
                    "name": found.name, "kind": word(found.kind),
                    "object_id": found.object_id, "description": found.description,
                })
            })
            .collect();
        let report = json!({
            "format": 1, "found": found, "refused": swept.refused, "unresolved": swept.unresolved,
            "silent": swept.silent, "packets": swept.cost.packets, "bytes_ip": swept.cost.bytes,
        });
        return print(&format!("{report:#}\n"));
    }
    let mut text = String::new();
    for found in &swept.found {
        text.push_str(&format!(
            "{:<15} v{:<3} {:<14} {}\n",
            found.at.address,
            found.at.version,
            word(found.kind),
            found.description.lines().next().unwrap_or_default()
        ));
    }
    for address in &swept.refused {
        text.push_str(&format!("{address:<15} refuses SNMP; switch it on in the device\n"));
    }
    for name in &swept.unresolved {
        text.push_str(&format!("{name}: no such name\n"));
    }
    let printers = swept.found.iter().filter(|found| found.kind == Kind::Printer).count();
    text.push_str(&format!(
        "{printers} printers, {} other devices, {} addresses silent, {} bytes in {} packets\n",
        swept.found.len() - printers,
        swept.silent,
        swept.cost.bytes,
        swept.cost.packets
    ));
    print(&text)
}

pub(super) async fn read(
    address: Option<String>,
    walk: Option<PathBuf>,
    config: Option<PathBuf>,
    community_file: Option<PathBuf>,
    port: u16,
    json: bool,
) -> Result<Exit, Failure> {
    let report = match (walk, address) {
        (Some(walk), _) => {
            let profiles = match config {
                Some(file) => load(&file)?.snmp.profiles,
                None => Profiles::builtin(),
            };
            read::recording(&profiles, &walk).await.or_exit(Exit::Config)?
        }
        (None, Some(address)) => {
            let mut snmp = match config {
                Some(file) => load(&file)?.snmp,
                None => SnmpConfig::default(),
            };
            if let Some(file) = community_file {
                let text = std::fs::read_to_string(&file).map_err(|error| format!("read {}: {error}", file.display()));
                snmp.communities = vec![Secret::new(text.or_exit(Exit::Config)?.trim_end())];
            }
            read::device(&snmp, &address, port).await.or_exit(Exit::Unavailable)?
        }
        (None, None) => return Err(Failure::new(Exit::Config, "name an address or a recording")),
    };
    if json { print(&format!("{report:#}\n")) } else { print(&outline(&report, 0)) }
}

/// JSON as indented lines for people: `name: value`.
fn outline(value: &serde_json::Value, depth: usize) -> String {
    use serde_json::Value;
    let indent = "  ".repeat(depth);
    let flat = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some("-".to_owned()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(list) if list.is_empty() => Some("none".to_owned()),
        Value::Array(list) if list.iter().all(|entry| entry.is_number() || entry.is_string()) => {
            Some(list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, inner)| match flat(inner) {
                Some(text) => format!("{indent}{name}: {text}\n"),
                None => format!("{indent}{name}:\n{}", outline(inner, depth + 1)),
            })
            .collect(),
        Value::Array(list) => list.iter().map(|inner| format!("{indent}-\n{}", outline(inner, depth + 1))).collect(),
        other => format!("{indent}{}\n", flat(other).unwrap_or_default()),
    }
}
