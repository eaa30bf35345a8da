//! Decides what becomes of each delivery: answered at once, or on its way into a group. Owns the caches; does no IO.
//!
//! A broker hands out few payloads at a time and in the order of their coming, so that a backlog there would delay everybody.
//! Payloads are therefore taken out of the broker's window as soon as they are here, as long as memory allows, and wait here,
//! fairly by agent. Nothing is told to an agent because of that.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::acks::{self, Message};
use crate::batch::{Batcher, Group, Member};
use crate::decode::{self, Content, Envelope};
use crate::dedupe::{Key, Recent, Seen};
use crate::limits::{WAITING_BEYOND_MAX, WAITING_BYTES_MAX, WAITING_MAX};
use crate::metrics::{Counters, Fate};
use crate::queue::FairQueue;
use crate::quota::{Quota, Verdict};
use crate::window::Token;
use schemas::id::PayloadId;

/// A message from the broker.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub token: Token,
    pub topic: String,
    pub payload: Bytes,
    pub received: Timestamp,
    pub arrived: Instant,
}

/// What the broker's side is to do, in this order.
#[derive(Debug, Clone)]
pub enum Command {
    Tell(Message),
    /// These deliveries are done with; flow control only.
    Release(Vec<Token>),
}

/// What one worker has taken and not handed on.
#[derive(Debug, Clone)]
pub struct Intake {
    recent: Recent,
    quota: Quota,
    batcher: Batcher,
    waiting: FairQueue<Waiting>,
    worker: String,
    counters: Counters,
}

#[derive(Debug, Clone)]
struct Waiting {
    envelope: Envelope,
    delivery: Delivery,
    conflict: Option<PayloadId>,
}

impl Intake {
    /// `worker` names this process in the books.
    pub fn new(recent: Recent, quota: Quota, batcher: Batcher, worker: &str, counters: Counters) -> Self {
        Self { recent, quota, batcher, waiting: FairQueue::default(), worker: worker.to_owned(), counters }
    }

    /// Whether another delivery may be taken.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX + WAITING_BEYOND_MAX
    }

    /// Takes a delivery. What is answered at once comes back; `now` is the server's time in Unix milliseconds.
    pub fn take(&mut self, delivery: Delivery, now: i64) -> Vec<Command> {
        let release = Command::Release(vec![delivery.token]);
        let envelope = match decode::envelope(&delivery.topic, &delivery.payload) {
            Ok(envelope) => envelope,
            Err(refusal) => {
                self.counters.payload(Fate::Refused);
                tracing::warn!(reason = %refusal, "message refused");
                return vec![release];
            }
        };
        let cn = &envelope.cn;
        if let Content::Hello(hello) = &envelope.content {
            self.counters.hellos.inc();
            tracing::debug!(agent = %cn, drill = hello.drill, "hello");
            return acks::hello(cn, hello.nonce, now).map(Command::Tell).into_iter().chain([release]).collect();
        }
        match self.recent.seen(Key::new(cn, envelope.id)) {
            Seen::New => {}
            Seen::InFlight => {
                self.counters.payload(Fate::Duplicate);
                return vec![release];
            }
            Seen::Settled => {
                self.counters.payload(Fate::Duplicate);
                self.counters.acks.inc();
                let messages = acks::settled([(cn.clone(), envelope.id)], now);
                return messages.into_iter().map(Command::Tell).chain([release]).collect();
            }
        }
        if let Verdict::Over { first } = self.quota.take(cn, delivery.payload.len(), decode::seconds(delivery.received))
        {
            self.counters.payload(Fate::OverQuota);
            if first {
                tracing::error!(agent = %cn, "over quota, its payloads stay with it until tomorrow (UTC)");
            }
            return vec![release];
        }
        let conflict = self.recent.take(cn, envelope.epoch, envelope.seq, envelope.id);
        if let Some(other) = conflict {
            self.counters.conflicts.inc();
            tracing::warn!(agent = %cn, epoch = envelope.epoch, seq = envelope.seq, id = %envelope.id, %other, "two payloads for one seq");
        }
        let (cn, bytes) = (envelope.cn.clone(), delivery.payload.len());
        self.waiting.push(&cn, bytes, Waiting { envelope, delivery, conflict });
        self.count_pending();
        // Beyond this the broker gives no more until groups are settled.
        let roomy = self.waiting.len() < WAITING_MAX && self.waiting.bytes() < WAITING_BYTES_MAX;
        if roomy { vec![release] } else { Vec::new() }
    }

    /// Moves what waits into the group that fills, as far as it has room.
    pub fn fill(&mut self, now: Instant) {
        while !self.batcher.is_full()
            && let Some(Waiting { envelope, delivery, conflict }) = self.waiting.pop()
        {
            let mut payload = decode::payload(&envelope, &delivery.payload, delivery.received, &self.worker);
            if payload.batch.status == schemas::store::status::REJECTED {
                tracing::warn!(agent = %payload.cn, id = %payload.id, reason = payload.batch.reason, "payload rejected");
            }
            if let Some(other) = conflict {
                payload.rows.events.push(decode::two_payloads_for_one_seq(&payload, other));
            }
            let Delivery { token, payload: bytes, arrived, .. } = delivery;
            self.batcher.push(Member { payload, bytes, arrived, token }, now);
        }
    }

    /// Shows how long the oldest payload has waited for a group.
    pub fn measure(&self, now: Instant) {
        let oldest = self.waiting.heads().map(|waiting| waiting.delivery.arrived).min();
        let waited = oldest.map_or(0, |arrived| now.saturating_duration_since(arrived).as_secs());
        self.counters.queue_seconds.set(i64::try_from(waited).unwrap_or(i64::MAX));
    }

    /// When the group that fills is to be inserted.
    pub fn due(&self) -> Option<Instant> {
        self.batcher.due()
    }

    /// Takes the group that fills.
    pub fn close(&mut self) -> Group {
        self.batcher.close()
    }

    /// Whether nothing waits and nothing fills.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.batcher.is_empty()
    }

    /// These are settled: a repeat is told at once from now on.
    pub fn settle(&mut self, keys: &[Key]) {
        for key in keys {
            self.recent.settle(*key);
        }
        self.count_pending();
    }

    /// What it remembers of ids.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The payloads in the group that fills.
    pub fn filling(&self) -> &[Member] {
        self.batcher.members()
    }

    fn count_pending(&self) {
        self.counters.pending_payloads.set(i64::try_from(self.recent.in_flight()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BatchConfig;
    use schemas::id::AgentCn;
    use schemas::topic::Topic;
    use schemas::wire::{Body, Hello, decode_ack, encode_hello, freeze};
    use service::metrics::Metrics;

    const NOW: i64 = 1_780_000_000_123;

    fn cn() -> AgentCn {
        "acme.one".parse().unwrap()
    }

    fn intake(quota: u64) -> Intake {
        let counters = Counters::new(&Metrics::new("ingest", "0"));
        Intake::new(Recent::new(100), Quota::new(quota), Batcher::new(&BatchConfig::default()), "w", counters)
    }

    fn delivery(number: u64, bytes: Vec<u8>) -> Delivery {
        Delivery {
            token: Token { connection: 1, number },
            topic: Topic::up(&cn()).to_string(),
            payload: bytes.into(),
            received: Timestamp::from_millisecond(NOW).unwrap(),
            arrived: Instant::now(),
        }
    }

    fn batch(epoch: u64, seq: u64) -> Vec<u8> {
        freeze(&cn(), epoch, seq, &Body::default()).unwrap().bytes
    }

    fn told(commands: &[Command]) -> Vec<schemas::wire::Ack> {
        let tell = |command: &Command| match command {
            Command::Tell(message) => Some(decode_ack(&message.payload).unwrap()),
            Command::Release(_) => None,
        };
        commands.iter().filter_map(tell).collect()
    }

    #[tokio::test]
    async fn a_hello_is_answered_at_once_with_the_time_and_its_nonce() {
        let hello = encode_hello(&cn(), &Hello { nonce: 5, ..Hello::default() }).unwrap();
        let acks = told(&intake(1_000_000).take(delivery(0, hello), NOW));
        assert_eq!((acks[0].re, acks[0].now, acks[0].ids.len()), (Some(5), NOW, 0));
    }

    #[tokio::test]
    async fn nothing_is_acknowledged_before_it_is_settled_and_a_repeat_afterwards_at_once() {
        let mut intake = intake(1_000_000);
        let bytes = batch(1, 1);
        let taken = intake.take(delivery(0, bytes.clone()), NOW);
        assert!(matches!(taken.as_slice(), [Command::Release(_)]), "flow control only");
        intake.fill(Instant::now());
        let repeat = intake.take(delivery(1, bytes.clone()), NOW);
        assert!(matches!(repeat.as_slice(), [Command::Release(_)]), "in flight: flow control only");
        let group = intake.close();
        assert_eq!(group.members.len(), 1);
        intake.settle(&[Key::new(&cn(), group.members[0].payload.id)]);
        let acks = told(&intake.take(delivery(2, bytes.clone()), NOW));
        assert_eq!(acks[0].ids[0].as_slice(), PayloadId::of(&bytes).0);
        assert!(intake.is_empty());
    }

    #[tokio::test]
    async fn over_quota_nothing_is_taken_and_the_agent_hears_nothing() {
        let mut intake = intake(1);
        assert!(told(&intake.take(delivery(0, batch(1, 1)), NOW)).is_empty());
        let over = intake.take(delivery(1, batch(1, 2)), NOW);
        assert!(matches!(over.as_slice(), [Command::Release(_)]));
    }

    #[tokio::test]
    async fn a_full_intake_leaves_the_rest_to_the_broker() {
        let mut intake = intake(1_000_000_000);
        let released =
            (1..=WAITING_MAX as u64).filter(|seq| !intake.take(delivery(*seq, batch(1, *seq)), NOW).is_empty()).count();
        assert_eq!(released, WAITING_MAX - 1);
        assert!(intake.has_room(), "what the broker's window still holds is taken");
        (0..WAITING_BEYOND_MAX as u64).for_each(|seq| drop(intake.take(delivery(seq, batch(2, seq + 1)), NOW)));
        assert!(!intake.has_room());
    }

    #[tokio::test]
    async fn a_second_payload_for_one_seq_is_taken_and_an_event_says_so() {
        let mut intake = intake(1_000_000);
        intake.take(delivery(0, batch(1, 1)), NOW);
        let other = freeze(&cn(), 1, 1, &Body { site: "other".into(), ..Body::default() }).unwrap().bytes;
        intake.take(delivery(1, other), NOW);
        intake.fill(Instant::now());
        let group = intake.close();
        assert_eq!(group.members.len(), 2);
        assert!(group.members[1].payload.rows.events.iter().any(|event| event.kind == "two-payloads-for-one-seq"));
    }
}
