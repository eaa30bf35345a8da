//! What leaves the spool without being settled: given up because of the cap, damaged, or missing. All of it is counted.

use schemas::wire::Drop;

use super::super::layout::{Name, Write};
use super::super::record::Taken;
use super::{Books, Lacking};
use crate::time::Moment;

/// The cause of drops that damage brought about.
const DAMAGED: &str = "damaged";

/// A value that could not be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    Pending(u64),
    Frozen(u64),
}

impl Books {
    /// Gives up the oldest payload held, or the oldest unfrozen entry, which gets a seq for it. The caller adds the
    /// returned drop record (and those inside the payload) with [`Books::add_drop`] in the same commit.
    pub fn give_up_oldest(&mut self, cause: &str, writes: &mut Vec<Write>) -> Option<Drop> {
        let drop = if let Some(seq) = self.frozen.first_key_value().map(|(seq, _)| *seq) {
            let held = self.settle(seq, writes)?;
            self.dropped(seq, u64::from(held.polls), cause)
        } else {
            let pending = self.pending.pop_front()?;
            self.pending_bytes -= pending.stored_bytes;
            self.named.remove(pending.key);
            writes.push((Name::Pending(pending.key).key(), None));
            self.dropped_unfrozen(u64::from(pending.polls), cause)
        };
        self.write_meta(writes);
        Some(drop)
    }

    /// Accounts for what a damaged log lost without an error: it may have gone back to an earlier state (`known_taken`, from
    /// the counters file, is then ahead of it), or lack payloads. Whatever of it was settled is stated as given up all the
    /// same; a commit beats a drop. Seqs are never given twice. Returns the drops to add, none for a sound log.
    pub fn account_for_losses(&mut self, known_taken: u64, writes: &mut Vec<Write>) -> Vec<Drop> {
        let lacking = self.lacking.take();
        if lacking.is_none() && known_taken <= self.taken() {
            return Vec::new();
        }
        let next = self.meta.next_seq;
        let Lacking { from, counted_below } = lacking.unwrap_or(Lacking { from: next, counted_below: next });
        self.meta.next_seq = self.meta.next_seq.max(known_taken.saturating_add(1));
        let drops = self.not_held(from, self.meta.next_seq);
        let newly = drops.iter().map(|drop| (drop.to + 1).saturating_sub(drop.from.max(counted_below))).sum::<u64>();
        self.meta.dropped = self.meta.dropped.saturating_add(newly);
        *self.given_up.entry(DAMAGED.to_owned()).or_default() += newly;
        self.write_meta(writes);
        drops
    }

    /// Gives up a value that cannot be read back. The drop records inside are lost with it, so that all that they may have
    /// named is named anew (by [`Books::account_for_losses`] if it is found damaged when the store is read); a commit beats a drop.
    pub fn give_up_damaged(&mut self, damaged: Damaged, writes: &mut Vec<Write>) -> Vec<Drop> {
        let mut drops = Vec::new();
        match damaged {
            Damaged::Frozen(seq) => {
                let named = self.named.by(seq);
                let polls = self.settle(seq, writes).map_or(0, |held| u64::from(held.polls));
                writes.push((Name::Frozen(seq).key(), None));
                drops.extend(named.map(|from| self.not_held(from, seq)).unwrap_or_default());
                drops.push(self.dropped(seq, polls, DAMAGED));
            }
            Damaged::Pending(key) => {
                let at = self.pending.iter().position(|pending| pending.key == key);
                let pending = at.and_then(|at| self.pending.remove(at));
                self.pending_bytes -= pending.as_ref().map_or(0, |pending| pending.stored_bytes);
                self.named.remove(key);
                writes.push((Name::Pending(key).key(), None));
                drops.extend(pending.as_ref().and_then(|pending| pending.drop.clone()));
                let polls = pending.map_or(0, |pending| u64::from(pending.polls));
                drops.push(self.dropped_unfrozen(polls, DAMAGED));
            }
        }
        self.write_meta(writes);
        drops
    }

    /// Drops for what is not held from `first` to before `end`.
    fn not_held(&self, first: u64, end: u64) -> Vec<Drop> {
        let drop = |from: u64, end: u64| Drop {
            epoch: self.epoch,
            from,
            to: end - 1,
            cause: DAMAGED.to_owned(),
            ..Drop::default()
        };
        let (mut drops, mut from) = (Vec::new(), first.max(1));
        for seq in self.frozen.range(from..end.max(from)).map(|(seq, _)| *seq).chain([end]) {
            if from < seq {
                drops.push(drop(from, seq));
            }
            from = seq + 1;
        }
        drops
    }

    /// Keeps a drop record; joins it to the one before if that is still unfrozen and the seqs touch.
    pub fn add_drop(&mut self, at: Moment, drop: Drop, writes: &mut Vec<Write>) {
        let mut joined = drop;
        if let Some(last) = self.pending.back()
            && last.at.boot == at.boot
            && let Some(before) = &last.drop
            && (before.epoch, &before.cause) == (joined.epoch, &joined.cause)
            && before.to.checked_add(1) == Some(joined.from)
        {
            joined.from = before.from;
            joined.polls += before.polls;
            if let Some(last) = self.pending.pop_back() {
                self.pending_bytes -= last.stored_bytes;
                self.named.remove(last.key);
                writes.push((Name::Pending(last.key).key(), None));
            }
        }
        self.add(&[Taken::new(at, None, joined)], writes);
    }

    fn dropped(&mut self, seq: u64, polls: u64, cause: &str) -> Drop {
        self.meta.dropped += 1;
        self.meta.polls_dropped += polls;
        *self.given_up.entry(cause.to_owned()).or_default() += 1;
        Drop { epoch: self.epoch, from: seq, to: seq, polls, cause: cause.to_owned(), ..Drop::default() }
    }

    /// Records that never were in a payload take a seq all the same, so that the books can name them.
    fn dropped_unfrozen(&mut self, polls: u64, cause: &str) -> Drop {
        let seq = self.meta.next_seq;
        self.meta.next_seq += 1;
        self.meta.polls_taken += polls;
        self.dropped(seq, polls, cause)
    }
}
