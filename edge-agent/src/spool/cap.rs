//! Keeps the spool below its cap by giving up the oldest, which is counted and said.

use schemas::id::PayloadId;
use schemas::wire::{Body, Drop, decode_body, decode_header};

use super::books::Damaged;
use super::given::plan_of;
use super::layout::{Name, Write, decode_records};
use super::{Spool, SpoolError};
use crate::limits::{DROPS_MAX, GIVE_UP_STEP};
use crate::time::Moment;

impl Spool {
    /// Gives up the oldest until there is room again. Drop records inside what is given up are kept, few of each cause: the
    /// spool may be above its cap by these, however often that happens.
    pub(super) fn keep_below_cap(&mut self, now: Moment, writes: &mut Vec<Write>) -> Result<(), SpoolError> {
        if self.books.bytes() <= self.settings.bytes_max {
            return Ok(());
        }
        let goal = self.settings.bytes_max.saturating_sub(GIVE_UP_STEP.min(self.settings.bytes_max / 16));
        let (taken, before) = (self.books.taken(), self.books.state().dropped);
        let mut drops = Vec::new();
        while self.books.bytes() > goal {
            let given_up = self.give_up_oldest(writes)?;
            if given_up.is_empty() {
                break;
            }
            drops.extend(given_up);
        }
        for drop in few(drops) {
            self.books.add_drop(now, drop, writes);
        }
        let payloads = self.books.state().dropped - before;
        tracing::warn!(payloads, taken, bytes_max = self.settings.bytes_max, "cap reached, oldest given up");
        Ok(())
    }

    /// Gives up the oldest payload or unfrozen entry. Returns its drop record and those inside it, nothing if nothing is
    /// held; plans inside will be sent again.
    fn give_up_oldest(&mut self, writes: &mut Vec<Write>) -> Result<Vec<Drop>, SpoolError> {
        let mut drops = Vec::new();
        if let Some((seq, id)) = self.books.held().first_key_value().map(|(seq, held)| (*seq, held.id)) {
            let Some(body) = self.read_frozen(seq)?.and_then(|value| body_of(id, &value.payload)) else {
                return Ok(self.give_up_damaged(Damaged::Frozen(seq), writes));
            };
            for (device, plan) in body.records.iter().filter_map(|record| plan_of(record, &body.devices)) {
                self.memory.forget_plan(device, plan, writes);
            }
            drops.extend(body.records.into_iter().filter_map(|record| record.drop.map(|drop| *drop)));
        } else if let Some(key) = self.books.pending().front().map(|pending| pending.key) {
            // Records of the commit under way are not in the store yet; they are never the oldest of a sane cap.
            let value = self.store.read(Name::Pending(key))?;
            let records = value.and_then(|value| decode_records(&value)).map(|(records, _)| records);
            for taken in records.unwrap_or_default() {
                if let Some(plan) = taken.record.plan.as_deref() {
                    self.memory.forget_plan(taken.device.as_ref(), plan, writes);
                }
            }
        }
        drops.extend(self.books.give_up_oldest("cap", writes));
        Ok(drops)
    }
}

/// What a payload says, if it is still the one that was frozen.
fn body_of(id: PayloadId, payload: &[u8]) -> Option<Body> {
    let header = decode_header(payload).ok().filter(|_| PayloadId::of(payload) == id)?;
    decode_body(&header).ok()
}

/// Joins drops whose seqs touch, in whatever order they come, and bridges the smallest gaps until at most [`DROPS_MAX`] are
/// left of each epoch and cause. Without it their number would grow with each round: what is given up holds drop records
/// and needs some itself.
pub(super) fn few(mut drops: Vec<Drop>) -> Vec<Drop> {
    drops.sort_by(|one, other| {
        (one.epoch, &one.cause, one.from, one.to).cmp(&(other.epoch, &other.cause, other.from, other.to))
    });
    let alike = drops.chunk_by(|one, other| (one.epoch, &one.cause) == (other.epoch, &other.cause));
    let few_alike = |drops: &[Drop]| {
        let touching = join(drops, 0);
        let mut gaps: Vec<u64> = touching.windows(2).map(|pair| pair[1].from - pair[0].to - 1).collect();
        gaps.sort_unstable_by(|one, other| other.cmp(one));
        match gaps.get(DROPS_MAX - 1) {
            Some(gap) => join(&touching, *gap),
            None => touching,
        }
    };
    alike.flat_map(few_alike).collect()
}

/// Joins sorted drops of one epoch and cause that are no more than `gap` seqs apart.
fn join(drops: &[Drop], gap: u64) -> Vec<Drop> {
    let mut joined: Vec<Drop> = Vec::new();
    for drop in drops {
        match joined.last_mut() {
            Some(last) if drop.from <= last.to.saturating_add(1).saturating_add(gap) => {
                last.polls = last.polls.saturating_add(drop.polls);
                last.to = last.to.max(drop.to);
            }
            _ => joined.push(drop.clone()),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(from: u64, to: u64) -> Drop {
        Drop { epoch: 1, from, to, polls: 1, cause: "cap".into(), ..Drop::default() }
    }

    fn spans(drops: &[Drop]) -> Vec<(u64, u64, u64)> {
        drops.iter().map(|drop| (drop.from, drop.to, drop.polls)).collect()
    }

    #[test]
    fn drops_whose_seqs_touch_become_one_and_causes_and_epochs_stay_apart() {
        let other_cause = Drop { cause: "damaged".into(), ..cap(7, 7) };
        let other_epoch = Drop { epoch: 2, ..cap(5, 5) };
        let joined = few(vec![other_epoch, other_cause, cap(2, 4), cap(6, 6), cap(1, 1)]);
        assert_eq!(spans(&joined), [(1, 4, 2), (6, 6, 1), (7, 7, 1), (5, 5, 1)]);
    }

    #[test]
    fn of_many_drops_those_with_the_smallest_gaps_between_them_become_one() {
        let far_apart = (1..=16).map(|n| cap(n * 1_000, n * 1_000));
        assert_eq!(few(far_apart.clone().collect()).len(), 16);
        let joined = few(far_apart.rev().chain([cap(3_005, 3_007), cap(7_003, 7_003)]).collect());
        assert_eq!(joined.len(), 16);
        assert_eq!(joined.iter().map(|drop| drop.polls).sum::<u64>(), 18, "each poll is counted");
        assert!(spans(&joined).contains(&(3_000, 3_007, 2)) && spans(&joined).contains(&(7_000, 7_003, 2)));
    }
}
