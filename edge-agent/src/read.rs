//! One device read once and shown, for people and for tests: nothing is kept and nothing is sent to the cloud.
//!
//! The JSON has stable key names. `identity`, `counters`, `supplies`, `alerts` and `status` are what the agent makes of the
//! answers; `rfc` is what the standards' objects say, unchanged; `null` = the device does not have the object.

mod standard;
mod told;

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::discover;
use crate::poll::identity;
use crate::poll::profile::{Profile, Profiles};
use crate::poll::{checks, counters, full, meter, total};
use crate::snmp::{Client, Oid, SnmpConfig, SnmpError, Table, mib};
use crate::walk::{self, WalkError};

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("read {host}: {source}")]
    Snmp { host: String, source: SnmpError },
}

/// Reads a recording in the `.snmprec` format, by the code that reads devices.
pub async fn recording(profiles: &Profiles, path: &Path) -> Result<Json, ReadError> {
    let table = walk::load(path)?;
    let mut client = Client::recorded(table);
    let source = |source| ReadError::Snmp { host: path.display().to_string(), source };
    let full = full::read(&mut client, profiles, full::Depth::Everything).await.map_err(source)?;
    Ok(report_of(profiles, &full))
}

/// Reads a device: finds out how it answers, then everything.
pub async fn device(config: &SnmpConfig, host: &str, port: u16) -> Result<Json, ReadError> {
    let source = |source| ReadError::Snmp { host: host.to_owned(), source };
    let found = discover::probe(config, host, port).await.map_err(source)?;
    let mut client = found.at.client(config, config.request_timeout(), config.snmp_retries);
    let full = full::read(&mut client, &config.profiles, full::Depth::Everything).await.map_err(source)?;
    let mut report = report_of(&config.profiles, &full);
    let cost = client.cost();
    report["snmp"] = json!({
        "address": found.at.address, "port": found.at.port, "version": found.at.version,
        "packets": cost.packets, "bytes_ip": cost.bytes,
    });
    Ok(report)
}

/// What a table of answers says, by the built-in profiles.
pub fn report(table: &Table, complete: bool) -> Json {
    let profiles = Profiles::builtin();
    report_of(&profiles, &full::Full { complete, ..full::Full::of(table.clone(), &profiles) })
}

fn report_of(profiles: &Profiles, full: &full::Full) -> Json {
    let (table, profile) = (&full.table, &full.profile);
    json!({
        "format": 1,
        "kind": if is_printer(profiles, table) { "printer" } else { "not-a-printer" },
        "complete": full.complete,
        "profiles": profile.names(),
        "identity": identity_of(table, profile),
        "counters": counters_of(table, profile),
        "supplies": told::supplies(table, profile),
        "finishing": told::finishing(table),
        "alerts": told::alerts(table),
        "status": told::status(table),
        "console": crate::poll::console(table, profile),
        "rfc": standard::rfc(table),
    })
}

/// By the standard's tables; a recording of a maker's objects alone is a printer's if the maker's device id or counters are
/// among them.
fn is_printer(profiles: &Profiles, table: &Table) -> bool {
    discover::printer_test::is_printer(table) || told::is_a_makers_printer(profiles, table)
}

fn identity_of(table: &Table, profile: &Profile) -> Json {
    let device = identity::device(table, profile);
    let serial = identity::serial(table, profile);
    let known = |text: String| if text.is_empty() { Json::Null } else { Json::String(text) };
    let objects = |list: Vec<(Oid, String)>| -> Map<String, Json> {
        list.into_iter().map(|(oid, text)| (oid.to_string(), Json::String(text))).collect()
    };
    let placeholder = |text: &str| schemas::device::normal_serial(text).is_none();
    json!({
        "vendor": known(device.maker),
        "model": known(device.model),
        "serial": serial.as_ref().map(|serial| &serial.text),
        "serial_basis": serial.as_ref().map(|serial| serial.basis.name()),
        "serial_oid": serial.as_ref().map(|serial| serial.oid.to_string()),
        "serial_placeholder": serial.as_ref().map(|serial| placeholder(&serial.text)),
        "hostname": standard::scalar(table, mib::SYS_NAME),
        "location": standard::scalar(table, mib::SYS_LOCATION),
        "contact": standard::scalar(table, mib::SYS_CONTACT),
        "description": standard::scalar(table, mib::SYS_DESCR),
        "firmware": objects(identity::firmware_objects(table, profile)),
        "firmware_parts": identity::firmware(table, profile).into_iter()
            .map(|(part, version)| json!({ "part": part, "version": version })).collect::<Vec<_>>(),
        "vendor_serials": objects(identity::vendor_serials(table, profile)),
        "vendor_hostname": identity::host_name(table, profile),
        "ieee1284": objects(identity::device_ids(table, profile)),
        "macs": identity::interfaces(table).into_iter().map(|interface| interface.mac).collect::<Vec<_>>(),
    })
}

fn counters_of(table: &Table, profile: &Profile) -> Json {
    let meters = counters::meters(table, profile);
    let values = counters::read(table, &meters);
    let own = |meter: &&meter::Meter| meter.terms.iter().any(|term| term.oid.enterprise().is_some());
    let mut vendor = Map::new();
    for meter in meters.iter().filter(own) {
        // The maker's total has its own name here, whichever total was chosen.
        let name = if meter.name == total::VENDOR { total::TOTAL } else { meter.name.as_str() };
        vendor.insert(name.to_owned(), shown(meter, values.get(&meter.name)));
    }
    for (name, group) in groups(table, &meters) {
        vendor.insert(name, group);
    }
    let chosen = meters.iter().find(|meter| meter.name == total::TOTAL);
    json!({
        "total": chosen.map(|meter| shown(meter, values.get(&meter.name))),
        "total_rfc3805": life(table),
        "vendor": vendor,
        "checks": checks::all(&meters, &values).into_iter().map(|check| json!({
            "check": check.text, "left": check.left, "right": check.right, "holds": check.holds,
        })).collect::<Vec<_>>(),
    })
}

fn shown(meter: &meter::Meter, value: Option<&i64>) -> Json {
    json!({
        "value": value,
        "unit": mib::counter_unit(i64::from(meter.unit)),
        "oids": meter.terms.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rule": meter.rule(),
        "sure": meter.sure.name(),
        "labels": meter.labels,
    })
}

/// Rows that add up, together: value by the name that the device gives each.
fn groups(table: &Table, meters: &[meter::Meter]) -> Map<String, Json> {
    let mut groups: Map<String, Json> = Map::new();
    for meter in meters.iter().filter(|meter| !meter.group.is_empty()) {
        for (term, label) in meter.terms.iter().zip(&meter.labels) {
            let group = groups.entry(meter.group.clone()).or_insert_with(|| json!({ "value": {}, "oids": [] }));
            group["value"][label] = json!(term.value(table));
            if let Some(oids) = group["oids"].as_array_mut() {
                oids.push(json!(term.to_string()));
            }
        }
    }
    groups
}

/// prtMarkerLifeCount of the first marker, whichever total was chosen.
fn life(table: &Table) -> Json {
    let first = counters::markers(table).into_iter().find(|marker| marker.life_count.is_some());
    first.map_or(Json::Null, |marker| {
        json!({
            "value": marker.life_count,
            "unit": marker.counter_unit.and_then(mib::counter_unit),
            "oid": Oid::of(mib::PRT_MARKER_LIFE_COUNT, &marker.index).to_string(),
        })
    })
}
