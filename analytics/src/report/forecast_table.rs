//! The outlook for people: what runs out next, first.

use super::{plain, reason, table};
use crate::command::forecast::Outlook;

pub fn render(outlook: &Outlook) -> String {
    let mut rows = table(&["days left", "off by", "80 % between", "empty on", "tenant", "device", "supply", "why"]);
    for supply in &outlook.supplies {
        let (days, between) = match &supply.days {
            Some(days) => (format!("{:.0}", days.p50), format!("{:.0} and {:.0}", days.p10, days.p90)),
            None => ("?".to_owned(), String::new()),
        };
        let name = if supply.description.is_empty() { &supply.supply } else { &supply.description };
        let empty_on = supply.empty_on.clone().unwrap_or_default();
        rows.add_row(vec![
            days,
            supply.expected_error_days.map_or_else(String::new, |error| format!("{error:.0} on average")),
            between,
            empty_on,
            supply.tenant.clone(),
            plain(&supply.device),
            plain(name),
            reason(&supply.reason),
        ]);
    }
    format!("Supplies as of {}\n{rows}\n", outlook.as_of)
}
