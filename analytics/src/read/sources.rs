//! Questions about where readings came from: plans and payloads.

use clickhouse::Row;
use serde::Deserialize;

use super::{ReadError, TenantStore};
use crate::limits::LIST_ROWS_MAX;

/// What a plan says of its values; the lists belong together.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct PlanRow {
    pub hash: String,
    pub names: Vec<String>,
    pub oids: Vec<String>,
    pub rules: Vec<String>,
}

/// A payload as ingest took it.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct PayloadRow {
    pub payload: String,
    pub cn: String,
    pub epoch: u64,
    pub seq: u64,
    pub status: u8,
    pub received: u32,
    pub bytes: u32,
    pub records: u32,
}

impl TenantStore {
    /// # Errors
    /// [`ReadError`].
    pub async fn plan_items(&self, plans: &[&str]) -> Result<Vec<PlanRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/plan_items.sql")).param("plans", plans);
        self.list("plans", query.param("rows_max", LIST_ROWS_MAX)).await
    }

    /// # Errors
    /// [`ReadError`].
    pub async fn payloads(&self, agents: &[&str], payloads: &[&str]) -> Result<Vec<PayloadRow>, ReadError> {
        let query =
            self.ask(include_str!("../../sql/payloads.sql")).param("agents", agents).param("payloads", payloads);
        self.list("payloads", query.param("rows_max", LIST_ROWS_MAX)).await
    }
}
