//! Collects payloads into groups; a group closes on rows, bytes, number or age. Pure: the time is an argument.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::config::BatchConfig;
use crate::decode::Payload;
use crate::limits::GROUP_PAYLOADS_MAX;
use crate::window::Token;

/// A payload on its way into the store.
#[derive(Debug, Clone)]
pub struct Member {
    pub payload: Payload,
    /// As delivered, for the case that the store refuses the rows.
    pub bytes: Bytes,
    pub arrived: Instant,
    pub token: Token,
}

/// Payloads that are inserted together.
#[derive(Debug, Clone, Default)]
pub struct Group {
    pub members: Vec<Member>,
    pub rows: usize,
    pub bytes: usize,
}

/// The group that is filling.
#[derive(Debug, Clone)]
pub struct Batcher {
    rows_max: usize,
    bytes_max: usize,
    age_max: Duration,
    group: Group,
    opened: Option<Instant>,
}

impl Batcher {
    pub fn new(config: &BatchConfig) -> Self {
        Self {
            rows_max: config.rows,
            bytes_max: config.bytes,
            age_max: Duration::from_millis(config.age_ms),
            group: Group::default(),
            opened: None,
        }
    }

    pub fn push(&mut self, member: Member, now: Instant) {
        self.opened.get_or_insert(now);
        self.group.rows += member.payload.rows.len();
        self.group.bytes += member.bytes.len();
        self.group.members.push(member);
    }

    /// Whether nothing more goes in.
    pub fn is_full(&self) -> bool {
        self.group.members.len() >= GROUP_PAYLOADS_MAX
            || self.group.rows >= self.rows_max
            || self.group.bytes >= self.bytes_max
    }

    pub fn is_empty(&self) -> bool {
        self.group.members.is_empty()
    }

    /// What is in the group so far.
    pub fn members(&self) -> &[Member] {
        &self.group.members
    }

    /// When the group is to be inserted; `None` while it is empty.
    pub fn due(&self) -> Option<Instant> {
        let opened = self.opened?;
        Some(if self.is_full() { opened } else { opened + self.age_max })
    }

    /// Takes the group and starts the next.
    pub fn close(&mut self) -> Group {
        self.opened = None;
        std::mem::take(&mut self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{envelope, payload};
    use schemas::topic::Topic;

    fn member(at: Instant, bytes: &'static [u8]) -> Member {
        let topic = Topic::up(&"acme.one".parse().unwrap()).to_string();
        let payload = payload(&envelope(&topic, bytes).unwrap(), bytes, jiff::Timestamp::UNIX_EPOCH, "w");
        Member { payload, bytes: Bytes::from_static(bytes), arrived: at, token: Token { connection: 1, number: 0 } }
    }

    #[tokio::test]
    async fn a_group_is_due_by_age_from_its_first_payload() {
        let mut batcher = Batcher::new(&BatchConfig { age_ms: 100, ..BatchConfig::default() });
        let start = Instant::now();
        assert_eq!(batcher.due(), None);
        batcher.push(member(start, b"x"), start);
        batcher.push(member(start, b"y"), start + Duration::from_millis(90));
        assert_eq!(batcher.due(), Some(start + Duration::from_millis(100)));
        assert_eq!(batcher.close().members.len(), 2);
        assert!(batcher.is_empty() && batcher.due().is_none());
    }

    #[tokio::test]
    async fn a_group_is_due_at_once_when_rows_bytes_or_payloads_are_enough() {
        let start = Instant::now();
        let limits = [
            (BatchConfig { rows: 2, ..BatchConfig::default() }, 2),
            (BatchConfig { bytes: 3, ..BatchConfig::default() }, 3),
            (BatchConfig::default(), GROUP_PAYLOADS_MAX),
        ];
        for (config, enough) in limits {
            let mut batcher = Batcher::new(&config);
            for n in 1..=enough {
                assert!(!batcher.is_full(), "{n}");
                batcher.push(member(start, b"x"), start);
            }
            assert!(batcher.is_full());
            assert_eq!(batcher.due(), Some(start));
        }
    }
}
