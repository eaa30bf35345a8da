//! Questions for supplies: what they are, and their levels day by day.

use clickhouse::Row;
use serde::Deserialize;

use super::{ReadError, Rows, TenantStore, Which, in_order};
use crate::limits::LIST_ROWS_MAX;

/// A supply as `supply_last` knows it; 0 and empty = never read.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct SupplyRow {
    pub device: String,
    pub slot: String,
    pub class: i64,
    pub kind: i64,
    pub color: String,
    pub description: String,
    /// What the maker calls it in orders, where the device tells.
    pub part: String,
}

/// Polls of a device as (ts, version, life counter), in any order; -9 = not read. Of a day the greatest is the last.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct PageDaysRow {
    pub device: String,
    pub polls: Vec<(u32, u32, i64)>,
}

/// Levels of a supply with the meters of the same poll, element by element, in any order; -9 = not read. Of a day the greatest
/// moment is the last.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct SupplyDaysRow {
    pub device: String,
    pub slot: String,
    /// Unix second in the upper half, version of the poll in the lower one.
    pub moment: Vec<u64>,
    pub level: Vec<i64>,
    /// One element, if it never changed.
    pub max: Vec<i64>,
    pub total: Vec<i64>,
    pub color_pages: Vec<i64>,
    /// A number that two serials share once in four thousand million times; 0 for none. One element, if it never changed.
    pub serial: Vec<u32>,
}

impl TenantStore {
    pub async fn supplies(&self) -> Result<Vec<SupplyRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/supplies.sql")).param("rows_max", LIST_ROWS_MAX);
        self.list("supplies", query).await
    }

    /// Levels of all supplies of some devices over some days (Unix seconds), one row a supply, in any order.
    pub fn supply_days(&self, which: Which<'_>, from: u32, to: u32) -> Result<Rows<SupplyDaysRow>, ReadError> {
        let query = self.ask_about(include_str!("../../sql/supply_days.sql"), which);
        self.rows("levels of supplies", in_order(query).param("from", from).param("to", to))
    }

    /// Life counters of some devices over some days (Unix seconds), by device.
    pub fn page_days(&self, which: Which<'_>, from: u32, to: u32) -> Result<Rows<PageDaysRow>, ReadError> {
        let query = self.ask_about(include_str!("../../sql/page_days.sql"), which);
        self.rows("pages of devices", in_order(query).param("from", from).param("to", to))
    }
}
