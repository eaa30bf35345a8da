//! What travels beside batches: the hello of a connection, the ack, the presence of an agent.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::capped;
use crate::limits::ACK_IDS_MAX;

/// `platen/v1/down/{cn}/ack`: these payloads are settled; the server's time is `now`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ack {
    /// Payload ids, 16 bytes each.
    #[serde(deserialize_with = "capped::list::<_, _, ACK_IDS_MAX>")]
    pub ids: Vec<ByteBuf>,
    /// The server's time in Unix milliseconds.
    pub now: i64,
    /// Nonce of the hello that this answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub re: Option<u64>,
    /// Another worker hears this agent now: what was sent and has no ack is to be sent again at once. Agents that do not know
    /// the field send again by their timeout.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
}

/// First message on each connection; answered by an ack that echoes `nonce`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    pub nonce: u64,
    /// The agent's wall clock in Unix milliseconds, for its offset; never used as a stamp.
    pub wall: i64,
    /// Names the boot, so that a restarted host is told from a restarted process.
    pub boot: String,
    /// Whether the agent's clock is driven by a drill.
    pub drill: bool,
    pub version: String,
    pub epoch: u64,
    pub taken: u64,
    pub oldest: u64,
}

/// `platen/v1/status/{cn}`, retained; the last will says offline. A hint only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    pub online: bool,
    /// Random per connection, so that a late will of an old connection is told from a new one.
    pub session: u64,
    pub version: String,
}
