//! The topic grammar, built and parsed in one place.
//!
//! `platen/v1/up/{partition}/{cn}` · `platen/v1/down/{cn}/ack|config|command` · `platen/v1/status/{cn}`

use std::fmt;
use std::str::FromStr;

use crate::id::{AgentCn, Partition};

const ROOT: &str = "platen/v1";

/// A topic of Platen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Payloads of an agent.
    Up { partition: Partition, cn: AgentCn },
    /// What an agent is told.
    Down { cn: AgentCn, leaf: Down },
    /// Retained presence of an agent with a last will; a hint only.
    Status { cn: AgentCn },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    Ack,
    Config,
    Command,
}

impl Down {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Config => "config",
            Self::Command => "command",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a topic of platen/v1")]
pub struct TopicError(String);

impl Topic {
    /// The topic on which an agent publishes.
    pub fn up(cn: &AgentCn) -> Self {
        Self::Up { partition: cn.partition(), cn: cn.clone() }
    }

    pub fn ack(cn: &AgentCn) -> Self {
        Self::Down { cn: cn.clone(), leaf: Down::Ack }
    }

    pub fn status(cn: &AgentCn) -> Self {
        Self::Status { cn: cn.clone() }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { partition, cn } => write!(f, "{ROOT}/up/{partition}/{cn}"),
            Self::Down { cn, leaf } => write!(f, "{ROOT}/down/{cn}/{}", leaf.as_str()),
            Self::Status { cn } => write!(f, "{ROOT}/status/{cn}"),
        }
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        parse(text).ok_or_else(|| TopicError(text.chars().take(120).collect()))
    }
}

/// `Some` only for the canonical spelling, an `up` only in its own agent's partition.
fn parse(text: &str) -> Option<Topic> {
    let rest = text.strip_prefix(ROOT)?.strip_prefix('/')?;
    let topic = match rest.split_once('/')? {
        ("up", rest) => {
            let (partition, cn) = rest.split_once('/')?;
            let cn: AgentCn = cn.parse().ok()?;
            let named = Partition::new(partition.parse().ok()?).ok()?;
            if named != cn.partition() {
                return None;
            }
            Topic::Up { partition: named, cn }
        }
        ("down", rest) => {
            let (cn, leaf) = rest.split_once('/')?;
            let leaf = match leaf {
                "ack" => Down::Ack,
                "config" => Down::Config,
                "command" => Down::Command,
                _ => return None,
            };
            Topic::Down { cn: cn.parse().ok()?, leaf }
        }
        ("status", cn) => Topic::Status { cn: cn.parse().ok()? },
        _ => return None,
    };
    // `07` and `+7` parse as numbers; only the spelling that we build is a topic.
    (topic.to_string() == text).then_some(topic)
}

/// Filters for subscriptions.
pub mod filter {
    use super::ROOT;
    use crate::id::{AgentCn, Partition};

    /// Everything that one agent is told.
    pub fn down_all(cn: &AgentCn) -> String {
        format!("{ROOT}/down/{cn}/#")
    }

    /// All payloads of one partition.
    pub fn up(partition: Partition) -> String {
        format!("{ROOT}/up/{partition}/+")
    }

    /// All payloads of all agents.
    pub fn up_all() -> String {
        format!("{ROOT}/up/#")
    }

    /// The presence of all agents.
    pub fn status_all() -> String {
        format!("{ROOT}/status/#")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_parses_back_to_itself() {
        let cn: AgentCn = "acme.one".parse().unwrap();
        for topic in [
            Topic::up(&cn),
            Topic::status(&cn),
            Topic::ack(&cn),
            Topic::Down { cn: cn.clone(), leaf: Down::Config },
            Topic::Down { cn: cn.clone(), leaf: Down::Command },
        ] {
            assert_eq!(topic.to_string().parse::<Topic>().unwrap(), topic);
        }
    }

    #[test]
    fn anything_but_the_canonical_spelling_is_refused() {
        let cn: AgentCn = "acme.one".parse().unwrap();
        let right = cn.partition().number();
        let wrong = (right + 1) % 64;
        for bad in [
            format!("platen/v1/up/{wrong}/acme.one"),
            format!("platen/v1/up/0{right}/acme.one"),
            format!("platen/v1/up/+{right}/acme.one"),
            format!("platen/v1/up/{right}/acme.one/"),
            "platen/v1/up/#".to_owned(),
            "platen/v1/down/acme.one".to_owned(),
            "platen/v1/down/acme.one/shell".to_owned(),
            "platen/v1/status/+".to_owned(),
            "/platen/v1/status/acme.one".to_owned(),
            "platen/v2/status/acme.one".to_owned(),
            "$share/g/platen/v1/up/#".to_owned(),
            String::new(),
        ] {
            assert!(bad.parse::<Topic>().is_err(), "{bad:?} was accepted");
        }
    }
}
