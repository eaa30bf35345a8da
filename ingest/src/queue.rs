//! What waits for a group, fairly by agent: deficit round robin over payload bytes. Pure.
//!
//! An agent that sends a month at once gets its turn as often as one that sends a single payload, so that backlogs drain
//! without delaying anybody's fresh data. The payloads of one agent keep their order.

use std::collections::{BTreeMap, VecDeque};

use schemas::id::AgentCn;
use schemas::limits::PAYLOAD_BYTES_MAX;

/// What an agent may take in one turn: any payload that an agent may send.
const QUANTUM: usize = PAYLOAD_BYTES_MAX;

#[derive(Debug, Clone)]
pub struct FairQueue<T> {
    lanes: BTreeMap<AgentCn, Lane<T>>,
    /// Agents with something waiting, in the order of their turns.
    turns: VecDeque<AgentCn>,
    len: usize,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Lane<T> {
    items: VecDeque<(usize, T)>,
    credit: usize,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), turns: VecDeque::new(), len: 0, bytes: 0 }
    }
}

impl<T> FairQueue<T> {
    pub fn push(&mut self, cn: &AgentCn, bytes: usize, item: T) {
        self.len += 1;
        self.bytes += bytes;
        if let Some(lane) = self.lanes.get_mut(cn) {
            lane.items.push_back((bytes, item));
            return;
        }
        self.lanes.insert(cn.clone(), Lane { items: VecDeque::from([(bytes, item)]), credit: QUANTUM });
        self.turns.push_back(cn.clone());
    }

    /// The next item in turn.
    pub fn pop(&mut self) -> Option<T> {
        loop {
            let cn = self.turns.front()?;
            // A turn without a lane does not happen; if it did, it would be skipped.
            let Some(lane) = self.lanes.get_mut(cn) else {
                self.turns.pop_front();
                continue;
            };
            let head = lane.items.front().map_or(0, |(bytes, _)| *bytes);
            if head > lane.credit {
                lane.credit = lane.credit.saturating_add(QUANTUM);
                self.turns.rotate_left(1);
                continue;
            }
            lane.credit -= head;
            let item = lane.items.pop_front();
            if lane.items.is_empty() {
                // Credit does not outlive the wait: whoever is silent saves nothing up.
                self.lanes.remove(cn);
                self.turns.pop_front();
            }
            let Some((bytes, item)) = item else { continue };
            self.len -= 1;
            self.bytes -= bytes;
            return Some(item);
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All that waits, agent by agent, each in its order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.lanes.values().flat_map(|lane| lane.items.iter().map(|(_, item)| item))
    }

    /// The first of each agent.
    pub fn heads(&self) -> impl Iterator<Item = &T> {
        self.lanes.values().filter_map(|lane| lane.items.front().map(|(_, item)| item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cn(n: usize) -> AgentCn {
        format!("acme.a{n}").parse().unwrap()
    }

    #[test]
    fn a_fresh_payload_waits_for_one_turn_of_the_others_and_not_for_their_backlogs() {
        let mut queue = FairQueue::default();
        for n in 0..3 {
            (0..1_000).for_each(|at| queue.push(&cn(n), 12_000, (n, at)));
        }
        assert_eq!((0..50).filter_map(|_| queue.pop()).count(), 50);
        queue.push(&cn(9), 1_000, (9, 0));
        let before = std::iter::from_fn(|| queue.pop()).position(|(n, _)| n == 9).unwrap();
        assert!(before <= 6, "{before} payloads went first");
    }

    #[test]
    fn agents_share_by_bytes_and_not_by_number() {
        let mut queue = FairQueue::default();
        for at in 0..1_000 {
            queue.push(&cn(1), 16_000, (1, at));
            queue.push(&cn(2), 1_000, (2, at));
        }
        let first: Vec<(usize, usize)> = std::iter::from_fn(|| queue.pop()).take(340).collect();
        let bytes = |n: usize, size: usize| first.iter().filter(|(who, _)| *who == n).count() * size;
        let (large, small) = (bytes(1, 16_000), bytes(2, 1_000));
        assert!(large.abs_diff(small) <= 3 * QUANTUM, "{large} and {small} bytes");
    }

    #[test]
    fn a_payload_of_any_size_has_its_turn() {
        let mut queue = FairQueue::default();
        queue.push(&cn(1), 10 * QUANTUM, 1);
        queue.push(&cn(2), 0, 2);
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(2), Some(1), None));
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_each_agent_keeps_its_order_and_the_counts_are_right(
            steps in proptest::collection::vec((0usize..5, 0usize..40_000, any::<bool>()), 1..300)
        ) {
            let mut queue = FairQueue::default();
            let (mut pushed, mut popped) = (vec![0; 5], vec![0; 5]);
            let mut take = |queue: &mut FairQueue<(usize, usize)>| {
                let item = queue.pop();
                if let Some((n, at)) = item {
                    assert_eq!(at, popped[n]);
                    popped[n] += 1;
                }
                item.is_some()
            };
            for (n, bytes, pop) in steps {
                queue.push(&cn(n), bytes, (n, pushed[n]));
                pushed[n] += 1;
                if pop {
                    take(&mut queue);
                }
                prop_assert_eq!(queue.iter().count(), queue.len());
            }
            while take(&mut queue) {}
            prop_assert_eq!(popped, pushed);
            prop_assert_eq!((queue.len(), queue.bytes(), queue.turns.len(), queue.lanes.len()), (0, 0, 0, 0));
        }
    }
}
