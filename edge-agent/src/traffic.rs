//! What each device cost so far, in a file for `edge-agent devices`, which runs beside the agent: addresses and numbers, no
//! reading.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::spool::counters::replace;
use crate::taken::Cost;

/// A larger file is not ours.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What polls of one device cost since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    pub polls: u64,
    pub lan: Cost,
    /// Bytes of its records before they were packed into payloads.
    pub plain_bytes: u64,
}

impl Spending {
    pub fn add(&mut self, lan: Cost, plain_bytes: u64) {
        self.polls += 1;
        self.lan += lan;
        self.plain_bytes += plain_bytes;
    }
}

/// One device, as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    pub polls: u64,
    pub lan_packets: u64,
    pub lan_bytes: u64,
    /// Its share of the payload bytes and payloads that were published, by the size of its records: payloads are packed
    /// from many devices.
    pub upstream_bytes: u64,
    pub upstream_payloads: u64,
    /// `usual`, `alert` or `supply` (read more often), `quiet` (less often).
    pub pace: String,
}

/// All devices, by address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Unix seconds by the server's time as far as it is known: since when is counted, and until when.
    pub since: i64,
    pub written_at: i64,
    pub devices: BTreeMap<SocketAddr, Line>,
}

impl Traffic {
    /// `published` = payload bytes and payloads of all devices together.
    pub fn of(devices: Vec<(SocketAddr, Spending, &'static str)>, published: (u64, u64)) -> Self {
        let all: u128 = devices.iter().map(|(_, spending, _)| u128::from(spending.plain_bytes)).sum();
        let line = |spending: &Spending, pace: &str| {
            // Rounded down: no device is charged for what nobody sent.
            let share = |of: u64| u128::from(of) * u128::from(spending.plain_bytes) / all.max(1);
            Line {
                polls: spending.polls,
                lan_packets: spending.lan.packets,
                lan_bytes: spending.lan.bytes,
                upstream_bytes: u64::try_from(share(published.0)).unwrap_or(u64::MAX),
                upstream_payloads: u64::try_from(share(published.1)).unwrap_or(u64::MAX),
                pace: pace.to_owned(),
            }
        };
        let devices = devices.iter().map(|(address, spending, pace)| (*address, line(spending, pace))).collect();
        Self { devices, ..Self::default() }
    }

    /// # Errors
    /// When there is no file, or it is not one of ours.
    pub fn read(dir: &Path) -> std::io::Result<Self> {
        let path = path(dir);
        if std::fs::metadata(&path)?.len() > BYTES_MAX {
            return Err(std::io::Error::other("too large"));
        }
        Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
    }

    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        replace(&path(dir), serde_json::to_string(self)?.as_bytes())
    }
}

/// Where the file lies.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("traffic.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spending(plain_bytes: u64) -> Spending {
        Spending { polls: 2, lan: Cost { packets: 4, bytes: 900 }, plain_bytes }
    }

    #[test]
    fn what_was_published_is_shared_by_the_size_of_the_records_and_never_more_than_all() {
        let at = |last: u8| SocketAddr::from(([192, 0, 2, last], 161));
        let devices =
            vec![(at(1), spending(300), "usual"), (at(2), spending(100), "quiet"), (at(3), spending(0), "usual")];
        let traffic = Traffic::of(devices, (1_001, 4));
        let bytes: Vec<u64> = traffic.devices.values().map(|line| line.upstream_bytes).collect();
        assert_eq!(bytes, [750, 250, 0]);
        assert_eq!((traffic.devices[&at(1)].lan_packets, traffic.devices[&at(2)].pace.as_str()), (4, "quiet"));
    }

    #[test]
    fn before_anything_was_polled_there_is_nothing_to_share() {
        let at = SocketAddr::from(([192, 0, 2, 1], 161));
        let traffic = Traffic::of(vec![(at, Spending::default(), "usual")], (1_000, 1));
        assert_eq!(traffic.devices[&at].upstream_bytes, 0);
    }

    #[test]
    fn the_file_says_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let at = SocketAddr::from(([192, 0, 2, 1], 161));
        let traffic = Traffic { since: 5, written_at: 9, ..Traffic::of(vec![(at, spending(5), "alert")], (7, 1)) };
        traffic.write(dir.path()).unwrap();
        assert_eq!(Traffic::read(dir.path()).unwrap(), traffic);
    }
}
