//! Ids that were seen lately: a payload that is known to be settled is acknowledged without an insert. Pure.
//!
//! An id becomes *settled* only once it is committed. Forgetting costs a repeated insert, which changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use schemas::id::{AgentCn, PayloadId};

/// One payload of one agent: the same bytes on another agent's topic are another matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u128);

impl Key {
    pub fn new(cn: &AgentCn, id: PayloadId) -> Self {
        Self(digest(cn, [id.0.as_slice()]))
    }

    /// 32 hexadecimal digits, the key in a shared cache.
    pub fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    New,
    /// Taken by this worker and not settled yet: it is acknowledged with the group that holds it.
    InFlight,
    Settled,
}

/// What one worker remembers. Ordered maps, so that two workers which remember the same are equal to a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recent {
    settled: Generations<Key, ()>,
    /// Which payload took a place in the books, to notice a second one.
    places: Generations<u128, PayloadId>,
    /// Bounded by what the pipeline holds.
    in_flight: BTreeSet<Key>,
}

impl Recent {
    /// Remembers at least `capacity / 2` and at most `capacity` ids.
    pub fn new(capacity: usize) -> Self {
        Self { settled: Generations::new(capacity), places: Generations::new(capacity), in_flight: BTreeSet::new() }
    }

    pub fn seen(&mut self, key: Key) -> Seen {
        if self.in_flight.contains(&key) {
            Seen::InFlight
        } else if self.settled.get(&key).is_some() {
            Seen::Settled
        } else {
            Seen::New
        }
    }

    /// A new payload goes into a group. Answers the other payload that had this place in the books, if there is one.
    pub fn take(&mut self, cn: &AgentCn, epoch: u64, seq: u64, id: PayloadId) -> Option<PayloadId> {
        self.in_flight.insert(Key::new(cn, id));
        self.place(cn, epoch, seq, id)
    }

    /// A payload is settled.
    pub fn settle(&mut self, key: Key) {
        self.in_flight.remove(&key);
        self.settled.insert(key, ());
    }

    /// A payload that `batches` held at the start.
    pub fn warm(&mut self, cn: &AgentCn, epoch: u64, seq: u64, id: PayloadId) {
        self.settled.insert(Key::new(cn, id), ());
        self.place(cn, epoch, seq, id);
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    fn place(&mut self, cn: &AgentCn, epoch: u64, seq: u64, id: PayloadId) -> Option<PayloadId> {
        if seq == 0 {
            // The header could not be read: it claims no place.
            return None;
        }
        let place = digest(cn, [epoch.to_le_bytes().as_slice(), &seq.to_le_bytes()]);
        let other = self.places.get(&place).filter(|other| *other != id);
        self.places.insert(place, id);
        other
    }
}

fn digest<const N: usize>(cn: &AgentCn, parts: [&[u8]; N]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(cn.as_str().as_bytes());
    // No CN has a zero byte, so that no two lists of parts run together.
    hasher.update(&[0]);
    for part in parts {
        hasher.update(part);
    }
    let mut head = [0; 16];
    head.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(head)
}

/// A map that forgets the half that was not used for longest, whole generations at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Generations<K, V> {
    half: usize,
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
}

impl<K: Copy + Ord, V: Copy> Generations<K, V> {
    fn new(capacity: usize) -> Self {
        Self { half: (capacity / 2).max(1), young: BTreeMap::new(), old: BTreeMap::new() }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let value = self.old.remove(key)?;
        self.insert(*key, value);
        Some(value)
    }

    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cn() -> AgentCn {
        "acme.one".parse().unwrap()
    }

    fn id(n: u8) -> PayloadId {
        PayloadId([n; 16])
    }

    #[test]
    fn an_id_is_settled_only_after_it_was_said_to_be() {
        let mut recent = Recent::new(100);
        let key = Key::new(&cn(), id(1));
        assert_eq!(recent.seen(key), Seen::New);
        recent.take(&cn(), 1, 1, id(1));
        assert_eq!(recent.seen(key), Seen::InFlight);
        recent.settle(key);
        assert_eq!(recent.seen(key), Seen::Settled);
        assert_eq!(recent.seen(Key::new(&"acme.two".parse().unwrap(), id(1))), Seen::New, "another agent's");
    }

    #[test]
    fn a_second_payload_for_one_place_in_the_books_is_noticed_and_a_repeat_is_not() {
        let mut recent = Recent::new(100);
        recent.warm(&cn(), 1, 5, id(1));
        assert_eq!(recent.take(&cn(), 1, 5, id(1)), None);
        assert_eq!(recent.take(&cn(), 1, 5, id(2)), Some(id(1)));
        assert_eq!(recent.take(&cn(), 2, 5, id(3)), None, "another epoch");
        assert_eq!(
            (recent.take(&cn(), 0, 0, id(4)), recent.take(&cn(), 0, 0, id(5))),
            (None, None),
            "unreadable headers"
        );
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_is_forgotten_last() {
        let mut recent = Recent::new(10);
        let asked = Key::new(&cn(), id(0));
        recent.settle(asked);
        for n in 1..200 {
            recent.settle(Key::new(&cn(), id(n)));
            assert_eq!(recent.seen(asked), Seen::Settled);
            assert!(recent.settled.young.len() + recent.settled.old.len() <= 10);
        }
        assert_eq!(recent.seen(Key::new(&cn(), id(100))), Seen::New);
    }
}
