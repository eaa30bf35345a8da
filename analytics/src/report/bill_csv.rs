//! An invoice as CSV: one row per line and meter behind it. The amount stands in the first row of each line only, so
//! that the column adds up to the total.

use super::cell;
use crate::billing::Line;
use crate::statement::{ReadShape, ReadsUsed, Side, Statement};

/// The fixed header; columns are only ever added at the end.
pub const HEADER: [&str; 36] = [
    "tenant",
    "contract",
    "period_start",
    "period_end",
    "line",
    "type",
    "charge",
    "device",
    "quantity",
    "of_days",
    "price",
    "price_per",
    "amount",
    "currency",
    "read_device",
    "meter",
    "weight",
    "pages",
    "opening_value",
    "opening_method",
    "opening_lo",
    "opening_hi",
    "opening_ts",
    "opening_raw",
    "opening_cn",
    "opening_epoch",
    "opening_seq",
    "closing_value",
    "closing_method",
    "closing_lo",
    "closing_hi",
    "closing_ts",
    "closing_raw",
    "closing_cn",
    "closing_epoch",
    "closing_seq",
];

pub fn render(statement: &Statement) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(HEADER)?;
    for line in &statement.lines {
        let none = [None];
        let reads: Vec<Option<&ReadsUsed>> = line.reads.iter().map(Some).collect();
        let rows: &[Option<&ReadsUsed>] = if reads.is_empty() { &none } else { &reads };
        for (index, used) in rows.iter().enumerate() {
            let mut row = vec![
                statement.tenant.clone(),
                cell(&statement.contract),
                statement.period.start.clone(),
                statement.period.end.clone(),
                line.number.to_string(),
            ];
            row.extend(line_cells(&line.line, index == 0));
            row.push(statement.currency.clone());
            row.extend(read_cells(*used));
            out.write_record(&row)?;
        }
    }
    out.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn line_cells(line: &Line, first: bool) -> [String; 8] {
    let amount = if first { line.amount().to_string() } else { String::new() };
    let empty = String::new;
    let of = |device: &Option<String>| device.as_deref().map_or_else(String::new, cell);
    match line {
        Line::Base { device, days, of_days, .. } => {
            ["base".into(), empty(), of(device), days.to_string(), of_days.to_string(), empty(), empty(), amount]
        }
        Line::Usage { charge, device, qty, price, price_per, .. } => [
            "usage".into(),
            cell(charge),
            of(device),
            qty.to_string(),
            empty(),
            price.clone(),
            price_per.to_string(),
            amount,
        ],
        Line::MinimumTopup { .. } => {
            ["minimum_topup".into(), empty(), empty(), empty(), empty(), empty(), empty(), amount]
        }
    }
}

fn read_cells(used: Option<&ReadsUsed>) -> Vec<String> {
    let mut cells = match used {
        Some(used) => vec![
            cell(&used.device),
            cell(&used.meter),
            used.weight.map_or_else(String::new, |weight| weight.to_string()),
            used.pages.to_string(),
        ],
        None => vec![String::new(); 4],
    };
    cells.extend(side_cells(used.and_then(|used| used.opening.as_ref())));
    cells.extend(side_cells(used.and_then(|used| used.closing.as_ref())));
    cells
}

fn side_cells(side: Option<&Side>) -> [String; 9] {
    let Some(side) = side else { return Default::default() };
    let read = |of: &dyn Fn(&ReadShape) -> Option<String>| side.read.as_ref().and_then(of).unwrap_or_default();
    [
        side.value.to_string(),
        side.method.to_string(),
        side.lo.to_string(),
        side.hi.to_string(),
        read(&|read| Some(read.ts.clone())),
        read(&|read| Some(read.raw.to_string())),
        read(&|read| read.cn.clone()),
        read(&|read| read.epoch.clone()),
        read(&|read| read.seq.map(|seq| seq.to_string())),
    ]
}
