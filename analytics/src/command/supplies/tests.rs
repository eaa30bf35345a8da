//! Decisions over a whole tenant: stock, proposals, withdrawals.

use std::sync::Arc;

use super::*;
use crate::forecast::constants::Constants;
use crate::forecast::series::Facts;

const NOW: f64 = 20_000.0;

fn line(device: &str, p10: f64) -> Open {
    let text = String::new;
    Open {
        terms: Terms::default(),
        last: Some(NOW - 0.5),
        days: Some([p10, p10 + 4.0, p10 + 9.0]),
        order: None,
        line: Line {
            tenant: "acme".into(),
            contract: text(),
            site: "hq".into(),
            device: device.into(),
            model: "m".into(),
            slot: "1.1".into(),
            supply: "K".into(),
            description: text(),
            part: text(),
            verdict: Verdict::Wait,
            ship_by: None,
            early_end: None,
            empty_on: None,
            order: order_id("acme", device, "1.1", 0),
            reason: "about 5 % left".into(),
        },
    }
}

fn decided(open: Vec<Open>, stock: &mut Stock) -> (Plan, Vec<SupplyOrderRow>) {
    let constants = Arc::new(Constants::shipped().unwrap());
    let ground = Ground { constants, facts: Arc::new(Facts::default()) };
    let as_of = Instant(20_000 * 86_400);
    let wish = Wish { ground: &ground, rules: &Rules::default(), as_of, all: true, keep: true };
    let (mut plan, mut writes) = (Plan::default(), Vec::new());
    decide("acme", &wish, NOW, open, stock, &mut plan, &mut writes);
    (plan, writes)
}

#[test]
fn what_lies_at_a_site_goes_to_whoever_needs_it_first() {
    let counted = SupplyStockRow {
        site: "hq".into(),
        model: "m".into(),
        supply: "K".into(),
        count: 1,
        ..SupplyStockRow::default()
    };
    let (plan, writes) = decided(vec![line("later", 9.0), line("first", 2.0)], &mut Stock::of(vec![counted]));
    assert_eq!(plan.ship.iter().map(|line| line.device.as_str()).collect::<Vec<_>>(), ["later"]);
    assert_eq!((plan.others[0].device.as_str(), &plan.others[0].verdict), ("first", &Verdict::AtSite));
    assert_eq!(writes.len(), 1, "one proposal");
}

#[test]
fn a_repeated_run_writes_nothing_more_and_a_vanished_need_withdraws_the_proposal() {
    let (plan, writes) = decided(vec![line("d", 5.0)], &mut Stock::default());
    assert_eq!((plan.ship.len(), writes.len()), (1, 1));
    let proposed = orders(&writes).0.remove(0);
    let again = Open { order: Some(proposed.clone()), ..line("d", 5.0) };
    let (plan, more) = decided(vec![again], &mut Stock::default());
    assert_eq!((plan.ship[0].order.as_str(), more.len()), (proposed.id.as_str(), 0));
    let away = Open { order: Some(proposed), ..line("d", 60.0) };
    let (_, withdrawn) = decided(vec![away], &mut Stock::default());
    assert_eq!(withdrawn[0].state, "cancelled");
}

#[test]
fn an_order_that_should_have_come_is_told() {
    let shipped = SupplyOrderRow {
        order_id: "o".into(),
        state: "shipped".into(),
        ts: (20_000 - 20) * 86_400_000,
        ..SupplyOrderRow::default()
    };
    let late = Open { order: Some(orders(&[shipped]).0.remove(0)), ..line("d", 1.0) };
    let (plan, writes) = decided(vec![late], &mut Stock::default());
    assert!(plan.ship.is_empty() && writes.is_empty(), "never two open orders for a slot");
    assert!(matches!(plan.findings[0].finding, Finding::Overdue { .. }));
}
