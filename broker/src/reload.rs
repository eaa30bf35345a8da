//! Keeps the certificates current: files that changed are read again, live connections whose certificate is no longer
//! good are closed, and the dates are shown.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use service::clock::Clock;
use service::health::Health;
use tokio::sync::mpsc;

use crate::certificates::{Certificates, stamps};
use crate::connection::Shared;
use crate::reason::End;

/// Runs until the broker stops. A message on `asked` (SIGHUP) reads the files at once, changed or not.
pub async fn run(shared: Arc<Shared>, health: Health, mut asked: mpsc::Receiver<()>) {
    // TLS lives in real time; a drill never drives it.
    let clock = Clock::system();
    let tls = &shared.config.tls;
    let mut seen = stamps(tls);
    loop {
        show(&shared, &health, clock.wall().as_second());
        let forced = tokio::select! {
            () = shared.stop.cancelled() => return,
            Some(()) = asked.recv() => true,
            () = tokio::time::sleep(Duration::from_secs(tls.reload_s)) => false,
        };
        let now_there = stamps(tls);
        if forced || now_there != seen {
            match reload(&shared).await {
                Ok(certificates) => {
                    seen = now_there;
                    shared.metrics.reloaded("done");
                    health.fact("certificates", "as in the files");
                    let closed = audit(&shared, certificates, clock.wall().as_second()).await;
                    tracing::info!(closed, "certificates reloaded");
                }
                Err(why) => {
                    // Tried again at the next look: files that replace each other are complete only when the last is there.
                    shared.metrics.reloaded("failed");
                    health.fact("certificates", format!("the old ones are in use: {why}"));
                    tracing::error!(why, "certificates not reloaded, the old ones stay in use");
                }
            }
        }
        expire(&shared, clock.wall().as_second());
    }
}

async fn reload(shared: &Arc<Shared>) -> Result<Arc<Certificates>, String> {
    let tls = shared.config.tls.clone();
    let loaded = tokio::task::spawn_blocking(move || Certificates::load(&tls)).await;
    let certificates = Arc::new(loaded.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?);
    *shared.certificates.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&certificates);
    Ok(certificates)
}

/// Verifies every live connection against the new certificates; how many were closed.
async fn audit(shared: &Arc<Shared>, certificates: Arc<Certificates>, now: i64) -> usize {
    let everybody = shared.seats.everybody();
    let judged = tokio::task::spawn_blocking(move || {
        let mut closed = 0;
        for seat in everybody {
            if let Err(end) = certificates.verify(&seat.peer, now) {
                seat.close(end);
                closed += 1;
            }
        }
        closed
    });
    judged.await.unwrap_or(0)
}

fn expire(shared: &Shared, now: i64) {
    for seat in shared.seats.everybody() {
        if seat.peer.not_after < now {
            seat.close(End::CertificateExpired);
        }
    }
}

fn show(shared: &Shared, health: &Health, now: i64) {
    let certificates = shared.certificates();
    let left = certificates.not_after - now;
    shared.metrics.certificate_expiry_seconds.set(left);
    let state = if left > 0 { Ok(()) } else { Err("the broker's own certificate has expired".to_owned()) };
    health.set("certificate", state);
    if let Some(crl) = certificates.crl {
        shared.metrics.crl_age_seconds.set(now - crl.this_update);
        let stale = crl.next_update.is_some_and(|next| next < now);
        shared.metrics.crl_stale.set(i64::from(stale));
        if stale {
            tracing::warn!("the list of revoked certificates is past its next update; `broker-config crl` renews it");
        }
    }
}
