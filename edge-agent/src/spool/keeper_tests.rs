use schemas::privacy::Withhold;
use service::clock::Clock;

use super::*;
use crate::limits::{HELD_BACK_MAX, SPOOL_BYTES_LEAST};
use crate::spool::batch::Origin;
use crate::spool::handle::SpoolHandle;
use crate::spool::{Place, Settings};

fn keeper(place: Place, disk_free_min: u64) -> (SpoolHandle, Moments, Health, std::thread::JoinHandle<()>) {
    let moments = Moments::new(Clock::system());
    let settings = Settings {
        cn: "acme.one".parse().unwrap(),
        origin: Origin { site: "hq".into(), zone: "Etc/UTC".into(), tzdb: "test".into() },
        withhold: Withhold::default(),
        place,
        bytes_max: SPOOL_BYTES_LEAST,
        disk_free_min,
        linger_ms: 60_000,
        cautious: false,
    };
    let spool = Spool::open(settings, moments.now(), 7).unwrap();
    let (commands, requests) = mpsc::channel(8);
    let (state, summary) = watch::channel(Summary::default());
    let health = Health::new("edge-agent", "test");
    let thread = {
        let (moments, health) = (moments.clone(), health.clone());
        std::thread::spawn(move || keep(spool, requests, &state, moments, AgentMetrics::default(), health))
    };
    (SpoolHandle::new(commands, summary), moments, health, thread)
}

fn event(moments: &Moments) -> Vec<Given> {
    vec![Given::event(moments.now(), "tested", [])]
}

#[tokio::test]
async fn what_was_taken_is_sent_only_after_it_was_closed_and_is_gone_once_it_is_settled() {
    let (spool, moments, health, thread) = keeper(Place::Memory(None), 0);
    assert_eq!(spool.take(event(&moments)).await, Ok(Kept::Durable));
    assert_eq!(spool.close(Close::All).await, Ok(0), "the time is not known yet");
    let now = moments.now();
    assert_eq!(spool.heard(now, now, now.wall_ms).await, Ok(Heard::Learned));
    assert_eq!(spool.close(Close::All).await, Ok(1));
    let payloads = spool.after(0, 10).await.unwrap();
    assert_eq!(payloads.iter().map(|payload| payload.seq).collect::<Vec<_>>(), [1]);
    assert_eq!(spool.payload(1).await, Ok(Fetched::Here(payloads[0].clone())));
    assert_eq!(spool.settle(vec![payloads[0].id]).await.unwrap(), [1]);
    assert!(spool.after(0, 10).await.unwrap().is_empty());
    assert!(health.ready(), "{:?}", health.report());
    drop(spool);
    thread.join().unwrap();
}

#[tokio::test]
async fn while_the_disk_is_full_records_wait_in_memory_up_to_a_bound_and_then_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, moments, health, thread) = keeper(Place::Disk(dir.path().to_owned()), u64::MAX);
    let kept = spool.take(event(&moments)).await.unwrap();
    assert_eq!(kept, Kept::HeldBack);
    let many: Vec<Given> = (0..HELD_BACK_MAX).flat_map(|_| event(&moments)).collect();
    assert_eq!(spool.take(many).await, Ok(Kept::Refused));
    spool.tick().await.unwrap();
    assert_eq!(spool.take(event(&moments)).await, Ok(Kept::HeldBack));
    assert!(health.report().components["spool"].contains("make room"), "{:?}", health.report());
    drop(spool);
    thread.join().unwrap();
}
