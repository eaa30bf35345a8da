//! Namespaces of their own for tests that mount disks or lose packets: the test runs itself again inside, where it is root
//! over mounts and a loopback network that nobody else sees. Needs no root outside.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};

/// Set for the test inside.
const INSIDE: &str = "PLATEN_INSIDE";
/// Where user namespaces are forbidden, such as in many containers: leaves these tests out, and says so.
const LEAVE_OUT: &str = "PLATEN_NO_NAMESPACES";

/// Whether this is the run inside. Outside, runs the test `name` inside and waits for it.
pub(super) async fn inside(name: &str) -> Result<bool> {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]).await?;
        return Ok(true);
    }
    if std::env::var_os(LEAVE_OUT).is_some() {
        println!("left out, because {LEAVE_OUT} is set: {name}");
        return Ok(false);
    }
    let mut command = tokio::process::Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "--net", "--"])
        .arg(std::env::current_exe()?)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.context("run unshare (package util-linux)")?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(
        output.status.success() && said.contains("1 passed"),
        "inside its namespaces (where they are forbidden, set {LEAVE_OUT}=1):\n{said}"
    );
    print!("{said}");
    Ok(false)
}

/// Runs a tool of the system; fails unless it succeeds.
pub(super) async fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = tokio::process::Command::new(program)
        .args(arguments)
        // Where the tools of an administrator lie, whatever the PATH of a user says.
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .await
        .with_context(|| format!("start {program}"))?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
