//! Sections `[snmp]` and `[[ranges]]` of the configuration: how to ask, and where.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use service::secret::Secret;

use super::credential::Credential;
use super::usm::Engines;
use crate::poll::profile::Profiles;

/// How devices are asked. The names of the settings are those that technicians know from other collectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SnmpConfig {
    /// Community strings, tried in this order in v2c and v1. Best written as `{ file = "/etc/platen/community" }`.
    /// Ranges and reports call them `community-1`, `community-2`, …
    pub communities: Vec<Secret>,
    /// Further credentials by name, of any version.
    pub credentials: Vec<Credential>,
    /// Whether silent addresses are pinged, where the system allows it: one that answers is worth asking in other ways.
    pub ping: bool,
    /// How long an address may take to answer a ping, ms, and how often it is pinged again.
    pub ping_timeout_ms: u64,
    pub ping_retries: u32,
    /// How long a device that was found may take to answer one packet, ms.
    pub snmp_request_timeout_ms: u64,
    /// How long an address may take to answer while devices are searched, ms.
    pub snmp_discovery_timeout_ms: u64,
    /// How often a known device is asked again after silence. Each further try asks for half as much.
    pub snmp_retries: u32,
    /// How often a silent address is asked again in a sweep. 0 keeps the sweep of an empty /24 below 25 KB; an address that
    /// answers a ping, or answered earlier, is asked again in every way.
    pub snmp_discovery_retries: u32,
    /// Devices and addresses asked at the same time.
    pub in_flight: usize,
    /// Packets a second that a sweep sends at most, so that small routers and intrusion detection stay calm.
    pub packets_per_second: u32,
    /// Values asked for in one packet; halved for a device that cannot take it.
    pub max_oids_per_packet: usize,
    /// Hours after which names, capacities and identity are read again; in between only what changes is read.
    pub full_read_hours: u32,
    /// What v3 learned of engines while the process runs.
    #[serde(skip)]
    pub engines: Engines,
    /// Folder of the site's own profiles: `*.toml` that add a printer model or replace a built-in profile of the same name.
    #[serde(rename = "profiles_dir", skip_serializing_if = "Profiles::is_builtin")]
    pub profiles: Profiles,
}

impl Default for SnmpConfig {
    fn default() -> Self {
        Self {
            communities: vec![Secret::new("public")],
            credentials: Vec::new(),
            ping: true,
            ping_timeout_ms: 1_000,
            ping_retries: 0,
            snmp_request_timeout_ms: 2_000,
            snmp_discovery_timeout_ms: 1_000,
            snmp_retries: 1,
            snmp_discovery_retries: 0,
            in_flight: 64,
            packets_per_second: 200,
            max_oids_per_packet: 60,
            full_read_hours: 24,
            engines: Engines::default(),
            profiles: Profiles::builtin(),
        }
    }
}

impl SnmpConfig {
    /// Refuses what cannot work, naming the key and the values that can.
    pub fn check(&self) -> Result<(), String> {
        self.check_credentials()?;
        for (key, value, low, high) in [
            ("snmp_request_timeout_ms", self.snmp_request_timeout_ms, 50, 60_000),
            ("snmp_discovery_timeout_ms", self.snmp_discovery_timeout_ms, 50, 60_000),
            ("ping_timeout_ms", self.ping_timeout_ms, 50, 60_000),
            ("ping_retries", self.ping_retries.into(), 0, 10),
            ("snmp_retries", self.snmp_retries.into(), 0, 10),
            ("snmp_discovery_retries", self.snmp_discovery_retries.into(), 0, 10),
            ("in_flight", self.in_flight as u64, 1, 256),
            ("packets_per_second", self.packets_per_second.into(), 1, 100_000),
            ("max_oids_per_packet", self.max_oids_per_packet as u64, 1, 100),
            ("full_read_hours", self.full_read_hours.into(), 1, 24 * 31),
        ] {
            if !(low..=high).contains(&value) {
                return Err(format!("snmp.{key} = {value}; give {low} to {high}"));
            }
        }
        Ok(())
    }

    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.snmp_request_timeout_ms)
    }

    pub fn discovery_timeout(&self) -> Duration {
        Duration::from_millis(self.snmp_discovery_timeout_ms)
    }

    pub fn ping_timeout(&self) -> Duration {
        Duration::from_millis(self.ping_timeout_ms)
    }

    pub fn full_read_every(&self) -> Duration {
        Duration::from_secs(3_600) * self.full_read_hours
    }
}

/// Versions that can be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    #[serde(rename = "1")]
    V1,
    #[default]
    #[serde(rename = "2c")]
    V2c,
    #[serde(rename = "3")]
    V3,
}

impl Version {
    pub(super) fn wire(self) -> i64 {
        match self {
            Self::V1 => 0,
            Self::V2c => 1,
            Self::V3 => 3,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V1 => "1",
            Self::V2c => "2c",
            Self::V3 => "3",
        })
    }
}

/// One `[[ranges]]` entry: where printers are looked for. Nothing outside is ever asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RangeConfig {
    /// `192.168.1.0/24`, `192.168.1.10-192.168.1.99`, `192.168.1.10-99`, `192.168.1.7`, `printer-3.example`, IPv6 addresses.
    pub include: Vec<String>,
    /// The same forms; what is in here is never asked.
    pub exclude: Vec<String>,
    pub port: u16,
    /// A file with more of them, one a line; `#` begins a comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_file: Option<PathBuf>,
    /// Versions to try, of "2c", "1" and "3".
    pub snmp_versions: Vec<Version>,
    /// Names of the credentials to try; empty = all.
    pub credentials: Vec<String>,
    /// Packets a second that a sweep sends into this range at most; absent: `snmp.packets_per_second`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets_per_second: Option<u32>,
    /// Accept more than 65,536 addresses.
    pub force: bool,
}

impl Default for RangeConfig {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            port: 161,
            include_file: None,
            snmp_versions: vec![Version::V2c, Version::V1, Version::V3],
            credentials: Vec::new(),
            packets_per_second: None,
            force: false,
        }
    }
}
