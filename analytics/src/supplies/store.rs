//! Where forecasts, orders and counts of stock are kept: the tables of `0013_forecasts.sql`. Promise: rows are only added.

use schemas::store::supplies::{ForecastRow, SupplyOrderRow, SupplyStockRow};

use crate::ledger::store::WriteError;
use crate::limits::LIST_ROWS_MAX;
use crate::read::{ReadError, TenantStore};

impl TenantStore {
    /// Forecasts of these devices that were given in a span (Unix seconds), by device, slot and moment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn forecasts(&self, devices: &[&str], from: u32, to: u32) -> Result<Vec<ForecastRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/forecasts.sql")).param("devices", devices);
        self.list("forecasts", query.param("from", from).param("to", to).param("rows_max", LIST_ROWS_MAX)).await
    }

    /// Every change of every order, by order and time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn supply_orders(&self) -> Result<Vec<SupplyOrderRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/supply_orders.sql")).param("rows_max", LIST_ROWS_MAX);
        self.list("orders of supplies", query).await
    }

    /// The last count of every kind of cartridge at every site.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn supply_stock(&self) -> Result<Vec<SupplyStockRow>, ReadError> {
        let query = self.ask(include_str!("../../sql/supply_stock.sql")).param("rows_max", LIST_ROWS_MAX);
        self.list("counts of stock", query).await
    }

    /// # Errors
    /// [`WriteError::Insert`].
    pub async fn add_forecasts(&self, rows: &[ForecastRow]) -> Result<(), WriteError> {
        self.insert("forecasts", "forecasts", rows).await
    }

    /// # Errors
    /// [`WriteError::Insert`].
    pub async fn add_supply_orders(&self, rows: &[SupplyOrderRow]) -> Result<(), WriteError> {
        self.insert("supply_orders", "orders of supplies", rows).await
    }

    /// # Errors
    /// [`WriteError::Insert`].
    pub async fn add_supply_stock(&self, rows: &[SupplyStockRow]) -> Result<(), WriteError> {
        self.insert("supply_stock", "counts of stock", rows).await
    }
}
