//! Who a device is: maker and model as it says them, serial number, hardware address.
//!
//! Pure. The key of a device is derived in the cloud (`schemas::device`). A placeholder is passed on as it is where nothing
//! better is there, so that the rules about placeholders stand in one place. Maker and model are seen through imitations:
//! what a device says of itself comes before whose network card answers.

use schemas::device::normal_serial;
use schemas::maker;
use schemas::wire::Device;

use super::device_id::DeviceId;
use super::profile::{Profile, once};
use super::status;
use super::text::{label, mac, pml};
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
    /// `SN:` or `S/N` inside sysDescr.
    Description,
    /// `SN:` or `SER:` inside an IEEE 1284 device id.
    DeviceId,
}

impl SerialBasis {
    pub fn name(self) -> &'static str {
        match self {
            Self::PrinterMib => "prtGeneralSerialNumber",
            Self::Vendor => "vendor-object",
            Self::EntityMib => "entPhysicalSerialNum",
            Self::Description => "sysDescr",
            Self::DeviceId => "ieee1284",
        }
    }
}

pub fn device(table: &Table, profile: &Profile) -> Device {
    let slug = slug(table, profile);
    let stated = device_ids(table, profile).iter().find_map(|(_, id)| DeviceId::parse(id).maker().map(str::to_owned));
    Device {
        enterprise: enterprise(table),
        maker: if slug == maker::UNKNOWN { stated.unwrap_or_default() } else { maker::name(slug).to_owned() },
        model: model(table, profile, slug),
        serial: serial(table, profile).map(|serial| serial.text).unwrap_or_default(),
        mac: main_interface(table).map(|(_, mac)| mac).unwrap_or_default(),
    }
}

/// The number after 1.3.6.1.4.1 in sysObjectID.
pub fn enterprise(table: &Table) -> Option<u32> {
    table.at(mib::SYS_OBJECT_ID, mib::SCALAR)?.oid()?.enterprise()
}

/// The maker's slug: the first that the device names, else that of its enterprise number.
fn slug(table: &Table, profile: &Profile) -> &'static str {
    let names = names(table, profile);
    maker::slug_of(enterprise(table), names.iter().map(String::as_str))
}

/// Everything in which a device names its maker or model, the surest first.
fn names(table: &Table, profile: &Profile) -> Vec<String> {
    let ids = device_ids(table, profile);
    let makers = ids.iter().filter_map(|(_, id)| DeviceId::parse(id).maker().map(str::to_owned));
    let models = ids.iter().filter_map(|(_, id)| DeviceId::parse(id).model().map(str::to_owned));
    let objects = profile.models().into_iter().filter_map(|oid| Some(pml(table.get(oid.arcs())?.bytes()?)));
    once(makers.chain(models).chain(objects).chain(descriptions(table)).filter(|text| !text.is_empty()))
}

/// What the device calls itself: hrDeviceDescr of the printer, prtGeneralPrinterName, what sysDescr says.
fn descriptions(table: &Table) -> Vec<String> {
    let device = status::main_device(table).unwrap_or(1);
    let system = table.bytes(mib::SYS_DESCR, mib::SCALAR).map(label).unwrap_or_default();
    // JetDirect cards, and who imitates them, describe the card and may name the printer in a field.
    let system = if system.to_uppercase().starts_with("HP ETHERNET MULTI-ENVIRONMENT") {
        described_field(&system, "PID").unwrap_or_default()
    } else {
        attached(&system).unwrap_or(system)
    };
    let object = |object: &[u32]| table.bytes(object, &[device]).map(label).unwrap_or_default();
    vec![object(mib::HR_DEVICE_DESCR), system, object(mib::PRT_GENERAL_PRINTER_NAME)]
}

/// `…,SN:VNCRC48198,FN:…,PID:HP LaserJet MFP M130nw`: the value of one field of a JetDirect card's sysDescr.
pub fn described_field(description: &str, key: &str) -> Option<String> {
    description.split([',', ';']).find_map(|field| {
        let (own, value) = field.trim().split_once(':')?;
        (own.eq_ignore_ascii_case(key) && !value.trim().is_empty()).then(|| value.trim().to_owned())
    })
}

/// `OKI OkiLAN 9450g …: Attached to MC873 Rev.07.87 : …`: the printer behind the card.
fn attached(description: &str) -> Option<String> {
    let (card, rest) = description.split_once("Attached to ")?;
    let printer = rest.split(" Rev").next()?.trim();
    let maker = card.split_whitespace().next()?;
    (!printer.is_empty()).then(|| format!("{maker} {printer}"))
}

/// The model without its maker's name: an object of the maker, the full name in the device id, its model, or the
/// description. Empty if the device says nothing.
fn model(table: &Table, profile: &Profile, slug: &str) -> String {
    let objects = profile.models().into_iter().filter_map(|oid| Some(pml(table.get(oid.arcs())?.bytes()?)));
    let ids = device_ids(table, profile);
    let in_ids = ids.iter().filter_map(|(_, id)| DeviceId::parse(id).model().map(str::to_owned));
    let said: Vec<String> =
        objects.chain(in_ids).chain(descriptions(table)).map(|text| plain_model(&text, slug)).collect();
    let first = said.iter().find(|text| !text.is_empty()).cloned().unwrap_or_default();
    let Some(series) = series(&first) else { return first };
    let member = |text: &&String| {
        series_of(text, series) && text.split_whitespace().count() <= series.split_whitespace().count()
    };
    said.iter().find(member).cloned().unwrap_or_else(|| series.to_owned())
}

/// `M408x Series` is a family: what is before the word.
fn series(model: &str) -> Option<&str> {
    let shorter = model.get(..model.len().checked_sub(7)?)?;
    model.to_lowercase().ends_with(" series").then_some(shorter)
}

/// Whether a model is one of a family: it begins like it, and is no family itself.
fn series_of(model: &str, family: &str) -> bool {
    let beginning: String = family.trim_end_matches(['x', 'X']).to_lowercase();
    beginning.len() >= 3 && series(model).is_none() && model.to_lowercase().starts_with(&beginning)
}

/// A model without the maker before it and the remarks behind it.
fn plain_model(text: &str, slug: &str) -> String {
    let head = text.split([';', '\n']).next().unwrap_or_default();
    let head = head.split(" / ").next().unwrap_or_default().trim().trim_end_matches(" /P");
    let model = maker::without(head, slug).trim();
    model.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The serial number: the standard's object, then the maker's own, the entity MIB, and what is said inside other texts. One
/// that tells devices apart comes before a placeholder.
pub fn serial(table: &Table, profile: &Profile) -> Option<Serial> {
    let found = serials(table, profile);
    let telling = found.iter().position(|serial| normal_serial(&serial.text).is_some());
    found.into_iter().nth(telling.unwrap_or(0))
}

/// All that are there, in the order of trust.
fn serials(table: &Table, profile: &Profile) -> Vec<Serial> {
    let standard = table
        .column(mib::PRT_GENERAL_SERIAL_NUMBER)
        .map(|(index, _)| (Oid::of(mib::PRT_GENERAL_SERIAL_NUMBER, index), SerialBasis::PrinterMib));
    let vendor = profile.serials().into_iter().map(|oid| (oid, SerialBasis::Vendor));
    let entity = table
        .column(mib::ENT_PHYSICAL_SERIAL_NUM)
        .map(|(index, _)| (Oid::of(mib::ENT_PHYSICAL_SERIAL_NUM, index), SerialBasis::EntityMib));
    let objects = standard.chain(vendor).chain(entity).filter_map(|(oid, basis)| {
        let text = pml(table.get(oid.arcs())?.bytes()?);
        (!text.is_empty()).then_some(Serial { text, oid, basis })
    });
    let described = table.bytes(mib::SYS_DESCR, mib::SCALAR).map(label).and_then(|text| {
        let text = described_field(&text, "SN").or_else(|| after_mark(&text))?;
        Some(Serial { text, oid: Oid::of(mib::SYS_DESCR, mib::SCALAR), basis: SerialBasis::Description })
    });
    let in_ids = device_ids(table, profile).into_iter().filter_map(|(oid, id)| {
        let text = DeviceId::parse(&id).serial()?.to_owned();
        Some(Serial { text, oid, basis: SerialBasis::DeviceId })
    });
    objects.chain(described).chain(in_ids).collect()
}

/// `…;S/N Z7BQBJAC500123`
fn after_mark(text: &str) -> Option<String> {
    let rest = text.split("S/N").nth(1)?.trim_start_matches([' ', ':']);
    let serial = rest.split([' ', ';', ',']).next()?.trim();
    (!serial.is_empty()).then(|| serial.to_owned())
}

/// Serial numbers in the maker's objects, for people.
pub fn vendor_serials(table: &Table, profile: &Profile) -> Vec<(Oid, String)> {
    texts(table, profile.serials())
}

/// Firmware in the maker's objects, for people.
pub fn firmware_objects(table: &Table, profile: &Profile) -> Vec<(Oid, String)> {
    texts(table, profile.firmware().into_iter().map(|(_, oid)| oid).collect())
}

fn texts(table: &Table, oids: Vec<Oid>) -> Vec<(Oid, String)> {
    oids.into_iter()
        .filter_map(|oid| {
            let text = pml(table.get(oid.arcs())?.bytes()?);
            (!text.is_empty()).then_some((oid, text))
        })
        .collect()
}

/// Firmware by part: (part, version), from the maker's objects and its table.
pub fn firmware(table: &Table, profile: &Profile) -> Vec<(String, String)> {
    let text =
        |oid: &Oid| table.get(oid.arcs()).and_then(|value| value.bytes()).map(pml).filter(|text| !text.is_empty());
    let objects = profile.firmware().into_iter().filter_map(|(part, oid)| Some((part, text(&oid)?)));
    let rows = profile.firmware_table().into_iter().flat_map(|columns| {
        table.column(columns.name.arcs()).filter_map(|(index, name)| {
            let name = label(name.bytes()?);
            let version = text(&Oid::of(columns.version.arcs(), index))?;
            // One maker keeps the serial number among them, another writes a dash for what is not fitted.
            (!name.to_lowercase().contains("serial") && version != "-").then_some((name, version))
        })
    });
    once(objects.chain(rows)).into_iter().take(32).collect()
}

/// Host name: sysName, else where the maker keeps it.
pub fn host_name(table: &Table, profile: &Profile) -> Option<String> {
    let system = table.bytes(mib::SYS_NAME, mib::SCALAR).map(label).filter(|text| !text.is_empty());
    system.or_else(|| texts(table, profile.host_names()).into_iter().next().map(|(_, text)| text))
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
    device_ids_at(table, &profile.device_ids())
}

/// The same at the port monitor MIB and at `places`.
pub fn device_ids_at(table: &Table, places: &[Oid]) -> Vec<(Oid, String)> {
    let port = table
        .column(mib::PPM_PORT_IEEE1284_DEVICE_ID)
        .map(|(index, _)| Oid::of(mib::PPM_PORT_IEEE1284_DEVICE_ID, index));
    once(port.chain(places.iter().cloned()))
        .into_iter()
        .filter_map(|oid| {
            let id = label(table.get(oid.arcs())?.bytes()?);
            id.contains(':').then_some((oid, id))
        })
        .collect()
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
