//! Which agents are there, and which of them are to send again what has no ack. Pure: the time is an argument.
//!
//! A hint only: who is missed here sends again by its own timeout. One entry for each certificate at most.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemas::id::{AgentCn, Partition};

use crate::leases::Came;
use crate::limits::{PRESENCE_SETTLE, RESEND_AFTER_HANDOVER};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    there: BTreeMap<Partition, BTreeSet<AgentCn>>,
    /// Partitions that are newly heard: from when on their agents are to send again, and until when retained presence of
    /// them still arrives.
    new: BTreeMap<Partition, (Duration, Duration)>,
    due: BTreeSet<(Duration, AgentCn)>,
}

impl Presence {
    pub fn new() -> Self {
        Self::default()
    }

    /// An agent says that it is there, or that it is not. A presence that is not `retained` comes from an agent that is just
    /// connecting: it greets by itself and need not be told.
    pub fn said(&mut self, cn: &AgentCn, online: bool, retained: bool, now: Duration) {
        let partition = cn.partition();
        let there = self.there.entry(partition).or_default();
        if !online {
            there.remove(cn);
            return;
        }
        there.insert(cn.clone());
        if let Some((from, _)) = self.new.get(&partition).filter(|(_, until)| retained && now <= *until) {
            self.due.insert((*from.max(&now), cn.clone()));
        }
    }

    /// The payloads of these partitions are heard from now on.
    pub fn heard(&mut self, partitions: impl IntoIterator<Item = Partition>, came: Came, now: Duration) {
        let from = match came {
            Came::Taken => now,
            Came::Handed => now + RESEND_AFTER_HANDOVER,
        };
        for partition in partitions {
            self.new.insert(partition, (from, now + PRESENCE_SETTLE));
            let there = self.there.get(&partition).into_iter().flatten();
            self.due.extend(there.map(|cn| (from, cn.clone())));
        }
    }

    /// The next agent that is to send again now.
    pub fn next(&mut self, now: Duration) -> Option<AgentCn> {
        if self.due.first()?.0 > now {
            return None;
        }
        self.due.pop_first().map(|(_, cn)| cn)
    }

    /// When [`Presence::next`] has somebody.
    pub fn next_at(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Agents that are there, as far as is known.
    pub fn count(&self) -> usize {
        self.there.values().map(BTreeSet::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn cn(name: &str) -> AgentCn {
        format!("acme.{name}").parse().unwrap()
    }

    fn all(presence: &mut Presence, now: Duration) -> Vec<AgentCn> {
        std::iter::from_fn(|| presence.next(now)).collect()
    }

    #[test]
    fn agents_of_a_partition_that_was_taken_are_told_at_once_and_those_of_others_are_not() {
        let mut presence = Presence::new();
        let (one, two) = (cn("one"), cn("two"));
        assert_ne!(one.partition(), two.partition());
        presence.said(&one, true, true, SECOND);
        presence.said(&two, true, true, SECOND);
        presence.heard([one.partition()], Came::Taken, SECOND * 2);
        assert_eq!(all(&mut presence, SECOND * 2), [one]);
        assert_eq!((presence.next_at(), presence.count()), (None, 2));
    }

    #[test]
    fn after_a_handover_the_former_owner_has_time_to_settle() {
        let mut presence = Presence::new();
        let one = cn("one");
        presence.said(&one, true, false, SECOND);
        presence.heard([one.partition()], Came::Handed, SECOND);
        assert_eq!(presence.next(SECOND), None);
        assert_eq!(presence.next_at(), Some(SECOND + RESEND_AFTER_HANDOVER));
        assert_eq!(all(&mut presence, SECOND + RESEND_AFTER_HANDOVER), [one]);
    }

    #[test]
    fn retained_presence_that_comes_after_the_subscription_counts_and_a_fresh_connection_does_not() {
        let mut presence = Presence::new();
        let (one, two) = (cn("one"), cn("two"));
        presence.heard(Partition::all(), Came::Taken, SECOND);
        presence.said(&one, true, true, SECOND * 2);
        presence.said(&two, true, false, SECOND * 2);
        assert_eq!(all(&mut presence, SECOND * 2), std::slice::from_ref(&one));
        presence.said(&one, true, true, SECOND * 60);
        assert_eq!(presence.next(SECOND * 60), None, "long after");
    }

    #[test]
    fn whoever_left_is_not_told() {
        let mut presence = Presence::new();
        let one = cn("one");
        presence.said(&one, true, true, SECOND);
        presence.said(&one, false, false, SECOND);
        presence.heard([one.partition()], Came::Taken, SECOND);
        assert_eq!((presence.next(SECOND), presence.count()), (None, 0));
    }
}
