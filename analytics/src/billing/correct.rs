//! Corrections (§7): an issued invoice is never changed; it is credited in full and replaced by a new run.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::calendar::{Instant, Period};
use super::contract::{Contract, Event, Previous};
use super::invoice::{BillError, Invoice, bill};
use super::line::{Line, money};
use super::round;
use crate::usage::Reading;

/// The two documents of a correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Correction {
    pub credit_note: CreditNote,
    pub replacement: Invoice,
}

/// The lines of an invoice with their amounts turned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    pub lines: Vec<Line>,
    #[serde(with = "money")]
    pub total: Decimal,
}

impl CreditNote {
    pub fn of(issued: &Invoice) -> CreditNote {
        CreditNote { lines: issued.lines.iter().map(Line::credited).collect(), total: round::negated(issued.total) }
    }
}

/// Credits the invoice as it was issued at `issued_as_of` and bills the same period as seen at `as_of`.
pub fn correct(
    contract: &Contract,
    period: Period,
    (issued_as_of, as_of): (Instant, Instant),
    readings: &[Reading<'_>],
    events: &[Event],
    previous: &Previous,
) -> Result<Correction, BillError> {
    let issued = bill(contract, period, issued_as_of, readings, events, previous)?;
    let replacement = bill(contract, period, as_of, readings, events, previous)?;
    Ok(Correction { credit_note: CreditNote::of(&issued), replacement })
}
