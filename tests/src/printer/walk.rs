//! Runs Debian's net-snmp walkers against a device and compares what they printed with a table: the proof by a peer that
//! a simulator or a replayed recording can be read completely.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use thiserror::Error;
use tokio::process::Command;

use super::mib::Mib;
use super::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walker {
    /// `snmpwalk -v1`: one GETNEXT a row.
    V1,
    /// `snmpbulkwalk -v2c`: GETBULK.
    Bulk,
}

#[derive(Debug, Error)]
pub enum WalkError {
    #[error("{program} cannot be run ({source}): apt-get install snmp")]
    Missing { program: &'static str, source: std::io::Error },
    #[error("{program} of {address} failed: {stderr}")]
    Failed { program: &'static str, address: SocketAddrV4, stderr: String },
}

/// Walks everything: numeric identifier (without the leading dot) → what stood behind it on its first line.
pub async fn walk(
    walker: Walker,
    address: SocketAddrV4,
    community: &str,
) -> Result<BTreeMap<String, String>, WalkError> {
    let (program, version) = match walker {
        Walker::V1 => ("snmpwalk", "-v1"),
        Walker::Bulk => ("snmpbulkwalk", "-v2c"),
    };
    let missing = |source| WalkError::Missing { program, source };
    // a folder of its own, so that the machine's snmp.conf has no say and nothing is written beside it
    let folder = tempfile::tempdir().map_err(missing)?;
    let output = Command::new(program)
        .args([version, "-c", community, "-m", "", "-On", "-t", "5", "-r", "1", &address.to_string(), "."])
        .env("SNMPCONFPATH", folder.path())
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(missing)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(WalkError::Failed { program, address, stderr });
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // texts may run over several lines; the end of everything is told by a remark on the last identifier
    let rows = text.lines().filter_map(|line| line.strip_prefix('.')?.split_once(" = "));
    let rows = rows.filter(|(_, value)| !value.starts_with("No more variables left"));
    Ok(rows.map(|(oid, value)| (oid.to_owned(), value.to_owned())).collect())
}

/// What a walk got wrong: rows missing, rows too many, and numbers, identifiers and addresses that differ (texts are
/// printed in too many ways to be compared). Empty if all is well.
#[must_use]
pub fn differences(mib: &Mib, walked: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (oid, value) in mib.iter() {
        let Some(printed) = walked.get(&oid.to_string()) else {
            found.push(format!("{oid} was not walked"));
            continue;
        };
        if printed_as(value).is_some_and(|expected| !printed.starts_with(&expected)) {
            found.push(format!("{oid} holds {value:?}, printed was {printed}"));
        }
    }
    let known: std::collections::BTreeSet<String> = mib.iter().map(|(oid, _)| oid.to_string()).collect();
    found.extend(walked.keys().filter(|oid| !known.contains(*oid)).map(|oid| format!("{oid} is too much")));
    found
}

fn printed_as(value: &Value) -> Option<String> {
    match value {
        Value::Integer(n) => Some(format!("INTEGER: {n}")),
        Value::Counter32(n) => Some(format!("Counter32: {n}")),
        Value::Gauge32(n) => Some(format!("Gauge32: {n}")),
        Value::Counter64(n) => Some(format!("Counter64: {n}")),
        Value::TimeTicks(n) => Some(format!("Timeticks: ({n})")),
        Value::Oid(target) => Some(format!("OID: .{target}")),
        Value::IpAddress(address) => Some(format!("IpAddress: {}", Ipv4Addr::from(*address))),
        Value::Octets(bytes) if bytes.is_empty() => Some("\"\"".to_owned()),
        Value::Octets(_) | Value::Opaque(_) | Value::Null => None,
        Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => Some("an exception".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_missing_too_many_or_different_are_told() {
        let mib = Mib::from_iter([
            ("1.3.1".parse().unwrap(), Value::Integer(-3)),
            ("1.3.2".parse().unwrap(), Value::Counter32(7)),
            ("1.3.3".parse().unwrap(), Value::text("two\nlines")),
        ]);
        let row = |oid: &str, printed: &str| (oid.to_owned(), printed.to_owned());
        let right = [row("1.3.1", "INTEGER: -3"), row("1.3.2", "Counter32: 7"), row("1.3.3", "STRING: \"two")];
        assert_eq!(differences(&mib, &right.into()), Vec::<String>::new());
        let wrong = [row("1.3.2", "Counter32: 8"), row("1.3.3", "STRING: \"two"), row("1.3.4", "INTEGER: 1")];
        let found = differences(&mib, &wrong.into());
        assert_eq!(found[0], "1.3.1 was not walked");
        assert!(found[1].starts_with("1.3.2 holds Counter32(7)"), "{found:?}");
        assert_eq!(found[2..], ["1.3.4 is too much"]);
    }
}
