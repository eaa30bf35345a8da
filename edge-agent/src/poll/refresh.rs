//! The refresh: what changes, of a device that is known, in the fewest packets that it takes.
//!
//! The same answer says whether the same device still answers: its serial number is read each time. Another one there
//! makes the poll `Changed` and worthless; the next poll is a full one and belongs to whoever answers then.

use std::time::Duration;

use schemas::wire::Outcome;

use super::packets::{self, Packet};
use super::plan::{Cell, Role};
use super::{Known, adopt, alerts, config_changes, full, identity_value, object_id, readings, without_values};
use crate::snmp::limits::ALERT_ROWS_PACKED;
use crate::snmp::oid::dotted;
use crate::snmp::{Client, Oid, SnmpConfig, SnmpError, Table, Version, fetch, mib};
use crate::taken::{Extent, Polled};

/// Reads a known device: in full if that is due, else what changes. Never fails: silence is an outcome.
pub async fn refresh(config: &SnmpConfig, known: &mut Known, now: Duration) -> Polled {
    refresh_part(config, known, now, Extent::Whole).await
}

/// The same for a part of what changes. A full read that is due reads everything all the same.
pub async fn refresh_part(config: &SnmpConfig, known: &mut Known, now: Duration, extent: Extent) -> Polled {
    let mut client = known.at.client(config, config.request_timeout(), config.snmp_retries);
    poll(config, known, &mut client, now, extent).await
}

pub(super) async fn poll(
    config: &SnmpConfig,
    known: &mut Known,
    client: &mut Client,
    now: Duration,
    extent: Extent,
) -> Polled {
    if known.full_due(now, config.full_read_every()) {
        return read_in_full(config, known, client, now).await;
    }
    client.packet_oids = known.packet_oids.clamp(1, config.max_oids_per_packet);
    let (table, alerts_known) = match values(known, client, extent).await {
        Ok(values) => values,
        Err(error) => return without_values(known, outcome_of(&error), client),
    };
    known.packet_oids = client.packet_oids;
    match same_device(known, client, &table).await {
        Answerer::Same => judge(known, &table, alerts_known, client, extent),
        Answerer::Unclear => without_values(known, Outcome::Unusable, client),
        Answerer::Other(says) => changed(known, &says, client),
    }
}

fn outcome_of(error: &SnmpError) -> Outcome {
    match error {
        SnmpError::Refused | SnmpError::Usm(_) => Outcome::Refused,
        SnmpError::NoAnswer | SnmpError::NotRouted | SnmpError::Local(_) => Outcome::NoAnswer,
        SnmpError::Unusable(_) | SnmpError::Status { .. } | SnmpError::Endless => Outcome::Unusable,
    }
}

async fn read_in_full(config: &SnmpConfig, known: &mut Known, client: &mut Client, now: Duration) -> Polled {
    let full = match full::read(client, &config.profiles, full::Depth::Poll).await {
        Ok(full) => full,
        Err(error) => return without_values(known, outcome_of(&error), client),
    };
    // Values of a device that did not say who it is must not be booked to anybody.
    if !full.identified {
        return without_values(known, Outcome::Unusable, client);
    }
    let (mut fresh, mut polled) = adopt(&known.at, &full, client, now);
    let hides_serial = fresh.device.serial.is_empty() && !known.device.serial.is_empty();
    let mut same = fresh.device.serial == known.device.serial && fresh.device.mac == known.device.mac;
    if hides_serial && fresh.device.mac == known.device.mac && !known.device.mac.is_empty() {
        // Some devices keep their serial number to themselves while they start or sleep.
        fresh.device.serial.clone_from(&known.device.serial);
        polled.device.serial.clone_from(&known.device.serial);
        fresh.full_wanted = true;
        same = true;
    } else if !known.device.serial.is_empty() && known.device.serial != fresh.device.serial {
        polled.events.push(identity_changed(known, &fresh.device.serial));
    }
    if same && known.plan.format == super::plan::FORMAT {
        keep_plan(known, &mut fresh, &mut polled, &full);
    }
    if same {
        if !full.alerts_known {
            fresh.open.clone_from(&known.open);
        }
        polled.events.extend(fresh.news(&known.open, &known.contradictions));
    } else {
        polled.events.extend(fresh.news(&[], &[]));
    }
    *known = fresh;
    polled
}

/// What the device was known to have is still asked for if it stopped half-way, and its total keeps its source.
fn keep_plan(known: &Known, fresh: &mut Known, polled: &mut Polled, full: &full::Full) {
    let serial = super::telling_serial(&full.table, &full.profile);
    if !full.complete && fresh.plan.cells.len() < known.plan.cells.len() {
        fresh.plan.clone_from(&known.plan);
        fresh.identity.clone_from(&known.identity);
    } else if let Some((from, to)) = fresh.plan.succeed(&known.plan, &full.table, &full.profile, serial.as_ref()) {
        let fields = [("meter", "total".to_owned()), ("from_oid", from.to_string()), ("to_oid", to.to_string())];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        polled.events.push(("meter-source-changed".to_owned(), fields));
    }
    let outcome = if full.complete { Outcome::Complete } else { Outcome::Partial };
    polled.poll = super::whole_poll(full, &fresh.plan, known.at.address, outcome);
    polled.plan = fresh.plan.items();
    fresh.contradictions = super::contradictions(&fresh.plan, &polled.poll, &known.contradictions);
}

/// Asks for what is in the plan and of this extent. An error only if nothing was answered.
/// Also whether the alert table was read to its end.
async fn values(known: &mut Known, client: &mut Client, extent: Extent) -> Result<(Table, bool), SnmpError> {
    let (oids, columns) = known.plan.asked(extent);
    let bulk = known.bulk && known.at.version != Version::V1;
    let expected: &[Vec<u32>] = if known.alerts.len() > ALERT_ROWS_PACKED { &[] } else { &known.alerts };
    let mut table = Table::default();
    // How far down prtAlertTable it is certain that all rows came.
    let mut alerts_ended = false;
    for packet in packets::plan(&oids, &columns, expected, bulk, client.packet_oids) {
        let Packet::Bulk { singles, runs, repetitions } = packet else { continue };
        let asked = [singles.as_slice(), runs.as_slice()].concat();
        let sentinel = asked.iter().position(|oid| is_sentinel(oid, expected));
        match client.getbulk(&asked, u32::try_from(singles.len()).unwrap_or(0), repetitions).await {
            Ok(binds) => {
                if let Some((name, value)) = sentinel.and_then(|place| binds.get(place)) {
                    alerts_ended = value.is_none() || name.below(mib::PRT_ALERT_SEVERITY_LEVEL).is_none();
                }
                for (name, value) in binds {
                    if let Some(value) = value {
                        table.insert(name, value);
                    }
                }
            }
            Err(error @ (SnmpError::Refused | SnmpError::Usm(_))) if client.answers() == 0 => return Err(error),
            Err(error @ (SnmpError::NoAnswer | SnmpError::Unusable(_))) if client.answers() == 0 => {
                // The next try asks for half; without a next try this was it.
                if client.retries() == 0 {
                    return Err(error);
                }
                client.spend_retry();
                client.packet_oids = oids.len().div_ceil(2).clamp(1, client.packet_oids);
                break;
            }
            // Too big, or lost on the way: asked for again below, by name and in smaller packets.
            Err(_) => client.packet_oids = (client.packet_oids / 2).max(1),
        }
    }
    let missing: Vec<Oid> = oids.into_iter().filter(|oid| table.get(oid.arcs()).is_none()).collect();
    let mut lost = false;
    if !missing.is_empty() {
        let fetched = fetch::instances(client, &missing).await?;
        // What GET finds and GETBULK did not: this device is better asked by name.
        if bulk && !table.is_empty() && !fetched.table.is_empty() {
            known.bulk = false;
        }
        lost = fetched.lost;
        table.absorb(fetched.table);
    }
    let seen: Vec<Vec<u32>> = alerts::rows(&table).into_iter().map(|row| row.index).collect();
    let mut alerts_known = alerts_ended && seen.as_slice() == expected;
    if !lost && !alerts_known {
        let fetched = fetch::columns(client, &alerts::REFRESHED).await?;
        alerts_known = fetched.complete && !fetched.lost;
        table.absorb(fetched.table);
    }
    Ok((table, alerts_known))
}

fn is_sentinel(oid: &Oid, expected: &[Vec<u32>]) -> bool {
    match (expected.last(), oid.below(mib::PRT_ALERT_SEVERITY_LEVEL)) {
        (Some(last), Some(index)) => last == index,
        (None, Some(index)) => index.is_empty(),
        (_, None) => false,
    }
}

enum Answerer {
    Same,
    Other(String),
    /// It did not say who it is.
    Unclear,
}

async fn same_device(known: &Known, client: &mut Client, table: &Table) -> Answerer {
    if known.identity.is_empty() {
        return Answerer::Same;
    }
    let says = identity_value(table, &known.plan);
    if says == known.identity {
        return Answerer::Same;
    }
    if !says.is_empty() {
        return Answerer::Other(says);
    }
    // It keeps its serial number to itself: the hardware address and the kind of device decide.
    let object = Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR);
    let Ok(mut fetched) = fetch::instances(client, &[object]).await else { return Answerer::Unclear };
    match fetch::columns(client, &[mib::IF_TYPE, mib::IF_PHYS_ADDRESS]).await {
        Ok(interfaces) => fetched.table.absorb(interfaces.table),
        Err(_) => return Answerer::Unclear,
    }
    let mac = super::identity::main_interface(&fetched.table).map(|(_, mac)| mac).unwrap_or_default();
    let object_id = object_id(&fetched.table);
    if object_id.is_empty() && mac.is_empty() {
        Answerer::Unclear
    } else if object_id == known.object_id && mac == known.device.mac && !mac.is_empty() {
        Answerer::Same
    } else {
        Answerer::Other(String::new())
    }
}

fn changed(known: &mut Known, says: &str, client: &Client) -> Polled {
    let mut polled = without_values(known, Outcome::Changed, client);
    polled.events.push(identity_changed(known, says));
    known.device = schemas::wire::Device::default();
    known.last_full = None;
    known.open.clear();
    known.contradictions.clear();
    polled
}

fn identity_changed(known: &Known, says: &str) -> (String, Vec<(String, String)>) {
    let fields = [
        ("address", known.at.address.to_string()),
        ("serial_was", known.device.serial.clone()),
        ("serial", says.to_owned()),
    ];
    ("identity-changed".to_owned(), fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What the answers mean for this poll, and whether they call for a full read.
fn judge(known: &mut Known, table: &Table, alerts_known: bool, client: &Client, extent: Extent) -> Polled {
    let asked = |cell: &&Cell| matches!(cell.role, Role::Meter | Role::Field) && cell.is_in(extent);
    let planned = || known.plan.cells.iter().filter(asked);
    let missing = planned().filter(|cell| table.get(cell.oid.arcs()).is_none()).count();
    let outcome = match missing {
        0 => Outcome::Complete,
        some if some == planned().count() => Outcome::Unusable,
        _ => Outcome::Partial,
    };
    if outcome == Outcome::Unusable {
        known.full_wanted = true;
        return without_values(known, outcome, client);
    }
    let poll = readings(table, &known.plan, outcome);
    let new_rows = [mib::PRT_SUPPLIES_LEVEL, mib::PRT_INPUT_CURRENT_LEVEL].into_iter().any(|column| {
        table.column(column).any(|(index, _)| {
            let oid = Oid::of(column, index);
            !known.plan.cells.iter().any(|cell| cell.oid == oid)
        })
    });
    let became_amount = table
        .column(mib::PRT_SUPPLIES_LEVEL)
        .any(|(index, level)| level.number() >= Some(0) && known.plan.without_max.contains(&dotted(index)));
    let changes = config_changes(table, &known.plan);
    known.full_wanted |= missing > 0 || new_rows || became_amount || changes != known.config_changes;
    let rows = alerts::rows_in(table, known.plan.charset.and_then(super::charset::Charset::of));
    let open = if alerts_known { alerts::open(&rows) } else { known.open.clone() };
    let events = alerts::changes(&known.open, &open);
    known.alerts = rows.into_iter().map(|row| row.index).collect();
    known.open = open;
    Polled { device: known.device.clone(), poll, plan: known.plan.items(), events, cost: client.cost(), extent }
}
