//! Closes batches: what waits unfrozen gets its stamps, is built into payloads and frozen under the next seqs.

use schemas::wire::freeze_encoded;

use super::batch;
use super::books::Damaged;
use super::given::Given;
use super::layout::{FrozenValue, Name, decode_records, encode};
use super::record::Taken;
use super::{Close, Spool, SpoolError};
use crate::time::Moment;
use crate::time::stamper::{Span, Stamp};

impl Spool {
    /// Closes batches: stamps, builds and freezes them. Only what this returns from can be sent. Returns how many.
    ///
    /// # Errors
    /// Errors of the store; they need [`Spool::reopen`].
    pub fn close(&mut self, now: Moment, how: Close) -> Result<usize, SpoolError> {
        let mut closed = 0;
        loop {
            self.store.check()?;
            self.judge_ended_boots();
            let (entries, full) = self.books.next_batch(|pending| self.stamper.stamp(pending.at).is_some());
            let due = how == Close::All || self.linger.is_over(self.books.pending().front().map(|front| front.at), now);
            if entries == 0 || !(full || due) {
                if entries == 0 || due {
                    self.linger.calm();
                }
                break;
            }
            let mut writes = Vec::new();
            let records = match self.read_front(entries)? {
                Ok(records) => records,
                Err(damaged) => {
                    for drop in self.books.give_up_damaged(damaged, &mut writes) {
                        self.books.add_drop(now, drop, &mut writes);
                    }
                    self.store.commit(writes)?;
                    continue;
                }
            };
            let batch = batch::build(&self.settings.origin, &records);
            if let [only] = batch.built.as_slice()
                && !self.books.measured(entries, only.body.len())
                && !due
            {
                continue;
            }
            let closed_ms = self.stamper.guess_ms(now);
            let named = self.books.named_in_front(entries);
            for built in batch.built {
                let seq = self.books.next_seq();
                let frozen = freeze_encoded(&self.settings.cn, self.books.epoch(), seq, built.records, built.body);
                match frozen {
                    Ok(frozen) => {
                        let value = FrozenValue { polls: built.polls, closed_ms, payload: frozen.bytes };
                        self.bytes_frozen += u64::try_from(value.payload.len()).unwrap_or(0);
                        self.books.freeze(frozen.id, &value, named, &mut writes);
                        closed += 1;
                    }
                    Err(error) => tracing::error!(%error, "payload left out"),
                }
            }
            self.books.frozen_front(entries, &mut writes);
            for (moment, stamp) in records.iter().map(|(taken, stamp)| (taken.at, *stamp)) {
                self.stamper.stamped(moment, stamp);
            }
            writes.push((Name::Clock.key(), Some(encode(self.stamper.known()))));
            for (kind, fate) in batch.oversize {
                tracing::warn!(kind, fate, "record too large for a payload");
                let event =
                    Given::event(now, "record-too-large", [("kind", kind.to_owned()), ("fate", fate.to_owned())]);
                let mut events = Vec::new();
                self.memory.records(event, closed_ms, self.settings.withhold, &mut events, &mut writes);
                self.books.add(&events, &mut writes);
            }
            self.store.commit(writes)?;
            self.save_counters();
        }
        Ok(closed)
    }

    fn judge_ended_boots(&mut self) {
        while let Some(boot) =
            self.books.pending().iter().map(|pending| pending.at.boot).find(|boot| self.stamper.needs_verdict(*boot))
        {
            let spans = self.books.pending().iter().filter(|pending| pending.at.boot == boot);
            let joined = spans.filter_map(|pending| pending.span).reduce(Span::joined);
            let Some(span) = joined else { break };
            self.stamper.judge(boot, span);
        }
    }

    /// The records of the first entries with their stamps, or which entry cannot be read.
    fn read_front(&mut self, entries: usize) -> Result<Result<Vec<(Taken, Stamp)>, Damaged>, SpoolError> {
        let keys: Vec<u64> = self.books.pending().iter().take(entries).map(|pending| pending.key).collect();
        let mut records = Vec::new();
        for key in keys {
            let value = self.store.read(Name::Pending(key))?;
            let Some((taken, _)) = value.and_then(|value| decode_records(&value)) else {
                return Ok(Err(Damaged::Pending(key)));
            };
            for taken in taken {
                let Some(stamp) = self.stamper.stamp(taken.at) else { return Ok(Err(Damaged::Pending(key))) };
                records.push((taken, stamp));
            }
        }
        Ok(Ok(records))
    }
}
