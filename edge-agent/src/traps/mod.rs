//! Traps and informs as hints: something happened at a device, so it is polled now and not at the next burst.
//!
//! UDP that anybody can forge: nothing of a trap becomes a reading, unknown senders are counted and otherwise ignored, and
//! however many come, a device is polled once a minute at most and all together five times a second. [`message`] reads,
//! [`gate`] decides, [`listen`] owns the socket. Off unless `traps.listen` is set.

pub mod gate;
pub mod listen;
pub mod message;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use service::secret::Secret;

/// Section `[traps]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrapsConfig {
    /// Where to listen; absent = nowhere. Port 162 needs CAP_NET_BIND_SERVICE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Where to listen if that is not allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<SocketAddr>,
    /// Communities that a trap may carry; empty = any.
    pub communities: Vec<Secret>,
}

/// Hints that wait for the scheduler; more are dropped, the next poll brings the same.
pub const HINTS_MAX: usize = 64;
