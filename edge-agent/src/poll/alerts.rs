//! prtAlertTable (RFC 3805): what the device complains about, and what opened or closed since it was last asked.
//!
//! Rows come and go and take new indexes, so the table is always read from its top and an alert is known by what it says:
//! severity, group and place, code, and where the code says nothing its text. Idle lines (`Sleep`, `Ready`) are rows like
//! others and no alerts.

use schemas::wire;
use serde::{Deserialize, Serialize};

use super::alert_names::{self, Nature};
use super::charset::{self, Charset};
use super::text::{text_in, trimmed};
use crate::snmp::oid::dotted;
use crate::snmp::{Table, mib};

/// All columns, for a full read.
pub const COLUMNS: [&[u32]; 8] = [
    mib::PRT_ALERT_SEVERITY_LEVEL,
    mib::PRT_ALERT_TRAINING_LEVEL,
    mib::PRT_ALERT_GROUP,
    mib::PRT_ALERT_GROUP_INDEX,
    mib::PRT_ALERT_LOCATION,
    mib::PRT_ALERT_CODE,
    mib::PRT_ALERT_DESCRIPTION,
    mib::PRT_ALERT_TIME,
];

/// What a refresh reads: all that tells one alert from another, and its text.
pub const REFRESHED: [&[u32]; 6] = [
    mib::PRT_ALERT_SEVERITY_LEVEL,
    mib::PRT_ALERT_GROUP,
    mib::PRT_ALERT_GROUP_INDEX,
    mib::PRT_ALERT_LOCATION,
    mib::PRT_ALERT_CODE,
    mib::PRT_ALERT_DESCRIPTION,
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertRow {
    /// hrDeviceIndex, prtAlertIndex.
    pub index: Vec<u32>,
    pub severity: Option<i64>,
    pub training: Option<i64>,
    pub group: Option<i64>,
    pub group_index: Option<i64>,
    pub location: Option<i64>,
    pub code: Option<i64>,
    pub description: Option<String>,
    /// prtAlertTime, sysUpTime when the alert came, hundredths of a second.
    pub time_ticks: Option<i64>,
}

impl AlertRow {
    pub fn wire(&self) -> wire::Alert {
        let small = |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok());
        wire::Alert {
            index: dotted(&self.index),
            severity: small(self.severity),
            training: small(self.training),
            group: small(self.group),
            group_index: small(self.group_index),
            location: small(self.location),
            code: small(self.code),
            text: trimmed(self.description.as_deref()),
        }
    }

    /// Whether it is a fault, a warning, or no alert at all.
    pub fn nature(&self) -> Nature {
        alert_names::nature(self.severity, self.code, self.description.as_deref().unwrap_or_default())
    }

    /// By what it is known, as long as it is open: `marker 1, code 1104, at 0` and the like, in numbers. The row's index is
    /// not in it, and the text only where the code is `other` or `unknown`: texts count pages and change.
    fn identity(&self) -> String {
        let number = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let [group, place, location, code] = [self.group, self.group_index, self.location, self.code].map(number);
        let mut identity = format!("{group}.{place}.{location}.{code}");
        if self.code.is_none_or(|code| code <= 2) {
            let text = self.description.as_deref().unwrap_or_default().to_lowercase();
            let letters: String = text.chars().filter(|c| c.is_alphabetic()).take(48).collect();
            identity.push(':');
            identity.push_str(&letters);
        }
        identity
    }
}

pub fn rows(table: &Table) -> Vec<AlertRow> {
    rows_in(table, charset::declared(table))
}

pub fn rows_in(table: &Table, charset: Option<Charset>) -> Vec<AlertRow> {
    table
        .rows(&COLUMNS)
        .into_iter()
        .map(|index| AlertRow {
            severity: table.number(mib::PRT_ALERT_SEVERITY_LEVEL, &index),
            training: table.number(mib::PRT_ALERT_TRAINING_LEVEL, &index),
            group: table.number(mib::PRT_ALERT_GROUP, &index),
            group_index: table.number(mib::PRT_ALERT_GROUP_INDEX, &index),
            location: table.number(mib::PRT_ALERT_LOCATION, &index),
            code: table.number(mib::PRT_ALERT_CODE, &index),
            description: table.bytes(mib::PRT_ALERT_DESCRIPTION, &index).map(|bytes| text_in(bytes, charset)),
            time_ticks: table.number(mib::PRT_ALERT_TIME, &index),
            index,
        })
        .collect()
}

/// An alert that is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenAlert {
    /// Stays the same from opening to closing, whatever index the row has.
    pub id: String,
    pub severity: Option<i64>,
    pub group: Option<i64>,
    pub code: Option<i64>,
    pub text: String,
}

/// The open alerts among rows, each under an id of its own: a second one that says the same is `#2`.
pub fn open(rows: &[AlertRow]) -> Vec<OpenAlert> {
    let mut open: Vec<OpenAlert> = Vec::new();
    for row in rows.iter().filter(|row| row.nature().is_alert()).take(schemas::limits::ALERTS_MAX) {
        let identity = row.identity();
        let same = |alert: &&OpenAlert| alert.id.split('#').next() == Some(identity.as_str());
        let id = match open.iter().filter(same).count() {
            0 => identity,
            others => format!("{identity}#{}", others + 1),
        };
        let (severity, group, code) = (row.severity, row.group, row.code);
        open.push(OpenAlert { id, severity, group, code, text: trimmed(row.description.as_deref()) });
    }
    open
}

/// An event's kind and fields.
pub type Happened = (String, Vec<(String, String)>);

/// What opened and what closed between two readings, each once.
pub fn changes(before: &[OpenAlert], now: &[OpenAlert]) -> Vec<Happened> {
    let missing = |alert: &&OpenAlert, list: &[OpenAlert]| !list.iter().any(|other| other.id == alert.id);
    let closed = before.iter().filter(|alert| missing(alert, now)).map(|alert| happened("alert-closed", alert));
    let opened = now.iter().filter(|alert| missing(alert, before)).map(|alert| happened("alert-opened", alert));
    closed.chain(opened).collect()
}

/// The RFC's name of a number.
type Named = fn(i64) -> Option<&'static str>;

fn happened(kind: &str, alert: &OpenAlert) -> Happened {
    let mut fields = vec![("alert".to_owned(), alert.id.clone())];
    let named: [(&str, Option<i64>, Named); 3] = [
        ("severity", alert.severity, alert_names::severity),
        ("group", alert.group, alert_names::group),
        ("code", alert.code, alert_names::code),
    ];
    for (field, value, name) in named {
        if let Some(value) = value {
            fields.push((field.to_owned(), name(value).map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
    if !alert.text.is_empty() {
        fields.push(("text".to_owned(), alert.text.clone()));
    }
    (kind.to_owned(), fields)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn row(index: u32, severity: i64, code: i64, text: &str) -> AlertRow {
        AlertRow {
            index: vec![1, index],
            severity: Some(severity),
            group: Some(11),
            group_index: Some(1),
            location: Some(0),
            code: Some(code),
            description: Some(text.to_owned()),
            ..AlertRow::default()
        }
    }

    fn kinds(before: &[AlertRow], now: &[AlertRow]) -> Vec<(String, String)> {
        changes(&open(before), &open(now)).into_iter().map(|(kind, fields)| (kind, fields[0].1.clone())).collect()
    }

    #[test]
    fn an_alert_opens_and_closes_once_whatever_its_row() {
        let (low, jam) = (row(3, 4, 1104, "Toner low: 12 %"), row(4, 3, 8, "Jam"));
        let id = "11.1.0.1104".to_owned();
        assert_eq!(kinds(&[], from_ref(&low)), [("alert-opened".to_owned(), id.clone())]);
        let renumbered = row(9, 4, 1104, "Toner low: 11 %");
        assert_eq!(kinds(from_ref(&low), &[renumbered]), []);
        assert_eq!(kinds(&[low, jam.clone()], &[jam]), [("alert-closed".to_owned(), id)]);
    }

    #[test]
    fn of_two_rows_that_say_the_same_each_closes_by_itself() {
        let (first, second) = (row(23, 4, 1001, ""), row(24, 4, 1001, ""));
        assert_eq!(kinds(from_ref(&first), &[first.clone(), second.clone()]).len(), 1);
        let closed = kinds(&[first.clone(), second], &[first]);
        assert_eq!(closed, [("alert-closed".to_owned(), "11.1.0.1001#2".to_owned())]);
    }

    #[test]
    fn idle_lines_are_no_alerts_and_a_text_counts_where_the_code_says_nothing() {
        assert_eq!(open(&[row(1, 1, 1, "Sleep"), row(2, 4, 507, "Ready")]), []);
        let (a, b) = (row(1, 3, 1, "Replace unit 1"), row(2, 3, 1, "Call service"));
        assert_eq!(open(&[a, b]).len(), 2);
    }

    #[test]
    fn an_event_says_what_it_is_in_the_names_of_the_rfc() {
        let (kind, fields) = &changes(&[], &open(&[row(3, 4, 1104, "Low")]))[0];
        assert_eq!(kind, "alert-opened");
        for field in
            [("severity", "warning"), ("group", "markerSupplies"), ("code", "markerTonerAlmostEmpty"), ("text", "Low")]
        {
            assert!(fields.contains(&(field.0.to_owned(), field.1.to_owned())), "{fields:?}");
        }
    }
}
