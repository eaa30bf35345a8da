//! The configuration of the part, and the files that it makes from it.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service::http::HttpConfig;
use service::log::LogConfig;
use service::secret::Secret;

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Config {
    pub engine: EngineConfig,
    pub http_interface: InterfaceConfig,
    /// Without any, a user `default` gets a password made at the first start, kept in `default.password` beside the data.
    pub users: Vec<UserConfig>,
    /// `/health` and `/metrics`.
    pub http: HttpConfig,
    pub log: LogConfig,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct EngineConfig {
    /// The folder of everything that this part keeps.
    pub path: PathBuf,
    /// The engine's library; by default where `make engine` puts it.
    pub library: Option<PathBuf>,
    /// The engine's memory in MiB, all statements together; one statement gets half of it unless it asks for more.
    pub memory_max_mb: u64,
    /// Whether an insert is on the disk, not only with the operating system, before it is acknowledged.
    pub fsync: bool,
    /// How many recent inserts a table remembers, to drop one that comes again byte for byte; 0 as on a stock server.
    pub deduplication_window: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/platen/clickhouse"),
            library: None,
            memory_max_mb: 2048,
            fsync: true,
            deduplication_window: 0,
        }
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct InterfaceConfig {
    /// Where ClickHouse's HTTP interface is served. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The interface speaks no TLS: another address than loopback must be wanted.
    pub allow_remote: bool,
}

impl Default for InterfaceConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8123)), allow_remote: false }
    }
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct UserConfig {
    pub name: String,
    pub password: Secret,
    #[serde(default)]
    pub readonly: bool,
}

impl service::config::Config for Config {
    const PART: &'static str = "embedded-clickhouse";

    fn example() -> Self {
        Self {
            engine: EngineConfig { library: Some(PathBuf::from("libchdb.so")), ..EngineConfig::default() },
            users: vec![UserConfig::default()],
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), String> {
        let listen = self.http_interface.listen;
        if !listen.ip().is_loopback() && !self.http_interface.allow_remote {
            return Err(format!(
                "http_interface.listen is {listen}, which other machines reach without TLS; use 127.0.0.1, or say allow_remote = true"
            ));
        }
        if !(256..=1024 * 1024).contains(&self.engine.memory_max_mb) {
            return Err("engine.memory_max_mb is between 256 and 1048576".to_owned());
        }
        if self.engine.path.as_os_str().is_empty() {
            return Err("engine.path is empty".to_owned());
        }
        for (at, user) in self.users.iter().enumerate() {
            if user.name.is_empty() || user.password.is_empty() {
                return Err(format!("users: entry {} needs a name and a password", at + 1));
            }
            if self.users[..at].iter().any(|other| other.name == user.name) {
                return Err(format!("users: {:?} is there twice", user.name));
            }
            if self.users[..at].iter().any(|other| other.password == user.password) {
                return Err(format!("users: {:?} has the password of another user", user.name));
            }
        }
        Ok(())
    }
}

impl EngineConfig {
    /// The engine's own configuration file. Without one it would read any `config.xml` lying about.
    pub fn xml(&self) -> String {
        let fsync = u8::from(self.fsync);
        let memory = self.memory_max_mb * 1024 * 1024;
        let window = self.deduplication_window;
        format!(
            "<!-- Written at every start from the configuration of embedded-clickhouse; edits are lost. -->\n\
             <clickhouse>\n\
             \x20 <max_server_memory_usage>{memory}</max_server_memory_usage>\n\
             \x20 <mark_cache_size>{mark_cache}</mark_cache_size>\n\
             \x20 <uncompressed_cache_size>0</uncompressed_cache_size>\n\
             \x20 <max_thread_pool_free_size>4</max_thread_pool_free_size>\n\
             \x20 <merge_tree>\n\
             \x20   <fsync_after_insert>{fsync}</fsync_after_insert>\n\
             \x20   <fsync_part_directory>{fsync}</fsync_part_directory>\n\
             \x20   <non_replicated_deduplication_window>{window}</non_replicated_deduplication_window>\n\
             \x20 </merge_tree>\n\
             </clickhouse>\n",
            mark_cache = memory / 16,
        )
    }

    /// What one statement may use unless it asks for more.
    pub fn statement_memory_bytes(&self) -> u64 {
        self.memory_max_mb * 1024 * 1024 / 2
    }

    /// A statement runs in as many threads as it asks for, a core each by default, while this much memory is free for each.
    /// ClickHouse's own figure is 1 GiB; with it an engine of a few GiB would use one core.
    pub fn thread_memory_bytes(&self) -> u64 {
        self.memory_max_mb * 1024 * 1024 / 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::config::Config as _;

    #[test]
    fn an_address_that_others_reach_must_be_wanted() {
        let mut config = Config::default();
        assert_eq!(config.check(), Ok(()));
        config.http_interface.listen = "0.0.0.0:8123".parse().unwrap();
        assert!(config.check().unwrap_err().contains("allow_remote"));
        config.http_interface.allow_remote = true;
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn users_are_told_apart_by_name_and_by_password() {
        let user = |name: &str, password: &str| UserConfig {
            name: name.to_owned(),
            password: Secret::new(password),
            readonly: false,
        };
        let check = |users| Config { users, ..Config::default() }.check();
        assert_eq!(check(vec![user("a", "1"), user("b", "2")]), Ok(()));
        assert!(check(vec![user("a", "1"), user("a", "2")]).is_err());
        assert!(check(vec![user("a", "1"), user("b", "1")]).is_err());
        assert!(check(vec![user("a", "")]).is_err());
    }

    #[test]
    fn the_sample_says_the_defaults() {
        let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("embedded-clickhouse.toml");
        let loaded: Config = service::config::load_with(Some(&sample), []).unwrap();
        assert_eq!(
            service::config::show(&loaded),
            service::config::show(&Config {
                http: HttpConfig { listen: "127.0.0.1:9124".parse().unwrap() },
                ..Config::default()
            })
        );
    }

    #[test]
    fn fsync_reaches_the_engine() {
        let xml = EngineConfig::default().xml();
        assert!(xml.contains("<fsync_after_insert>1<") && xml.contains("<fsync_part_directory>1<"), "{xml}");
        assert!(EngineConfig { fsync: false, ..EngineConfig::default() }.xml().contains("<fsync_after_insert>0<"));
    }
}
