//! What a reader of the fleet should have found: for each printer who it is, what it counted and when a supply was
//! swapped. Taken from the lives, never from what was read over the network.

use serde::{Deserialize, Serialize};

use super::agent::{Traffic, Unit};
use super::life::{Counts, Printer};

/// Raised when a field changes its meaning or goes away.
pub const TRUTH_VERSION: u32 = 1;

/// The truth about a fleet at a simulated moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    pub version: u32,
    pub seed: u64,
    /// Simulated Unix seconds: start of all lives, and now.
    pub start: i64,
    pub now: i64,
    pub printers: Vec<PrinterTruth>,
    /// Sum over the printers.
    pub traffic: Traffic,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterTruth {
    pub site: String,
    pub address: String,
    pub model: String,
    pub maker: String,
    pub enterprise: u32,
    pub product: String,
    /// `None` where the device tells none or a placeholder: then the MAC is its identity.
    pub serial: Option<String>,
    /// Lower-case hexadecimal with colons.
    pub mac: String,
    pub is_color: bool,
    pub speaks_v1_only: bool,
    pub counts: Counts,
    /// Total counter at the moments asked for.
    pub samples: Vec<Sample>,
    pub supplies: Vec<SupplyTruth>,
    pub traffic: Traffic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Simulated Unix seconds.
    pub at: i64,
    /// `None` before the start and after now.
    pub total: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyTruth {
    /// prtMarkerSuppliesIndex.
    pub index: u32,
    pub name: String,
    /// What is left, in per mille of the cartridge.
    pub permille: u32,
    /// Simulated Unix seconds of each swap.
    pub swaps: Vec<i64>,
}

/// The truth about one unit, with the total at these moments; `None` for a recording.
#[must_use]
pub fn of(unit: &Unit, moments: &[i64]) -> Option<PrinterTruth> {
    let traffic = unit.traffic();
    unit.with_printer(|printer| describe(printer, unit, traffic, moments))
}

fn describe(printer: &Printer, unit: &Unit, traffic: Traffic, moments: &[i64]) -> PrinterTruth {
    let model = printer.model();
    let supply = |(place, (spec, state)): (usize, (&super::model::Supply, &super::supply::SupplyState))| SupplyTruth {
        index: spec.index,
        name: spec.name.replace("{cartridge}", &printer.cartridge_serial(place)),
        permille: state.permille(),
        swaps: state.swaps.clone(),
    };
    PrinterTruth {
        site: unit.site().to_owned(),
        address: unit.address().to_string(),
        model: model.name.to_owned(),
        maker: model.maker.to_owned(),
        enterprise: model.enterprise,
        product: model.product.to_owned(),
        serial: printer.serial(),
        mac: printer.mac().map(|byte| format!("{byte:02x}")).join(":"),
        is_color: model.is_color(),
        speaks_v1_only: model.snmp.v1_only,
        counts: printer.counts(),
        samples: moments.iter().map(|at| Sample { at: *at, total: printer.counter_at(*at) }).collect(),
        supplies: model.supplies.iter().zip(printer.supplies()).enumerate().map(supply).collect(),
        traffic,
    }
}
