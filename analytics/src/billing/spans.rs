//! Spans that end before they start. By the rules (§5) such a span is only empty; in a contract that somebody wrote it is a
//! slip of the pen, so whoever takes in contracts asks this beside [`Terms::of`](super::Terms::of).

use super::calendar::{LocalMoment, Zone};
use super::contract::Contract;
use super::terms::{ContractError, Problem, at};

/// Checks the span of the contract and those of its devices.
///
/// # Errors
/// [`ContractError`], naming the end that comes too early.
pub fn check_spans(contract: &Contract, zone: &Zone) -> Result<(), ContractError> {
    if let (Some(start), Some(end)) = (contract.start, contract.end) {
        in_order(LocalMoment::Date(start), LocalMoment::Date(end), zone, "end".to_owned())?;
    }
    for (index, device) in contract.devices.iter().enumerate() {
        if let (Some(from), Some(to)) = (device.from, device.to) {
            in_order(from, to, zone, format!("devices[{index}].to"))?;
        }
    }
    Ok(())
}

fn in_order(start: LocalMoment, end: LocalMoment, zone: &Zone, place: String) -> Result<(), ContractError> {
    if zone.instant(start) <= zone.instant(end) {
        return Ok(());
    }
    Err(at(place, Problem::EndsBeforeStart { start: start.to_string(), end: end.to_string() }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::billing::{Period, Terms};

    #[test]
    fn a_span_that_ends_before_it_starts_is_refused_where_contracts_are_taken_in_and_empty_by_the_rules() {
        let head = "currency = \"EUR\"\ntimezone = \"UTC\"\n";
        let device = "[[devices]]\ndevice = \"S1\"\nfrom = 2026-01-02\nto = 2026-01-01T23:59:59Z";
        for (text, place) in [("start = 2025-01-01\nend = 2024-12-31", "end"), (device, "devices[0].to")] {
            let contract: Contract = toml::from_str(&format!("{head}{text}")).unwrap();
            let terms = Terms::of(&contract, Period::month("2026-01").unwrap(), &BTreeSet::new()).unwrap();
            let error = check_spans(&contract, &terms.zone).unwrap_err();
            assert_eq!(error.at, place);
            assert!(error.to_string().contains("before it starts"), "{error}");
        }
    }
}
