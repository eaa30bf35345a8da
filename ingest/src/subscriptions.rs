//! What one connection is subscribed to, and which request brings it nearer to what it shall be. Pure.
//!
//! A subscription counts once the broker has confirmed it. Filters are added before others are removed, and nothing touches
//! deliveries that are under way.

use std::collections::{BTreeMap, BTreeSet};

use schemas::id::Partition;
use schemas::topic::filter;

use crate::leases::Came;
use crate::limits::UNSUBSCRIBES_MAX;

/// One subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filter {
    /// Who is there, retained.
    Presence,
    /// All payloads of all agents.
    Everything,
    /// All payloads of one partition.
    One(Partition),
}

impl Filter {
    pub fn text(self) -> String {
        match self {
            Self::Presence => filter::status_all(),
            Self::Everything => filter::up_all(),
            Self::One(partition) => filter::up(partition),
        }
    }

    /// The partitions whose payloads it brings.
    pub fn partitions(self) -> Vec<Partition> {
        match self {
            Self::Presence => Vec::new(),
            Self::Everything => Partition::all().collect(),
            Self::One(partition) => vec![partition],
        }
    }
}

/// What a worker shall hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One worker alone.
    Everything,
    Partitions(BTreeMap<Partition, Came>),
}

impl Wanted {
    /// How many partitions are heard now and were not in `before`, and the other way round.
    pub fn changes(&self, before: &Self) -> (usize, usize) {
        let of = |wanted: &Self| wanted.filters().into_keys().flat_map(Filter::partitions).collect::<BTreeSet<_>>();
        let (now, before) = (of(self), of(before));
        (now.difference(&before).count(), before.difference(&now).count())
    }

    fn filters(&self) -> BTreeMap<Filter, Came> {
        let up: BTreeMap<Filter, Came> = match self {
            Self::Everything => BTreeMap::from([(Filter::Everything, Came::Taken)]),
            Self::Partitions(partitions) => partitions.iter().map(|(p, came)| (Filter::One(*p), *came)).collect(),
        };
        // Presence is wanted as long as the worker has a place, so that it knows everybody when a partition comes.
        up.into_iter().chain([(Filter::Presence, Came::Taken)]).collect()
    }
}

/// A packet to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Subscribe(Vec<Filter>),
    Unsubscribe(Filter),
}

#[derive(Debug, Clone)]
pub struct Subscriptions {
    wanted: BTreeMap<Filter, Came>,
    have: BTreeSet<Filter>,
    /// Sent and not answered, oldest first: one SUBSCRIBE, or some UNSUBSCRIBEs.
    asked: Vec<Request>,
}

impl Subscriptions {
    /// A new connection has none; what was sent before it is lost, however a partition came.
    pub fn new(wanted: &Wanted) -> Self {
        let wanted = wanted.filters().into_keys().map(|filter| (filter, Came::Taken)).collect();
        Self { wanted, have: BTreeSet::new(), asked: Vec::new() }
    }

    pub fn want(&mut self, wanted: &Wanted) {
        self.wanted = wanted.filters();
    }

    /// The next packet to send; it counts as sent.
    pub fn request(&mut self) -> Option<Request> {
        if self.asked.iter().any(|asked| matches!(asked, Request::Subscribe(_))) {
            return None;
        }
        let missing: Vec<Filter> = self.wanted.keys().filter(|filter| !self.have.contains(filter)).copied().collect();
        let request = if missing.is_empty() {
            let leaving = |filter: &&Filter| {
                !self.wanted.contains_key(filter) && !self.asked.contains(&Request::Unsubscribe(**filter))
            };
            Request::Unsubscribe(*self.have.iter().find(leaving).filter(|_| self.asked.len() < UNSUBSCRIBES_MAX)?)
        } else if self.asked.is_empty() {
            Request::Subscribe(missing)
        } else {
            return None;
        };
        self.asked.push(request.clone());
        Some(request)
    }

    /// The broker confirmed a SUBSCRIBE; answers what is new.
    ///
    /// # Errors
    /// The filter that it refused.
    pub fn subscribed(&mut self, refused: &[bool]) -> Result<Vec<(Filter, Came)>, Filter> {
        let at = self.asked.iter().position(|asked| matches!(asked, Request::Subscribe(_)));
        let Some(Request::Subscribe(filters)) = at.map(|at| self.asked.remove(at)) else { return Ok(Vec::new()) };
        if let Some((filter, _)) = filters.iter().zip(refused).find(|(_, refused)| **refused) {
            return Err(*filter);
        }
        self.have.extend(&filters);
        let came = |filter: &Filter| self.wanted.get(filter).copied().unwrap_or(Came::Handed);
        Ok(filters.iter().map(|filter| (*filter, came(filter))).collect())
    }

    /// The broker confirmed the oldest UNSUBSCRIBE.
    pub fn unsubscribed(&mut self) {
        let at = self.asked.iter().position(|asked| matches!(asked, Request::Unsubscribe(_)));
        if let Some(Request::Unsubscribe(filter)) = at.map(|at| self.asked.remove(at)) {
            self.have.remove(&filter);
        }
    }

    /// Whether no payloads come any more.
    pub fn is_quiet(&self) -> bool {
        self.have.iter().all(|filter| *filter == Filter::Presence)
            && !matches!(self.asked.first(), Some(Request::Subscribe(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(numbers: impl IntoIterator<Item = u16>) -> Wanted {
        Wanted::Partitions(numbers.into_iter().map(|n| (Partition::new(n).unwrap(), Came::Taken)).collect())
    }

    fn one(number: u16) -> Filter {
        Filter::One(Partition::new(number).unwrap())
    }

    #[test]
    fn a_new_connection_asks_for_everything_with_one_packet() {
        let mut subscriptions = Subscriptions::new(&partitions(0..64));
        let Some(Request::Subscribe(filters)) = subscriptions.request() else { panic!("a subscription") };
        assert_eq!(filters.len(), 65, "presence and all partitions");
        assert_eq!(subscriptions.request(), None, "nothing more before the answer");
        assert_eq!(subscriptions.subscribed(&[false; 65]).unwrap().len(), 65);
        assert_eq!(subscriptions.request(), None);
    }

    #[test]
    fn filters_are_added_before_others_are_removed_and_few_answers_are_owed() {
        let mut subscriptions = Subscriptions::new(&partitions(0..32));
        subscriptions.request();
        subscriptions.subscribed(&[false; 33]).unwrap();
        subscriptions.want(&partitions([40]));
        assert_eq!(subscriptions.request(), Some(Request::Subscribe(vec![one(40)])));
        assert_eq!(subscriptions.subscribed(&[false]).unwrap(), [(one(40), Came::Taken)]);
        let mut asked = 0;
        while let Some(request) = subscriptions.request() {
            assert_eq!(request, Request::Unsubscribe(one(asked)));
            asked += 1;
        }
        assert_eq!(usize::from(asked), UNSUBSCRIBES_MAX);
        for _ in 0..32 {
            subscriptions.unsubscribed();
            subscriptions.request();
        }
        subscriptions.want(&partitions([]));
        subscriptions.request();
        assert!(!subscriptions.is_quiet(), "not before the broker has confirmed it");
        subscriptions.unsubscribed();
        assert!(subscriptions.is_quiet());
    }

    #[test]
    fn a_partition_that_comes_back_while_it_leaves_is_subscribed_again() {
        let mut subscriptions = Subscriptions::new(&partitions([1]));
        subscriptions.request();
        subscriptions.subscribed(&[false; 2]).unwrap();
        subscriptions.want(&partitions([]));
        assert_eq!(subscriptions.request(), Some(Request::Unsubscribe(one(1))));
        subscriptions.want(&partitions([1]));
        assert_eq!(subscriptions.request(), None);
        subscriptions.unsubscribed();
        assert_eq!(subscriptions.request(), Some(Request::Subscribe(vec![one(1)])));
    }

    #[test]
    fn a_refused_filter_is_named() {
        let mut subscriptions = Subscriptions::new(&Wanted::Everything);
        let Some(Request::Subscribe(filters)) = subscriptions.request() else { panic!("a subscription") };
        assert_eq!(filters, [Filter::Presence, Filter::Everything]);
        assert_eq!(subscriptions.subscribed(&[false, true]), Err(Filter::Everything));
    }
}
