//! Splits known objects into the fewest and shortest requests.
//!
//! Pure. In v1 everything is a GET. In v2c, instances that follow each other in one column are cheaper as repetitions of
//! one GETBULK (they need no name in the request), single ones as its non-repeaters; a second packet pays when columns
//! differ much in length. Sizes are estimated from BER, and a packet is planned to fit one Ethernet frame.

use std::collections::BTreeMap;

use crate::snmp::limits::PACKET_BYTES;
use crate::snmp::{Oid, mib};

/// One request that a refresh sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    Get(Vec<Oid>),
    /// Non-repeaters and repeaters name what comes before the wanted instances (RFC 3416 section 4.2.3).
    Bulk {
        singles: Vec<Oid>,
        runs: Vec<Oid>,
        repetitions: u32,
    },
}

/// Bytes of a message around its varbinds, with headers of IP and UDP, request and answer together, as measured: 2 × (28 + 35).
const PACKET_OVERHEAD: usize = 126;
/// Value bytes of a varbind; most are integers of one to four bytes.
const VALUE_BYTES: usize = 4;

/// Instances of one column that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    rows: Vec<Oid>,
    /// The rows are only expected: each is asked for as what follows the one before it, so that the answers prove that
    /// these rows and no others are there.
    chained: bool,
    start: Oid,
}

impl Run {
    fn varbind(&self) -> usize {
        // Tag and length of the sequence and of the name; the first two arcs share a byte, arcs over 127 take another.
        let longest = self.rows.iter().map(|oid| oid.arcs().len()).max().unwrap_or(0);
        4 + longest + 2
    }

    /// What to name to be answered with `row`. Where an instance 0 stands before an instance 1, that instance itself.
    fn predecessor(&self, previous: Option<&Oid>, row: &Oid) -> Oid {
        let before = row.before();
        match previous {
            Some(previous) if self.chained || *previous > before => previous.clone(),
            _ => before,
        }
    }

    /// Non-repeaters, as repeater or not, bytes and values of this run in a packet with `repetitions`.
    fn cost(&self, repetitions: usize) -> (bool, usize, usize) {
        let (rows, size) = (self.rows.len(), self.varbind());
        let single = rows * (2 * size + VALUE_BYTES);
        if repetitions == 0 {
            return (false, single, rows);
        }
        let beyond = rows.saturating_sub(repetitions);
        let answered = repetitions + beyond;
        let repeated = size + beyond * size + answered * (size + VALUE_BYTES);
        if repeated < single { (true, repeated, answered) } else { (false, single, rows) }
    }
}

/// Requests for `oids`, at most `values` values each. `columns` = columns of which `oids` has every row. `alerts` = rows of prtAlertTable that are expected, as indexes;
/// its columns are read from the top, and one more object tells whether that was all of them.
pub fn plan(oids: &[Oid], columns: &[Oid], alerts: &[Vec<u32>], bulk: bool, values: usize) -> Vec<Packet> {
    if !bulk {
        return oids.chunks(values.max(1)).map(|chunk| Packet::Get(chunk.to_vec())).collect();
    }
    let mut runs = group(oids, columns);
    runs.extend(alert_runs(alerts));
    best(runs, values.max(1))
}

fn alert_runs(alerts: &[Vec<u32>]) -> Vec<Run> {
    let sentinel = match alerts.last() {
        Some(last) => Oid::of(mib::PRT_ALERT_SEVERITY_LEVEL, last),
        None => Oid::new(mib::PRT_ALERT_SEVERITY_LEVEL),
    };
    // One arc deeper than its start, as what it will be answered with; never asked for by that name.
    let mut runs = vec![Run { rows: vec![Oid::of(sentinel.arcs(), &[1])], chained: false, start: sentinel }];
    if !alerts.is_empty() {
        for column in super::alerts::REFRESHED {
            let rows = alerts.iter().map(|index| Oid::of(column, index)).collect();
            runs.push(Run { rows, chained: true, start: Oid::new(column) });
        }
    }
    runs
}

/// Instances that follow each other on the device: rows of a column that is read whole, whatever its index looks like, and
/// instances that differ by one in the last arc.
fn group(oids: &[Oid], columns: &[Oid]) -> Vec<Run> {
    let mut groups: BTreeMap<Vec<u32>, (bool, Vec<Oid>)> = BTreeMap::new();
    for oid in oids {
        let column = columns.iter().find(|column| oid.below(column.arcs()).is_some());
        let parent = || oid.arcs().split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default();
        let key = column.map_or_else(parent, |column| column.arcs().to_vec());
        groups.entry(key).or_insert((column.is_some(), Vec::new())).1.push(oid.clone());
    }
    let mut runs = Vec::new();
    for (column, (whole, mut rows)) in groups {
        rows.sort_unstable();
        rows.dedup();
        // With an index of several numbers only the row before tells where the next one is.
        let deep = rows.iter().any(|row| row.arcs().len() > column.len() + 2);
        let parts: Vec<Vec<Oid>> =
            if whole { vec![rows] } else { rows.chunk_by(follows).map(<[Oid]>::to_vec).collect() };
        for rows in parts {
            let Some(first) = rows.first() else { continue };
            let start = if whole && deep { Oid::new(&column) } else { first.before() };
            runs.push(Run { chained: whole && deep, start, rows });
        }
    }
    runs
}

fn follows(row: &Oid, next: &Oid) -> bool {
    match (row.arcs().split_last(), next.arcs().split_last()) {
        (Some((last, parent)), Some((after, same))) => parent == same && last.checked_add(1) == Some(*after),
        _ => false,
    }
}

/// The cheapest way to read all runs in one or two packets; packets that would be too large are halved.
fn best(mut runs: Vec<Run>, values: usize) -> Vec<Packet> {
    if runs.is_empty() {
        return Vec::new();
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.rows.len()));
    let mut cheapest: Option<(usize, usize)> = None;
    for split in 0..runs.len() {
        let (long, short) = runs.split_at(split);
        let bytes = repetitions_for(long).1 + repetitions_for(short).1;
        if cheapest.is_none_or(|(best, _)| bytes < best) {
            cheapest = Some((bytes, split));
        }
    }
    let short = runs.split_off(cheapest.map_or(0, |(_, split)| split));
    [runs, short].into_iter().filter(|part| !part.is_empty()).flat_map(|part| fit(part, values)).collect()
}

/// How many repetitions read these runs with the fewest bytes, and how many bytes that is. 0 = no repeaters.
fn repetitions_for(runs: &[Run]) -> (usize, usize) {
    if runs.is_empty() {
        return (0, 0);
    }
    let most = runs.iter().map(|run| run.rows.len()).max().unwrap_or(0);
    (0..=most)
        .map(|repetitions| {
            let bytes: usize = runs.iter().map(|run| run.cost(repetitions).1).sum();
            (repetitions, bytes + PACKET_OVERHEAD)
        })
        .min_by_key(|(_, bytes)| *bytes)
        .unwrap_or((0, 0))
}

/// One packet, or as many halves as it takes to stay within values and bytes.
fn fit(mut runs: Vec<Run>, values: usize) -> Vec<Packet> {
    let (repetitions, bytes) = repetitions_for(&runs);
    let answered: usize = runs.iter().map(|run| run.cost(repetitions).2).sum();
    // Both directions are in `bytes`; the answer is the larger one.
    if answered > values || bytes * 3 / 5 > PACKET_BYTES {
        if let [only] = runs.as_mut_slice() {
            if only.rows.len() > 1 {
                let rows = only.rows.split_off(only.rows.len() / 2);
                let start = rows.first().map(|first| only.predecessor(only.rows.last(), first)).unwrap_or_default();
                let rest = Run { rows, chained: only.chained, start };
                let first = only.clone();
                return [fit(vec![first], values), fit(vec![rest], values)].concat();
            }
        } else {
            let rest = runs.split_off(runs.len() / 2);
            return [fit(runs, values), fit(rest, values)].concat();
        }
    }
    vec![packet(&runs, repetitions)]
}

fn packet(runs: &[Run], repetitions: usize) -> Packet {
    let (mut singles, mut repeaters) = (Vec::new(), Vec::new());
    for run in runs {
        let (repeated, _, _) = run.cost(repetitions);
        let taken = if repeated { repetitions } else { 0 };
        if repeated {
            repeaters.push(run.start.clone());
        }
        for (place, row) in run.rows.iter().enumerate().skip(taken) {
            let previous = place.checked_sub(1).and_then(|place| run.rows.get(place));
            singles.push(if previous.is_none() { run.start.clone() } else { run.predecessor(previous, row) });
        }
    }
    Packet::Bulk { singles, runs: repeaters, repetitions: u32::try_from(repetitions).unwrap_or(1).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::{Table, Value};

    fn level(row: u32) -> Oid {
        Oid::of(mib::PRT_SUPPLIES_LEVEL, &[1, row])
    }

    /// What a device that holds `table` answers to the packets.
    fn answered(table: &Table, packets: &[Packet]) -> Vec<Oid> {
        let next = |oid: &Oid| table.after(oid.arcs()).map(|(name, _)| name.clone());
        let mut names = Vec::new();
        for packet in packets {
            match packet {
                Packet::Get(oids) => names.extend(oids.iter().filter(|oid| table.get(oid.arcs()).is_some()).cloned()),
                Packet::Bulk { singles, runs, repetitions } => {
                    names.extend(singles.iter().filter_map(next));
                    for run in runs {
                        let mut at = Some(run.clone());
                        for _ in 0..*repetitions {
                            at = at.as_ref().and_then(next);
                            names.extend(at.clone());
                        }
                    }
                }
            }
        }
        names
    }

    #[test]
    fn many_rows_of_one_column_become_repetitions() {
        let oids: Vec<Oid> = (1..=14).map(level).collect();
        let packets = plan(&oids, &[], &[], true, 60);
        assert!(
            packets
                .iter()
                .any(|packet| matches!(packet, Packet::Bulk { runs, repetitions: 14, .. } if runs.len() == 1)),
            "{packets:?}"
        );
    }

    #[test]
    fn a_whole_column_is_one_run_whatever_its_index_and_rows_with_holes_are_none() {
        let column = Oid::new(&[1, 3, 6, 1, 4, 1, 2385, 3]);
        let row = |index: &[u32]| Oid::of(column.arcs(), index);
        let oids: Vec<Oid> = [[1, 4, 60], [1, 4, 61], [1, 4, 63], [4, 4, 60], [5, 5, 61], [8, 4, 50]]
            .iter()
            .map(|index| row(index))
            .collect();
        let packets = plan(&oids, std::slice::from_ref(&column), &[], true, 60);
        let one_run =
            |packet: &Packet| matches!(packet, Packet::Bulk { runs, repetitions: 6, .. } if *runs == [column.clone()]);
        assert!(packets.iter().any(one_run), "{packets:?}");
        let apart: Vec<Oid> = (0..20).map(|place| Oid::new(&[1, 3, 6, 1, 4, 1, 253, 20, 1 + 3 * place])).collect();
        let packets = plan(&apart, &[], &[], true, 60);
        let repeats = |packet: &Packet| matches!(packet, Packet::Bulk { runs, .. } if !runs.is_empty());
        assert!(!packets.iter().any(repeats), "rows between them would be answered instead: {packets:?}");
    }

    #[test]
    fn v1_has_gets_only() {
        let oids: Vec<Oid> = (1..=14).map(level).collect();
        assert_eq!(plan(&oids, &[], &[vec![1, 1]], false, 10).len(), 2);
        assert!(plan(&oids, &[], &[], false, 10).iter().all(|packet| matches!(packet, Packet::Get(_))));
    }

    #[test]
    fn nothing_to_read_needs_one_look_at_the_alerts() {
        assert_eq!(plan(&[], &[], &[], true, 60).len(), 1);
        assert_eq!(plan(&[], &[], &[], false, 60), Vec::new());
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_rows_everything_that_is_there_is_answered(
            columns in proptest::collection::vec(proptest::collection::btree_set(0u32..40, 1..20), 1..8),
            deep in proptest::prelude::any::<bool>(),
            known_whole in proptest::prelude::any::<bool>(),
            values in 1usize..80,
        ) {
            let mut table = Table::default();
            let mut oids = Vec::new();
            for (column, rows) in columns.iter().enumerate() {
                for row in rows {
                    let column = u32::try_from(column).unwrap();
                    let index: &[u32] = if deep { &[row / 7, row % 3, *row] } else { &[1, *row] };
                    let oid = Oid::of(&[1, 3, 6, 1, 4, 1, 9, column], index);
                    table.insert(oid.clone(), Value::Integer(1));
                    oids.push(oid);
                }
            }
            let count = u32::try_from(columns.len()).unwrap();
            let whole: Vec<Oid> =
                (0..count).filter(|_| known_whole).map(|column| Oid::new(&[1, 3, 6, 1, 4, 1, 9, column])).collect();
            let packets = plan(&oids, &whole, &[], true, values);
            let names = answered(&table, &packets);
            proptest::prop_assert!(oids.iter().all(|oid| names.contains(oid)), "{packets:?}");
        }
    }
}
