//! A backlog drains beside fresh data, not before it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use schemas::id::AgentCn;
use schemas::wire::{self, Body, Device, Frozen, Poll};

use crate::sender::{Sender, percentile};
use crate::support::{Cloud, beginning};

/// Agents that were away, the payloads each of them brings, and polls in each payload.
const BACKLOGS: usize = 4;
const BACKLOG: usize = 400;
const POLLS: i64 = 60;
/// Agents with fresh data, and the payloads each of them sends.
const FRESH: usize = 6;
const FRESH_EACH: usize = 12;

/// A payload with polls of one device, a minute apart.
fn payload(cn: &AgentCn, seq: u64, polls: i64) -> Frozen {
    let start = beginning().as_second() - i64::try_from(seq).unwrap() * 3_600;
    let device = Device { enterprise: Some(1347), serial: format!("VCF{}", cn.agent()), ..Device::default() };
    let poll = |n: i64| Poll { ts: start + n * 60, counters: [("total".to_owned(), n)].into(), ..Poll::default() };
    let records = (0..polls).map(|n| poll(n).into()).collect();
    let body = Body { site: "hq".into(), zone: "UTC".into(), tzdb: "test".into(), devices: vec![device], records };
    wire::freeze(cn, 7, seq, &body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_with_a_month_to_send_do_not_keep_others_waiting_until_they_are_done() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut backlogs = Vec::new();
    for at in 0..BACKLOGS {
        let sender = Sender::connect(&cloud.world, &format!("acme.late{at}")).await?;
        let payloads = (1..=BACKLOG as u64).map(|seq| payload(&sender.cn, seq, POLLS)).collect();
        let settled = Arc::clone(&sender.settled);
        backlogs.push((settled, tokio::spawn(sender.deliver(payloads, Duration::ZERO))));
    }
    let mut fresh = Vec::new();
    for at in 0..FRESH {
        let sender = Sender::connect(&cloud.world, &format!("globex.fresh{at}")).await?;
        let payloads = (1..=FRESH_EACH as u64).map(|seq| payload(&sender.cn, seq, 1)).collect();
        fresh.push(tokio::spawn(sender.deliver(payloads, Duration::from_millis(100))));
    }
    let mut fresh_took = Vec::new();
    for task in fresh {
        fresh_took.extend(task.await??);
    }
    let drained: usize = backlogs.iter().map(|(settled, _)| settled.load(Ordering::Relaxed)).sum();
    let mut late_took = Vec::new();
    for (_, task) in backlogs {
        late_took.extend(task.await??);
    }
    println!(
        "publish to ack: fresh p50 {:?}, p99 {:?}; backlog p50 {:?}, p99 {:?}; {drained} of {} drained when the fresh were done",
        percentile(&mut fresh_took, 50),
        percentile(&mut fresh_took, 99),
        percentile(&mut late_took, 50),
        percentile(&mut late_took, 99),
        late_took.len(),
    );
    assert_eq!((fresh_took.len(), late_took.len()), (FRESH * FRESH_EACH, BACKLOGS * BACKLOG));
    assert!(drained < late_took.len(), "the fresh payloads were settled after all of the backlog");
    let stored = cloud.world.count("SELECT count() FROM batches FINAL").await?;
    assert_eq!(stored, (BACKLOGS * BACKLOG + FRESH * FRESH_EACH) as u64);
    Ok(())
}
