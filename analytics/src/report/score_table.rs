//! How right forecasts were, for people.

use super::{plain, table};
use crate::command::score::LiveScores;

/// By tenant.
pub fn render(scores: &[(String, LiveScores)]) -> String {
    let mut text = String::new();
    for (tenant, scores) in scores {
        text.push_str(&format!(
            "{}: {} forecasts ended, {} of cartridges changed early, {} still running\n",
            plain(tenant),
            scores.ended,
            scores.changed_early,
            scores.running
        ));
        if scores.groups.is_empty() {
            text.push_str("  nothing to score yet; `analytics forecast --keep` keeps what is said\n");
            continue;
        }
        let header =
            ["by", "", "forecasts", "mean error", "median", "bias", "within 3 d", "in 80 % interval", "pinball"];
        let mut rows = table(&header);
        for group in &scores.groups {
            rows.add_row(vec![
                group.kind.clone(),
                plain(&group.name),
                group.forecasts.to_string(),
                format!("{:.1} d", group.mean_error),
                format!("{:.1} d", group.median_error),
                format!("{:+.1} d", group.bias),
                format!("{:.0} %", 100.0 * group.within_3_days),
                format!("{:.0} %", 100.0 * group.coverage),
                format!("{:.2}", group.pinball),
            ]);
        }
        text.push_str(&format!("{rows}\n"));
    }
    text
}
