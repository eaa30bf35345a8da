//! The rules, each under its name.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::tree::Element;

fn number(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

pub(crate) fn check(doc: &Element, what: &str) {
    let credit = doc.name == "CreditNote";
    let line_name = if credit { "cac:CreditNoteLine" } else { "cac:InvoiceLine" };
    let lines = doc.all(line_name);
    identification(doc, credit, what);
    parties(doc, what);
    totals(doc, &lines, what);
    for line in &lines {
        one_line(doc, line, credit, what);
    }
    for element in doc.every() {
        assert!(
            !(element.children.is_empty() && element.text.is_empty()),
            "{what}: {} is empty (PEPPOL R008)",
            element.name
        );
        let amount = element.attributes.iter().any(|(key, _)| key == "currencyID");
        if amount && element.name != "cbc:PriceAmount" {
            let decimals = element.text.split_once('.').map_or(0, |(_, digits)| digits.len());
            assert!(decimals <= 2, "{what}: {} in {} (BR-DEC)", element.text, element.name);
            let currency = doc.at("cbc:DocumentCurrencyCode");
            assert!(element.attributes.iter().any(|(_, value)| *value == currency), "{what}: BR-CL-3, BR-53");
        }
    }
}

fn identification(doc: &Element, credit: bool, what: &str) {
    assert!(doc.at("cbc:CustomizationID").starts_with("urn:cen.eu:en16931:2017"), "{what}: BR-01, PEPPOL R004");
    assert_eq!(doc.at("cbc:ProfileID"), "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0", "{what}: PEPPOL R001, R007");
    assert!(!doc.at("cbc:ID").is_empty(), "{what}: BR-02");
    assert_eq!(doc.at("cbc:IssueDate").len(), 10, "{what}: BR-03");
    let code = if credit { doc.at("cbc:CreditNoteTypeCode") } else { doc.at("cbc:InvoiceTypeCode") };
    assert_eq!(code, if credit { "381" } else { "380" }, "{what}: BR-04");
    assert_eq!(doc.at("cbc:DocumentCurrencyCode").len(), 3, "{what}: BR-05");
    assert!(!doc.at("cbc:BuyerReference").is_empty(), "{what}: PEPPOL R003");
    let period = doc.all("cac:InvoicePeriod")[0];
    assert!(period.at("cbc:StartDate") <= period.at("cbc:EndDate"), "{what}: BR-29, BR-CO-19");
    let reference = doc.all("cac:BillingReference/cac:InvoiceDocumentReference");
    assert!(reference.iter().all(|of| !of.at("cbc:ID").is_empty()), "{what}: BR-55");
    assert_eq!(reference.len(), usize::from(credit), "{what}: a credit note names its invoice");
    let payable = number(&doc.at("cac:LegalMonetaryTotal/cbc:PayableAmount"));
    let when = !doc.at("cbc:DueDate").is_empty() || !doc.at("cac:PaymentTerms/cbc:Note").is_empty();
    assert!(credit || payable <= Decimal::ZERO || when, "{what}: BR-CO-25");
    let means = doc.all("cac:PaymentMeans");
    assert!(
        means
            .iter()
            .all(|of| of.at("cbc:PaymentMeansCode") != "30" || !of.at("cac:PayeeFinancialAccount/cbc:ID").is_empty()),
        "{what}: BR-61"
    );
}

fn parties(doc: &Element, what: &str) {
    for (role, name, country) in
        [("cac:AccountingSupplierParty", "BR-06", "BR-09"), ("cac:AccountingCustomerParty", "BR-07", "BR-11")]
    {
        let party = doc.all(&format!("{role}/cac:Party"))[0];
        assert!(!party.at("cac:PartyLegalEntity/cbc:RegistrationName").is_empty(), "{what}: {name}");
        assert_eq!(party.at("cac:PostalAddress/cac:Country/cbc:IdentificationCode").len(), 2, "{what}: {country}");
        for scheme in party.all("cac:PartyTaxScheme") {
            let letters = scheme.at("cbc:CompanyID").chars().take(2).all(|c| c.is_ascii_uppercase());
            assert!(letters, "{what}: BR-CO-09");
        }
        for endpoint in party.all("cbc:EndpointID") {
            assert!(
                endpoint.attributes.iter().any(|(key, value)| key == "schemeID" && !value.is_empty()),
                "{what}: BR-62, BR-63"
            );
        }
    }
    let category = doc.at("cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:ID");
    let vat = |role: &str| !doc.at(&format!("{role}/cac:Party/cac:PartyTaxScheme/cbc:CompanyID")).is_empty();
    assert!(category == "O" || vat("cac:AccountingSupplierParty"), "{what}: BR-CO-26, BR-S-02, BR-Z-02, BR-E-02");
    assert!(category != "AE" || vat("cac:AccountingCustomerParty"), "{what}: BR-AE-02");
}

fn totals(doc: &Element, lines: &[&Element], what: &str) {
    assert!(!lines.is_empty(), "{what}: BR-16");
    let amount = |path: &str| number(&doc.at(path));
    let total = |name: &str| amount(&format!("cac:LegalMonetaryTotal/cbc:{name}"));
    let sum: Decimal = lines.iter().map(|line| number(&line.at("cbc:LineExtensionAmount"))).sum();
    assert_eq!(sum, total("LineExtensionAmount"), "{what}: BR-CO-10");
    assert_eq!(total("TaxExclusiveAmount"), total("LineExtensionAmount"), "{what}: BR-CO-13");
    let subtotals = doc.all("cac:TaxTotal/cac:TaxSubtotal");
    assert!(!subtotals.is_empty(), "{what}: BR-CO-18");
    let taxes: Decimal = subtotals.iter().map(|of| number(&of.at("cbc:TaxAmount"))).sum();
    assert_eq!(amount("cac:TaxTotal/cbc:TaxAmount"), taxes, "{what}: BR-CO-14");
    assert_eq!(total("TaxInclusiveAmount"), total("TaxExclusiveAmount") + taxes, "{what}: BR-CO-15");
    assert_eq!(total("PayableAmount"), total("TaxInclusiveAmount"), "{what}: BR-CO-16");
    for of in subtotals {
        let category = of.at("cac:TaxCategory/cbc:ID");
        let percent = of.at("cac:TaxCategory/cbc:Percent");
        let rate = if percent.is_empty() { Decimal::ZERO } else { number(&percent) };
        let exact = number(&of.at("cbc:TaxableAmount")) * rate / Decimal::ONE_HUNDRED;
        let rounded = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        assert_eq!(number(&of.at("cbc:TaxAmount")), rounded, "{what}: BR-CO-17, BR-S-09");
        assert_eq!(number(&of.at("cbc:TaxableAmount")), sum, "{what}: BR-S-08 and its like");
        assert_eq!(percent.is_empty(), category == "O", "{what}: BR-48, BR-O-05");
        let reason = !of.at("cac:TaxCategory/cbc:TaxExemptionReason").is_empty();
        assert_eq!(reason, !matches!(&*category, "S" | "Z"), "{what}: BR-S-10, BR-Z-10, BR-E-10, BR-AE-10, BR-O-10");
        assert!(category == "S" || rate.is_zero(), "{what}: BR-E-09, BR-AE-09, BR-Z-09");
    }
}

fn one_line(doc: &Element, line: &Element, credit: bool, what: &str) {
    let what = format!("{what}, line {}", line.at("cbc:ID"));
    assert!(!line.at("cbc:ID").is_empty(), "{what}: BR-21");
    let name = if credit { "cbc:CreditedQuantity" } else { "cbc:InvoicedQuantity" };
    let quantity = line.all(name)[0];
    assert!(quantity.attributes.iter().any(|(key, value)| key == "unitCode" && !value.is_empty()), "{what}: BR-23");
    assert!(!line.at("cac:Item/cbc:Name").is_empty(), "{what}: BR-25");
    let price = number(&line.at("cac:Price/cbc:PriceAmount"));
    assert!(price >= Decimal::ZERO, "{what}: BR-27");
    let per = number(&line.at("cac:Price/cbc:BaseQuantity"));
    assert!(per > Decimal::ZERO, "{what}: PEPPOL R121");
    let units: Vec<&String> =
        [quantity, line.all("cac:Price/cbc:BaseQuantity")[0]].iter().map(|of| &of.attributes[0].1).collect();
    assert_eq!(units[0], units[1], "{what}: PEPPOL R130");
    let exact = number(&quantity.text) * price / per;
    let rounded = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    assert_eq!(number(&line.at("cbc:LineExtensionAmount")), rounded, "{what}: PEPPOL R120");
    let category = line.at("cac:Item/cac:ClassifiedTaxCategory/cbc:ID");
    assert_eq!(category, doc.at("cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:ID"), "{what}: BR-CO-04, BR-S-01");
    let (line_period, period) = (line.all("cac:InvoicePeriod")[0], doc.all("cac:InvoicePeriod")[0]);
    assert!(line_period.at("cbc:StartDate") >= period.at("cbc:StartDate"), "{what}: PEPPOL R110");
    assert!(line_period.at("cbc:EndDate") <= period.at("cbc:EndDate"), "{what}: PEPPOL R111, BR-30");
}
