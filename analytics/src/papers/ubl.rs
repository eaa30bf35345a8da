//! UBL 2.1 as Peppol BIS Billing 3 has it: an EN 16931 invoice or credit note. Business terms (BT) are those of EN 16931-1.

use std::io;

use super::paper::{Kind, Paper, PaperLine, Unit};
use super::party::{Party, Tax};
use super::xml::Xml;

const CUSTOMIZATION: &str = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0";
const PROFILE: &str = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0";
const INVOICE: &str = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2";
const CREDIT_NOTE: &str = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2";
const CAC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
const CBC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
/// Digits of an amount in EN 16931: at most two (BR-DEC), and lines are rounded to two (PEPPOL-EN16931-R120).
const DECIMALS: u32 = 2;

#[derive(Debug, thiserror::Error)]
pub enum UblError {
    #[error("EN 16931 rounds to two decimals, {0} has {1}; export JSON, CSV or PDF instead")]
    Decimals(&'static str, u32),
    #[error("an EN 16931 document has at least one line (BR-16), this one has none; export JSON or PDF instead")]
    NoLine,
    #[error("papers.{0} is empty, and UBL needs it ({1})")]
    Lacks(&'static str, &'static str),
    #[error("write XML")]
    Write(#[from] io::Error),
}

/// The document as XML.
///
/// # Errors
/// [`UblError`], when EN 16931 has no room for what it says.
pub fn render(paper: &Paper) -> Result<Vec<u8>, UblError> {
    check(paper)?;
    let (root, name_space) = match paper.kind {
        Kind::Invoice => ("Invoice", INVOICE),
        Kind::CreditNote => ("CreditNote", CREDIT_NOTE),
    };
    let mut xml = Xml::new(root, &[("xmlns", name_space), ("xmlns:cac", CAC), ("xmlns:cbc", CBC)])?;
    head(&mut xml, paper)?;
    party(&mut xml, "cac:AccountingSupplierParty", &paper.seller)?;
    party(&mut xml, "cac:AccountingCustomerParty", &paper.buyer)?;
    payment(&mut xml, paper)?;
    totals(&mut xml, paper)?;
    for one in &paper.lines {
        line(&mut xml, paper, one)?;
    }
    Ok(xml.finish()?)
}

fn check(paper: &Paper) -> Result<(), UblError> {
    let currency = paper.currency;
    if currency.minor_digits != DECIMALS {
        return Err(UblError::Decimals(currency.code, currency.minor_digits));
    }
    if paper.lines.is_empty() {
        return Err(UblError::NoLine);
    }
    if paper.seller.vat_id.is_empty() && paper.tax.category != "O" {
        return Err(UblError::Lacks("seller.vat_id", "BR-S-2 and its like"));
    }
    if paper.buyer.vat_id.is_empty() && matches!(&*paper.tax.category, "AE" | "K") {
        return Err(UblError::Lacks("buyers.….vat_id", "BR-AE-2, BR-IC-2"));
    }
    if paper.buyer.reference.is_empty() {
        return Err(UblError::Lacks("buyers.….reference", "BT-10, PEPPOL-EN16931-R003"));
    }
    Ok(())
}

fn head(xml: &mut Xml, paper: &Paper) -> io::Result<()> {
    xml.text("cbc:CustomizationID", CUSTOMIZATION)?;
    xml.text("cbc:ProfileID", PROFILE)?;
    xml.text("cbc:ID", &paper.number)?;
    xml.text("cbc:IssueDate", &paper.issued.to_string())?;
    match paper.kind {
        Kind::Invoice => {
            if let Some(due) = paper.due {
                xml.text("cbc:DueDate", &due.to_string())?;
            }
            xml.text("cbc:InvoiceTypeCode", "380")?;
        }
        Kind::CreditNote => xml.text("cbc:CreditNoteTypeCode", "381")?,
    }
    xml.text("cbc:Note", &format!("SHA-256 {}", paper.sha256))?;
    xml.text("cbc:DocumentCurrencyCode", paper.currency.code)?;
    xml.text("cbc:BuyerReference", &paper.buyer.reference)?;
    period(xml, paper)?;
    if let Some((number, issued)) = &paper.credits {
        xml.open("cac:BillingReference")?;
        xml.open("cac:InvoiceDocumentReference")?;
        xml.text("cbc:ID", number)?;
        xml.text("cbc:IssueDate", &issued.to_string())?;
        xml.close()?;
        xml.close()?;
    }
    xml.open("cac:ContractDocumentReference")?;
    xml.text("cbc:ID", &paper.contract)?;
    xml.close()
}

/// Both days belong to it (BT-73, BT-74).
fn period(xml: &mut Xml, paper: &Paper) -> io::Result<()> {
    xml.open("cac:InvoicePeriod")?;
    xml.text("cbc:StartDate", &paper.period.start.to_string())?;
    xml.text("cbc:EndDate", &paper.period.end.day_before().to_string())?;
    xml.close()
}

fn party(xml: &mut Xml, role: &str, party: &Party) -> io::Result<()> {
    xml.open(role)?;
    xml.open("cac:Party")?;
    if !party.endpoint.is_empty() {
        xml.text_with("cbc:EndpointID", &[("schemeID", party.endpoint_scheme.as_str())], &party.endpoint)?;
    }
    xml.open("cac:PartyName")?;
    xml.text("cbc:Name", &party.name)?;
    xml.close()?;
    xml.open("cac:PostalAddress")?;
    xml.text_if("cbc:StreetName", &party.street)?;
    xml.text_if("cbc:CityName", &party.city)?;
    xml.text_if("cbc:PostalZone", &party.postcode)?;
    xml.open("cac:Country")?;
    xml.text("cbc:IdentificationCode", &party.country)?;
    xml.close()?;
    xml.close()?;
    if !party.vat_id.is_empty() {
        xml.open("cac:PartyTaxScheme")?;
        xml.text("cbc:CompanyID", &party.vat_id)?;
        scheme(xml)?;
        xml.close()?;
    }
    xml.open("cac:PartyLegalEntity")?;
    xml.text("cbc:RegistrationName", &party.name)?;
    xml.text_if("cbc:CompanyID", &party.company_id)?;
    xml.close()?;
    if !party.email.is_empty() {
        xml.open("cac:Contact")?;
        xml.text("cbc:ElectronicMail", &party.email)?;
        xml.close()?;
    }
    xml.close()?;
    xml.close()
}

fn scheme(xml: &mut Xml) -> io::Result<()> {
    xml.open("cac:TaxScheme")?;
    xml.text("cbc:ID", "VAT")?;
    xml.close()
}

fn payment(xml: &mut Xml, paper: &Paper) -> io::Result<()> {
    if paper.kind == Kind::Invoice && !paper.seller.iban.is_empty() {
        xml.open("cac:PaymentMeans")?;
        xml.text("cbc:PaymentMeansCode", "30")?;
        xml.text("cbc:PaymentID", &paper.number)?;
        xml.open("cac:PayeeFinancialAccount")?;
        xml.text("cbc:ID", &paper.seller.iban)?;
        xml.close()?;
        xml.close()?;
    }
    Ok(())
}

fn totals(xml: &mut Xml, paper: &Paper) -> io::Result<()> {
    let currency = [("currencyID", paper.currency.code)];
    xml.open("cac:TaxTotal")?;
    xml.text_with("cbc:TaxAmount", &currency, &paper.tax_amount.to_string())?;
    xml.open("cac:TaxSubtotal")?;
    xml.text_with("cbc:TaxableAmount", &currency, &paper.net.to_string())?;
    xml.text_with("cbc:TaxAmount", &currency, &paper.tax_amount.to_string())?;
    category(xml, "cac:TaxCategory", &paper.tax, true)?;
    xml.close()?;
    xml.close()?;
    xml.open("cac:LegalMonetaryTotal")?;
    xml.text_with("cbc:LineExtensionAmount", &currency, &paper.net.to_string())?;
    xml.text_with("cbc:TaxExclusiveAmount", &currency, &paper.net.to_string())?;
    xml.text_with("cbc:TaxInclusiveAmount", &currency, &paper.total.to_string())?;
    xml.text_with("cbc:PayableAmount", &currency, &paper.total.to_string())?;
    xml.close()
}

fn category(xml: &mut Xml, name: &str, tax: &Tax, with_reason: bool) -> io::Result<()> {
    xml.open(name)?;
    xml.text("cbc:ID", &tax.category)?;
    if tax.category != "O" {
        xml.text("cbc:Percent", &tax.percent.normalize().to_string())?;
    }
    if with_reason {
        xml.text_if("cbc:TaxExemptionReason", &tax.reason)?;
    }
    scheme(xml)?;
    xml.close()
}

fn line(xml: &mut Xml, paper: &Paper, line: &PaperLine) -> io::Result<()> {
    let (element, quantity) = match paper.kind {
        Kind::Invoice => ("cac:InvoiceLine", "cbc:InvoicedQuantity"),
        Kind::CreditNote => ("cac:CreditNoteLine", "cbc:CreditedQuantity"),
    };
    let words = paper.language.words();
    let unit = [("unitCode", unit_code(line.unit))];
    let currency = [("currencyID", paper.currency.code)];
    xml.open(element)?;
    xml.text("cbc:ID", &line.number.to_string())?;
    if line.estimated {
        xml.text("cbc:Note", words.estimated)?;
    }
    xml.text_with(quantity, &unit, &line.quantity.to_string())?;
    xml.text_with("cbc:LineExtensionAmount", &currency, &line.amount.to_string())?;
    period(xml, paper)?;
    xml.open("cac:Item")?;
    xml.text("cbc:Description", line.device.as_deref().unwrap_or(words.all_devices))?;
    xml.text("cbc:Name", &line.what)?;
    category(xml, "cac:ClassifiedTaxCategory", &paper.tax, false)?;
    xml.close()?;
    xml.open("cac:Price")?;
    xml.text_with("cbc:PriceAmount", &currency, &line.price.to_string())?;
    xml.text_with("cbc:BaseQuantity", &unit, &line.per.to_string())?;
    xml.close()?;
    xml.close()
}

/// UN/ECE Recommendation 20: impressions are counted as "one", days as days.
fn unit_code(unit: Unit) -> &'static str {
    match unit {
        Unit::Pages | Unit::One => "C62",
        Unit::Days => "DAY",
    }
}
