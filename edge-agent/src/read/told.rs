//! What the agent makes of a device's answers: supplies with their numbers, alerts by name, status.

use serde_json::{Value as Json, json};

use super::standard;
use crate::poll::profile::{Profile, Profiles};
use crate::poll::supplies::SupplyRow;
use crate::poll::text::doubtful;
use crate::poll::{alert_names, alerts, charset, counters, finisher, identity, status as codes, supplies, trays};
use crate::snmp::oid::dotted;
use crate::snmp::{Table, Value, mib};

/// Supplies of the marker, then those that the maker keeps outside the table.
pub(super) fn supplies(table: &Table, profile: &Profile) -> Vec<Json> {
    let rows = supplies::rows(table);
    let mut list: Vec<Json> = rows.iter().map(|row| supply(row, profile.supply_numbers(table, &row.index))).collect();
    for own in supplies::beyond_the_table(&rows, profile, table) {
        let Some((level, max)) = own.amounts(table) else { continue };
        let row = SupplyRow { level: Some(level), max: Some(max), ..SupplyRow::default() };
        list.push(json!({
            "index": own.index(),
            "source": own.term.to_string(),
            "type": mib::supply_type(i64::from(own.kind)),
            "color": known(&own.color),
            "max": max,
            "level": level,
            "level_state": row.level_state().name(),
            "percent": row.basis_points().map(standard::percent),
            "level_means": "left",
        }));
    }
    list
}

pub(super) fn finishing(table: &Table) -> Vec<Json> {
    finisher::supplies(table).iter().map(|row| supply(row, (None, None))).collect()
}

fn supply(row: &SupplyRow, numbers: (Option<String>, Option<String>)) -> Json {
    let wire = row.wire(numbers);
    let name = |code: Option<i32>| code.and_then(|code| mib::supply_type(i64::from(code)));
    json!({
        "index": wire.index,
        "type": name(wire.kind),
        "type_guess": name(wire.kind_guess),
        "color": known(&wire.color),
        "class": row.class.and_then(mib::supply_class),
        "description": row.description,
        "unit": row.unit.and_then(mib::supply_unit),
        "max": row.max,
        "level": row.level,
        "level_state": row.level_state().name(),
        "percent": row.basis_points().map(standard::percent),
        "level_means": if row.is_receptacle() { "room-left" } else { "left" },
        "serial": known(&wire.serial),
        "part": known(&wire.part),
    })
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn alerts(table: &Table) -> Vec<Json> {
    let rows = alerts::rows(table);
    let charset = charset::declared(table);
    rows.iter()
        .map(|row| {
            let own = std::slice::from_ref(row);
            let bytes = table.bytes(mib::PRT_ALERT_DESCRIPTION, &row.index).unwrap_or_default();
            json!({
                "index": dotted(&row.index),
                "id": alerts::open(own).first().map(|alert| alert.id.clone()),
                "nature": row.nature().name(),
                "severity": row.severity.and_then(alert_names::severity),
                "training": row.training.and_then(alert_names::training),
                "group": row.group.and_then(alert_names::group),
                "group_index": row.group_index,
                "location": row.location,
                "code": row.code.and_then(alert_names::code),
                "text": row.description,
                "text_hex": doubtful(bytes, charset),
                "time_ticks": row.time_ticks,
            })
        })
        .collect()
}

pub(super) fn status(table: &Table) -> Json {
    let device = codes::main_device(table);
    let read = codes::codes(table, device).unwrap_or_default();
    let errors = device.and_then(|device| table.at(mib::HR_PRINTER_DETECTED_ERROR_STATE, &[device]));
    json!({
        "device": read.device,
        "printer": read.printer,
        "errors": errors.map(standard::error_state),
        "outputs": trays::outputs(table).into_iter().map(|row| json!({
            "index": dotted(&row.index), "name": row.name.or(row.description),
            "max": row.max, "room_left": row.remaining, "status": row.status,
        })).collect::<Vec<_>>(),
    })
}

/// For recordings that hold a maker's objects and none of the printer MIB: a device id that says printer, or meters.
pub(super) fn is_a_makers_printer(profiles: &Profiles, table: &Table) -> bool {
    let profile = profiles.of(table);
    let says_printer = |id: &str| {
        let id = id.to_uppercase();
        id.contains("CLS:PRINTER") || id.contains("CLASS:PRINTER")
    };
    let no_system = table.at(mib::SYS_OBJECT_ID, mib::SCALAR).and_then(Value::oid).is_none();
    no_system
        && (identity::device_ids(table, &profile).iter().any(|(_, id)| says_printer(id))
            || !counters::meters(table, &profile).is_empty())
}
