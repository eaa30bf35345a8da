//! All limits of the broker that are not in its configuration, with their reasons.
//!
//! Memory, worst case: rings of the router (`limits.queue_bytes` for `up/#`, [`PARTITION_QUEUE_BYTES`] for each partition
//! that is subscribed singly, and [`STATUS_QUEUE_BYTES`], each plus a segment and about 300 bytes per message) + about
//! 80 KiB for each service + for each agent about 25 KiB and what waits for it, at most [`DOWN_QUEUE_BYTES`].

use std::time::Duration;

/// What a packet may exceed its payload by: fixed header, topic (at most 88 bytes) and packet id, with room.
pub const PACKET_OVERHEAD_BYTES: usize = 256;
/// A presence is small; it is kept for every agent.
pub const STATUS_BYTES_MAX: usize = 1_024;
/// Filters of one connection: one worker may hear all 64 partitions and the presence.
pub const FILTERS_MAX: usize = 80;
/// SUBSCRIBEs and UNSUBSCRIBEs of one connection that the router has not done yet.
pub const AWAITED_MAX: usize = 16;
/// What an idle connection reads into; paid for every agent.
pub const IDLE_BUFFER_BYTES: usize = 512;
/// In the middle of a packet, buffers grow by this.
pub const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Packets written with one flush.
pub const WRITE_BATCH_BYTES: usize = 64 * 1024;
/// A client that takes nothing for this long is gone or stuck.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Replies (PUBACK, SUBACK, PINGRESP) waiting for the writer; above the 100 that clients keep in flight, so that a client
/// which writes before it reads is still read from.
pub const REPLIES_QUEUE: usize = 128;
/// Unacknowledged QoS 1 publishes on their way to one client. Fixed in the router, which numbers packets 1 to 100; agents
/// are given the same.
pub const WINDOW: usize = 100;

/// Events waiting for the router thread; its own channel holds 1,000 and blocks beyond, which must never happen on an
/// async thread. Read no more packets above this.
pub const ROUTER_BACKLOG_MAX: usize = 512;
/// How long to wait before looking at the router's backlog again.
pub const ROUTER_BACKLOG_WAIT: Duration = Duration::from_millis(1);
/// Services connected at one time, and their predecessors that are not gone yet. Agents have no link of their own.
pub const LINKS_MAX: usize = 1_024;
/// Links being registered with the router at one time; each blocks a thread for microseconds.
pub const LINKS_OPENING_MAX: usize = 16;

/// Kept for each partition that is subscribed singly.
pub const PARTITION_QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// Kept for presence.
pub const STATUS_QUEUE_BYTES: usize = 1024 * 1024;
/// What waits for one agent until it is written to its socket: some thirty acks. A larger message passes when nothing else
/// waits.
pub const DOWN_QUEUE_BYTES: usize = 32 * 1024;
/// Counted beside topic and payload, by the router and for agents.
pub const RING_ENTRY_BYTES: usize = 4;
/// Publishers wait this long for a subscriber that is behind, then the subscriber is closed.
pub const UP_STALL: Duration = Duration::from_secs(5);
/// A service waits this long for one agent.
pub const DOWN_STALL: Duration = Duration::from_secs(1);

/// A connection that is asked to end does so within this, else its successor is refused.
pub const TAKEOVER_WAIT: Duration = Duration::from_secs(10);
/// A client may be silent for its keep-alive and half as long again (MQTT 3.1.1 §3.1.2.10), in percent.
pub const KEEP_ALIVE_PERCENT: u32 = 150;

/// A round trip through the router this often; it also wakes a router that went to sleep with work left.
pub const CANARY_EVERY: Duration = Duration::from_secs(2);
/// A router that does not answer for this long is dead.
pub const CANARY_TIMEOUT: Duration = Duration::from_secs(10);
/// From the request to stop until connections that still write are dropped.
pub const STOP_DEADLINE: Duration = Duration::from_secs(5);
/// Wait after a failed accept (no more file descriptors, say).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A certificate, key or list larger than this is a mistake.
pub const TLS_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
