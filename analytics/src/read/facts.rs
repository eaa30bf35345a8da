//! Questions about many devices at once: which meters only grew, and the polls around an instant.

use clickhouse::Row;
use clickhouse::query::Query;
use schemas::meter::CANONICAL;
use serde::Deserialize;

use super::question::for_each;
use super::{PollMeters, ReadError, Rows, TenantStore, Which, in_order};
use crate::limits::LIST_ROWS_MAX;

/// How a day says that a meter was not read.
pub const NOT_READ: i64 = -1;

/// What was read from `from` until before `to` and had arrived at `as_of`; Unix seconds. Of all devices if none are named.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    pub from: u32,
    pub to: u32,
    pub as_of: u32,
    pub devices: Option<&'a [&'a str]>,
}

impl<'a> Span<'a> {
    /// Everything of some devices from an instant on.
    pub fn since(from: u32, as_of: u32, devices: &'a [&'a str]) -> Span<'a> {
        Span { from, to: u32::MAX, as_of, devices: Some(devices) }
    }
}

/// What steady means.
#[derive(Debug, Clone, Copy)]
pub struct Steadiness<'a> {
    /// Canonical meters that are looked at.
    pub meters: &'a [&'a str],
    /// The longest step of a meter from one reading to the next.
    pub pages_max: i64,
}

/// A device in one UTC day; the lists hold one element a meter, in the order in which the meters were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct SteadyDay {
    pub device: String,
    /// 1: every meter only grew, in steps that it can print.
    pub steady: u8,
    /// 1: it has meters without a column of their own.
    pub extras: u8,
    /// Instants at which it was read.
    pub instants: u32,
    pub first_ts: u32,
    pub last_ts: u32,
    /// [`NOT_READ`] or the value; meaningful where it is steady.
    pub first: Vec<i64>,
    pub last: Vec<i64>,
}

/// The same for a meter without a column of its own.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct SteadyExtra {
    pub device: String,
    pub meter: String,
    pub steady: u8,
    pub first: i64,
    pub last: i64,
}

#[derive(Debug, Row, Deserialize)]
struct SeenMeters {
    seen: Vec<u8>,
}

#[derive(Debug, Row, Deserialize)]
struct DeviceName {
    device: String,
}

impl TenantStore {
    /// Whether canonical meters only grew in one UTC day, device by device, in no order. Not said of a device whose polls
    /// the store does not hold in order of time, each once and with the same meters.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn steady_day(&self, span: Span<'_>, about: Steadiness<'_>) -> Result<Vec<SteadyDay>, ReadError> {
        self.day("meters of a day", include_str!("../../sql/steady_day.sql"), span, about).await
    }

    /// The same of polls in any order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn unordered_day(&self, span: Span<'_>, about: Steadiness<'_>) -> Result<Vec<SteadyDay>, ReadError> {
        self.day("meters of a day in any order", include_str!("../../sql/unordered_day.sql"), span, about).await
    }

    async fn day(
        &self,
        question: &'static str,
        sql: &str,
        span: Span<'_>,
        about: Steadiness<'_>,
    ) -> Result<Vec<SteadyDay>, ReadError> {
        let query = self.ask_span(&for_each(sql, about.meters), span).param("pages_max", about.pages_max);
        self.list(question, in_order(query)).await
    }

    /// The same for all other meters.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn steady_extras(&self, span: Span<'_>, pages_max: i64) -> Result<Rows<SteadyExtra>, ReadError> {
        let query = self.ask_span(include_str!("../../sql/steady_extras.sql"), span);
        self.rows("other meters of a day", query.param("pages_max", pages_max))
    }

    /// The last poll at or before `boundary` (Unix seconds) in the span and the first after it, by device and time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn boundary_polls(&self, span: Span<'_>, boundary: u32) -> Result<Rows<PollMeters>, ReadError> {
        let query = self.ask_span(include_str!("../../sql/boundary_polls.sql"), span);
        self.rows("polls around a boundary", query.param("boundary", boundary))
    }

    /// All polls of a span, by device and time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn device_polls(&self, span: Span<'_>) -> Result<Rows<PollMeters>, ReadError> {
        self.rows("polls", self.ask_span(include_str!("../../sql/device_polls.sql"), span))
    }

    /// The canonical meters that any device has, in their order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_meters(&self) -> Result<Vec<&'static str>, ReadError> {
        let query = self.ask(&for_each(include_str!("../../sql/read_meters.sql"), &CANONICAL));
        let seen = self.list::<SeenMeters>("meters", query).await?.pop().map(|row| row.seen).unwrap_or_default();
        Ok(CANONICAL.into_iter().zip(seen).filter(|(_, seen)| *seen == 1).map(|(meter, _)| meter).collect())
    }

    /// Devices of which something was read.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn seen_devices(&self, span: Span<'_>) -> Result<Vec<String>, ReadError> {
        let query = self.ask_span(include_str!("../../sql/seen_devices.sql"), span);
        let names: Vec<DeviceName> = self.list("devices", query.param("rows_max", LIST_ROWS_MAX)).await?;
        Ok(names.into_iter().map(|name| name.device).collect())
    }

    /// Devices with reads that no agent took.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn noted_devices(&self) -> Result<Vec<String>, ReadError> {
        let query = self.ask(include_str!("../../sql/noted_devices.sql")).param("rows_max", LIST_ROWS_MAX);
        let names: Vec<DeviceName> = self.list("devices", query).await?;
        Ok(names.into_iter().map(|name| name.device).collect())
    }

    fn ask_span(&self, sql: &str, span: Span<'_>) -> Query {
        let query = self.ask_about(sql, span.devices.map_or(Which::All, Which::These));
        query.param("from", span.from).param("to", span.to).param("as_of", span.as_of)
    }
}
