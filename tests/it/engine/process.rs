//! An embedded-clickhouse of its own for one test: the real binary, a temporary folder, free ports; killed at the end.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

pub(crate) const PASSWORD: &str = "write-and-read";
pub(crate) const READER_PASSWORD: &str = "only-read";

/// Long enough for a start on a busy machine; every wait below is for a fact and usually ends in milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);
const LIBRARY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../embedded-clickhouse/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so");

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    pub(crate) health_port: u16,
    pub(crate) process: Child,
}

/// An HTTP reply as it came over the wire, chunks joined.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The two users of most tests.
pub(crate) fn users() -> String {
    format!(
        "[[users]]\nname = \"default\"\npassword = \"{PASSWORD}\"\n\
         [[users]]\nname = \"reader\"\npassword = \"{READER_PASSWORD}\"\nreadonly = true\n"
    )
}

/// `target/debug/NAME`, beside this test.
pub(crate) fn binary(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(|deps| deps.parent()).context("the test runs outside of target/")?;
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{} is missing: run `cargo build -p {name}`", path.display());
    }
    Ok(path)
}

impl Engine {
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(&users()).await
    }

    /// `more` is TOML behind the sections `[http_interface]` and `[http]`.
    pub(crate) async fn start_with(more: &str) -> Result<Self> {
        if !std::path::Path::new(LIBRARY).is_file() {
            bail!("the ClickHouse engine is not installed: run `make engine`");
        }
        let folder = tempfile::tempdir()?;
        let (port, health_port) = (free_port().await?, free_port().await?);
        let config = format!(
            "[http_interface]\nlisten = \"127.0.0.1:{port}\"\n[http]\nlisten = \"127.0.0.1:{health_port}\"\n\
             [engine]\npath = {:?}\nmemory_max_mb = 1024\nfsync = false\n{more}",
            folder.path().join("clickhouse"),
        );
        std::fs::write(folder.path().join("config.toml"), config)?;
        let process = spawn(&folder)?;
        let mut engine = Self { folder, port, health_port, process };
        engine.ready().await?;
        Ok(engine)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn client(&self) -> clickhouse::Client {
        clickhouse::Client::default().with_url(self.url()).with_user("default").with_password(PASSWORD)
    }

    pub(crate) fn reader(&self) -> clickhouse::Client {
        clickhouse::Client::default().with_url(self.url()).with_user("reader").with_password(READER_PASSWORD)
    }

    /// Runs a statement for its effect.
    pub(crate) async fn run(&self, sql: &str) -> Result<()> {
        Ok(self.client().query(sql).execute().await?)
    }

    pub(crate) async fn number(&self, sql: &str) -> Result<u64> {
        Ok(self.client().query(sql).fetch_one().await?)
    }

    /// One POST with the password of `default`; `target` is the part after the host.
    pub(crate) async fn post(&self, target: &str, headers: &str, body: &[u8]) -> Result<Reply> {
        let key = format!("X-ClickHouse-User: default\r\nX-ClickHouse-Key: {PASSWORD}\r\n{headers}");
        request(self.port, "POST", target, &key, body).await
    }

    /// The same as `reader`.
    pub(crate) async fn post_as_reader(&self, target: &str, sql: &str) -> Result<Reply> {
        let key = format!("X-ClickHouse-User: reader\r\nX-ClickHouse-Key: {READER_PASSWORD}\r\n");
        request(self.port, "POST", target, &key, sql.as_bytes()).await
    }

    /// kill -9, then a new process on the same folder.
    pub(crate) async fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill().await?;
        self.process = spawn(&self.folder)?;
        self.ready().await
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !request(self.health_port, "GET", "/health", "", b"").await.is_ok_and(|reply| reply.status == 200) {
            if let Some(status) = self.process.try_wait()? {
                bail!("embedded-clickhouse ended with {status}:\n{}", self.log());
            }
            if Instant::now() > deadline {
                bail!("embedded-clickhouse is not ready:\n{}", self.log());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

fn spawn(folder: &TempDir) -> Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(folder.path().join("log"))?;
    Ok(Command::new(binary("embedded-clickhouse")?)
        .args(["run", "--config"])
        .arg(folder.path().join("config.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?)
}

/// Waits until `fact` holds.
pub(crate) async fn until<F: Future<Output = Result<bool>>>(what: &str, mut fact: impl FnMut() -> F) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !fact().await? {
        if Instant::now() > deadline {
            bail!("not in time: {what}");
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

pub(crate) async fn free_port() -> Result<u16> {
    Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

/// One request on a connection of its own.
pub(crate) async fn request(port: u16, method: &str, target: &str, headers: &str, body: &[u8]) -> Result<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    // A server that refuses early stops reading; what it says still counts.
    let _ = stream.write_all(body).await;
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw).await;
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n").context("no reply")?;
    let head = String::from_utf8_lossy(&raw[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    let rest = &raw[end + 4..];
    let body = if head.contains("transfer-encoding: chunked") { join_chunks(rest)? } else { rest.to_vec() };
    Ok(Reply { status, head, body })
}

fn join_chunks(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").context("a chunk without a size")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end])?, 16)?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(end + 2..end + 2 + size).context("a chunk that is cut off")?;
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).context("a chunk without an end")?;
    }
}
