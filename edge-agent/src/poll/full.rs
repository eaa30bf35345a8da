//! The full read: everything by which a device is described, once a day and when something about it changed.
//!
//! Tables are read by whole columns, so rows that exist are found and columns that do not cost one packet at most. A
//! device that stops answering on the way is left with what came.

use super::profile::{Profile, Profiles};
use super::{alerts, charset, counters, finisher, identity, supplies, trays};
use crate::snmp::fetch::{self, Fetched};
use crate::snmp::{Client, Oid, SnmpError, Table, Value, mib};

/// How much of a device is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What polls carry.
    Poll,
    /// Also what only people look at: character sets, output trays, every place of a serial number.
    Everything,
}

/// What a full read brought.
#[derive(Debug, Clone, Default)]
pub struct Full {
    pub table: Table,
    /// What is known about devices of its kind.
    pub profile: Profile,
    /// Everything that was asked for was answered.
    pub complete: bool,
    /// All places where a device says who it is were answered, if only with "there is none".
    pub identified: bool,
    /// The alert table was read to its end, so that what is not in it is closed.
    pub alerts_known: bool,
}

impl Full {
    /// A table that came from elsewhere, taken as complete.
    pub fn of(table: Table, profiles: &Profiles) -> Self {
        Self { profile: profiles.of(&table), table, complete: true, identified: true, alerts_known: true }
    }
}

/// Reads a device, first who it is. An error only if it answered nothing at all.
pub async fn read(client: &mut Client, profiles: &Profiles, depth: Depth) -> Result<Full, SnmpError> {
    let system: Vec<Oid> =
        [mib::SYS_OBJECT_ID, mib::SYS_UP_TIME, mib::SYS_DESCR, mib::SYS_NAME, mib::SYS_LOCATION, mib::SYS_CONTACT]
            .iter()
            .map(|object| Oid::of(object, mib::SCALAR))
            .collect();
    let mut all = fetch::instances(client, &system).await?;
    for columns in [&HOST[..], &GENERAL] {
        read_columns(client, columns, &mut all).await?;
    }
    let profile = identify(client, profiles, &mut all).await?;
    let identified = !all.lost;
    limit(client, &profile);
    let supplies: Vec<&[u32]> = supplies::COLUMNS.into_iter().chain([mib::PRT_COLORANT_VALUE]).collect();
    for columns in [&counters::COLUMNS[..], &supplies, &trays::COLUMNS, &alerts::COLUMNS] {
        read_columns(client, columns, &mut all).await?;
    }
    let alerts_known = !all.lost;
    read_columns(client, &CONSOLE, &mut all).await?;
    if depth == Depth::Everything || has_doubtful_texts(&all.table) {
        read_columns(client, &LOCALIZATION, &mut all).await?;
    }
    let mut apart = finisher::columns();
    if depth == Depth::Everything {
        apart.extend(trays::output_columns());
    }
    let apart: Vec<&[u32]> = apart.iter().map(Vec::as_slice).collect();
    read_columns(client, &apart, &mut all).await?;
    makers_meters(client, &profile, &mut all).await?;
    Ok(Full { table: all.table, profile, complete: all.complete, identified, alerts_known })
}

async fn read_columns(client: &mut Client, columns: &[&[u32]], all: &mut Fetched) -> Result<(), SnmpError> {
    if !all.lost && !columns.is_empty() {
        let fetched = fetch::columns(client, columns).await?;
        absorb(all, fetched);
    }
    Ok(())
}

async fn read_instances(client: &mut Client, oids: &[Oid], all: &mut Fetched) -> Result<(), SnmpError> {
    if !all.lost && !oids.is_empty() {
        let fetched = fetch::instances(client, oids).await?;
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
const LOCALIZATION: [&[u32]; 2] = [mib::PRT_GENERAL_CURRENT_LOCALIZATION, mib::PRT_LOCALIZATION_CHARACTER_SET];

/// Device ids, and the makers' objects of identity. What they say can show that another profile fits too; its objects are
/// asked for then.
async fn identify(client: &mut Client, profiles: &Profiles, all: &mut Fetched) -> Result<Profile, SnmpError> {
    let mut profile = profiles.of(&all.table);
    let mut asked: Vec<Oid> = [1, 2].iter().map(|port| Oid::of(mib::PPM_PORT_IEEE1284_DEVICE_ID, &[*port])).collect();
    asked.extend(profile.identity_objects());
    if identity::enterprise(&all.table).is_none() {
        asked.extend(profiles.device_id_places().into_iter().filter(|oid| !asked.contains(oid)).collect::<Vec<_>>());
    }
    read_instances(client, &asked, all).await?;
    let fuller = profiles.of(&all.table);
    if fuller.names() != profile.names() {
        let more: Vec<Oid> = fuller.identity_objects().into_iter().filter(|oid| !asked.contains(oid)).collect();
        read_instances(client, &more, all).await?;
        profile = fuller;
    }
    let has_serial = identity::has_standard_serial(&all.table) || identity::serial(&all.table, &profile).is_some();
    if !has_serial {
        read_columns(client, &[mib::ENT_PHYSICAL_SERIAL_NUM], all).await?;
    }
    Ok(profile)
}

/// The maker's meters, after all that the standards say: a device that does not bear these questions keeps the rest.
async fn makers_meters(client: &mut Client, profile: &Profile, all: &mut Fetched) -> Result<(), SnmpError> {
    read_instances(client, &profile.meter_objects(), all).await?;
    let columns = profile.columns();
    let columns: Vec<&[u32]> = columns.iter().map(Oid::arcs).collect();
    // A few at a time, so that each repetition of a GETBULK brings rows and not ends of columns.
    for few in columns.chunks(COLUMNS_TOGETHER) {
        if !all.lost {
            let fetched = fetch::columns(client, few).await?;
            // A maker's table that is longer than any counter needs is cut, and nothing is missing for that.
            absorb(all, Fetched { complete: !fetched.lost, ..fetched });
        }
    }
    Ok(())
}

const COLUMNS_TOGETHER: usize = 4;

/// What devices of this kind cannot take.
fn limit(client: &mut Client, profile: &Profile) {
    if let Some(values) = profile.quirks().values_per_packet {
        client.packet_oids = client.packet_oids.min(values.max(1));
    }
}

/// Whether a text has bytes of which only a character set tells what they are.
fn has_doubtful_texts(table: &Table) -> bool {
    const PRINTER: &[u32] = &[1, 3, 6, 1, 2, 1, 43];
    let doubtful = |value: &Value| value.bytes().is_some_and(charset::is_doubtful);
    table.column(PRINTER).any(|(_, value)| doubtful(value))
}

fn absorb(all: &mut Fetched, more: Fetched) {
    all.table.absorb(more.table);
    all.complete &= more.complete;
    all.lost |= more.lost;
}
