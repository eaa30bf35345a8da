//! Every bound of this part in one place, each with its reason. Hitting one is an answer to the client, never a crash.

use std::time::Duration;

/// Statements that read, running at one time; the engine itself has no such limit when embedded.
pub const READS_MAX: usize = 8;
/// Statements that write, running at one time: enough to overlap fsyncs, few enough to keep parts large.
pub const WRITES_MAX: usize = 4;
/// A statement waits this long for its turn, then the client learns that the engine is busy (code 202).
pub const TURN_WAIT: Duration = Duration::from_secs(30);

/// Open HTTP connections; the next one waits in the listener's backlog.
pub const CONNECTIONS_MAX: usize = 256;
/// A request head arrives within this time, and an idle kept-alive connection is closed after it.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// A request head is at most this long; hyper answers 431 beyond it. The statement may travel in the URL.
pub const HEAD_BYTES_MAX: usize = 512 * 1024;
/// Headers of one request.
pub const HEADERS_MAX: usize = 100;
/// A body may pause this long between two pieces: a client that fills an insert slowly keeps it open.
pub const BODY_PAUSE: Duration = Duration::from_secs(60);
/// A whole body arrives within this time.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(600);
/// One body, as sent and again as decoded: an insert is held whole before the engine sees its first byte, so that an
/// aborted one leaves nothing behind.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// All bodies held at one time, as sent; beyond it inserts are refused as out of memory (code 241) and may be repeated.
pub const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One statement without its data; ClickHouse's own `max_query_size` is 256 KiB.
pub const STATEMENT_BYTES_MAX: usize = 1024 * 1024;
/// Settings and parameters of one request together.
pub const FIELDS_MAX: usize = 1000;
/// A query id is echoed in a header and kept in the engine's process list.
pub const QUERY_ID_BYTES_MAX: usize = 256;

/// A reply whose format cannot be streamed is held whole; larger ones fail with code 396.
pub const REPLY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Pieces of a streamed reply between the engine and the socket: one being sent, one waiting.
pub const REPLY_PIECES: usize = 2;
/// A client that takes nothing from a streamed reply for this long has its statement killed.
pub const REPLY_STALL: Duration = Duration::from_secs(120);

/// `max_execution_time` where the client names none: the longest that a billing run may reasonably ask for.
pub const EXECUTION_SECONDS: u64 = 300;
/// No client may ask for more than this, `0` (without end) included.
pub const EXECUTION_SECONDS_MAX: u64 = 3600;
/// The engine gets this long beyond `max_execution_time` before the statement is killed from outside.
pub const EXECUTION_GRACE: Duration = Duration::from_secs(10);

/// A killed statement that goes on running is killed again at this interval (a kill may come before its start).
pub const KILL_INTERVAL: Duration = Duration::from_millis(250);
/// Kills waiting for the killer: one for every statement that can run.
pub const KILLS_WAITING: usize = READS_MAX + WRITES_MAX + 4;

/// A failed login is answered this much later, so that guessing is slow.
pub const LOGIN_PENALTY: Duration = Duration::from_millis(200);

/// `/health` asks the engine `SELECT 1` this often, and waits this long for it.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

/// Stopping: running statements are killed and get this long to let go of the engine.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(20);
