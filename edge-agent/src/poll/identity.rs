//! Who a device is: maker and model as it says them, serial number, hardware address.
//!
//! Pure. Raw strings only: the key of a device is derived in the cloud (`schemas::device`). A placeholder is passed on as
//! it is, so that the rules about placeholders stand in one place.

use schemas::wire::Device;

use super::profile::Profile;
use super::status;
use super::text::{label, mac};
use crate::snmp::{Oid, Table, mib};

/// An interface with a hardware address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// ifIndex.
    pub index: Vec<u32>,
    /// ifType.
    pub kind: Option<i64>,
    pub mac: String,
}

/// Serial number and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    pub text: String,
    pub oid: Oid,
    pub basis: SerialBasis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerialBasis {
    /// prtGeneralSerialNumber, RFC 3805.
    PrinterMib,
    /// An object of the maker.
    Vendor,
    /// entPhysicalSerialNum, RFC 2737.
    EntityMib,
}

pub fn device(table: &Table, profile: &Profile) -> Device {
    let ids = device_ids(table, profile);
    let part = |keys: [&str; 2]| ids.iter().find_map(|(_, id)| id_part(id, keys)).unwrap_or_default();
    let model = part(["MDL", "MODEL"]);
    Device {
        enterprise: enterprise(table),
        maker: part(["MFG", "MANUFACTURER"]),
        model: if model.is_empty() { described(table) } else { model },
        serial: serial(table, profile).map(|serial| serial.text).unwrap_or_default(),
        mac: main_interface(table).map(|(_, mac)| mac).unwrap_or_default(),
    }
}

/// The number after 1.3.6.1.4.1 in sysObjectID.
pub fn enterprise(table: &Table) -> Option<u32> {
    table.at(mib::SYS_OBJECT_ID, mib::SCALAR)?.oid()?.enterprise()
}

/// The serial number: the standard's object, then the maker's own, then the first of the entity MIB.
pub fn serial(table: &Table, profile: &Profile) -> Option<Serial> {
    let standard = table
        .column(mib::PRT_GENERAL_SERIAL_NUMBER)
        .map(|(index, _)| (Oid::of(mib::PRT_GENERAL_SERIAL_NUMBER, index), SerialBasis::PrinterMib));
    let vendor = profile.serials.iter().map(|oid| (oid.clone(), SerialBasis::Vendor));
    let entity = table
        .column(mib::ENT_PHYSICAL_SERIAL_NUM)
        .map(|(index, _)| (Oid::of(mib::ENT_PHYSICAL_SERIAL_NUM, index), SerialBasis::EntityMib));
    standard.chain(vendor).chain(entity).find_map(|(oid, basis)| {
        let text = label(table.get(oid.arcs())?.bytes()?);
        (!text.is_empty()).then_some(Serial { text, oid, basis })
    })
}

/// Whether the standard's serial number is there, so that no other object has to be asked.
pub fn has_standard_serial(table: &Table) -> bool {
    table
        .column(mib::PRT_GENERAL_SERIAL_NUMBER)
        .any(|(_, value)| value.bytes().is_some_and(|bytes| !label(bytes).is_empty()))
}

/// Interfaces that have a hardware address, in order.
pub fn interfaces(table: &Table) -> Vec<Interface> {
    table
        .column(mib::IF_PHYS_ADDRESS)
        .filter_map(|(index, value)| {
            let kind = table.number(mib::IF_TYPE, index);
            Some(Interface { index: index.to_vec(), kind, mac: mac(value.bytes()?)? })
        })
        .collect()
}

/// The interface whose address names the device: the first Ethernet (ifType 6, or 7 as some makers say), else the first
/// that is not a loopback (24).
pub fn main_interface(table: &Table) -> Option<(Vec<u32>, String)> {
    let interfaces = interfaces(table);
    let ethernet = interfaces.iter().find(|interface| matches!(interface.kind, Some(6 | 7)));
    let any = || interfaces.iter().find(|interface| interface.kind != Some(24));
    ethernet.or_else(any).map(|interface| (interface.index.clone(), interface.mac.clone()))
}

/// IEEE 1284 device ids that the device holds, with their objects.
pub fn device_ids(table: &Table, profile: &Profile) -> Vec<(Oid, String)> {
    let port = table
        .column(mib::PPM_PORT_IEEE1284_DEVICE_ID)
        .map(|(index, _)| Oid::of(mib::PPM_PORT_IEEE1284_DEVICE_ID, index));
    port.chain(profile.device_ids.iter().cloned())
        .filter_map(|oid| {
            let id = label(table.get(oid.arcs())?.bytes()?);
            id.contains(':').then_some((oid, id))
        })
        .collect()
}

/// A field of an IEEE 1284 device id: `KEY:value;`, keys in any case.
fn id_part(id: &str, keys: [&str; 2]) -> Option<String> {
    id.split(';').find_map(|field| {
        let (key, value) = field.split_once(':')?;
        let value = value.trim();
        (keys.iter().any(|wanted| wanted.eq_ignore_ascii_case(key.trim())) && !value.is_empty())
            .then(|| value.to_owned())
    })
}

/// What the device calls itself: hrDeviceDescr of the printer, prtGeneralPrinterName, sysDescr.
fn described(table: &Table) -> String {
    let device = status::main_device(table).unwrap_or(1);
    [(mib::HR_DEVICE_DESCR, device), (mib::PRT_GENERAL_PRINTER_NAME, device), (mib::SYS_DESCR, 0)]
        .into_iter()
        .filter_map(|(object, index)| table.bytes(object, &[index]).map(label))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Value;

    fn bytes(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn the_standard_serial_wins_over_the_makers_own_and_the_entity_mib_comes_last() {
        let profile = Profile::of(Some(1347));
        let mut table = Table::default();
        table.insert(Oid::of(mib::ENT_PHYSICAL_SERIAL_NUM, &[1]), bytes("ENTITY"));
        assert_eq!(serial(&table, &profile).map(|serial| serial.text).as_deref(), Some("ENTITY"));
        table.insert(profile.serials[0].clone(), bytes("VENDOR"));
        assert_eq!(serial(&table, &profile).map(|serial| serial.basis), Some(SerialBasis::Vendor));
        table.insert(Oid::of(mib::PRT_GENERAL_SERIAL_NUMBER, &[1]), bytes("\0 \0"));
        assert_eq!(serial(&table, &profile).map(|serial| serial.text).as_deref(), Some("VENDOR"));
        table.insert(Oid::of(mib::PRT_GENERAL_SERIAL_NUMBER, &[1]), bytes("STANDARD\0"));
        assert_eq!(serial(&table, &profile).map(|serial| serial.text).as_deref(), Some("STANDARD"));
    }

    #[test]
    fn the_first_real_interface_names_the_device() {
        let mut table = Table::default();
        for (index, kind, mac) in
            [(1, 24, [2, 0, 0, 0, 0, 9]), (2, 6, [0; 6]), (3, 71, [2, 0, 0, 0, 0, 1]), (4, 6, [2, 0, 0, 0, 0, 2])]
        {
            table.insert(Oid::of(mib::IF_TYPE, &[index]), Value::Integer(kind));
            table.insert(Oid::of(mib::IF_PHYS_ADDRESS, &[index]), Value::Bytes(mac.to_vec()));
        }
        assert_eq!(main_interface(&table), Some((vec![4], "02:00:00:00:00:02".into())));
    }

    #[test]
    fn maker_and_model_come_from_the_device_id_and_the_model_else_from_the_description() {
        let profile = Profile::of(Some(2435));
        let mut table = Table::default();
        table.insert(Oid::of(mib::HR_DEVICE_DESCR, &[1]), bytes("Brother HL-L8260CDW series"));
        assert_eq!(device(&table, &profile).model, "Brother HL-L8260CDW series");
        table.insert(
            Oid::of(mib::PPM_PORT_IEEE1284_DEVICE_ID, &[1]),
            bytes("MANUFACTURER:Brother;CMD:PJL;MDL:HL-L8260CDW series;CLS:PRINTER;"),
        );
        let device = device(&table, &profile);
        assert_eq!((device.maker.as_str(), device.model.as_str()), ("Brother", "HL-L8260CDW series"));
    }
}
