//! The only writer of rows. Each table is one insert; each insert is one block, so that it is stored whole or not at all.

use clickhouse::{Client, RowOwned, RowWrite};
use schemas::store::{BatchRow, PollRow, status, version_of};
use tokio::time::Instant;

use crate::decode::{Payload, Rows};
use crate::limits::{INSERT_END_TIMEOUT, INSERT_SEND_TIMEOUT};
use crate::metrics::Counters;
use crate::store::{Store, StoreError};

pub(crate) struct Writer {
    client: Client,
    counters: Option<Counters>,
    worker: String,
}

impl Writer {
    pub(crate) fn new(store: &Store, counters: Option<Counters>, worker: &str) -> Self {
        Self { client: store.insert_client(), counters, worker: worker.to_owned() }
    }

    /// All rows of these payloads but their lines in the books.
    pub(crate) async fn rows(&self, payloads: &[&Payload]) -> Result<(), StoreError> {
        let each = |rows: fn(&Rows) -> usize| payloads.iter().map(|payload| rows(&payload.rows)).sum::<usize>();
        let all = || payloads.iter().map(|payload| &payload.rows);
        self.insert("polls", each(|rows| rows.polls.len()), all().flat_map(|rows| &rows.polls)).await?;
        self.insert("events", each(|rows| rows.events.len()), all().flat_map(|rows| &rows.events)).await?;
        self.insert("plans", each(|rows| rows.plans.len()), all().flat_map(|rows| &rows.plans)).await?;
        self.insert("stats", each(|rows| rows.stats.len()), all().flat_map(|rows| &rows.stats)).await?;
        self.insert("drops", each(|rows| rows.drops.len()), all().flat_map(|rows| &rows.drops)).await?;
        self.insert("kept", each(|rows| rows.kept.len()), all().flat_map(|rows| &rows.kept)).await?;
        self.insert("rejected_records", each(|rows| rows.rejected.len()), all().flat_map(|rows| &rows.rejected)).await
    }

    /// The lines in the books: only after [`Self::rows`] of the same payloads, never before.
    pub(crate) async fn books(&self, batches: &[&BatchRow]) -> Result<(), StoreError> {
        self.insert("batches", batches.len(), batches.iter().copied()).await
    }

    /// Replaces rows of `kept`, after a retry.
    pub(crate) async fn kept(&self, rows: &[schemas::store::KeptRow]) -> Result<(), StoreError> {
        self.insert("kept", rows.len(), rows.iter()).await
    }

    /// A poll that every table and view takes if it takes anything. It has one fixed key, of our own tenant.
    pub(crate) async fn canary(&self, received: u32) -> Result<(), StoreError> {
        let row = PollRow {
            tenant: "service".to_owned(),
            device: "canary".to_owned(),
            ts: 946_684_800,
            cn: self.worker.clone(),
            received,
            version: version_of(received),
            zone: "UTC".to_owned(),
            local_day: 10_957,
            total: Some(1),
            supplies_slot: vec!["1.1".to_owned()],
            supplies_level: vec![Some(1)],
            supplies_max: vec![Some(1)],
            supplies_unit: vec![Some(19)],
            supplies_class: vec![Some(3)],
            supplies_kind: vec![Some(3)],
            supplies_color: vec!["black".to_owned()],
            supplies_description: vec!["canary".to_owned()],
            supplies_serial: vec![String::new()],
            supplies_part: vec![String::new()],
            alerts_slot: vec!["1.1".to_owned()],
            alerts_severity: vec![Some(1)],
            alerts_training: vec![None],
            alerts_group: vec![Some(1)],
            alerts_group_index: vec![None],
            alerts_location: vec![None],
            alerts_code: vec![Some(1)],
            alerts_text: vec!["canary".to_owned()],
            ..PollRow::default()
        };
        self.insert("polls", 1, std::iter::once(&row)).await
    }

    /// Forgets what the client knows of the tables: they may have been changed since.
    pub(crate) async fn forget_tables(&self) {
        self.client.clear_cached_metadata().await;
    }

    async fn insert<'a, T: RowOwned + RowWrite>(
        &self,
        table: &'static str,
        count: usize,
        rows: impl Iterator<Item = &'a T>,
    ) -> Result<(), StoreError> {
        if count == 0 {
            return Ok(());
        }
        let failed = || StoreError::of(format!("insert {count} rows into {table}"));
        let started = Instant::now();
        let insert = crate::store::answered("describe the table", self.client.insert::<T>(table)).await?;
        let mut insert = insert.with_timeouts(Some(INSERT_SEND_TIMEOUT), Some(INSERT_END_TIMEOUT));
        for row in rows {
            insert.write(row).await.map_err(failed())?;
        }
        insert.end().await.map_err(failed())?;
        if let Some(counters) = &self.counters {
            counters.rows(table, count);
            counters.insert_seconds.observe(started.elapsed().as_secs_f64());
        }
        Ok(())
    }
}

/// What a settled status is called in metrics.
pub(crate) fn fate(batch: &BatchRow) -> crate::metrics::Fate {
    use crate::metrics::Fate;
    match batch.status {
        status::COMMITTED => Fate::Committed,
        status::HELD => Fate::Held,
        _ => Fate::Rejected,
    }
}
