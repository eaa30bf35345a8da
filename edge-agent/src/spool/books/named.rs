//! Where the drop records are that the cloud may not have yet: unfrozen, or in payloads that are held. Pure.
//!
//! A seq that was given up is accounted for once its drop record is settled, not before: until then it counts as unsettled,
//! so that whoever finds this spool lost or damaged names it again.

use std::collections::{BTreeMap, VecDeque};

use schemas::wire::Drop;
use serde::{Deserialize, Serialize};

use super::{Held, Pending};

/// Entries kept; further ones are joined with the earliest, which are then settled later than need be.
const CARRIED_MAX: usize = 32;

/// Payloads that carry drop records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// First and last seq of the payloads.
    first: u64,
    last: u64,
    /// Lowest seq that their drop records name.
    from: u64,
}

/// Drop records that are not settled.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Unfrozen: the key of the entry, and the lowest seq that it names.
    unfrozen: BTreeMap<u64, u64>,
    carried: Vec<Carried>,
}

/// The lowest seq of `epoch` that waits for a drop record. What one says of an earlier epoch keeps all of this one open, so
/// that nobody takes the earlier one for settled either.
fn lowest(drop: &Drop, epoch: u64) -> u64 {
    if drop.epoch == epoch { drop.from } else { 1 }
}

impl Named {
    pub fn load(epoch: u64, pending: &VecDeque<Pending>, carried: &[Carried]) -> Self {
        let mut named = Self { unfrozen: BTreeMap::new(), carried: carried.to_vec() };
        pending.iter().for_each(|pending| named.add(epoch, pending));
        named
    }

    /// An entry is kept.
    pub fn add(&mut self, epoch: u64, pending: &Pending) {
        if let Some(drop) = &pending.drop {
            self.unfrozen.insert(pending.key, lowest(drop, epoch));
        }
    }

    /// An entry is gone: frozen, or given up.
    pub fn remove(&mut self, key: u64) {
        self.unfrozen.remove(&key);
    }

    /// The lowest seq that entries up to this key name.
    pub fn up_to(&self, key: u64) -> Option<u64> {
        self.unfrozen.range(..=key).map(|(_, from)| *from).min()
    }

    /// The payload `seq` carries drop records; `from` is the lowest seq that they name.
    pub fn carry(&mut self, seq: u64, from: u64) {
        self.carried.push(Carried { first: seq, last: seq, from });
        if self.carried.len() > CARRIED_MAX {
            let next = self.carried.remove(1);
            if let Some(earliest) = self.carried.first_mut() {
                earliest.last = next.last;
                earliest.from = earliest.from.min(next.from);
            }
        }
    }

    /// The lowest seq that the payload `seq` may name.
    pub fn by(&self, seq: u64) -> Option<u64> {
        let carriers = self.carried.iter().filter(|carried| (carried.first..=carried.last).contains(&seq));
        carriers.map(|carried| carried.from).min()
    }

    /// Forgets what is settled; what is left, to be kept with the books.
    pub fn carried(&mut self, held: &BTreeMap<u64, Held>) -> Vec<Carried> {
        self.carried.retain(|carried| is_held(held, *carried));
        self.carried.clone()
    }

    /// The lowest seq that is named and not settled.
    pub fn lowest(&self, held: &BTreeMap<u64, Held>) -> Option<u64> {
        let carried = self.carried.iter().filter(|carried| is_held(held, **carried)).map(|carried| carried.from);
        carried.chain(self.unfrozen.values().copied()).min()
    }
}

fn is_held(held: &BTreeMap<u64, Held>, Carried { first, last, .. }: Carried) -> bool {
    held.range(first..=last).next().is_some()
}

#[cfg(test)]
mod tests {
    use schemas::id::PayloadId;

    use super::*;

    fn held(seqs: &[u64]) -> BTreeMap<u64, Held> {
        seqs.iter().map(|seq| (*seq, Held { id: PayloadId([0; 16]), polls: 0, bytes: 0, closed_ms: 0 })).collect()
    }

    #[test]
    fn what_a_payload_names_is_unsettled_until_it_is_settled() {
        let mut named = Named::default();
        named.carry(9, 3);
        named.carry(12, 6);
        assert_eq!(named.lowest(&held(&[9, 12])), Some(3));
        assert_eq!(named.lowest(&held(&[12])), Some(6));
        assert_eq!(named.carried(&held(&[7, 8])), []);
        assert_eq!(named.lowest(&held(&[9])), None, "forgotten once it was settled");
    }

    #[test]
    fn of_very_many_payloads_with_drop_records_the_earliest_are_settled_together() {
        let mut named = Named::default();
        for seq in 1..=100 {
            named.carry(seq * 10, seq * 10 - 9);
        }
        assert_eq!(named.carried.len(), CARRIED_MAX);
        let all: Vec<u64> = (1..=100).map(|seq| seq * 10).collect();
        assert_eq!(named.lowest(&held(&all)), Some(1));
        assert_eq!(named.lowest(&held(&[300])), Some(1), "said too early rather than too late");
        assert_eq!(named.lowest(&held(&[1_000])), Some(991));
    }
}
