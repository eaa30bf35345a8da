//! The writing half of a connection: replies of the reading half, and publishes of the router (to a service) or from the
//! outbox (to an agent), in batches, to the socket.
//!
//! Ends the connection rather than let it miss a message: publishes of one filter are numbered by the router without gaps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use futures_util::FutureExt;
use rumqttd::local::LinkRx;
use rumqttd::protocol::{Packet, QoS, matches};
use rumqttd::{Forward, Notification};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::inflight::Inflight;
use crate::limits::{RING_ENTRY_BYTES, WRITE_BATCH_BYTES, WRITE_TIMEOUT};
use crate::metrics::BrokerMetrics;
use crate::outbox::{Outbox, Told};
use crate::reason::End;
use crate::router::RouterGone;
use crate::seats::Seat;
use crate::wire::{self, Reply};

/// What both halves of a connection know.
#[derive(Debug, Default)]
pub struct Halves {
    pub inflight: Inflight,
    /// What the client is subscribed to.
    pub filters: Vec<Subscribed>,
    /// SUBACKs and UNSUBACKs that wait for the router, oldest first.
    pub awaited: VecDeque<Awaited>,
}

/// A reply that is due when the router has done as many filters.
#[derive(Debug)]
pub struct Awaited {
    pub reply: Reply,
    /// Acks of the router that are still to come: one for a SUBSCRIBE, one for each filter of an UNSUBSCRIBE.
    pub steps: usize,
}

/// A filter, and the number that its next publish carries, known from the first on.
#[derive(Debug)]
pub struct Subscribed {
    pub text: String,
    pub qos: QoS,
    expected: Option<u64>,
}

/// Where messages for the client come from.
#[derive(Debug)]
pub enum Source<'a> {
    Router(LinkRx),
    Outbox(&'a Outbox),
}

/// What a source gave.
enum Heard {
    Notification(Notification),
    Told(Told, Option<u16>),
}

impl Source<'_> {
    /// `None` where the router had nothing after all.
    async fn next(&mut self) -> Result<Option<Heard>, RouterGone> {
        match self {
            Self::Router(link) => link.next().await.map(|heard| heard.map(Heard::Notification)).map_err(|_| RouterGone),
            Self::Outbox(outbox) => {
                let (told, id) = outbox.next().await;
                Ok(Some(Heard::Told(told, id)))
            }
        }
    }

    async fn wake(&self) -> Result<(), RouterGone> {
        match self {
            Self::Router(link) => link.wake().await.map_err(|_| RouterGone),
            Self::Outbox(_) => Ok(()),
        }
    }
}

/// Runs until the connection ends.
pub async fn run(
    mut socket: impl AsyncWrite + Unpin,
    mut source: Source<'_>,
    mut replies: mpsc::Receiver<Reply>,
    halves: &Mutex<Halves>,
    seat: &Arc<Seat>,
    metrics: &BrokerMetrics,
) -> End {
    let mut batch = Batch { buffer: BytesMut::new(), delivered: 0, wake: false, end: None };
    loop {
        tokio::select! {
            biased;
            reply = replies.recv() => match reply {
                Some(reply) => reply.write(&mut batch.buffer),
                None => return End::Lost,
            },
            heard = source.next() => match heard {
                Ok(Some(heard)) => batch.add(heard, halves, seat),
                Ok(None) => continue,
                Err(RouterGone) => return End::Router,
            },
        }
        while batch.end.is_none() && batch.buffer.len() < WRITE_BATCH_BYTES {
            if let Ok(reply) = replies.try_recv() {
                reply.write(&mut batch.buffer);
                continue;
            }
            match source.next().now_or_never() {
                Some(Ok(Some(heard))) => batch.add(heard, halves, seat),
                Some(Ok(None)) => {}
                Some(Err(RouterGone)) => return End::Router,
                None => break,
            }
        }
        let written = async {
            socket.write_all(&batch.buffer).await?;
            socket.flush().await
        };
        match tokio::time::timeout(WRITE_TIMEOUT, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Lost,
            Err(_) => return End::Slow,
        }
        metrics.delivered.inc_by(std::mem::take(&mut batch.delivered));
        if let Some(end) = batch.end {
            return end;
        }
        if std::mem::take(&mut batch.wake) && source.wake().await.is_err() {
            return End::Router;
        }
        // An idle connection keeps no buffer.
        batch.buffer = BytesMut::new();
    }
}

struct Batch {
    buffer: BytesMut,
    delivered: u64,
    /// The router waits to be told that there is room again.
    wake: bool,
    end: Option<End>,
}

impl Batch {
    fn add(&mut self, heard: Heard, halves: &Mutex<Halves>, seat: &Seat) {
        match heard {
            Heard::Notification(notification) => self.notified(notification, halves, seat),
            Heard::Told(told, id) => self.told(&told, id, seat),
        }
    }

    fn told(&mut self, told: &Told, id: Option<u16>, seat: &Seat) {
        seat.remove(RING_ENTRY_BYTES + told.topic.len() + told.payload.len());
        match wire::write_told(&told.topic, &told.payload, id, &mut self.buffer) {
            Ok(()) => self.delivered += 1,
            Err(_) => self.end = Some(End::Malformed),
        }
    }

    fn notified(&mut self, notification: Notification, halves: &Mutex<Halves>, seat: &Seat) {
        match notification {
            Notification::Forward(forward) => self.forward(forward, halves, seat),
            Notification::Unschedule => self.wake = true,
            Notification::Disconnect(..) => self.end = Some(End::Router),
            ack @ Notification::DeviceAck(_) => {
                if let Some(Packet::SubAck(..) | Packet::UnsubAck(..)) = ack.into() {
                    let reply = lock(halves).step();
                    reply.inspect(|reply| reply.write(&mut self.buffer));
                }
            }
            // A broker has neither replicas nor shadows.
            Notification::ReplicaData { .. } | Notification::ReplicaAcks { .. } | Notification::Shadow(_) => {}
        }
    }

    fn forward(&mut self, forward: Forward, halves: &Mutex<Halves>, seat: &Seat) {
        let Forward { cursor, publish, .. } = forward;
        let bytes = RING_ENTRY_BYTES + publish.topic.len() + publish.payload.len();
        let mut halves = lock(halves);
        // Retained messages come from no ring.
        if let Some((_, number)) = cursor {
            seat.remove(bytes);
            if halves.gap(number, &publish.topic) {
                self.end = Some(End::Overrun);
                return;
            }
        }
        match wire::write_publish(publish, &mut self.buffer) {
            Ok(Some(id)) => halves.inflight.sent(id),
            Ok(None) => {}
            Err(_) => self.end = Some(End::Router),
        }
        if halves.inflight.exceeded() {
            self.end = Some(End::Router);
        }
        self.delivered += 1;
    }
}

fn lock(halves: &Mutex<Halves>) -> MutexGuard<'_, Halves> {
    halves.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Halves {
    /// The router did one more filter; the reply that is due now.
    fn step(&mut self) -> Option<Reply> {
        let oldest = self.awaited.front_mut()?;
        oldest.steps = oldest.steps.saturating_sub(1);
        if oldest.steps > 0 {
            return None;
        }
        self.awaited.pop_front().map(|awaited| awaited.reply)
    }

    /// Subscribing again changes the quality and nothing else.
    pub fn subscribed(&mut self, filter: &str, qos: QoS) {
        match self.filters.iter_mut().find(|known| known.text == filter) {
            Some(known) => known.qos = qos,
            None => self.filters.push(Subscribed { text: filter.to_owned(), qos, expected: None }),
        }
    }

    /// Whether the client was subscribed.
    pub fn unsubscribed(&mut self, filter: &str) -> bool {
        let before = self.filters.len();
        self.filters.retain(|known| known.text != filter);
        self.filters.len() != before
    }

    /// Whether publishes before this one were lost. Cannot be told where several filters cover one topic.
    fn gap(&mut self, number: u64, topic: &[u8]) -> bool {
        let topic = std::str::from_utf8(topic).unwrap_or_default();
        let mut covering = self.filters.iter_mut().filter(|filter| matches(topic, &filter.text));
        let (Some(filter), None) = (covering.next(), covering.next()) else { return false };
        filter.expected.replace(number + 1).is_some_and(|expected| expected != number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_due_when_the_router_has_done_all_its_filters() {
        let mut halves = Halves::default();
        halves.awaited.push_back(Awaited { reply: Reply::UnsubAck(1), steps: 2 });
        halves.awaited.push_back(Awaited { reply: Reply::SubAck(2, vec![1, 0x80]), steps: 1 });
        assert_eq!(halves.step(), None);
        assert_eq!(halves.step(), Some(Reply::UnsubAck(1)));
        assert_eq!(halves.step(), Some(Reply::SubAck(2, vec![1, 0x80])));
        assert_eq!(halves.step(), None);
    }

    #[test]
    fn a_gap_in_the_numbers_of_a_filter_is_seen() {
        let mut halves = Halves::default();
        halves.subscribed("platen/v1/up/#", QoS::AtLeastOnce);
        let topic = b"platen/v1/up/35/acme.one";
        assert!(!halves.gap(7, topic), "the first number is taken as it is");
        assert!(!halves.gap(8, topic));
        assert!(halves.gap(10, topic));
        assert!(halves.unsubscribed("platen/v1/up/#") && !halves.unsubscribed("platen/v1/up/#"));
        halves.subscribed("platen/v1/up/#", QoS::AtLeastOnce);
        assert!(!halves.gap(99, topic), "a new subscription starts anew");
        halves.subscribed("platen/v1/up/35/+", QoS::AtLeastOnce);
        assert!(!halves.gap(200, topic), "two filters cover it");
    }
}
