//! UBL against the rules of EN 16931-1 (BR, BR-CO, BR-DEC, BR-S and its like) and those of Peppol BIS Billing 3 that concern
//! arithmetic, over many generated invoices and credit notes. The rules are written here as their texts have them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "en16931/invoices.rs"]
mod invoices;
#[path = "en16931/rules.rs"]
mod rules;
#[path = "en16931/tree.rs"]
mod tree;

use analytics::papers::{Language, Paper, pdf, ubl};
use tree::Element;

#[test]
fn every_generated_invoice_and_credit_note_satisfies_the_rules() {
    let mut lines = 0;
    for seed in 1..=400 {
        let (document, papers) = invoices::invoice(seed);
        let language = [Language::De, Language::En, Language::Fr, Language::Es][usize::try_from(seed % 4).unwrap()];
        let paper = Paper::of(&document, None, &papers, Some(language)).unwrap();
        if paper.lines.is_empty() {
            assert!(ubl::render(&paper).unwrap_err().to_string().contains("BR-16"));
            continue;
        }
        let xml = ubl::render(&paper).unwrap();
        rules::check(&Element::parse(&xml), &format!("invoice {seed}"));
        let note = invoices::credit_note(&document);
        let paper = Paper::of(&note, Some(&document), &papers, Some(language)).unwrap();
        let xml = ubl::render(&paper).unwrap();
        let tree = Element::parse(&xml);
        rules::check(&tree, &format!("credit note of {seed}"));
        let names = tree.at("cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID");
        assert_eq!(names, format!("{}{}", papers.number_prefix, document.head.number), "BG-3 names the invoice");
        lines += paper.lines.len();
    }
    assert!(lines > 1_000, "{lines}");
}

#[test]
fn a_currency_that_is_not_rounded_to_two_decimals_is_refused() {
    let (mut document, papers) = invoices::invoice(5);
    let analytics::ledger::Matter::Invoice { snapshot, result, .. } = &mut document.matter else {
        panic!("an invoice")
    };
    snapshot.contract.currency = "JPY".to_owned();
    **result = snapshot.price().unwrap();
    let paper = Paper::of(&document, None, &papers, None).unwrap();
    assert!(ubl::render(&paper).unwrap_err().to_string().contains("JPY has 0"));
}

#[test]
fn the_rules_find_a_wrong_sum() {
    let (document, papers) = invoices::invoice(7);
    let paper = Paper::of(&document, None, &papers, None).unwrap();
    let xml = String::from_utf8(ubl::render(&paper).unwrap()).unwrap();
    let wrong = xml.replace(&format!(">{}</cbc:PayableAmount>", paper.total), ">0.01</cbc:PayableAmount>");
    assert_ne!(xml, wrong);
    let found = std::panic::catch_unwind(|| rules::check(&Element::parse(wrong.as_bytes()), "forged"));
    assert!(found.is_err(), "BR-CO-16 was not noticed");
}

#[test]
fn what_a_paper_needs_and_the_configuration_lacks_is_named() {
    let (document, papers) = invoices::invoice(3);
    let without = |change: fn(&mut analytics::papers::Papers)| {
        let mut papers = papers.clone();
        change(&mut papers);
        Paper::of(&document, None, &papers, None).map(|_| ()).unwrap_err().to_string()
    };
    assert!(without(|papers| papers.seller = None).contains("[papers.seller]"));
    assert!(without(|papers| papers.tax = None).contains("[papers.tax]"));
    assert!(without(|papers| papers.buyers.clear()).contains("[papers.buyers.acme]"));
}

#[test]
fn a_pdf_of_every_language_is_whole_and_the_same_each_time() {
    let (document, papers) = invoices::invoice(11);
    for language in [Language::De, Language::En, Language::Fr, Language::Es] {
        let paper = Paper::of(&document, None, &papers, Some(language)).unwrap();
        let bytes = pdf::render(&paper);
        assert!(bytes.starts_with(b"%PDF-1.") && bytes.trim_ascii_end().ends_with(b"%%EOF"));
        assert_eq!(bytes, pdf::render(&paper));
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds(&paper.sha256), "the hash of the document stands on it");
    }
}
