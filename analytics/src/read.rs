//! The only ClickHouse client of this part: one method per question, one file in `sql/` per method.
//!
//! Promise: every answer but the list of tenants is about one tenant. The predicate for it is written in one place
//! (`TenantStore::ask`), and its value travels as a bound parameter, never inside the text.

pub mod facts;
pub mod levels;
pub mod question;
pub mod sources;

use clickhouse::query::{Query, RowCursor};
use clickhouse::{Client, Row, RowOwned, RowRead};
use schemas::meter::CANONICAL;
use schemas::store::billing::{ManualReadRow, MeterExchangeRow};
use serde::Deserialize;

use self::question::filled;
use crate::config::ClickHouseConfig;
use crate::limits::{ANSWER_TIMEOUT, LIST_ROWS_MAX};

/// What stands in a question where the tenant is meant.
const TENANT_MARK: &str = "$TENANT";
const TENANT_PREDICATE: &str = "tenant = {tenant:String}";
/// What stands in a question where its devices are meant.
const DEVICES_MARK: &str = "$DEVICES";
const ALL_DEVICES: &str = "1";
const THESE_DEVICES: &str = "device IN {devices:Array(String)}";
const BETWEEN_DEVICES: &str = "device >= {first:String} AND device <= {last:String}";

/// ClickHouse as this part knows it.
#[derive(Clone)]
pub struct Store {
    client: Client,
    url: String,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("url", &self.url).finish_non_exhaustive()
    }
}

/// ClickHouse as one tenant may see it.
#[derive(Debug, Clone)]
pub struct TenantStore {
    store: Store,
    tenant: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("ask ClickHouse at {url} for {question}")]
    Ask { url: String, question: &'static str, source: clickhouse::error::Error },
    #[error("ClickHouse at {url} took more than {} s for a part of {question}; is it overloaded?", ANSWER_TIMEOUT.as_secs())]
    Slow { url: String, question: &'static str },
    #[error("more than {LIST_ROWS_MAX} {question}; this is beyond what one run handles")]
    TooMany { question: &'static str },
    #[error("{0:?} is not a tenant: 1 to 31 characters a-z 0-9")]
    NotATenant(String),
}

/// A device as `device_last` knows it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct DeviceRow {
    pub device: String,
    pub first_seen: u32,
    /// 0 = never answered with values.
    pub last_ok: u32,
    /// What its key rests on: 0 serial, 1 MAC, 2 nothing.
    pub basis: i64,
    pub model: String,
    pub site: String,
}

/// From `from_ts` on, readings of `device` belong to `alias_of`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct AliasRow {
    pub device: String,
    pub alias_of: String,
    pub from_ts: u32,
}

/// The meters of one poll, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct PollMeters {
    pub device: String,
    pub ts: u32,
    pub cn: String,
    pub received: u32,
    pub epoch: u64,
    pub seq: u64,
    /// Id of the payload that brought it, 32 hexadecimal digits.
    pub payload: String,
    /// Hash of the plan that says which OID each value was read from.
    pub plan: String,
    /// In the order of [`CANONICAL`].
    pub canonical: Vec<Option<i64>>,
    pub extra: Vec<(String, i64)>,
}

/// Every value that a poll brought, canonical meters first.
pub fn values<'a>(
    canonical: &'a [Option<i64>],
    extra: &'a [(String, i64)],
) -> impl Iterator<Item = (&'a str, i64)> + use<'a> {
    let canonical = CANONICAL.into_iter().zip(canonical).filter_map(|(meter, value)| Some((meter, (*value)?)));
    canonical.chain(extra.iter().map(|(meter, value)| (meter.as_str(), *value)))
}

/// A poll with what an export says about its device.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ExportRow {
    pub device: String,
    pub ts: u32,
    pub cn: String,
    pub received: u32,
    pub epoch: u64,
    pub seq: u64,
    pub site: String,
    pub zone: String,
    pub clock: u8,
    pub maker: String,
    pub model: String,
    pub serial: String,
    pub canonical: Vec<Option<i64>>,
    pub extra: Vec<(String, i64)>,
}

/// Polls of a device whose time is not sure.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct UnsureRow {
    pub device: String,
    pub polls: u64,
}

/// Which devices a question is about. A table is read in blocks that hold neighbouring keys, so that a span costs what its
/// devices cost, and devices from everywhere cost several times as much.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    All,
    These(&'a [&'a str]),
    /// Both ends belong to it.
    Between {
        first: &'a str,
        last: &'a str,
    },
}

#[derive(Debug, Row, Deserialize)]
struct Name {
    tenant: String,
}

#[derive(Debug, Row, Deserialize)]
struct MeterName {
    meter: String,
}

impl Store {
    pub fn new(config: &ClickHouseConfig) -> Store {
        let client = Client::default()
            .with_url(&config.url)
            .with_user(&config.user)
            .with_password(config.password.expose())
            .with_database(&config.database);
        Store { client, url: config.url.clone() }
    }

    /// The tenants that have devices.
    pub async fn tenants(&self) -> Result<Vec<String>, ReadError> {
        let question = "tenants";
        let query = self.client.query(include_str!("../sql/tenants.sql")).param("rows_max", LIST_ROWS_MAX);
        let names: Vec<Name> = self.list(question, query).await?;
        Ok(names.into_iter().map(|name| name.tenant).collect())
    }

    /// The same store for one tenant.
    pub fn tenant(&self, tenant: &str) -> Result<TenantStore, ReadError> {
        let valid = (1..=31).contains(&tenant.len())
            && tenant.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !valid {
            return Err(ReadError::NotATenant(tenant.chars().take(80).collect()));
        }
        Ok(TenantStore { store: self.clone(), tenant: tenant.to_owned() })
    }

    async fn list<T: RowOwned + RowRead>(&self, question: &'static str, query: Query) -> Result<Vec<T>, ReadError> {
        let list = self.rows::<T>(question, query)?.rest().await?;
        if u64::try_from(list.len()).is_ok_and(|rows| rows < LIST_ROWS_MAX) {
            return Ok(list);
        }
        Err(ReadError::TooMany { question })
    }

    fn rows<T: RowOwned + RowRead>(&self, question: &'static str, query: Query) -> Result<Rows<T>, ReadError> {
        let url = self.url.clone();
        match query.fetch::<T>() {
            Ok(cursor) => Ok(Rows { cursor, question, url }),
            Err(source) => Err(ReadError::Ask { url, question, source }),
        }
    }
}

impl TenantStore {
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    pub async fn devices(&self) -> Result<Vec<DeviceRow>, ReadError> {
        let query = self.ask(include_str!("../sql/devices.sql")).param("rows_max", LIST_ROWS_MAX);
        self.store.list("devices", query).await
    }

    pub async fn aliases(&self) -> Result<Vec<AliasRow>, ReadError> {
        let query = self.ask(include_str!("../sql/aliases.sql")).param("rows_max", LIST_ROWS_MAX);
        self.store.list("device aliases", query).await
    }

    /// Meters that are in use beside the canonical ones.
    pub async fn extra_meters(&self) -> Result<Vec<String>, ReadError> {
        let query = self.ask(include_str!("../sql/extra_meters.sql")).param("rows_max", LIST_ROWS_MAX);
        let names: Vec<MeterName> = self.store.list("meters", query).await?;
        Ok(names.into_iter().map(|name| name.meter).collect())
    }

    /// Reads of these devices that no agent took and that were known at `as_of` (Unix seconds).
    pub async fn manual_reads(&self, devices: &[&str], as_of: u32) -> Result<Vec<ManualReadRow>, ReadError> {
        let query = self.ask(include_str!("../sql/manual_reads.sql")).param("devices", devices).param("as_of", as_of);
        self.store.list("manual reads", query.param("rows_max", LIST_ROWS_MAX)).await
    }

    /// Replaced counters that were known at `as_of` (Unix seconds).
    pub async fn meter_exchanges(&self, as_of: u32) -> Result<Vec<MeterExchangeRow>, ReadError> {
        let query = self.ask(include_str!("../sql/meter_exchanges.sql")).param("as_of", as_of);
        self.store.list("meter exchanges", query.param("rows_max", LIST_ROWS_MAX)).await
    }

    /// Polls without a sure time in a span (Unix seconds).
    pub async fn unsure_polls(&self, from: u32, to: u32, as_of: u32) -> Result<Vec<UnsureRow>, ReadError> {
        let query = self.ask(include_str!("../sql/unsure_polls.sql"));
        let query = query.param("from", from).param("to", to).param("as_of", as_of).param("rows_max", LIST_ROWS_MAX);
        self.store.list("polls without a sure time", query).await
    }

    /// All polls with values in a span (Unix seconds, half-open), by day, device and time.
    pub fn reads(&self, from: u32, to: u32) -> Result<Rows<ExportRow>, ReadError> {
        let query = self.ask(include_str!("../sql/reads.sql"));
        self.store.rows("readings", query.param("from", from).param("to", to))
    }

    pub(crate) async fn list<T: RowOwned + RowRead>(
        &self,
        question: &'static str,
        query: Query,
    ) -> Result<Vec<T>, ReadError> {
        self.store.list(question, query).await
    }

    pub(crate) fn rows<T: RowOwned + RowRead>(
        &self,
        question: &'static str,
        query: Query,
    ) -> Result<Rows<T>, ReadError> {
        self.store.rows(question, query)
    }

    /// For inserts, whose rows carry the tenant.
    pub(crate) fn client(&self) -> &Client {
        &self.store.client
    }

    /// A question that says `$DEVICES` where the devices are chosen.
    pub(crate) fn ask_about(&self, sql: &str, which: Which<'_>) -> Query {
        match which {
            Which::All => self.ask(&sql.replace(DEVICES_MARK, ALL_DEVICES)),
            Which::These(devices) => self.ask(&sql.replace(DEVICES_MARK, THESE_DEVICES)).param("devices", devices),
            Which::Between { first, last } => {
                self.ask(&sql.replace(DEVICES_MARK, BETWEEN_DEVICES)).param("first", first).param("last", last)
            }
        }
    }

    /// The one place where a question is bound to its tenant.
    pub(crate) fn ask(&self, sql: &str) -> Query {
        let sql = filled(sql).replace(TENANT_MARK, TENANT_PREDICATE);
        self.store.client.query(&sql).param("tenant", &self.tenant)
    }
}

/// For groups in the order in which the table lies, where two questions are under way at once: one thread each, group after
/// group, takes a fifth to a third less of the processor than both cores at one question, and less memory.
fn in_order(query: Query) -> Query {
    query.with_setting("optimize_aggregation_in_order", "1").with_setting("max_threads", "1")
}

/// An answer that is read row by row; its size does not matter.
#[must_use]
pub struct Rows<T> {
    cursor: RowCursor<T>,
    question: &'static str,
    url: String,
}

impl<T> std::fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("question", &self.question).finish_non_exhaustive()
    }
}

impl<T: RowOwned + RowRead> Rows<T> {
    /// All that are left.
    pub async fn rest(mut self) -> Result<Vec<T>, ReadError> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await? {
            rows.push(row);
        }
        Ok(rows)
    }

    pub async fn next(&mut self) -> Result<Option<T>, ReadError> {
        let (question, url) = (self.question, || self.url.clone());
        match tokio::time::timeout(ANSWER_TIMEOUT, self.cursor.next()).await {
            Ok(Ok(row)) => Ok(row),
            Ok(Err(source)) => Err(ReadError::Ask { url: url(), question, source }),
            Err(_) => Err(ReadError::Slow { url: url(), question }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_ONE_TENANT: [&str; 29] = [
        include_str!("../sql/plan_items.sql"),
        include_str!("../sql/payloads.sql"),
        include_str!("../sql/read_meters.sql"),
        include_str!("../sql/steady_day.sql"),
        include_str!("../sql/unordered_day.sql"),
        include_str!("../sql/steady_extras.sql"),
        include_str!("../sql/boundary_polls.sql"),
        include_str!("../sql/seen_devices.sql"),
        include_str!("../sql/noted_devices.sql"),
        include_str!("../sql/devices.sql"),
        include_str!("../sql/aliases.sql"),
        include_str!("../sql/extra_meters.sql"),
        include_str!("../sql/device_polls.sql"),
        include_str!("../sql/unsure_polls.sql"),
        include_str!("../sql/supplies.sql"),
        include_str!("../sql/supply_days.sql"),
        include_str!("../sql/page_days.sql"),
        include_str!("../sql/forecasts.sql"),
        include_str!("../sql/supply_orders.sql"),
        include_str!("../sql/supply_stock.sql"),
        include_str!("../sql/reads.sql"),
        include_str!("../sql/manual_reads.sql"),
        include_str!("../sql/meter_exchanges.sql"),
        include_str!("../sql/contracts.sql"),
        include_str!("../sql/documents.sql"),
        include_str!("../sql/documents_of.sql"),
        include_str!("../sql/document.sql"),
        include_str!("../sql/last_document.sql"),
        include_str!("../sql/holds.sql"),
    ];

    #[test]
    fn every_table_of_every_question_is_bound_to_one_tenant_and_nothing_can_widen_it() {
        for sql in OF_ONE_TENANT {
            let code: String = sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
            let code = filled(&code);
            let tables = code.matches("FROM ").count();
            assert!(tables > 0 && code.matches("WHERE $TENANT").count() == tables, "{sql}");
            assert!(!code.contains(" OR ") && !code.contains('?') && !code.contains("now("), "{sql}");
        }
    }

    #[test]
    fn a_tenant_is_a_short_plain_name() {
        let store = Store::new(&ClickHouseConfig::default());
        for bad in ["", "Acme", "a.b", "a' OR 1", &"a".repeat(32)] {
            assert!(store.tenant(bad).is_err(), "{bad}");
        }
        assert!(store.tenant("acme1").is_ok());
    }
}
