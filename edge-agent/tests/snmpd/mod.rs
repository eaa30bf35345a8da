//! Debian's net-snmp agent with users of SNMP v3, on a port of its own.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test peer: each binary takes its own part of it"
)]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use edge_agent::snmp::credential::Credential;
use edge_agent::snmp::usm::{Auth, Privacy};
use edge_agent::snmp::{SnmpConfig, Version};
use service::secret::Secret;

pub const AUTH_PASSWORD: &str = "first-pass";
pub const PRIV_PASSWORD: &str = "second-pass";

pub const AUTHS: [(&str, Auth); 6] = [
    ("MD5", Auth::Md5),
    ("SHA", Auth::Sha1),
    ("SHA-224", Auth::Sha224),
    ("SHA-256", Auth::Sha256),
    ("SHA-384", Auth::Sha384),
    ("SHA-512", Auth::Sha512),
];
pub const PRIVACIES: [(&str, Privacy); 6] = [
    ("DES", Privacy::Des),
    ("AES", Privacy::Aes128),
    ("AES-192", Privacy::Aes192),
    ("AES-256", Privacy::Aes256),
    ("AES-192-C", Privacy::Aes192c),
    ("AES-256-C", Privacy::Aes256c),
];

/// A running agent; it ends with the value.
pub struct Snmpd {
    pub address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name of the user with these protocols.
pub fn user(auth: &str, privacy: &str) -> String {
    format!("{auth}{privacy}").replace('-', "")
}

/// A credential for that user.
pub fn credential(auth: (&str, Auth), privacy: Option<(&str, Privacy)>) -> Credential {
    Credential {
        name: "office".into(),
        version: Version::V3,
        user: user(auth.0, privacy.map_or("", |(name, _)| name)),
        auth: auth.1,
        auth_password: Secret::new(AUTH_PASSWORD),
        privacy: privacy.map_or(Privacy::None, |(_, privacy)| privacy),
        priv_password: Secret::new(if privacy.is_some() { PRIV_PASSWORD } else { "" }),
        ..Credential::default()
    }
}

/// Asks with these credentials alone.
pub fn config(credentials: Vec<Credential>) -> SnmpConfig {
    SnmpConfig {
        communities: Vec::new(),
        credentials,
        snmp_request_timeout_ms: 1_000,
        snmp_discovery_timeout_ms: 1_000,
        ..SnmpConfig::default()
    }
}

/// Users for every pair of protocols, and community `public` for those who ask by v1 and v2c.
pub fn start() -> Snmpd {
    // The socket is gone before snmpd wants its port.
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    start_at(address)
}

pub fn start_at(address: SocketAddr) -> Snmpd {
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!("agentaddress udp:{address}\nrocommunity public\nsysName platen-peer\n");
    for (auth, _) in AUTHS {
        text.push_str(&format!("createUser {0} {auth} {AUTH_PASSWORD}\nrouser {0} auth\n", user(auth, "")));
        for (privacy, _) in PRIVACIES {
            let name = user(auth, privacy);
            text.push_str(&format!(
                "createUser {name} {auth} {AUTH_PASSWORD} {privacy} {PRIV_PASSWORD}\nrouser {name} priv\n"
            ));
        }
    }
    let file = folder.path().join("agent.conf");
    std::fs::write(&file, text).unwrap();
    let persistent = folder.path().join("persistent");
    let child = Command::new("/usr/sbin/snmpd")
        .args(["-f", "-LE", "0", "-C", "-c"])
        .arg(&file)
        .env("SNMP_PERSISTENT_DIR", &persistent)
        .env("MIBS", "")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start snmpd; `apt-get install snmpd` brings it");
    let snmpd = Snmpd { address, child, folder };
    snmpd.wait();
    snmpd
}

impl Snmpd {
    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket.connect(self.address).unwrap();
        let get =
            hex::decode("302602010104067075626c6963a019020101020100020100300e300c06082b060102010102000500").unwrap();
        let mut buffer = [0; 1_500];
        while socket.send(&get).and_then(|_| socket.recv(&mut buffer)).is_err() {
            assert!(Instant::now() < until, "snmpd answers within a minute");
        }
    }
}
