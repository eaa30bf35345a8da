//! Issues documents, and looks at those that were issued: replay, difference, correction, the whole chain.
//!
//! Killed at any moment and run again, the result is the same: ids depend on what is billed, numbers on what was written, and
//! a document is valid from its header on.

use std::path::Path;

use schemas::store::billing::ContractRow;

use super::bill::{Asked, BillRunError, Reads, measure_contract};
use super::contract::{self, ContractRunError};
use crate::billing::calendar::Instant;
use crate::billing::correct::CreditNote;
use crate::billing::{BillError, Invoice, Period, Previous};
use crate::contract_file::ContractFile;
use crate::ledger::chain::{Broken, Chain, first_difference};
use crate::ledger::document::{DOCUMENT_VERSION, DocumentError, credit_note_id, invoice_id};
use crate::ledger::lock::{Lock, LockError};
use crate::ledger::plan::{PlanError, Standing};
use crate::ledger::store::{WriteError, kept};
use crate::ledger::{Document, Head, Matter, Reference};
use crate::read::{ReadError, TenantStore};
use crate::snapshot::Snapshot;

#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Contract(#[from] ContractRunError),
    #[error(transparent)]
    Measure(#[from] BillRunError),
    #[error("price it: {0}")]
    Price(#[from] BillError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("{tenant} has no document {number}; `analytics bill list --tenant {tenant}` shows those that there are")]
    Unknown { tenant: String, number: u64 },
    #[error("contract {contract} is held: {reason}; `analytics bill release` lets it go")]
    Held { contract: String, reason: String },
}

/// A document, and whether this run wrote it.
#[derive(Debug)]
pub struct Issued {
    pub document: Document,
    pub written: bool,
}

/// Issues the invoice of a version of a contract for a period. If that was done before, the document of then is the answer.
///
/// # Errors
/// [`IssueError`]; no document is valid then.
pub async fn issue(
    store: &TenantStore,
    lock_dir: &Path,
    contract: &(ContractRow, ContractFile),
    period: Period,
    (as_of, now): (Instant, Instant),
) -> Result<Issued, IssueError> {
    let _lock = Lock::take(lock_dir, store.tenant())?;
    let id = &contract.0.contract;
    let documents = store.documents_of(id).await?;
    let standing = Standing::of(&documents);
    if let Some(document) = standing.already(period) {
        return Ok(Issued { document: document.clone(), written: false });
    }
    if let Some(hold) = store.holds().await?.into_iter().find(|hold| hold.contract == *id) {
        return Err(IssueError::Held { contract: hold.contract, reason: hold.reason });
    }
    let (before, revision) = standing.next(period)?;
    let follows = before.map(Document::reference).transpose()?;
    let previous = before.map(left_behind).unwrap_or_default();
    let (row, file) = contract;
    let contract = row.contract.as_str();
    let asked = Asked { period, as_of, reads: Reads::Auto };
    let snapshot = measure_contract(store, file, asked, previous).await?;
    let draft = Draft { contract, version: row.version, sha256: &row.sha256, revision, now };
    let document = draft.document(store, snapshot, follows, None).await?;
    store.add_document(&document).await?;
    Ok(Issued { document, written: true })
}

/// Credits an invoice in full and bills its period again as it is known at `as_of`; both documents, or only the second if the
/// first was written by a run that was killed.
///
/// # Errors
/// [`IssueError`], when a later invoice rests on this one.
pub async fn correct(
    store: &TenantStore,
    lock_dir: &Path,
    number: u64,
    (as_of, now): (Instant, Instant),
    latest_contract: bool,
) -> Result<(Document, Document), IssueError> {
    let _lock = Lock::take(lock_dir, store.tenant())?;
    let invoice = document(store, number).await?;
    let documents = store.documents_of(&invoice.head.contract).await?;
    let standing = Standing::of(&documents);
    let credit = match standing.half_corrected(number) {
        Some(credit) => credit.clone(),
        None => {
            standing.correctable(&invoice)?;
            let credit = credit_note(store, &invoice, (as_of, now)).await?;
            store.add_document(&credit).await?;
            credit
        }
    };
    let Matter::Invoice { follows, snapshot, .. } = &invoice.matter else {
        return Err(PlanError::NotAnInvoice(number).into());
    };
    let version = (!latest_contract).then_some(invoice.head.contract_version);
    let (row, file) = contract::version(store, &invoice.head.contract, version).await?;
    let asked = Asked { period: snapshot.period, as_of: credit.as_of(), reads: Reads::Auto };
    let again = measure_contract(store, &file, asked, snapshot.previous.clone()).await?;
    let (contract, revision) = (invoice.head.contract.as_str(), invoice.head.revision + 1);
    let draft = Draft { contract, version: row.version, sha256: &row.sha256, revision, now };
    let replacement = draft.document(store, again, follows.clone(), Some(credit.reference()?)).await?;
    store.add_document(&replacement).await?;
    Ok((credit, replacement))
}

async fn credit_note(
    store: &TenantStore,
    invoice: &Document,
    (as_of, now): (Instant, Instant),
) -> Result<Document, IssueError> {
    let Matter::Invoice { result, .. } = &invoice.matter else {
        return Err(PlanError::NotAnInvoice(invoice.head.number).into());
    };
    let (last, previous_sha256) = store.last_document().await?;
    let id = credit_note_id(invoice.head.id);
    let head = Head { number: last + 1, id, issued: now, previous_sha256, ..invoice.head.clone() };
    let matter = Matter::CreditNote {
        credits: invoice.reference()?,
        period: invoice.period(),
        as_of,
        currency: invoice.currency().to_owned(),
        credited: result.clone(),
        result: CreditNote::of(result),
    };
    Ok(Document { version: DOCUMENT_VERSION, head, matter })
}

/// What a new invoice's head says beside its number.
struct Draft<'a> {
    contract: &'a str,
    version: u32,
    sha256: &'a str,
    revision: u32,
    now: Instant,
}

impl Draft<'_> {
    async fn document(
        &self,
        store: &TenantStore,
        snapshot: Snapshot,
        follows: Option<Reference>,
        replaces: Option<Reference>,
    ) -> Result<Document, IssueError> {
        let result = Invoice { meters: Vec::new(), ..snapshot.price()? };
        let (last, previous_sha256) = store.last_document().await?;
        let head = Head {
            tenant: store.tenant().to_owned(),
            number: last + 1,
            id: invoice_id(store.tenant(), self.contract, snapshot.period, self.revision),
            revision: self.revision,
            issued: self.now,
            contract: self.contract.to_owned(),
            contract_version: self.version,
            contract_sha256: self.sha256.to_owned(),
            previous_sha256,
        };
        let (snapshot, result) = (Box::new(snapshot), Box::new(result));
        Ok(Document {
            version: DOCUMENT_VERSION,
            head,
            matter: Matter::Invoice { follows, replaces, snapshot, result },
        })
    }
}

/// What the next invoice of the contract begins with.
pub fn left_behind(document: &Document) -> Previous {
    match &document.matter {
        Matter::Invoice { snapshot, result, .. } => snapshot.left_behind(result),
        Matter::CreditNote { .. } => Previous::default(),
    }
}

/// The document with a number.
///
/// # Errors
/// [`IssueError::Unknown`], when there is none.
pub async fn document(store: &TenantStore, number: u64) -> Result<Document, IssueError> {
    let unknown = || IssueError::Unknown { tenant: store.tenant().to_owned(), number };
    let row = store.document(number).await?.ok_or_else(unknown)?;
    Ok(Document::parse(row.document.as_bytes())?)
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Replay {
    pub number: u64,
    /// Priced again from its snapshot: where the bytes part; `None` = identical.
    pub from_snapshot: Option<usize>,
    /// Measured again from the readings in ClickHouse, as they were known then; `None` in it = identical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_readings: Option<Option<usize>>,
}

impl Replay {
    pub fn is_identical(&self) -> bool {
        self.from_snapshot.is_none() && self.from_readings.flatten().is_none()
    }
}

/// Makes a document again, from its snapshot and, if asked, from the readings.
///
/// # Errors
/// [`IssueError`], when there is no such document or it cannot be made.
pub async fn replay(store: &TenantStore, number: u64, readings: bool) -> Result<Replay, IssueError> {
    let unknown = || IssueError::Unknown { tenant: store.tenant().to_owned(), number };
    let issued = store.document(number).await?.ok_or_else(unknown)?.document.into_bytes();
    let document = Document::parse(&issued)?;
    let from_snapshot = first_difference(&issued, &document.replayed()?.bytes()?);
    let mut from_readings = None;
    if let (true, Matter::Invoice { follows, replaces, snapshot, .. }) = (readings, &document.matter) {
        let (_, file) = contract::version(store, &document.head.contract, Some(document.head.contract_version)).await?;
        let previous = snapshot.previous.clone();
        // Issued from what was proved, replayed from everything: each replay holds the one against the other.
        let asked = Asked { period: snapshot.period, as_of: snapshot.as_of, reads: Reads::Every };
        let again = measure_contract(store, &file, asked, previous).await?;
        let result = Box::new(Invoice { meters: Vec::new(), ..again.price()? });
        let (follows, replaces, snapshot) = (follows.clone(), replaces.clone(), Box::new(again));
        let matter = Matter::Invoice { follows, replaces, snapshot, result };
        from_readings = Some(first_difference(&issued, &Document { matter, ..document.clone() }.bytes()?));
    }
    Ok(Replay { number, from_snapshot, from_readings })
}

/// The invoice as it would be billed with what is known at `as_of`, beside the issued one.
///
/// # Errors
/// [`IssueError`], when there is no such invoice.
pub async fn again(
    store: &TenantStore,
    number: u64,
    as_of: Instant,
) -> Result<(Document, Snapshot, Invoice), IssueError> {
    let document = document(store, number).await?;
    let Matter::Invoice { snapshot, .. } = &document.matter else {
        return Err(PlanError::NotAnInvoice(number).into());
    };
    let (_, file) = contract::version(store, &document.head.contract, Some(document.head.contract_version)).await?;
    let asked = Asked { period: snapshot.period, as_of, reads: Reads::Auto };
    let again = measure_contract(store, &file, asked, snapshot.previous.clone()).await?;
    let invoice = again.price()?;
    Ok((document, again, invoice))
}

/// Checks every document of the tenant; how many hold.
///
/// # Errors
/// [`IssueError::Broken`], naming the first that does not.
pub async fn verify(store: &TenantStore) -> Result<Chain, IssueError> {
    let mut chain = Chain::default();
    let mut rows = store.documents()?;
    while let Some(row) = rows.next().await? {
        chain.add(&kept(row))?;
    }
    Ok(chain)
}
