//! The full read: everything by which a device is described, once a day and when something about it changed.
//!
//! Tables are read by whole columns, so rows that exist are found and columns that do not cost one packet at most. A
//! device that stops answering on the way is left with what came.

use super::profile::Profile;
use super::{alerts, counters, identity, supplies, trays};
use crate::snmp::fetch::{self, Fetched};
use crate::snmp::{Client, Oid, SnmpError, Table, mib};

/// How much of a device is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What polls carry.
    Poll,
    /// Also what only people look at: character sets, addresses, other devices of the host.
    Everything,
}

/// What a full read brought.
#[derive(Debug, Clone, Default)]
pub struct Full {
    pub table: Table,
    /// Everything that was asked for was answered.
    pub complete: bool,
    /// All places where a device says who it is were answered, if only with "there is none".
    pub identified: bool,
}

/// Reads a device, first who it is. An error only if it answered nothing at all.
pub async fn read(client: &mut Client, depth: Depth) -> Result<Full, SnmpError> {
    let system: Vec<Oid> =
        [mib::SYS_OBJECT_ID, mib::SYS_UP_TIME, mib::SYS_DESCR, mib::SYS_NAME, mib::SYS_LOCATION, mib::SYS_CONTACT]
            .iter()
            .map(|object| Oid::of(object, mib::SCALAR))
            .collect();
    let mut all = fetch::instances(client, &system).await?;
    for columns in [&HOST[..], &GENERAL] {
        read_columns(client, columns, &mut all).await?;
    }
    if !all.lost {
        let fetched = makers_objects(client, &all.table).await?;
        absorb(&mut all, fetched);
    }
    let identified = !all.lost;
    let supplies: Vec<&[u32]> = supplies::COLUMNS.into_iter().chain([mib::PRT_COLORANT_VALUE]).collect();
    for columns in [&counters::COLUMNS[..], &supplies, &trays::COLUMNS, &alerts::COLUMNS, &CONSOLE] {
        read_columns(client, columns, &mut all).await?;
    }
    if depth == Depth::Everything {
        read_columns(client, &LOCALIZATION, &mut all).await?;
    }
    Ok(Full { table: all.table, complete: all.complete, identified })
}

async fn read_columns(client: &mut Client, columns: &[&[u32]], all: &mut Fetched) -> Result<(), SnmpError> {
    if !all.lost {
        let fetched = fetch::columns(client, columns).await?;
        absorb(all, fetched);
    }
    Ok(())
}

const HOST: [&[u32]; 8] = [
    mib::IF_TYPE,
    mib::IF_PHYS_ADDRESS,
    mib::IP_AD_ENT_ADDR,
    mib::HR_DEVICE_TYPE,
    mib::HR_DEVICE_DESCR,
    mib::HR_DEVICE_STATUS,
    mib::HR_PRINTER_STATUS,
    mib::HR_PRINTER_DETECTED_ERROR_STATE,
];
const GENERAL: [&[u32]; 3] =
    [mib::PRT_GENERAL_CONFIG_CHANGES, mib::PRT_GENERAL_PRINTER_NAME, mib::PRT_GENERAL_SERIAL_NUMBER];
const CONSOLE: [&[u32]; 1] = [mib::PRT_CONSOLE_DISPLAY_BUFFER_TEXT];
const LOCALIZATION: [&[u32]; 1] = [mib::PRT_LOCALIZATION_CHARACTER_SET];

/// Device ids, the maker's meters, and where the standard's serial number is empty, the other places where one may stand.
async fn makers_objects(client: &mut Client, table: &Table) -> Result<Fetched, SnmpError> {
    let profile = Profile::of(identity::enterprise(table));
    let mut oids = vec![Oid::of(mib::PPM_PORT_IEEE1284_DEVICE_ID, &[1])];
    oids.extend(profile.device_ids.iter().cloned());
    oids.extend(profile.meters.iter().map(|meter| meter.oid.clone()));
    let standard = identity::has_standard_serial(table);
    if !standard {
        oids.extend(profile.serials.iter().cloned());
    }
    let mut found = fetch::instances(client, &oids).await?;
    if !standard && !found.lost && identity::serial(&found.table, &profile).is_none() {
        let entity = fetch::columns(client, &[mib::ENT_PHYSICAL_SERIAL_NUM]).await?;
        absorb(&mut found, entity);
    }
    Ok(found)
}

fn absorb(all: &mut Fetched, more: Fetched) {
    all.table.absorb(more.table);
    all.complete &= more.complete;
    all.lost |= more.lost;
}
