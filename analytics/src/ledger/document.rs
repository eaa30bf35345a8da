//! An issued document as canonical JSON: what it says, what it was priced from, and the hash of the one before it.
//!
//! Promise: [`Document::bytes`] of a document that was read back are the bytes that were written, and pricing its snapshot
//! again gives its result.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::billing::calendar::{Instant, Period};
use crate::billing::correct::CreditNote;
use crate::billing::{BillError, Invoice, Line};
use crate::snapshot::Snapshot;

/// Version of the JSON shape below.
pub const DOCUMENT_VERSION: u32 = 1;

/// The name space of document ids (UUIDv5).
const NAMESPACE: Uuid = Uuid::from_u128(0x5f1a_6c0e_93d4_5b27_8c41_70de_19a2_44b6);

/// One issued document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    pub version: u32,
    pub head: Head,
    pub matter: Matter,
}

/// Who, when and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub tenant: String,
    /// From 1 without gaps, in one series for each tenant.
    pub number: u64,
    pub id: Uuid,
    /// 0 = the first for this contract and period.
    pub revision: u32,
    pub issued: Instant,
    pub contract: String,
    pub contract_version: u32,
    /// SHA-256 of the contract's text, hexadecimal.
    pub contract_sha256: String,
    /// SHA-256 of the document with the number before, hexadecimal; empty for the first.
    pub previous_sha256: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Matter {
    Invoice {
        /// The invoice whose closing values open this one.
        follows: Option<Reference>,
        /// The credit note that this replaces a credited invoice after.
        replaces: Option<Reference>,
        snapshot: Box<Snapshot>,
        result: Box<Invoice>,
    },
    CreditNote {
        credits: Reference,
        period: Period,
        as_of: Instant,
        currency: String,
        /// What the credited invoice says.
        credited: Box<Invoice>,
        result: CreditNote,
    },
}

/// Another document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub number: u64,
    pub id: Uuid,
    pub sha256: String,
}

/// A document whose bytes do not say what they should.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("it is no document of this program: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("it has version {0}, this program knows {DOCUMENT_VERSION}; use a newer one")]
    Version(u32),
    #[error("its snapshot cannot be priced any more: {0}")]
    Price(#[from] BillError),
}

/// Two documents are the same when their bytes are.
impl PartialEq for Document {
    fn eq(&self, other: &Document) -> bool {
        matches!((self.bytes(), other.bytes()), (Ok(one), Ok(two)) if one == two)
    }
}

impl Document {
    /// # Errors
    /// When the bytes are no document, or one of a newer version.
    pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != DOCUMENT_VERSION {
            return Err(DocumentError::Version(version));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The canonical form: fields in their order, maps by key, money as text, no blanks.
    ///
    /// # Errors
    /// Never for a document that was made by this program; the type of `serde_json` allows for it.
    pub fn bytes(&self) -> Result<Vec<u8>, DocumentError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Prices the snapshot again.
    ///
    /// # Errors
    /// [`DocumentError::Price`], when the snapshot cannot be priced.
    pub fn replayed(&self) -> Result<Document, DocumentError> {
        let mut again = self.clone();
        match &mut again.matter {
            Matter::Invoice { snapshot, result, .. } => **result = Invoice { meters: Vec::new(), ..snapshot.price()? },
            Matter::CreditNote { credited, result, .. } => *result = CreditNote::of(credited),
        }
        Ok(again)
    }

    pub fn kind(&self) -> &'static str {
        match self.matter {
            Matter::Invoice { .. } => "invoice",
            Matter::CreditNote { .. } => "credit-note",
        }
    }

    pub fn lines(&self) -> &[Line] {
        match &self.matter {
            Matter::Invoice { result, .. } => &result.lines,
            Matter::CreditNote { result, .. } => &result.lines,
        }
    }

    pub fn total(&self) -> rust_decimal::Decimal {
        match &self.matter {
            Matter::Invoice { result, .. } => result.total,
            Matter::CreditNote { result, .. } => result.total,
        }
    }

    pub fn period(&self) -> Period {
        match &self.matter {
            Matter::Invoice { snapshot, .. } => snapshot.period,
            Matter::CreditNote { period, .. } => *period,
        }
    }

    pub fn as_of(&self) -> Instant {
        match &self.matter {
            Matter::Invoice { snapshot, .. } => snapshot.as_of,
            Matter::CreditNote { as_of, .. } => *as_of,
        }
    }

    pub fn currency(&self) -> &str {
        match &self.matter {
            Matter::Invoice { snapshot, .. } => &snapshot.contract.currency,
            Matter::CreditNote { currency, .. } => currency,
        }
    }

    /// The other documents that this one names.
    pub fn names(&self) -> Vec<&Reference> {
        match &self.matter {
            Matter::Invoice { follows, replaces, .. } => follows.iter().chain(replaces).collect(),
            Matter::CreditNote { credits, .. } => vec![credits],
        }
    }

    /// # Errors
    /// As [`Document::bytes`].
    pub fn reference(&self) -> Result<Reference, DocumentError> {
        Ok(Reference { number: self.head.number, id: self.head.id, sha256: sha256(&self.bytes()?) })
    }
}

/// Hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The id of an invoice: the same contract, period and revision give the same id, however often a run is repeated.
pub fn invoice_id(tenant: &str, contract: &str, period: Period, revision: u32) -> Uuid {
    let name = format!("invoice\0{tenant}\0{contract}\0{}\0{}\0{revision}", period.start, period.end);
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// The id of the credit note for an invoice.
pub fn credit_note_id(invoice: Uuid) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("credit-note\0{invoice}").as_bytes())
}

#[cfg(test)]
mod tests;
