use std::collections::BTreeMap;

use super::*;
use crate::billing::calendar::Instant;
use crate::billing::{Contract, Invoice, Period, Previous, bill};
use crate::evidence::Origin;
use crate::snapshot::Snapshot;
use crate::statement::{Statement, reads_used};
use crate::usage::Reading;

const CONTRACT: &str = "id = \"=C\\u0007\"\ncurrency = \"EUR\"\ntimezone = \"UTC\"\nmin_amount = \"60\"
base_fee = { amount = \"5\" }
[[charges]]\nid = \"mono\"\nmeters = { total = 1, color = -1 }\nprice = \"0.1\"
[[charges]]\nid = \"pool\"\nscope = \"pool\"\nmeters = { color = 1 }\nprice = \"1\"\ncarry_cap = 9
[[devices]]\ndevice = \"hp:A\"\n[[devices]]\ndevice = \"hp:B\"\nstart_reads = { color = 5 }";

fn sample() -> Statement {
    let contract: Contract = toml::from_str(CONTRACT).unwrap();
    let period = Period::month("2026-01").unwrap();
    let day = |day: i64| 1_767_225_600 + day * 86_400;
    let reading =
        |device, meter, ts, value| Reading { device, meter, ts, value: Some(value), received: None, sent: None };
    let readings = [
        reading("hp:A", "total", day(0), 100),
        reading("hp:A", "total", day(20), 300),
        reading("hp:A", "total", day(31), 310),
        reading("hp:A", "color", day(0), 10),
        reading("hp:A", "color", day(31), 20),
        reading("hp:B", "color", day(30), 25),
    ];
    let as_of = Instant(day(40));
    let invoice = bill(&contract, period, as_of, &readings, &[], &Previous::default()).unwrap();
    let origin = |_: &str, ts: i64, _: i64| {
        let (payload, plan) = ("ab".repeat(16).into(), "p1".into());
        Some(Origin { ts, received: ts, sent: None, cn: "t.a".into(), epoch: u64::MAX, seq: 7, payload, plan })
    };
    let previous = Previous::default();
    let reads = invoice.meters.iter().map(|used| reads_used(used, &previous, origin)).collect();
    let unsure_polls = BTreeMap::from([("hp:A".to_owned(), 3)]);
    let flags = invoice.flags.clone();
    let snapshot = Snapshot { contract, period, as_of, previous, reads, flags, unsure_polls };
    assert_eq!(snapshot.price().unwrap(), Invoice { meters: snapshot.price().unwrap().meters, ..invoice.clone() });
    snapshot.statement("t", &invoice).unwrap()
}

#[test]
fn the_weighted_pages_of_the_reads_under_a_line_are_its_quantity() {
    let sample = sample();
    let mut lines = 0;
    for line in &sample.lines {
        if let crate::billing::Line::Usage { qty, .. } = &line.line {
            assert_eq!(line.reads.iter().map(|used| used.weight.unwrap() * used.pages).sum::<i64>(), *qty);
            lines += 1;
        }
    }
    assert_eq!(lines, 2);
}

#[test]
fn each_side_of_a_read_names_its_method_its_bounds_and_its_poll() {
    let json = serde_json::to_value(sample()).unwrap();
    let reads = &json["lines"][2]["reads"];
    assert_eq!(reads[1]["opening"]["method"], "start_read");
    assert_eq!(reads[1]["closing"]["read"]["epoch"], "18446744073709551615");
    assert_eq!(reads[1]["closing"]["lo"], 25);
    assert_eq!(json["total"], "60.00");
}

#[test]
fn the_amounts_of_the_csv_add_up_to_the_total() {
    let bytes = bill_csv::render(&sample()).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let amount = reader.headers().unwrap().iter().position(|name| name == "amount").unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let amounts = rows.iter().filter_map(|row| rust_decimal::Decimal::from_str_exact(&row[amount]).ok());
    assert_eq!(amounts.sum::<rust_decimal::Decimal>().to_string(), "60.00");
    assert!(rows.iter().all(|row| &row[1] == "'=C\u{fffd}"));
}

#[test]
fn the_table_shows_lines_total_flags_carry_and_what_to_review() {
    let text = bill_table::render(&sample());
    for words in [
        "base fee",
        "read 310 at 2026-02-01T00:00:00Z by t.a",
        "60.00",
        "NO_READ:hp:B/total",
        "pool 0",
        "3 polls without",
    ] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
}

#[test]
fn of_thousands_of_flags_the_table_shows_some_and_says_how_many_more_there_are() {
    let mut statement = sample();
    statement.flags = (0..5_000).map(|i| format!("RESET:hp:{i}/total")).collect();
    let text = bill_table::render(&statement);
    assert!(text.contains("RESET:hp:0/total  RESET:hp:1/total"), "{text}");
    assert!(text.contains("and 4960 more (--json has all)") && !text.contains("hp:4999"), "{text}");
}

#[test]
fn what_a_printer_says_reaches_neither_the_terminal_nor_a_spreadsheet_as_a_command() {
    assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    assert_eq!(cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    assert_eq!(cell("hp:S1"), "hp:S1");
}
