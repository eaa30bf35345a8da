//! Statements about what is stored, tried against the printers' own lives. The truth never comes from what was read over
//! the network.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use schemas::device;
use schemas::wire::Device;
use serde::Serialize;

use crate::printer::agent::Unit;
use crate::printer::fleet::Fleet;
use crate::world::World;

/// One statement of a proof, how often it was tried, and what disagreed.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: String,
    pub tried: u64,
    /// At most ten examples; empty when all agree.
    pub disagreements: Vec<String>,
    pub disagreeing: u64,
}

impl Check {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), tried: 0, disagreements: Vec::new(), disagreeing: 0 }
    }

    /// Counts one trial.
    pub fn that(&mut self, agrees: bool, example: impl FnOnce() -> String) {
        self.tried += 1;
        if !agrees {
            self.disagreeing += 1;
            if self.disagreements.len() < 10 {
                self.disagreements.push(example());
            }
        }
    }

    /// A check that tried nothing proves nothing.
    pub fn passed(&self) -> bool {
        self.tried > 0 && self.disagreeing == 0
    }
}

/// Printers by the key under which they must be stored.
pub type Printers = BTreeMap<String, Arc<Unit>>;

pub fn by_key(fleet: &Fleet) -> Printers {
    let truth = fleet.truth(&[]);
    let key = |printer: &crate::printer::truth::PrinterTruth| {
        let device = Device {
            enterprise: Some(printer.enterprise),
            maker: printer.maker.clone(),
            serial: printer.serial.clone().unwrap_or_default(),
            mac: printer.mac.clone(),
            ..Device::default()
        };
        device::key(&device).text
    };
    fleet.units().iter().zip(&truth.printers).map(|(unit, printer)| (key(printer), Arc::clone(unit))).collect()
}

/// Every counter in ClickHouse from `since` on (Unix seconds) against the printer's at that second. Also how many reads
/// each printer has.
///
/// # Errors
/// When ClickHouse does not answer.
pub async fn stored(world: &World, printers: &Printers, since: i64) -> Result<(Check, BTreeMap<String, u64>)> {
    let mut check = Check::new("every stored counter equals the printer's counter at its stamp");
    let rows = world
        .query(&format!(
            "SELECT device, toUnixTimestamp(ts), total FROM polls FINAL WHERE total IS NOT NULL AND \
             ts >= toDateTime({since}, 'UTC') FORMAT TSV"
        ))
        .await?;
    let mut reads: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows.lines() {
        let mut cells = row.split('\t');
        let (Some(key), Some(ts), Some(total)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let (ts, total): (i64, u64) = (ts.parse()?, total.parse()?);
        let really = printers.get(key).and_then(|unit| unit.counter_at(ts));
        check.that(really == Some(total), || format!("{key} at {ts}: stored {total}, the printer had {really:?}"));
        *reads.entry(key.to_owned()).or_default() += 1;
    }
    Ok((check, reads))
}
