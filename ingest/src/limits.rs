//! Every bound of ingest, with its reason. Those of the wire format are in `schemas::limits`.

use std::time::Duration;

/// Packets from the broker. Payloads have at most 16 KiB; what is larger is refused by the decoder, with its bytes kept,
/// and only beyond this by the MQTT client, at the price of the connection.
pub const PACKET_BYTES_MAX: usize = 64 * 1024;
/// Payloads that were delivered and not yet looked at. rumqttd's window is 100, other brokers have less than this; a broker
/// that exceeds it loses the connection, because not reading the socket would lose it too, only later.
pub const DELIVERIES_MAX: usize = 1_024;
/// Payloads that wait for a group after they were taken out of the broker's window. Beyond either limit they stay in the
/// window, and the broker gives no more: 64 windows of agents, and 32 MiB of memory.
pub const WAITING_MAX: usize = 4_096;
pub const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a broker's window (100 with rumqttd) may bring beyond that.
pub const WAITING_BEYOND_MAX: usize = 1_024;
/// How often the age of what waits is measured.
pub const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// Payloads in one group: an insert costs much the same for 50 and for 200 payloads, and fresh payloads wait for one group
/// that is inserted and one that waits.
pub const GROUP_PAYLOADS_MAX: usize = 200;
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
/// The board of leases has this long to answer. Longer than the cache: a missed exchange costs nothing unless all are missed
/// for as long as a lease lasts.
pub const LEASE_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Exchanges with the board in the time that a lease lasts.
pub const LEASE_EXCHANGES: u32 = 10;
/// A partition that another worker holds is served on for this long: it hears of its lease within one exchange and needs
/// one round trip to the broker.
pub const LEASE_OVERLAP: Duration = Duration::from_secs(1);
/// A worker that stops waits this long for others to take its partitions.
pub const HANDOVER_TIMEOUT: Duration = Duration::from_secs(4);
/// …and this long until the broker sends it nothing more.
pub const QUIET_TIMEOUT: Duration = Duration::from_secs(2);
/// UNSUBSCRIBEs without an answer; our broker closes a connection at 16.
pub const UNSUBSCRIBES_MAX: usize = 8;
/// Presence of agents on its way to whoever remembers it: the retained presence of all agents comes at once. What does not
/// fit is forgotten; such an agent sends again by its own timeout.
pub const NOTICES_MAX: usize = 16_384;
/// Agents are told to send again one by one, this far apart: 500 a second are answered with at most 32,000 payloads.
pub const RESENDS_APART: Duration = Duration::from_millis(2);
/// After a handover the former owner settles what it has; only what is left then is to be sent again.
pub const RESEND_AFTER_HANDOVER: Duration = Duration::from_secs(3);
/// Retained presence arrives within this time of a new subscription.
pub const PRESENCE_SETTLE: Duration = Duration::from_secs(5);
/// All tasks have this long to finish when the process is told to stop, handing over included.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(25);
/// The name of a cluster in ClickHouse's configuration.
pub const CLUSTER_NAME_MAX: usize = 64;
/// A rejected record is kept as JSON up to this length.
pub const REJECTED_JSON_MAX: usize = 64 * 1024;
/// What a server's error text may take of a `reason`.
pub const REASON_CHARS_MAX: usize = 500;
/// Lost ranges, conflicts and the like that `proof` names one by one for each epoch.
pub const NAMED_MAX: usize = 20;
