//! Issued documents for people: lists, heads, credit notes, and what looking again found.

use std::fmt::Write;

use schemas::store::billing::InvoiceRow;

use super::bill_table::cells;
use super::{plain, table};
use crate::billing::calendar::Instant;
use crate::command::issue::Replay;
use crate::ledger::Document;
use crate::ledger::diff::Difference;

pub fn list(rows: &[InvoiceRow]) -> String {
    let mut shown = table(&["number", "kind", "contract", "period", "revision", "total", "issued", "sha256"]);
    for row in rows {
        let day = |days: i32| {
            let midnight = Instant(i64::from(days) * crate::usage::DAY_SECS).to_string();
            midnight.get(..10).unwrap_or_default().to_owned()
        };
        shown.add_row(vec![
            row.number.to_string(),
            row.kind.clone(),
            plain(&row.contract),
            format!("{} to {}", day(row.period_start), day(row.period_end)),
            row.revision.to_string(),
            format!("{} {}", row.total, row.currency),
            Instant(i64::from(row.issued)).to_string(),
            row.sha256.get(..16).unwrap_or_default().to_owned(),
        ]);
    }
    format!("{shown}\n")
}

pub fn head(document: &Document) -> String {
    let head = &document.head;
    format!(
        "Issued as number {} · {} · revision {} · contract {} version {} · issued {}\n",
        head.number,
        head.id,
        head.revision,
        plain(&head.contract),
        head.contract_version,
        head.issued
    )
}

pub fn credit_note(document: &Document) -> String {
    let mut rows = table(&["#", "what", "device", "quantity", "price", document.currency()]);
    for (line, number) in document.lines().iter().zip(1..) {
        let [what, device, quantity, price] = cells(line);
        let number: i32 = number;
        rows.add_row(vec![number.to_string(), what, device, quantity, price, line.amount().to_string()]);
    }
    let credits = document.names().first().map_or(0, |of| of.number);
    format!("{}Credit note for invoice {credits}, total {}\n{rows}\n", head(document), document.total())
}

pub fn corrected(number: u64, credit: &Document, replacement: &Document) -> String {
    format!(
        "invoice {number} is credited by {} ({}) and replaced by {} ({})\n",
        credit.head.number,
        credit.total(),
        replacement.head.number,
        replacement.total()
    )
}

pub fn replay(found: &Replay) -> String {
    let words = |at: Option<usize>| match at {
        None => "identical, byte for byte".to_owned(),
        Some(at) => format!("DIFFERENT from byte {at} on"),
    };
    let mut text = format!("document {} from its snapshot: {}\n", found.number, words(found.from_snapshot));
    if let Some(at) = found.from_readings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "document {} from the readings: {}", found.number, words(at));
    }
    text
}

pub fn difference(number: u64, found: &Difference) -> String {
    if found.lines.is_empty() {
        return format!("invoice {number} would be the same now: {}\n", found.now_total);
    }
    let mut rows = table(&["what", "device", "price", "issued", "now", "issued amount", "now amount", "change"]);
    for line in &found.lines {
        rows.add_row(vec![
            plain(line.charge.as_deref().unwrap_or(line.kind)),
            plain(line.device.as_deref().unwrap_or("all")),
            line.price.clone().unwrap_or_default(),
            line.issued_quantity.to_string(),
            line.now_quantity.to_string(),
            line.issued_amount.to_string(),
            line.now_amount.to_string(),
            line.change.to_string(),
        ]);
    }
    let mut text =
        format!("invoice {number}, {} as issued, would be {} now\n{rows}\n", found.issued_total, found.now_total);
    let _ = writeln!(text, "change {}", found.change);
    for (words, flags) in [("new flags", &found.flags_new), ("flags gone", &found.flags_gone)] {
        if !flags.is_empty() {
            let _ = writeln!(text, "{words}: {}", plain(&flags.join("  ")));
        }
    }
    text
}
