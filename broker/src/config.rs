//! The broker's configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemas::limits::PAYLOAD_BYTES_MAX;
use serde::{Deserialize, Serialize};
use service::config::Config;
use service::http::HttpConfig;
use service::log::LogConfig;

/// Everything that `broker run --config` reads.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct BrokerConfig {
    #[serde(default)]
    pub listen: ListenConfig,
    pub tls: TlsConfig,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub http: HttpConfig,
    #[serde(default)]
    pub log: LogConfig,
}

/// Section `[listen]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct ListenConfig {
    /// Where clients connect with TLS. Port 0 takes a free one, shown in the log and in /health.
    pub address: SocketAddr,
    /// From TCP accept to CONNECT.
    pub handshake_timeout_s: u64,
    /// Connections that have not said CONNECT yet; more are refused.
    pub handshakes_max: usize,
    /// The same, from one address.
    pub handshakes_per_address: usize,
    /// All connections.
    pub connections_max: usize,
    /// Keep-alive above this, or none, counts as this.
    pub keep_alive_max_s: u16,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8883)),
            handshake_timeout_s: 10,
            handshakes_max: 1_024,
            handshakes_per_address: 256,
            connections_max: 4_096,
            keep_alive_max_s: 3_600,
        }
    }
}

impl ListenConfig {
    pub fn handshake_timeout(&self) -> Duration {
        Duration::from_secs(self.handshake_timeout_s)
    }
}

/// Section `[tls]`: PEM files as `broker-config issue` writes them.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct TlsConfig {
    /// Authorities that clients' certificates come from; several while one replaces another.
    pub ca: PathBuf,
    pub certificate: PathBuf,
    /// Mode 0600.
    pub key: PathBuf,
    /// Lists of revoked certificates, one for each authority in `ca`. Without it nothing is ever revoked.
    #[serde(default)]
    pub crl: Option<PathBuf>,
    /// How often the files are looked at for changes, and live connections for expiry.
    #[serde(default = "reload_s")]
    pub reload_s: u64,
}

fn reload_s() -> u64 {
    10
}

/// Section `[limits]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct LimitsConfig {
    /// Payload of one publish; a larger one closes the connection.
    pub payload_bytes: usize,
    /// Packets per second from one agent, and twice that at once; beyond, it is read from more slowly.
    pub messages_per_second: u32,
    /// Payload bytes per second from one agent, likewise.
    pub bytes_per_second: u32,
    /// What is kept for subscribers of `up/#` that are behind; then publishers wait, then the subscriber is closed.
    pub queue_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            payload_bytes: PAYLOAD_BYTES_MAX,
            messages_per_second: 200,
            bytes_per_second: 1024 * 1024,
            queue_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Config for BrokerConfig {
    const PART: &'static str = "broker";

    fn example() -> Self {
        Self {
            listen: ListenConfig::default(),
            tls: TlsConfig {
                ca: "ca.pem".into(),
                certificate: "broker.pem".into(),
                key: "broker.key".into(),
                crl: Some("crl.pem".into()),
                reload_s: reload_s(),
            },
            limits: LimitsConfig::default(),
            http: HttpConfig::default(),
            log: LogConfig::default(),
        }
    }

    fn check(&self) -> Result<(), String> {
        let between = |key: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(format!("{key} is {value}; choose {low} to {high}"))
            }
        };
        let (listen, limits) = (&self.listen, &self.limits);
        between("listen.handshake_timeout_s", listen.handshake_timeout_s, 1, 120)?;
        between("listen.handshakes_max", listen.handshakes_max as u64, 1, 65_536)?;
        between("listen.handshakes_per_address", listen.handshakes_per_address as u64, 1, 65_536)?;
        between("listen.connections_max", listen.connections_max as u64, 1, 100_000)?;
        between("listen.keep_alive_max_s", u64::from(listen.keep_alive_max_s), 5, 43_200)?;
        between("tls.reload_s", self.tls.reload_s, 1, 3_600)?;
        between("limits.payload_bytes", limits.payload_bytes as u64, 64, PAYLOAD_BYTES_MAX as u64)?;
        between("limits.messages_per_second", u64::from(limits.messages_per_second), 1, 1_000_000)?;
        between("limits.bytes_per_second", u64::from(limits.bytes_per_second), 16_384, 1_000_000_000)?;
        between("limits.queue_bytes", limits.queue_bytes as u64, 1024 * 1024, 4 * 1024 * 1024 * 1024)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_example_file_says_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("broker.example.toml");
        let config: BrokerConfig = service::config::load_with(Some(&path), []).unwrap();
        let defaults = BrokerConfig { tls: config.tls.clone(), ..BrokerConfig::example() };
        assert_eq!(service::config::show(&config), service::config::show(&defaults));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let mut config = BrokerConfig::example();
        config.limits.payload_bytes = 1_000_000;
        let why = config.check().unwrap_err();
        assert!(why.starts_with("limits.payload_bytes is 1000000; choose 64 to"), "{why}");
    }
}
