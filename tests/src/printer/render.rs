//! A printer's state as its SNMP table: RFC 1213, RFC 2790, RFC 3805 and the private objects of `vendor`.
//! Pure; what a model lacks is absent, as on a real device.

use std::net::Ipv4Addr;

use super::alert::{Alert, Cause};
use super::life::Printer;
use super::mib::Mib;
use super::model::{AlertStyle, Charset, Color, LevelStyle, Model, SerialPlace, Supply, SupplyKind, Tray};
use super::oid::Oid;
use super::value::Value;
use super::vendor;

/// How to show a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// For ipAdEntAddr; absent if unknown.
    pub address: Option<Ipv4Addr>,
    /// All page counters read 0, as some devices do while they start.
    pub counters_at_zero: bool,
}

/// The table as it stands now.
#[must_use]
pub fn render(printer: &Printer, view: View) -> Mib {
    let mut sheet = Sheet { mib: Mib::default(), charset: printer.model().charset };
    system(&mut sheet, printer);
    interfaces(&mut sheet, printer, view.address);
    host_resources(&mut sheet, printer);
    general(&mut sheet, printer);
    trays(&mut sheet, printer);
    markers(&mut sheet, printer, view.counters_at_zero);
    supplies(&mut sheet, printer);
    console(&mut sheet, printer);
    alerts(&mut sheet, printer);
    vendor::render(&mut sheet, printer, view.counters_at_zero);
    sheet.mib
}

/// The table under construction.
#[derive(Debug)]
pub(super) struct Sheet {
    mib: Mib,
    charset: Charset,
}

impl Sheet {
    /// A value under mib-2 (1.3.6.1.2.1).
    pub(super) fn put(&mut self, arcs: &[u32], value: Value) {
        self.mib.put(Oid::new([&[1, 3, 6, 1, 2, 1], arcs].concat()), value);
    }

    /// A value under the private enterprises (1.3.6.1.4.1).
    pub(super) fn private(&mut self, arcs: &[u32], value: Value) {
        self.mib.put(Oid::new([&[1, 3, 6, 1, 4, 1], arcs].concat()), value);
    }

    /// Text in the charset of the device.
    pub(super) fn text(&self, text: &str) -> Value {
        Value::Octets(match self.charset {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
        })
    }
}

/// Fills `{product}` and `{serial}` into a template of the catalogue.
pub(super) fn fill(template: &str, printer: &Printer) -> String {
    template
        .replace("{product}", printer.model().product)
        .replace("{serial}", printer.serial().as_deref().unwrap_or_default())
}

/// The IEEE-1284 device id.
pub(super) fn device_id(printer: &Printer) -> String {
    let model = printer.model();
    let plain = model.product.strip_prefix(model.maker).map_or(model.product, str::trim_start);
    let serial = printer.serial().map(|s| format!("SN:{s};")).unwrap_or_default();
    if model.enterprise == 2001 {
        // long keys, as this maker writes them
        return format!("MANUFACTURE:OKI DATA CORP;COMMAND SET:PCL,PCLXL;MODEL:{plain};CLASS:PRINTER;");
    }
    format!("MFG:{};CMD:PJL,PCL,POSTSCRIPT;MDL:{plain};CLS:PRINTER;DES:{};{serial}", model.maker, model.product)
}

fn int(number: u32) -> Value {
    Value::Integer(number.cast_signed())
}

/// Hundredths of a second since the last start, wrapping as TimeTicks do.
#[expect(clippy::cast_possible_truncation, reason = "TimeTicks wrap after 497 days by definition")]
fn ticks(printer: &Printer, at: i64) -> u32 {
    (at - printer.boot()).max(0).wrapping_mul(100).cast_unsigned() as u32
}

fn system(sheet: &mut Sheet, printer: &Printer) {
    const PLACES: [&str; 6] = ["Empfang", "Büro 2. OG", "Größenlager", "Entrepôt nord", "Reception", "Señalización"];
    let model = printer.model();
    let place = PLACES.get(usize::from(printer.mac()[5]) % PLACES.len()).copied().unwrap_or_default();
    let name = printer.mac()[3..].iter().fold("PRN".to_owned(), |name, byte| format!("{name}{byte:02X}"));
    let named = |text: &str| if model.named { text.to_owned() } else { String::new() };
    let descr = sheet.text(&fill(model.sys_descr, printer));
    sheet.put(&[1, 1, 0], descr);
    sheet.put(&[1, 2, 0], Value::Oid(model.sys_object_id.parse().unwrap_or_else(|_| Oid::new([0, 0]))));
    sheet.put(&[1, 3, 0], Value::TimeTicks(ticks(printer, printer.now())));
    sheet.put(&[1, 4, 0], Value::text(""));
    let (name, place) = (sheet.text(&named(&name)), sheet.text(&named(place)));
    sheet.put(&[1, 5, 0], name);
    sheet.put(&[1, 6, 0], place);
    sheet.put(&[1, 7, 0], Value::Integer(72));
}

fn interfaces(sheet: &mut Sheet, printer: &Printer, address: Option<Ipv4Addr>) {
    let card = printer.model().if_index;
    sheet.put(&[2, 1, 0], int(card));
    for index in 1..=card {
        let ethernet = index == card;
        let row = |column| [2, 2, 1, column, index];
        sheet.put(&row(1), int(index));
        sheet.put(&row(2), Value::text(if ethernet { "Ethernet" } else { "lo" }));
        sheet.put(&row(3), Value::Integer(if ethernet { 6 } else { 24 }));
        sheet.put(&row(4), Value::Integer(1500));
        sheet.put(&row(5), Value::Gauge32(if ethernet { 100_000_000 } else { 0 }));
        sheet.put(&row(6), Value::Octets(if ethernet { printer.mac().to_vec() } else { Vec::new() }));
        sheet.put(&row(7), Value::Integer(1));
        sheet.put(&row(8), Value::Integer(1));
    }
    if let Some(address) = address {
        let row = |column: u32| [&[4, 20, 1, column], &address.octets().map(u32::from)[..]].concat();
        sheet.put(&row(1), Value::IpAddress(address.octets()));
        sheet.put(&row(2), int(card));
        sheet.put(&row(3), Value::IpAddress([255, 255, 255, 0]));
    }
}

fn host_resources(sheet: &mut Sheet, printer: &Printer) {
    let model = printer.model();
    let device = model.device_index;
    let stopped = printer.alerts().is_stopped();
    let warned = !printer.alerts().alerts().is_empty();
    for index in 1..device {
        sheet.put(&[25, 3, 2, 1, 1, index], int(index));
        sheet.put(&[25, 3, 2, 1, 2, index], Value::Oid(Oid::new([1, 3, 6, 1, 2, 1, 25, 3, 1, 4])));
        sheet.put(&[25, 3, 2, 1, 3, index], Value::text("Network interface"));
    }
    let row = |column| [25, 3, 2, 1, column, device];
    let descr = sheet.text(&fill(model.device_descr, printer));
    sheet.put(&row(1), int(device));
    sheet.put(&row(2), Value::Oid(Oid::new([1, 3, 6, 1, 2, 1, 25, 3, 1, 5])));
    sheet.put(&row(3), descr);
    sheet.put(&row(4), Value::Oid(Oid::new([0, 0])));
    // running(2), warning(3), down(5)
    let device_status = if stopped { 5 } else { 2 + i32::from(warned) };
    sheet.put(&row(5), Value::Integer(device_status));
    sheet.put(&row(6), Value::Counter32(printer.alerts().critical_events));
    // other(1), idle(3), printing(4), warmup(5)
    let warming = printer.now() - printer.boot() < 90;
    let status = match (stopped, warming, printer.is_printing()) {
        (true, _, _) => 1,
        (false, true, _) => 5,
        (false, false, true) => 4,
        (false, false, false) => 3,
    };
    sheet.put(&[25, 3, 5, 1, 1, device], Value::Integer(status));
    sheet.put(&[25, 3, 5, 1, 2, device], Value::Octets(error_state(printer)));
}

/// hrPrinterDetectedErrorState: bit 0 is the highest bit of the first octet (RFC 2790).
fn error_state(printer: &Printer) -> Vec<u8> {
    let model = printer.model();
    let bit = |alert: &Alert| match alert.cause {
        Cause::SupplyLow(_) => 2,
        Cause::SupplyOut(place) => match model.supplies.get(place).map(|s| s.kind) {
            Some(SupplyKind::Toner(_) | SupplyKind::Ink(_) | SupplyKind::Ribbon) => 3,
            _ => 7,
        },
        Cause::TrayEmpty(_) if alert.severity == super::alert::CRITICAL => 1,
        Cause::TrayEmpty(_) => 13,
        Cause::Jam => 5,
    };
    let bits = printer.alerts().alerts().iter().fold(0u16, |bits, alert| bits | (0x8000 >> bit(alert)));
    bits.to_be_bytes().into_iter().take(model.error_state_bytes).collect()
}

fn general(sheet: &mut Sheet, printer: &Printer) {
    let model = printer.model();
    let device = model.device_index;
    let row = |column| [43, 5, 1, 1, column, device];
    sheet.put(&row(1), Value::Counter32(printer.config_changes()));
    for column in [2, 6, 7, 8, 9, 10, 11] {
        sheet.put(&row(column), Value::Integer(1));
    }
    sheet.put(&row(3), Value::Integer(3));
    sheet.put(&row(12), Value::Integer(20));
    sheet.put(&row(13), int(model.console_rows));
    sheet.put(&row(14), Value::Integer(0));
    sheet.put(&row(15), Value::Integer(0));
    let name = sheet.text(model.product);
    sheet.put(&row(16), name);
    match model.serial {
        SerialPlace::Standard => sheet.put(&row(17), Value::text(printer.serial().unwrap_or_default())),
        SerialPlace::Placeholder(text) => sheet.put(&row(17), Value::text(text)),
        SerialPlace::Missing => {}
    }
    sheet.put(&row(18), Value::Counter32(printer.alerts().critical_events));
    sheet.put(&row(19), Value::Counter32(printer.alerts().all_events));
    sheet.put(&[43, 6, 1, 1, 2, device, 1], Value::text("Front Cover"));
    sheet.put(&[43, 6, 1, 1, 3, device, 1], Value::Integer(4));
    sheet.put(&[43, 7, 1, 1, 2, device, 1], Value::text("en"));
    sheet.put(&[43, 7, 1, 1, 3, device, 1], Value::text("US"));
    // IANA character sets: UTF-8 is 106, ISO 8859-1 is 4
    let charset = if model.charset == Charset::Utf8 { 106 } else { 4 };
    sheet.put(&[43, 7, 1, 1, 4, device, 1], Value::Integer(charset));
}

fn trays(sheet: &mut Sheet, printer: &Printer) {
    let device = printer.model().device_index;
    let trays: Vec<(&Tray, &u32)> = printer.model().trays.iter().zip(printer.sheets()).collect();
    for (tray, sheets) in trays {
        let row = |column| [43, 8, 2, 1, column, device, tray.index];
        let name = sheet.text(tray.name);
        let level = if tray.counts || *sheets == 0 { sheets.cast_signed() } else { -3 };
        sheet.put(&row(2), Value::Integer(3));
        sheet.put(&row(3), Value::Integer(3));
        sheet.put(&row(4), Value::Integer(2970));
        sheet.put(&row(5), Value::Integer(2100));
        sheet.put(&row(8), Value::Integer(8));
        sheet.put(&row(9), int(tray.sheets));
        sheet.put(&row(10), Value::Integer(level));
        sheet.put(&row(11), Value::Integer(if *sheets == 0 { 9 } else { 0 }));
        sheet.put(&row(12), Value::text("iso-a4-white"));
        sheet.put(&row(13), name.clone());
        sheet.put(&row(18), name);
    }
}

fn markers(sheet: &mut Sheet, printer: &Printer, zero: bool) {
    let model = printer.model();
    let device = model.device_index;
    let counts = printer.counts();
    let mut marker = |index: u32, life: u64, power_on: u64, colorants: i32| {
        let row = |column| [43, 10, 2, 1, column, device, index];
        sheet.put(&row(2), Value::Integer(model.mark_tech));
        // counter unit impressions(7)
        sheet.put(&row(3), Value::Integer(7));
        sheet.put(&row(4), Value::counter(if zero { 0 } else { life }));
        sheet.put(&row(5), Value::counter(if zero { 0 } else { power_on }));
        sheet.put(&row(6), Value::Integer(colorants));
        sheet.put(&row(7), Value::Integer(0));
        // dots per inch: unit tenThousandthsOfInches(3)
        sheet.put(&row(8), Value::Integer(3));
        sheet.put(&row(9), Value::Integer(600));
        sheet.put(&row(10), Value::Integer(600));
        sheet.put(&row(15), Value::Integer(if printer.is_printing() { 4 } else { 2 }));
    };
    marker(1, counts.total, printer.pages_since_boot(), if model.is_color() { 4 } else { 1 });
    if model.color_marker {
        marker(2, counts.color, printer.pages_since_boot().min(counts.color), 3);
    }
    let colors = [Color::Black, Color::Cyan, Color::Magenta, Color::Yellow];
    for color in colors.into_iter().take(if model.is_color() { 4 } else { 1 }) {
        let row = |column| [43, 12, 1, 1, column, device, color.index()];
        sheet.put(&row(2), Value::Integer(1));
        sheet.put(&row(3), Value::Integer(3));
        sheet.put(&row(4), Value::text(color.name()));
        sheet.put(&row(5), Value::Integer(2));
    }
}

fn supplies(sheet: &mut Sheet, printer: &Printer) {
    let device = printer.model().device_index;
    for (place, (spec, state)) in printer.model().supplies.iter().zip(printer.supplies()).enumerate() {
        let row = |column| [43, 11, 1, 1, column, device, spec.index];
        let (unit, max, level) = level(spec, state.pages, state.left);
        let name = sheet.text(&spec.name.replace("{cartridge}", &printer.cartridge_serial(place)));
        sheet.put(&row(2), Value::Integer(1));
        sheet.put(&row(3), int(spec.kind.color().map_or(0, Color::index)));
        sheet.put(&row(4), Value::Integer(spec.kind.class_code()));
        sheet.put(&row(5), Value::Integer(spec.kind.type_code()));
        sheet.put(&row(6), name);
        if spec.level != LevelStyle::NoMax {
            sheet.put(&row(7), Value::Integer(unit));
            sheet.put(&row(8), Value::Integer(max));
        }
        sheet.put(&row(9), Value::Integer(level));
    }
}

/// (unit, maximum, level) as prtMarkerSupplies shows them; for a receptacle the level is the room left (RFC 3805).
#[must_use]
pub fn level(spec: &Supply, pages: u32, left: u64) -> (i32, i32, i32) {
    let small = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
    let whole = u64::from(pages.max(1)) * 1000;
    // a device says 0 only when it is empty
    let share = |of: u64| if left == 0 { 0 } else { small((left * of / whole).max(1)) };
    match spec.level {
        LevelStyle::Percent => (19, 100, share(100)),
        LevelStyle::Coarse(step) => {
            let exact = share(100);
            let stepped = exact / step.cast_signed() * step.cast_signed();
            (19, 100, if left == 0 { 0 } else { stepped.max(1) })
        }
        LevelStyle::Pages => (7, pages.cast_signed(), share(u64::from(pages))),
        LevelStyle::Grams => (13, (pages / 10).cast_signed(), share(u64::from(pages / 10))),
        LevelStyle::Some => (19, -2, if left == 0 { 0 } else { -3 }),
        LevelStyle::Unknown => (2, -2, -2),
        LevelStyle::MaxUnknown => (19, -2, share(100)),
        LevelStyle::NoMax => (0, 0, share(100)),
    }
}

fn console(sheet: &mut Sheet, printer: &Printer) {
    let model = printer.model();
    let state = if printer.is_printing() { "Printing" } else { "Ready" };
    let mut rows = vec![state.to_owned()];
    rows.extend(printer.alerts().alerts().iter().rev().map(|alert| alert.text.clone()));
    if printer.alerts().is_stopped() {
        rows.remove(0);
    }
    for row in 1..=model.console_rows {
        let text = usize::try_from(row - 1).ok().and_then(|place| rows.get(place)).map_or("", String::as_str);
        let text = sheet.text(text);
        sheet.put(&[43, 16, 5, 1, 2, model.device_index, row], text);
    }
}

fn alerts(sheet: &mut Sheet, printer: &Printer) {
    let model: &Model = printer.model();
    if model.alerts == AlertStyle::None {
        return;
    }
    for alert in printer.alerts().alerts() {
        let row = |column| [43, 18, 1, 1, column, model.device_index, alert.index];
        sheet.put(&row(2), Value::Integer(alert.severity));
        sheet.put(&row(3), Value::Integer(alert.training));
        sheet.put(&row(4), Value::Integer(alert.group));
        sheet.put(&row(5), int(alert.group_index));
        sheet.put(&row(6), Value::Integer(-2));
        sheet.put(&row(7), Value::Integer(alert.code));
        if model.alerts == AlertStyle::Full {
            let text = sheet.text(&alert.text);
            sheet.put(&row(8), text);
        }
        sheet.put(&row(9), Value::TimeTicks(ticks(printer, alert.since)));
    }
}

#[cfg(test)]
mod tests;
