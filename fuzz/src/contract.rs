//! Contracts that people write, billed over a fixed month of readings.

use std::path::Path;

use analytics::billing::calendar::Instant;
use analytics::billing::{Event, Period, Previous, bill};
use analytics::contract_file::ContractFile;
use analytics::usage::Reading;

/// 2026-03-01 and the days after it, in Unix seconds: (ts, value).
const READS: [(i64, i64); 4] =
    [(1_772_236_800, 1_000), (1_772_409_600, 1_200), (1_774_000_000, 90_000), (1_775_001_600, 100_000)];
const AS_OF: Instant = Instant(1_775_100_000);
/// More devices than this only make a run slower.
const DEVICES_MAX: usize = 8;

/// A contract file; what it can bill is billed.
pub fn contract(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(file) = ContractFile::parse(Path::new("contract.toml"), text.to_owned()) else { return };
    let devices: Vec<&str> = file.contract.devices.iter().map(|device| device.device.as_str()).collect();
    let mut readings = Vec::new();
    for device in devices.into_iter().chain(["S"]).take(DEVICES_MAX) {
        for meter in ["total", "color", "mono"] {
            readings.extend(READS.map(|(ts, value)| Reading {
                device,
                meter,
                ts,
                value: Some(value),
                received: None,
                sent: None,
            }));
        }
    }
    let march = Period::month("2026-03").unwrap();
    for period in [march, file.period.unwrap_or(march)] {
        let events: &[Event] = &file.events;
        match bill(&file.contract, period, AS_OF, &readings, events, &Previous::default()) {
            Ok(invoice) => {
                let again = bill(&file.contract, period, AS_OF, &readings, events, &Previous::default()).unwrap();
                assert_eq!(format!("{invoice:?}"), format!("{again:?}"), "the same in, the same out");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
