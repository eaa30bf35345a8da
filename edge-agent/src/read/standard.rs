//! What the standards' objects say, unchanged: RFC 1213, 2790 and 3805.

use serde_json::{Map, Value as Json, json};

use crate::poll::profile::Profile;
use crate::poll::text::text;
use crate::poll::{alerts, console, counters, identity, status, supplies, trays};
use crate::snmp::oid::dotted;
use crate::snmp::{Oid, Table, Value, mib};

pub(super) fn rfc(table: &Table) -> Json {
    json!({
        "sys": {
            "descr": scalar(table, mib::SYS_DESCR),
            "object_id": table.at(mib::SYS_OBJECT_ID, mib::SCALAR).and_then(Value::oid).map(Oid::to_string),
            "contact": scalar(table, mib::SYS_CONTACT),
            "name": scalar(table, mib::SYS_NAME),
            "location": scalar(table, mib::SYS_LOCATION),
            "uptime_ticks": table.number(mib::SYS_UP_TIME, mib::SCALAR),
        },
        "macs": identity::interfaces(table).into_iter().map(|interface| json!({
            "if_index": interface.index.first(), "if_type": interface.kind, "mac": interface.mac,
        })).collect::<Vec<_>>(),
        "ips": ips(table),
        "hr_devices": hr_devices(table),
        "hr_printer_devices": status::printer_devices(table),
        "hr_printer_status": by_device(table, mib::HR_PRINTER_STATUS, |value| json!(value.number())),
        "hr_printer_detected_error_state": by_device(table, mib::HR_PRINTER_DETECTED_ERROR_STATE, error_state),
        "printer_name": by_device(table, mib::PRT_GENERAL_PRINTER_NAME, |value| json!(value.bytes().map(text))),
        "serial": by_device(table, mib::PRT_GENERAL_SERIAL_NUMBER, |value| json!(value.bytes().map(text))),
        "localization": table.column(mib::PRT_LOCALIZATION_CHARACTER_SET)
            .map(|(index, value)| json!({ "index": dotted(index), "charset": value.number() }))
            .collect::<Vec<_>>(),
        "markers": counters::markers(table).into_iter().map(marker).collect::<Vec<_>>(),
        "supplies": supplies::rows(table).iter().map(supply).collect::<Vec<_>>(),
        "alerts": alerts::rows(table).into_iter().map(alert).collect::<Vec<_>>(),
        "inputs": trays::rows(table).into_iter().map(input).collect::<Vec<_>>(),
        "console": console(table, &Profile::default()),
    })
}

pub(super) fn scalar(table: &Table, object: &[u32]) -> Option<String> {
    table.bytes(object, mib::SCALAR).map(text)
}

fn ips(table: &Table) -> Vec<String> {
    table
        .column(mib::IP_AD_ENT_ADDR)
        .filter_map(|(_, value)| match value {
            Value::Ip(octets) => Some(std::net::Ipv4Addr::from(*octets)),
            _ => None,
        })
        .filter(|address| !address.is_loopback() && !address.is_unspecified())
        .map(|address| address.to_string())
        .collect()
}

fn hr_devices(table: &Table) -> Vec<Json> {
    table
        .rows(&[mib::HR_DEVICE_TYPE, mib::HR_DEVICE_DESCR])
        .iter()
        .map(|index| {
            json!({
                "index": index.first(),
                "type": table.at(mib::HR_DEVICE_TYPE, index).and_then(Value::oid).map(Oid::to_string),
                "descr": table.bytes(mib::HR_DEVICE_DESCR, index).map(text),
                "status": table.number(mib::HR_DEVICE_STATUS, index),
            })
        })
        .collect()
}

fn by_device(table: &Table, column: &[u32], show: impl Fn(&Value) -> Json) -> Map<String, Json> {
    table.column(column).map(|(index, value)| (dotted(index), show(value))).collect()
}

pub(super) fn error_state(value: &Value) -> Json {
    let bytes = value.bytes().unwrap_or_default();
    let bits = status::error_bits(bytes);
    let names: Vec<String> = (0..32)
        .filter(|bit| bits & (1 << bit) != 0)
        .map(|bit| mib::error_bit(bit).map_or_else(|| format!("bit{bit}"), str::to_owned))
        .collect();
    json!({ "hex": hex::encode(bytes), "bits": names })
}

fn marker(marker: counters::MarkerRow) -> Json {
    json!({
        "index": dotted(&marker.index),
        "mark_tech": marker.mark_tech,
        "counter_unit": marker.counter_unit.and_then(mib::counter_unit),
        "life_count": marker.life_count,
        "power_on_count": marker.power_on_count,
        "process_colorants": marker.process_colorants,
        "status": marker.status,
    })
}

fn supply(row: &supplies::SupplyRow) -> Json {
    json!({
        "index": dotted(&row.index),
        "marker_index": row.marker_index,
        "colorant_index": row.colorant_index,
        "colorant": row.colorant,
        "class": row.class.and_then(mib::supply_class),
        "type": row.kind.and_then(mib::supply_type),
        "description": row.description,
        "unit": row.unit.and_then(mib::supply_unit),
        "max": row.max,
        "level": row.level,
        "level_state": row.level_state().name(),
        "percent": row.basis_points().map(percent),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a percentage that is shown; amounts stay integers everywhere else")]
pub(super) fn percent(basis_points: i64) -> f64 {
    basis_points as f64 / 100.0
}

fn alert(row: alerts::AlertRow) -> Json {
    json!({
        "index": dotted(&row.index),
        "severity": row.severity,
        "training": row.training,
        "group": row.group,
        "group_index": row.group_index,
        "location": row.location,
        "code": row.code,
        "description": row.description,
        "time_ticks": row.time_ticks,
    })
}

fn input(row: trays::TrayRow) -> Json {
    json!({
        "index": dotted(&row.index),
        "capacity_unit": row.capacity_unit,
        "max": row.max,
        "level": row.level,
        "status": row.status,
        "media": row.media,
        "name": row.name,
        "description": row.description,
    })
}
