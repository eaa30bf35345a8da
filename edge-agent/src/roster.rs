//! Which devices the running agent polls, in a file for commands that run beside it: addresses, and the hash of each
//! device's key. No serial number, no name and no reading is in it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::spool::counters::replace;

/// A larger file is not ours.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Devices by address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster(BTreeMap<SocketAddr, String>);

impl Roster {
    pub fn add(&mut self, address: SocketAddr, key: &str) {
        self.0.insert(address, hash(key));
    }

    /// Another address at which the device with this key is polled.
    pub fn elsewhere(&self, key: &str, address: SocketAddr) -> Option<SocketAddr> {
        let wanted = hash(key);
        let at_home = self.0.get(&address) == Some(&wanted);
        let other = || self.0.iter().find(|(_, known)| **known == wanted).map(|(address, _)| *address);
        if key.is_empty() || at_home { None } else { other() }
    }

    /// Empty if there is no file, or none that can be read.
    pub fn read(dir: &Path) -> Self {
        let path = path(dir);
        let small = std::fs::metadata(&path).is_ok_and(|meta| meta.len() <= BYTES_MAX);
        let text = if small { std::fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        replace(&path(dir), serde_json::to_string(self)?.as_bytes())
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("devices.json")
}

fn hash(key: &str) -> String {
    blake3::hash(key.as_bytes()).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_at_its_other_address_and_its_serial_is_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second]: [SocketAddr; 2] = [([192, 0, 2, 1], 161).into(), ([192, 0, 2, 2], 161).into()];
        let mut roster = Roster::default();
        roster.add(first, "brother:U64641E7J134163");
        roster.write(folder.path()).unwrap();
        let read = Roster::read(folder.path());
        assert_eq!(read.elsewhere("brother:U64641E7J134163", second), Some(first));
        assert_eq!(read.elsewhere("brother:U64641E7J134163", first), None);
        assert_eq!(read.elsewhere("brother:OTHER123", second), None);
        let text = std::fs::read_to_string(folder.path().join("devices.json")).unwrap();
        assert!(!text.contains("U64641E7J134163"), "{text}");
        assert_eq!(Roster::read(Path::new("/no/such")), Roster::default());
    }
}
