//! Who is connected: one seat per CN, and for each seat how far its client is behind.
//!
//! A second connection of a CN asks the first to leave and waits until it has. The queue of a seat counts the bytes that
//! the router holds for it; it is emptied by writing to the client and keeps the router's ring from being overwritten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use schemas::id::{AgentCn, Partition};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::identity::Peer;
use crate::limits::{DOWN_QUEUE_BYTES, PARTITION_QUEUE_BYTES, TAKEOVER_WAIT};
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
}

#[derive(Debug, Default)]
struct Queue {
    bytes: usize,
    /// Bit p: payloads of partition p are heard.
    up: u64,
    down: bool,
    limit: usize,
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

    pub fn hears_down(&self) -> bool {
        lock(&self.queue).down
    }

    pub fn hears_up(&self, partition: Partition) -> bool {
        lock(&self.queue).up & (1 << partition.number()) != 0
    }

    /// Takes over what the client is subscribed to. The count starts at nothing when it hears anything for the first time.
    pub fn set_hearing(&self, up_all: Option<usize>, partitions: impl IntoIterator<Item = Partition>, down: bool) {
        let mut queue = lock(&self.queue);
        queue.up = partitions.into_iter().fold(0, |mask, partition| mask | (1 << partition.number()));
        queue.limit = if down { DOWN_QUEUE_BYTES } else { PARTITION_QUEUE_BYTES };
        if let Some(limit) = up_all {
            (queue.up, queue.limit) = (u64::MAX, limit);
        }
        queue.down = down;
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
        taken.seat.set_hearing(Some(100), [], false);
        assert_eq!(seats.hearing("acme.one".parse::<AgentCn>().unwrap().partition()).len(), 1);
        assert!(taken.seat.try_add(1000), "one message always fits");
        assert!(!taken.seat.try_add(1));
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
        taken.seat.set_hearing(None, [three], false);
        assert_eq!((seats.hearing(three).len(), seats.hearing(four).len()), (1, 0));
        taken.seat.set_hearing(None, [], false);
        assert_eq!(seats.hearing(three).len(), 0);
    }
}
