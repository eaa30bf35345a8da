//! Results as tables for people and as CSV for programs; JSON comes straight from the shapes themselves.

pub mod bill_csv;
pub mod bill_table;
pub mod contract_table;
pub mod document_table;
pub mod forecast_table;
pub mod plot;
mod plot_axis;
pub mod review_table;
pub mod score_table;
pub mod supplies;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};

/// Text that may hold what a printer or a customer chose: control characters never reach the terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Text for a cell of CSV: a spreadsheet must not take what a printer says for a formula.
pub fn cell(text: &str) -> String {
    let plain = plain(text);
    if plain.starts_with(['=', '+', '-', '@']) { format!("'{plain}") } else { plain }
}

/// The words of a text in lines of at most so many characters; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A reason in words, as a cell of a table.
fn reason(text: &str) -> String {
    wrapped(&plain(text), 70).join("\n")
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

#[cfg(test)]
mod tests;
