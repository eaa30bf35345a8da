//! Breadth-first search over every behaviour of a model: each state is visited once, by its fingerprint.
//!
//! The first broken promise ends it, with the shortest way there. States wait in memory, fingerprints stay.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What is searched.
pub(crate) trait Model {
    type State: Clone + Hash;
    type Step: Copy;

    fn beginning(&self) -> Self::State;

    /// All steps that may be possible.
    fn steps(&self, state: &Self::State) -> Vec<Self::Step>;

    /// The state after a step; `None` if nothing comes of it.
    fn after(&self, state: &Self::State, step: Self::Step) -> Option<Self::State>;

    /// What is broken in a state, if anything; `fingerprint` is a number that it keeps.
    ///
    /// # Errors
    /// What is broken.
    fn check(&self, state: &Self::State, fingerprint: u64) -> Result<(), String>;
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found<S> {
    /// Different states, and steps between them.
    pub(crate) states: usize,
    pub(crate) steps: usize,
    pub(crate) depth: usize,
    /// What is broken, and the steps that lead there.
    pub(crate) broken: Option<(String, Vec<S>)>,
}

/// Two halves of 64 bits: that two of a hundred million states share both happens once in 10²² runs.
type Fingerprint = (u64, u64);

fn fingerprint<T: Hash>(state: &T) -> Fingerprint {
    let mut one = DefaultHasher::new();
    state.hash(&mut one);
    let mut other = one.clone();
    0xa5_u8.hash(&mut other);
    (one.finish(), other.finish())
}

pub(crate) fn search<M: Model>(model: &M) -> Found<M::Step> {
    let beginning = model.beginning();
    let print = fingerprint(&beginning);
    // Where each state was first reached from.
    let mut seen: HashMap<Fingerprint, Option<(Fingerprint, M::Step)>> = HashMap::from([(print, None)]);
    let mut waiting = VecDeque::from([(beginning, print, 0)]);
    let mut found = Found { states: 1, steps: 0, depth: 0, broken: None };
    while let Some((state, print, depth)) = waiting.pop_front() {
        if depth > found.depth {
            println!("  depth {depth}: {} states, {} steps", seen.len(), found.steps);
        }
        found.depth = depth;
        if let Err(why) = model.check(&state, print.0) {
            found.broken = Some((why, way(&seen, print)));
            break;
        }
        for step in model.steps(&state) {
            let Some(next) = model.after(&state, step) else { continue };
            found.steps += 1;
            let reached = fingerprint(&next);
            if let std::collections::hash_map::Entry::Vacant(entry) = seen.entry(reached) {
                entry.insert(Some((print, step)));
                waiting.push_back((next, reached, depth + 1));
            }
        }
    }
    found.states = seen.len();
    found
}

fn way<S: Copy>(seen: &HashMap<Fingerprint, Option<(Fingerprint, S)>>, to: Fingerprint) -> Vec<S> {
    let mut steps = Vec::new();
    let mut at = to;
    while let Some(Some((from, step))) = seen.get(&at) {
        steps.push(*step);
        at = *from;
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two jugs of 3 and 5 litres.
    struct Jugs {
        forbidden: u8,
    }

    impl Model for Jugs {
        type State = (u8, u8);
        type Step = u8;

        fn beginning(&self) -> (u8, u8) {
            (0, 0)
        }

        fn steps(&self, _: &(u8, u8)) -> Vec<u8> {
            (0..6).collect()
        }

        fn after(&self, (small, large): &(u8, u8), step: u8) -> Option<(u8, u8)> {
            let (pour, back) = ((*small).min(5 - large), (*large).min(3 - small));
            Some(match step {
                0 => (3, *large),
                1 => (*small, 5),
                2 => (0, *large),
                3 => (*small, 0),
                4 => (small - pour, large + pour),
                _ => (small + back, large - back),
            })
        }

        fn check(&self, (_, large): &(u8, u8), _: u64) -> Result<(), String> {
            if *large == self.forbidden { Err("reached".to_owned()) } else { Ok(()) }
        }
    }

    #[test]
    fn all_states_are_found_and_the_way_to_a_broken_one_is_the_shortest() {
        let all = search(&Jugs { forbidden: 9 });
        assert!(all.states == 16 && all.broken.is_none(), "{all:?}");
        let four = search(&Jugs { forbidden: 4 });
        assert_eq!(four.broken.map(|(_, way)| way.len()), Some(6));
    }
}
