//! What an invoice or a credit note says to its buyer, whatever it is written down as. Amounts of a credit note are positive
//! here: its kind says that they are given back.

use rust_decimal::Decimal;

use super::Language;
use super::party::{Papers, Party, Tax};
use crate::billing::calendar::{LocalDate, Period};
use crate::billing::{BillError, Currency, Invoice, Line, Zone, round};
use crate::ledger::document::{DocumentError, sha256};
use crate::ledger::{Document, Matter};
use crate::snapshot::Snapshot;
use crate::statement::{ReadsUsed, reads_of};

#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    #[error("the configuration has no papers.seller; write [papers.seller] with name and country")]
    NoSeller,
    #[error("the configuration has no papers.tax; write [papers.tax] with category and percent")]
    NoTax,
    #[error(
        "the configuration has no buyer for contract {contract} of {tenant}; write [papers.buyers.\"{contract}\"] or [papers.buyers.{tenant}]"
    )]
    NoBuyer { contract: String, tenant: String },
    #[error("document {0} is a credit note; the invoice that it credits is needed too")]
    NoCredited(u64),
    #[error("the papers cannot be added up: {0}")]
    Bill(#[from] BillError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("the tax needs more than 28 digits")]
    TooMuch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invoice,
    CreditNote,
}

/// What a line counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Pages,
    Days,
    One,
}

/// quantity × price / per = amount, rounded to the minor digits; the price is never negative, the quantity takes its sign.
#[derive(Debug, Clone)]
pub struct PaperLine {
    pub number: usize,
    pub what: String,
    pub device: Option<String>,
    pub unit: Unit,
    pub quantity: i64,
    pub price: Decimal,
    pub per: i64,
    pub amount: Decimal,
    pub estimated: bool,
    pub reads: Vec<ReadsUsed>,
}

/// A whole paper.
#[derive(Debug, Clone)]
pub struct Paper {
    pub kind: Kind,
    pub language: Language,
    pub number: String,
    pub issued: LocalDate,
    pub due: Option<LocalDate>,
    pub period: Period,
    pub contract: String,
    /// The number of the invoice that is given back, and when it was issued.
    pub credits: Option<(String, LocalDate)>,
    pub seller: Party,
    pub buyer: Party,
    pub tax: Tax,
    pub currency: Currency,
    pub lines: Vec<PaperLine>,
    pub net: Decimal,
    pub tax_amount: Decimal,
    pub total: Decimal,
    /// Hash of the document that this paper shows.
    pub sha256: String,
}

impl Paper {
    /// From an issued document; of a credit note also the invoice that it credits.
    ///
    /// # Errors
    /// [`PaperError`], naming the key of the configuration that is missing.
    pub fn of(
        document: &Document,
        credited: Option<&Document>,
        papers: &Papers,
        language: Option<Language>,
    ) -> Result<Paper, PaperError> {
        let head = &document.head;
        let (invoice, kind) = match &document.matter {
            Matter::Invoice { .. } => (document, Kind::Invoice),
            Matter::CreditNote { .. } => (credited.ok_or(PaperError::NoCredited(head.number))?, Kind::CreditNote),
        };
        let Matter::Invoice { snapshot, result, .. } = &invoice.matter else {
            return Err(PaperError::NoCredited(head.number));
        };
        let language = language.unwrap_or(papers.language);
        let currency = Currency::named(&snapshot.contract.currency).ok_or(PaperError::TooMuch)?;
        let zone = Zone::named(&snapshot.contract.timezone).ok_or(PaperError::TooMuch)?;
        let tax = papers.tax.clone().ok_or(PaperError::NoTax)?;
        let number = |number: u64| format!("{}{number}", papers.number_prefix);
        let buyer = papers.buyers.get(&head.contract).or_else(|| papers.buyers.get(&head.tenant));
        let no_buyer = || PaperError::NoBuyer { contract: head.contract.clone(), tenant: head.tenant.clone() };
        let issued = zone.date_at(head.issued);
        let tax_amount = tax_of(result.total, &tax, currency)?;
        let total = round::total([result.total, tax_amount], currency).map_err(|_| PaperError::TooMuch)?;
        Ok(Paper {
            kind,
            language,
            number: number(head.number),
            issued,
            due: (kind == Kind::Invoice).then(|| issued.plus_days(papers.due_days)).flatten(),
            period: snapshot.period,
            contract: head.contract.clone(),
            credits: (kind == Kind::CreditNote)
                .then(|| (number(invoice.head.number), zone.date_at(invoice.head.issued))),
            seller: papers.seller.clone().ok_or(PaperError::NoSeller)?,
            buyer: buyer.cloned().ok_or_else(no_buyer)?,
            tax,
            currency,
            lines: lines(snapshot, result, language),
            net: result.total,
            tax_amount,
            total,
            sha256: sha256(&document.bytes()?),
        })
    }

    /// All reads behind the lines, each once.
    pub fn reads(&self) -> Vec<&ReadsUsed> {
        let mut reads: Vec<&ReadsUsed> = self.lines.iter().flat_map(|line| &line.reads).collect();
        reads.sort_by(|a, b| (&a.device, &a.meter).cmp(&(&b.device, &b.meter)));
        reads.dedup_by(|a, b| (&a.device, &a.meter) == (&b.device, &b.meter));
        reads
    }
}

fn tax_of(net: Decimal, tax: &Tax, currency: Currency) -> Result<Decimal, PaperError> {
    let share = net.checked_mul(tax.percent).ok_or(PaperError::TooMuch)?;
    round::amount(share, 1, 100, currency).map_err(|_| PaperError::TooMuch)
}

fn lines(snapshot: &Snapshot, invoice: &Invoice, language: Language) -> Vec<PaperLine> {
    let words = language.words();
    let lines = invoice.lines.iter().zip(1..).map(|(line, number)| {
        let reads = reads_of(line, &snapshot.contract, &snapshot.reads);
        let (what, device, unit, quantity, price, per) = match line {
            Line::Base { device, days, of_days, .. } => {
                let fee = snapshot.contract.base_fee.as_ref().map_or(Decimal::ZERO, |fee| fee.amount.value());
                (words.base_fee.to_owned(), device.clone(), Unit::Days, *days, fee, *of_days)
            }
            Line::Usage { charge, device, qty, price, price_per, .. } => {
                let price = price.parse().unwrap_or_default(); // the text of a contract that was checked
                (charge.clone(), device.clone(), Unit::Pages, *qty, price, *price_per)
            }
            Line::MinimumTopup { amount } => (words.minimum.to_owned(), None, Unit::One, 1, *amount, 1),
        };
        let quantity = if price.is_sign_negative() && !price.is_zero() { -quantity } else { quantity };
        let is_estimate = |side: &crate::statement::Side| matches!(&*side.method, "interpolated" | "estimated");
        let estimated = reads.iter().any(|used| used.opening.iter().chain(&used.closing).any(is_estimate));
        PaperLine {
            number,
            what,
            device,
            unit,
            quantity,
            price: price.abs(),
            per,
            amount: line.amount(),
            estimated,
            reads,
        }
    });
    lines.collect()
}
