//! Finds the payloads that a store refuses, by halving. Pure: whoever owns it tries the ranges.

use std::ops::Range;

/// Starts from the knowledge that all of `0..count` together is refused.
#[derive(Debug)]
pub struct Bisect {
    todo: Vec<Range<usize>>,
    refused: Vec<usize>,
}

impl Bisect {
    pub fn new(count: usize) -> Self {
        let mut bisect = Self { todo: Vec::new(), refused: Vec::new() };
        bisect.split(0..count);
        bisect
    }

    /// The range to try next, or `None` when all is known.
    pub fn next(&self) -> Option<Range<usize>> {
        self.todo.last().cloned()
    }

    /// What came of trying [`Self::next`].
    pub fn report(&mut self, accepted: bool) {
        if let Some(range) = self.todo.pop()
            && !accepted
        {
            self.split(range);
        }
    }

    /// Those that are refused alone, in rising order.
    pub fn refused(mut self) -> Vec<usize> {
        self.refused.sort_unstable();
        self.refused
    }

    fn split(&mut self, range: Range<usize>) {
        match range.len() {
            0 => {}
            1 => self.refused.push(range.start),
            length => {
                let middle = range.start + length / 2;
                self.todo.push(middle..range.end);
                self.todo.push(range.start..middle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    proptest::proptest! {
        #[test]
        fn exactly_the_bad_ones_are_found_and_every_good_one_is_stored(bad in proptest::collection::btree_set(0_usize..50, 1..10), count in 50_usize..60) {
            let mut bisect = Bisect::new(count);
            let mut stored = BTreeSet::new();
            let mut tries = 0;
            while let Some(range) = bisect.next() {
                let accepted = range.clone().all(|at| !bad.contains(&at));
                if accepted {
                    stored.extend(range);
                }
                bisect.report(accepted);
                tries += 1;
            }
            let refused: BTreeSet<usize> = bisect.refused().into_iter().collect();
            proptest::prop_assert_eq!(&refused, &bad);
            proptest::prop_assert_eq!(stored.len() + bad.len(), count);
            proptest::prop_assert!(tries <= bad.len() * 2 * 7);
        }
    }

    #[test]
    fn if_all_are_accepted_one_by_one_none_is_blamed() {
        let mut bisect = Bisect::new(4);
        while bisect.next().is_some() {
            bisect.report(true);
        }
        assert!(bisect.refused().is_empty());
    }

    #[test]
    fn a_single_refused_payload_needs_no_further_try() {
        let bisect = Bisect::new(1);
        assert_eq!((bisect.next(), bisect.refused()), (None, vec![0]));
    }
}
