//! From what a poll yields to records: privacy, caps, plans when due, and whether an alert changed. Pure.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use schemas::limits::TEXT_BYTES_MAX;
use schemas::privacy::Withhold;
use schemas::wire::{Device, Event, Plan, Poll, Record};

use super::batch;
use super::layout::{Last, Name, Write, encode};
use super::privacy;
use super::record::Taken;
use crate::limits::{DEVICES_REMEMBERED, PLAN_AGAIN_MS, PLANS_PER_DEVICE};
use crate::taken::Polled;
use crate::time::Moment;

/// What is handed to the spool.
#[derive(Debug, Clone)]
pub enum Given {
    /// A poll with its events; the moment is that of the reading.
    Polled(Moment, Box<Polled>),
    /// Something that happened to the agent.
    Event(Moment, Event),
}

impl Given {
    /// An event of the agent itself.
    pub fn event<const N: usize>(at: Moment, kind: &str, fields: [(&str, String); N]) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::Event(at, Event { kind: kind.to_owned(), fields, ..Event::default() })
    }
}

/// What was sent and seen of each device.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    last: HashMap<u64, Last>,
    /// Hash of the alerts and error bits of the last poll that answered.
    alerts: HashMap<u64, u64>,
}

impl Memory {
    pub fn new(last: HashMap<u64, Last>) -> Self {
        Self { last, alerts: HashMap::new() }
    }

    /// When a device was last polled, if that is remembered.
    pub fn polled(&self, device: &Device) -> Option<Moment> {
        self.last.get(&device_key(device))?.polled
    }

    /// Turns what is given into records. Returns whether an alert changed, which closes the batch soon.
    pub fn records(
        &mut self,
        given: Given,
        guess_ms: i64,
        withhold: Withhold,
        records: &mut Vec<Taken>,
        writes: &mut Vec<Write>,
    ) -> bool {
        let first = records.len();
        let mut urgent = false;
        match given {
            Given::Event(at, event) => records.push(Taken::new(at, None, event)),
            Given::Polled(at, polled) => {
                let Polled { device, poll, plan, events, .. } = *polled;
                let key = device_key(&device);
                urgent = self.alert_changed(key, &poll);
                self.make_room(key, writes);
                let last = self.last.entry(key).or_default();
                last.polled = Some(at);
                if !plan.is_empty() && !poll.plan.is_empty() && plan_due(last, &poll.plan, guess_ms) {
                    let plan = Plan { hash: poll.plan.clone(), items: plan, ..Plan::default() };
                    records.push(Taken::new(at, Some(device.clone()), plan));
                }
                writes.push((Name::Last(key).key(), Some(encode(last))));
                for (kind, fields) in events {
                    let event = Event { kind, fields: fields.into_iter().collect(), ..Event::default() };
                    records.push(Taken::new(at, Some(device.clone()), event));
                }
                records.push(Taken::new(at, Some(device), poll));
            }
        }
        for taken in records.iter_mut().skip(first) {
            privacy::apply(withhold, taken);
            batch::cap(taken);
        }
        urgent
    }

    /// Forgets that a plan was sent, because the payload with it was given up.
    pub fn forget_plan(&mut self, device: Option<&Device>, plan: &Plan, writes: &mut Vec<Write>) {
        let Some(device) = device else { return };
        let key = device_key(device);
        if let Some(last) = self.last.get_mut(&key) {
            last.plans.retain(|(hash, _)| *hash != plan.hash);
            writes.push((Name::Last(key).key(), Some(encode(last))));
        }
    }

    fn make_room(&mut self, key: u64, writes: &mut Vec<Write>) {
        if self.last.len() >= DEVICES_REMEMBERED && !self.last.contains_key(&key) {
            writes.extend(self.last.drain().map(|(key, _)| (Name::Last(key).key(), None)));
        }
    }

    fn alert_changed(&mut self, key: u64, poll: &Poll) -> bool {
        if !schemas::wire::Outcome::has_values(poll.outcome) {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        let mut alerts: Vec<_> =
            poll.alerts.iter().map(|alert| (&alert.group, &alert.code, &alert.severity, &alert.location)).collect();
        alerts.sort_unstable();
        alerts.hash(&mut hasher);
        poll.status.and_then(|status| status.errors).hash(&mut hasher);
        let now = hasher.finish();
        if self.alerts.len() >= DEVICES_REMEMBERED {
            self.alerts.clear();
        }
        self.alerts.insert(key, now).is_some_and(|before| before != now)
    }
}

/// Notes that a plan is sent now, if it was not lately.
fn plan_due(last: &mut Last, hash: &[u8], now_ms: i64) -> bool {
    let fresh = |sent_ms: i64| now_ms.saturating_sub(sent_ms).saturating_abs() < PLAN_AGAIN_MS;
    if last.plans.iter().any(|(known, sent_ms)| known == hash && fresh(*sent_ms)) {
        return false;
    }
    last.plans.retain(|(known, _)| known != hash);
    if last.plans.len() >= PLANS_PER_DEVICE {
        last.plans.remove(0);
    }
    last.plans.push((hash.to_vec(), now_ms));
    true
}

/// The plans in a record, with the device they belong to.
pub fn plan_of<'a>(record: &'a Record, devices: &'a [Device]) -> Option<(Option<&'a Device>, &'a Plan)> {
    let plan = record.plan.as_deref()?;
    Some((devices.get(usize::try_from(plan.device).unwrap_or(usize::MAX)), plan))
}

/// Tells devices apart in memory and in the spool: serial number, else hardware address. Stable over restarts.
pub fn device_key(device: &Device) -> u64 {
    let mut text = String::with_capacity(TEXT_BYTES_MAX / 8);
    for part in [&device.maker, &device.model, &device.serial] {
        text.push_str(part);
        text.push('\n');
    }
    if device.serial.is_empty() {
        text.push_str(&device.mac);
    }
    crate::time::Boot::of(&text).0
}
