//! What somebody should look at before an invoice goes out: each meter with the reason and the last good read. Pure.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::snapshot::Snapshot;
use crate::statement::ReadShape;

/// Why a meter is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing was read.
    Missing,
    /// The last read is too old, and no estimate was possible or allowed.
    Stale,
    Estimated,
    /// The counter restarted, or another board came with its own count.
    Reset,
    /// Reads that no printer can have counted were left out.
    Implausible,
    /// Two agents, or a repeat, gave different values for one second.
    Conflicting,
    /// A read is older or newer than it can be.
    ClockSkew,
    /// Far more or far fewer pages than before.
    Unexpected,
    /// Polls whose time is not sure; not billed.
    UnsureTime,
    /// A device that reports and is under no line of the contract.
    NotUnderContract,
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub device: String,
    /// Empty where it concerns the whole device.
    pub meter: String,
    pub reason: Reason,
    pub pages: Option<i64>,
    /// Pages that the preceding invoice makes likely, by days.
    pub expected: Option<i64>,
    /// The last read that counts.
    pub last_good: Option<ReadShape>,
    /// The flag of the billing rules behind it.
    pub flag: String,
}

/// What "far more" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Pages may be so many times what is expected, or so many times less.
    pub factor: u32,
    /// Differences below this many pages are never listed.
    pub pages_min: i64,
}

impl Default for Threshold {
    fn default() -> Threshold {
        Threshold { factor: 3, pages_min: 500 }
    }
}

/// All findings, by device, meter and reason. `before`: the snapshot of the preceding invoice.
pub fn findings(snapshot: &Snapshot, before: Option<&Snapshot>, threshold: Threshold) -> Vec<Finding> {
    let used: BTreeMap<(&str, &str), _> =
        snapshot.reads.iter().map(|used| ((used.device.as_str(), used.meter.as_str()), used)).collect();
    let last_good = |device: &str, meter: &str| {
        let used = used.get(&(device, meter))?;
        let closing = used.closing.as_ref().and_then(|side| side.read.clone());
        closing.or_else(|| used.opening.as_ref()?.read.clone())
    };
    let pages = |device: &str, meter: &str| used.get(&(device, meter)).map(|used| used.pages);
    let expected = expectations(snapshot, before);
    let mut found = Vec::new();
    for flag in &snapshot.flags {
        let Some((name, what)) = flag.split_once(':') else { continue };
        let Some(reason) = reason_of(name) else { continue };
        // A device key has a colon of its own and never a slash before it.
        let (device, meter) = what.rsplit_once('/').unwrap_or((what, ""));
        found.push(Finding {
            device: device.to_owned(),
            meter: meter.to_owned(),
            reason,
            pages: pages(device, meter),
            expected: expected.get(&(device, meter)).copied(),
            last_good: last_good(device, meter),
            flag: flag.clone(),
        });
    }
    for ((device, meter), used) in &used {
        let Some(expected) = expected.get(&(*device, *meter)).copied() else { continue };
        if threshold.is_exceeded(used.pages, expected) {
            found.push(Finding {
                device: (*device).to_owned(),
                meter: (*meter).to_owned(),
                reason: Reason::Unexpected,
                pages: Some(used.pages),
                expected: Some(expected),
                last_good: last_good(device, meter),
                flag: String::new(),
            });
        }
    }
    for device in snapshot.unsure_polls.keys() {
        let (device, meter, flag) = (device.clone(), String::new(), String::new());
        let reason = Reason::UnsureTime;
        found.push(Finding { device, meter, reason, pages: None, expected: None, last_good: None, flag });
    }
    found.sort_by(|a, b| (&a.device, &a.meter, a.reason).cmp(&(&b.device, &b.meter, b.reason)));
    found
}

impl Threshold {
    fn is_exceeded(self, pages: i64, expected: i64) -> bool {
        let (pages, expected, factor) = (i128::from(pages), i128::from(expected), i128::from(self.factor));
        let apart = (pages - expected).abs() >= i128::from(self.pages_min);
        apart && (pages > expected * factor || pages * factor < expected)
    }
}

/// Pages of the preceding invoice, scaled to the days of this period.
fn expectations<'a>(snapshot: &Snapshot, before: Option<&'a Snapshot>) -> BTreeMap<(&'a str, &'a str), i64> {
    let Some(before) = before else { return BTreeMap::new() };
    let (days, of_days) = (Decimal::from(snapshot.period.days()), Decimal::from(before.period.days().max(1)));
    let scaled = before.reads.iter().filter_map(|used| {
        let pages = Decimal::from(used.pages).checked_mul(days)?.checked_div(of_days)?;
        let pages = i64::try_from(pages.round()).ok()?;
        Some(((used.device.as_str(), used.meter.as_str()), pages))
    });
    scaled.collect()
}

fn reason_of(flag: &str) -> Option<Reason> {
    Some(match flag {
        "NO_READ" | "NO_OPENING_READ" => Reason::Missing,
        "STALE_READ" => Reason::Stale,
        "ESTIMATED" => Reason::Estimated,
        "RESET" | "REBASE" | "PENDING_RESET" => Reason::Reset,
        "SPIKE" | "GLITCH" | "INVALID" => Reason::Implausible,
        "CONFLICT" => Reason::Conflicting,
        "CLOCK_SKEW" | "FUTURE_READING" => Reason::ClockSkew,
        "NEGATIVE_TRUE_UP" => Reason::Unexpected,
        "UNASSIGNED_DEVICE" => Reason::NotUnderContract,
        // An exchange was noted by somebody, a rollover and a small drop are accounted for.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::{Period, Previous};
    use crate::statement::ReadsUsed;

    fn snapshot(month: &str, pages: i64, flags: &[&str]) -> Snapshot {
        let used = ReadsUsed {
            device: "hp:A".into(),
            meter: "total".into(),
            weight: None,
            pages,
            opening: None,
            closing: None,
            anchor: None,
        };
        Snapshot {
            contract: toml::from_str("currency = \"EUR\"\ntimezone = \"UTC\"").unwrap(),
            period: Period::month(month).unwrap(),
            as_of: "2026-05-01T00:00:00Z".parse().unwrap(),
            previous: Previous::default(),
            reads: vec![used],
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            unsure_polls: BTreeMap::new(),
        }
    }

    fn reasons(found: &[Finding]) -> Vec<Reason> {
        found.iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn flags_become_reasons_and_what_is_accounted_for_is_not_listed() {
        let flags = ["ESTIMATED:hp:A/total", "EXCHANGE:hp:A/total", "UNASSIGNED_DEVICE:hp:B", "NEGATIVE_DERIVED:mono"];
        let found = findings(&snapshot("2026-02", 10, &flags), None, Threshold::default());
        assert_eq!(reasons(&found), [Reason::Estimated, Reason::NotUnderContract]);
        assert_eq!((found[1].device.as_str(), found[1].meter.as_str()), ("hp:B", ""));
    }

    #[test]
    fn pages_far_from_those_of_the_month_before_are_listed_with_what_was_expected() {
        let before = snapshot("2026-01", 3_100, &[]);
        let of = |pages| findings(&snapshot("2026-02", pages, &[]), Some(&before), Threshold::default());
        assert_eq!(reasons(&of(2_800)), []);
        assert_eq!(reasons(&of(8_400)), [], "three times is the limit, not beyond it");
        assert_eq!(of(8_401)[0].expected, Some(2_800));
        assert_eq!(reasons(&of(0)), [Reason::Unexpected]);
        let few = snapshot("2026-01", 100, &[]);
        assert_eq!(findings(&snapshot("2026-02", 589, &[]), Some(&few), Threshold::default()), [], "below 500 pages");
    }
}
