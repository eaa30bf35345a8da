//! Sums that must hold among the meters of a device. A contradiction is a fact of the device and is reported. Pure.

use std::collections::BTreeMap;

use super::meter::Meter;
use super::total::{RFC3805, TOTAL, VENDOR};

/// A sum and what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `mono + color = total`.
    pub text: String,
    pub left: i64,
    pub right: i64,
    pub holds: bool,
}

/// Parts that may be missing (all else must be there), and what they add up to.
const SUMS: &[(&[&str], &[&str], &str)] = &[
    (&["mono", "color"], &[], TOTAL),
    (&["print", "copy"], &["fax", "other"], TOTAL),
    (&["print_mono", "print_color"], &[], "print"),
    (&["copy_mono", "copy_color"], &[], "copy"),
    (&["a3_mono", "a3_color"], &[], "a3"),
];

/// All checks that `values` allow. The maker's parts are held against the maker's total where it has one.
pub fn all(meters: &[Meter], values: &BTreeMap<String, i64>) -> Vec<Check> {
    let meter = |name: &str| meters.iter().find(|meter| meter.name == name);
    let mut checks = Vec::new();
    for (needed, optional, whole) in SUMS {
        let whole = if *whole == TOTAL { vendor_total(meters) } else { *whole };
        let parts: Vec<&str> =
            needed.iter().copied().chain(optional.iter().copied().filter(|part| values.contains_key(*part))).collect();
        let numbers: Option<Vec<i64>> = parts.iter().map(|part| values.get(*part).copied()).collect();
        let (Some(numbers), Some(right), Some(total)) = (numbers, values.get(whole), meter(whole)) else { continue };
        // What is made of the parts holds by itself; what counts something else cannot be held against them.
        let units =
            parts.iter().all(|part| meter(part).is_some_and(|meter| meter.unit == total.unit || total.unit == 0));
        if !units || parts.iter().all(|part| meter(part).is_some_and(|part| within(part, total))) {
            continue;
        }
        let left = numbers.iter().fold(0i64, |sum, number| sum.saturating_add(*number));
        // A sum that is known to leave something out may fall short.
        let partial = parts.iter().any(|part| meter(part).is_some_and(|meter| meter.partial));
        let sign = if partial { "<=" } else { "=" };
        let holds = left == *right || (partial && left < *right);
        checks.push(Check { text: format!("{} {sign} {whole}", parts.join(" + ")), left, right: *right, holds });
    }
    let other = if values.contains_key(VENDOR) { VENDOR } else { RFC3805 };
    if let (Some(left), Some(right)) = (values.get(TOTAL), values.get(other)) {
        checks.push(Check { text: format!("{TOTAL} = {other}"), left: *left, right: *right, holds: left == right });
    }
    checks.extend(groups(meters, values));
    checks
}

/// The name of the maker's own total, or of the only one.
pub fn vendor_total(meters: &[Meter]) -> &'static str {
    if meters.iter().any(|meter| meter.name == VENDOR) { VENDOR } else { TOTAL }
}

fn within(part: &Meter, whole: &Meter) -> bool {
    whole.terms.len() > 1 && part.terms.iter().all(|term| whole.terms.contains(term))
}

fn groups(meters: &[Meter], values: &BTreeMap<String, i64>) -> Vec<Check> {
    let whole = vendor_total(meters);
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for meter in meters.iter().filter(|meter| !meter.group.is_empty()) {
        if let Some(value) = values.get(&meter.name) {
            let sum = sums.entry(&meter.group).or_default();
            *sum = sum.saturating_add(*value);
        }
    }
    let complete =
        |group: &str| meters.iter().filter(|meter| meter.group == group).all(|meter| values.contains_key(&meter.name));
    sums.into_iter()
        .filter(|(group, _)| complete(group))
        .filter_map(|(group, left)| {
            let right = *values.get(whole)?;
            Some(Check { text: format!("sum of {group} = {whole}"), left, right, holds: left == right })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::meter::Term;
    use crate::snmp::Oid;

    fn meters(named: &[(&str, i64)]) -> (Vec<Meter>, BTreeMap<String, i64>) {
        let meter = |(place, (name, _)): (usize, &(&str, i64))| Meter {
            name: (*name).to_owned(),
            terms: vec![Term::plus(Oid::new(&[1, 3, 6, 1, 4, 1, 9, u32::try_from(place).unwrap()]))],
            unit: 7,
            ..Meter::default()
        };
        (
            named.iter().enumerate().map(meter).collect(),
            named.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        )
    }

    fn found(named: &[(&str, i64)]) -> Vec<(String, bool)> {
        let (meters, values) = meters(named);
        all(&meters, &values).into_iter().map(|check| (check.text, check.holds)).collect()
    }

    #[test]
    fn sums_are_checked_and_a_contradiction_is_told() {
        assert_eq!(found(&[("total", 10), ("mono", 6), ("color", 4)]), [("mono + color = total".to_owned(), true)]);
        assert_eq!(
            found(&[("total", 10), ("total.vendor", 9), ("print", 6), ("copy", 2), ("fax", 2)]),
            [("print + copy + fax = total.vendor".to_owned(), false), ("total = total.vendor".to_owned(), false)]
        );
        assert_eq!(found(&[("total", 10), ("mono", 6)]), [], "half a sum is no sum");
    }

    #[test]
    fn a_sum_that_leaves_something_out_may_fall_short_and_never_exceed() {
        let (mut list, mut values) = meters(&[("total", 10), ("mono", 6), ("color", 3)]);
        list[1].partial = true;
        assert!(all(&list, &values)[0].holds);
        values.insert("mono".into(), 8);
        assert!(!all(&list, &values)[0].holds);
    }

    #[test]
    fn different_units_are_not_held_against_each_other() {
        let (mut list, values) = meters(&[("total", 5), ("mono", 6), ("color", 4)]);
        list[0].unit = 8;
        assert_eq!(all(&list, &values), []);
    }
}
