//! Traps of Debian's snmptrap and snmpinform: what they lead to, and which informs are acknowledged.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use edge_agent::metrics::{AgentMetrics, TrapLabel};
use edge_agent::time::Moments;
use edge_agent::traps::{TrapsConfig, listen};
use service::clock::Clock;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const DEVICE: &str = "127.0.0.1";

struct Running {
    address: SocketAddr,
    hints: mpsc::Receiver<IpAddr>,
    known: watch::Sender<Arc<BTreeSet<IpAddr>>>,
    metrics: AgentMetrics,
    token: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

async fn start(known: &[&str]) -> Running {
    let config = TrapsConfig { listen: "127.0.0.1:0".parse().ok(), ..TrapsConfig::default() };
    let socket = listen::open(&config).await.unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, hints) = mpsc::channel(8);
    let known = Arc::new(known.iter().map(|address| address.parse().unwrap()).collect());
    let (known, whose) = watch::channel(known);
    let (metrics, token) = (AgentMetrics::default(), CancellationToken::new());
    let moments = Moments::new(Clock::system());
    let listener = listen::Listener { socket, config, hints: sender, known: whose, moments, metrics: metrics.clone() };
    tokio::spawn(listener.run(token.clone()));
    Running { address, hints, known, metrics, token }
}

impl Running {
    fn counted(&self, led_to: &'static str) -> u64 {
        self.metrics.traps.get_or_create(&TrapLabel { led_to }).get()
    }

    /// Whether the tool was content.
    async fn send(&self, program: &str, arguments: &[&str]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command.args(&arguments[..arguments.len().min(6)]).arg(self.address.to_string()).args(&arguments[6..]);
        let output = command
            .env("MIBS", "")
            .env("SNMPCONFPATH", folder.path())
            .env("SNMP_PERSISTENT_DIR", folder.path())
            .output()
            .await
            .expect("run snmptrap; `apt-get install snmp` brings it");
        output.status.success()
    }

    async fn hint(&mut self) -> IpAddr {
        tokio::time::timeout(Duration::from_secs(30), self.hints.recv()).await.expect("a trap leads to a hint").unwrap()
    }
}

/// coldStart by v2c, and what else a tool wants to know.
fn v2(program_arguments: &[&'static str]) -> Vec<&'static str> {
    ["-v2c", "-c", "public", "-r0", "-t2", "-On"].iter().chain(program_arguments).copied().collect()
}

#[tokio::test]
async fn traps_of_v1_and_v2c_from_a_known_device_are_hints_once_a_minute() {
    let mut running = start(&[DEVICE]).await;
    let v1 = ["-v1", "-c", "public", "-r0", "-t2", "-On", "1.3.6.1.4.1.2435", "192.0.2.7", "6", "1", "0"];
    assert!(running.send("snmptrap", &v1).await);
    assert_eq!(running.hint().await, DEVICE.parse::<IpAddr>().unwrap());
    assert!(running.send("snmptrap", &v2(&["", "1.3.6.1.6.3.1.1.5.1"])).await);
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while running.counted("debounced") == 0 {
        assert!(tokio::time::Instant::now() < until, "the second trap is counted");
        tokio::task::yield_now().await;
    }
    assert_eq!((running.counted("poll"), running.counted("debounced")), (1, 1));
    assert!(running.hints.try_recv().is_err());
}

#[tokio::test]
async fn an_inform_is_acknowledged_only_if_its_sender_is_known() {
    let mut running = start(&[]).await;
    let inform = v2(&["", "1.3.6.1.6.3.1.1.5.1"]);
    assert!(!running.send("snmpinform", &inform).await, "a stranger is not answered");
    assert!(running.counted("unknown-source") > 0);
    running.known.send_replace(Arc::new([DEVICE.parse().unwrap()].into()));
    assert!(running.send("snmpinform", &inform).await, "a known device is answered");
    assert_eq!(running.hint().await, DEVICE.parse::<IpAddr>().unwrap());
}
