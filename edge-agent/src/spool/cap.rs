//! Keeps the spool below its cap by giving up the oldest, which is counted and said.

use schemas::wire::{Drop, Record, decode_body, decode_header};

use super::given::plan_of;
use super::layout::{Name, Write, decode_records};
use super::{Spool, SpoolError};
use crate::limits::GIVE_UP_STEP;
use crate::time::Moment;

impl Spool {
    /// Gives up the oldest until there is room again. Drop records inside what is given up are kept.
    pub(super) fn keep_below_cap(&mut self, now: Moment, writes: &mut Vec<Write>) -> Result<(), SpoolError> {
        if self.books.bytes() <= self.settings.bytes_max {
            return Ok(());
        }
        let goal = self.settings.bytes_max.saturating_sub(GIVE_UP_STEP.min(self.settings.bytes_max / 16));
        let before = self.books.taken();
        let mut drops = Vec::new();
        while self.books.bytes() > goal {
            drops.extend(self.drops_in_oldest(writes)?);
            let Some(drop) = self.books.give_up_oldest("cap", writes) else { break };
            drops.push(drop);
        }
        let payloads = drops.len();
        for drop in join(drops) {
            self.books.add_drop(now, drop, writes);
        }
        tracing::warn!(payloads, taken = before, bytes_max = self.settings.bytes_max, "cap reached, oldest given up");
        Ok(())
    }

    /// Drop records inside what is given up next; plans inside will be sent again.
    fn drops_in_oldest(&mut self, writes: &mut Vec<Write>) -> Result<Vec<Drop>, SpoolError> {
        let drop_of = |record: &Record| record.drop.as_deref().cloned();
        if let Some(seq) = self.books.held().first_key_value().map(|(seq, _)| *seq) {
            let Some(value) = self.read_frozen(seq)? else { return Ok(Vec::new()) };
            let Some(body) = decode_header(&value.payload).ok().and_then(|header| decode_body(&header).ok()) else {
                return Ok(Vec::new());
            };
            for record in &body.records {
                if let Some((device, plan)) = plan_of(record, &body.devices) {
                    self.memory.forget_plan(device, plan, writes);
                }
            }
            return Ok(body.records.iter().filter_map(drop_of).collect());
        }
        let Some(key) = self.books.pending().front().map(|pending| pending.key) else { return Ok(Vec::new()) };
        // Records of the commit under way are not in the store yet; they are never the oldest of a sane cap.
        let value = self.store.read(Name::Pending(key))?;
        let records = value.and_then(|value| decode_records(&value)).map(|(records, _)| records);
        let records = records.unwrap_or_default();
        for taken in &records {
            if let Some(plan) = taken.record.plan.as_deref() {
                self.memory.forget_plan(taken.device.as_ref(), plan, writes);
            }
        }
        Ok(records.iter().filter_map(|taken| drop_of(&taken.record)).collect())
    }
}

/// Joins drops whose seqs touch, in whatever order they come: entries that are given up hold drop records and need some
/// themselves, so that their number would double with each round.
fn join(mut drops: Vec<Drop>) -> Vec<Drop> {
    drops.sort_by(|one, other| {
        (one.epoch, &one.cause, one.from, one.to).cmp(&(other.epoch, &other.cause, other.from, other.to))
    });
    let mut joined: Vec<Drop> = Vec::new();
    for drop in drops {
        match joined.last_mut() {
            Some(last)
                if (last.epoch, &last.cause) == (drop.epoch, &drop.cause) && drop.from <= last.to.saturating_add(1) =>
            {
                // What is said twice is counted once.
                last.polls = if drop.from > last.to { last.polls + drop.polls } else { last.polls.max(drop.polls) };
                last.to = last.to.max(drop.to);
            }
            _ => joined.push(drop),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_whose_seqs_touch_become_one_and_causes_stay_apart() {
        let drop =
            |from, to, cause: &str| Drop { epoch: 1, from, to, polls: 1, cause: cause.into(), ..Drop::default() };
        let joined = join(vec![drop(7, 7, "damaged"), drop(2, 4, "cap"), drop(6, 6, "cap"), drop(1, 1, "cap")]);
        let spans: Vec<_> = joined.iter().map(|drop| (drop.from, drop.to, drop.polls)).collect();
        assert_eq!(spans, [(1, 4, 2), (6, 6, 1), (7, 7, 1)]);
        let twice = join(vec![drop(1, 4, "lost-spool"), drop(1, 4, "lost-spool")]);
        assert_eq!(twice.iter().map(|drop| (drop.from, drop.to, drop.polls)).collect::<Vec<_>>(), [(1, 4, 1)]);
    }
}
