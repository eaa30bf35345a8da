//! One record into rows, or the reason why it is impossible.

use std::collections::{BTreeMap, HashSet};

use schemas::device::{self, DeviceKey};
use schemas::limits::{STAMP_AHEAD_MAX, STAMP_MIN, TEXT_BYTES_MAX};
use schemas::meter;
use schemas::store::{DropRow, EventRow, PlanRow, PollRow, StatsRow};
use schemas::wire::{Body, Device, Drop, Event, Info, Outcome, Plan, Poll, Record, Stats};

use super::zone::Zone;
use super::{At, Rows};

const PLAN_HASH_BYTES: usize = 16;

/// Where a record stands.
pub(super) struct Place<'a> {
    pub(super) at: &'a At<'a>,
    pub(super) body: &'a Body,
    pub(super) devices: &'a [Result<DeviceKey, String>],
    pub(super) zone: &'a Zone,
}

/// The key of a device, or why it cannot be one.
pub(super) fn device(device: &Device) -> Result<DeviceKey, String> {
    texts([&device.maker, &device.model, &device.serial, &device.mac])?;
    Ok(device::key(device))
}

impl Place<'_> {
    /// Adds the rows of a record; `Ok(false)` if its kind is not known here.
    pub(super) fn add(
        &self,
        record: &Record,
        n: u32,
        polled: &mut HashSet<(String, u32)>,
        rows: &mut Rows,
    ) -> Result<bool, String> {
        let Record { poll, event, plan, stats, drop } = record;
        if let Some(poll) = poll {
            let row = self.poll(poll)?;
            if !polled.insert((row.device.clone(), row.ts)) {
                return Err(format!("a second poll of {} in the second {}", row.device, row.ts));
            }
            rows.polls.push(row);
        }
        if let Some(event) = event {
            rows.events.push(self.event(event, n)?);
        }
        if let Some(plan) = plan {
            rows.plans.push(self.plan(plan)?);
        }
        if let Some(stats) = stats {
            rows.stats.push(self.stats(stats)?);
        }
        if let Some(drop) = drop {
            rows.drops.push(self.drop(drop)?);
        }
        Ok(poll.is_some() || event.is_some() || plan.is_some() || stats.is_some() || drop.is_some())
    }

    fn stamp(&self, ts: i64) -> Result<u32, String> {
        let latest = i64::from(self.at.received).saturating_add(STAMP_AHEAD_MAX);
        match u32::try_from(ts) {
            Ok(stamp) if (STAMP_MIN..=latest).contains(&ts) => Ok(stamp),
            _ => Err(format!("ts {ts} is not between {STAMP_MIN} and {latest}")),
        }
    }

    fn named(&self, index: u32) -> Result<(&Device, &DeviceKey), String> {
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        match (self.body.devices.get(at), self.devices.get(at)) {
            (Some(device), Some(Ok(key))) => Ok((device, key)),
            (_, Some(Err(why))) => Err(format!("device {index}: {why}")),
            _ => Err(format!("there is no device {index} among the {} of the batch", self.devices.len())),
        }
    }

    fn poll(&self, poll: &Poll) -> Result<PollRow, String> {
        let ts = self.stamp(poll.ts)?;
        let (device, key) = self.named(poll.device)?;
        let carries_none = Outcome::Partial as u8 + 1..=Outcome::Changed as u8;
        if carries_none.contains(&poll.outcome) && !poll.counters.is_empty() {
            return Err(format!("outcome {} has no values, yet {} came", poll.outcome, poll.counters.len()));
        }
        let mut row = PollRow {
            tenant: self.at.cn.tenant().to_owned(),
            device: key.text.clone(),
            ts,
            cn: self.at.cn.to_string(),
            received: self.at.received,
            version: self.at.version,
            epoch: self.at.epoch,
            seq: self.at.seq,
            id: self.at.id.0,
            site: self.body.site.clone(),
            zone: self.zone.name.clone(),
            local_day: self.zone.local_day(ts),
            clock: poll.clock,
            outcome: poll.outcome,
            basis: key.basis as u8,
            maker: key.maker.to_owned(),
            model: device.model.clone(),
            serial: device.serial.clone(),
            mac: device.mac.clone(),
            uptime: poll.uptime,
            plan: plan_hash(&poll.plan, true)?,
            ..PollRow::default()
        };
        if let Some(status) = poll.status {
            (row.device_status, row.printer_status, row.errors) = (status.device, status.printer, status.errors);
        }
        counters(&poll.counters, &mut row)?;
        tables(poll, &mut row)?;
        if let Some(info) = &poll.info {
            described(info, &mut row)?;
        }
        Ok(row)
    }

    fn event(&self, event: &Event, n: u32) -> Result<EventRow, String> {
        let ts = self.stamp(event.ts)?;
        let device = event.device.map(|index| self.named(index)).transpose()?.map(|(_, key)| key.text.clone());
        if event.kind.is_empty() {
            return Err("an event without a kind".to_owned());
        }
        texts([&event.kind])?;
        texts(event.fields.iter().flat_map(|(name, value)| [name, value]))?;
        Ok(EventRow {
            tenant: self.at.cn.tenant().to_owned(),
            cn: self.at.cn.to_string(),
            ts,
            kind: event.kind.clone(),
            device: device.unwrap_or_default(),
            epoch: self.at.epoch,
            seq: self.at.seq,
            n,
            clock: event.clock,
            version: self.at.version,
            received: self.at.received,
            fields: event.fields.clone().into_iter().collect(),
        })
    }

    fn plan(&self, plan: &Plan) -> Result<PlanRow, String> {
        let ts = self.stamp(plan.ts)?;
        let (_, key) = self.named(plan.device)?;
        texts(plan.items.iter().flat_map(|item| [&item.name, &item.oid, &item.rule]))?;
        Ok(PlanRow {
            tenant: self.at.cn.tenant().to_owned(),
            hash: plan_hash(&plan.hash, false)?,
            device: key.text.clone(),
            ts,
            version: self.at.version,
            received: self.at.received,
            items_name: plan.items.iter().map(|item| item.name.clone()).collect(),
            items_oid: plan.items.iter().map(|item| item.oid.clone()).collect(),
            items_unit: plan.items.iter().map(|item| item.unit).collect(),
            items_rule: plan.items.iter().map(|item| item.rule.clone()).collect(),
        })
    }

    /// The books must hear even of an agent whose clock is wrong: an impossible stamp is cut to what the store can hold.
    fn stats(&self, stats: &Stats) -> Result<StatsRow, String> {
        texts([&stats.version])?;
        Ok(StatsRow {
            tenant: self.at.cn.tenant().to_owned(),
            cn: self.at.cn.to_string(),
            epoch: self.at.epoch,
            seq: self.at.seq,
            ts: cut(stats.ts),
            version: self.at.version,
            received: self.at.received,
            taken: stats.taken,
            polls_taken: stats.polls_taken,
            oldest: stats.oldest,
            dropped: stats.dropped,
            polls_dropped: stats.polls_dropped,
            spool_bytes: stats.spool_bytes,
            disk_bytes: stats.disk_bytes,
            devices: stats.devices,
            lan_packets: stats.lan_packets,
            lan_bytes: stats.lan_bytes,
            wan_bytes: stats.wan_bytes,
            polls_failed: stats.polls_failed,
            agent_version: stats.version.clone(),
            prior_epoch: stats.prior.iter().map(|prior| prior.epoch).collect(),
            prior_taken: stats.prior.iter().map(|prior| prior.taken).collect(),
            prior_oldest: stats.prior.iter().map(|prior| prior.oldest).collect(),
        })
    }

    /// As [`Self::stats`].
    fn drop(&self, drop: &Drop) -> Result<DropRow, String> {
        texts([&drop.cause])?;
        if drop.from == 0 || drop.from > drop.to {
            return Err(format!("a drop of the seqs {} to {}", drop.from, drop.to));
        }
        Ok(DropRow {
            tenant: self.at.cn.tenant().to_owned(),
            cn: self.at.cn.to_string(),
            epoch: drop.epoch,
            from_seq: drop.from,
            to_seq: drop.to,
            cause: drop.cause.clone(),
            polls: drop.polls,
            ts: cut(drop.ts),
            version: self.at.version,
            received: self.at.received,
        })
    }
}

fn cut(ts: i64) -> u32 {
    u32::try_from(ts.max(0)).unwrap_or(u32::MAX)
}

fn counters(counters: &BTreeMap<String, i64>, row: &mut PollRow) -> Result<(), String> {
    for (name, value) in counters {
        if !meter::is_valid(name) {
            let name: String = name.chars().take(80).collect();
            return Err(format!("{name:?} is not the name of a meter"));
        }
        if !row.set_meter(name, *value) {
            row.extra.push((name.clone(), *value));
        }
    }
    Ok(())
}

fn tables(poll: &Poll, row: &mut PollRow) -> Result<(), String> {
    for supply in &poll.supplies {
        texts([&supply.index, &supply.color, &supply.description, &supply.serial, &supply.part])?;
        row.supplies_slot.push(supply.index.clone());
        row.supplies_level.push(supply.level);
        row.supplies_max.push(supply.max);
        row.supplies_unit.push(supply.unit);
        row.supplies_class.push(supply.class);
        row.supplies_kind.push(supply.kind);
        row.supplies_color.push(supply.color.clone());
        row.supplies_description.push(supply.description.clone());
        row.supplies_serial.push(supply.serial.clone());
        row.supplies_part.push(supply.part.clone());
    }
    for tray in &poll.trays {
        texts([&tray.index, &tray.name, &tray.media])?;
        row.trays_slot.push(tray.index.clone());
        row.trays_level.push(tray.level);
        row.trays_max.push(tray.max);
        row.trays_name.push(tray.name.clone());
        row.trays_media.push(tray.media.clone());
    }
    for alert in &poll.alerts {
        texts([&alert.index, &alert.text])?;
        row.alerts_slot.push(alert.index.clone());
        row.alerts_severity.push(alert.severity);
        row.alerts_training.push(alert.training);
        row.alerts_group.push(alert.group);
        row.alerts_group_index.push(alert.group_index);
        row.alerts_location.push(alert.location);
        row.alerts_code.push(alert.code);
        row.alerts_text.push(alert.text.clone());
    }
    Ok(())
}

fn described(info: &Info, row: &mut PollRow) -> Result<(), String> {
    let Info { address, host_name, location, contact, firmware, description, console } = info;
    texts([address, host_name, location, contact, firmware, description, console].into_iter().flatten())?;
    row.address.clone_from(address);
    row.host_name.clone_from(host_name);
    row.location.clone_from(location);
    row.contact.clone_from(contact);
    row.firmware.clone_from(firmware);
    row.description.clone_from(description);
    row.console.clone_from(console);
    Ok(())
}

fn plan_hash(hash: &[u8], may_be_absent: bool) -> Result<String, String> {
    match hash.len() {
        PLAN_HASH_BYTES => Ok(hex::encode(hash)),
        0 if may_be_absent => Ok(String::new()),
        other => Err(format!("the hash of a plan has {PLAN_HASH_BYTES} bytes, not {other}")),
    }
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    match texts.into_iter().find(|text| text.len() > TEXT_BYTES_MAX) {
        None => Ok(()),
        Some(text) => Err(format!("a text of {} bytes, at most {TEXT_BYTES_MAX} are possible", text.len())),
    }
}
