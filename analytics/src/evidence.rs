//! A device's polls in compact form: the readings for billing, and for each reading the poll that brought it.

pub mod track;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::store::billing::ManualReadRow;

use crate::read::{AliasRow, PollMeters, values};
use crate::usage::Reading;

/// Where a reading came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub ts: i64,
    pub received: i64,
    /// The sender's clock; only of reads that no agent took.
    pub sent: Option<i64>,
    /// Empty: no agent took it.
    pub cn: Arc<str>,
    pub epoch: u64,
    pub seq: u64,
    /// Id of the payload, 32 hexadecimal digits.
    pub payload: Arc<str>,
    pub plan: Arc<str>,
}

/// Everything that one device said.
#[derive(Debug, Default)]
pub struct DevicePolls {
    origins: Vec<Origin>,
    /// Meter → (index of its origin, value).
    meters: BTreeMap<String, Vec<(usize, i64)>>,
    last: [Option<Arc<str>>; 3],
}

impl DevicePolls {
    pub fn push(&mut self, poll: &PollMeters) {
        let [cn, payload, plan] = &mut self.last;
        let (cn, payload, plan) = (same(cn, &poll.cn), same(payload, &poll.payload), same(plan, &poll.plan));
        let index = self.origins.len();
        self.origins.push(Origin {
            ts: i64::from(poll.ts),
            received: i64::from(poll.received),
            sent: None,
            cn,
            epoch: poll.epoch,
            seq: poll.seq,
            payload,
            plan,
        });
        for (meter, value) in values(&poll.canonical, &poll.extra) {
            self.add(meter, index, value);
        }
    }

    /// A read that somebody noted or imported.
    pub fn note(&mut self, read: &ManualReadRow) {
        self.origins.push(Origin {
            ts: i64::from(read.ts),
            received: i64::from(read.received),
            sent: read.sent.map(i64::from),
            cn: Arc::from(""),
            epoch: 0,
            seq: 0,
            payload: Arc::from(""),
            plan: Arc::from(""),
        });
        self.add(&read.meter, self.origins.len() - 1, read.value);
    }

    fn add(&mut self, meter: &str, origin: usize, value: i64) {
        match self.meters.get_mut(meter) {
            Some(values) => values.push((origin, value)),
            None => {
                self.meters.insert(meter.to_owned(), vec![(origin, value)]);
            }
        }
    }

    /// The readings in the form that billing takes; agents' stamps are already corrected, so they have no `sent`.
    pub fn readings<'a>(&'a self, device: &'a str) -> impl Iterator<Item = Reading<'a>> {
        self.meters.iter().flat_map(move |(meter, values)| {
            values.iter().filter_map(move |(index, value)| {
                let origin = self.origins.get(*index)?;
                let (ts, received, sent) = (origin.ts, Some(origin.received), origin.sent);
                Some(Reading { device, meter, ts, value: Some(*value), received, sent })
            })
        })
    }

    /// Whether any poll says something of a meter.
    pub fn has(&self, meter: &str) -> bool {
        self.meters.contains_key(meter)
    }

    /// The poll behind a counting read: of several at that instant with that value, the last received (as in §2.5).
    pub fn origin(&self, meter: &str, ts: i64, value: i64) -> Option<&Origin> {
        let values = self.meters.get(meter)?;
        let same = values.iter().filter(|(_, of)| *of == value).filter_map(|(index, _)| self.origins.get(*index));
        same.filter(|origin| origin.ts == ts).max_by_key(|origin| origin.received)
    }
}

/// Polls that follow one another mostly share these texts.
fn same(last: &mut Option<Arc<str>>, text: &str) -> Arc<str> {
    match last {
        Some(known) if **known == *text => Arc::clone(known),
        _ => Arc::clone(last.insert(Arc::from(text))),
    }
}

/// Which device a reading belongs to after keys have changed.
#[derive(Debug, Default)]
pub struct Aliases(BTreeMap<String, Vec<(u32, String)>>);

/// Keys change rarely; a longer chain is a circle.
const ALIAS_HOPS_MAX: usize = 8;

impl Aliases {
    pub fn of(rows: Vec<AliasRow>) -> Aliases {
        let mut by_device: BTreeMap<String, Vec<(u32, String)>> = BTreeMap::new();
        for row in rows {
            by_device.entry(row.device).or_default().push((row.from_ts, row.alias_of));
        }
        by_device.values_mut().for_each(|changes| changes.sort());
        Aliases(by_device)
    }

    /// Whether the key ever stood for another device, or another key for it.
    pub fn concern(&self, device: &str) -> bool {
        self.0.contains_key(device) || self.0.values().flatten().any(|(_, new)| new == device)
    }

    /// The device that a reading of `device` at `ts` belongs to.
    pub fn resolve<'a>(&'a self, device: &'a str, ts: u32) -> &'a str {
        let mut now = device;
        for _ in 0..ALIAS_HOPS_MAX {
            let changes = self.0.get(now).into_iter().flatten();
            match changes.rev().find(|(from, _)| *from <= ts) {
                Some((_, next)) if next != now => now = next,
                _ => break,
            }
        }
        now
    }

    /// All keys whose readings may belong to `device`, itself included.
    pub fn keys_of<'a>(&'a self, device: &'a str) -> Vec<&'a str> {
        let mut keys = vec![device];
        let mut at = 0;
        while at < keys.len() && keys.len() <= ALIAS_HOPS_MAX * ALIAS_HOPS_MAX {
            for (old, changes) in &self.0 {
                if changes.iter().any(|(_, new)| new == keys[at]) && !keys.contains(&old.as_str()) {
                    keys.push(old);
                }
            }
            at += 1;
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(device: &str, alias_of: &str, from_ts: u32) -> AliasRow {
        AliasRow { device: device.into(), alias_of: alias_of.into(), from_ts }
    }

    #[test]
    fn readings_belong_to_the_device_that_the_key_stands_for_at_their_time() {
        let aliases = Aliases::of(vec![alias("old", "new", 100), alias("new", "newest", 200)]);
        assert_eq!(aliases.resolve("old", 99), "old");
        assert_eq!(aliases.resolve("old", 100), "new");
        assert_eq!(aliases.resolve("old", 200), "newest");
        assert_eq!(aliases.keys_of("newest"), ["newest", "new", "old"]);
        assert_eq!(aliases.keys_of("other"), ["other"]);
    }

    #[test]
    fn aliases_in_a_circle_end() {
        let aliases = Aliases::of(vec![alias("a", "b", 0), alias("b", "a", 0)]);
        assert!(["a", "b"].contains(&aliases.resolve("a", 5)));
        assert_eq!(aliases.keys_of("a"), ["a", "b"]);
    }

    #[test]
    fn a_read_names_the_poll_that_won() {
        let mut polls = DevicePolls::default();
        let poll = |cn: &str, received, seq, total| PollMeters {
            device: "d".into(),
            ts: 50,
            cn: cn.into(),
            received,
            epoch: 1,
            seq,
            payload: "00".repeat(16),
            plan: String::new(),
            canonical: vec![Some(total), None],
            extra: vec![("vendor.staples".into(), 3)],
        };
        polls.push(&poll("t.a", 60, 1, 10));
        polls.push(&poll("t.b", 70, 9, 10));
        polls.push(&poll("t.c", 80, 5, 11));
        assert_eq!(polls.origin("total", 50, 10).map(|origin| origin.seq), Some(9));
        assert_eq!(polls.origin("total", 51, 10), None);
        assert_eq!(polls.readings("d").count(), 6);
    }
}
