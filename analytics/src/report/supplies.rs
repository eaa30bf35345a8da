//! What to ship, what to look at, and orders: tables for people, CSV for other programs.

use super::{cell, plain, reason, table};
use crate::command::supplies::{Line, Plan};
use crate::supplies::finding::date;
use crate::supplies::order::Order;
use crate::supplies::plan::Verdict;

/// The fixed header of what to ship; columns are only ever added at the end.
pub const PLAN_HEADER: [&str; 16] = [
    "order",
    "ship_by",
    "late",
    "tenant",
    "contract",
    "site",
    "device",
    "model",
    "slot",
    "supply",
    "description",
    "part",
    "early_end",
    "empty_on",
    "state",
    "reason",
];

pub const ORDERS_HEADER: [&str; 9] =
    ["order", "state", "changed", "device", "slot", "supply", "site", "ship_by", "note"];

pub fn plan(plan: &Plan) -> String {
    let mut text = format!("Supplies to ship as of {}\n", plan.as_of);
    if plan.ship.is_empty() {
        text.push_str("  nothing\n");
    } else {
        let mut rows = table(&["ship by", "site", "device", "supply", "empty", "order", "why"]);
        for line in &plan.ship {
            rows.add_row(vec![
                format!("{}{}", line.ship_by.clone().unwrap_or_default(), if late(line) { ", late" } else { "" }),
                plain(&line.site),
                plain(&line.device),
                named(line),
                between(line),
                line.order.clone(),
                reason(&line.reason),
            ]);
        }
        text.push_str(&format!("{rows}\n"));
    }
    if !plan.others.is_empty() {
        let mut rows = table(&["what", "site", "device", "supply", "empty", "order", "why"]);
        for line in &plan.others {
            let order =
                if matches!(line.verdict, Verdict::UnderWay { .. }) { line.order.clone() } else { String::new() };
            rows.add_row(vec![
                words(&line.verdict),
                plain(&line.site),
                plain(&line.device),
                named(line),
                between(line),
                order,
                reason(&line.reason),
            ]);
        }
        text.push_str(&format!("Everything else\n{rows}\n"));
    }
    if !plan.findings.is_empty() {
        let mut rows = table(&["site", "device", "supply", "to look at"]);
        for found in &plan.findings {
            rows.add_row(vec![plain(&found.site), plain(&found.device), plain(&found.supply), reason(&found.words)]);
        }
        text.push_str(&format!("To look at\n{rows}\n"));
    }
    text
}

/// What to ship, for whoever ships.
pub fn plan_csv(plan: &Plan) -> String {
    csv(
        &PLAN_HEADER,
        plan.ship.iter().chain(&plan.others).map(|line| {
            vec![
                line.order.clone(),
                line.ship_by.clone().unwrap_or_default(),
                if late(line) { "yes" } else { "" }.to_owned(),
                line.tenant.clone(),
                cell(&line.contract),
                cell(&line.site),
                cell(&line.device),
                cell(&line.model),
                line.slot.clone(),
                cell(&line.supply),
                cell(&line.description),
                cell(&line.part),
                line.early_end.clone().unwrap_or_default(),
                line.empty_on.clone().unwrap_or_default(),
                words(&line.verdict),
                cell(&line.reason),
            ]
        }),
    )
}

pub fn orders(orders: &[Order]) -> String {
    let mut rows = table(&["order", "state", "since", "device", "supply", "site", "ship by", "changes"]);
    for order in orders {
        let changes: Vec<String> = order
            .changes
            .iter()
            .map(|change| {
                let note =
                    if change.note.is_empty() { String::new() } else { format!(" ({})", plain(&short(&change.note))) };
                format!("{} {}{note}", date(change.ms as f64 / 86_400_000.0), change.state)
            })
            .collect();
        rows.add_row(vec![
            order.id.clone(),
            order.state.to_string(),
            date(order.changed_ms as f64 / 86_400_000.0),
            plain(&order.device),
            plain(&order.supply),
            plain(&order.site),
            date(f64::from(order.ship_by)),
            changes.join("\n"),
        ]);
    }
    format!("{rows}\n")
}

pub fn orders_csv(orders: &[Order]) -> String {
    csv(
        &ORDERS_HEADER,
        orders.iter().map(|order| {
            vec![
                order.id.clone(),
                order.state.to_string(),
                date(order.changed_ms as f64 / 86_400_000.0),
                cell(&order.device),
                order.slot.clone(),
                cell(&order.supply),
                cell(&order.site),
                date(f64::from(order.ship_by)),
                cell(order.changes.last().map_or("", |change| change.note.as_str())),
            ]
        }),
    )
}

fn csv(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    // Writing into memory cannot fail, and every row has the length of the header.
    let mut done = out.write_record(header);
    for row in rows {
        done = done.and_then(|()| out.write_record(&row));
    }
    let bytes = out.into_inner().unwrap_or_default();
    if done.is_ok() { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}

fn late(line: &Line) -> bool {
    matches!(line.verdict, Verdict::Ship { late: true, .. })
}

fn named(line: &Line) -> String {
    let words = if line.description.is_empty() { &line.supply } else { &line.description };
    if line.part.is_empty() { plain(words) } else { plain(&format!("{words} ({})", line.part)) }
}

fn between(line: &Line) -> String {
    match (&line.early_end, &line.empty_on) {
        (Some(early), Some(on)) => format!("{on}, hardly before {early}"),
        _ => "?".to_owned(),
    }
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Ship { .. } => "ship".to_owned(),
        Verdict::UnderWay { state, .. } => state.to_string(),
        Verdict::AtSite => "lies at the site".to_owned(),
        Verdict::Wait => "wait".to_owned(),
        Verdict::NotOurs => "not ours".to_owned(),
        Verdict::Silent { days } => format!("silent for {days:.0} days"),
        Verdict::CannotSay => "cannot say".to_owned(),
    }
}

/// The whole reason of a proposal would fill the table.
fn short(note: &str) -> String {
    if note.chars().count() <= 60 {
        note.to_owned()
    } else {
        format!("{}…", note.chars().take(60).collect::<String>())
    }
}
