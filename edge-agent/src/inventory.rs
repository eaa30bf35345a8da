//! The devices that the agent knows: what discovery found, and what became of it. Pure; the spool keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use schemas::device::{Basis, key};
use schemas::wire::{Device, Outcome};
use serde::{Deserialize, Serialize};

use crate::discover::Found;
use crate::poll::schedule::POLL_GAP_MIN;
use crate::poll::{At, Known};
use crate::spool::given::device_key;
use crate::spool::layout::{decode, encode};
use crate::time::Boot;

/// Devices polled by one agent.
pub const DEVICES_MAX: usize = 10_000;

/// A device and when it was last polled.
#[derive(Debug, Clone)]
pub struct Entry {
    pub known: Known,
    /// On the steady clock of this boot.
    pub last: Option<Duration>,
    /// Outcome of the last poll in this process.
    pub outcome: Option<u8>,
    /// A poll of it is under way.
    pub busy: bool,
    saved: Vec<u8>,
}

impl Entry {
    /// Whether it asks for a poll out of turn. Silence is no reason to ask again.
    pub fn wanted(&self) -> bool {
        self.known.wanted() && self.outcome == Some(Outcome::Changed as u8)
    }
}

/// How an entry lies in the spool.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    boot: Boot,
    known: Known,
}

/// What a first read of a found address meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    New,
    /// A known device answers here and no longer at its old address.
    Moved(IpAddr),
    /// A known device has a second address; it is polled at the first.
    Second,
    /// There are too many devices already.
    Refused,
}

/// All devices by place in this table.
#[derive(Debug, Default)]
pub struct Inventory {
    entries: BTreeMap<usize, Entry>,
    next: usize,
    /// Addresses that need no first read: second addresses of known devices.
    second: BTreeSet<(IpAddr, u16)>,
}

impl Inventory {
    /// Reads what was kept. Moments of another boot mean nothing in this one.
    pub fn load(saved: Vec<Vec<u8>>, boot: Boot) -> Self {
        let mut inventory = Self::default();
        for bytes in saved {
            let Some(saved) = decode::<Saved>(&bytes) else { continue };
            let mut known = saved.known;
            if saved.boot != boot {
                known.last_full = None;
            }
            inventory.push(Entry { known, last: None, outcome: None, busy: false, saved: bytes });
        }
        inventory
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get_mut(&mut self, place: usize) -> Option<&mut Entry> {
        self.entries.get_mut(&place)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Entry)> {
        self.entries.iter_mut().map(|(place, entry)| (*place, entry))
    }

    pub fn devices(&self) -> Vec<Device> {
        self.entries.values().map(|entry| entry.known.device.clone()).collect()
    }

    /// When the next device asks to be polled out of turn: the last poll met another device, which is to be read at once.
    pub fn next_wanted(&self) -> Option<Duration> {
        let wanting = self.entries.values().filter(|entry| !entry.busy && entry.wanted());
        wanting.map(|entry| entry.last.map_or(Duration::ZERO, |last| last + POLL_GAP_MIN)).min()
    }

    /// Addresses at which something answers.
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        let first = self.entries.values().map(|entry| entry.known.at.address);
        first.chain(self.second.iter().map(|(address, _)| *address)).collect()
    }

    /// Whether what was found has to be read for the first time.
    pub fn is_news(&self, found: &Found) -> bool {
        let at = (found.at.address, found.at.port);
        !self.second.contains(&at)
            && !self.entries.values().any(|entry| (entry.known.at.address, entry.known.at.port) == at)
    }

    /// Takes in a device that was read for the first time. Returns its place unless it is refused or a second address.
    pub fn adopt(&mut self, known: Known, now: Duration) -> (Adopted, Option<usize>) {
        let identity = key(&known.device);
        let same = (identity.basis != Basis::None)
            .then(|| self.entries.iter().find(|(_, entry)| key(&entry.known.device).text == identity.text))
            .flatten()
            .map(|(place, _)| *place);
        if let Some(place) = same
            && let Some(entry) = self.entries.get_mut(&place)
        {
            let silent =
                entry.outcome.is_none_or(|outcome| !Outcome::has_values(outcome)) && entry.known.at != known.at;
            if !silent {
                self.second.insert((known.at.address, known.at.port));
                return (Adopted::Second, None);
            }
            let from = entry.known.at.address;
            (entry.known, entry.last, entry.outcome) = (known, Some(now), Some(Outcome::Complete as u8));
            return (Adopted::Moved(from), Some(place));
        }
        if self.entries.len() >= DEVICES_MAX {
            return (Adopted::Refused, None);
        }
        let outcome = Some(Outcome::Complete as u8);
        let place = self.push(Entry { known, last: Some(now), outcome, busy: false, saved: Vec::new() });
        (Adopted::New, Some(place))
    }

    /// Forgets second addresses, so that a sweep looks at them anew.
    pub fn forget_second(&mut self) {
        self.second.clear();
    }

    /// Removes devices that the configuration does not include any more. Returns the keys to forget.
    pub fn retain(&mut self, keep: impl Fn(&At) -> bool) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut gone = Vec::new();
        self.entries.retain(|_, entry| {
            let stays = keep(&entry.known.at);
            if !stays {
                gone.push((device_key(&entry.known.device), None));
            }
            stays
        });
        gone
    }

    /// What changed since it was last asked, for the spool to keep.
    pub fn changes(&mut self, boot: Boot) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut changes = Vec::new();
        for entry in self.entries.values_mut() {
            let bytes = encode(&Saved { boot, known: entry.known.clone() });
            if bytes != entry.saved {
                changes.push((device_key(&entry.known.device), Some(bytes.clone())));
                entry.saved = bytes;
            }
        }
        changes
    }

    fn push(&mut self, entry: Entry) -> usize {
        let place = self.next;
        self.next += 1;
        self.entries.insert(place, entry);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::plan::Plan;
    use crate::snmp::config::Version;

    const NOW: Duration = Duration::from_secs(3_600);

    fn known(address: &str, serial: &str) -> Known {
        Known {
            at: At { address: address.parse().unwrap(), port: 161, version: Version::V2c, community: 0 },
            device: Device { enterprise: Some(1347), serial: serial.into(), ..Device::default() },
            object_id: String::new(),
            plan: Plan::default(),
            identity: String::new(),
            packet_oids: 10,
            bulk: true,
            last_full: Some(NOW),
            full_wanted: false,
            config_changes: None,
            alerts: Vec::new(),
            open: Vec::new(),
            contradictions: Vec::new(),
        }
    }

    #[test]
    fn a_device_that_answers_at_two_addresses_is_polled_at_the_first() {
        let mut inventory = Inventory::default();
        assert_eq!(inventory.adopt(known("192.0.2.1", "ABC12345"), NOW).0, Adopted::New);
        assert_eq!(inventory.adopt(known("192.0.2.2", "ABC12345"), NOW).0, Adopted::Second);
        assert_eq!(inventory.adopt(known("192.0.2.3", "XYZ98765"), NOW).0, Adopted::New);
        assert_eq!((inventory.len(), inventory.addresses().len()), (2, 3));
    }

    #[test]
    fn a_silent_device_that_answers_elsewhere_has_moved() {
        let mut inventory = Inventory::default();
        let (_, place) = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW);
        inventory.get_mut(place.unwrap()).unwrap().outcome = Some(Outcome::NoAnswer as u8);
        let (adopted, moved) = inventory.adopt(known("192.0.2.2", "ABC12345"), NOW);
        assert_eq!((adopted, moved), (Adopted::Moved("192.0.2.1".parse().unwrap()), place));
        assert_eq!(inventory.len(), 1);
    }

    #[test]
    fn only_what_changed_is_kept_again_and_another_boot_reads_in_full() {
        let mut inventory = Inventory::default();
        inventory.adopt(known("192.0.2.1", "ABC12345"), NOW);
        let saved: Vec<Vec<u8>> = inventory.changes(Boot(1)).into_iter().filter_map(|(_, bytes)| bytes).collect();
        assert_eq!(saved.len(), 1);
        assert!(inventory.changes(Boot(1)).is_empty());
        let mut same = Inventory::load(saved.clone(), Boot(1));
        assert!(same.changes(Boot(1)).is_empty());
        assert_eq!(same.get_mut(0).unwrap().known, known("192.0.2.1", "ABC12345"));
        assert_eq!(Inventory::load(saved, Boot(2)).get_mut(0).unwrap().known.last_full, None);
    }

    #[test]
    fn only_a_device_that_was_replaced_is_wanted_out_of_turn() {
        let mut inventory = Inventory::default();
        let (_, place) = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW);
        let entry = inventory.get_mut(place.unwrap()).unwrap();
        (entry.known.last_full, entry.outcome) = (None, Some(Outcome::NoAnswer as u8));
        assert_eq!(inventory.next_wanted(), None);
        inventory.get_mut(place.unwrap()).unwrap().outcome = Some(Outcome::Changed as u8);
        assert_eq!(inventory.next_wanted(), Some(NOW + POLL_GAP_MIN));
    }
}
