//! What one agent is told, on its way to its socket. Nobody else may hear it, so it goes from the reading half of a service
//! straight to the agent's seat; the router keeps nothing for agents, and an agent that is gone leaves nothing behind.
//!
//! Messages leave in order, at most [`WINDOW`] of them unacknowledged. How many bytes may wait is the seat's to say.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::inflight::Inflight;
use crate::limits::WINDOW;

/// One message for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub topic: Bytes,
    pub payload: Bytes,
    /// Whether the agent acknowledges it.
    pub acknowledged: bool,
}

#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Told>,
    inflight: Inflight,
    last_id: u16,
}

impl Outbox {
    pub fn put(&self, told: Told) {
        self.lock().waiting.push_back(told);
        self.changed.notify_one();
    }

    /// The oldest message and, if it is acknowledged, the packet id that it is written with; `None` while nothing waits or
    /// the window is full.
    pub fn take(&self) -> Option<(Told, Option<u16>)> {
        let state = &mut *self.lock();
        let acknowledged = state.waiting.front()?.acknowledged;
        if acknowledged && state.inflight.len() >= WINDOW {
            return None;
        }
        let told = state.waiting.pop_front()?;
        if state.waiting.is_empty() {
            // An idle agent keeps no room.
            state.waiting = VecDeque::new();
        }
        let id = acknowledged.then(|| {
            // Ids come again after 65,535 messages, of which at most a window is under way.
            state.last_id = state.last_id.checked_add(1).unwrap_or(1);
            state.inflight.sent(state.last_id);
            state.last_id
        });
        Some((told, id))
    }

    /// As [`Outbox::take`], waiting. Nothing is lost when dropped while waiting.
    pub async fn next(&self) -> (Told, Option<u16>) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(taken) = self.take() {
                return taken;
            }
            changed.await;
        }
    }

    /// The agent acknowledged a packet id; one never sent is ignored.
    pub fn acknowledged(&self, id: u16) {
        let released = self.lock().inflight.acknowledged(id);
        if !released.is_empty() {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn told(payload: &'static str, acknowledged: bool) -> Told {
        Told { topic: Bytes::from_static(b"platen/v1/down/acme.one/ack"), payload: payload.into(), acknowledged }
    }

    #[test]
    fn messages_leave_in_order_and_a_full_window_waits_for_its_oldest() {
        let outbox = Outbox::default();
        (0..=WINDOW).for_each(|_| outbox.put(told("x", true)));
        let ids: Vec<_> = (0..WINDOW).map(|_| outbox.take().unwrap().1.unwrap()).collect();
        assert_eq!(ids.first().zip(ids.last()), Some((&1, &100)));
        assert_eq!(outbox.take(), None);
        outbox.acknowledged(2);
        outbox.acknowledged(999);
        assert!(outbox.next().now_or_never().is_none(), "the oldest is still under way");
        outbox.acknowledged(1);
        assert_eq!(outbox.next().now_or_never().unwrap().1, Some(101));
    }

    #[test]
    fn what_needs_no_acknowledgement_takes_no_place_in_the_window() {
        let outbox = Outbox::default();
        (0..WINDOW).for_each(|_| outbox.put(told("x", true)));
        outbox.put(told("last", false));
        (0..WINDOW).for_each(|_| drop(outbox.take()));
        assert_eq!(outbox.take(), Some((told("last", false), None)));
    }

    #[test]
    fn packet_ids_are_never_zero() {
        let outbox = Outbox::default();
        for number in 1..=u32::from(u16::MAX) + 1 {
            outbox.put(told("x", true));
            let id = outbox.take().unwrap().1.unwrap();
            assert_eq!(u32::from(id), if number > u32::from(u16::MAX) { 1 } else { number });
            outbox.acknowledged(id);
        }
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_a_message() {
        let outbox = std::sync::Arc::new(Outbox::default());
        let waiting = tokio::spawn({
            let outbox = std::sync::Arc::clone(&outbox);
            async move { outbox.next().await.0 }
        });
        tokio::task::yield_now().await;
        outbox.put(told("news", true));
        assert_eq!(waiting.await.unwrap(), told("news", true));
    }
}
