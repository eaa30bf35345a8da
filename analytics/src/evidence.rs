//! A device's polls in compact form: the readings for billing, and for each reading the poll that brought it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::read::{AliasRow, PollMeters};
use crate::usage::Reading;

/// Where a reading came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub ts: i64,
    pub received: i64,
    pub cn: Arc<str>,
    pub epoch: u64,
    pub seq: u64,
}

/// Everything that one device said.
#[derive(Debug, Default)]
pub struct DevicePolls {
    origins: Vec<Origin>,
    /// Meter → (index of its origin, value).
    meters: BTreeMap<String, Vec<(usize, i64)>>,
    last_cn: Option<Arc<str>>,
}

impl DevicePolls {
    pub fn push(&mut self, poll: &PollMeters) {
        let cn = match &self.last_cn {
            Some(cn) if **cn == *poll.cn => Arc::clone(cn),
            _ => Arc::from(poll.cn.as_str()),
        };
        self.last_cn = Some(Arc::clone(&cn));
        let index = self.origins.len();
        self.origins.push(Origin {
            ts: i64::from(poll.ts),
            received: i64::from(poll.received),
            cn,
            epoch: poll.epoch,
            seq: poll.seq,
        });
        for (meter, value) in poll.values() {
            match self.meters.get_mut(meter) {
                Some(values) => values.push((index, value)),
                None => {
                    self.meters.insert(meter.to_owned(), vec![(index, value)]);
                }
            }
        }
    }

    /// The readings in the form that billing takes; agents' stamps are already corrected, so there is no `sent`.
    pub fn readings<'a>(&'a self, device: &'a str) -> impl Iterator<Item = Reading<'a>> {
        self.meters.iter().flat_map(move |(meter, values)| {
            values.iter().filter_map(move |(index, value)| {
                let origin = self.origins.get(*index)?;
                let (ts, received) = (origin.ts, Some(origin.received));
                Some(Reading { device, meter, ts, value: Some(*value), received, sent: None })
            })
        })
    }

    /// The poll behind a counting read: of several at that instant with that value, the last received (as in §2.5).
    pub fn origin(&self, meter: &str, ts: i64, value: i64) -> Option<&Origin> {
        let values = self.meters.get(meter)?;
        let same = values.iter().filter(|(_, of)| *of == value).filter_map(|(index, _)| self.origins.get(*index));
        same.filter(|origin| origin.ts == ts).max_by_key(|origin| origin.received)
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
            total: Some(total),
            mono: None,
            color: None,
            print: None,
            print_mono: None,
            print_color: None,
            copy: None,
            copy_mono: None,
            copy_color: None,
            fax: None,
            scan: None,
            a3: None,
            a3_mono: None,
            a3_color: None,
            duplex: None,
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
