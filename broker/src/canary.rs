//! A round trip through the router every few seconds. A router whose thread has died leaves a process that accepts
//! connections and serves nobody; the canary notices and says so.

use std::sync::Arc;
use std::time::Duration;

use rumqttd::Notification;
use rumqttd::local::{LinkRx, LinkTx};
use service::health::Health;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits::{CANARY_EVERY, CANARY_TIMEOUT};
use crate::metrics::BrokerMetrics;
use crate::router::{CANARY_TOPIC, Router, RouterGone};
use crate::seats::Seats;

/// The link's name; no CN looks like this, so no client can take it over.
const NAME: &str = "router-canary";

/// Runs until the broker stops, or until the router does not answer.
///
/// # Errors
/// [`RouterGone`] when it does not.
pub async fn run(
    router: Router,
    seats: Arc<Seats>,
    metrics: BrokerMetrics,
    health: Health,
    stop: CancellationToken,
) -> Result<(), RouterGone> {
    let (mut tx, mut rx) = within(CANARY_TIMEOUT, router.open(NAME)).await?;
    tx.try_subscribe(CANARY_TOPIC).map_err(|_| RouterGone)?;
    let mut number: u64 = 0;
    loop {
        number += 1;
        let begun = Instant::now();
        let answered = within(CANARY_TIMEOUT, round_trip(&mut tx, &mut rx, number)).await;
        if answered.is_err() && !stop.is_cancelled() {
            health.set("router", Err(format!("no round trip within {} s", CANARY_TIMEOUT.as_secs())));
            return Err(RouterGone);
        }
        metrics.canary_seconds.observe(begun.elapsed().as_secs_f64());
        metrics.router_backlog.set(router.backlog() as u64);
        metrics.queued_bytes.set(seats.queued_bytes() as u64);
        health.set("router", Ok(()));
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(CANARY_EVERY) => {}
        }
    }
}

async fn round_trip(tx: &mut LinkTx, rx: &mut LinkRx, number: u64) -> Result<(), RouterGone> {
    let song = number.to_be_bytes();
    tx.try_publish(CANARY_TOPIC, song.to_vec()).map_err(|_| RouterGone)?;
    loop {
        match rx.next().await.map_err(|_| RouterGone)? {
            Some(Notification::Forward(forward)) if forward.publish.payload == song[..] => return Ok(()),
            Some(_) | None => {}
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, RouterGone>>) -> Result<T, RouterGone> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(RouterGone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttd::protocol::{Packet, Publish};

    #[tokio::test]
    async fn a_dead_router_is_noticed() {
        let router = Router::start(10, 1024 * 1024).unwrap();
        let health = Health::new("broker", "0");
        let metrics = BrokerMetrics::new("0");
        let stop = CancellationToken::new();
        let song = tokio::spawn(run(router.clone(), Arc::default(), metrics, health.clone(), stop));
        while !health.ready() {
            tokio::task::yield_now().await;
        }
        let (mut link, _rx) = router.open("acme.one").await.unwrap();
        // A topic that is not ASCII kills rumqttd's router; our front lets none through.
        router.send(&mut link, Packet::Publish(Publish::new("\u{e9}/x", "", false), None)).await.unwrap();
        assert_eq!(song.await.unwrap(), Err(RouterGone));
        assert!(!health.ready());
        assert!(router.open("acme.two").await.is_err());
    }

    #[tokio::test]
    async fn a_living_router_is_ready_until_the_broker_stops() {
        let router = Router::start(10, 1024 * 1024).unwrap();
        let health = Health::new("broker", "0");
        let stop = CancellationToken::new();
        let song = tokio::spawn(run(router, Arc::default(), BrokerMetrics::new("0"), health.clone(), stop.clone()));
        while !health.ready() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        assert_eq!(song.await.unwrap(), Ok(()));
    }
}
