//! Publishes on their way to one client, oldest first. The router closes a client that acknowledges out of order, so acks
//! are held here until all older ones have come; an ack of something never sent is ignored.

use std::collections::VecDeque;

use crate::limits::WINDOW;

#[derive(Debug, Default)]
pub struct Inflight {
    window: VecDeque<(u16, bool)>,
}

impl Inflight {
    /// A publish with this packet id is about to be written.
    pub fn sent(&mut self, id: u16) {
        self.window.push_back((id, false));
    }

    /// The client acknowledged; the ids that the router may hear of now, in order.
    pub fn acknowledged(&mut self, id: u16) -> Vec<u16> {
        if let Some(entry) = self.window.iter_mut().find(|(sent, acked)| *sent == id && !acked) {
            entry.1 = true;
        }
        let mut released = Vec::new();
        while let Some((id, true)) = self.window.front().copied() {
            self.window.pop_front();
            released.push(id);
        }
        released
    }

    /// How many are not acknowledged yet, or wait for an older one that is not.
    pub fn len(&self) -> usize {
        self.window.len()
    }

    pub fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    /// Whether the router sent more than its window, which would be its defect.
    pub fn exceeded(&self) -> bool {
        self.window.len() > WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_reach_the_router_in_the_order_of_sending_whatever_the_client_does() {
        let mut inflight = Inflight::default();
        (1..=4).for_each(|id| inflight.sent(id));
        assert_eq!(inflight.acknowledged(2), Vec::<u16>::new());
        assert_eq!(inflight.acknowledged(9), Vec::<u16>::new(), "never sent");
        assert_eq!(inflight.acknowledged(2), Vec::<u16>::new(), "acknowledged twice");
        assert_eq!(inflight.acknowledged(1), [1, 2]);
        assert_eq!(inflight.acknowledged(4), Vec::<u16>::new());
        assert_eq!(inflight.acknowledged(3), [3, 4]);
        inflight.sent(1);
        assert_eq!(inflight.acknowledged(1), [1], "ids come again");
    }
}
