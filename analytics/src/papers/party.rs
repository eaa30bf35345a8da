//! Who sells, who buys, and which tax: what no contract says and every paper needs. Section `[papers]` of the configuration.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Language;

/// Section `[papers]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Papers {
    pub language: Language,
    /// Stands before the number of each document: `2026-` makes `2026-17`.
    pub number_prefix: String,
    /// Days from the issue of an invoice to its due date.
    pub due_days: u16,
    pub seller: Option<Party>,
    pub tax: Option<Tax>,
    /// By contract, else by tenant.
    pub buyers: BTreeMap<String, Party>,
    /// Maps of due meters by name, beside those that are built in.
    pub meter_maps: BTreeMap<String, Vec<Column>>,
}

/// A seller or a buyer (EN 16931 BG-4, BG-7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Party {
    pub name: String,
    pub street: String,
    pub postcode: String,
    pub city: String,
    /// ISO 3166-1, two letters.
    pub country: String,
    /// With the country before it, like `DE123456789`.
    pub vat_id: String,
    /// Number in a register of companies.
    pub company_id: String,
    /// Electronic address and its scheme (EAS), like `9930` with a German VAT id.
    pub endpoint: String,
    pub endpoint_scheme: String,
    /// Of a buyer: what the seller must quote (BT-10).
    pub reference: String,
    /// Of a seller: where to pay.
    pub iban: String,
    pub email: String,
}

/// The one tax of all lines (BG-23).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Tax {
    /// UNCL 5305: `S` standard, `Z` zero, `E` exempt, `AE` reverse charge, `K` intra-community, `G` export, `O` none.
    pub category: String,
    /// As text; 0 for all but `S`.
    #[serde(default, with = "crate::billing::line::money")]
    pub percent: Decimal,
    /// Why there is none; needed for `E`, `AE`, `K`, `G` and `O`.
    #[serde(default)]
    pub reason: String,
}

/// A column of an export of due meters: what its head says, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Column {
    pub head: String,
    pub holds: super::meters::Field,
}

impl Default for Papers {
    fn default() -> Papers {
        Papers {
            language: Language::En,
            number_prefix: String::new(),
            due_days: 14,
            seller: None,
            tax: None,
            buyers: BTreeMap::new(),
            meter_maps: BTreeMap::new(),
        }
    }
}

impl Papers {
    /// # Errors
    /// What is wrong, with the key.
    pub fn check(&self) -> Result<(), String> {
        let buyers = self.buyers.iter().map(|(name, party)| (format!("papers.buyers.{name}"), party));
        for (at, party) in self.seller.iter().map(|seller| ("papers.seller".to_owned(), seller)).chain(buyers) {
            party.check().map_err(|problem| format!("{at}{problem}"))?;
        }
        self.tax.as_ref().map_or(Ok(()), Tax::check)
    }
}

impl Party {
    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err(".name is empty; every paper names it".to_owned());
        }
        let two_letters = self.country.len() == 2 && self.country.bytes().all(|byte| byte.is_ascii_uppercase());
        if !two_letters {
            return Err(format!(".country is {:?}; write two letters like DE (ISO 3166-1)", self.country));
        }
        let prefix = self.vat_id.get(..2).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_uppercase()));
        if !self.vat_id.is_empty() && !prefix {
            return Err(format!(".vat_id is {:?}; it begins with the letters of its country (BR-CO-9)", self.vat_id));
        }
        if self.endpoint.is_empty() == self.endpoint_scheme.is_empty() {
            return Ok(());
        }
        Err(".endpoint and .endpoint_scheme belong together; write both or none".to_owned())
    }
}

impl Tax {
    fn check(&self) -> Result<(), String> {
        let percent = self.percent;
        match self.category.as_str() {
            "S" if percent > Decimal::ZERO && percent <= Decimal::ONE_HUNDRED => Ok(()),
            "S" => Err(format!("papers.tax.percent is {percent}; with category S it is above 0 and at most 100")),
            "Z" | "E" | "AE" | "K" | "G" | "O" if !percent.is_zero() => {
                Err(format!("papers.tax.percent is {percent}; only category S has a rate"))
            }
            "E" | "AE" | "K" | "G" | "O" if self.reason.is_empty() => {
                Err(format!("papers.tax.reason is empty; category {} needs it (BR-{0}-10)", self.category))
            }
            "Z" | "E" | "AE" | "K" | "G" | "O" => Ok(()),
            other => Err(format!("papers.tax.category is {other:?}; known are S, Z, E, AE, K, G, O")),
        }
    }
}
