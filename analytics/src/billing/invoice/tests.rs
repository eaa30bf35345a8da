use serde_json::{Value, json};

use super::*;
use crate::billing::Correction;

/// A bill under test: a contract in TOML and readings as `device meter date value`.
struct Bench {
    contract: String,
    month: &'static str,
    readings: Vec<Reading<'static>>,
    events: Vec<Event>,
    previous: Previous,
}

const EURO: &str = "currency = \"EUR\"\ntimezone = \"UTC\"\n";
const PAGES: &str = "[[charges]]\nid = \"pages\"\nmeters = { total = 1 }\nprice = \"0.10\"\n";
const S1: &str = "[[devices]]\ndevice = \"S1\"\n";

fn bench(contract: &str, readings: &[&'static str]) -> Bench {
    Bench {
        contract: contract.to_owned(),
        month: "2026-06",
        readings: readings.iter().map(|text| reading(text)).collect(),
        events: Vec::new(),
        previous: Previous::default(),
    }
}

fn reading(text: &'static str) -> Reading<'static> {
    let [device, meter, date, value] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
    Reading { device, meter, ts: instant(date).0, value: value.parse().ok(), received: None, sent: None }
}

fn instant(text: &str) -> Instant {
    text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).unwrap()
}

impl Bench {
    fn bill(&self) -> Invoice {
        let contract: Contract = toml::from_str(&self.contract).unwrap();
        let period = Period::month(self.month).unwrap();
        bill(&contract, period, instant("2030-01-01"), &self.readings, &self.events, &self.previous).unwrap()
    }

    /// Lines as `kind of quantity amount`, then the flags.
    fn check(&self, lines: &[&str], flags: &[&str]) {
        let invoice = self.bill();
        assert_eq!(invoice.lines.iter().map(short).collect::<Vec<_>>(), lines);
        assert_eq!(invoice.flags.iter().map(String::as_str).collect::<Vec<_>>(), flags);
    }
}

fn short(line: &Line) -> String {
    let of = |device: &Option<String>| device.clone().unwrap_or_else(|| "all".to_owned());
    match line {
        Line::Base { device, days, of_days, amount } => format!("base {} {days}/{of_days} {amount}", of(device)),
        Line::Usage { charge, device, qty, price, price_per, amount } => {
            format!("{charge} {} {qty}*{price}/{price_per} {amount}", of(device))
        }
        Line::MinimumTopup { amount } => format!("topup {amount}"),
    }
}

const JUNE: [&str; 2] = ["S1 total 2026-06-01 1000", "S1 total 2026-07-01 1300"];

#[test]
fn lines_come_in_the_order_base_charges_topup_and_devices_by_code_point() {
    let contract = format!(
        "min_amount = \"100\"\n{EURO}{PAGES}[[charges]]\nid = \"flat\"\nmeters = {{ total = 1 }}\nprice = \"0\"\nprice_per = 1000
        {}[[devices]]\ndevice = \"S2\"\n[[devices]]\ndevice = \"S10\"\n[base_fee]\namount = \"3.00\"\nper = \"device\"",
        ""
    );
    let readings =
        ["S2 total 2026-06-01 0", "S2 total 2026-07-01 10", "S10 total 2026-06-01 0", "S10 total 2026-07-01 20"];
    bench(&contract, &readings).check(
        &[
            "base S10 30/30 3.00",
            "base S2 30/30 3.00",
            "pages S10 20*0.10/1 2.00",
            "pages S2 10*0.10/1 1.00",
            "flat S10 20*0/1000 0.00",
            "flat S2 10*0/1000 0.00",
            "topup 91.00",
        ],
        &[],
    );
}

#[test]
fn a_device_that_comes_and_goes_is_prorated_by_its_local_dates() {
    let contract = format!(
        "{EURO}{PAGES}included = 300\n[[devices]]\ndevice = \"S1\"\nfrom = 2026-06-11T18:00:00Z\nto = 2026-06-21
        start_reads = {{ total = 1000 }}\nend_reads = {{ total = 1150 }}\n[base_fee]\namount = \"30\"\nper = \"device\""
    );
    // 10 of 30 days: base 10.00, 100 of 300 pages included.
    bench(&contract, &["S1 total 2026-06-01 1", "S1 total 2026-07-01 9000"])
        .check(&["base S1 10/30 10.00", "pages S1 50*0.10/1 5.00"], &[]);
}

#[test]
fn included_pages_stay_whole_where_the_contract_says_so() {
    let whole = format!("end = 2026-06-16\n{EURO}{PAGES}included = 300\nprorate_included = false\n{S1}");
    let readings = ["S1 total 2026-06-01 1000", "S1 total 2026-06-16 1300"];
    bench(&whole, &readings).check(&[], &[]);
    let by_days = whole.replace("prorate_included = false\n", "");
    bench(&by_days, &readings).check(&["pages S1 150*0.10/1 15.00"], &[]);
}

#[test]
fn outside_of_the_contract_nothing_is_billed_and_no_minimum_is_due() {
    let contract =
        format!("start = 2026-07-01\nmin_amount = \"50\"\n{EURO}{PAGES}min_volume = 5\n{S1}[base_fee]\namount = \"9\"");
    let invoice = bench(&contract, &JUNE).bill();
    assert_eq!((invoice.lines.len(), invoice.total.to_string().as_str()), (0, "0.00"));
    assert!(invoice.closing.is_empty() && invoice.flags.is_empty());
}

#[test]
fn a_device_outside_of_its_window_has_no_closing_but_its_history_still_flags() {
    let contract = format!("{EURO}{PAGES}[[devices]]\ndevice = \"S1\"\nfrom = 2026-08-01");
    let invoice =
        bench(&contract, &["S1 scan 2024-01-01 -1", "S1 scan 2024-01-02 9", "S1 scan 2024-01-03 99999999"]).bill();
    assert!(invoice.closing.is_empty());
    assert_eq!(invoice.flags.into_iter().collect::<Vec<_>>(), ["INVALID:S1/scan", "SPIKE:S1/scan"]);
}

#[test]
fn an_end_read_counts_only_where_the_device_leaves_at_the_end_of_the_window() {
    let leaves =
        |to: &str| format!("{EURO}{PAGES}[[devices]]\ndevice = \"S1\"\nto = {to}\nend_reads = {{ total = 1150 }}");
    bench(&leaves("2026-07-01"), &JUNE).check(&["pages S1 150*0.10/1 15.00"], &[]);
    bench(&leaves("2026-07-02"), &JUNE).check(&["pages S1 300*0.10/1 30.00"], &[]);
}

#[test]
fn the_previous_closing_opens_the_period_before_any_start_read() {
    let contract = format!("{EURO}{PAGES}{S1}start_reads = {{ total = 900 }}");
    let mut bench = bench(&contract, &JUNE);
    bench.check(&["pages S1 400*0.10/1 40.00"], &[]);
    bench.previous = serde_json::from_value(json!({"closing": {"S1/total": {"u": 1250, "estimated": true}}})).unwrap();
    bench.check(&["pages S1 50*0.10/1 5.00"], &[]);
}

#[test]
fn a_derived_meter_below_zero_is_zero_with_a_flag_per_charge() {
    let contract = format!("{EURO}{}{S1}", PAGES.replace("{ total = 1 }", "{ total = 1, color = -1 }"));
    let readings = [&JUNE[..], &["S1 color 2026-06-01 0", "S1 color 2026-07-01 301"]].concat();
    bench(&contract, &readings).check(&[], &["NEGATIVE_DERIVED:pages"]);
}

#[test]
fn a_pool_shares_included_pages_and_tiers() {
    let contract = format!(
        "{EURO}[[charges]]\nid = \"pool\"\nscope = \"pool\"\nmeters = {{ total = 1 }}\nincluded = 100\ntier_mode = \"graduated\"
        tiers = [{{ up_to = 50, price = \"2\" }}, {{ price = \"1\" }}]\n{S1}[[devices]]\ndevice = \"S2\""
    );
    let readings =
        ["S1 total 2026-06-01 0", "S1 total 2026-07-01 80", "S2 total 2026-06-01 0", "S2 total 2026-07-01 90"];
    bench(&contract, &readings).check(&["pool all 50*2/1 100.00", "pool all 20*1/1 20.00"], &[]);
}

#[test]
fn a_pool_with_a_cap_carries_and_one_without_does_not() {
    let pool = |more: &str| {
        format!(
            "{EURO}[[charges]]\nid = \"pool\"\nscope = \"pool\"\nmeters = {{ total = 1 }}\nincluded = 500\nprice = \"1\"\n{more}\n{S1}"
        )
    };
    let capped = bench(&pool("carry_cap = 150"), &JUNE).bill();
    assert_eq!(capped.carry, Some(BTreeMap::from([("pool".to_owned(), 150)])));
    let mut plain = bench(&pool(""), &JUNE);
    plain.previous.carry.insert("pool".to_owned(), 77);
    assert_eq!(plain.bill().carry, None);
    let mut carried = bench(&pool("carry_cap = 1000"), &JUNE);
    carried.previous.carry.insert("pool".to_owned(), 77);
    assert_eq!(carried.bill().carry, Some(BTreeMap::from([("pool".to_owned(), 277)])));
    carried.previous.carry.insert("pool".to_owned(), -1);
    let contract = toml::from_str(&carried.contract).unwrap();
    let period = Period::month("2026-06").unwrap();
    let refused = bill(&contract, period, instant("2030-01-01"), &[], &[], &carried.previous);
    assert!(matches!(refused, Err(BillError::NegativeCarry { .. })));
}

#[test]
fn the_price_is_the_last_one_in_force_on_the_first_day_of_the_period() {
    let contract = format!(
        "{EURO}[[charges]]\nid = \"pages\"\nmeters = {{ total = 1 }}\nprice_per = 100\n{S1}
        [[charges.prices]]\nfrom = 2025-01-01\nprice = \"1.0\"\n[[charges.prices]]\nfrom = 2026-06-01\nprice = \"2.0\"
        [[charges.prices]]\nfrom = 2026-06-02\nprice = \"3.0\""
    );
    bench(&contract, &JUNE).check(&["pages S1 300*2.0/100 6.00"], &[]);
}

#[test]
fn the_minimum_tops_up_what_is_missing_and_nothing_else() {
    let with = |minimum: &str| format!("min_amount = \"{minimum}\"\n{EURO}{PAGES}{S1}");
    bench(&with("30.00"), &JUNE).check(&["pages S1 300*0.10/1 30.00"], &[]);
    bench(&with("30.01"), &JUNE).check(&["pages S1 300*0.10/1 30.00", "topup 0.01"], &[]);
}

#[test]
fn each_meter_tells_the_reads_that_it_rests_on() {
    let contract = format!("{EURO}{PAGES}{S1}");
    let invoice = bench(&contract, &["S1 total 2026-05-31 990", "S1 total 2026-06-20 1100"]).bill();
    let [used] = &invoice.meters[..] else { panic!("one meter") };
    let Some(crate::usage::Opening::Boundary(opening)) = used.volume.opening else { panic!("read at the boundary") };
    assert_eq!((opening.last.ts, opening.lo, opening.hi), (instant("2026-05-31").0, 990, 1100));
    let Some(crate::usage::Closing { source: crate::usage::ClosingSource::Boundary(closing), .. }) =
        used.volume.closing
    else {
        panic!("estimated at the boundary")
    };
    assert_eq!((closing.method.name(), closing.last.raw, closing.u), ("estimated", 1100, 1160));
}

#[test]
fn an_exchange_noted_by_the_technician_is_billed_across() {
    let mut bench = bench(&format!("{EURO}{PAGES}{S1}"), &["S1 total 2026-06-01 1000", "S1 total 2026-06-30 90"]);
    bench.events = vec![Event::MeterExchange {
        device: "S1".into(),
        meter: "total".into(),
        ts: instant("2026-06-10"),
        out: 1040,
        begins: 30,
    }];
    bench.check(&["pages S1 100*0.10/1 10.00"], &["EXCHANGE:S1/total"]);
}

#[test]
fn a_correction_credits_what_was_issued_and_bills_what_is_known_now() {
    let contract: Contract = toml::from_str(&format!("{EURO}{PAGES}{S1}")).unwrap();
    let mut late = reading("S1 total 2026-06-30 1250");
    late.received = Some(instant("2026-07-20").0);
    let readings = [reading("S1 total 2026-06-01 1000"), reading("S1 total 2026-06-29 1200"), late];
    let runs = (instant("2026-07-02"), instant("2026-08-01"));
    let period = Period::month("2026-06").unwrap();
    let Correction { credit_note, replacement } =
        crate::billing::correct(&contract, period, runs, &readings, &[], &Previous::default()).unwrap();
    assert_eq!(credit_note.lines.iter().map(short).collect::<Vec<_>>(), ["pages S1 200*0.10/1 -20.00"]);
    assert_eq!(credit_note.total.to_string(), "-20.00");
    assert_eq!(replacement.total.to_string(), "25.00");
    let zero = CreditNoteOf(&[]).total();
    assert_eq!(zero, "0.00");
}

/// The total of a credit note over a bill of these readings.
struct CreditNoteOf(&'static [&'static str]);

impl CreditNoteOf {
    fn total(&self) -> String {
        let issued = bench(&format!("{EURO}{PAGES}{S1}"), self.0).bill();
        crate::billing::correct::CreditNote::of(&issued).total.to_string()
    }
}

#[test]
fn the_published_shape_holds_money_as_text_and_no_inner_detail() {
    let invoice = bench(&format!("{EURO}{PAGES}{S1}"), &JUNE).bill();
    let shape: Value = serde_json::to_value(&invoice).unwrap();
    let keys: Vec<&String> = shape.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["closing", "flags", "lines", "total"]);
    assert_eq!(shape["total"], json!("30.00"));
}
