//! How many of the partitions are a worker's share. Pure; the shares of all members add up to all partitions.

use std::collections::BTreeSet;

use schemas::id::Partition;
use schemas::limits::PARTITIONS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// How many.
    pub(super) partitions: usize,
    /// Where to look for free ones first: workers that look elsewhere do not meet.
    first: u16,
}

impl Share {
    /// All partitions, in the order in which this worker looks at them.
    pub(super) fn preferred(self) -> impl Iterator<Item = Partition> {
        let first = usize::from(self.first);
        Partition::all().skip(first).chain(Partition::all().take(first))
    }
}

/// The share of `me` among `members`; whoever is not among them has one all the same.
pub(super) fn of(me: &str, members: &BTreeSet<String>) -> Share {
    let all = usize::from(PARTITIONS);
    let before = members.iter().filter(|member| member.as_str() < me).count();
    let count = members.len() + usize::from(!members.contains(me));
    let partitions = all / count + usize::from(before < all % count);
    let first = before * all / count;
    Share { partitions, first: u16::try_from(first).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_differ_by_one_at_most_and_cover_everything() {
        for count in 1..=70 {
            let members: BTreeSet<String> = (0..count).map(|n| format!("service.ingest{n}")).collect();
            let shares: Vec<usize> = members.iter().map(|me| of(me, &members).partitions).collect();
            assert_eq!(shares.iter().sum::<usize>(), usize::from(PARTITIONS));
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }

    #[test]
    fn every_worker_looks_at_all_partitions_and_begins_at_its_own_place() {
        let members: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
        let firsts: Vec<u16> = members.iter().map(|me| of(me, &members).preferred().next().unwrap().number()).collect();
        assert_eq!(firsts, [0, 32]);
        let seen: BTreeSet<Partition> = of("b", &members).preferred().collect();
        assert_eq!(seen.len(), usize::from(PARTITIONS));
    }
}
