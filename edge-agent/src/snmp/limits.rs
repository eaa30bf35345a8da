//! Every bound of the reading side, with its reason. A device that exceeds one is read in part, never waited for.

/// Largest answer that is read, bytes. Printers answer within one Ethernet frame; requests are sized so that 16 KiB is ten
/// times what was asked for, and a datagram beyond it is cut by the kernel and refused as malformed.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Size at which a packet is planned to end, bytes of UDP payload: one Ethernet frame, so nothing is fragmented.
pub const PACKET_BYTES: usize = 1_400;
/// Arcs of an object identifier (RFC 2578 section 3.5).
pub const ARCS_MAX: usize = 128;
/// Answers on one socket that belong to no open request and are passed over before the device counts as unusable.
pub const STRAYS_MAX: usize = 8;
/// Packets of one conversation with one device; a whole Printer MIB by GETNEXT takes about 200.
pub const PACKETS_MAX: u64 = 1_500;
/// Rows of one table; the longest real one (localizations) has 40.
pub const ROWS_MAX: usize = 256;
/// Values of one device's table; a full read has about 400, a recorded walk of a whole device some thousand.
pub const VALUES_MAX: usize = 50_000;
/// Bytes of one octet string that are kept; Brother's counter blobs have 250.
pub const STRING_BYTES_MAX: usize = 4 * 1024;
/// Rows that one GETBULK repeats in a full read: most tables of a printer end within it.
pub const REPETITIONS: u32 = 8;
/// Alert rows that a refresh reads within its fixed packets; longer tables are walked.
pub const ALERT_ROWS_PACKED: usize = 8;
/// Addresses of one range without `force`: a /16.
pub const RANGE_ADDRESSES_MAX: u128 = 65_536;
/// Lines of a file of addresses, and its bytes: a list is for some thousand printers, networks are written as ranges.
pub const LIST_LINES_MAX: usize = 4_096;
pub const LIST_BYTES_MAX: u64 = 1024 * 1024;
/// A recording: bytes of the file and of one line.
pub const WALK_BYTES_MAX: u64 = 32 * 1024 * 1024;
pub const WALK_LINE_BYTES_MAX: usize = 2 * STRING_BYTES_MAX + 2 * 1_024;
