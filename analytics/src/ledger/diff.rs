//! What late data would change in an issued invoice, line by line and to the cent. Pure.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::billing::line::money;
use crate::billing::{Invoice, Line};

/// One line as it was issued and as it would be now. Absent on one side: quantity 0, amount 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineChange {
    /// `usage`, `base` or `minimum_topup`.
    pub kind: &'static str,
    pub charge: Option<String>,
    pub device: Option<String>,
    pub price: Option<String>,
    /// Pages, or days of a base fee.
    pub issued_quantity: i64,
    pub now_quantity: i64,
    #[serde(with = "money")]
    pub issued_amount: Decimal,
    #[serde(with = "money")]
    pub now_amount: Decimal,
    /// Now minus issued.
    #[serde(with = "money")]
    pub change: Decimal,
}

/// All lines that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub lines: Vec<LineChange>,
    #[serde(with = "money")]
    pub issued_total: Decimal,
    #[serde(with = "money")]
    pub now_total: Decimal,
    /// Now minus issued; the sum of the lines.
    #[serde(with = "money")]
    pub change: Decimal,
    pub flags_new: Vec<String>,
    pub flags_gone: Vec<String>,
}

type Key = (&'static str, Option<String>, Option<String>, Option<String>);

/// Sets two invoices for the same period side by side.
pub fn difference(issued: &Invoice, now: &Invoice) -> Difference {
    let mut lines: BTreeMap<Key, [(i64, Decimal); 2]> = BTreeMap::new();
    for (side, invoice) in [issued, now].into_iter().enumerate() {
        for line in &invoice.lines {
            let (key, quantity) = key_of(line);
            // Two bands of a charge may have the same price; their sum is what counts.
            let cell = &mut lines.entry(key).or_default()[side];
            *cell = (cell.0.saturating_add(quantity), cell.1 + line.amount());
        }
    }
    let changed = lines.into_iter().filter(|(_, [before, after])| before != after).map(|(key, [before, after])| {
        let (kind, charge, device, price) = key;
        LineChange {
            kind,
            charge,
            device,
            price,
            issued_quantity: before.0,
            now_quantity: after.0,
            issued_amount: before.1,
            now_amount: after.1,
            change: after.1 - before.1,
        }
    });
    Difference {
        lines: changed.collect(),
        issued_total: issued.total,
        now_total: now.total,
        change: now.total - issued.total,
        flags_new: now.flags.difference(&issued.flags).cloned().collect(),
        flags_gone: issued.flags.difference(&now.flags).cloned().collect(),
    }
}

fn key_of(line: &Line) -> (Key, i64) {
    match line {
        Line::Base { device, days, .. } => (("base", None, device.clone(), None), *days),
        Line::Usage { charge, device, qty, price, .. } => {
            (("usage", Some(charge.clone()), device.clone(), Some(price.clone())), *qty)
        }
        Line::MinimumTopup { .. } => (("minimum_topup", None, None, None), 0),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn invoice(qty: i64, amount: &str, topup: Option<&str>) -> Invoice {
        let of = |text: &str| text.parse::<Decimal>().unwrap();
        let usage = Line::Usage {
            charge: "mono".into(),
            device: Some("hp:A".into()),
            qty,
            price: "0.0100".into(),
            price_per: 1,
            amount: of(amount),
        };
        let lines: Vec<Line> =
            [usage].into_iter().chain(topup.map(|text| Line::MinimumTopup { amount: of(text) })).collect();
        let total = lines.iter().map(Line::amount).sum();
        let flags = BTreeSet::from([format!("F{qty}")]);
        Invoice { lines, total, closing: BTreeMap::new(), flags, carry: None, meters: Vec::new() }
    }

    #[test]
    fn every_cent_of_the_difference_stands_in_a_line() {
        let found = difference(&invoice(100, "1.00", Some("4.00")), &invoice(250, "2.50", Some("2.50")));
        assert_eq!(found.lines.iter().map(|line| line.change).sum::<Decimal>(), found.change);
        assert_eq!(found.change.to_string(), "0.00");
        let usage = found.lines.iter().find(|line| line.kind == "usage").unwrap();
        assert_eq!((usage.issued_quantity, usage.now_quantity, usage.change.to_string().as_str()), (100, 250, "1.50"));
        assert_eq!((found.flags_new, found.flags_gone), (vec!["F250".to_owned()], vec!["F100".to_owned()]));
    }

    #[test]
    fn a_line_that_only_one_side_has_is_shown_against_nothing() {
        let found = difference(&invoice(100, "1.00", Some("4.00")), &invoice(100, "1.00", None));
        assert_eq!(found.lines.len(), 1);
        assert_eq!((found.lines[0].kind, found.lines[0].change.to_string().as_str()), ("minimum_topup", "-4.00"));
        assert_eq!(difference(&invoice(1, "0.01", None), &invoice(1, "0.01", None)).lines, []);
    }
}
