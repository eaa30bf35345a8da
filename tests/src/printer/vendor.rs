//! Private objects of some makers: the counters beyond RFC 3805's total, which the standard has no object for.
//! Object identifiers and meanings are those of the project's notes on vendor objects. One simplification: on every
//! device the private total equals prtMarkerLifeCount (real Kyocera devices differ by a percent or two).

use super::life::{Counts, Printer};
use super::model::Vendor;
use super::render::{Sheet, device_id};
use super::value::Value;

pub(super) fn render(sheet: &mut Sheet, printer: &Printer, zero: bool) {
    let model = printer.model();
    let counts = if zero { Counts::default() } else { printer.counts() };
    if model.id_at_hp {
        sheet.private(&[11, 2, 3, 9, 1, 1, 7, 0], Value::text(device_id(printer)));
    }
    if model.id_at_pwg {
        sheet.private(&[2699, 1, 2, 1, 2, 1, 1, 2, 1], Value::text(model.product));
        sheet.private(&[2699, 1, 2, 1, 2, 1, 1, 3, 1], Value::text(device_id(printer)));
    }
    match model.vendor {
        Vendor::None => {}
        Vendor::Hp => hp(sheet, printer, &counts),
        Vendor::Kyocera => kyocera(sheet, printer, &counts),
        Vendor::KonicaMinolta => konica_minolta(sheet, printer, &counts),
        Vendor::Sharp => sharp(sheet, printer, &counts),
        Vendor::Xerox => xerox(sheet, &counts),
        Vendor::Ricoh => ricoh(sheet, printer, &counts),
        Vendor::Brother => brother(sheet, printer, &counts),
        Vendor::Canon => canon(sheet, printer, &counts),
        Vendor::Oki => sheet.private(&[2001, 1, 1, 1, 1, 100, 1, 1, 1, 3, 1], int(counts.total)),
    }
}

fn int(count: u64) -> Value {
    Value::Integer(i32::try_from(count).unwrap_or(i32::MAX))
}

/// PML objects: total, mono, colour, duplex; flatbed scans; names as 01 15 and text.
fn hp(sheet: &mut Sheet, printer: &Printer, counts: &Counts) {
    let pml = |text: &str| Value::Octets([&[0x01, 0x15], text.as_bytes()].concat());
    let counter = |number: u32| [11, 2, 3, 9, 4, 2, 1, 4, 1, 2, number, 0];
    sheet.private(&[11, 2, 3, 9, 4, 2, 1, 1, 3, 2, 0], pml(printer.model().product));
    if let Some(serial) = printer.serial() {
        sheet.private(&[11, 2, 3, 9, 4, 2, 1, 1, 3, 3, 0], pml(&serial));
    }
    sheet.private(&counter(5), int(counts.total));
    sheet.private(&counter(6), int(counts.mono()));
    if printer.model().is_color() {
        sheet.private(&counter(7), int(counts.color));
    }
    sheet.private(&counter(22), int(counts.duplex));
    if counts.scan > 0 {
        sheet.private(&[11, 2, 3, 9, 4, 2, 1, 2, 2, 1, 74, 0], int(counts.scan));
    }
}

/// Total; print, copy, fax; function × colour; scans; model, serial and host name.
fn kyocera(sheet: &mut Sheet, printer: &Printer, counts: &Counts) {
    let serial = printer.serial().unwrap_or_default();
    sheet.private(&[1347, 43, 5, 1, 1, 1, 1], Value::text(printer.model().product));
    sheet.private(&[1347, 43, 5, 1, 1, 28, 1], Value::text(&serial));
    sheet.private(&[1347, 43, 5, 4, 1, 5, 1, 1], Value::text("2TS_S000.002.124"));
    sheet.private(&[1347, 40, 10, 1, 1, 5, 1], Value::text(format!("KM{}", &serial[serial.len().saturating_sub(6)..])));
    sheet.private(&[1347, 43, 10, 1, 1, 12, 1, 1], int(counts.total));
    sheet.private(&[1347, 46, 10, 1, 1, 5, 3], int(counts.scan));
    let functions =
        [(1, counts.print(), counts.print_color()), (2, counts.copy, counts.copy_color), (4, counts.fax, 0)];
    for (function, pages, color) in functions {
        sheet.private(&[1347, 42, 3, 1, 1, 1, 1, function], int(pages));
        sheet.private(&[1347, 42, 3, 1, 2, 1, 1, function, 1], int(pages - color));
        sheet.private(&[1347, 42, 3, 1, 2, 1, 1, function, 2], int(0));
        sheet.private(&[1347, 42, 3, 1, 2, 1, 1, function, 3], int(color));
    }
    for (row, name, pages) in [(1, "A3", counts.a3), (3, "A4", counts.total - counts.a3)] {
        sheet.private(&[1347, 42, 2, 1, 1, 1, 2, 1, row], Value::text(name));
        sheet.private(&[1347, 42, 2, 1, 1, 1, 6, 1, row], int(pages));
    }
}

/// Total, duplex; copy and print by colour (fax counts as mono print); scans.
fn konica_minolta(sheet: &mut Sheet, printer: &Printer, counts: &Counts) {
    const ROOT: [u32; 5] = [18_334, 1, 1, 1, 5];
    sheet.private(&[18_334, 1, 1, 1, 1, 6, 2, 1, 0], Value::text(printer.model().product));
    let mut put = |object: &[u32], count: u64| sheet.private(&[&ROOT, object].concat(), int(count));
    put(&[7, 2, 1, 1, 0], counts.total);
    put(&[7, 2, 1, 3, 0], counts.duplex);
    put(&[7, 2, 2, 1, 5, 1, 1], counts.copy - counts.copy_color);
    put(&[7, 2, 2, 1, 5, 1, 2], counts.print() + counts.fax - counts.print_color());
    put(&[7, 2, 2, 1, 5, 2, 1], counts.copy_color);
    put(&[7, 2, 2, 1, 5, 2, 2], counts.print_color());
    put(&[7, 2, 3, 1, 5, 1], counts.scan);
}

/// Labels in one column, values in the next, same index.
fn sharp(sheet: &mut Sheet, printer: &Printer, counts: &Counts) {
    sheet.private(&[2385, 2, 1, 3, 2, 1, 4, 13_501, 1302, 1], Value::text(printer.model().product));
    let rows = [
        ([1, 4, 60], "Print Count", counts.print()),
        ([1, 4, 61], "Black & White Print Count", counts.print() - counts.print_color()),
        ([1, 4, 63], "Full Color Print Count", counts.print_color()),
        ([1, 4, 75], "Duplex Count", counts.duplex),
        ([4, 4, 60], "Copy Count", counts.copy),
        ([4, 4, 61], "Black & White Copy Count", counts.copy - counts.copy_color),
        ([4, 4, 63], "Full Color Copy Count", counts.copy_color),
        ([5, 4, 61], "Black & White Total Count", counts.mono()),
        ([5, 4, 63], "Full Color Total Count", counts.color),
        ([5, 5, 61], "Black & White Other Count", counts.fax),
        ([6, 4, 70], "Document Feeder", counts.scan),
    ];
    for (index, label, count) in rows {
        sheet.private(&[&[2385, 1, 1, 19, 2, 1, 4][..], &index].concat(), Value::text(label));
        sheet.private(&[&[2385, 1, 1, 19, 2, 1, 3][..], &index].concat(), Value::counter(count));
    }
}

/// Total, colour, mono impressions; copies by colour.
fn xerox(sheet: &mut Sheet, counts: &Counts) {
    let rows = [
        (1, 1, counts.total),
        (1, 33, counts.color),
        (1, 34, counts.mono()),
        (11, 3, counts.copy - counts.copy_color),
        (11, 25, counts.copy_color),
    ];
    for (group, counter, count) in rows {
        sheet.private(&[253, 8, 53, 13, 2, 1, 6, group, 20, counter], Value::counter(count));
    }
}

/// Engine counters: type, label and value columns; row numbers differ between devices.
fn ricoh(sheet: &mut Sheet, printer: &Printer, counts: &Counts) {
    sheet.private(&[367, 3, 2, 1, 1, 1, 1, 0], Value::text(printer.model().product));
    sheet.private(&[367, 3, 2, 1, 2, 1, 4, 0], Value::text(printer.serial().unwrap_or_default()));
    let rows = [
        (10, "Counter: Machine Total", counts.total),
        (200, "Counter: Copy: Total", counts.copy),
        (201, "Counter: Copy: Black & White", counts.copy - counts.copy_color),
        (203, "Counter: Copy: Full Color", counts.copy_color),
        (300, "Counter: FAX: Total", counts.fax),
        (400, "Counter: Print: Total", counts.print()),
        (401, "Counter: Print: Black & White", counts.print() - counts.print_color()),
        (403, "Counter: Print: Full Color", counts.print_color()),
        (870, "Counter: Scan: Total", counts.scan),
    ];
    let first = 1 + u32::from(printer.mac()[4] % 3);
    for (row, (kind, label, count)) in (first..).zip(rows) {
        sheet.private(&[367, 3, 2, 1, 2, 19, 5, 1, 2, row], Value::Integer(kind));
        sheet.private(&[367, 3, 2, 1, 2, 19, 5, 1, 5, row], Value::text(label));
        sheet.private(&[367, 3, 2, 1, 2, 19, 5, 1, 9, row], Value::counter(count));
    }
}

/// Counter blob: words of seven bytes (id, 01, 04, number), then ff; serial number and id string.
fn brother(sheet: &mut Sheet, printer: &Printer, counts: &Counts) {
    let words = [(0x00, counts.total), (0x01, counts.mono()), (0x02, counts.color), (0x06, counts.duplex)];
    let mut blob = Vec::new();
    for (id, count) in words {
        blob.extend_from_slice(&[id, 0x01, 0x04]);
        blob.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }
    blob.push(0xff);
    sheet.private(&[2435, 2, 3, 9, 1, 1, 7, 0], Value::text(device_id(printer)));
    sheet.private(&[2435, 2, 3, 9, 4, 2, 1, 5, 5, 1, 0], Value::text(printer.serial().unwrap_or_default()));
    sheet.private(&[2435, 2, 3, 9, 4, 2, 1, 5, 5, 10, 0], Value::Octets(blob));
}

/// Values by the maker's counter number: total, mono, colour large and small, print, scan.
fn canon(sheet: &mut Sheet, printer: &Printer, counts: &Counts) {
    sheet.private(&[1602, 1, 1, 1, 1, 0], Value::text(printer.model().product));
    let rows =
        [(101, counts.total), (108, counts.mono()), (123, counts.color), (301, counts.print()), (501, counts.scan)];
    for (number, count) in rows {
        sheet.private(&[1602, 1, 11, 1, 3, 1, 4, number], Value::counter(count));
    }
}
