//! An embedded-clickhouse of its own for one test: the real binary, a temporary folder, free ports; killed at the end.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use testbed::world::ports;
use testbed::world::process::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PASSWORD: &str = "write-and-read";
pub(crate) const READER_PASSWORD: &str = "only-read";

/// Long enough for a start on a busy machine; every wait below is for a fact and usually ends in milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LIBRARY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../embedded-clickhouse/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so");

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    pub(crate) health: String,
    pub(crate) process: Process,
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
        let (port, health_port) = (ports::free()?, ports::free()?);
        let health = format!("127.0.0.1:{health_port}");
        let config = format!(
            "[http_interface]\nlisten = \"127.0.0.1:{port}\"\n[http]\nlisten = {health:?}\n\
             [engine]\npath = {:?}\nmemory_max_mb = 1024\nfsync = false\n{more}",
            folder.path().join("clickhouse"),
        );
        let file = folder.path().join("config.toml");
        std::fs::write(&file, config)?;
        let arguments = vec!["run".to_owned(), "--config".to_owned(), file.to_string_lossy().into_owned()];
        let name = "embedded-clickhouse";
        let mut process = Process::new(name, name, arguments, &folder.path().join("log"))?;
        process.start()?;
        process.ready(&health, PATIENCE).await?;
        Ok(Self { folder, port, health, process })
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
        self.process.kill()?;
        self.process.start()?;
        self.process.ready(&self.health, PATIENCE).await
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap_or_default()
    }
}

/// Waits until `fact` holds; a failed attempt to find out is no fact.
pub(crate) async fn until<F: Future<Output = Result<bool>>>(what: &str, mut fact: impl FnMut() -> F) -> Result<()> {
    testbed::world::process::until(what, PATIENCE, || {
        let found = fact();
        async move { found.await.is_ok_and(|holds| holds) }
    })
    .await
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
