//! The arithmetic of the books: which seqs are accounted for, open, or lost. Pure.
//!
//! Every seq below the `oldest` that an agent states is found in `batches` or covered by a drop; else it is lost. Seqs from
//! `oldest` on are open: the agent still holds them, or the drop record that names them. An epoch that has ended holds nothing
//! any more once the next one has said what became of it.

/// First and last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub first: u64,
    pub last: u64,
}

impl Span {
    fn count(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// A set of seqs as spans that are sorted and neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seqs(Vec<Span>);

impl Seqs {
    /// From spans in any order, overlapping or not; empty ones (`first > last`) are left out.
    pub fn new(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().filter(|span| span.first <= span.last).collect();
        spans.sort_unstable();
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(before) if span.first <= before.last.saturating_add(1) => before.last = before.last.max(span.last),
                _ => merged.push(span),
            }
        }
        Self(merged)
    }

    /// All from `first` to `last`.
    pub fn between(first: u64, last: u64) -> Self {
        Self::new([Span { first, last }])
    }

    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, span| sum.saturating_add(span.count()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut taken = other.0.iter().peekable();
        for span in &self.0 {
            let mut first = Some(span.first);
            while let (Some(from), Some(hole)) = (first, taken.peek()) {
                if hole.last < from {
                    taken.next();
                    continue;
                }
                if hole.first > span.last {
                    break;
                }
                if hole.first > from {
                    left.push(Span { first: from, last: hole.first - 1 });
                }
                first = hole.last.checked_add(1).filter(|next| *next <= span.last);
            }
            if let Some(first) = first {
                left.push(Span { first, last: span.last });
            }
        }
        Self(left)
    }
}

/// What an agent says of one of its epochs; several statements are merged by their maxima, which is the strictest reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// Highest seq given, at least.
    pub taken: u64,
    /// Lowest seq still held, or given up under a drop record that is not settled.
    pub oldest: u64,
    /// A later epoch speaks of this one, and all that it has to say of it has arrived ([`told`]): nothing is held any more.
    pub ended: bool,
}

/// Whether an agent has said what became of its ended epochs, from the oldest seqs that its other epochs state. Drop records
/// about ended epochs keep the seqs of a new one unsettled from the first; before, what they will name is open and not lost.
pub fn told(oldest: impl IntoIterator<Item = u64>) -> bool {
    oldest.into_iter().all(|oldest| oldest > 1)
}

/// The books of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Found in `batches`.
    pub found: u64,
    /// Covered by a drop and not found: committed beats dropped.
    pub dropped: u64,
    /// Neither, and not held any more either.
    pub lost: Seqs,
    /// Still held by the agent, as far as it has said.
    pub open: u64,
    /// Found beyond the latest statement.
    pub beyond: u64,
}

/// Strikes the balance. Without a statement nothing is due.
pub fn balance(found: &Seqs, dropped: &Seqs, statement: Option<Statement>) -> Balance {
    let accounted = found.union(dropped);
    let (due, held, taken) = match statement {
        None => (Seqs::default(), Seqs::default(), 0),
        Some(Statement { taken, oldest, ended: true }) => {
            (Seqs::between(1, taken.max(oldest.saturating_sub(1))), Seqs::default(), taken)
        }
        Some(Statement { taken, oldest, ended: false }) => {
            (Seqs::between(1, oldest.saturating_sub(1)), Seqs::between(oldest.max(1), taken), taken)
        }
    };
    let up_to_taken = Seqs::between(1, taken);
    Balance {
        found: found.count(),
        dropped: dropped.minus(found).count(),
        lost: due.minus(&accounted),
        open: held.minus(&accounted).count(),
        beyond: if statement.is_some() { found.minus(&up_to_taken).count() } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn of(set: &BTreeSet<u64>) -> Seqs {
        Seqs::new(set.iter().map(|seq| Span { first: *seq, last: *seq }))
    }

    fn members(seqs: &Seqs) -> BTreeSet<u64> {
        seqs.spans().iter().flat_map(|span| span.first..=span.last).collect()
    }

    #[test]
    fn a_gap_below_the_stated_oldest_is_lost_and_above_it_open() {
        let found = Seqs::new([Span { first: 1, last: 4 }, Span { first: 6, last: 6 }]);
        let statement = Statement { taken: 9, oldest: 7, ended: false };
        let books = balance(&found, &Seqs::default(), Some(statement));
        assert_eq!((books.lost.spans(), books.open), ([Span { first: 5, last: 5 }].as_slice(), 3));
        let books = balance(&found, &Seqs::between(5, 5), Some(statement));
        assert_eq!((books.lost.is_empty(), books.dropped), (true, 1));
    }

    #[test]
    fn an_ended_epoch_holds_nothing() {
        let books =
            balance(&Seqs::between(1, 4), &Seqs::between(6, 9), Some(Statement { taken: 9, oldest: 5, ended: true }));
        assert_eq!((books.lost.spans(), books.open), ([Span { first: 5, last: 5 }].as_slice(), 0));
    }

    #[test]
    fn an_agent_has_said_all_of_its_ended_epochs_once_its_new_one_has_settled_its_first_payloads() {
        assert!(!told([1]) && !told([0]) && told([2]));
        assert!(!told([7, 1]), "a clone that began anew has not");
        assert!(told([]), "nobody is left to say anything");
    }

    #[test]
    fn committed_beats_dropped_and_statements_of_nonsense_do_not_overflow() {
        let books = balance(&Seqs::between(1, 5), &Seqs::between(4, 5), None);
        assert_eq!((books.dropped, books.lost.is_empty()), (0, true));
        let nonsense = Statement { taken: u64::MAX, oldest: u64::MAX, ended: false };
        let books = balance(&Seqs::between(1, 1), &Seqs::between(u64::MAX, u64::MAX), Some(nonsense));
        assert_eq!((books.lost.count(), books.open), (u64::MAX - 2, 0));
    }

    proptest::proptest! {
        #[test]
        fn spans_behave_like_sets(a in proptest::collection::btree_set(0_u64..60, 0..40), b in proptest::collection::btree_set(0_u64..60, 0..40)) {
            let minus = of(&a).minus(&of(&b));
            proptest::prop_assert_eq!(members(&minus), &a - &b);
            proptest::prop_assert_eq!(&minus, &Seqs::new(minus.spans().to_vec()), "sorted and merged");
            proptest::prop_assert_eq!(members(&of(&a).union(&of(&b))), &a | &b);
            proptest::prop_assert_eq!(of(&a).count(), a.len() as u64);
        }

        #[test]
        fn every_seq_that_was_taken_is_found_dropped_open_or_lost(
            found in proptest::collection::btree_set(1_u64..50, 0..50),
            dropped in proptest::collection::btree_set(1_u64..50, 0..20),
            taken in 0_u64..50,
            held in 0_u64..50,
            ended in proptest::bool::ANY,
        ) {
            let oldest = (taken + 1).saturating_sub(held).max(1);
            let books = balance(&of(&found), &of(&dropped), Some(Statement { taken, oldest, ended }));
            let accounted: BTreeSet<u64> = &found | &dropped;
            let due = if ended { taken + 1 } else { oldest };
            let lost: BTreeSet<u64> = (1..due).filter(|seq| !accounted.contains(seq)).collect();
            proptest::prop_assert_eq!(members(&books.lost), lost);
            let inside = accounted.iter().filter(|seq| **seq <= taken).count() as u64;
            proptest::prop_assert_eq!(inside + books.open + books.lost.count(), taken);
            proptest::prop_assert_eq!(books.beyond, found.iter().filter(|seq| **seq > taken).count() as u64);
            proptest::prop_assert_eq!(books.found + books.dropped, accounted.len() as u64);
        }
    }
}
