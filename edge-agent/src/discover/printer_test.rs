//! Whether a device that answers SNMP is a printer, by RFC 3805.
//!
//! It is, if it has an object of the printer MIB's tables that only printers have: general, input, marker or supplies; or
//! if its host resources list a printer (RFC 2790). The latter does not count for agents of general purpose computers: a
//! print server lists its queues as printers.

use crate::snmp::client::Binds;
use crate::snmp::{Client, Oid, SnmpError, Table, Value, Version, fetch, mib};

/// Tables of the printer MIB of which one row makes a printer.
const TABLES: [&[u32]; 3] = [mib::PRT_GENERAL_ENTRY, mib::PRT_MARKER_ENTRY, mib::PRT_SUPPLIES_ENTRY];

/// sysObjectID of agents of computers: net-snmp, ucd-snmp, Microsoft, Sun, IBM, Apple.
const COMPUTERS: [u32; 6] = [8072, 2021, 311, 42, 2, 63];

/// Decides from a table of answers.
pub fn is_printer(table: &Table) -> bool {
    let in_mib = TABLES.iter().any(|entry| table.column(entry).next().is_some());
    in_mib || (lists_printers(table) && !is_computer(table.at(mib::SYS_OBJECT_ID, mib::SCALAR)))
}

/// Whether its host resources list a printer: a printer does, and a computer that shares one.
pub fn lists_printers(table: &Table) -> bool {
    table.column(mib::HR_DEVICE_TYPE).any(|(_, value)| is_printer_type(value))
}

fn is_printer_type(value: &Value) -> bool {
    value.oid().is_some_and(|kind| kind.arcs() == mib::HR_DEVICE_PRINTER)
}

/// Whether the agent of a general purpose computer answers.
pub fn is_computer(object_id: Option<&Value>) -> bool {
    object_id.and_then(Value::oid).and_then(Oid::enterprise).is_some_and(|number| COMPUTERS.contains(&number))
}

/// Asks a device, with one packet as a rule. `object_id` = what it answered as sysObjectID.
pub async fn ask(client: &mut Client, object_id: Option<&Value>) -> Result<bool, SnmpError> {
    let mut from: Vec<Oid> = TABLES.iter().map(|entry| Oid::new(entry)).collect();
    from.push(Oid::new(mib::HR_DEVICE_TYPE));
    let mut tries = 0;
    let binds: Binds = loop {
        match client.getnext(&from).await {
            Ok(binds) => break binds,
            // v1 complains about the first of them at the end of the MIB: ask one by one.
            Err(SnmpError::Status { .. }) if client.version() == Version::V1 => {
                break one_by_one(client, &from).await?;
            }
            Err(error @ SnmpError::NoAnswer) => {
                tries += 1;
                if tries > client.retries() {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    };
    let mut table: Table = collect(binds);
    if let Some(object_id) = object_id {
        table.insert(Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR), object_id.clone());
    }
    // The printer is not always the first device of the host.
    let has_devices = table.column(mib::HR_DEVICE_TYPE).next().is_some();
    if !is_printer(&table) && has_devices && !is_computer(object_id) {
        table.absorb(fetch::columns(client, &[mib::HR_DEVICE_TYPE]).await?.table);
    }
    Ok(is_printer(&table))
}

async fn one_by_one(client: &mut Client, from: &[Oid]) -> Result<Binds, SnmpError> {
    let mut binds = Vec::new();
    for oid in from {
        match client.getnext(std::slice::from_ref(oid)).await {
            Ok(more) => binds.extend(more),
            Err(SnmpError::Status { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(binds)
}

fn collect(binds: Binds) -> Table {
    let mut table = Table::default();
    for (oid, value) in binds {
        if let Some(value) = value {
            table.insert(oid, value);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object_id(arcs: &[u32]) -> Value {
        Value::Oid(Oid::of(mib::ENTERPRISES, arcs))
    }

    fn listed(index: u32) -> Table {
        let mut table = Table::default();
        table.insert(Oid::of(mib::HR_DEVICE_TYPE, &[index]), Value::Oid(Oid::new(mib::HR_DEVICE_PRINTER)));
        table
    }

    #[test]
    fn a_row_of_the_printer_mib_makes_a_printer() {
        let mut table = Table::default();
        assert!(!is_printer(&table));
        table.insert(Oid::of(mib::PRT_MARKER_LIFE_COUNT, &[1, 1]), Value::Unsigned(3));
        assert!(is_printer(&table));
    }

    #[test]
    fn a_computer_that_lists_a_print_queue_is_no_printer() {
        let mut table = listed(1280);
        assert!(is_printer(&table));
        table.insert(Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR), object_id(&[8072, 3, 2, 10]));
        assert!(!is_printer(&table));
    }

    #[tokio::test]
    async fn a_printer_that_is_not_the_first_device_of_its_host_is_found() {
        let mut table = listed(7);
        table.insert(Oid::of(mib::HR_DEVICE_TYPE, &[1]), Value::Oid(Oid::new(&[1, 3, 6, 1, 2, 1, 25, 3, 1, 1])));
        let mut client = Client::recorded(table);
        assert_eq!(ask(&mut client, Some(&object_id(&[367, 1]))).await, Ok(true));
    }
}
