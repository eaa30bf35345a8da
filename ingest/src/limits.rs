//! Every bound of ingest, with its reason. Those of the wire format are in `schemas::limits`.

use std::time::Duration;

/// Packets from the broker. Payloads have at most 16 KiB; what is larger is refused by the decoder, with its bytes kept,
/// and only beyond this by the MQTT client, at the price of the connection.
pub const PACKET_BYTES_MAX: usize = 64 * 1024;
/// Payloads that were delivered and not yet looked at. rumqttd's window is 100, other brokers have less than this; a broker
/// that exceeds it loses the connection, because not reading the socket would lose it too, only later.
pub const DELIVERIES_MAX: usize = 1_024;
/// Payloads that were looked at and wait for a group while the store is slow.
pub const WAITING_MAX: usize = 256;
/// Payloads in one group: half of the broker's window of 100, so that one group fills while another is inserted.
pub const GROUP_PAYLOADS_MAX: usize = 50;
/// Groups between intake and commit: one waits while one is inserted.
pub const GROUPS_QUEUED_MAX: usize = 1;
/// Acks on their way to the broker: one for each payload in hand, and hellos.
pub const COMMANDS_MAX: usize = 2_048;
/// Lists of settled payloads on their way back to the cache.
pub const SETTLED_MAX: usize = 8;
/// Requests inside the MQTT client.
pub const REQUESTS_MAX: usize = 128;
/// Partitions that one insert may touch: a payload may legitimately carry several months, a hostile one 300.
pub const INSERT_PARTITIONS_MAX: u32 = 1_000;
/// TCP, TLS and CONNACK together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the last packets have to leave.
pub const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Waits between connection attempts.
pub const RECONNECT_MIN: Duration = Duration::from_millis(200);
pub const RECONNECT_MAX: Duration = Duration::from_secs(3);
/// One chunk of an insert, and the answer to all of it, views included.
pub const INSERT_SEND_TIMEOUT: Duration = Duration::from_secs(30);
pub const INSERT_END_TIMEOUT: Duration = Duration::from_secs(120);
/// Small queries; those of `proof` have no limit of ours.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the store is asked whether it answers while there is nothing to insert.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);
/// After an error Redis is not asked again for this long.
pub const REDIS_PAUSE: Duration = Duration::from_secs(5);
/// All tasks have this long to finish when the process is told to stop.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// A rejected record is kept as JSON up to this length.
pub const REJECTED_JSON_MAX: usize = 64 * 1024;
/// What a server's error text may take of a `reason`.
pub const REASON_CHARS_MAX: usize = 500;
/// Lost ranges, conflicts and the like that `proof` names one by one for each epoch.
pub const NAMED_MAX: usize = 20;
