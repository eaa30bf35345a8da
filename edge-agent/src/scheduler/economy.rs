//! Keeps what is spent within the site's budget and says when it does not; shows what each device costs.

use std::net::SocketAddr;
use std::time::Duration;

use super::Scheduler;
use super::budget::{Spent, Turn};
use crate::limits::STATUS_EVERY;
use crate::poll::schedule::{Slots, day_turns};
use crate::spool::given::Given;
use crate::spool::handle::Closed;
use crate::traffic::Traffic;

impl Scheduler {
    /// Counts what was spent, and tells when polling begins or ceases to be slowed.
    pub(super) async fn keep_budget(&mut self, now: Duration) -> Result<(), Closed> {
        let spent = Spent {
            lan_bytes: self.lan.bytes,
            lan_packets: self.lan.packets,
            upstream_bytes: self.metrics.wan_bytes.get(),
        };
        let turn = self.budget.count(now, spent);
        self.slowing = self.budget.slowing();
        self.metrics.budget_stretch.set(i64::from(self.slowing.stretch));
        let event = match turn {
            None => return Ok(()),
            Some(Turn::Exceeded(budgets)) => {
                let budgets = budgets.join(", ");
                tracing::warn!(budgets, stretch = self.slowing.stretch, "over the budget: polling slows");
                Given::event(self.moments.now(), "budget-exceeded", [("budgets", budgets)])
            }
            Some(Turn::Recovered) => {
                tracing::info!("within the budget again: polling as usual");
                Given::event(self.moments.now(), "budget-recovered", [])
            }
        };
        self.spool.take(vec![event]).await?;
        Ok(())
    }

    /// What is due now is decided by these.
    pub(super) fn slots(&self, now: Duration) -> Slots {
        let every = self.schedule.every();
        let age = self
            .schedule
            .current(now)
            .map_or(0, |burst| i64::try_from(now.saturating_sub(burst).as_millis()).unwrap_or(i64::MAX));
        let day_turns = day_turns(&self.zone, self.server_ms().saturating_sub(age), every);
        self.schedule.slots(now, self.slowing, day_turns)
    }

    /// Unix milliseconds by the server's time as far as it is known.
    fn server_ms(&self) -> i64 {
        let offset_ms = self.spool.summary().borrow().offset_ms.unwrap_or(0);
        self.moments.now().wall_ms.saturating_add(offset_ms)
    }

    /// Writes what each device cost for a command beside the agent, once a minute at most and only after polls.
    pub(super) async fn save_traffic(&mut self, now: Duration) {
        let Some(dir) = self.roster_dir.clone() else { return };
        let due = self.traffic_saved.is_none_or(|saved| now.saturating_sub(saved) >= STATUS_EVERY);
        if !due || !std::mem::take(&mut self.polled_since) {
            return;
        }
        self.traffic_saved = Some(now);
        let written_at = self.server_ms().div_euclid(1_000);
        let running = now.saturating_sub(self.begun);
        let devices = self.inventory.iter_mut().map(|(_, entry)| {
            let at = &entry.known.at;
            (SocketAddr::new(at.address, at.port), entry.spending, entry.pace.word(now))
        });
        let payloads = self.metrics.payloads_sent.get() + self.metrics.payloads_resent.get();
        let traffic = Traffic {
            since: written_at.saturating_sub(i64::try_from(running.as_secs()).unwrap_or(0)),
            written_at,
            ..Traffic::of(devices.collect(), (self.metrics.wan_bytes.get(), payloads))
        };
        // Only for people: without it, they know less.
        let _ = tokio::task::spawn_blocking(move || traffic.write(&dir)).await;
    }
}
