//! The configuration of ingest.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use service::clock::ClockConfig;
use service::http::HttpConfig;
use service::log::LogConfig;
use service::secret::Secret;

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Config {
    pub broker: BrokerConfig,
    pub clickhouse: ClickhouseConfig,
    pub redis: RedisConfig,
    pub batch: BatchConfig,
    pub dedupe: DedupeConfig,
    pub quota: QuotaConfig,
    pub retry: RetryConfig,
    /// `/health` and `/metrics`.
    pub http: HttpConfig,
    pub log: LogConfig,
    pub clock: ClockConfig,
}

/// The MQTT broker, reached with mutual TLS. The client id is the CN of the certificate.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct BrokerConfig {
    pub host: String,
    pub port: u16,
    /// PEM; several certificates are all trusted.
    pub ca: PathBuf,
    /// PEM chain whose first certificate has the CN `service.ingestN`. Read anew for each connection.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The name that the broker's certificate must carry, where it differs from `host`.
    pub server_name: Option<String>,
    pub keep_alive_seconds: u16,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 8883,
            ca: PathBuf::from("/etc/platen/ca.pem"),
            certificate: PathBuf::from("/etc/platen/ingest.pem"),
            key: PathBuf::from("/etc/platen/ingest.key"),
            server_name: None,
            keep_alive_seconds: 20,
        }
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct ClickhouseConfig {
    pub url: String,
    pub user: String,
    pub password: Secret,
    pub database: String,
    pub compression: Compression,
    /// On a cluster: an insert counts only when a majority of the replicas has it.
    pub quorum: bool,
    /// Whether `run` applies missing migrations itself. Turn it off where somebody else may change tables.
    pub migrate_on_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Best on loopback.
    None,
    Lz4,
}

impl Default for ClickhouseConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            user: "default".to_owned(),
            password: Secret::default(),
            database: "platen".to_owned(),
            compression: Compression::None,
            quorum: false,
            migrate_on_start: true,
        }
    }
}

/// What several workers share: ids that were settled lately, and the partitions. It saves work and never decides.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct RedisConfig {
    /// `redis://…`; absent: this worker takes all partitions, and knows only what it settled itself and what `batches` held
    /// at its start.
    pub url: Option<Secret>,
    /// Whoever does not answer in this time is not waited for.
    pub timeout_ms: u64,
    pub keep_hours: u64,
    /// A worker that is silent for this long loses its partitions to the others.
    pub lease_ms: u64,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self { url: None, timeout_ms: 100, keep_hours: 72, lease_ms: 5_000 }
    }
}

impl RedisConfig {
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }
}

/// A group of payloads is inserted when it has this many rows or bytes, or this age.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct BatchConfig {
    pub rows: usize,
    /// Payload bytes, compressed as they travelled.
    pub bytes: usize,
    pub age_ms: u64,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { rows: 20_000, bytes: 1024 * 1024, age_ms: 500 }
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct DedupeConfig {
    /// Ids held in memory, about 100 bytes each.
    pub recent: usize,
    /// How far back `batches` is read at the start.
    pub warm_hours: u32,
}

impl Default for DedupeConfig {
    fn default() -> Self {
        Self { recent: 200_000, warm_hours: 72 }
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct QuotaConfig {
    /// Payload bytes of one agent and UTC day. What exceeds them stays with the agent until the next day.
    pub bytes_per_day: u64,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        // Ten thousand devices polled hourly make 60 MB a day; the rest lets a month of backlog drain in days.
        Self { bytes_per_day: 512 * 1024 * 1024 }
    }
}

/// How failing inserts are repeated.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct RetryConfig {
    pub wait_ms_min: u64,
    pub wait_ms_max: u64,
    /// An error code that nobody knows is waited out this long before a payload is blamed for it.
    pub unknown_minutes: u64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { wait_ms_min: 500, wait_ms_max: 30_000, unknown_minutes: 10 }
    }
}

impl RetryConfig {
    pub fn wait_min(&self) -> Duration {
        Duration::from_millis(self.wait_ms_min)
    }

    pub fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_ms_max)
    }

    pub fn unknown(&self) -> Duration {
        Duration::from_secs(self.unknown_minutes.saturating_mul(60))
    }
}

impl service::config::Config for Config {
    const PART: &'static str = "ingest";

    fn example() -> Self {
        Self {
            broker: BrokerConfig { server_name: Some("broker.example".to_owned()), ..BrokerConfig::default() },
            redis: RedisConfig { url: Some(Secret::new("redis://127.0.0.1:6379")), ..RedisConfig::default() },
            clock: ClockConfig { drill_clock: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 9100))) },
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), String> {
        let redis = self.redis.url.as_ref().map(Secret::expose);
        self.clock.check([self.broker.host.as_str(), self.clickhouse.url.as_str()].into_iter().chain(redis))?;
        if self.broker.host.is_empty() {
            return Err("broker.host is empty".to_owned());
        }
        if !self.clickhouse.url.starts_with("http://") && !self.clickhouse.url.starts_with("https://") {
            return Err("clickhouse.url must start with http:// or https://".to_owned());
        }
        let database = &self.clickhouse.database;
        if database.is_empty() || !database.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("clickhouse.database {database:?} must consist of letters, digits and _"));
        }
        within("broker.keep_alive_seconds", u64::from(self.broker.keep_alive_seconds), 5, 3_600)?;
        within("batch.rows", self.batch.rows as u64, 1, 1_000_000)?;
        within("batch.bytes", self.batch.bytes as u64, 1, 256 * 1024 * 1024)?;
        within("batch.age_ms", self.batch.age_ms, 1, 60_000)?;
        within("dedupe.recent", self.dedupe.recent as u64, 1_000, 100_000_000)?;
        within("redis.timeout_ms", self.redis.timeout_ms, 1, 10_000)?;
        within("redis.keep_hours", self.redis.keep_hours, 1, 24 * 365)?;
        within("redis.lease_ms", self.redis.lease_ms, 1_000, 60_000)?;
        within("quota.bytes_per_day", self.quota.bytes_per_day, 1024 * 1024, u64::MAX)?;
        within("retry.wait_ms_min", self.retry.wait_ms_min, 1, 60_000)?;
        within("retry.wait_ms_max", self.retry.wait_ms_max, self.retry.wait_ms_min, 3_600_000)?;
        within("retry.unknown_minutes", self.retry.unknown_minutes, 0, 24 * 60)
    }
}

fn within(key: &str, value: u64, min: u64, max: u64) -> Result<(), String> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(format!("{key} = {value} is not between {min} and {max}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::config::Config as _;

    #[test]
    fn the_defaults_and_the_example_but_for_its_name_are_valid() {
        assert_eq!(Config::default().check(), Ok(()));
        let mut example = Config::example();
        example.broker.host = "127.0.0.1".to_owned();
        assert_eq!(example.check(), Ok(()));
    }

    #[test]
    fn a_drilled_clock_is_refused_beside_a_foreign_broker_store_or_cache() {
        let drill = Config { clock: Config::example().clock, ..Config::default() };
        assert!(drill.check().is_ok());
        let broker =
            Config { broker: BrokerConfig { host: "b.example".into(), ..drill.broker.clone() }, ..drill.clone() };
        assert!(broker.check().is_err());
        let store = ClickhouseConfig { url: "https://db.example".into(), ..drill.clickhouse.clone() };
        assert!(Config { clickhouse: store, ..drill.clone() }.check().is_err());
        let redis = RedisConfig { url: Some(Secret::new("redis://cache.example")), ..drill.redis.clone() };
        assert!(Config { redis, ..drill }.check().is_err());
    }

    #[test]
    fn the_sample_says_the_defaults() {
        let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ingest.toml");
        let loaded: Config = service::config::load_with(Some(&sample), []).unwrap();
        let http = HttpConfig { listen: "127.0.0.1:9122".parse().unwrap() };
        let defaults = Config { http, ..Config::default() };
        assert_eq!(service::config::show(&loaded), service::config::show(&defaults));
    }

    #[test]
    fn a_database_name_cannot_carry_sql() {
        for bad in ["", "a b", "a;DROP", "a`"] {
            let clickhouse = ClickhouseConfig { database: bad.into(), ..ClickhouseConfig::default() };
            assert!(Config { clickhouse, ..Config::default() }.check().is_err(), "{bad:?}");
        }
    }
}
