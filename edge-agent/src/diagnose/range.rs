//! Diagnoses a range: a thorough sweep, and one cause for all that it did not find.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::Ipv4Net;

use super::report::{Report, Step, ms};
use super::verdict::Verdict;
use crate::discover::ranges::Host;
use crate::discover::{Depth, Found, Kind, Progress, Ranges, Swept, propose, sweep};
use crate::snmp::{SnmpConfig, UsmError};

/// What a thorough sweep of a range brought to light.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeEvidence {
    pub printers: usize,
    pub others: usize,
    /// Up, and refusing SNMP.
    pub refused: usize,
    /// Up, and silent to SNMP.
    pub mute: usize,
    /// Speak v3 and refuse the user, with the first reason.
    pub locked: Option<UsmError>,
    pub silent: u64,
    /// It is a network of this host.
    pub own_network: bool,
}

/// Decides for a range. Pure.
pub(super) fn of_range(evidence: &RangeEvidence) -> Verdict {
    if evidence.printers > 0 {
        return Verdict::Healthy;
    }
    if evidence.others > 0 {
        return Verdict::NoPrinters;
    }
    match evidence.locked {
        Some(UsmError::UnknownUser) => return Verdict::WrongUser,
        Some(error) => return Verdict::WrongKey(error),
        None => {}
    }
    match (evidence.mute, evidence.refused) {
        (0, 0) if evidence.own_network => Verdict::AllSilent,
        (0, 0) => Verdict::WrongRange,
        (0, _) => Verdict::SnmpRefused,
        (_, _) => Verdict::Firewall,
    }
}

/// Sweeps a range thoroughly; `show` is called after each step, `progress` after each address.
pub async fn over(
    config: &SnmpConfig,
    ranges: &Ranges,
    target: &str,
    show: &mut (dyn FnMut(&Step) + Send),
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Report {
    let since = tokio::time::Instant::now();
    // Nobody is in a hurry in the agent; whoever waits for a diagnosis is.
    let hurried = SnmpConfig { packets_per_second: config.packets_per_second.saturating_mul(4), ..config.clone() };
    let swept = sweep(&hurried, ranges, &BTreeSet::new(), Depth::Thorough, progress).await;
    let own = propose().unwrap_or_default();
    let evidence = RangeEvidence {
        printers: count(&swept.found, Kind::Printer),
        others: count(&swept.found, Kind::NotAPrinter),
        refused: swept.refused.len(),
        mute: swept.mute.len(),
        locked: swept.locked.first().map(|(_, error)| *error),
        silent: swept.silent,
        own_network: own.iter().any(|proposal| leads_into(ranges, proposal.part_of.unwrap_or(proposal.network))),
    };
    let mut steps = Vec::new();
    let mut step = |step: &'static str, tried: String, said: String| {
        let step = Step { step, tried, said, ms: ms(since.elapsed()) };
        show(&step);
        steps.push(step);
    };
    let summary = format!(
        "{} printers, {} other devices, {} refuse SNMP, {} up and silent to SNMP, {} silent; {} bytes in {} packets",
        evidence.printers,
        evidence.others,
        evidence.refused,
        evidence.mute,
        evidence.silent,
        swept.cost.bytes,
        swept.cost.packets
    );
    step("sweep", format!("every address of {target}, in every way"), summary);
    for (address, what) in notable(&swept) {
        step("address", address.to_string(), what);
    }
    let verdict = of_range(&evidence);
    Report::of_range(target, steps, verdict)
}

/// Whether the first address of the range lies in a network.
fn leads_into(ranges: &Ranges, network: Ipv4Net) -> bool {
    let first = ranges.targets().next().map(|target| target.host);
    matches!(first, Some(Host::Address(IpAddr::V4(address))) if network.contains(&address))
}

/// Addresses shown one by one.
const SHOWN_MAX: usize = 256;

fn notable(swept: &Swept) -> Vec<(IpAddr, String)> {
    let found = swept.found.iter().map(|found| {
        let kind = if found.kind == Kind::Printer { "printer" } else { "not a printer" };
        let description = found.description.lines().next().unwrap_or_default();
        (found.at.address, format!("{kind}, v{} as {}: {description}", found.at.version, found.at.credential))
    });
    let refused = swept.refused.iter().map(|address| (*address, "refuses SNMP".to_owned()));
    let mute = swept.mute.iter().map(|address| (*address, "up, silent to SNMP".to_owned()));
    let locked = swept.locked.iter().map(|(address, error)| (*address, error.to_string()));
    let mut all: Vec<_> = found.chain(refused).chain(mute).chain(locked).collect();
    all.sort();
    all.truncate(SHOWN_MAX);
    all
}

fn count(found: &[Found], kind: Kind) -> usize {
    found.iter().filter(|found| found.kind == kind).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_printers_has_one_cause() {
        let silent = RangeEvidence { silent: 254, ..RangeEvidence::default() };
        let with = |change: fn(&mut RangeEvidence)| {
            let mut evidence = silent.clone();
            change(&mut evidence);
            of_range(&evidence)
        };
        assert_eq!(of_range(&silent), Verdict::WrongRange);
        assert_eq!(with(|it| it.own_network = true), Verdict::AllSilent);
        assert_eq!(with(|it| it.mute = 3), Verdict::Firewall);
        assert_eq!(with(|it| (it.mute, it.refused) = (3, 1)), Verdict::Firewall);
        assert_eq!(with(|it| it.refused = 1), Verdict::SnmpRefused);
        assert_eq!(with(|it| it.others = 1), Verdict::NoPrinters);
        assert_eq!(with(|it| it.locked = Some(UsmError::UnknownUser)), Verdict::WrongUser);
        assert_eq!(with(|it| it.locked = Some(UsmError::WrongKey)), Verdict::WrongKey(UsmError::WrongKey));
        assert_eq!(with(|it| (it.printers, it.mute) = (1, 5)), Verdict::Healthy);
    }
}
