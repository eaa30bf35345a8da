use super::*;
use crate::billing::Previous;
use crate::ledger::chain::{Broken, Chain, Kept, first_difference};
use crate::ledger::plan::{PlanError, Standing};
use crate::statement::{ReadsUsed, Side};
use crate::usage::Anchor;

const CONTRACT: &str = "id = \"C\"\ncurrency = \"EUR\"\ntimezone = \"Europe/Berlin\"\nstart = 2026-01-01\nmin_amount = \"5\"
base_fee = { amount = \"1.00\", per = \"device\" }
[[charges]]\nid = \"all\"\nmeters = { total = 1 }\nprices = [{ from = 2026-01-01, price = \"0.0100\" }]
[[devices]]\ndevice = \"hp:A\"\nfrom = 2026-01-01\n[[devices]]\ndevice = \"hp:B\"\nto = 2026-09-01T10:00:00Z\nend_reads = { total = 9 }";

fn side(value: i64, method: &'static str) -> Option<Side> {
    Some(Side { value, method: method.into(), lo: value, hi: value + 3, read: None, next: None })
}

fn snapshot(month: &str, pages: i64) -> Snapshot {
    let anchor = Some(Anchor { ts: 5, mark: 7, u: 7, exchanged: false });
    let used = |device: &str, pages, closing| ReadsUsed {
        device: device.into(),
        meter: "total".into(),
        weight: None,
        pages,
        opening: side(100, "previous"),
        closing,
        anchor,
    };
    Snapshot {
        contract: toml::from_str(CONTRACT).unwrap(),
        period: Period::month(month).unwrap(),
        as_of: "2026-06-01T00:00:00Z".parse().unwrap(),
        previous: Previous::default(),
        reads: vec![used("hp:A", pages, side(100 + pages, "read")), used("hp:B", 10, side(110, "interpolated"))],
        flags: ["ESTIMATED:hp:B/total".to_owned()].into(),
        unsure_polls: [("hp:B".to_owned(), 2)].into(),
    }
}

/// Documents as a tenant would issue them, each linked to the one before.
#[derive(Default)]
struct Books {
    documents: Vec<Document>,
}

impl Books {
    fn head(&self, id: Uuid, revision: u32) -> Head {
        Head {
            tenant: "acme".into(),
            number: self.documents.len() as u64 + 1,
            id,
            revision,
            issued: "2026-06-01T00:00:00Z".parse().unwrap(),
            contract: "C".into(),
            contract_version: 1,
            contract_sha256: "00".into(),
            previous_sha256: self.documents.last().map_or_else(String::new, |last| last.reference().unwrap().sha256),
        }
    }

    fn invoice(&mut self, month: &str, revision: u32, replaces: Option<usize>) -> &Document {
        let snapshot = snapshot(month, 1_000);
        let result = Invoice { meters: Vec::new(), ..snapshot.price().unwrap() };
        let head = self.head(invoice_id("acme", "C", snapshot.period, revision), revision);
        let replaces = replaces.map(|at| self.documents[at].reference().unwrap());
        let matter =
            Matter::Invoice { follows: None, replaces, snapshot: Box::new(snapshot), result: Box::new(result) };
        self.documents.push(Document { version: DOCUMENT_VERSION, head, matter });
        self.documents.last().unwrap()
    }

    fn credit(&mut self, at: usize) {
        let invoice = self.documents[at].clone();
        let Matter::Invoice { result, snapshot, .. } = &invoice.matter else { panic!("an invoice") };
        let matter = Matter::CreditNote {
            credits: invoice.reference().unwrap(),
            period: snapshot.period,
            as_of: snapshot.as_of,
            currency: "EUR".into(),
            credited: result.clone(),
            result: CreditNote::of(result),
        };
        let head = self.head(credit_note_id(invoice.head.id), invoice.head.revision);
        self.documents.push(Document { version: DOCUMENT_VERSION, head, matter });
    }

    fn kept(&self) -> Vec<Kept> {
        let kept = self.documents.iter().map(|document| {
            let bytes = document.bytes().unwrap();
            let (number, previous_sha256) = (document.head.number, document.head.previous_sha256.clone());
            Kept { number, sha256: sha256(&bytes), previous_sha256, bytes }
        });
        kept.collect()
    }
}

fn verify(kept: &[Kept]) -> Result<usize, Broken> {
    let mut chain = Chain::default();
    for one in kept {
        chain.add(one)?;
    }
    Ok(chain.len())
}

fn three() -> Books {
    let mut books = Books::default();
    books.invoice("2026-01", 0, None);
    books.credit(0);
    books.invoice("2026-01", 1, Some(1));
    books
}

#[test]
fn a_document_that_is_read_back_and_priced_again_has_the_same_bytes() {
    for document in three().documents {
        let bytes = document.bytes().unwrap();
        let again = Document::parse(&bytes).unwrap().replayed().unwrap();
        assert_eq!(first_difference(&bytes, &again.bytes().unwrap()), None);
    }
}

#[test]
fn a_price_that_is_changed_in_the_snapshot_is_found_by_replay() {
    let bytes = three().documents[0].bytes().unwrap();
    let forged = String::from_utf8(bytes).unwrap().replace("\"price\":\"0.0100\"", "\"price\":\"0.0200\"");
    // Both the contract and the line say 0.02 now; the amount does not follow.
    let document = Document::parse(forged.as_bytes()).unwrap();
    assert!(first_difference(forged.as_bytes(), &document.replayed().unwrap().bytes().unwrap()).is_some());
}

#[test]
fn the_same_contract_period_and_revision_have_the_same_id() {
    let month = |text: &str| Period::month(text).unwrap();
    let id = invoice_id("acme", "C", month("2026-01"), 0);
    assert_eq!(id, invoice_id("acme", "C", month("2026-01"), 0));
    let others = [
        invoice_id("globex", "C", month("2026-01"), 0),
        invoice_id("acme", "D", month("2026-01"), 0),
        invoice_id("acme", "C", month("2026-02"), 0),
        invoice_id("acme", "C", month("2026-01"), 1),
        credit_note_id(id),
    ];
    assert!(others.iter().all(|other| *other != id));
}

#[test]
fn a_whole_chain_holds_and_the_first_broken_link_is_named() {
    let kept = three().kept();
    assert_eq!(verify(&kept), Ok(3));
    for at in 0..kept.len() {
        for byte in (0..kept[at].bytes.len()).step_by(97) {
            let mut forged = kept.clone();
            forged[at].bytes[byte] ^= 1;
            assert_eq!(verify(&forged).unwrap_err().number, at as u64 + 1, "byte {byte}");
        }
    }
    let missing = [kept[0].clone(), kept[2].clone()];
    assert_eq!(verify(&missing).unwrap_err(), Broken { number: 2, why: "is missing; the next is 3".into() });
    let twice = [kept[0].clone(), kept[0].clone()];
    assert!(verify(&twice).unwrap_err().why.contains("two documents"));
}

#[test]
fn a_document_forged_with_its_hash_breaks_the_link_of_the_next() {
    let mut kept = three().kept();
    let text = String::from_utf8(kept[0].bytes.clone()).unwrap();
    kept[0].bytes =
        text.replace("2026-06-01T00:00:00Z\",\"contract\"", "2026-06-02T00:00:00Z\",\"contract\"").into_bytes();
    assert_ne!(kept[0].bytes, text.into_bytes());
    kept[0].sha256 = sha256(&kept[0].bytes);
    assert_eq!(verify(&kept).unwrap_err().number, 2);
}

#[test]
fn a_document_of_a_newer_version_is_refused_by_name() {
    let error = Document::parse(br#"{"version":2,"new":true}"#).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
    assert!(Document::parse(b"{").is_err());
}

#[test]
fn no_period_is_billed_twice_and_none_is_left_out() {
    let mut books = Books::default();
    books.invoice("2026-01", 0, None);
    let standing = Standing::of(&books.documents);
    let month = |text: &str| Period::month(text).unwrap();
    assert!(matches!(standing.next(month("2026-01")), Err(PlanError::Overlap(..))));
    assert!(matches!(standing.next(month("2026-03")), Err(PlanError::Gap(..))));
    let (follows, revision) = standing.next(month("2026-02")).unwrap();
    assert_eq!((follows.map(|of| of.head.number), revision), (Some(1), 0));
    assert_eq!(standing.already(month("2026-01")).map(|of| of.head.number), Some(1));
    assert_eq!(Standing::of(&[]).next(month("2026-07")).unwrap(), (None, 0));
}

#[test]
fn only_the_last_invoice_of_a_contract_is_corrected_and_only_once() {
    let mut books = Books::default();
    books.invoice("2026-01", 0, None);
    books.invoice("2026-02", 0, None);
    let standing = Standing::of(&books.documents);
    let refused = standing.correctable(&books.documents[0]);
    assert_eq!(refused, Err(PlanError::NotTheLast { number: 1, last: 2 }));
    assert_eq!(standing.correctable(&books.documents[1]), Ok(()));
    books.credit(1);
    let standing = Standing::of(&books.documents);
    assert_eq!(standing.correctable(&books.documents[1]), Err(PlanError::Credited(2, 3)));
    assert_eq!(standing.correctable(&books.documents[2]), Err(PlanError::NotAnInvoice(3)));
}

#[test]
fn a_correction_that_was_killed_half_way_is_found_and_a_finished_one_is_not() {
    let mut books = Books::default();
    books.invoice("2026-01", 0, None);
    assert!(Standing::of(&books.documents).half_corrected(1).is_none());
    books.credit(0);
    assert_eq!(Standing::of(&books.documents).half_corrected(1).map(|of| of.head.number), Some(2));
    books.invoice("2026-01", 1, Some(1));
    let standing = Standing::of(&books.documents);
    assert!(standing.half_corrected(1).is_none());
    assert_eq!(standing.already(Period::month("2026-01").unwrap()).map(|of| of.head.number), Some(3));
}
