//! The clocks of a part. Nothing else in Platen asks the operating system for the time.
//!
//! - `wall`: the host's idea of the date. It may be wrong and may jump.
//! - `steady`: time since boot. It never jumps and goes on over restarts of the process; schedules and stamps count in it.
//! - timeouts, keep-alive and resends use tokio's own time and are never driven.
//!
//! A *drill* drives wall and steady of a running process from outside, over a loopback connection, so that 35 days pass
//! in minutes. Lines of the drill: `set STEADY_MS WALL_UNIX_MS` from the drill, `reached STEADY_MS` back when everything
//! due by then is done. The first `set` is waited for at start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

/// `reached` lines waiting to be written; one is written per step.
const REACHED_QUEUE: usize = 8;
const DRILL_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Section `[clock]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct ClockConfig {
    /// Address of a drill that drives `wall` and `steady`. For tests and the demo; loopback only.
    pub drill_clock: Option<SocketAddr>,
}

impl ClockConfig {
    /// # Errors
    /// When a drill clock is configured that is not on loopback, or beside an endpoint that is not on loopback.
    pub fn check<'a>(&self, endpoints: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
        let Some(drill) = self.drill_clock else { return Ok(()) };
        if !drill.ip().is_loopback() {
            return Err(format!(
                "clock.drill_clock {drill} is not a loopback address: a drill never leaves its machine"
            ));
        }
        for endpoint in endpoints {
            if !is_loopback(endpoint) {
                return Err(format!(
                    "clock.drill_clock is set, but {endpoint} is not a loopback endpoint: a drilled clock must not reach real data"
                ));
            }
        }
        Ok(())
    }
}

/// Whether a URL, `host:port` or host names this machine only.
pub fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    let host = host.rsplit_once('@').map_or(host, |(_, rest)| rest);
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let host = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    #[error("connect to the drill clock at {address}")]
    Connect { address: SocketAddr, source: std::io::Error },
    #[error("the drill clock at {address} said nothing that is a time: {line:?}")]
    Protocol { address: SocketAddr, line: String },
}

/// Both driven clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Drilled {
    steady: Duration,
    wall: Timestamp,
}

/// Cheap to clone; all clones tell the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    System,
    Drill { now: watch::Receiver<Drilled>, reached: mpsc::Sender<Duration>, boot_id: Arc<str> },
}

impl Clock {
    /// The clocks of this machine.
    pub fn system() -> Self {
        Self { source: Source::System }
    }

    /// The clocks that the configuration asks for. A drill is connected to, and its first `set` waited for.
    ///
    /// # Errors
    /// When the drill cannot be reached or speaks something else.
    pub async fn connect(config: &ClockConfig, name: &str) -> Result<Self, ClockError> {
        let Some(address) = config.drill_clock else { return Ok(Self::system()) };
        let failed = |source| ClockError::Connect { address, source };
        let stream = tokio::time::timeout(DRILL_CONNECT_TIMEOUT, TcpStream::connect(address))
            .await
            .map_err(|_| failed(std::io::ErrorKind::TimedOut.into()))?
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (read, mut write) = stream.into_split();
        write.write_all(format!("name {name}\n").as_bytes()).await.map_err(failed)?;
        let mut lines = BufReader::new(read).lines();
        let line = lines.next_line().await.map_err(failed)?.unwrap_or_default();
        let first = parse_set(&line).ok_or(ClockError::Protocol { address, line })?;
        let (now, receiver) = watch::channel(first);
        let (reached, mut steps) = mpsc::channel::<Duration>(REACHED_QUEUE);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    line = lines.next_line() => match line {
                        Ok(Some(line)) => {
                            if let Some(drilled) = parse_set(&line) {
                                now.send_replace(drilled);
                            }
                        }
                        Ok(None) | Err(_) => {
                            tracing::warn!(%address, "drill clock gone, time stands still");
                            break;
                        }
                    },
                    step = steps.recv() => {
                        let Some(step) = step else { break };
                        if write.write_all(format!("reached {}\n", step.as_millis()).as_bytes()).await.is_err() {
                            break;
                        }
                    }
                }
            }
            // The sender lives on, so that waiting for a later time waits instead of spinning.
            now.closed().await;
        });
        Ok(Self { source: Source::Drill { now: receiver, reached, boot_id: "drill".into() } })
    }

    pub fn is_drill(&self) -> bool {
        matches!(self.source, Source::Drill { .. })
    }

    /// The host's date and time. May be wrong, may jump.
    pub fn wall(&self) -> Timestamp {
        match &self.source {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
            Source::System => Timestamp::now(),
            Source::Drill { now, .. } => now.borrow().wall,
        }
    }

    /// Time since boot, suspended time included. Never jumps.
    pub fn steady(&self) -> Duration {
        match &self.source {
            Source::System => {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
                Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
            }
            Source::Drill { now, .. } => now.borrow().steady,
        }
    }

    /// Names the boot that `steady` counts from.
    pub fn boot_id(&self) -> String {
        match &self.source {
            Source::System => std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .map(|text| text.trim().to_owned())
                .unwrap_or_else(|_| format!("unknown-{}", std::process::id())),
            Source::Drill { boot_id, .. } => boot_id.to_string(),
        }
    }

    /// Waits until `steady` is at least `at`.
    pub async fn until_steady(&self, at: Duration) {
        match &self.source {
            Source::System => loop {
                let now = self.steady();
                let Some(left) = at.checked_sub(now).filter(|left| !left.is_zero()) else { return };
                tokio::time::sleep(left).await;
            },
            Source::Drill { now, .. } => {
                let mut now = now.clone();
                if now.wait_for(|drilled| drilled.steady >= at).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Tells a drill that everything due by `steady` is done. Does nothing on the system's clock.
    pub fn reached(&self, steady: Duration) {
        if let Source::Drill { reached, .. } = &self.source {
            // A full queue means that nobody reads: the drill is gone or has long moved on.
            let _ = reached.try_send(steady);
        }
    }

    /// Answers every step of a drill at once, for parts that have no schedule of their own.
    pub async fn follow(&self) {
        if let Source::Drill { now, .. } = &self.source {
            let mut now = now.clone();
            loop {
                let steady = now.borrow_and_update().steady;
                self.reached(steady);
                if now.changed().await.is_err() {
                    break;
                }
            }
        }
        std::future::pending::<()>().await;
    }
}

fn parse_set(line: &str) -> Option<Drilled> {
    let mut words = line.split_whitespace();
    if words.next()? != "set" {
        return None;
    }
    let steady = Duration::from_millis(words.next()?.parse().ok()?);
    let wall = Timestamp::from_millisecond(words.next()?.parse().ok()?).ok()?;
    Some(Drilled { steady, wall })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn a_drill_is_refused_beside_anything_that_is_not_loopback() {
        let config = ClockConfig { drill_clock: "127.0.0.1:9".parse().ok() };
        assert!(config.check(["http://127.0.0.1:8123", "localhost:8883", "[::1]:1"]).is_ok());
        assert!(config.check(["http://db.example:8123"]).is_err());
        assert!(config.check(["http://127.0.0.1@db.example/"]).is_err());
        let config = ClockConfig { drill_clock: "192.0.2.1:9".parse().ok() };
        assert!(config.check([]).is_err());
        assert!(ClockConfig::default().check(["http://db.example:8123"]).is_ok());
    }

    #[tokio::test]
    async fn a_drill_drives_both_clocks_and_hears_what_was_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = ClockConfig { drill_clock: Some(listener.local_addr().unwrap()) };
        let drill = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            assert_eq!(lines.next_line().await.unwrap().unwrap(), "name acme.one");
            write.write_all(b"set 1000 1700000000000\n").await.unwrap();
            write.write_all(b"set 5000 1600000000000\n").await.unwrap();
            lines.next_line().await.unwrap().unwrap()
        });
        let clock = Clock::connect(&config, "acme.one").await.unwrap();
        clock.until_steady(Duration::from_secs(5)).await;
        assert_eq!(clock.wall().as_second(), 1_600_000_000);
        clock.reached(clock.steady());
        assert_eq!(drill.await.unwrap(), "reached 5000");
    }

    #[test]
    fn the_steady_clock_of_the_system_does_not_go_back() {
        let clock = Clock::system();
        let before = clock.steady();
        assert!(clock.steady() >= before);
        assert!(!clock.boot_id().is_empty());
    }
}
