//! One measured figure beside the peer or limit that it is judged by. Pure.

use std::fmt::Write;

/// The median of some runs, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
    pub runs: usize,
}

impl Spread {
    /// `None` without a run.
    pub fn of(runs: &[f64]) -> Option<Self> {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), least, greatest, runs: sorted.len() })
    }

    fn text(&self, unit: &str) -> String {
        if self.runs == 1 {
            return format!("{} {unit}", number(self.median));
        }
        format!("**{}** {unit} ({}–{})", number(self.median), number(self.least), number(self.greatest))
    }
}

/// How ours is set against the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// More is better: ours as a share of the limit, in percent.
    Share,
    /// Less is better: how many times the limit ours costs.
    Times,
}

/// A line of a table.
#[derive(Debug, Clone)]
pub struct Figure {
    pub what: String,
    pub ours: Spread,
    pub unit: &'static str,
    /// The peer or limit, measured in the same run; `None` for figures that only explain others.
    pub peer: Option<Peer>,
    /// What a reader must know, in a few words; may be empty.
    pub note: String,
}

/// What ours is judged by.
#[derive(Debug, Clone)]
pub struct Peer {
    pub name: String,
    pub spread: Spread,
    pub rule: Rule,
}

impl Figure {
    /// A figure that explains others.
    pub fn alone(what: impl Into<String>, unit: &'static str, runs: &[f64]) -> Option<Self> {
        Some(Self { what: what.into(), ours: Spread::of(runs)?, unit, peer: None, note: String::new() })
    }

    /// Sets it beside a peer or limit in the same unit.
    #[must_use]
    pub fn beside(mut self, name: impl Into<String>, runs: &[f64], rule: Rule) -> Self {
        self.peer = Spread::of(runs).map(|spread| Peer { name: name.into(), spread, rule });
        self
    }

    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Ours against the peer, as it is printed.
    pub fn ratio(&self) -> String {
        let Some(peer) = &self.peer else { return String::new() };
        let ratio = self.ours.median / peer.spread.median;
        match peer.rule {
            Rule::Share => format!("{:.0} %", ratio * 100.0),
            Rule::Times => format!("{} ×", number(ratio)),
        }
    }

    /// Cells of its row in a Markdown table.
    pub fn row(&self) -> String {
        let peer = self.peer.as_ref().map_or_else(String::new, |p| format!("{}: {}", p.name, p.spread.text(self.unit)));
        format!("| {} | {} | {} | {} | {} |", self.what, self.ours.text(self.unit), peer, self.ratio(), self.note)
    }

    /// One line for a terminal.
    pub fn line(&self) -> String {
        let mut line = format!("{}: {}", self.what, self.ours.text(self.unit));
        if let Some(peer) = &self.peer {
            let _ = write!(line, " | {}: {} | {}", peer.name, peer.spread.text(self.unit), self.ratio());
        }
        if !self.note.is_empty() {
            let _ = write!(line, " | {}", self.note);
        }
        line.replace("**", "")
    }
}

/// Three digits that matter, thousands apart.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 100.0 || value == 0.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 0.1 {
        2
    } else {
        4
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(w, r)| (w, format!(".{r}")));
    let digits = whole.trim_start_matches('-');
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}{grouped}{rest}", if whole.starts_with('-') { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_run_or_the_mean_of_the_two_in_the_middle() {
        let odd = Spread::of(&[5.0, 1.0, 3.0]).unwrap();
        assert_eq!(
            (odd.least.to_bits(), odd.median.to_bits(), odd.greatest.to_bits()),
            (1f64.to_bits(), 3f64.to_bits(), 5f64.to_bits())
        );
        let even = Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(even.median.to_bits(), 2.5f64.to_bits());
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn numbers_have_three_digits_that_matter_and_thousands_apart() {
        let cases = [
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
            (12.345, "12.3"),
            (0.5, "0.50"),
            (0.012_34, "0.0123"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn more_is_a_share_of_a_limit_and_cost_is_times_a_limit() {
        let figure = Figure::alone("x", "ns", &[30.0]).unwrap();
        assert_eq!(figure.clone().beside("limit", &[60.0], Rule::Share).ratio(), "50 %");
        assert_eq!(figure.clone().beside("limit", &[20.0], Rule::Times).ratio(), "1.50 ×");
        assert_eq!(figure.ratio(), "");
    }
}
