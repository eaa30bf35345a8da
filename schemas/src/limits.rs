//! All limits of the wire format in one place. A reader refuses what exceeds them; a writer stays below.

/// A payload as it travels: header and compressed body.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;
/// A batch closes when its payload would grow beyond this; the rest up to the maximum is reserve for one large poll.
pub const BATCH_CLOSE_BYTES: usize = 12 * 1024;
/// A body after decompression. A batch that closes at 12 KiB holds about 100 KiB; the cap stops compression bombs.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// Nesting of MessagePack values; a body needs 8.
pub const DEPTH_MAX: usize = 24;
/// Records in one body.
pub const RECORDS_MAX: usize = 2_048;
/// Devices named in one body.
pub const DEVICES_MAX: usize = 2_048;
/// Counters of one poll; the fullest vendor table known has 60.
pub const COUNTERS_MAX: usize = 256;
/// Supplies and alerts of one poll, and input trays.
pub const SUPPLIES_MAX: usize = 128;
pub const ALERTS_MAX: usize = 64;
/// Values named by one plan.
pub const PLAN_ITEMS_MAX: usize = 1_024;
/// Fields of one event.
pub const EVENT_FIELDS_MAX: usize = 32;
/// Any one string.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Ids in one ack: the sending window is 64, an ack for a group of payloads is split beyond this.
pub const ACK_IDS_MAX: usize = 256;
/// Payloads an agent sends without having heard that they are settled.
pub const WINDOW_MAX: usize = 64;
/// Number of `up` partitions.
pub const PARTITIONS: u16 = 64;
/// The earliest and (relative to now) the latest stamp that a record may carry, in Unix seconds and seconds.
pub const STAMP_MIN: i64 = 946_684_800; // 2000-01-01T00:00:00Z
pub const STAMP_AHEAD_MAX: i64 = 86_400;
