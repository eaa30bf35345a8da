//! The order in which deliveries of one connection are acknowledged to the broker: strictly as they came. Pure.
//!
//! rumqttd closes a connection whose acks come in another order, while payloads settle in any order.

use std::collections::VecDeque;

/// Names one delivery of one connection. An ack of an earlier connection could hit another message with the same packet id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    pub connection: u64,
    pub number: u64,
}

/// Deliveries of one connection that the broker has no ack for.
#[derive(Debug, Clone)]
pub struct Window {
    connection: u64,
    /// Number of the front entry.
    first: u64,
    entries: VecDeque<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    packet_id: u16,
    done: bool,
}

impl Window {
    pub fn new(connection: u64) -> Self {
        Self { connection, first: 0, entries: VecDeque::new() }
    }

    /// Deliveries that the broker waits for.
    pub fn waiting(&self) -> usize {
        self.entries.len()
    }

    /// A delivery came.
    pub fn push(&mut self, packet_id: u16) -> Token {
        let number = self.first + self.entries.len() as u64;
        self.entries.push_back(Entry { packet_id, done: false });
        Token { connection: self.connection, number }
    }

    /// These are done with; answers the packet ids that may be acknowledged now, in order.
    /// Tokens of another connection, and repeated ones, change nothing.
    pub fn release(&mut self, tokens: &[Token]) -> Vec<u16> {
        for token in tokens.iter().filter(|token| token.connection == self.connection) {
            let entry = token.number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
            if let Some(entry) = entry.and_then(|at| self.entries.get_mut(at)) {
                entry.done = true;
            }
        }
        let mut ready = Vec::new();
        while self.entries.front().is_some_and(|entry| entry.done) {
            if let Some(entry) = self.entries.pop_front() {
                self.first += 1;
                // QoS 0 deliveries carry packet id 0 and are not acknowledged.
                if entry.packet_id != 0 {
                    ready.push(entry.packet_id);
                }
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_wait_for_every_earlier_delivery() {
        let mut window = Window::new(1);
        let tokens: Vec<Token> = (10..14).map(|packet_id| window.push(packet_id)).collect();
        assert!(window.release(&tokens[1..3]).is_empty());
        assert_eq!(window.release(&tokens[..1]), [10, 11, 12]);
        assert!(window.release(&tokens[..3]).is_empty(), "released twice");
        assert_eq!(window.release(&tokens[3..]), [13]);
    }

    #[test]
    fn an_ack_of_an_earlier_connection_is_discarded() {
        let mut old = Window::new(1);
        let stale = old.push(7);
        let mut new = Window::new(2);
        let fresh = new.push(7);
        assert!(new.release(&[stale]).is_empty());
        assert_eq!(new.release(&[fresh]), [7]);
    }

    proptest::proptest! {
        #[test]
        fn every_delivery_is_acknowledged_once_and_in_order(
            order in proptest::strategy::Strategy::prop_shuffle(proptest::strategy::Just((0..60).collect::<Vec<usize>>()))
        ) {
            let mut window = Window::new(1);
            let tokens: Vec<Token> = (1..=60).map(|packet_id| window.push(packet_id)).collect();
            let mut acked = Vec::new();
            for at in order {
                acked.extend(window.release(&[tokens[at]]));
            }
            proptest::prop_assert_eq!(acked, (1..=60).collect::<Vec<u16>>());
        }
    }
}
