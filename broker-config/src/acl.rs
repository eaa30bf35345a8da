//! The topic rules, as pure functions of a CN and a topic or filter.
//!
//! An agent publishes its own `up` (in its own partition) and its own `status`, and hears its own `down`. Services hear
//! `up` and `status` and publish `down`; acks only by `service.ingest*`. What is not listed is refused: foreign names,
//! `$share`, `$SYS`, wildcards in topics, other spellings.

use schemas::id::{AgentCn, Partition};
use schemas::topic::{Down, Topic, filter};

/// The service that tests a broker from outside; it publishes and hears nothing but its own status.
pub const CANARY: &str = "canary";
/// Only services whose name begins so publish acks: an ack frees disk on the edge.
pub const ACKING: &str = "ingest";

/// Why a topic or filter was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("not a topic of platen/v1 (or an `up` in another partition than the agent's)")]
    NotATopic,
    #[error("not a filter that may be subscribed")]
    NotAFilter,
    #[error("belongs to another agent")]
    Foreign,
    #[error("only services may do this")]
    ServicesOnly,
    #[error("only agents may do this")]
    AgentsOnly,
    #[error("only service.ingest* publishes acks")]
    AcksByIngestOnly,
    #[error("shared subscriptions are not offered")]
    Shared,
    #[error("only a status may be retained")]
    Retained,
}

impl Refusal {
    /// All of them, so that each is counted from 0 on.
    pub const ALL: [Self; 8] = [
        Self::NotATopic,
        Self::NotAFilter,
        Self::Foreign,
        Self::ServicesOnly,
        Self::AgentsOnly,
        Self::AcksByIngestOnly,
        Self::Shared,
        Self::Retained,
    ];

    /// A short constant word for metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotATopic => "not_a_topic",
            Self::NotAFilter => "not_a_filter",
            Self::Foreign => "foreign",
            Self::ServicesOnly => "services_only",
            Self::AgentsOnly => "agents_only",
            Self::AcksByIngestOnly => "acks_by_ingest_only",
            Self::Shared => "shared",
            Self::Retained => "retained",
        }
    }
}

/// A filter that somebody may subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// `platen/v1/up/#`
    UpAll,
    /// `platen/v1/up/{partition}/+` or `/#`
    Up(Partition),
    /// `platen/v1/status/#` or `/+`, or one's own status (the canary's).
    Status,
    /// `platen/v1/down/{cn}/#` or one topic of it, always one's own.
    Down,
}

/// Whether `cn` may publish to `topic`; the parsed topic if so.
///
/// # Errors
/// The reason of the refusal.
pub fn may_publish(cn: &AgentCn, topic: &str) -> Result<Topic, Refusal> {
    let topic: Topic = topic.parse().map_err(|_| Refusal::NotATopic)?;
    match (&topic, role(cn)) {
        (Topic::Up { cn: owner, .. }, Role::Agent) => own(cn, owner)?,
        (Topic::Status { cn: owner }, Role::Agent | Role::Canary) => own(cn, owner)?,
        (Topic::Up { .. } | Topic::Status { .. }, Role::Service | Role::Ingest | Role::Canary) => {
            return Err(Refusal::AgentsOnly);
        }
        (Topic::Down { .. }, Role::Ingest) => {}
        (Topic::Down { leaf: Down::Ack, .. }, Role::Service) => return Err(Refusal::AcksByIngestOnly),
        (Topic::Down { .. }, Role::Service) => {}
        (Topic::Down { .. }, Role::Agent | Role::Canary) => return Err(Refusal::ServicesOnly),
    }
    Ok(topic)
}

/// Whether `cn` may set the retained flag on `topic`.
///
/// # Errors
/// [`Refusal::Retained`] for everything but a status.
pub fn may_retain(topic: &Topic) -> Result<(), Refusal> {
    match topic {
        Topic::Status { .. } => Ok(()),
        Topic::Up { .. } | Topic::Down { .. } => Err(Refusal::Retained),
    }
}

/// Whether `cn` may subscribe to `filter`; what it means if so.
///
/// # Errors
/// The reason of the refusal.
pub fn may_subscribe(cn: &AgentCn, filter: &str) -> Result<Filter, Refusal> {
    if filter.starts_with("$share") {
        return Err(Refusal::Shared);
    }
    match role(cn) {
        Role::Agent => agents_filter(cn, filter),
        Role::Canary if filter == Topic::status(cn).to_string() => Ok(Filter::Status),
        Role::Canary => Err(Refusal::NotAFilter),
        Role::Service | Role::Ingest => services_filter(filter),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Agent,
    Service,
    Ingest,
    Canary,
}

fn role(cn: &AgentCn) -> Role {
    match (cn.is_service(), cn.agent()) {
        (false, _) => Role::Agent,
        (true, CANARY) => Role::Canary,
        (true, name) if name.starts_with(ACKING) => Role::Ingest,
        (true, _) => Role::Service,
    }
}

fn own(cn: &AgentCn, owner: &AgentCn) -> Result<(), Refusal> {
    if cn == owner { Ok(()) } else { Err(Refusal::Foreign) }
}

fn agents_filter(cn: &AgentCn, text: &str) -> Result<Filter, Refusal> {
    if text == filter::down_all(cn) {
        return Ok(Filter::Down);
    }
    match text.parse::<Topic>() {
        Ok(Topic::Down { cn: owner, .. }) => own(cn, &owner).map(|()| Filter::Down),
        Ok(Topic::Up { .. } | Topic::Status { .. }) => Err(Refusal::ServicesOnly),
        Err(_) if services_filter(text).is_ok() => Err(Refusal::ServicesOnly),
        Err(_) if text.starts_with("platen/v1/down/") => Err(Refusal::Foreign),
        Err(_) => Err(Refusal::NotAFilter),
    }
}

fn services_filter(text: &str) -> Result<Filter, Refusal> {
    match text {
        "platen/v1/up/#" => return Ok(Filter::UpAll),
        "platen/v1/status/#" | "platen/v1/status/+" => return Ok(Filter::Status),
        _ => {}
    }
    let named = text.strip_prefix("platen/v1/up/").and_then(|rest| rest.split_once('/'));
    let Some((number, "+" | "#")) = named else { return Err(Refusal::NotAFilter) };
    let partition = number.parse().ok().and_then(|number| Partition::new(number).ok()).ok_or(Refusal::NotAFilter)?;
    // `07` and `+7` parse as numbers; one spelling, one filter.
    if partition.to_string() == number { Ok(Filter::Up(partition)) } else { Err(Refusal::NotAFilter) }
}

#[cfg(test)]
mod tests;
