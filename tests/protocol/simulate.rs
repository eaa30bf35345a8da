//! Millions of random steps from a seed, in episodes of several agents and workers, each with its own mix of faults.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::agent::Host;
use crate::invariants;
use crate::system::{Step, System};
use crate::worker::Means;

/// How many steps, and the seed of a run to repeat.
const STEPS: &str = "PLATEN_PROTOCOL_STEPS";
const SEED: &str = "PLATEN_PROTOCOL_SEED";
/// What `make test` runs: always the same.
const STEPS_TESTED: u64 = 60_000;
const SEEDS_TESTED: [u64; 2] = [1, 2];
/// After so many steps faults stop, everything settles, and another system begins.
const EPISODE: u64 = 4_000;
/// The invariants are checked after so many steps, and what is to settle after so many checks.
const CHECK_EVERY: u64 = 50;
const CALM_EVERY: u64 = 20;
/// Steps that are told when a promise is broken.
const TOLD: usize = 40;

/// One system and what may happen to it.
struct Episode {
    system: System,
    random: StdRng,
    /// Faults in a thousand steps.
    fault_permille: u32,
    /// Disks that go back in time change what can be promised of stamps, so only some episodes have them.
    set_back: bool,
    /// Whether spools are lost.
    lossy: bool,
    /// The store does not answer before this step.
    store_down_until: u64,
    step: u64,
    last: VecDeque<Step>,
    faults: BTreeMap<&'static str, u64>,
}

impl Episode {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let (small, lossy) = (random.random_range(0..3) == 0, random.random_range(0..2) == 0);
        let set_back = lossy && random.random_range(0..2) == 0;
        let quota = [u64::MAX, u64::MAX, 20_000][random.random_range(0..3)];
        let host = |random: &mut StdRng| Host {
            // A wrong date is no matter unless a disk goes back: then a reading may be stamped twice.
            wall_off_ms: if set_back { 0 } else { [0, 0, 3_600_000, -86_400_000 * 400][random.random_range(0..4)] },
            bytes_max: if small { 6_000 } else { u64::MAX },
            memory_only: lossy && random.random_range(0..4) == 0,
        };
        let hosts: Vec<Host> = (0..random.random_range(1..=3)).map(|_| host(&mut random)).collect();
        let worker = |random: &mut StdRng| Means {
            quota_bytes_per_day: quota,
            clock_off_s: [0, 0, 40, -40][random.random_range(0..4)],
        };
        let workers: Vec<Means> = (0..random.random_range(1..=3)).map(|_| worker(&mut random)).collect();
        let refused = (random.random_range(0..4) == 0).then(|| random.random_range(1..50));
        Self {
            system: System::new(&hosts, &workers, refused),
            fault_permille: [2, 20, 80][random.random_range(0..3)],
            random,
            set_back,
            lossy,
            store_down_until: 0,
            step: 0,
            last: VecDeque::new(),
            faults: BTreeMap::new(),
        }
    }

    /// An index, mostly that of the oldest.
    fn at(&mut self, length: usize) -> usize {
        if self.random.random_range(0..5) == 0 { self.random.random_range(0..length) } else { 0 }
    }

    /// A step that is possible now, if the dice show one.
    fn choose(&mut self) -> Option<Step> {
        if self.random.random_range(0..1_000) < self.fault_permille {
            return self.choose_fault();
        }
        let agent = self.random.random_range(0..self.system.agents.len());
        let worker = self.random.random_range(0..self.system.workers.len());
        let (inner, taker) = (&self.system.agents[agent], &self.system.workers[worker]);
        match self.random.random_range(0..100) {
            0..12 => Some(Step::Take(agent)),
            12..20 => inner.can_close().then_some(Step::Close(agent)),
            20..24 => (!inner.connected).then_some(Step::Connect(agent)),
            24..40 => inner.connected.then_some(Step::Send(agent)),
            40..56 => {
                let length = inner.hearing.len();
                (inner.connected && length > 0).then(|| Step::Hear { agent, at: self.at(length) })
            }
            56..76 => {
                let length = taker.inbox.len();
                (taker.takes_more() && length > 0).then(|| Step::Deliver { worker, at: self.at(length) })
            }
            76..94 => (taker.has_work() && self.store_down_until <= self.step).then_some(Step::Work(worker)),
            _ => Some(Step::Wait),
        }
    }

    fn choose_fault(&mut self) -> Option<Step> {
        let agent = self.random.random_range(0..self.system.agents.len());
        let worker = self.random.random_range(0..self.system.workers.len());
        let (heard, mail) = (self.system.agents[agent].hearing.len(), self.system.workers[worker].inbox.len());
        let works = self.system.workers[worker].has_work() && self.store_down_until <= self.step;
        let at_rest = self.lossy && !self.system.agents[agent].host.memory_only;
        let takes = self.system.workers[worker].takes_more() && mail > 0;
        match self.random.random_range(0..19) {
            0 => Some(Step::Kill(agent)),
            1 => Some(Step::Reboot(agent)),
            2 => self.system.agents[agent].connected.then_some(Step::Disconnect(agent)),
            3 if self.set_back => {
                self.system.snapshots[agent] = Some(self.system.agents[agent].disk().into());
                None
            }
            4 if self.set_back && at_rest => {
                Some(Step::SetBack { agent, counters_too: self.random.random_range(0..2) == 0 })
            }
            5 if at_rest => (self.random.random_range(0..4) == 0).then_some(Step::LoseSpool(agent)),
            6 | 7 => takes.then(|| Step::Repeat { worker, at: self.at(mail) }),
            8 => (heard > 0 && self.system.agents[agent].connected)
                .then(|| Step::RepeatAck { agent, at: self.at(heard) }),
            9 | 10 => (mail > 0).then(|| Step::Lose { worker, at: self.at(mail) }),
            11 => (heard > 0).then(|| Step::LoseAck { agent, at: self.at(heard) }),
            12 => works.then_some(Step::HalfInsert(worker)),
            13 => works.then_some(Step::Unanswered(worker)),
            14 => Some(Step::KillWorker(worker)),
            15 => Some(Step::ReconnectWorker(worker)),
            16 => Some(Step::KillBroker),
            17 => Some(Step::AskAgain(agent)),
            _ => {
                self.store_down_until = self.step + self.random.random_range(10..500);
                *self.faults.entry("store unreachable").or_default() += 1;
                None
            }
        }
    }

    fn run(&mut self, steps: u64) -> Result<(), String> {
        while self.step < steps {
            let Some(step) = self.choose() else { continue };
            if let Step::Take(_) = step {
                // No agent polls a device twice in one second.
                self.system.wait(Duration::from_millis(250));
            }
            if !self.system.step(step) {
                continue;
            }
            self.step += 1;
            if let Some(fault) = step.fault() {
                *self.faults.entry(fault).or_default() += 1;
            }
            if self.last.len() == TOLD {
                self.last.pop_front();
            }
            self.last.push_back(step);
            if self.step.is_multiple_of(CHECK_EVERY) {
                invariants::hold(&self.system, self.step.is_multiple_of(CHECK_EVERY * CALM_EVERY))?;
            }
        }
        Ok(())
    }
}

/// What the books say of a run.
#[derive(Debug, Default)]
struct Books {
    readings: usize,
    rows: usize,
    epochs: usize,
    settled: u64,
    dropped: u64,
    /// Named as lost: only disks that were set back lose anything.
    lost: u64,
    open: u64,
}

impl Books {
    fn add(&mut self, system: &System) {
        self.readings += system.truth.readings.len();
        self.rows += system.store.polls.len();
        for balance in system.store.books().values() {
            self.epochs += 1;
            self.settled += balance.found;
            self.dropped += balance.dropped;
            self.lost += balance.lost.count();
            self.open += balance.open;
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}

#[test]
fn no_mix_of_faults_at_random_breaks_a_promise() {
    match (number(STEPS), number(SEED)) {
        (None, None) => SEEDS_TESTED.into_iter().for_each(|seed| simulate(seed, STEPS_TESTED)),
        (steps, seed) => simulate(seed.unwrap_or_else(rand::random), steps.unwrap_or(STEPS_TESTED)),
    }
}

fn simulate(seed: u64, steps: u64) {
    println!("seed {seed}, {steps} steps; {SEED} and {STEPS} repeat and prolong it");
    let (began, mut books, mut faults) = (Instant::now(), Books::default(), BTreeMap::<&str, u64>::new());
    for episode in 0..steps.div_ceil(EPISODE) {
        let mut running = Episode::new(seed.wrapping_add(episode));
        if let Err(why) = running.run(EPISODE.min(steps - episode * EPISODE)) {
            panic!(
                "seed {seed}, episode {episode}, step {}: {why}\nlast steps: {:?}\n{:?}",
                running.step, running.last, running.system
            );
        }
        running.faults.iter().for_each(|(name, count)| *faults.entry(*name).or_default() += count);
        books.add(&running.system);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{steps} steps in {seconds:.1} s, {:.0} steps/s", f64::from(u32::try_from(steps).unwrap()) / seconds);
    faults.iter().for_each(|(name, count)| println!("  {count:>8} {name}"));
    let Books { readings, rows, epochs, settled, dropped, lost, open } = books;
    println!(
        "books: {readings} readings, {rows} rows in FINAL, {epochs} epochs, seqs: {settled} settled, {dropped} dropped,"
    );
    println!("  {lost} lost with disks that were set back, {open} still held where an episode ended");
}
