//! The board is played as the script plays it; workers exchange in any order, and may be deaf or dead.

use std::collections::BTreeMap;

use proptest::prelude::*;
use schemas::limits::PARTITIONS;

use super::*;

const TERMS: Terms =
    Terms { lease: Duration::from_secs(5), overlap: Duration::from_secs(1), settle: Duration::from_millis(2_500) };
const TICK: u64 = 500;

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What Redis holds.
#[derive(Debug, Default)]
struct Redis {
    members: BTreeMap<String, Duration>,
    leases: BTreeMap<Partition, (Duration, bool, String)>,
}

impl Redis {
    /// As `shared/board.lua` does it.
    fn exchange(&mut self, me: &str, wish: &Wish, now: Duration) -> Board {
        let knew_me = self.members.contains_key(me);
        let until = now + TERMS.lease;
        if wish.present {
            self.members.insert(me.to_owned(), until);
        } else {
            self.members.remove(me);
        }
        self.members.retain(|_, until| *until > now);
        for partition in &wish.hold {
            let entry = self.leases.get(partition);
            if entry.is_none_or(|(until, offered, owner)| *until <= now || *offered || owner == me) {
                self.leases.insert(*partition, (until, false, me.to_owned()));
            }
        }
        for partition in &wish.offer {
            if self.leases.get(partition).is_some_and(|(_, _, owner)| owner == me) {
                self.leases.insert(*partition, (until, true, me.to_owned()));
            }
        }
        let lease = |(partition, (until, offered, owner)): (&Partition, &(Duration, bool, String))| {
            let left = until.saturating_sub(now);
            (*partition, Lease { owner: owner.clone(), offered: *offered, left })
        };
        Board {
            knew_me,
            members: self.members.keys().cloned().collect(),
            leases: self.leases.iter().map(lease).collect(),
        }
    }
}

/// Workers around one Redis. `None`: dead.
struct Fleet {
    redis: Redis,
    reachable: bool,
    workers: Vec<Option<Leases>>,
    now: Duration,
}

impl Fleet {
    fn new(count: usize) -> Self {
        let worker = |at: usize| Some(Leases::new(&name(at), TERMS, Duration::ZERO));
        Self {
            redis: Redis::default(),
            reachable: true,
            workers: (0..count).map(worker).collect(),
            now: Duration::ZERO,
        }
    }

    fn exchange(&mut self, at: usize) {
        let Some(worker) = &mut self.workers[at] else { return };
        if self.reachable {
            let board = self.redis.exchange(&name(at), &worker.wish(), self.now);
            worker.heard(&board, self.now);
        } else {
            worker.unheard(self.now);
        }
    }

    /// All exchange each half second, one after another.
    fn run(&mut self, ms: u64) {
        let end = self.now + millis(ms);
        while self.now < end {
            self.now += millis(TICK);
            (0..self.workers.len()).for_each(|at| self.exchange(at));
        }
    }

    fn serving(&self, at: usize) -> BTreeSet<Partition> {
        self.workers[at].iter().flat_map(|worker| worker.serving().into_keys()).collect()
    }

    fn counts(&self) -> Vec<usize> {
        (0..self.workers.len()).map(|at| self.serving(at).len()).collect()
    }

    /// How many partitions nobody serves.
    fn unserved(&self) -> usize {
        let served: BTreeSet<Partition> = (0..self.workers.len()).flat_map(|at| self.serving(at)).collect();
        usize::from(PARTITIONS) - served.len()
    }

    fn leave(&mut self, at: usize) {
        let now = self.now;
        self.workers[at].iter_mut().for_each(|worker| worker.leave(now));
    }
}

fn name(at: usize) -> String {
    format!("service.ingest{at}")
}

#[test]
fn one_worker_takes_everything_and_two_share_it() {
    let mut fleet = Fleet::new(2);
    let second = fleet.workers[1].take();
    fleet.run(1_500);
    assert_eq!(fleet.counts(), [64, 0]);
    fleet.workers[1] = second;
    fleet.run(5_000);
    assert_eq!((fleet.counts(), fleet.unserved()), (vec![32, 32], 0));
}

#[test]
fn while_a_partition_changes_hands_in_peace_it_is_always_served_and_comes_as_handed() {
    let mut fleet = Fleet::new(3);
    fleet.run(5_000);
    assert_eq!(fleet.counts(), [22, 21, 21]);
    let before = fleet.serving(2);
    fleet.leave(0);
    let gone = fleet.serving(0);
    for _ in 0..10 {
        fleet.run(TICK);
        assert_eq!(fleet.unserved(), 0, "at {:?}", fleet.now);
    }
    assert!(fleet.workers[0].as_ref().unwrap().has_left());
    assert_eq!(fleet.counts(), [0, 32, 32]);
    let came = fleet.workers[2].as_ref().unwrap().serving();
    assert!(came.iter().all(|(p, came)| before.contains(p) || (gone.contains(p) && *came == Came::Handed)));
    assert_eq!(fleet.workers[1].as_ref().unwrap().takeovers(), 0);
}

#[test]
fn the_partitions_of_a_dead_worker_are_taken_when_its_lease_ends() {
    let mut fleet = Fleet::new(2);
    fleet.run(5_000);
    let lost = fleet.serving(1);
    fleet.workers[1] = None;
    fleet.run(4_500);
    assert_eq!(fleet.counts(), [32, 0], "its lease is still good");
    fleet.run(1_500);
    assert_eq!(fleet.counts(), [64, 0]);
    let worker = fleet.workers[0].as_ref().unwrap();
    assert!(lost.iter().all(|partition| worker.serving()[partition] == Came::Taken));
    assert_eq!(worker.takeovers(), 32);
}

#[test]
fn a_worker_that_starts_again_under_its_name_finds_its_partitions() {
    let mut fleet = Fleet::new(2);
    fleet.run(5_000);
    let before = fleet.serving(1);
    fleet.workers[1] = Some(Leases::new(&name(1), TERMS, fleet.now));
    fleet.run(TICK);
    assert_eq!(fleet.serving(1), before);
    assert_eq!(fleet.workers[1].as_ref().unwrap().serving().values().filter(|c| **c == Came::Taken).count(), 32);
}

#[test]
fn a_board_that_is_wiped_changes_nothing() {
    let mut fleet = Fleet::new(3);
    fleet.run(5_000);
    let before: Vec<_> = (0..3).map(|at| fleet.serving(at)).collect();
    for _ in 0..5 {
        fleet.redis = Redis::default();
        for _ in 0..12 {
            fleet.run(TICK);
            assert_eq!((0..3).map(|at| fleet.serving(at)).collect::<Vec<_>>(), before);
        }
    }
}

#[test]
fn whoever_cannot_see_the_board_serves_everything_and_nobody_moves_when_it_is_back() {
    let mut fleet = Fleet::new(2);
    fleet.run(5_000);
    let before: Vec<_> = (0..2).map(|at| fleet.serving(at)).collect();
    fleet.reachable = false;
    fleet.run(4_500);
    assert_eq!(fleet.counts(), [32, 32], "a lease may be missed for its time");
    fleet.run(1_000);
    assert_eq!(fleet.counts(), [64, 64]);
    assert!(fleet.workers[0].as_ref().unwrap().is_alone());
    fleet.reachable = true;
    fleet.redis = Redis::default();
    fleet.run(1_000);
    assert_eq!(fleet.counts(), [64, 64], "not before all have said what they hold");
    fleet.run(5_000);
    assert_eq!((0..2).map(|at| fleet.serving(at)).collect::<Vec<_>>(), before);
}

#[test]
fn a_worker_that_starts_without_a_board_serves_everything_after_a_lease() {
    let mut fleet = Fleet::new(1);
    fleet.reachable = false;
    fleet.run(4_500);
    assert_eq!(fleet.counts(), [0]);
    fleet.run(500);
    assert_eq!(fleet.counts(), [64]);
    fleet.leave(0);
    assert!(fleet.workers[0].as_ref().unwrap().has_left(), "there is nobody to hand over to");
}

#[test]
fn what_nobody_takes_is_kept() {
    let mut fleet = Fleet::new(2);
    let absent = fleet.workers[1].take().unwrap();
    fleet.run(1_000);
    // A second worker is seen once and never again.
    fleet.redis.exchange(&name(1), &absent.wish(), fleet.now);
    for _ in 0..30 {
        fleet.run(TICK);
        assert_eq!(fleet.unserved(), 0);
    }
    assert_eq!(fleet.counts(), [64, 0]);
    assert_eq!(fleet.workers[0].as_ref().unwrap().wish().hold.len(), 64);
}

#[derive(Debug, Clone)]
enum Step {
    Run(u64),
    One(usize),
    Kill(usize),
    Start(usize),
    Leave(usize),
    Wipe,
    Reach(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..20).prop_map(|ticks| Step::Run(ticks * TICK)),
        2 => (0usize..4).prop_map(Step::One),
        1 => (0usize..4).prop_map(Step::Kill),
        2 => (0usize..4).prop_map(Step::Start),
        1 => (0usize..4).prop_map(Step::Leave),
        1 => Just(Step::Wipe),
        2 => any::<bool>().prop_map(Step::Reach),
    ]
}

proptest! {
    #[test]
    fn after_any_faults_the_living_share_everything_fairly_without_overlap(steps in proptest::collection::vec(step(), 1..60)) {
        let mut fleet = Fleet::new(4);
        for step in steps {
            match step {
                Step::Run(ms) => fleet.run(ms),
                Step::One(at) => fleet.exchange(at),
                Step::Kill(at) => fleet.workers[at] = None,
                Step::Start(at) => fleet.workers[at] = Some(Leases::new(&name(at), TERMS, fleet.now)),
                Step::Leave(at) => fleet.leave(at),
                Step::Wipe => fleet.redis = Redis::default(),
                Step::Reach(reachable) => fleet.reachable = reachable,
            }
        }
        fleet.reachable = true;
        // Those that are leaving end; one more starts, so that somebody lives.
        for at in 0..4 {
            if fleet.workers[at].as_ref().is_some_and(|worker| !worker.wish().present) {
                fleet.workers[at] = None;
            }
        }
        fleet.workers[0] = Some(Leases::new(&name(0), TERMS, fleet.now));
        fleet.run(30_000);
        let living = fleet.workers.iter().flatten().count();
        let counts: Vec<usize> = fleet.counts().into_iter().filter(|count| *count > 0).collect();
        prop_assert_eq!(counts.iter().sum::<usize>(), 64, "{:?}", fleet.counts());
        prop_assert_eq!(fleet.unserved(), 0);
        prop_assert_eq!(counts.len(), living);
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }
}
