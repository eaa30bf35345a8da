//! What to look at before an invoice goes out, for people.

use super::{plain, table};
use crate::billing::Period;
use crate::review::Finding;

pub fn render(contract: &str, period: Period, found: &[Finding]) -> String {
    let of = format!("contract {} · {} to {} (end exclusive)", plain(contract), period.start, period.end);
    if found.is_empty() {
        return format!("Nothing to review · {of}\n");
    }
    let mut rows = table(&["device", "meter", "why", "pages", "expected", "last good read", "flag"]);
    for finding in found {
        let number = |of: Option<i64>| of.map_or_else(String::new, |pages| pages.to_string());
        let why = serde_json::to_value(finding.reason).ok().and_then(|word| word.as_str().map(str::to_owned));
        let last = finding.last_good.as_ref().map(|read| format!("{} at {}", read.raw, read.ts));
        rows.add_row(vec![
            plain(&finding.device),
            plain(&finding.meter),
            why.unwrap_or_default(),
            number(finding.pages),
            number(finding.expected),
            last.unwrap_or_default(),
            plain(&finding.flag),
        ]);
    }
    format!("To review · {of}\n{rows}\n`analytics bill hold` keeps it from being issued.\n")
}
