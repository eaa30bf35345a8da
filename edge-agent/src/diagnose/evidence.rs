//! What the steps brought to light about one address.

use std::net::IpAddr;

use serde::Serialize;

use crate::discover::ping::Port;
use crate::snmp::{UsmError, Version};

/// Everything that the verdict is decided from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// `None`: the name has no address.
    pub address: Option<IpAddr>,
    pub range: RangeSays,
    pub routed: bool,
    pub ping: Ping,
    pub ports: Vec<(u16, Port)>,
    /// Every way in which it was asked.
    pub tries: Vec<Try>,
    /// It has an engine of SNMP v3, whoever may use it.
    pub engine: bool,
    /// It answers to the community that devices leave the factory with, and to none of the configured.
    pub factory_community: bool,
    pub seen: Option<Seen>,
    /// Where the agent polls the same device already.
    pub known_at: Option<String>,
    /// How long discovery waits for an answer, ms.
    pub timeout_ms: u64,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            address: None,
            range: RangeSays::NoRanges,
            routed: true,
            ping: Ping::NotAllowed,
            ports: Vec::new(),
            tries: Vec::new(),
            engine: false,
            factory_community: false,
            seen: None,
            known_at: None,
            timeout_ms: 1_000,
        }
    }
}

/// What the configuration says about the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeSays {
    /// There is no configuration, or no ranges in it.
    NoRanges,
    Inside,
    Outside,
    Excluded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// The system does not let this program ping, or the address is of IPv6.
    NotAllowed,
    Answered,
    Silent,
}

/// One way in which it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    pub version: Version,
    pub credential: String,
    /// Whether the ranges have discovery ask in this way.
    pub configured: bool,
    pub said: Said,
    /// How long the answer took, or the silence lasted.
    pub ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Answered,
    Refused,
    Silent,
    Usm(UsmError),
    Unusable(String),
    /// This host could not send.
    Local(String),
}

/// What answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub object_id: String,
    pub description: String,
    pub printer: bool,
    /// It is no printer, and lists print queues (RFC 2790).
    pub queues: bool,
    /// The agent of a computer answers.
    pub computer: bool,
    pub model: String,
    pub serial: String,
    pub counters: usize,
    pub supplies: usize,
}

impl Evidence {
    /// Whether anything at all came from the host.
    pub fn is_up(&self) -> bool {
        self.ping == Ping::Answered
            || self.engine
            || self.ports.iter().any(|(_, port)| *port != Port::Silent)
            || self.tries.iter().any(|asked| !matches!(asked.said, Said::Silent | Said::Local(_)))
    }

    /// Whether one of these TCP ports is open.
    pub fn is_open(&self, ports: &[u16]) -> bool {
        self.ports.iter().any(|(port, said)| ports.contains(port) && *said == Port::Open)
    }
}
