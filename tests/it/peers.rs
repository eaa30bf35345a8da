//! Real peers of other makers: Debian's SNMP agent is read by ours. (Debian's walkers read the simulator in `printer`.)

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::world::ports;
use testbed::world::process::{binary, until};

#[tokio::test(flavor = "multi_thread")]
async fn debians_snmpd_is_read_and_known_to_be_no_printer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let port = ports::free()?;
    let config = folder.path().join("snmpd.conf");
    std::fs::write(&config, format!("agentaddress udp:127.0.0.1:{port}\nrocommunity public\nsysName platen-peer\n"))?;
    let mut snmpd = tokio::process::Command::new("/usr/sbin/snmpd")
        .args(["-f", "-LE", "0", "-C", "-c"])
        .arg(&config)
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start snmpd; `apt-get install snmpd` brings it")?;
    let read = || async {
        let port = port.to_string();
        tokio::process::Command::new(binary("edge-agent")?)
            .args(["read", "127.0.0.1", "--port", &port, "--json"])
            .output()
            .await
            .context("run edge-agent")
    };
    until("snmpd answers", Duration::from_secs(30), || async {
        read().await.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("platen-peer"))
    })
    .await?;
    let said: serde_json::Value = serde_json::from_slice(&read().await?.stdout)?;
    assert_eq!(said["rfc"]["sys"]["name"], "platen-peer");
    assert_eq!(said["rfc"]["supplies"], serde_json::json!([]));
    assert_eq!(said["kind"], "not-a-printer");
    snmpd.kill().await?;
    Ok(())
}
