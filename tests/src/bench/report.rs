//! Writes what was measured between markers of a page; everything else in it is written by hand and stays.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Bench, Figure};

/// Replaces the table of one bench; a bench without a place gets one at the end.
pub(super) fn write(page: &Path, bench: &Bench, figures: &[Figure], circumstances: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    let text = replace(&text, bench, &table(figures, circumstances));
    std::fs::write(page, text).with_context(|| format!("write {}", page.display()))
}

fn table(figures: &[Figure], circumstances: &str) -> String {
    let mut text = String::from("| what | Platen | limit or peer, same run | ratio | |\n|---|---|---|---|---|\n");
    for figure in figures {
        let _ = writeln!(text, "{}", figure.row());
    }
    let runs: Vec<usize> = figures.iter().map(|figure| figure.ours.runs).collect();
    let (least, most) = (runs.iter().min().copied().unwrap_or(0), runs.iter().max().copied().unwrap_or(0));
    let runs = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    let _ = writeln!(text, "\nMedian (least–greatest) of {runs} runs. {circumstances}");
    text
}

fn replace(page: &str, bench: &Bench, table: &str) -> String {
    let (begin, end) = markers(bench.name);
    let inside = format!("{begin}\n{table}{end}");
    match (page.find(&begin), page.find(&end)) {
        (Some(from), Some(to)) if from < to => format!("{}{inside}{}", &page[..from], &page[to + end.len()..]),
        _ => format!("{}\n\n## {}\n\n{inside}\n", page.trim_end(), bench.title).trim_start().to_owned(),
    }
}

fn markers(name: &str) -> (String, String) {
    (format!("<!-- bench {name} -->"), format!("<!-- end {name} -->"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> Bench {
        Bench { name: "x", title: "An x", run: |_| Box::pin(async { Ok(Vec::new()) }) }
    }

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = "before\n<!-- bench x -->\nold\n<!-- end x -->\nafter\n";
        assert_eq!(replace(page, &bench(), "new\n"), "before\n<!-- bench x -->\nnew\n<!-- end x -->\nafter\n");
    }

    #[test]
    fn a_bench_without_a_place_gets_one_at_the_end_and_keeps_it() {
        let once = replace("# Benches\n", &bench(), "new\n");
        assert_eq!(once, "# Benches\n\n## An x\n\n<!-- bench x -->\nnew\n<!-- end x -->\n");
        assert_eq!(replace(&once, &bench(), "new\n"), once);
    }
}
