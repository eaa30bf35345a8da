//! Everything that an invoice depends on, after the counters were measured: pricing it again gives the same invoice, whatever
//! has arrived or expired since. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::billing::calendar::Instant;
use crate::billing::contract::PreviousClosing;
use crate::billing::invoice::{closing_key, invoice};
use crate::billing::{BillError, Contract, Invoice, Period, Previous, Terms};
use crate::statement::{ReadsUsed, Statement, statement};
use crate::usage::Flags;

/// What was measured for one contract and period, as it was known at `as_of`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// With the devices that it meant then.
    pub contract: Contract,
    pub period: Period,
    pub as_of: Instant,
    /// What the preceding invoice left behind.
    pub previous: Previous,
    /// One for each device and billed meter, by device and meter.
    pub reads: Vec<ReadsUsed>,
    /// What the readings raised; pricing adds its own.
    pub flags: BTreeSet<String>,
    /// Device → polls in the period whose time is not sure; none of them is billed.
    pub unsure_polls: BTreeMap<String, u64>,
}

impl Snapshot {
    /// Prices it.
    ///
    /// # Errors
    /// [`BillError`], when the contract cannot be billed for the period.
    pub fn price(&self) -> Result<Invoice, BillError> {
        let terms = self.terms()?;
        let meters = self.reads.iter().map(ReadsUsed::measured).collect();
        invoice(&terms, meters, &self.previous, Flags::of(self.flags.clone()))
    }

    /// The invoice with the reads behind each line.
    ///
    /// # Errors
    /// As [`Snapshot::price`].
    pub fn statement(&self, tenant: &str, invoice: &Invoice) -> Result<Statement, BillError> {
        let terms = self.terms()?;
        Ok(statement(tenant, self, terms.currency, terms.zone.window(self.period), invoice))
    }

    /// What the next period begins with.
    pub fn left_behind(&self, invoice: &Invoice) -> Previous {
        let anchors: BTreeMap<String, _> =
            self.reads.iter().map(|used| (closing_key(&used.device, &used.meter), used.anchor)).collect();
        let closing = invoice.closing.iter().map(|(key, entry)| {
            let anchor = anchors.get(key).copied().flatten();
            (key.clone(), PreviousClosing { u: entry.u, anchor })
        });
        Previous { closing: closing.collect(), carry: invoice.carry.clone().unwrap_or_default() }
    }

    /// Meters were checked against the readings when they were measured.
    fn terms(&self) -> Result<Terms<'_>, BillError> {
        let contract = &self.contract;
        let charged = contract.charges.iter().flat_map(|charge| charge.meters.keys());
        let noted = contract.devices.iter().flat_map(|device| device.start_reads.keys().chain(device.end_reads.keys()));
        let named = charged.chain(noted).chain(contract.settings.modulus.keys());
        let named: BTreeSet<&str> = named.map(String::as_str).collect();
        Ok(Terms::of(contract, self.period, &named)?)
    }
}
