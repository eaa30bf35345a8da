//! Row structs of the tables that forecasts and orders of supplies write; field order = column order. DateTime columns are
//! Unix seconds, DateTime64 Unix milliseconds, Date days since 1970-01-01.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// `forecasts`; days from `as_of`, `None` = nothing could be said.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize, Deserialize)]
pub struct ForecastRow {
    pub tenant: String,
    pub device: String,
    pub slot: String,
    pub as_of: u32,
    pub supply: String,
    pub model: String,
    pub site: String,
    pub constants: u32,
    pub p10: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub expected_error: Option<f64>,
    pub level: Option<f64>,
    pub reason: String,
}

/// `supply_orders`: one change of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SupplyOrderRow {
    pub tenant: String,
    pub order_id: String,
    pub device: String,
    pub slot: String,
    pub ts: i64,
    pub state: String,
    pub supply: String,
    pub site: String,
    pub ship_by: u16,
    pub source: String,
    pub note: String,
}

/// `supply_stock`: one count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SupplyStockRow {
    pub tenant: String,
    pub site: String,
    pub model: String,
    pub supply: String,
    pub ts: i64,
    pub count: u32,
    pub source: String,
    pub note: String,
}
