//! The only Redis client: ids that several workers settled, and the board on which they share the partitions.
//!
//! It speeds up and never decides: slow, down, wiped or lying, it costs repeats and no rows.

mod board;
mod ids;

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};

pub(crate) use board::BoardClient;
pub(crate) use ids::SharedIds;

use crate::config::RedisConfig;

/// A connection that is made when it is first needed, and anew after an error; `None` without Redis in the configuration.
/// Whoever does not answer within `timeout` is not waited for.
///
/// # Errors
/// When the URL is not one. Whether Redis answers is of no matter here.
fn connection(config: &RedisConfig, timeout: Duration) -> Result<Option<ConnectionManager>, String> {
    let Some(url) = &config.url else { return Ok(None) };
    let manager = ConnectionManagerConfig::new()
        .set_response_timeout(Some(timeout))
        .set_connection_timeout(Some(timeout.max(Duration::from_secs(1))))
        .set_number_of_retries(1);
    // The error of a URL may quote its password.
    redis::Client::open(url.expose())
        .and_then(|client| client.get_connection_manager_lazy(manager))
        .map(Some)
        .map_err(|error| format!("redis.url cannot be used: {:?}", error.kind()))
}
