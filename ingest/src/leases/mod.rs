//! Which of the 64 partitions this worker serves: a fair share of them, by leases on a board that all workers see. Pure: the
//! board and the time are arguments.
//!
//! A lease is no lock. Two workers that serve one partition cost repeats and no rows, so every doubt is decided for serving:
//! a partition is given up only some time after another worker holds it, and whoever cannot see the board for as long as a
//! lease lasts serves all partitions until it can.

mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemas::id::Partition;

/// How long things last. All are measured by each worker's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    /// A lease that is not renewed ends after this.
    pub lease: Duration,
    /// A partition that another worker holds is served on for this long, until that worker surely hears it.
    pub overlap: Duration,
    /// After the board was wiped or out of sight nothing new is claimed for this long, so that all say first what they hold.
    pub settle: Duration,
}

/// What the board shows, right after this worker's wishes were written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Board {
    /// Whether it knew this worker before.
    pub knew_me: bool,
    /// Who is there, this worker included unless it is leaving.
    pub members: BTreeSet<String>,
    pub leases: BTreeMap<Partition, Lease>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    pub owner: String,
    /// Whoever wants it may have it; the owner serves it until then.
    pub offered: bool,
    /// Zero: it has ended.
    pub left: Duration,
}

/// What this worker writes on the board. A partition is held if nobody else's lease on it is good, or if it is offered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Wish {
    pub hold: Vec<Partition>,
    pub offer: Vec<Partition>,
    /// Whether the worker wants a share at all.
    pub present: bool,
}

/// How a partition came to this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Came {
    /// Nobody served it just before: what agents sent meanwhile is lost on the way, and they are to send it again at once.
    Taken,
    /// Its former owner goes on serving it for a moment and settles what it has.
    Handed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Own {
    Held,
    Offered {
        since: Duration,
    },
    /// Another worker holds it.
    Given {
        until: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sight {
    /// The board answers.
    Clear,
    /// It does not, for as long as a lease lasts: everything is served.
    Alone,
    /// It answers again; `all`: everything is still served.
    Returning { until: Duration, all: bool },
}

/// One worker's side of the sharing. `now` is time that never goes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Leases {
    me: String,
    terms: Terms,
    own: BTreeMap<Partition, (Own, Came)>,
    /// What is to be claimed, and whether that takes it over from a worker that is gone.
    wanted: BTreeMap<Partition, (Came, bool)>,
    sight: Sight,
    heard: Duration,
    leaving: bool,
    others: usize,
    takeovers: u64,
}

impl Leases {
    /// Serves nothing until the board answers, or does not for as long as a lease lasts.
    pub fn new(me: &str, terms: Terms, now: Duration) -> Self {
        Self {
            me: me.to_owned(),
            terms,
            own: BTreeMap::new(),
            wanted: BTreeMap::new(),
            sight: Sight::Clear,
            heard: now,
            leaving: false,
            others: 0,
            takeovers: 0,
        }
    }

    /// What to write on the board now.
    pub fn wish(&self) -> Wish {
        let of = |kind: fn(&Own) -> bool| self.own.iter().filter(move |(_, (own, _))| kind(own)).map(|(p, _)| *p);
        Wish {
            hold: of(|own| matches!(own, Own::Held)).chain(self.wanted.keys().copied()).collect(),
            offer: of(|own| matches!(own, Own::Offered { .. })).collect(),
            present: !self.leaving,
        }
    }

    /// The partitions to serve now, with how each came.
    pub fn serving(&self) -> BTreeMap<Partition, Came> {
        let own = self.own.iter().map(|(partition, (_, came))| (*partition, *came));
        match self.sight {
            Sight::Alone | Sight::Returning { all: true, .. } => {
                Partition::all().map(|partition| (partition, Came::Taken)).chain(own).collect()
            }
            Sight::Clear | Sight::Returning { all: false, .. } => own.collect(),
        }
    }

    /// Whether everything is served because the board is out of sight.
    pub fn is_alone(&self) -> bool {
        matches!(self.sight, Sight::Alone | Sight::Returning { all: true, .. })
    }

    /// Partitions that were claimed because their owner did not renew its lease, since the start.
    pub fn takeovers(&self) -> u64 {
        self.takeovers
    }

    /// The worker stops: it wants no share and offers what it has.
    pub fn leave(&mut self, now: Duration) {
        self.leaving = true;
        self.wanted.clear();
        self.offer(usize::MAX, now);
    }

    /// Whether a leaving worker has nothing more to wait for: others serve all that it had, or there are no others.
    pub fn has_left(&self) -> bool {
        self.leaving && (self.own.is_empty() || self.others == 0 || self.is_alone())
    }

    /// The board did not answer.
    pub fn unheard(&mut self, now: Duration) {
        if now.saturating_sub(self.heard) >= self.terms.lease {
            self.sight = Sight::Alone;
        }
    }

    /// The board answered.
    pub fn heard(&mut self, board: &Board, now: Duration) {
        self.others = board.members.iter().filter(|member| **member != self.me).count();
        self.look(board, now);
        self.heard = now;
        for partition in Partition::all() {
            self.compare(partition, board.leases.get(&partition), now);
        }
        self.wanted.clear();
        let may_claim = match self.sight {
            Sight::Clear => true,
            Sight::Returning { until, .. } => now >= until,
            Sight::Alone => false,
        };
        if may_claim && !self.leaving {
            self.rebalance(board, now);
        }
    }

    /// Notices a board that was away or was wiped.
    fn look(&mut self, board: &Board, now: Duration) {
        let until = now + self.terms.settle;
        self.sight = match self.sight {
            Sight::Alone => Sight::Returning { until, all: true },
            Sight::Clear if !board.knew_me && !self.own.is_empty() && !self.leaving => {
                Sight::Returning { until, all: false }
            }
            // Whatever is claimed at the end of the wait is held before anything is given up.
            Sight::Returning { until, .. } if now >= until + self.terms.overlap => Sight::Clear,
            sight @ (Sight::Clear | Sight::Returning { .. }) => sight,
        };
    }

    /// Takes in what the board shows of one partition.
    fn compare(&mut self, partition: Partition, lease: Option<&Lease>, now: Duration) {
        let good = lease.filter(|lease| !lease.left.is_zero());
        let mine = good.filter(|lease| lease.owner == self.me);
        let anothers = good.is_some_and(|lease| lease.owner != self.me && !lease.offered);
        let Some((own, came)) = self.own.get(&partition).copied() else {
            // A lease of an earlier life of this worker counts as taken: nobody has served it meanwhile.
            if mine.is_some_and(|lease| !lease.offered) {
                let (came, takeover) = self.wanted.get(&partition).copied().unwrap_or((Came::Taken, false));
                self.takeovers += u64::from(takeover);
                self.own.insert(partition, (Own::Held, came));
            }
            return;
        };
        let next = match own {
            Own::Held | Own::Offered { .. } if anothers => Some(Own::Given { until: now + self.terms.overlap }),
            Own::Held => Some(Own::Held),
            // Nobody wants it.
            Own::Offered { since } if now >= since + self.terms.lease && !self.leaving => Some(Own::Held),
            Own::Offered { since } => Some(Own::Offered { since }),
            Own::Given { until } => (now < until).then_some(Own::Given { until }),
        };
        match next {
            Some(own) => self.own.insert(partition, (own, came)),
            None => self.own.remove(&partition),
        };
    }

    /// Offers what exceeds the fair share, or claims what lacks of it.
    fn rebalance(&mut self, board: &Board, now: Duration) {
        let share = share::of(&self.me, &board.members);
        let held = self.own.values().filter(|(own, _)| matches!(own, Own::Held)).count();
        if held > share.partitions {
            self.offer(held - share.partitions, now);
            return;
        }
        let free = |partition| {
            if self.own.contains_key(&partition) {
                return None;
            }
            let lease = board.leases.get(&partition);
            match lease.filter(|lease| !lease.left.is_zero()) {
                Some(lease) if !lease.offered => None,
                Some(lease) if lease.owner != self.me => Some((partition, (Came::Handed, false))),
                _ => {
                    let gone = lease.is_some_and(|lease| lease.owner != self.me && !lease.offered);
                    Some((partition, (Came::Taken, gone)))
                }
            }
        };
        self.wanted = share.preferred().filter_map(free).take(share.partitions - held).collect();
    }

    /// Offers the last `count` of what is held.
    fn offer(&mut self, count: usize, now: Duration) {
        let held = self.own.values_mut().rev().filter(|(own, _)| matches!(own, Own::Held));
        held.take(count).for_each(|(own, _)| *own = Own::Offered { since: now });
    }
}
