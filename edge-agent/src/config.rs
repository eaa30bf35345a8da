//! The configuration of the agent. `agent.toml` beside this crate says the same with comments; a test holds them together.

mod polling;

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use schemas::privacy::Withhold;
use serde::{Deserialize, Serialize};
use service::clock::ClockConfig;
use service::config::Config;
use service::http::HttpConfig;
use service::log::LogConfig;
use service::tls::Files;

use crate::discover::Ranges;
use crate::limits;
use crate::publish::window::Pace;
use crate::scheduler::budget::BudgetConfig;
use crate::snmp::SnmpConfig;
use crate::snmp::config::RangeConfig;
use crate::snmp::credential::Credential;
use crate::traps::TrapsConfig;

pub use polling::Schedule;

/// The commented sample, as `edge-agent config-sample` prints it.
pub const SAMPLE: &str = include_str!("../agent.toml");

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    pub agent: Agent,
    pub broker: Broker,
    pub schedule: Schedule,
    pub budget: BudgetConfig,
    pub snmp: SnmpConfig,
    pub spool: SpoolSection,
    pub privacy: Privacy,
    pub http: Http,
    pub log: Log,
    pub clock: Clock,
    pub drill: Drill,
    pub traps: TrapsConfig,
    pub ranges: Vec<RangeConfig>,
}

/// `service`'s sections do not compare; these wrappers do, by what they show.
macro_rules! section {
    ($name:ident, $inner:ty, $default:expr) => {
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                format!("{self:?}") == format!("{other:?}")
            }
        }
    };
}

section!(Http, HttpConfig, HttpConfig { listen: std::net::SocketAddr::from(([127, 0, 0, 1], 9121)) });
section!(Log, LogConfig, LogConfig::default());
section!(Clock, ClockConfig, ClockConfig::default());

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agent {
    pub site: String,
    pub zone: String,
    pub data_dir: PathBuf,
}

impl Default for Agent {
    fn default() -> Self {
        Self { site: "main".into(), zone: "Etc/UTC".into(), data_dir: "/var/lib/platen/edge-agent".into() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Broker {
    pub host: String,
    pub port: u16,
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    pub keep_alive_s: u64,
    pub reconnect_min_s: u64,
    pub reconnect_max_s: u64,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 8883,
            ca: "/etc/platen/ca.pem".into(),
            certificate: "/etc/platen/agent.pem".into(),
            key: "/etc/platen/agent.key".into(),
            server_name: None,
            keep_alive_s: limits::KEEP_ALIVE.as_secs(),
            reconnect_min_s: limits::RECONNECT_MIN.as_secs(),
            reconnect_max_s: limits::RECONNECT_MAX.as_secs(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Disk,
    Memory,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpoolSection {
    pub mode: Mode,
    /// Absent: the default of the mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    pub disk_free_min_bytes: u64,
    pub linger_s: u64,
}

impl Default for SpoolSection {
    fn default() -> Self {
        Self { mode: Mode::Disk, bytes_max: None, disk_free_min_bytes: limits::DISK_FREE_MIN, linger_s: 60 }
    }
}

impl SpoolSection {
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max.unwrap_or(match self.mode {
            Mode::Disk => limits::SPOOL_BYTES_DISK,
            Mode::Memory => limits::SPOOL_BYTES_MEMORY,
        })
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Privacy {
    pub withhold: Withhold,
}

/// Waits that a drill may shorten; refused without `clock.drill_clock`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drill {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resend_min_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resend_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_min_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_max_ms: Option<u64>,
    /// How long a broker may owe a PUBACK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
}

impl AgentConfig {
    pub fn files(&self) -> Files {
        Files {
            ca: self.broker.ca.clone(),
            certificate: self.broker.certificate.clone(),
            key: self.broker.key.clone(),
            server_name: self.broker.server_name.clone(),
        }
    }

    /// How long to wait for an ack.
    pub fn pace(&self) -> Pace {
        let min = self.drill.resend_min_ms.map_or(limits::RESEND_MIN, Duration::from_millis);
        let max = self.drill.resend_max_ms.map_or(limits::RESEND_MAX, Duration::from_millis);
        Pace { min, max: max.max(min) }
    }

    /// How long a broker may owe a PUBACK before it is taken for gone.
    pub fn silence(&self) -> Duration {
        self.drill.silence_ms.map_or(limits::PUBACK_TIMEOUT, Duration::from_millis)
    }

    /// Shortest and longest wait between connection attempts.
    pub fn reconnect(&self) -> (Duration, Duration) {
        let min =
            self.drill.backoff_min_ms.map_or(Duration::from_secs(self.broker.reconnect_min_s), Duration::from_millis);
        let max =
            self.drill.backoff_max_ms.map_or(Duration::from_secs(self.broker.reconnect_max_s), Duration::from_millis);
        (min, max.max(min))
    }
}

impl Config for AgentConfig {
    const PART: &'static str = "edge-agent";

    fn example() -> Self {
        Self {
            broker: Broker { server_name: Some("broker.example".into()), ..Broker::default() },
            spool: SpoolSection { bytes_max: Some(limits::SPOOL_BYTES_DISK), ..SpoolSection::default() },
            schedule: Schedule {
                supplies_interval_s: Some(3_600),
                status_interval_s: Some(3_600),
                ..Schedule::default()
            },
            budget: BudgetConfig {
                lan_bytes_per_day: Some(2_000_000),
                lan_packets_per_day: Some(5_000),
                upstream_bytes_per_day: Some(500_000),
            },
            clock: Clock(ClockConfig { drill_clock: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 9_999))) }),
            drill: Drill {
                resend_min_ms: Some(1_000),
                resend_max_ms: Some(5_000),
                backoff_min_ms: Some(50),
                backoff_max_ms: Some(1_000),
                silence_ms: Some(5_000),
            },
            ranges: vec![RangeConfig {
                include_file: Some("/etc/platen/printers.txt".into()),
                packets_per_second: Some(20),
                ..RangeConfig::default()
            }],
            snmp: SnmpConfig { credentials: vec![Credential::default()], ..SnmpConfig::default() },
            traps: TrapsConfig {
                listen: Some(std::net::SocketAddr::from(([0, 0, 0, 0], 162))),
                fallback: Some(std::net::SocketAddr::from(([0, 0, 0, 0], 1162))),
                ..TrapsConfig::default()
            },
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), String> {
        let Self { agent, broker, spool, drill, .. } = self;
        if agent.site.is_empty() || agent.site.len() > 64 {
            return Err("agent.site has 1 to 64 characters".into());
        }
        TimeZone::get(&agent.zone).map_err(|_| {
            format!("agent.zone {:?} is not a zone of the IANA database; write one like \"Europe/Berlin\"", agent.zone)
        })?;
        if broker.host.is_empty() {
            return Err("broker.host is empty; name the broker".into());
        }
        let spool_least = match self.clock.0.drill_clock {
            Some(_) => limits::SPOOL_BYTES_LEAST_DRILL,
            None => limits::SPOOL_BYTES_LEAST,
        };
        for (key, value, low, high) in [
            ("broker.port", u64::from(broker.port), 1, 65_535),
            ("broker.keep_alive_s", broker.keep_alive_s, 10, 43_200),
            ("broker.reconnect_min_s", broker.reconnect_min_s, 1, 3_600),
            ("broker.reconnect_max_s", broker.reconnect_max_s, broker.reconnect_min_s, 86_400),
            ("spool.bytes_max", spool.bytes_max(), spool_least, 1 << 40),
            ("spool.linger_s", spool.linger_s, 0, 3_600),
        ] {
            if !(low..=high).contains(&value) {
                return Err(format!("{key} = {value}; give {low} to {high}"));
            }
        }
        self.schedule.check()?;
        self.budget.check()?;
        if *drill != Drill::default() && self.clock.0.drill_clock.is_none() {
            return Err("[drill] shortens waits for drills only; remove it or set clock.drill_clock".into());
        }
        self.snmp.check()?;
        Ranges::new(&self.ranges).map_err(|error| format!("ranges: {error}"))?;
        for name in self.ranges.iter().flat_map(|range| &range.credentials) {
            if !self.snmp.has_credential(name) {
                return Err(format!(
                    "ranges.credentials names {name:?}, which is neither in [[snmp.credentials]] nor community-1, community-2, \
                     … for the entries of snmp.communities"
                ));
            }
        }
        if self.ranges.iter().any(|range| range.packets_per_second == Some(0)) {
            return Err("ranges.packets_per_second = 0; give 1 or more, or leave it out".into());
        }
        self.clock.0.check([broker.host.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_says_what_the_defaults_are() {
        let sample: AgentConfig = toml::from_str(SAMPLE).unwrap();
        assert_eq!(sample, AgentConfig::default());
        sample.check().unwrap();
    }

    #[test]
    fn every_key_stands_in_the_sample() {
        let example = toml::Value::try_from(AgentConfig::example()).unwrap();
        let mut missing = Vec::new();
        for (section, keys) in example.as_table().unwrap() {
            let table = match keys {
                toml::Value::Array(list) => list[0].as_table().unwrap(),
                other => other.as_table().unwrap(),
            };
            for key in table.keys() {
                let named = SAMPLE.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
                let nested = SAMPLE.contains(&format!("[{section}.{key}]"));
                if !named && !nested {
                    missing.push(format!("{section}.{key}"));
                }
                let Some(entry) = table[key].as_array().and_then(|list| list.first()?.as_table()) else { continue };
                for inner in entry.keys() {
                    if !SAMPLE.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{inner} ="))) {
                        missing.push(format!("{section}.{key}.{inner}"));
                    }
                }
            }
        }
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_key() {
        let broken = |change: fn(&mut AgentConfig)| {
            let mut config = AgentConfig::default();
            change(&mut config);
            config.check().unwrap_err()
        };
        assert!(broken(|config| config.agent.zone = "Europe/Atlantis".into()).starts_with("agent.zone"));
        assert!(broken(|config| config.spool.bytes_max = Some(5)).starts_with("spool.bytes_max"));
        assert!(
            broken(|config| config.spool.bytes_max = Some(limits::SPOOL_BYTES_LEAST_DRILL))
                .starts_with("spool.bytes_max"),
            "the smaller cap is for drills alone"
        );
        assert!(broken(|config| config.schedule.status_interval_s = Some(1)).starts_with("schedule.status_interval_s"));
        assert!(broken(|config| config.schedule.supply_low_percent = 101).starts_with("schedule.supply_low_percent"));
        assert!(broken(|config| config.budget.lan_bytes_per_day = Some(1)).starts_with("budget.lan_bytes_per_day"));
        assert!(broken(|config| config.drill.resend_min_ms = Some(5)).starts_with("[drill]"));
        assert!(
            broken(|config| config.ranges =
                vec![RangeConfig { include: vec!["10.0.0.0/8".into()], ..RangeConfig::default() }])
            .starts_with("ranges")
        );
        let unknown = RangeConfig { credentials: vec!["office".into()], ..RangeConfig::default() };
        let mut config = AgentConfig { ranges: vec![unknown], ..AgentConfig::default() };
        assert!(config.check().unwrap_err().contains("\"office\""));
        config.ranges[0].credentials = vec!["community-1".into()];
        config.check().unwrap();
        assert!(
            broken(|config| {
                config.clock = Clock(ClockConfig { drill_clock: "127.0.0.1:9".parse().ok() });
                config.broker.host = "broker.example".into();
            })
            .contains("drill")
        );
    }
}
