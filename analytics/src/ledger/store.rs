//! Where contracts and issued documents are kept: the tables of `0010_contracts.sql` and `0011_invoices.sql`.
//!
//! Promise: rows are only added. A document's lines and reads are written before its header, and the header makes it valid.

use clickhouse::{RowOwned, RowWrite};
use schemas::store::billing::{
    ContractRow, HoldRow, InvoiceLineRow, InvoiceReadRow, InvoiceRow, ManualReadRow, MeterExchangeRow,
};

use super::chain::Kept;
use super::document::{Document, DocumentError, Matter, sha256};
use crate::billing::Line;
use crate::command::stored_second;
use crate::limits::LIST_ROWS_MAX;
use crate::read::{ReadError, Rows, TenantStore};
use crate::statement::Side;

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("write {what} to ClickHouse; nothing is valid before its last row, so run the command again")]
    Insert { what: &'static str, source: clickhouse::error::Error },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl TenantStore {
    /// All versions of all contracts, or of one, by contract and version.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn contracts(&self, contract: Option<&str>) -> Result<Vec<ContractRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/contracts.sql")).param("contract", contract.unwrap_or_default());
        self.list("contracts", query.param("rows_max", LIST_ROWS_MAX)).await
    }

    /// Headers of all documents with their bytes, by number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn documents(&self) -> Result<Rows<InvoiceRow>, ReadError> {
        self.rows("documents", self.ask(include_str!("../../sql/documents.sql")))
    }

    /// The documents of one contract, by number.
    ///
    /// # Errors
    /// [`WriteError`], when ClickHouse does not answer or a document cannot be read.
    pub async fn documents_of(&self, contract: &str) -> Result<Vec<Document>, WriteError> {
        let query = self.ask(include_str!("../../sql/documents_of.sql")).param("contract", contract);
        let rows: Vec<InvoiceRow> = self.list("documents", query.param("rows_max", LIST_ROWS_MAX)).await?;
        Ok(rows.iter().map(|row| Document::parse(row.document.as_bytes())).collect::<Result<_, _>>()?)
    }

    /// The document with a number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn document(&self, number: u64) -> Result<Option<InvoiceRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/document.sql")).param("number", number);
        Ok(self.list("documents", query).await?.pop())
    }

    /// Number and hash of the last document; `(0, "")` before the first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn last_document(&self) -> Result<(u64, String), ReadError> {
        let query = self.ask(include_str!("../../sql/last_document.sql"));
        let last: Option<InvoiceRow> = self.list("documents", query).await?.pop();
        Ok(last.map_or((0, String::new()), |row| (row.number, row.sha256)))
    }

    /// Contracts that are held now, with the reason.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn holds(&self) -> Result<Vec<HoldRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/holds.sql")).param("rows_max", LIST_ROWS_MAX);
        let last: Vec<HoldRow> = self.list("holds", query).await?;
        Ok(last.into_iter().filter(|row| row.held == 1).collect())
    }

    /// # Errors
    /// [`WriteError::Insert`].
    pub async fn add_contract(&self, row: ContractRow) -> Result<(), WriteError> {
        self.insert("contracts", "a contract", &[row]).await
    }

    /// # Errors
    /// [`WriteError::Insert`].
    pub async fn add_hold(&self, row: HoldRow) -> Result<(), WriteError> {
        self.insert("invoice_holds", "a hold", &[row]).await
    }

    /// # Errors
    /// [`WriteError::Insert`].
    pub async fn add_manual_reads(&self, rows: &[ManualReadRow]) -> Result<(), WriteError> {
        self.insert("manual_reads", "manual reads", rows).await
    }

    /// # Errors
    /// [`WriteError::Insert`].
    pub async fn add_meter_exchanges(&self, rows: &[MeterExchangeRow]) -> Result<(), WriteError> {
        self.insert("meter_exchanges", "meter exchanges", rows).await
    }

    /// Lines and reads first, the header last.
    ///
    /// # Errors
    /// [`WriteError`]; the document is not valid then, and issuing it again writes the same rows.
    pub async fn add_document(&self, document: &Document) -> Result<Kept, WriteError> {
        let bytes = document.bytes()?;
        let header = header_of(document, &bytes);
        self.insert("invoice_lines", "the lines of a document", &lines_of(document, &header.sha256)).await?;
        self.insert("invoice_reads", "the reads of a document", &reads_of(document, &header.sha256)).await?;
        self.insert("invoices", "the header of a document", std::slice::from_ref(&header)).await?;
        Ok(kept(header))
    }

    /// One insert is one block: stored whole or not at all.
    pub(crate) async fn insert<T: RowOwned + RowWrite>(
        &self,
        table: &str,
        what: &'static str,
        rows: &[T],
    ) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        let failed = |source| WriteError::Insert { what, source };
        let client = self.client().clone().with_setting("async_insert", "0");
        let mut insert = client.insert::<T>(table).await.map_err(failed)?;
        for row in rows {
            insert.write(row).await.map_err(failed)?;
        }
        insert.end().await.map_err(failed)
    }
}

/// A header as the chain wants it.
pub fn kept(row: InvoiceRow) -> Kept {
    let InvoiceRow { number, sha256, previous_sha256, document, .. } = row;
    Kept { number, sha256, previous_sha256, bytes: document.into_bytes() }
}

fn header_of(document: &Document, bytes: &[u8]) -> InvoiceRow {
    let (head, period) = (&document.head, document.period());
    InvoiceRow {
        tenant: head.tenant.clone(),
        number: head.number,
        invoice: head.id.to_string(),
        kind: document.kind().to_owned(),
        contract: head.contract.clone(),
        contract_version: head.contract_version,
        period_start: period.start.days_since_1970(),
        period_end: period.end.days_since_1970(),
        revision: head.revision,
        as_of: stored_second(document.as_of().0),
        issued: stored_second(head.issued.0),
        currency: document.currency().to_owned(),
        total: document.total().to_string(),
        lines: u32::try_from(document.lines().len()).unwrap_or(u32::MAX),
        sha256: sha256(bytes),
        previous_sha256: head.previous_sha256.clone(),
        document: String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn lines_of(document: &Document, sha256: &str) -> Vec<InvoiceLineRow> {
    let head = &document.head;
    let lines = document.lines().iter().zip(1u32..).map(|(line, number)| {
        let row = InvoiceLineRow {
            tenant: head.tenant.clone(),
            invoice: head.id.to_string(),
            sha256: sha256.to_owned(),
            line: number,
            amount: line.amount().to_string(),
            ..InvoiceLineRow::default()
        };
        let of = |device: &Option<String>| device.clone().unwrap_or_default();
        match line {
            Line::Base { device, days, of_days, .. } => {
                let (kind, device) = ("base".to_owned(), of(device));
                InvoiceLineRow { kind, device, quantity: *days, price_per: *of_days, ..row }
            }
            Line::Usage { charge, device, qty, price, price_per, .. } => InvoiceLineRow {
                kind: "usage".to_owned(),
                charge: charge.clone(),
                device: of(device),
                quantity: *qty,
                price: price.clone(),
                price_per: *price_per,
                ..row
            },
            Line::MinimumTopup { .. } => InvoiceLineRow { kind: "minimum_topup".to_owned(), ..row },
        }
    });
    lines.collect()
}

fn reads_of(document: &Document, sha256: &str) -> Vec<InvoiceReadRow> {
    let Matter::Invoice { snapshot, .. } = &document.matter else { return Vec::new() };
    let head = &document.head;
    let method = |side: &Option<Side>| side.as_ref().map(|side| side.method.to_string()).unwrap_or_default();
    let rows = snapshot.reads.iter().map(|used| InvoiceReadRow {
        tenant: head.tenant.clone(),
        invoice: head.id.to_string(),
        sha256: sha256.to_owned(),
        device: used.device.clone(),
        meter: used.meter.clone(),
        pages: used.pages,
        opening: used.opening.as_ref().map(|side| side.value),
        opening_method: method(&used.opening),
        closing: used.closing.as_ref().map(|side| side.value),
        closing_method: method(&used.closing),
        closing_lo: used.closing.as_ref().map(|side| side.lo),
        closing_hi: used.closing.as_ref().map(|side| side.hi),
    });
    rows.collect()
}
