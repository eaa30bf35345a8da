//! `run` and `read`.

use std::path::{Path, PathBuf};

use service::exit::{Exit, Failure, OrExit};
use service::shutdown::Shutdown;

use super::finding::credentials;
use super::{load, print};
use crate::poll::profile::Profiles;
use crate::read;

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
            let snmp = credentials(config.as_deref(), community_file.as_deref())?;
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
