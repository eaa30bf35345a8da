//! Issued documents by chance: prices with many digits, tiers, pools, negative prices, every tax category.

use std::collections::{BTreeMap, BTreeSet};

use analytics::billing::correct::CreditNote;
use analytics::billing::{Contract, Invoice, Period, Previous};
use analytics::ledger::document::{DOCUMENT_VERSION, credit_note_id, invoice_id};
use analytics::ledger::{Document, Head, Matter};
use analytics::papers::Papers;
use analytics::snapshot::Snapshot;
use analytics::statement::{ReadsUsed, Side};

const CATEGORIES: [(&str, &str, &str); 5] =
    [("S", "19", ""), ("S", "5.5", ""), ("Z", "0", ""), ("AE", "0", "Reverse charge"), ("E", "0", "Exempt <§4>")];
const PRICES: [&str; 8] = ["0.0125", "0.00333", "8.50", "0", "1", "0.005", "-0.0150", "12.345678"];

fn dice(state: &mut u64, sides: u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20) % sides
}

pub(crate) fn invoice(seed: u64) -> (Document, Papers) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut roll = |sides: u64| dice(&mut state, sides);
    let mut price = || PRICES[usize::try_from(roll(8)).unwrap()];
    let (one, two, three, four) = (price(), price(), price(), price());
    let (per, fee) = ([1, 10, 1_000][usize::try_from(roll(3)).unwrap()], roll(10_000));
    let start = 1 + roll(27);
    let text = format!(
        "id = \"C & Co\"\ncurrency = \"{}\"\ntimezone = \"Europe/Madrid\"\nstart = 2026-03-{start:02}\nmin_amount = \"{}\"
        base_fee = {{ amount = \"{}.{:03}\", per = \"{}\" }}
        [[charges]]\nid = \"mono <b>\"\nmeters = {{ total = 1 }}\nprice = \"{one}\"\nprice_per = {per}
        [[charges]]\nid = \"color\"\nmeters = {{ color = 1 }}\nscope = \"pool\"\ntier_mode = \"graduated\"
        tiers = [{{ up_to = 100, price = \"{two}\" }}, {{ up_to = 900, price = \"{three}\" }}, {{ price = \"{four}\" }}]
        [[devices]]\ndevice = \"hp:A&B\"\n[[devices]]\ndevice = \"hp:C\"\n",
        ["EUR", "USD", "CHF"][usize::try_from(roll(3)).unwrap()],
        roll(400),
        fee / 100,
        roll(1_000),
        ["device", "contract"][usize::try_from(roll(2)).unwrap()],
    );
    let contract: Contract = toml::from_str(&text).unwrap();
    let mut reads = Vec::new();
    for device in ["hp:A&B", "hp:C"] {
        for meter in ["color", "total"] {
            let pages = i64::try_from(roll(5_000)).unwrap();
            let side = |value: i64, method: &'static str| {
                Some(Side { value, method: method.into(), lo: value, hi: value, read: None, next: None })
            };
            let method = if roll(4) == 0 { "estimated" } else { "read" };
            reads.push(ReadsUsed {
                device: device.to_owned(),
                meter: meter.to_owned(),
                weight: None,
                pages,
                opening: side(70, "previous"),
                closing: side(70 + pages, method),
                anchor: None,
            });
        }
    }
    let period = Period::month("2026-03").unwrap();
    let snapshot = Snapshot {
        contract,
        period,
        as_of: "2026-04-02T00:00:00Z".parse().unwrap(),
        previous: Previous::default(),
        reads,
        flags: BTreeSet::new(),
        unsure_polls: BTreeMap::new(),
    };
    let result = Box::new(Invoice { meters: Vec::new(), ..snapshot.price().unwrap() });
    let head = Head {
        tenant: "acme".to_owned(),
        number: seed,
        id: invoice_id("acme", "C & Co", period, 0),
        revision: 0,
        issued: "2026-04-02T22:30:00Z".parse().unwrap(),
        contract: "C & Co".to_owned(),
        contract_version: 1,
        contract_sha256: String::new(),
        previous_sha256: String::new(),
    };
    let matter = Matter::Invoice { follows: None, replaces: None, snapshot: Box::new(snapshot), result };
    let (category, percent, reason) = CATEGORIES[usize::try_from(roll(5)).unwrap()];
    let papers = format!(
        "number_prefix = \"2026-\"\n[tax]\ncategory = \"{category}\"\npercent = \"{percent}\"\nreason = \"{reason}\"
        [seller]\nname = \"Händler & Söhne\"\nstreet = \"Hauptstr. 1\"\npostcode = \"10115\"\ncity = \"Berlin\"\ncountry = \"DE\"
        vat_id = \"DE123456789\"\niban = \"DE02120300000000202051\"\nendpoint = \"DE123456789\"\nendpoint_scheme = \"9930\"
        [buyers.acme]\nname = \"Acme <Ltd>\"\ncountry = \"IE\"\nvat_id = \"IE6388047V\"\nreference = \"PO 1\"\nendpoint = \"IE6388047V\"
        endpoint_scheme = \"9935\"\n"
    );
    let papers: Papers = toml::from_str(&papers).unwrap();
    assert_eq!(papers.check(), Ok(()));
    (Document { version: DOCUMENT_VERSION, head, matter }, papers)
}

pub(crate) fn credit_note(document: &Document) -> Document {
    let Matter::Invoice { snapshot, result, .. } = &document.matter else { panic!("an invoice") };
    let head = Head { number: document.head.number + 1, id: credit_note_id(document.head.id), ..document.head.clone() };
    let matter = Matter::CreditNote {
        credits: document.reference().unwrap(),
        period: snapshot.period,
        as_of: snapshot.as_of,
        currency: snapshot.contract.currency.clone(),
        credited: result.clone(),
        result: CreditNote::of(result),
    };
    Document { version: DOCUMENT_VERSION, head, matter }
}
