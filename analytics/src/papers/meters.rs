//! Due meters for other systems: one row per device and meter of an issued invoice, in columns of one's own choice. Every
//! import differs, so a map names the heads and what stands under each.

use std::io;

use serde::{Deserialize, Serialize};

use super::party::Column;
use super::xml::Xml;
use crate::ledger::{Document, Matter};
use crate::read::DeviceRow;
use crate::report::cell;
use crate::statement::{ReadsUsed, Side};

/// What a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Tenant,
    Contract,
    InvoiceNumber,
    PeriodStart,
    /// The last day of the period.
    PeriodEnd,
    /// The whole key, maker and serial number.
    Device,
    Serial,
    Maker,
    Model,
    Site,
    Meter,
    /// What the counter showed at the closing read.
    Reading,
    /// The closing value that was billed, on the scale that only grows.
    Value,
    /// The day of the closing read, UTC.
    ReadDate,
    /// Its instant, UTC.
    ReadTime,
    Opening,
    Pages,
    /// `Y` or `N`.
    Estimated,
    Method,
}

/// The map that is used if none is named.
pub const PLAIN: &str = "plain";
/// Heads as the meter import of e-automate calls them.
pub const E_AUTOMATE: &str = "e-automate";

/// A map by name: one of the configuration, or one that is built in.
pub fn map(name: &str, own: &std::collections::BTreeMap<String, Vec<Column>>) -> Option<Vec<Column>> {
    let built_in: &[(&str, Field)] = match name {
        PLAIN => &[
            ("tenant", Field::Tenant),
            ("contract", Field::Contract),
            ("invoice", Field::InvoiceNumber),
            ("device", Field::Device),
            ("serial", Field::Serial),
            ("model", Field::Model),
            ("site", Field::Site),
            ("meter", Field::Meter),
            ("reading", Field::Reading),
            ("read_time", Field::ReadTime),
            ("opening", Field::Opening),
            ("closing", Field::Value),
            ("pages", Field::Pages),
            ("method", Field::Method),
        ],
        E_AUTOMATE => &[
            ("EquipmentNumber", Field::Serial),
            ("SerialNumber", Field::Serial),
            ("MeterType", Field::Meter),
            ("Reading", Field::Reading),
            ("ReadingDate", Field::ReadDate),
            ("IsEstimate", Field::Estimated),
            ("Source", Field::Method),
        ],
        _ => return own.get(name).cloned(),
    };
    let column = |(head, holds): &(&str, Field)| Column { head: (*head).to_owned(), holds: *holds };
    own.get(name).cloned().or_else(|| Some(built_in.iter().map(column).collect()))
}

/// The rows of an invoice; a credit note has none.
pub fn rows(document: &Document, columns: &[Column], known: &[DeviceRow]) -> Vec<Vec<String>> {
    let Matter::Invoice { snapshot, .. } = &document.matter else { return Vec::new() };
    let row = |used: &ReadsUsed| {
        let device = known.iter().find(|row| row.device == used.device);
        columns.iter().map(|column| field(document, used, device, column.holds)).collect()
    };
    snapshot.reads.iter().map(row).collect()
}

fn field(document: &Document, used: &ReadsUsed, known: Option<&DeviceRow>, field: Field) -> String {
    let (head, period) = (&document.head, document.period());
    let closing = used.closing.as_ref();
    let read = closing.and_then(|side| side.read.as_ref());
    let (maker, serial) = used.device.split_once(':').unwrap_or(("", &used.device));
    match field {
        Field::Tenant => head.tenant.clone(),
        Field::Contract => head.contract.clone(),
        Field::InvoiceNumber => head.number.to_string(),
        Field::PeriodStart => period.start.to_string(),
        Field::PeriodEnd => period.end.day_before().to_string(),
        Field::Device => used.device.clone(),
        Field::Serial => serial.to_owned(),
        Field::Maker => maker.to_owned(),
        Field::Model => known.map(|row| row.model.clone()).unwrap_or_default(),
        Field::Site => known.map(|row| row.site.clone()).unwrap_or_default(),
        Field::Meter => used.meter.clone(),
        Field::Reading => {
            read.map(|read| read.raw).or(closing.map(|side| side.value)).map_or_else(String::new, |raw| raw.to_string())
        }
        Field::Value => closing.map_or_else(String::new, |side| side.value.to_string()),
        Field::ReadDate => read.and_then(|read| read.ts.get(..10)).unwrap_or_default().to_owned(),
        Field::ReadTime => read.map(|read| read.ts.clone()).unwrap_or_default(),
        Field::Opening => used.opening.as_ref().map_or_else(String::new, |side| side.value.to_string()),
        Field::Pages => used.pages.to_string(),
        Field::Estimated => closing.map_or("N", |side| if is_estimate(side) { "Y" } else { "N" }).to_owned(),
        Field::Method => closing.map(|side| side.method.to_string()).unwrap_or_default(),
    }
}

fn is_estimate(side: &Side) -> bool {
    matches!(&*side.method, "interpolated" | "estimated")
}

/// CSV with a head.
///
/// # Errors
/// Never in memory; the type of `csv` allows for it.
pub fn csv(columns: &[Column], rows: &[Vec<String>]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(columns.iter().map(|column| cell(&column.head)))?;
    for row in rows {
        out.write_record(row.iter().map(|text| cell(text)))?;
    }
    out.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// XML: `<meters><meter><head>…</head></meter></meters>`. Heads become element names: what XML refuses there becomes `_`.
///
/// # Errors
/// Never in memory; the type of the writer allows for it.
pub fn xml(columns: &[Column], rows: &[Vec<String>]) -> io::Result<Vec<u8>> {
    let mut xml = Xml::new("meters", &[])?;
    for row in rows {
        xml.open("meter")?;
        for (column, text) in columns.iter().zip(row) {
            xml.text(&element(&column.head), text)?;
        }
        xml.close()?;
    }
    xml.finish()
}

fn element(head: &str) -> String {
    let mut name: String = head.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_the_configuration_goes_before_one_that_is_built_in() {
        let own = [(E_AUTOMATE.to_owned(), vec![Column { head: "SN".into(), holds: Field::Serial }])].into();
        assert_eq!(map(E_AUTOMATE, &own).unwrap().len(), 1);
        assert_eq!(map(E_AUTOMATE, &Default::default()).unwrap()[3].head, "Reading");
        assert!(map("nobody's", &own).is_none());
    }

    #[test]
    fn xml_escapes_what_a_device_says_and_takes_any_head() {
        let columns = [Column { head: "1st name".into(), holds: Field::Model }];
        let text = String::from_utf8(xml(&columns, &[vec!["<A & B>".to_owned()]]).unwrap()).unwrap();
        assert!(text.contains("<_1st_name>&lt;A &amp; B&gt;</_1st_name>"), "{text}");
    }
}
