//! The devices that the agent knows: what discovery found, and what became of it. Pure; the spool keeps it.
//!
//! One device is one entry, at however many addresses it answers: it is polled at one, and followed to another when it
//! falls silent there (a move). Another device at a known address (a swap) takes over the entry.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use schemas::device::{Basis, DeviceKey, key};
use schemas::wire::{Device, Outcome};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::discover::Found;
use crate::poll::pace::Pace;
use crate::poll::schedule::POLL_GAP_MIN;
use crate::poll::{At, Known};
use crate::roster::Roster;
use crate::snmp::credential::community_name;
use crate::spool::given::device_key;
use crate::spool::layout::{decode, encode};
use crate::time::Boot;
use crate::traffic::Spending;

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
    /// A trap came, or it was seen at another address: it is polled out of turn.
    pub hinted: bool,
    pub pace: Pace,
    pub spending: Spending,
    saved: Vec<u8>,
    /// The identity of `known`, which is dear to work out: for finding one device among all.
    identity: DeviceKey,
}

impl Entry {
    fn new(known: Known, last: Option<Duration>, outcome: Option<u8>, saved: Vec<u8>) -> Self {
        let (pace, spending) = (Pace::read_at(last), Spending::default());
        let identity = key(&known.device);
        Self { known, last, outcome, busy: false, hinted: false, pace, spending, saved, identity }
    }

    /// It was polled then, before this process began.
    pub fn resume(&mut self, last: Option<Duration>) {
        (self.last, self.pace) = (last, Pace::read_at(last));
    }

    /// Whether it asks for a poll out of turn. Silence is no reason to ask again.
    pub fn wanted(&self) -> bool {
        self.hinted || (self.known.wanted() && self.outcome == Some(Outcome::Changed as u8))
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
    /// Second addresses of known devices, with the place of the device; they need no first read.
    second: BTreeMap<(IpAddr, u16), (At, usize)>,
    /// Keys of devices that another one replaced, and where they were.
    replaced: BTreeMap<String, IpAddr>,
    /// Keys in the spool under which nothing is any more.
    gone: BTreeSet<u64>,
}

/// A device is known to have gone from one address to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub from: IpAddr,
    pub to: IpAddr,
}

/// Replaced devices that are remembered, so that finding them elsewhere is a move.
const REPLACED_MAX: usize = 1_000;

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
            inventory.push(Entry::new(known, None, None, bytes));
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
        first.chain(self.second.keys().map(|(address, _)| *address)).collect()
    }

    /// Whether what was found has to be read for the first time.
    pub fn is_news(&self, found: &Found) -> bool {
        let at = (found.at.address, found.at.port);
        !self.second.contains_key(&at)
            && !self.entries.values().any(|entry| (entry.known.at.address, entry.known.at.port) == at)
    }

    /// Takes in a device that was read for the first time. Returns its place unless it is refused or a second address.
    pub fn adopt(&mut self, known: Known, now: Duration) -> (Adopted, Option<usize>) {
        let identity = key(&known.device);
        let same = (identity.basis != Basis::None)
            .then(|| self.entries.iter().find(|(_, entry)| entry.identity.text == identity.text))
            .flatten()
            .map(|(place, _)| *place);
        if let Some(place) = same
            && let Some(entry) = self.entries.get_mut(&place)
        {
            let silent =
                entry.outcome.is_none_or(|outcome| !Outcome::has_values(outcome)) && entry.known.at != known.at;
            if !silent {
                // Whether it still answers at its first address is asked at once: if not, it has moved.
                entry.hinted |= entry.known.at != known.at;
                self.second.insert((known.at.address, known.at.port), (known.at, place));
                return (Adopted::Second, None);
            }
            let from = entry.known.at.address;
            (entry.known, entry.outcome, entry.identity) = (known, Some(Outcome::Complete as u8), identity);
            entry.resume(Some(now));
            return (Adopted::Moved(from), Some(place));
        }
        if self.entries.len() >= DEVICES_MAX {
            return (Adopted::Refused, None);
        }
        let outcome = Some(Outcome::Complete as u8);
        let from = self.replaced.remove(&identity.text).filter(|_| identity.basis != Basis::None);
        let place = self.push(Entry::new(known, Some(now), outcome, Vec::new()));
        (from.map_or(Adopted::New, Adopted::Moved), Some(place))
    }

    /// Takes in what a poll of a known device left. A device that fell silent is followed to its second address.
    pub fn polled(&mut self, place: usize, known: Known, outcome: u8) -> Option<Move> {
        let entry = self.entries.get_mut(&place)?;
        let after = key(&known.device);
        let before = std::mem::replace(&mut entry.identity, after.clone());
        let from = entry.known.at.address;
        if device_key(&entry.known.device) != device_key(&known.device) {
            self.gone.insert(device_key(&entry.known.device));
            entry.pace.forget();
        }
        (entry.known, entry.outcome, entry.busy) = (known, Some(outcome), false);
        let changed = before.text != after.text;
        if changed && before.basis != Basis::None && self.replaced.len() < REPLACED_MAX {
            self.replaced.insert(before.text, from);
            self.second.retain(|_, (_, of)| *of != place);
        }
        if after.basis != Basis::None {
            self.replaced.remove(&after.text);
            // Two entries become one device only with a change: adopting and loading keep them apart.
            if let Some(moved) = changed.then(|| self.merged(place, &after.text)).flatten() {
                return Some(moved);
            }
        }
        if Outcome::has_values(outcome) || outcome == Outcome::Changed as u8 {
            return None;
        }
        let (name, at) =
            self.second.iter().find(|(_, (_, of))| *of == place).map(|(name, (at, _))| (*name, at.clone()))?;
        self.second.remove(&name);
        let entry = self.entries.get_mut(&place)?;
        let to = at.address;
        (entry.known.at, entry.hinted) = (at, true);
        Some(Move { from, to })
    }

    /// Two entries turned out to be one device, after a swap: the one that answered last stays.
    fn merged(&mut self, place: usize, text: &str) -> Option<Move> {
        let other = self.entries.iter().find(|(at, entry)| **at != place && entry.identity.text == text);
        let (other, from) = other.map(|(at, entry)| (*at, entry.known.at.address))?;
        self.entries.remove(&other);
        self.second.retain(|_, (_, of)| *of != other);
        let to = self.entries.get(&place)?.known.at.address;
        Some(Move { from, to })
    }

    /// A trap came from this address. Says whether a device there is now polled out of turn.
    pub fn hint(&mut self, address: IpAddr) -> bool {
        let place = self.second.iter().find(|((second, _), _)| *second == address).map(|(_, (_, place))| *place);
        let mut known = false;
        for (at, entry) in &mut self.entries {
            if entry.known.at.address == address || Some(*at) == place {
                (entry.hinted, known) = (true, true);
                entry.pace.stirs();
            }
        }
        known
    }

    /// The devices by address, for commands beside the running agent.
    pub fn roster(&self) -> Roster {
        let mut roster = Roster::default();
        for entry in self.entries.values() {
            let identity = &entry.identity;
            if identity.basis != Basis::None {
                roster.add(SocketAddr::new(entry.known.at.address, entry.known.at.port), &identity.text);
            }
        }
        roster
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
        for key in std::mem::take(&mut self.gone) {
            if !self.entries.values().any(|entry| device_key(&entry.known.device) == key) {
                changes.push((key, None));
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

/// The name of a credential. Inventories of earlier versions hold the place in `snmp.communities`, counted from 0.
///
/// # Errors
/// For anything but a text or a number.
pub fn credential_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Name;
    impl Visitor<'_> for Name {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the name of a credential")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E: de::Error>(self, place: u64) -> Result<String, E> {
            Ok(community_name(usize::try_from(place).unwrap_or(0).saturating_add(1)))
        }
    }
    deserializer.deserialize_any(Name)
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
