//! The reading half of a connection: packets from the socket, checked against the rules, to the router.
//!
//! Nothing reaches the router unchecked. A PUBACK says "received", never "stored". A forbidden publish ends the connection
//! (an agent that does so is broken or not ours); a forbidden filter is answered with 0x80 in the SUBACK, so that a client
//! can tell "not allowed" from a bad line.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker_config::acl::{Filter, Refusal, may_publish, may_retain, may_subscribe};
use bytes::BytesMut;
use rumqttd::local::LinkTx;
use rumqttd::protocol::{Packet, PubAck, PubAckReason, Publish, QoS, Subscribe, Unsubscribe};
use schemas::id::AgentCn;
use schemas::topic::Topic;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::connection::Shared;
use crate::limits::{
    AWAITED_MAX, DOWN_STALL, FILTERS_MAX, IDLE_BUFFER_BYTES, PACKET_OVERHEAD_BYTES, READ_BUFFER_BYTES,
    RING_ENTRY_BYTES, STATUS_BYTES_MAX, UP_STALL,
};
use crate::metrics::Kind;
use crate::outbox::Told;
use crate::rate::Bucket;
use crate::reason::End;
use crate::seats::{Hearing, Seat};
use crate::wire::{self, Incoming, Published, Reply, WireError};
use crate::writer::{Awaited, Halves};

/// Runs until the connection ends. `buffer` may hold bytes that came after the CONNECT.
pub async fn run(
    mut socket: impl AsyncRead + Unpin,
    mut buffer: BytesMut,
    idle_max: Duration,
    mut reader: Reader<'_>,
) -> End {
    let packet_max = reader.shared.config.limits.payload_bytes + PACKET_OVERHEAD_BYTES;
    loop {
        loop {
            match wire::next(&mut buffer, packet_max) {
                Ok(Some(packet)) => {
                    if let Err(end) = reader.take(packet).await {
                        return end;
                    }
                }
                Ok(None) => break,
                Err(error) => return reader.unreadable(&error),
            }
        }
        if buffer.is_empty() {
            if buffer.capacity() > 2 * IDLE_BUFFER_BYTES {
                buffer = BytesMut::new();
            }
            buffer.reserve(IDLE_BUFFER_BYTES);
        } else {
            buffer.reserve(READ_BUFFER_BYTES);
        }
        match tokio::time::timeout(idle_max, socket.read_buf(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return End::Lost,
            Ok(Ok(_)) => {}
            Err(_) => return End::KeepAlive,
        }
    }
}

/// What the packets of one client are judged by and passed to.
pub struct Reader<'a> {
    shared: &'a Shared,
    seat: &'a Arc<Seat>,
    /// A service's link to the router.
    link: Option<&'a mut LinkTx>,
    halves: &'a Mutex<Halves>,
    replies: mpsc::Sender<Reply>,
    quota: Option<Quota>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("cn", &self.seat.peer.cn).finish_non_exhaustive()
    }
}

struct Quota {
    messages: Bucket,
    bytes: Bucket,
}

impl<'a> Reader<'a> {
    /// Agents have a quota, services have none.
    pub fn new(
        shared: &'a Shared,
        seat: &'a Arc<Seat>,
        link: Option<&'a mut LinkTx>,
        halves: &'a Mutex<Halves>,
        replies: mpsc::Sender<Reply>,
    ) -> Self {
        let (limits, now) = (&shared.config.limits, Instant::now());
        let quota = (!seat.peer.cn.is_service()).then(|| Quota {
            messages: Bucket::new(limits.messages_per_second, now),
            bytes: Bucket::new(limits.bytes_per_second, now),
        });
        Self { shared, seat, link, halves, replies, quota }
    }

    async fn take(&mut self, packet: Incoming) -> Result<(), End> {
        self.pay(match &packet {
            Incoming::Publish(published) => published.payload.len(),
            _ => 0,
        })
        .await;
        match packet {
            Incoming::Publish(published) => self.publish(published).await,
            Incoming::PubAck(id) => self.acknowledged(id).await,
            Incoming::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Incoming::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe).await,
            Incoming::PingReq => self.reply(Reply::PingResp).await,
            Incoming::Disconnect => Err(End::Goodbye),
            Incoming::Connect(..) => Err(End::Malformed),
        }
    }

    /// Waits out what the client took beyond its quota; the socket is not read meanwhile.
    async fn pay(&mut self, bytes: usize) {
        let Some(quota) = &mut self.quota else { return };
        let now = Instant::now();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let wait = quota.messages.take(1, now).max(quota.bytes.take(bytes, now));
        if !wait.is_zero() {
            self.shared.metrics.throttled.inc();
            tokio::time::sleep(wait).await;
        }
    }

    async fn publish(&mut self, published: Published) -> Result<(), End> {
        let topic = self.allowed(&published)?;
        let limit = match topic {
            Topic::Status { .. } => STATUS_BYTES_MAX,
            Topic::Up { .. } | Topic::Down { .. } => self.shared.config.limits.payload_bytes,
        };
        if published.payload.len() > limit {
            return Err(self.unreadable(&WireError::Oversize(published.payload.len())));
        }
        self.shared.metrics.publishes.inc();
        self.shared.metrics.publish_bytes.inc_by(published.payload.len() as u64);
        let id = published.id;
        match &topic {
            Topic::Down { cn, .. } => self.tell(cn, published).await,
            Topic::Up { partition, .. } => {
                let hearing = self.shared.seats.hearing(*partition);
                if hearing.is_empty() {
                    self.shared.metrics.unheard(Kind::Up);
                }
                for seat in hearing {
                    self.make_room(&seat, bytes_of(&published), UP_STALL).await;
                }
                self.pass(published).await?;
            }
            // Small, few, and a lost one is repeated: no room is made for them.
            Topic::Status { .. } => self.pass(published).await?,
        }
        match id {
            Some(id) => self.reply(Reply::PubAck(id)).await,
            None => Ok(()),
        }
    }

    /// To whoever subscribed to it through the router.
    async fn pass(&mut self, published: Published) -> Result<(), End> {
        // QoS 0 towards the router: the answer to the client is ours, and the subscriber's QoS is its own.
        let publish = Publish::new(published.topic, published.payload, published.retain);
        self.shared.router.publish(publish).await.map_err(|_| End::Router)
    }

    /// To the one agent that may hear it, if it is here.
    async fn tell(&self, cn: &AgentCn, published: Published) {
        let topic = std::str::from_utf8(&published.topic).unwrap_or_default();
        let hearing = self.shared.seats.of(cn).and_then(|seat| seat.hears_down(topic).map(|qos| (seat, qos)));
        let Some((seat, qos)) = hearing else { return self.shared.metrics.unheard(Kind::Down) };
        if self.make_room(&seat, bytes_of(&published), DOWN_STALL).await {
            let acknowledged = qos != QoS::AtMostOnce;
            seat.outbox.put(Told { topic: published.topic, payload: published.payload, acknowledged });
        }
    }

    fn allowed(&self, published: &Published) -> Result<Topic, End> {
        let judged = std::str::from_utf8(&published.topic)
            .map_err(|_| Refusal::NotATopic)
            .and_then(|text| may_publish(&self.seat.peer.cn, text))
            .and_then(|topic| if published.retain { may_retain(&topic).map(|()| topic) } else { Ok(topic) });
        judged.map_err(|refusal| {
            self.shared.metrics.forbidden(refusal);
            let topic = published.topic.escape_ascii().to_string();
            tracing::warn!(cn = %self.seat.peer.cn, topic, reason = refusal.word(), "publish refused");
            End::Forbidden
        })
    }

    /// Waits for a subscriber that is behind; one that stays behind is closed, so that it notices. Whether there is room.
    async fn make_room(&self, seat: &Seat, bytes: usize, patience: Duration) -> bool {
        if seat.try_add(bytes) {
            return true;
        }
        self.shared.metrics.stalls.inc();
        let waited = tokio::time::timeout(patience, seat.add(bytes)).await;
        if waited.is_err() {
            tracing::warn!(cn = %seat.peer.cn, "subscriber too slow");
            seat.close(End::Slow);
        }
        waited.is_ok()
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        if self.halves().filters.len() + subscribe.filters.len() > FILTERS_MAX {
            return Err(End::TooManyFilters);
        }
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        let mut granted = Vec::new();
        for mut filter in subscribe.filters {
            match may_subscribe(&self.seat.peer.cn, &filter.path) {
                Ok(meaning) => {
                    filter.qos = grant(&meaning, filter.qos);
                    codes.push(filter.qos as u8);
                    self.halves().subscribed(&filter.path, filter.qos);
                    granted.push(filter);
                }
                Err(refusal) => {
                    self.shared.metrics.forbidden(refusal);
                    let text = filter.path.escape_default().to_string();
                    tracing::warn!(cn = %self.seat.peer.cn, filter = text, reason = refusal.word(), "filter refused");
                    codes.push(0x80);
                }
            }
        }
        self.heard();
        let reply = Reply::SubAck(subscribe.pkid, codes);
        if granted.is_empty() || self.link.is_none() {
            return self.reply(reply).await;
        }
        self.when_done(reply, 1)?;
        self.send(Packet::Subscribe(Subscribe { pkid: subscribe.pkid, filters: granted }, None)).await
    }

    async fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Result<(), End> {
        let mut filters = unsubscribe.filters;
        filters.retain(|filter| self.halves().unsubscribed(filter));
        self.heard();
        let reply = Reply::UnsubAck(unsubscribe.pkid);
        if filters.is_empty() || self.link.is_none() {
            return self.reply(reply).await;
        }
        self.when_done(reply, filters.len())?;
        self.send(Packet::Unsubscribe(Unsubscribe { pkid: unsubscribe.pkid, filters }, None)).await
    }

    /// Leaves a reply to the writing half, to be sent when the router has done its part. The router takes packets of one
    /// connection in batches, so an early reply could be seen, and acted on by others, before the subscription is there.
    fn when_done(&self, reply: Reply, steps: usize) -> Result<(), End> {
        let mut halves = self.halves();
        if halves.awaited.len() >= AWAITED_MAX {
            return Err(End::TooManyFilters);
        }
        halves.awaited.push_back(Awaited { reply, steps });
        Ok(())
    }

    /// Tells the seat what the client hears now.
    fn heard(&self) {
        let mut hearing = Hearing::default();
        for filter in &self.halves().filters {
            match may_subscribe(&self.seat.peer.cn, &filter.text) {
                Ok(Filter::UpAll) => hearing.up_all = Some(self.shared.config.limits.queue_bytes),
                Ok(Filter::Up(partition)) => hearing.partition(partition),
                Ok(Filter::Down) => hearing.down.push((filter.text.clone(), filter.qos)),
                Ok(Filter::Status) | Err(_) => {}
            }
        }
        self.seat.set_hearing(hearing);
    }

    async fn acknowledged(&mut self, id: u16) -> Result<(), End> {
        if self.link.is_none() {
            self.seat.outbox.acknowledged(id);
            return Ok(());
        }
        let released = self.halves().inflight.acknowledged(id);
        for pkid in released {
            self.send(Packet::PubAck(PubAck { pkid, reason: PubAckReason::Success }, None)).await?;
        }
        Ok(())
    }

    /// Over the link of a service; an agent has none and nothing to say there.
    async fn send(&mut self, packet: Packet) -> Result<(), End> {
        match &mut self.link {
            Some(link) => self.shared.router.send(link, packet).await.map_err(|_| End::Router),
            None => Ok(()),
        }
    }

    async fn reply(&self, reply: Reply) -> Result<(), End> {
        self.replies.send(reply).await.map_err(|_| End::Lost)
    }

    fn unreadable(&self, error: &WireError) -> End {
        tracing::warn!(cn = %self.seat.peer.cn, %error, "packet refused");
        match error {
            WireError::Oversize(_) => End::Oversize,
            WireError::QoS2 | WireError::Malformed(_) => End::Malformed,
        }
    }

    fn halves(&self) -> std::sync::MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a publish counts in the queue of a seat.
fn bytes_of(published: &Published) -> usize {
    RING_ENTRY_BYTES + published.topic.len() + published.payload.len()
}

/// QoS 2 is granted as 1. Presence is granted as 0: with QoS 1 the router would drop all but 100 retained messages.
fn grant(meaning: &Filter, wanted: QoS) -> QoS {
    match (meaning, wanted) {
        (Filter::Status, _) | (_, QoS::AtMostOnce) => QoS::AtMostOnce,
        (Filter::UpAll | Filter::Up(_) | Filter::Down, QoS::AtLeastOnce | QoS::ExactlyOnce) => QoS::AtLeastOnce,
    }
}
