//! Every bound of the simulator, in one place.

/// Largest response of a device without a tighter limit of its own: what fits one Ethernet frame (1,500 − 20 − 8).
pub const MAX_RESPONSE_BYTES: usize = 1472;

/// Largest request read from the socket; a longer one is cut by the kernel and counted as malformed.
pub const MAX_REQUEST_BYTES: usize = 4096;

/// IPv4 and UDP header of one packet, added to payload bytes when network cost is reported.
pub const IP_UDP_HEADER_BYTES: u64 = 28;

/// Most varbinds of one response, whatever GETBULK asks for.
pub const MAX_VARBINDS: usize = 1000;

/// Longest object identifier (RFC 3416 section 4.1: 128 sub-identifiers).
pub const MAX_OID_ARCS: usize = 128;

/// Reads remembered per printer; older ones are forgotten first (35 days of hourly polls in 4 packets are 3,360).
pub const MAX_READS: usize = 16_384;

/// Printers of one fleet: one socket and one task each, well below the usual limit on open files.
pub const MAX_PRINTERS: usize = 4000;

/// Length of a time slot in which a printer prints at most one job, in seconds.
pub const SLOT_S: i64 = 600;

/// How often a fleet looks for a port free on all its addresses when asked for port 0.
pub const PORT_TRIES: u32 = 20;
