//! Power that fails: what counts as taken is on the disk, not in a cache. strace shows the order of the system calls; cutting
//! the power itself needs a machine that can lose it.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use testbed::world::process::until;

use crate::support::{DRILL, PATIENCE, Site};

/// A TLS record at least this long holds a payload; hello, acks and pings are shorter.
const PAYLOAD_BYTES: u64 = 400;

/// What was seen, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A write to the log of the spool has ended.
    Wrote,
    SyncBegan,
    /// fdatasync on it has returned 0.
    Synced,
    /// A payload has gone to the broker.
    Sent,
    /// The agent has said that everything due by then is done.
    Reached(u64),
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_synced_to_the_disk_before_it_counts_or_is_sent() -> Result<()> {
    // A payload that is sent again needs no new sync, so none is here.
    let patient = DRILL.replace("resend_min_ms = 500", "resend_min_ms = 60000");
    let mut site = Site::prepare(1, 3, |_| patient.replace("resend_max_ms = 2000", "resend_max_ms = 60000")).await?;
    site.begin().await?;
    site.settle().await?;
    let pid = site.world.agents[0].process.pid().context("the agent runs")?;
    let trace = site.folder.path().join("trace");
    let mut strace = tokio::process::Command::new("strace")
        .args(["-f", "-yy", "-s", "64", "-e", "trace=pwrite64,fdatasync,write,writev,sendto,sendmsg", "-o"])
        .arg(&trace)
        .args(["-p", &pid.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start strace (package strace)")?;
    until("strace cannot attach; does this system forbid ptrace?", PATIENCE, || async { is_traced(pid) }).await?;
    let first = site.hour;
    for _ in 0..8 {
        site.hours(1).await?;
        until("the payload of this hour is settled", PATIENCE, || async {
            site.agent_metric(0, "queue_payloads").await.is_ok_and(|held| held == 0)
        })
        .await?;
    }
    let own = strace.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(own.context("strace has ended")?, rustix::process::Signal::INT)?;
    strace.wait().await?;

    let steps = read(&std::fs::read_to_string(&trace)?, site.world.agents[0].relay.address().port());
    let (mut hours, mut sent) = (Vec::new(), 0);
    let (mut dirty, mut covered, mut synced_for_hour, mut synced_for_send) = (false, false, false, false);
    for step in &steps {
        match *step {
            Step::Wrote => dirty = true,
            Step::SyncBegan => covered = std::mem::take(&mut dirty),
            Step::Synced => {
                synced_for_hour |= covered;
                synced_for_send |= covered;
            }
            Step::Sent => {
                ensure!(synced_for_send, "payload {sent} was sent before it was synced: {steps:?}");
                synced_for_send = false;
                sent += 1;
            }
            Step::Reached(ms) => {
                // An hour may be said twice; the polls were taken before the first time.
                if hours.last() != Some(&ms) {
                    ensure!(synced_for_hour, "{ms} counted as done before it was synced: {steps:?}");
                    (hours, synced_for_hour) = ([hours, vec![ms]].concat(), false);
                }
            }
        }
    }
    println!("{} hours and {sent} payloads, each after its fdatasync", hours.len());
    ensure!(hours.len() >= 7 && sent >= 7, "the trace shows too little after hour {first}: {steps:?}");
    site.settle().await?;
    site.assert_whole().await
}

fn is_traced(pid: u32) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    tasks.flatten().all(|task| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
    })
}

fn read(trace: &str, relay: u16) -> Vec<Step> {
    let (log, broker) = ("/spool/db>", format!("->127.0.0.1:{relay}]>"));
    let mut steps = Vec::new();
    // Calls on the log that another thread interrupted in the trace.
    let mut open: BTreeMap<&str, Step> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let result: Option<u64> = call.rsplit_once(" = ").and_then(|(_, value)| value.split(' ').next()?.parse().ok());
        let ends_as = if call.starts_with("fdatasync(") && call.contains(log) {
            steps.push(Step::SyncBegan);
            Some(Step::Synced)
        } else if call.starts_with("pwrite64(") && call.contains(log) {
            Some(Step::Wrote)
        } else if call.starts_with("<... ") {
            open.remove(thread)
        } else if call.contains("\"reached ") {
            let number = call.split("\"reached ").nth(1).and_then(|rest| rest.split('\\').next()?.parse().ok());
            number.map(Step::Reached)
        } else if call.contains(&broker) {
            Some(Step::Sent)
        } else {
            None
        };
        match ends_as {
            Some(step) if call.ends_with("<unfinished ...>") => drop(open.insert(thread, step)),
            Some(Step::Synced) if result != Some(0) => {}
            Some(Step::Sent) if result.is_none_or(|bytes| bytes < PAYLOAD_BYTES) => {}
            Some(step) => steps.push(step),
            None => {}
        }
    }
    steps
}

#[test]
fn a_trace_is_read_in_the_order_in_which_calls_end() {
    let trace = "7 pwrite64(9</d/spool/db>, \"x\", 512, 0 <unfinished ...>\n\
                 8 fdatasync(10</d/spool/db> <unfinished ...>\n\
                 7 <... pwrite64 resumed>) = 512\n\
                 8 <... fdatasync resumed>) = 0\n\
                 9 fdatasync(10</d/spool/db>) = -1 EIO (Input/output error)\n\
                 9 sendto(5<TCP:[127.0.0.1:1->127.0.0.1:77]>, \"..\"..., 600, MSG_NOSIGNAL, NULL, 0) = 600\n\
                 9 sendto(5<TCP:[127.0.0.1:1->127.0.0.1:78]>, \"reached 7200000\\n\", 16, MSG_NOSIGNAL, NULL, 0) = 16\n";
    let expected = [Step::SyncBegan, Step::Wrote, Step::Synced, Step::SyncBegan, Step::Sent, Step::Reached(7_200_000)];
    assert_eq!(read(trace, 77), expected);
}
