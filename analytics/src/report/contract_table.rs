//! Applied contracts for people.

use schemas::store::billing::ContractRow;

use super::{plain, table};
use crate::billing::calendar::Instant;

pub fn render(rows: &[ContractRow]) -> String {
    let mut shown = table(&["contract", "version", "applied", "sha256"]);
    for row in rows {
        let applied = Instant(i64::from(row.applied)).to_string();
        shown.add_row(vec![plain(&row.contract), row.version.to_string(), applied, row.sha256.clone()]);
    }
    format!("{shown}\n")
}
