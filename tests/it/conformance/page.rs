//! `docs/broker-conformance.md`: the table of outcomes and the reasons for differences, held against what the tests saw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use testbed::world::brokers::Maker;

const CASES: &str = "## Cases";
const DIFFERENCES: &str = "## Differences";

/// Rows of the table below a heading, without its head.
fn rows(heading: &str) -> Result<Vec<Vec<String>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/broker-conformance.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (_, below) = text.split_once(&format!("{heading}\n")).with_context(|| format!("no {heading}"))?;
    let section = below.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    Ok(lines.map(cells).collect())
}

/// Fails when the page says anything else about a broker than what was seen.
pub(super) fn compare(maker: Maker, seen: &[(&'static str, String)]) -> Result<()> {
    let column = match maker {
        Maker::Platen => 1,
        Maker::Mosquitto => 2,
    };
    let said: BTreeMap<String, String> =
        rows(CASES)?.into_iter().map(|row| (row[0].clone(), row[column].clone())).collect();
    let found: BTreeMap<String, String> =
        seen.iter().map(|(case, outcome)| ((*case).to_owned(), outcome.clone())).collect();
    ensure!(found.len() == seen.len(), "two cases of one name");
    let broken: Vec<_> = found.iter().filter(|(_, outcome)| outcome.starts_with(super::BROKEN)).collect();
    ensure!(broken.is_empty(), "{maker:?} breaks a promise: {broken:#?}\nseen:\n{found:#?}");
    let lines = |map: &BTreeMap<String, String>| -> BTreeSet<String> {
        map.iter().map(|(case, outcome)| format!("{case} | {outcome}")).collect()
    };
    let (said, found) = (lines(&said), lines(&found));
    let wrong: Vec<_> = said.symmetric_difference(&found).collect();
    ensure!(wrong.is_empty(), "the page and {maker:?} differ in {wrong:#?}\nseen:\n{found:#?}");
    Ok(())
}

#[test]
fn every_difference_on_the_page_has_its_reason_and_every_reason_a_difference() {
    let differing: BTreeSet<String> =
        rows(CASES).unwrap().into_iter().filter(|row| row[1] != row[2]).map(|mut row| row.swap_remove(0)).collect();
    let explained: BTreeSet<String> =
        rows(DIFFERENCES).unwrap().into_iter().map(|mut row| row.swap_remove(0)).collect();
    assert_eq!(differing, explained);
}
