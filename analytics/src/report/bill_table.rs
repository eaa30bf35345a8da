//! An invoice for people: one row per line with the reads behind it, then the total and what was odd.

use std::fmt::Write;

use super::{plain, table};
use crate::billing::Line;
use crate::limits::{FLAGS_SHOWN_MAX, READS_SHOWN_MAX};
use crate::statement::{ReadsUsed, Side, Statement};

pub fn render(statement: &Statement) -> String {
    let mut text = String::new();
    let period = &statement.period;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "Invoice · tenant {} · contract {} · {} to {} (end exclusive, {}) · as of {}",
        plain(&statement.tenant),
        plain(&statement.contract),
        period.start,
        period.end,
        statement.timezone,
        statement.as_of
    );
    let mut lines = table(&["#", "what", "device", "quantity", "price", &statement.currency, "rests on"]);
    for line in &statement.lines {
        let [what, device, quantity, price] = cells(&line.line);
        let number = line.number.to_string();
        let amount = line.line.amount().to_string();
        lines.add_row(vec![number, what, device, quantity, price, amount, reads(&line.reads)]);
    }
    let total = statement.total.to_string();
    lines.add_row(vec![
        String::new(),
        "total".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        total,
        String::new(),
    ]);
    let _ = writeln!(text, "{lines}");
    if !statement.flags.is_empty() {
        let shown = statement.flags.iter().take(FLAGS_SHOWN_MAX).map(|flag| plain(flag)).collect::<Vec<_>>().join("  ");
        let more = statement.flags.len().saturating_sub(FLAGS_SHOWN_MAX);
        let more = if more > 0 { format!("  and {more} more (--json has all)") } else { String::new() };
        let _ = writeln!(text, "Flags: {shown}{more}");
    }
    if let Some(carry) = &statement.carry {
        let carry: Vec<String> = carry.iter().map(|(charge, pages)| format!("{} {pages}", plain(charge))).collect();
        let _ = writeln!(text, "Carried over: {} pages", carry.join(", "));
    }
    for (device, polls) in &statement.unsure_polls {
        let _ = writeln!(text, "Review: {} has {polls} polls without a sure time; they were not billed", plain(device));
    }
    text
}

pub(super) fn cells(line: &Line) -> [String; 4] {
    let of = |device: &Option<String>| device.as_deref().map_or_else(|| "all".to_owned(), plain);
    match line {
        Line::Base { device, days, of_days, .. } => {
            ["base fee".to_owned(), of(device), format!("{days} of {of_days} days"), String::new()]
        }
        Line::Usage { charge, device, qty, price, price_per, .. } => {
            let price = if *price_per == 1 { price.clone() } else { format!("{price} per {price_per}") };
            [plain(charge), of(device), qty.to_string(), price]
        }
        Line::MinimumTopup { .. } => ["minimum".to_owned(), "all".to_owned(), String::new(), String::new()],
    }
}

fn reads(reads: &[ReadsUsed]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for used in reads.iter().take(READS_SHOWN_MAX) {
        let name = if reads.len() == 1 {
            plain(&used.meter)
        } else {
            format!("{} {}", plain(&used.device), plain(&used.meter))
        };
        lines.push(format!("{name}: {} pages", used.pages));
        lines.push(format!("  from {}", side(used.opening.as_ref())));
        lines.push(format!("  to   {}", side(used.closing.as_ref())));
    }
    if reads.len() > READS_SHOWN_MAX {
        lines.push(format!("and {} more (--json has all)", reads.len() - READS_SHOWN_MAX));
    }
    lines.join("\n")
}

fn side(side: Option<&Side>) -> String {
    let Some(side) = side else { return "nothing".to_owned() };
    let mut text = format!("{} {}", side.value, side.method);
    if side.lo != side.hi {
        let _ = write!(text, " [{}..{}]", side.lo, side.hi);
    }
    if let Some(read) = &side.read {
        let _ = write!(text, ", read {} at {}", read.raw, read.ts);
        if let (Some(cn), Some(epoch), Some(seq)) = (&read.cn, &read.epoch, read.seq) {
            let _ = write!(text, " by {} {epoch}/{seq}", plain(cn));
        }
    }
    text
}
