//! What must hold, by name. Each answers what is wrong, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use schemas::id::PayloadId;
use schemas::store::status;

use crate::calm;
use crate::store::{BatchKey, Line, PollKey};
use crate::system::System;

/// An agent whose disk is set back to before a reading was stamped stamps it anew, from another answer to a hello: the two
/// rows lie apart by two halves of the longest round trip at most.
const STAMPED_TWICE_MAX: u32 = 5;

pub(crate) type Verdict = Result<(), String>;

/// Whatever was frozen is held by its agent, or settled in the store, or lost with a disk (which only a fault does).
pub(crate) fn nothing_freed_before_it_is_settled(system: &System) -> Verdict {
    let truth = &system.truth;
    for id in &truth.freed {
        let known = &truth.frozen[id];
        if !system.store.has_settled(&known.key) {
            return Err(format!("{id} was freed and is not settled"));
        }
    }
    for (id, known) in &truth.frozen {
        let there = system.agents[known.agent].holds(*id)
            || truth.freed.contains(id)
            || system.store.has_settled(&known.key)
            || truth.excused.contains(id);
        if !there {
            return Err(format!("{id} (seq {}) is neither held nor settled", known.key.2));
        }
    }
    Ok(())
}

/// Whoever was told, and whatever the books say: all rows are there, or the bytes are kept with the reason.
pub(crate) fn nothing_settled_that_is_not_stored(system: &System) -> Verdict {
    let (truth, store) = (&system.truth, &system.store);
    for id in &truth.told {
        let known = truth.frozen.get(id).ok_or_else(|| format!("{id} was acknowledged and never frozen"))?;
        if !store.has_settled(&known.key) {
            return Err(format!("{id} was acknowledged and has no line in the books"));
        }
    }
    for (key, Line { status: became, .. }) in &store.batches {
        let known = &truth.frozen[&PayloadId(key.3)];
        let stored = if *became == status::COMMITTED {
            known.polls.iter().all(|(key, _)| store.polls.contains_key(key))
                && known.stats.iter().all(|key| store.stats.contains_key(key))
                && known.drops.iter().all(|key| store.drops.contains_key(key))
        } else {
            store.kept.get(&(key.0.clone(), key.3)).is_some_and(|(_, bytes)| *bytes == known.bytes)
        };
        if !stored {
            return Err(format!("seq {} is in the books and its rows are not stored", key.2));
        }
    }
    Ok(())
}

/// A reading has one row however often it came: repeats have the same key, and their bytes the same stamp.
pub(crate) fn no_row_twice_in_final(system: &System) -> Verdict {
    let mut seen = BTreeMap::new();
    for ((.., ts, cn), reading) in &system.store.polls {
        let set_back = system.truth.set_back.contains(&system.truth.readings[&reading.total]);
        let apart_max = if set_back { STAMPED_TWICE_MAX } else { 0 };
        if let Some(other) = seen.insert((cn, reading.total), *ts)
            && (apart_max == 0 || other.abs_diff(*ts) > apart_max)
        {
            return Err(format!("reading {} of {cn} has rows at {other} and {ts}", reading.total));
        }
    }
    Ok(())
}

/// The views hold what they would hold had every row come once.
pub(crate) fn rollups_unchanged_by_repeats(system: &System) -> Verdict {
    let (rollup, expected) = (&system.store.rollup, system.store.rollup_of_final());
    if *rollup == expected {
        return Ok(());
    }
    let twins: BTreeSet<&str> = twins(system).into_iter().map(|(_, _, device, ..)| device.as_str()).collect();
    let mut other = rollup.keys().chain(expected.keys()).filter(|key| rollup.get(*key) != expected.get(*key));
    match other.find(|(_, _, device)| !twins.contains(device.as_str())) {
        Some(key) => Err(format!("{key:?}: {:?} is not {:?}", rollup.get(key), expected.get(key))),
        None => Ok(()),
    }
}

/// Seconds in which a device has two readings, because the time was learned anew or guessed between them, or the same one in
/// two payloads of a disk that was set back: the views know both, and FINAL keeps the first that came.
fn twins(system: &System) -> BTreeSet<&PollKey> {
    let (mut first, mut twins) = (BTreeMap::new(), BTreeSet::new());
    for known in system.truth.frozen.values() {
        let set_back = system.truth.set_back.contains(&known.agent);
        for (key, reading) in &known.polls {
            let other = first.insert(key, *reading).is_some_and(|before| before != *reading || set_back);
            twins.extend(other.then_some(key));
        }
    }
    twins
}

/// No seq below the stated oldest is missing, and no place in the books has two payloads unless a disk was set back.
pub(crate) fn the_books_close(system: &System) -> Verdict {
    for ((cn, epoch), balance) in system.store.books() {
        for seq in balance.lost.spans().iter().flat_map(|span| span.first..=span.last) {
            // A disk that is set back to an earlier epoch loses what the later one held, and the books say so. If the
            // later one had named it as ended, what it holds again is called lost until it is settled.
            let mut there = system.truth.frozen.iter().filter(|(_, known)| {
                (&known.key.0, known.key.1, known.key.2) == (&cn, epoch, seq)
                    && system.truth.set_back.contains(&known.agent)
            });
            let there =
                there.any(|(id, known)| system.truth.excused.contains(id) || system.agents[known.agent].holds(*id));
            let epoch_forgotten = system.truth.forgotten.contains(&(cn.clone(), epoch));
            if !(there || epoch_forgotten || named_in_kept(system, &cn, epoch, seq)) {
                return Err(format!("{cn} {epoch}: seq {seq} is lost\n{}", system.store.said_of(&cn)));
            }
        }
    }
    let mut before: Option<&BatchKey> = None;
    for key in system.store.batches.keys() {
        let agent = system.truth.frozen[&PayloadId(key.3)].agent;
        let same = before.is_some_and(|before| (&before.0, before.1, before.2) == (&key.0, key.1, key.2));
        if same && !system.truth.set_back.contains(&agent) {
            return Err(format!("{}: seq {} was given twice", key.0, key.2));
        }
        before = Some(key);
    }
    Ok(())
}

/// Whether a payload that the store refused, whose bytes are kept, says that this seq was given up: whoever brings it in
/// again brings the drop record with it.
fn named_in_kept(system: &System, cn: &str, epoch: u64, seq: u64) -> bool {
    let refused = system.truth.frozen.iter().filter(|(id, _)| system.store.kept.contains_key(&(cn.to_owned(), id.0)));
    let mut drops = refused.flat_map(|(_, known)| &known.drops);
    drops.any(|(of, in_epoch, from, to, _)| (of.as_str(), *in_epoch) == (cn, epoch) && (*from..=*to).contains(&seq))
}

/// From here, without further faults, everything that is held is settled, every reading has its row or its bytes are kept,
/// and the books close. What is over quota is settled on a later day.
pub(crate) fn everything_settles_once_faults_stop(system: &System) -> Verdict {
    let settled = calm::run(system)?;
    for (name, check) in SAFETY {
        check(&settled).map_err(|why| format!("afterwards {name}: {why}"))?;
    }
    let stored: BTreeSet<i64> = settled.store.polls.values().map(|reading| reading.total).collect();
    let twins = twins(&settled);
    for reading in settled.truth.readings.keys() {
        let excused = settled.truth.excused_readings.contains(reading);
        let carriers = settled.truth.frozen.iter().filter(|(_, known)| known.polls.iter().any(|(_, r)| r == reading));
        // A refused reading takes its whole payload along; the bytes are kept.
        let kept =
            carriers.clone().any(|(_, known)| settled.store.kept.contains_key(&(known.key.0.clone(), known.key.3)));
        let lost = carriers.clone().all(|(id, _)| settled.truth.excused.contains(id)) && carriers.clone().count() > 0;
        let mut polls = carriers.flat_map(|(_, known)| &known.polls).filter(|(_, total)| total == reading);
        let twin = polls.any(|(key, _)| twins.contains(key) && settled.store.polls.contains_key(key));
        if !(stored.contains(reading) || excused || lost || kept || twin) {
            return Err(format!("reading {reading} was taken and is nowhere"));
        }
    }
    for ((cn, epoch), balance) in settled.store.books() {
        let forgotten = settled.truth.forgotten.contains(&(cn.clone(), epoch));
        if balance.open > 0 && settled.truth.set_back.is_empty() && !forgotten {
            return Err(format!("{cn} {epoch}: {} seqs are still open\n{}", balance.open, settled.store.said_of(&cn)));
        }
    }
    Ok(())
}

/// Everything that is broken in a state, named; `and_later` asks for what is to settle as well.
///
/// # Errors
/// A line for each.
pub(crate) fn hold(system: &System, and_later: bool) -> Verdict {
    let later = ("everything_settles_once_faults_stop", everything_settles_once_faults_stop as Check);
    let checks = SAFETY.into_iter().chain(and_later.then_some(later));
    let broken: Vec<String> =
        checks.filter_map(|(name, check)| check(system).err().map(|why| format!("{name}: {why}"))).collect();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

type Check = fn(&System) -> Verdict;

/// Those that hold at every moment.
const SAFETY: [(&str, Check); 5] = [
    ("nothing_freed_before_it_is_settled", nothing_freed_before_it_is_settled),
    ("nothing_settled_that_is_not_stored", nothing_settled_that_is_not_stored),
    ("no_row_twice_in_final", no_row_twice_in_final),
    ("rollups_unchanged_by_repeats", rollups_unchanged_by_repeats),
    ("the_books_close", the_books_close),
];
