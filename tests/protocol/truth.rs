//! What really happened, as nobody inside the system can know it; the invariants hold it against what the system says.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use ingest::decode;
use schemas::id::{AgentCn, PayloadId};
use schemas::topic::Topic;

use crate::store::{BatchKey, PollKey, poll_key};
use crate::time::BEGINNING_MS;

/// A payload that was frozen: its bytes never change, so what must be stored of it is known from then on.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) agent: usize,
    pub(crate) key: BatchKey,
    pub(crate) bytes: Bytes,
    pub(crate) polls: Vec<(PollKey, i64)>,
    pub(crate) stats: Vec<(String, u64, u64, u32)>,
    pub(crate) drops: Vec<(String, u64, u64, u64, String)>,
}

impl Known {
    pub(crate) fn new(agent: usize, cn: &AgentCn, bytes: Bytes) -> Self {
        let envelope = decode::envelope(&Topic::up(cn).to_string(), &bytes).unwrap();
        // Received so late that no stamp is impossible; keys do not depend on it.
        let received = jiff::Timestamp::from_millisecond(BEGINNING_MS + 20 * 365 * 86_400_000).unwrap();
        let payload = decode::payload(&envelope, &bytes, received, "truth");
        let polls = payload.rows.polls.iter().map(|row| (poll_key(row), row.total.unwrap())).collect();
        let stats = payload.rows.stats.iter().map(|row| (row.cn.clone(), row.epoch, row.seq, row.ts)).collect();
        let drops = payload.rows.drops.iter();
        let drops = drops.map(|row| (row.cn.clone(), row.epoch, row.from_seq, row.to_seq, row.cause.clone())).collect();
        let batch = &payload.batch;
        let key = (batch.cn.clone(), batch.epoch, batch.seq, batch.id);
        Self { agent, key, bytes, polls, stats, drops }
    }
}

/// The history as far as an invariant speaks of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    /// Every payload that was ever frozen.
    pub(crate) frozen: BTreeMap<PayloadId, Arc<Known>>,
    /// Freed by an agent because of an ack.
    pub(crate) freed: BTreeSet<PayloadId>,
    /// Named in an ack by a worker.
    pub(crate) told: BTreeSet<PayloadId>,
    /// Gone with a disk that was set back or lost, or given up with a drop record.
    pub(crate) excused: BTreeSet<PayloadId>,
    /// Every reading that was ever durable, and whose it is.
    pub(crate) readings: BTreeMap<i64, usize>,
    /// Readings that went the same way as payloads in `excused`.
    pub(crate) excused_readings: BTreeSet<i64>,
    /// Agents whose disk was set back: one place in their books may have two payloads.
    pub(crate) set_back: BTreeSet<usize>,
    /// (cn, epoch) that an agent no longer remembers although not all of it is accounted for: it keeps the latest
    /// `PRIOR_EPOCHS_MAX`. What they held is called open or lost for good.
    pub(crate) forgotten: BTreeSet<(String, u64)>,
}

impl Hash for Truth {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.frozen.keys().for_each(|id| id.0.hash(state));
        (&self.freed, &self.told, &self.excused, &self.readings, &self.excused_readings, &self.set_back).hash(state);
        self.forgotten.hash(state);
    }
}
