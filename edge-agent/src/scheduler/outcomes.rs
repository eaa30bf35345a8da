//! Takes in what polls and sweeps yield: what is known now, what is kept, what is counted.

use std::time::Duration;

use schemas::wire::Outcome;

use super::tasks::{Answer, Died, Done, FirstRead, Job, plain_bytes};
use super::{Round, Scheduler};
use crate::discover::{Found, Kind, Swept};
use crate::inventory::{Adopted, Move};
use crate::poll::At;
use crate::poll::pace::Sample;
use crate::spool::given::Given;
use crate::spool::handle::{Closed, Kept};
use crate::taken::Cost;

impl Scheduler {
    pub(super) async fn done(&mut self, done: Done, round: &mut Round) -> Result<(), Closed> {
        match done {
            Done::Polled(place, result) => {
                round.polls_running -= 1;
                self.polled(place, result).await?;
            }
            Done::FirstRead(at, result) => {
                round.polls_running -= 1;
                self.first_read(at, result).await?;
            }
            Done::Swept(result) => {
                round.agenda.swept();
                match result {
                    Ok(swept) => self.swept(*swept, round),
                    Err(Died) => self.died("sweep", String::new()).await?,
                }
            }
        }
        Ok(())
    }

    async fn polled(&mut self, place: usize, result: Result<Answer, Died>) -> Result<(), Closed> {
        match result {
            Ok(Answer { known, begun, outcome, cost, sample, plain_bytes, kept }) => {
                if let Some(entry) = self.inventory.get_mut(place) {
                    entry.spending.add(cost, plain_bytes);
                }
                if let Some(moved) = self.inventory.polled(place, *known, outcome) {
                    self.moved(moved).await?;
                }
                if let Some(entry) = self.inventory.get_mut(place) {
                    entry.pace.heard(sample, begun);
                }
                self.count(outcome, cost);
                if kept == Kept::Refused {
                    self.not_kept += 1;
                    if self.not_kept.is_power_of_two() {
                        tracing::error!(
                            polls = self.not_kept,
                            "polls not kept: the spool cannot be written and memory is full"
                        );
                    }
                }
            }
            Err(Died) => {
                let Some(entry) = self.inventory.get_mut(place) else { return Ok(()) };
                entry.busy = false;
                let address = entry.known.at.address;
                self.died("poll", address.to_string()).await?;
            }
        }
        Ok(())
    }

    /// A known device was followed to another address.
    async fn moved(&mut self, moved: Move) -> Result<(), Closed> {
        self.count_devices();
        tracing::info!(from = %moved.from, to = %moved.to, "device moved");
        let fields = [("from_address", moved.from.to_string()), ("to_address", moved.to.to_string())];
        self.spool.take(vec![Given::event(self.moments.now(), "device-moved", fields)]).await?;
        Ok(())
    }

    async fn first_read(&mut self, at: At, result: Result<FirstRead, Died>) -> Result<(), Closed> {
        let (known, mut polled, moment) = match result {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                tracing::info!(address = %at.address, %error, "found device not read");
                return Ok(());
            }
            Err(Died) => return self.died("first-read", at.address.to_string()).await,
        };
        self.count(polled.poll.outcome, polled.cost);
        let address = known.at.address;
        let model = known.device.model.clone();
        let begun = Duration::from_millis(moment.steady_ms);
        let sample = Sample::of(&polled.poll, polled.extent, &known.open, self.low_percent);
        let (adopted, place) = self.inventory.adopt(*known, begun);
        if let Some(entry) = place.and_then(|place| self.inventory.get_mut(place)) {
            entry.spending.add(polled.cost, plain_bytes(&polled));
            entry.pace.heard(sample, begun);
        }
        let event = |kind: &str, fields: Vec<(&str, String)>| {
            (kind.to_owned(), fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        };
        match adopted {
            Adopted::New => {
                polled.events.push(event("device-found", vec![("address", address.to_string()), ("model", model)]))
            }
            Adopted::Moved(from) => polled.events.push(event(
                "device-moved",
                vec![("from_address", from.to_string()), ("to_address", address.to_string())],
            )),
            Adopted::Second => {
                self.count_devices();
                tracing::info!(%address, "second address of a known device");
                return Ok(());
            }
            Adopted::Refused => {
                tracing::warn!(%address, limit = crate::inventory::DEVICES_MAX, "too many devices, not taken in");
                return Ok(());
            }
        }
        self.count_devices();
        self.spool.take(vec![Given::Polled(moment, polled)]).await?;
        Ok(())
    }

    fn swept(&mut self, swept: Swept, round: &mut Round) {
        self.add_cost(swept.cost);
        let printers = swept.found.iter().filter(|found| found.kind == Kind::Printer);
        let news: Vec<&Found> = printers.clone().filter(|found| self.inventory.is_news(found)).collect();
        tracing::info!(
            printers = printers.count(),
            new = news.len(),
            refused = swept.refused.len(),
            mute = swept.mute.len(),
            locked = swept.locked.len(),
            unresolved = swept.unresolved.len(),
            silent = swept.silent,
            bytes = swept.cost.bytes,
            "sweep done"
        );
        for (address, error) in &swept.locked {
            tracing::warn!(%address, %error, "SNMP v3 is refused; run edge-agent diagnose with this address");
        }
        for name in &swept.unresolved {
            tracing::warn!(name, "host name of a range cannot be resolved");
        }
        round.jobs.extend(news.into_iter().map(|found| Job::FirstRead(found.at.clone())));
    }

    async fn died(&mut self, what: &str, address: String) -> Result<(), Closed> {
        tracing::error!(what, address, "a task panicked; this is a defect, please report it");
        let event =
            Given::event(self.moments.now(), "task-panicked", [("what", what.to_owned()), ("address", address)]);
        self.spool.take(vec![event]).await?;
        Ok(())
    }

    fn count(&mut self, outcome: u8, cost: Cost) {
        self.metrics.poll(outcome);
        self.polled_since = true;
        if !Outcome::has_values(outcome) {
            self.polls_failed += 1;
        }
        self.add_cost(cost);
    }

    fn add_cost(&mut self, cost: Cost) {
        self.lan += cost;
        self.metrics.snmp_packets.inc_by(cost.packets);
        self.metrics.snmp_bytes.inc_by(cost.bytes);
    }
}
