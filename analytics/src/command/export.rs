//! Exports readings as CSV, row by row, so that the size of the fleet does not matter.

use std::io::Write;

use super::stored_second;
use crate::billing::calendar::Instant;
use crate::read::{ReadError, TenantStore, values};
use crate::report::cell;

/// The fixed header; columns are only ever added at the end. One row per value; times are UTC.
pub const HEADER: [&str; 14] = [
    "tenant", "device", "maker", "model", "serial", "site", "zone", "ts", "meter", "value", "clock", "cn", "epoch",
    "seq",
];

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("write the rows")]
    Write(#[from] csv::Error),
}

/// Writes all readings of `from..to`; gives the number of rows.
pub async fn reads(store: &TenantStore, from: Instant, to: Instant, out: impl Write) -> Result<u64, ExportError> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record(HEADER)?;
    let mut written = 0;
    let mut rows = store.reads(stored_second(from.0), stored_second(to.0))?;
    while let Some(row) = rows.next().await? {
        let ts = Instant(i64::from(row.ts)).to_string();
        let clock = if row.clock == 0 { "sure" } else { "unsure" };
        for (meter, value) in values(&row.canonical, &row.extra) {
            out.write_record([
                store.tenant(),
                &cell(&row.device),
                &cell(&row.maker),
                &cell(&row.model),
                &cell(&row.serial),
                &cell(&row.site),
                &cell(&row.zone),
                &ts,
                &cell(meter),
                &value.to_string(),
                clock,
                &row.cn,
                &row.epoch.to_string(),
                &row.seq.to_string(),
            ])?;
            written += 1;
        }
    }
    out.flush().map_err(csv::Error::from)?;
    Ok(written)
}
