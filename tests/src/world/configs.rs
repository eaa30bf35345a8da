//! The configuration files of all parts, as an operator would write them.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use broker_config::pki::Paths;

use super::AgentPlan;

/// The user that ingest and analytics have in ClickHouse, and the read-only one for people.
pub const USER: &str = "platen";
pub const READER: &str = "reader";

pub(super) fn clickhouse(dir: &Path, port: u16, http: u16, fsync: bool) -> String {
    let data = dir.join("clickhouse");
    let (password, reader) = (dir.join("clickhouse.password"), dir.join("reader.password"));
    format!(
        "[engine]\npath = {data:?}\nfsync = {fsync}\n\n[http_interface]\nlisten = \"127.0.0.1:{port}\"\n\n\
         [[users]]\nname = \"{USER}\"\npassword = {{ file = {password:?} }}\n\n\
         [[users]]\nname = \"{READER}\"\npassword = {{ file = {reader:?} }}\nreadonly = true\n\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\n"
    )
}

pub(super) fn broker(pki: &Path, paths: &Paths, port: u16, http: u16) -> String {
    let crl = pki.join(broker_config::pki::CRL_FILE);
    let Paths { certificate, key, ca } = paths;
    format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\n\n\
         [tls]\nca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}\ncrl = {crl:?}\nreload_s = 1\n\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\n"
    )
}

pub(super) struct Ingest<'a> {
    pub dir: &'a Path,
    pub paths: &'a Paths,
    pub broker_port: u16,
    pub clickhouse_port: u16,
    pub http: u16,
    pub drill: Option<SocketAddr>,
}

impl Ingest<'_> {
    pub(super) fn toml(&self) -> String {
        let Paths { certificate, key, ca } = self.paths;
        let password = self.dir.join("clickhouse.password");
        let mut text = format!(
            "[broker]\nhost = \"127.0.0.1\"\nport = {}\nca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}\n\n\
             [clickhouse]\nurl = \"http://127.0.0.1:{}\"\nuser = \"{USER}\"\npassword = {{ file = {password:?} }}\n\n\
             [batch]\nage_ms = 40\n\n[retry]\nwait_ms_min = 100\nwait_ms_max = 1000\n\n\
             [http]\nlisten = \"127.0.0.1:{}\"\n",
            self.broker_port, self.clickhouse_port, self.http
        );
        push_clock(&mut text, self.drill);
        text
    }
}

pub(super) struct Agent<'a> {
    pub plan: &'a AgentPlan,
    pub data: &'a Path,
    pub paths: &'a Paths,
    pub broker_port: u16,
    pub http: u16,
    pub drill: Option<SocketAddr>,
}

impl Agent<'_> {
    pub(super) fn toml(&self) -> String {
        let Paths { certificate, key, ca } = self.paths;
        let AgentPlan { site, zone, ranges, extra, .. } = self.plan;
        let mut text = format!(
            "[agent]\nsite = \"{site}\"\nzone = \"{zone}\"\ndata_dir = {:?}\n\n\
             [broker]\nhost = \"127.0.0.1\"\nport = {}\nca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}\n\n\
             [http]\nlisten = \"127.0.0.1:{}\"\n",
            self.data, self.broker_port, self.http
        );
        push_clock(&mut text, self.drill);
        if !extra.contains("[schedule]") {
            // Runs count one poll per device and hour, whatever a device has to say.
            text.push_str("\n[schedule]\nattentive_interval_s = 3600\nquiet_interval_s = 3600\n");
        }
        let _ = write!(text, "\n{extra}\n{ranges}");
        text
    }
}

pub(super) fn analytics(dir: &Path, clickhouse_port: u16) -> String {
    let password = dir.join("reader.password");
    format!(
        "[clickhouse]\nurl = \"http://127.0.0.1:{clickhouse_port}\"\nuser = \"{READER}\"\n\
         password = {{ file = {password:?} }}\ndatabase = \"platen\"\n"
    )
}

/// As [`analytics`], for a user who may write: whoever issues invoices.
pub(super) fn billing(dir: &Path, clickhouse_port: u16, drill: Option<SocketAddr>) -> String {
    let password = dir.join("clickhouse.password");
    let mut text = format!(
        "[clickhouse]\nurl = \"http://127.0.0.1:{clickhouse_port}\"\nuser = \"{USER}\"\n\
         password = {{ file = {password:?} }}\ndatabase = \"platen\"\n\n[billing]\nlock_dir = {dir:?}\n"
    );
    push_clock(&mut text, drill);
    text
}

fn push_clock(text: &mut String, drill: Option<SocketAddr>) {
    if let Some(address) = drill {
        let _ = write!(text, "\n[clock]\ndrill_clock = \"{address}\"\n");
    }
}
