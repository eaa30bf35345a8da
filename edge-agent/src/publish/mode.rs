//! The state of the link in one word, for health, logs and the status file.

use serde::{Deserialize, Serialize};

/// What the link is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// No connection to the broker.
    #[default]
    Offline,
    /// Connected; ingest has not answered yet, so nothing is sent.
    Greeting,
    /// Ingest answers and there is a backlog.
    CatchingUp,
    /// Ingest answers and everything held was sent.
    Live,
}

impl Mode {
    /// The mode of a connection. `unsent` = payloads that were never sent in this process.
    pub fn of(connected: bool, greeted: bool, unsent: u64) -> Self {
        match (connected, greeted, unsent) {
            (false, _, _) => Self::Offline,
            (true, false, _) => Self::Greeting,
            (true, true, 0) => Self::Live,
            (true, true, _) => Self::CatchingUp,
        }
    }

    /// What `/health` says of the component `broker`.
    pub fn health(self) -> Result<(), String> {
        match self {
            Self::Offline => Err("not connected".to_owned()),
            Self::Greeting => Err("connected, ingest does not answer yet".to_owned()),
            Self::CatchingUp | Self::Live => Ok(()),
        }
    }
}
