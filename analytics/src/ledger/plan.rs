//! What may be issued next, from the documents of one contract that were issued before. Pure.
//!
//! Promise: no period is billed twice, none is left out between two invoices, and only the last invoice of a contract is ever
//! corrected, because the next one rests on its closing values.

use crate::billing::calendar::{LocalDate, Period};

use super::document::{Document, Matter, Reference};

/// Why a document is not issued; each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the period {0} to {1} overlaps invoice {2} ({3} to {4}); bill from {4} on, or correct that invoice")]
    Overlap(LocalDate, LocalDate, u64, LocalDate, LocalDate),
    #[error("{0} to {1} was never billed; issue that period first, then this one")]
    Gap(LocalDate, LocalDate),
    #[error(
        "invoice {number} is not the last of its contract: {last} rests on it. What came late is settled by the next invoice"
    )]
    NotTheLast { number: u64, last: u64 },
    #[error("invoice {0} was credited already by {1}")]
    Credited(u64, u64),
    #[error("document {0} is a credit note; only invoices are corrected")]
    NotAnInvoice(u64),
}

/// The invoices of one contract that count: issued and not credited, in order of their periods.
#[derive(Debug, Default)]
pub struct Standing<'a> {
    counting: Vec<&'a Document>,
    documents: &'a [Document],
}

impl<'a> Standing<'a> {
    /// From all documents of one contract.
    pub fn of(documents: &'a [Document]) -> Standing<'a> {
        let credited = |of: &Document| credit_of(documents, of.head.number).is_some();
        let invoices = documents.iter().filter(|of| matches!(of.matter, Matter::Invoice { .. }) && !credited(of));
        let mut counting: Vec<&Document> = invoices.collect();
        counting.sort_by_key(|of| of.period().start);
        Standing { counting, documents }
    }

    /// The invoice that a new one for `period` follows, and its revision.
    ///
    /// # Errors
    /// When the period overlaps one that was billed, or leaves one out.
    pub fn next(&self, period: Period) -> Result<(Option<&'a Document>, u32), PlanError> {
        let revision = u32::try_from(self.documents.iter().filter(|of| is_invoice_of(of, period)).count());
        let revision = revision.unwrap_or(u32::MAX);
        let Some(last) = self.counting.last() else { return Ok((None, revision)) };
        let before = last.period();
        if period.start < before.end {
            return Err(PlanError::Overlap(period.start, period.end, last.head.number, before.start, before.end));
        }
        if before.end < period.start {
            return Err(PlanError::Gap(before.end, period.start));
        }
        Ok((Some(last), revision))
    }

    /// The invoice for exactly this period that counts: what a repeated run finds.
    pub fn already(&self, period: Period) -> Option<&'a Document> {
        self.counting.iter().find(|of| of.period() == period).copied()
    }

    /// Whether a document can be corrected.
    ///
    /// # Errors
    /// [`PlanError`], when a later invoice rests on it, or it was credited.
    pub fn correctable(&self, document: &Document) -> Result<(), PlanError> {
        let number = document.head.number;
        if matches!(document.matter, Matter::CreditNote { .. }) {
            return Err(PlanError::NotAnInvoice(number));
        }
        if let Some(credit) = credit_of(self.documents, number) {
            return Err(PlanError::Credited(number, credit));
        }
        match self.counting.last() {
            Some(last) if last.head.number != number => Err(PlanError::NotTheLast { number, last: last.head.number }),
            _ => Ok(()),
        }
    }

    /// A credit note whose replacement was never written: a correction that was killed half way.
    pub fn half_corrected(&self, number: u64) -> Option<&'a Document> {
        let credit = credit_of(self.documents, number)?;
        let document = self.documents.iter().find(|of| of.head.number == credit)?;
        let replaced = self.documents.iter().any(|of| replaces(of).is_some_and(|by| by.number == credit));
        (!replaced).then_some(document)
    }
}

fn is_invoice_of(of: &Document, period: Period) -> bool {
    matches!(of.matter, Matter::Invoice { .. }) && of.period() == period
}

fn credit_of(documents: &[Document], number: u64) -> Option<u64> {
    let credits = |of: &&Document| matches!(&of.matter, Matter::CreditNote { credits, .. } if credits.number == number);
    documents.iter().find(credits).map(|of| of.head.number)
}

fn replaces(of: &Document) -> Option<&Reference> {
    match &of.matter {
        Matter::Invoice { replaces, .. } => replaces.as_ref(),
        Matter::CreditNote { .. } => None,
    }
}
