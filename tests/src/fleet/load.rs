//! What a simulated agent says: one batch an hour with a poll of each device, as the production types make it.

use anyhow::Result;
use schemas::id::AgentCn;
use schemas::wire::{Body, Device, Frozen, Poll, Supply, freeze};

pub(super) const HOUR_S: i64 = 3_600;

/// A poll of each of `devices` at `ts`: three counters and a black cartridge, with values that change as those of real
/// printers do.
pub(super) fn batch(cn: &AgentCn, epoch: u64, seq: u64, devices: u32, ts: i64) -> Result<Frozen> {
    let number = |device: u32| i64::from(device) * 7_919 + ts / HOUR_S * i64::from(device % 7);
    let body = Body {
        site: "hq".into(),
        zone: "Europe/Berlin".into(),
        tzdb: "fleet".into(),
        devices: (0..devices)
            .map(|device| Device {
                enterprise: Some(1347),
                model: "ECOSYS M3645idn".into(),
                serial: format!("{cn}-{device}"),
                ..Device::default()
            })
            .collect(),
        records: (0..devices)
            .map(|device| {
                let total = number(device);
                let counters = [("total", total), ("print", total * 9 / 10), ("copy", total / 10)];
                Poll {
                    device,
                    ts,
                    counters: counters.map(|(name, value)| (name.to_owned(), value)).into(),
                    supplies: vec![Supply { level: Some(100 - total % 100), max: Some(100), ..Supply::default() }],
                    ..Poll::default()
                }
                .into()
            })
            .collect(),
    };
    Ok(freeze(cn, epoch, seq, &body)?)
}
