//! Row structs of the tables that billing writes; field order = column order. DateTime columns are Unix seconds, Date32
//! columns days since 1970-01-01, money is decimal text.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// `contracts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct ContractRow {
    pub tenant: String,
    pub contract: String,
    pub version: u32,
    pub applied: u32,
    pub sha256: String,
    pub text: String,
}

/// `manual_reads`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct ManualReadRow {
    pub tenant: String,
    pub device: String,
    pub meter: String,
    pub ts: u32,
    pub value: i64,
    pub received: u32,
    pub sent: Option<u32>,
    pub source: String,
    pub note: String,
}

/// `meter_exchanges`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct MeterExchangeRow {
    pub tenant: String,
    pub device: String,
    pub meter: String,
    pub ts: u32,
    pub old_value: i64,
    pub new_value: i64,
    pub received: u32,
    pub source: String,
    pub note: String,
}

/// `invoices`: the header that makes a document valid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct InvoiceRow {
    pub tenant: String,
    pub number: u64,
    pub invoice: String,
    pub kind: String,
    pub contract: String,
    pub contract_version: u32,
    pub period_start: i32,
    pub period_end: i32,
    pub revision: u32,
    pub as_of: u32,
    pub issued: u32,
    pub currency: String,
    pub total: String,
    pub lines: u32,
    pub sha256: String,
    pub previous_sha256: String,
    pub document: String,
}

/// `invoice_lines`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct InvoiceLineRow {
    pub tenant: String,
    pub invoice: String,
    pub sha256: String,
    pub line: u32,
    pub kind: String,
    pub charge: String,
    pub device: String,
    pub quantity: i64,
    pub price: String,
    pub price_per: i64,
    pub amount: String,
}

/// `invoice_reads`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct InvoiceReadRow {
    pub tenant: String,
    pub invoice: String,
    pub sha256: String,
    pub device: String,
    pub meter: String,
    pub pages: i64,
    pub opening: Option<i64>,
    pub opening_method: String,
    pub closing: Option<i64>,
    pub closing_method: String,
    pub closing_lo: Option<i64>,
    pub closing_hi: Option<i64>,
}

/// `invoice_holds`; `ts` in Unix milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct HoldRow {
    pub tenant: String,
    pub contract: String,
    pub ts: i64,
    pub held: u8,
    pub reason: String,
}
