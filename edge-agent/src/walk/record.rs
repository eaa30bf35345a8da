//! Walks a device and keeps what it says in the `.snmprec` format: sorted, each object once, values with their tags.
//!
//! Bounded in values, bytes of a string and time. A device that does not go upwards, or falls silent, ends the walk; what
//! came until then is kept, and why it ended is said.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::Instant;

use crate::snmp::limits::{STRING_BYTES_MAX, VALUES_MAX};
use crate::snmp::{Client, Oid, SnmpError, Value};

/// Values asked for in one packet at first.
const REPETITIONS: u32 = 20;
/// A whole device by GETNEXT over a slow link.
pub const TIME_MAX: Duration = Duration::from_secs(20 * 60);
/// What is walked: everything below iso.org.
const ROOT: &[u32] = &[1, 3];
const TOO_BIG: u32 = 1;

/// What a device said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// Tag and value.
    pub values: BTreeMap<Oid, (u8, Value)>,
    /// Strings that were cut.
    pub cut: usize,
}

/// Why a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The device said that there is nothing more.
    Complete,
    NotIncreasing(Oid),
    /// What follows cannot be read.
    Unreadable(Oid),
    Silent(Oid),
    TooMany,
    TooLong,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::NotIncreasing(oid) => write!(f, "ended at {oid}: the device does not go upwards from there"),
            Self::Unreadable(oid) => write!(f, "ended after {oid}: what follows cannot be read"),
            Self::Silent(oid) => write!(f, "ended after {oid}: the device fell silent"),
            Self::TooMany => write!(f, "ended at {VALUES_MAX} values"),
            Self::TooLong => write!(f, "ended after {} minutes", TIME_MAX.as_secs() / 60),
        }
    }
}

/// Walks a device; `progress` is called with the number of values after each packet. An error only if nothing came.
///
/// # Errors
/// When the device answers nothing.
pub async fn record(
    client: &mut Client,
    time_max: Duration,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<(Recording, Ended), SnmpError> {
    let begin = Instant::now();
    client.packets_max = 4 * VALUES_MAX as u64;
    let mut recording = Recording::default();
    let (mut at, mut repetitions, mut silent) = (Oid::new(ROOT), REPETITIONS, 0);
    loop {
        if begin.elapsed() >= time_max {
            return Ok((recording, Ended::TooLong));
        }
        match client.following(&at, repetitions).await {
            Ok(binds) => {
                silent = 0;
                if binds.is_empty() {
                    if repetitions == 1 {
                        return Ok((recording, Ended::Unreadable(at)));
                    }
                    repetitions = 1;
                }
                for bind in binds {
                    let Some(value) = bind.value else { return Ok((recording, Ended::Complete)) };
                    if bind.oid <= at {
                        return Ok((recording, Ended::NotIncreasing(bind.oid)));
                    }
                    if recording.values.len() >= VALUES_MAX {
                        return Ok((recording, Ended::TooMany));
                    }
                    at = bind.oid.clone();
                    recording.add(bind.oid, bind.tag, value);
                }
                progress(recording.values.len());
            }
            // v1 says so at the end.
            Err(SnmpError::Status { status, .. }) if status != TOO_BIG || repetitions == 1 => {
                return Ok((recording, Ended::Complete));
            }
            Err(SnmpError::Status { .. }) => repetitions /= 2,
            Err(SnmpError::NoAnswer | SnmpError::Unusable(_)) if silent < client.retries() + 3 => {
                silent += 1;
                repetitions = (repetitions / 2).max(1);
            }
            Err(error) if recording.values.is_empty() => return Err(error),
            Err(_) => return Ok((recording, Ended::Silent(at))),
        }
    }
}

impl Recording {
    pub(super) fn add(&mut self, oid: Oid, tag: u8, mut value: Value) {
        if let Value::Bytes(bytes) = &mut value
            && bytes.len() > STRING_BYTES_MAX
        {
            bytes.truncate(STRING_BYTES_MAX);
            self.cut += 1;
        }
        self.values.insert(oid, (tag, value));
    }

    /// The file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (oid, (tag, value)) in &self.values {
            let (hex, shown) = match value {
                Value::Integer(value) => (false, value.to_string()),
                Value::Unsigned(value) => (false, value.to_string()),
                Value::Ticks(value) => (false, value.to_string()),
                Value::Oid(oid) => (false, oid.to_string()),
                Value::Ip(octets) => (false, Ipv4Addr::from(*octets).to_string()),
                Value::Bytes(bytes) => octets(bytes),
            };
            text.push_str(&format!("{oid}|{tag}{}|{shown}\n", if hex { "x" } else { "" }));
        }
        text
    }
}

/// As it is, if it is plain text; else in hexadecimal.
fn octets(bytes: &[u8]) -> (bool, String) {
    let printable = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    let bare = bytes.first() != Some(&b' ') && bytes.last() != Some(&b' ');
    if printable && bare { (false, String::from_utf8_lossy(bytes).into_owned()) } else { (true, hex::encode(bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Table;
    use crate::walk::parse;

    fn sample() -> Table {
        parse(
            b"1.3.6.1.2.1.1.1.0|4|A printer\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.2435.1\n1.3.6.1.2.1.1.3.0|67|100\n\
              1.3.6.1.2.1.2.2.1.6.1|4x|0017c8b902de\n1.3.6.1.2.1.4.20.1.1.10.0.0.1|64|10.0.0.1\n\
              1.3.6.1.2.1.43.11.1.1.9.1.1|2|-3\n1.3.6.1.4.1.1.1.0|4|\n1.3.6.1.4.1.1.2.0|4x|2061\n\
              1.3.6.1.4.1.1.3.0|70|4294967296\n",
        )
        .unwrap()
    }

    #[tokio::test]
    async fn what_is_recorded_is_read_back_as_it_was() {
        let mut client = Client::recorded(sample());
        let (recording, ended) = record(&mut client, TIME_MAX, &mut |_| {}).await.unwrap();
        assert_eq!(ended, Ended::Complete);
        let text = recording.text();
        assert_eq!(parse(text.as_bytes()).unwrap(), sample());
        assert!(text.contains("1.3.6.1.4.1.1.2.0|4x|2061\n") && text.contains("1.3.6.1.2.1.1.1.0|4|A printer\n"));
        let mut lines: Vec<Oid> = text.lines().map(|line| line.split('|').next().unwrap().parse().unwrap()).collect();
        let sorted = lines.clone();
        lines.sort();
        assert_eq!(lines, sorted);
    }
}
