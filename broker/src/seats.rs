//! Who is connected: one seat per CN, and for each seat how far its client is behind.
//!
//! A second connection of a CN asks the first to leave and waits until it has. The queue of a seat counts the bytes that
//! wait for it, in the router (a service) or in its outbox (an agent); it is emptied by writing to the client, and keeps the
//! router's ring from being overwritten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rumqttd::protocol::{QoS, matches};
use schemas::id::{AgentCn, Partition};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::identity::Peer;
use crate::limits::{DOWN_QUEUE_BYTES, PARTITION_QUEUE_BYTES, TAKEOVER_WAIT};
use crate::outbox::Outbox;
use crate::reason::End;

/// One connected client.
#[derive(Debug)]
pub struct Seat {
    pub peer: Peer,
    stop: CancellationToken,
    why: OnceLock<End>,
    gone: CancellationToken,
    queue: Mutex<Queue>,
    room: Notify,
    /// An agent's.
    pub outbox: Outbox,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: usize,
    hearing: Hearing,
    limit: usize,
}

/// What a client is subscribed to.
#[derive(Debug, Default)]
pub struct Hearing {
    /// All payloads, up to so many bytes of them waiting.
    pub up_all: Option<usize>,
    /// Bit p: payloads of partition p.
    pub up: u64,
    /// An agent's own filters.
    pub down: Vec<(String, QoS)>,
}

impl Hearing {
    pub fn partition(&mut self, partition: Partition) {
        self.up |= 1 << partition.number();
    }

    fn limit(&self) -> usize {
        let singly = if self.down.is_empty() { PARTITION_QUEUE_BYTES } else { DOWN_QUEUE_BYTES };
        self.up_all.unwrap_or(singly)
    }
}

impl Seat {
    fn new(peer: Peer, stop: CancellationToken) -> Self {
        Self {
            peer,
            stop,
            why: OnceLock::new(),
            gone: CancellationToken::new(),
            queue: Mutex::default(),
            room: Notify::new(),
            outbox: Outbox::default(),
        }
    }

    /// Asks the connection to end; the first reason counts.
    pub fn close(&self, why: End) {
        let _ = self.why.set(why);
        self.stop.cancel();
    }

    /// Waits until the connection shall end, and says why. Never returns otherwise.
    pub async fn closing(&self) -> End {
        self.stop.cancelled().await;
        // The parent of the token is the broker's own; nobody gives a reason then.
        *self.why.get().unwrap_or(&End::Stopping)
    }

    /// Counts `bytes` on their way to this client, if they fit. One message always fits into an empty queue.
    pub fn try_add(&self, bytes: usize) -> bool {
        let mut queue = lock(&self.queue);
        if queue.bytes > 0 && queue.bytes + bytes > queue.limit {
            return false;
        }
        queue.bytes += bytes;
        true
    }

    /// `bytes` were handed to the client's socket.
    pub fn remove(&self, bytes: usize) {
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(bytes);
        drop(queue);
        self.room.notify_waiters();
    }

    /// Waits until `bytes` fit. Does not count them if dropped while waiting.
    pub async fn add(&self, bytes: usize) {
        loop {
            let room = self.room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            if self.try_add(bytes) {
                return;
            }
            room.await;
        }
    }

    /// Whether an agent hears this topic, and with which quality: the best of the filters that cover it.
    pub fn hears_down(&self, topic: &str) -> Option<QoS> {
        let queue = lock(&self.queue);
        let covering = queue.hearing.down.iter().filter(|(filter, _)| matches(topic, filter));
        covering.map(|(_, qos)| *qos).max_by_key(|qos| *qos as u8)
    }

    pub fn hears_up(&self, partition: Partition) -> bool {
        let queue = lock(&self.queue);
        queue.hearing.up_all.is_some() || queue.hearing.up & (1 << partition.number()) != 0
    }

    /// Takes over what the client is subscribed to.
    pub fn set_hearing(&self, hearing: Hearing) {
        let mut queue = lock(&self.queue);
        queue.limit = hearing.limit();
        queue.hearing = hearing;
    }

    /// What waits for this client.
    fn queued_bytes(&self) -> usize {
        lock(&self.queue).bytes
    }
}

/// All seats of one broker.
#[derive(Debug, Default)]
pub struct Seats {
    all: Mutex<HashMap<AgentCn, Arc<Seat>>>,
    /// Seats of services, looked at for every payload; few.
    services: Mutex<Vec<Arc<Seat>>>,
}

impl Seats {
    /// Gives a seat to a client, after its predecessor has left; how many predecessors there were.
    ///
    /// # Errors
    /// [`Occupied`] when a predecessor did not leave in time.
    pub async fn take(self: &Arc<Self>, peer: Peer, stop: &CancellationToken) -> Result<(Taken, u32), Occupied> {
        let seat = Arc::new(Seat::new(peer, stop.child_token()));
        let mut takeovers = 0;
        loop {
            let Some(predecessor) = self.sit(&seat) else {
                return Ok((Taken { seats: Arc::clone(self), seat }, takeovers));
            };
            predecessor.close(End::TakenOver);
            takeovers += 1;
            if tokio::time::timeout(TAKEOVER_WAIT, predecessor.gone.cancelled()).await.is_err() {
                return Err(Occupied);
            }
        }
    }

    pub fn of(&self, cn: &AgentCn) -> Option<Arc<Seat>> {
        lock(&self.all).get(cn).cloned()
    }

    /// The services that hear payloads of a partition.
    pub fn hearing(&self, partition: Partition) -> Vec<Arc<Seat>> {
        lock(&self.services).iter().filter(|seat| seat.hears_up(partition)).cloned().collect()
    }

    /// What waits for all clients together.
    pub fn queued_bytes(&self) -> usize {
        lock(&self.all).values().map(|seat| seat.queued_bytes()).sum()
    }

    pub fn everybody(&self) -> Vec<Arc<Seat>> {
        lock(&self.all).values().cloned().collect()
    }

    /// Sits down, or says who sits there.
    fn sit(&self, seat: &Arc<Seat>) -> Option<Arc<Seat>> {
        let cn = &seat.peer.cn;
        let mut all = lock(&self.all);
        if let Some(predecessor) = all.get(cn) {
            return Some(Arc::clone(predecessor));
        }
        all.insert(cn.clone(), Arc::clone(seat));
        if cn.is_service() {
            lock(&self.services).push(Arc::clone(seat));
        }
        None
    }

    fn leave(&self, seat: &Arc<Seat>) {
        lock(&self.all).remove(&seat.peer.cn);
        lock(&self.services).retain(|other| !Arc::ptr_eq(other, seat));
        seat.gone.cancel();
        // Whoever waits for room here finds a queue that takes everything.
        lock(&seat.queue).limit = usize::MAX;
        seat.room.notify_waiters();
    }
}

/// The predecessor did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupied;

/// A seat that is given back on drop.
#[derive(Debug)]
pub struct Taken {
    seats: Arc<Seats>,
    pub seat: Arc<Seat>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.seats.leave(&self.seat);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_config::pki::{Authority, Validity};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    fn peer(cn: &str) -> Peer {
        let dir = tempfile::tempdir().unwrap();
        let days = Validity::days(1).unwrap();
        let authority = Authority::create(dir.path(), "a", days, false).unwrap();
        let cn: AgentCn = cn.parse().unwrap();
        let issued = match cn.is_service() {
            true => authority.issue_service(cn.agent(), days),
            false => authority.issue_agent(&cn, days),
        };
        let der = CertificateDer::from_pem_slice(issued.unwrap().certificate_pem.as_bytes()).unwrap();
        Peer::of(&[der]).unwrap()
    }

    #[tokio::test]
    async fn a_successor_sits_down_when_its_predecessor_has_left() {
        let (seats, stop) = (Arc::new(Seats::default()), CancellationToken::new());
        let (first, takeovers) = seats.take(peer("acme.one"), &stop).await.unwrap();
        assert_eq!(takeovers, 0);
        let successor = tokio::spawn({
            let (seats, stop) = (Arc::clone(&seats), stop.clone());
            async move {
                seats.take(peer("acme.one"), &stop).await.map(|(taken, takeovers)| (taken.seat.clone(), takeovers))
            }
        });
        assert_eq!(first.seat.closing().await, End::TakenOver);
        drop(first);
        assert_eq!(successor.await.unwrap().unwrap().1, 1);
        assert!(seats.of(&"acme.one".parse().unwrap()).is_none(), "given back on drop");
    }

    #[tokio::test]
    async fn a_publisher_waits_for_room_and_a_seat_left_keeps_nobody_waiting() {
        let (seats, stop) = (Arc::new(Seats::default()), CancellationToken::new());
        let (taken, _) = seats.take(peer("service.ingest1"), &stop).await.unwrap();
        taken.seat.set_hearing(Hearing { up_all: Some(100), ..Hearing::default() });
        assert_eq!(seats.hearing("acme.one".parse::<AgentCn>().unwrap().partition()).len(), 1);
        assert!(taken.seat.try_add(1000), "one message always fits");
        assert!(!taken.seat.try_add(1));
        assert_eq!(seats.queued_bytes(), 1000);
        let waiting = tokio::spawn({
            let seat = Arc::clone(&taken.seat);
            async move { seat.add(60).await }
        });
        taken.seat.remove(960);
        waiting.await.unwrap();
        let waiting = tokio::spawn({
            let seat = Arc::clone(&taken.seat);
            async move { seat.add(60).await }
        });
        drop(taken);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_service_hears_the_partitions_that_it_asked_for() {
        let (seats, stop) = (Arc::new(Seats::default()), CancellationToken::new());
        let (taken, _) = seats.take(peer("service.ingest1"), &stop).await.unwrap();
        let (three, four) = (Partition::new(3).unwrap(), Partition::new(4).unwrap());
        let mut hearing = Hearing::default();
        hearing.partition(three);
        taken.seat.set_hearing(hearing);
        assert_eq!((seats.hearing(three).len(), seats.hearing(four).len()), (1, 0));
        taken.seat.set_hearing(Hearing::default());
        assert_eq!(seats.hearing(three).len(), 0);
    }

    #[tokio::test]
    async fn an_agent_hears_what_its_filters_cover_with_the_best_of_their_qualities() {
        let (seats, stop) = (Arc::new(Seats::default()), CancellationToken::new());
        let (taken, _) = seats.take(peer("acme.one"), &stop).await.unwrap();
        let ack = ("platen/v1/down/acme.one/ack".to_owned(), QoS::AtMostOnce);
        let all = ("platen/v1/down/acme.one/#".to_owned(), QoS::AtLeastOnce);
        assert_eq!(taken.seat.hears_down(&ack.0), None);
        taken.seat.set_hearing(Hearing { down: vec![ack.clone()], ..Hearing::default() });
        assert_eq!(taken.seat.hears_down(&ack.0), Some(QoS::AtMostOnce));
        assert_eq!(taken.seat.hears_down("platen/v1/down/acme.one/config"), None);
        taken.seat.set_hearing(Hearing { down: vec![ack.clone(), all], ..Hearing::default() });
        assert_eq!(taken.seat.hears_down(&ack.0), Some(QoS::AtLeastOnce));
    }
}
