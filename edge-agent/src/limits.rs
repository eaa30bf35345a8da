//! All limits of the agent's keeping and sending side in one place. The wire format's own are in `schemas::limits`; those
//! of SNMP stand with the SNMP code.

use std::time::Duration;

use schemas::limits::{BODY_BYTES_MAX, PAYLOAD_BYTES_MAX};

// --- time
/// An answer to a hello that took longer says too little about the server's time.
pub const ROUND_TRIP_MAX: Duration = Duration::from_secs(5);
/// A hello that nobody answered is repeated after this, then ever less often: after a restart of the broker agents are often
/// back a moment before ingest is.
pub const HELLO_FIRST: Duration = Duration::from_secs(1);
/// The server's time is asked for again after this long on one connection: a quartz drifts some seconds a day.
pub const HELLO_AGAIN: Duration = Duration::from_secs(24 * 3600);
/// Two statements of the server's time agree if they differ by no more than this…
pub const AGREE_MS: i64 = 5_000;
/// …and this share of the time between them (500 ppm is what a kernel may slew a clock).
pub const DRIFT_PPM: i64 = 500;
/// Boots whose offset is remembered; records of older boots that still wait are judged like those of an unlearned boot.
pub const ANCHORS_MAX: usize = 8;

// --- spool
/// Default cap of what is kept, payloads and unfrozen records together. On disk it takes up to twice as much.
pub const SPOOL_BYTES_DISK: u64 = 512 * 1024 * 1024;
pub const SPOOL_BYTES_MEMORY: u64 = 32 * 1024 * 1024;
/// The smallest cap that can work: two full windows.
pub const SPOOL_BYTES_LEAST: u64 = 2 * 1024 * 1024;
/// The smallest cap in a drill, where a few printers must reach it in days that pass in a minute.
pub const SPOOL_BYTES_LEAST_DRILL: u64 = 128 * 1024;
/// Below this much free disk nothing new is written: a full disk costs sled its handle.
pub const DISK_FREE_MIN: u64 = 256 * 1024 * 1024;
/// When the cap is reached this much is given up at once, so that one drop record covers several payloads.
pub const GIVE_UP_STEP: u64 = 128 * 1024;
/// sled's page cache. Records are read back once; a large cache would only cost memory.
pub const SLED_CACHE_BYTES: u64 = 4 * 1024 * 1024;
/// Deletions reach the disk at the latest after this; a crash before only sends again.
pub const SLED_FLUSH_MS: u64 = 5_000;
/// A drained spool larger than this on disk is created anew, because sled's file never shrinks.
pub const SHRINK_ABOVE_BYTES: u64 = 64 * 1024 * 1024;
/// Records written by one commit (and one fdatasync); what arrives together is kept together.
pub const GROUP_RECORDS_MAX: usize = 64;
/// A batch with a changed alert closes this soon: the other polls of the same burst still find a place in it, which saves
/// a payload.
pub const ALERT_LINGER_MS: u64 = 2_000;
/// Plain bytes in one batch: a quarter of what a reader accepts.
pub const BATCH_PLAIN_BYTES_MAX: usize = BODY_BYTES_MAX / 2;
/// Records in one batch.
pub const BATCH_RECORDS_MAX: usize = schemas::limits::RECORDS_MAX / 2;
/// A closing batch below this share of `BATCH_CLOSE_BYTES` (in percent) goes on collecting: the estimate was too high.
pub const BATCH_FILL_PERCENT: usize = 85;
/// Records that wait in memory while the spool cannot be written (about 4 MB).
pub const HELD_BACK_MAX: usize = 2_000;
/// Plans remembered per device, so that two kinds of poll do not send theirs in turns.
pub const PLANS_PER_DEVICE: usize = 4;
/// Devices whose plans and alerts are remembered.
pub const DEVICES_REMEMBERED: usize = 16_384;
/// A plan is sent again after this long.
pub const PLAN_AGAIN_MS: i64 = 30 * 86_400_000;
/// Earlier epochs that the counters file remembers; the wire format carries 16.
pub const PRIOR_EPOCHS_MAX: usize = 16;
/// Attempts to open a store whose lock a predecessor in the same process is just giving up, 20 ms apart.
pub const LOCK_ATTEMPTS: u32 = 50;
/// A failed spool is opened again at most this often.
pub const REOPEN_EVERY: Duration = Duration::from_secs(10);

// --- sending
/// First and longest wait for an ack before a payload is sent again.
pub const RESEND_MIN: Duration = Duration::from_secs(10);
pub const RESEND_MAX: Duration = Duration::from_secs(600);
/// Ingest may ask for everything unacked (a window of 64 payloads, 1 MiB at most) this often.
pub const ASKED_APART: Duration = Duration::from_secs(3);
/// First and longest wait between connection attempts.
pub const RECONNECT_MIN: Duration = Duration::from_secs(1);
pub const RECONNECT_MAX: Duration = Duration::from_secs(300);
/// DNS, TCP, TLS and CONNACK together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A broker that does not PUBACK for this long is taken for gone. This finds dead connections, so keep-alive can be long.
pub const PUBACK_TIMEOUT: Duration = Duration::from_secs(30);
/// Default keep-alive. A ping pair costs 204 bytes at IP level: at 1,200 s that is 15 KB a day. A NAT that forgets the
/// connection earlier costs one reconnect at the next publish, after [`PUBACK_TIMEOUT`].
pub const KEEP_ALIVE: Duration = Duration::from_secs(1_200);
/// MQTT packets in either direction: the largest payload, its topic and MQTT's own bytes.
pub const PACKET_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 1_024;
/// Requests waiting inside the MQTT client: a window of 64, its resend, and what a connection says about itself.
pub const MQTT_REQUESTS: usize = 160;
/// Publishes without PUBACK inside the MQTT client.
pub const MQTT_INFLIGHT: u16 = 100;
/// Payloads fetched from the spool at one time: 16 x 16 KiB.
pub const FETCH_MAX: usize = 16;
/// A certificate with less left is reported.
pub const CERT_EXPIRY_WARN: Duration = Duration::from_secs(14 * 86_400);

// --- finding
/// The first thorough sweep comes this long after the start: after the quick one, which finds most.
pub const THOROUGH_FIRST: Duration = Duration::from_secs(600);
/// Further ones: once a day.
pub const THOROUGH_EVERY: Duration = Duration::from_secs(24 * 3_600);

// --- pipeline
/// Commands waiting for the spool's thread: one per poll in flight (at most 256) and one per other task.
pub const SPOOL_QUEUE: usize = 64;
/// Statements of the agent's books.
pub const STATS_EVERY: Duration = Duration::from_secs(3_600);
/// The status file for `edge-agent status` and `queue`.
pub const STATUS_EVERY: Duration = Duration::from_secs(60);
/// What may be left to do after a stop signal; memory-only mode uses it to send what it holds.
pub const STOP_DEADLINE: Duration = Duration::from_secs(10);
