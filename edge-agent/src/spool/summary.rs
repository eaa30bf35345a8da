//! The state of the spool in numbers, for the link, for operators and for statements of the books.

use super::Spool;
use crate::time::Moment;

/// What the agent measured about itself, for a statement of the books.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measures {
    pub devices: u32,
    pub lan_packets: u64,
    pub lan_bytes: u64,
    pub wan_bytes: u64,
    pub polls_failed: u64,
}

/// The state of the spool at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub epoch: u64,
    pub taken: u64,
    pub oldest: u64,
    pub polls_taken: u64,
    pub dropped: u64,
    pub polls_dropped: u64,
    /// Frozen payloads held, and bytes of everything held.
    pub payloads: u64,
    pub bytes: u64,
    pub disk_bytes: u64,
    /// Polls that are not in a payload yet.
    pub unfrozen_polls: u64,
    /// When the oldest payload held was frozen, Unix milliseconds.
    pub oldest_closed_ms: Option<i64>,
    /// `steady` milliseconds at which the lingering batch closes.
    pub close_at_ms: Option<u64>,
    pub learned: bool,
    pub offset_ms: Option<i64>,
    /// What the cap is.
    pub bytes_max: u64,
    /// Bytes of all payloads frozen since the spool was opened.
    pub bytes_frozen: u64,
    /// Whether the spool works.
    pub open: bool,
}
impl Spool {
    pub fn summary(&self, now: Moment) -> Summary {
        let state = self.books.state();
        let front = self.books.pending().front();
        let stamped = front.filter(|front| self.stamper.stamp(front.at).is_some());
        let close_at_ms = stamped.map(|front| self.linger.until(front.at, now));
        Summary {
            epoch: self.books.epoch(),
            taken: state.taken,
            oldest: state.oldest,
            polls_taken: state.polls_taken,
            dropped: state.dropped,
            polls_dropped: state.polls_dropped,
            payloads: u64::try_from(self.books.held().len()).unwrap_or(u64::MAX),
            bytes: self.books.bytes(),
            disk_bytes: self.store.disk_bytes(),
            unfrozen_polls: self.books.pending().iter().map(|pending| u64::from(pending.polls)).sum(),
            oldest_closed_ms: self.books.held().first_key_value().map(|(_, held)| held.closed_ms),
            close_at_ms,
            learned: self.stamper.learned(),
            offset_ms: self.stamper.offset_ms(now),
            bytes_max: self.settings.bytes_max,
            bytes_frozen: self.bytes_frozen,
            open: !self.store.failed(),
        }
    }
}
