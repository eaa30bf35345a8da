//! Logs: facts with fields on stderr, for people or as JSON for machines.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// Section `[log]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct LogConfig {
    pub format: LogFormat,
    /// A level (`info`) or directives (`info,ingest=debug`).
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Human,
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".to_owned() }
    }
}

/// Starts logging for this process. A second call changes nothing, so that tests may start several parts.
///
/// # Errors
/// When `level` cannot be read as tracing directives.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|source| LogError { level: config.level.clone(), why: source.to_string() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Human => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("log.level {level:?} is not a level like \"info\" or a list like \"info,ingest=debug\": {why}")]
pub struct LogError {
    level: String,
    why: String,
}
