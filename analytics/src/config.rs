//! The configuration of this part: where ClickHouse is, and who we are there.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service::clock::ClockConfig;
use service::log::LogConfig;
use service::secret::Secret;

use crate::papers::Papers;

/// `analytics.toml`; `PLATEN_ANALYTICS__SECTION__KEY` in the environment overrides it.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct AnalyticsConfig {
    pub clickhouse: ClickHouseConfig,
    pub billing: BillingConfig,
    pub forecast: ForecastConfig,
    pub papers: Papers,
    pub clock: ClockConfig,
    pub log: LogConfig,
}

/// Section `[clickhouse]`. For forecasts and drafts a user that may only read is enough.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct ClickHouseConfig {
    pub url: String,
    pub user: String,
    pub password: Secret,
    pub database: String,
}

/// Section `[billing]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct BillingConfig {
    /// Folder of the locks that make one process at a time give invoice numbers.
    pub lock_dir: PathBuf,
}

/// Section `[forecast]`. An empty path is a file that nobody has; forecasts are possible without both.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct ForecastConfig {
    /// CSV `model,supply,nominal_yield`.
    pub catalog: PathBuf,
    /// CSV `date`: public holidays.
    pub holidays: PathBuf,
    /// TOML of `analytics supplies --rules`.
    pub rules: PathBuf,
}

impl Default for BillingConfig {
    fn default() -> BillingConfig {
        BillingConfig { lock_dir: PathBuf::from("/var/lib/platen/analytics") }
    }
}

impl Default for ClickHouseConfig {
    fn default() -> ClickHouseConfig {
        ClickHouseConfig {
            url: "http://127.0.0.1:8123".to_owned(),
            user: "default".to_owned(),
            password: Secret::default(),
            database: "default".to_owned(),
        }
    }
}

impl service::config::Config for AnalyticsConfig {
    const PART: &'static str = "analytics";

    fn example() -> AnalyticsConfig {
        let clock = ClockConfig { drill_clock: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 9_999))) };
        AnalyticsConfig { clock, ..AnalyticsConfig::default() }
    }

    fn check(&self) -> Result<(), String> {
        let url = &self.clickhouse.url;
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(format!("clickhouse.url is {url:?}; it begins with http:// or https://"));
        }
        if self.clickhouse.user.is_empty() || self.clickhouse.database.is_empty() {
            return Err("clickhouse.user and clickhouse.database must not be empty".to_owned());
        }
        self.papers.check()?;
        self.clock.check([url.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_configuration_holds_every_default() {
        let sample: AnalyticsConfig = toml::from_str(include_str!("../analytics.toml")).unwrap();
        assert_eq!(toml::to_string(&sample).unwrap(), toml::to_string(&AnalyticsConfig::default()).unwrap());
    }
}
