//! How far what was read agrees with what is expected, group by group, and the reasons of differences that stay.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test says what it expects")]

use std::collections::BTreeSet;

use serde_json::Value as Json;

/// Fields that belong together.
#[derive(Clone, Copy)]
pub enum Group {
    Identity,
    Counters,
    Vendor,
    Checks,
    Supplies,
    Alerts,
    Errors,
    Trays,
    Console,
}

/// What came of a comparison.
#[derive(Default)]
pub struct Agreement {
    pub agree: usize,
    pub all: usize,
    pub differences: Vec<String>,
}

impl Agreement {
    fn compare(&mut self, what: &str, expected: &Json, found: &Json) {
        let mut list = Vec::new();
        differences(what, expected, found, &mut list);
        self.all += 1;
        if list.is_empty() {
            self.agree += 1;
        }
        self.differences.extend(list);
    }

    fn rows(&mut self, expected: &Json, found: &Json) {
        for (place, row) in expected.as_array().unwrap().iter().enumerate() {
            for (key, value) in row.as_object().unwrap() {
                let what = format!("{}.{key}", row["index"].as_str().unwrap_or_default());
                self.compare(&what, value, &found[place][key]);
            }
        }
        self.compare("rows", &expected.as_array().unwrap().len().into(), &found.as_array().unwrap().len().into());
    }
}

impl Group {
    pub const ALL: [Self; 9] = [
        Self::Identity,
        Self::Counters,
        Self::Vendor,
        Self::Checks,
        Self::Supplies,
        Self::Alerts,
        Self::Errors,
        Self::Trays,
        Self::Console,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "ident",
            Self::Counters => "counts",
            Self::Vendor => "vendor",
            Self::Checks => "sums",
            Self::Supplies => "supply",
            Self::Alerts => "alerts",
            Self::Errors => "errors",
            Self::Trays => "trays",
            Self::Console => "console",
        }
    }

    pub fn compare(self, expected: &Json, found: &Json) -> Agreement {
        let mut agreement = Agreement::default();
        let (rfc, own) = (&expected["rfc"], &found["rfc"]);
        match self {
            Self::Identity => {
                for key in [
                    "vendor",
                    "model",
                    "serial",
                    "hostname",
                    "location",
                    "ieee1284",
                    "macs",
                    "firmware",
                    "vendor_serials",
                ] {
                    agreement.compare(key, &expected["identity"][key], &found["identity"][key]);
                }
                for key in ["sys", "hr_devices", "printer_name", "serial", "ips"] {
                    agreement.compare(key, &rfc[key], &own[key]);
                }
            }
            Self::Counters => {
                let (left, right) = (&expected["counters"]["total_rfc3805"], &found["counters"]["total_rfc3805"]);
                agreement.compare("total_rfc3805", left, right);
                agreement.rows(&rfc["markers"], &own["markers"]);
            }
            Self::Vendor => vendor(&mut agreement, &expected["counters"]["vendor"], &found["counters"]["vendor"]),
            Self::Checks => checks(&mut agreement, &expected["counters"]["checks"], &found["counters"]["checks"]),
            Self::Supplies => {
                agreement.rows(&rfc["supplies"], &own["supplies"]);
                upstream_supplies(&mut agreement, expected, found);
            }
            Self::Alerts => agreement.rows(&rfc["alerts"], &own["alerts"]),
            Self::Errors => {
                for key in ["hr_printer_devices", "hr_printer_status", "hr_printer_detected_error_state"] {
                    agreement.compare(key, &rfc[key], &own[key]);
                }
            }
            Self::Trays => agreement.rows(&rfc["inputs"], &own["inputs"]),
            Self::Console => {
                for key in ["console", "localization"] {
                    agreement.compare(key, &rfc[key], &own[key]);
                }
            }
        }
        agreement
    }
}

/// Each meter of the maker, by its objects and its value, whatever it is called.
fn vendor(agreement: &mut Agreement, expected: &Json, found: &Json) {
    for (name, meter) in expected.as_object().unwrap() {
        agreement.all += 1;
        let wanted = oids(meter);
        let fits = |own: &&Json| {
            let objects = oids(own);
            let below = |oid: &String| wanted.iter().any(|column| oid.starts_with(&format!("{column}.")));
            own["value"] == meter["value"] && (objects == wanted || (!objects.is_empty() && objects.iter().all(below)))
        };
        if found.as_object().unwrap().values().any(|own| fits(&own)) {
            agreement.agree += 1;
        } else {
            agreement.differences.push(format!("{name}: expected {meter}, not found with its objects"));
        }
    }
}

fn oids(meter: &Json) -> BTreeSet<String> {
    meter["oids"].as_array().unwrap().iter().map(|oid| oid.as_str().unwrap().to_owned()).collect()
}

/// Each sum that is expected to hold or not, by what it compares.
fn checks(agreement: &mut Agreement, expected: &Json, found: &Json) {
    for check in expected.as_array().unwrap() {
        agreement.all += 1;
        let sides = |own: &Json| [own["left"].as_i64(), own["right"].as_i64()].into_iter().collect::<BTreeSet<_>>();
        let same = |own: &Json| sides(own) == sides(check) && own["holds"] == check["holds"];
        if found.as_array().unwrap().iter().any(same) {
            agreement.agree += 1;
        } else {
            agreement.differences.push(format!("{check}: not among {found}"));
        }
    }
}

/// Levels that only the maker's objects tell: what upstream reads of them in percent.
fn upstream_supplies(agreement: &mut Agreement, expected: &Json, found: &Json) {
    let Some(sensors) = expected["upstream"]["sensors"].as_object() else { return };
    for (name, value) in sensors {
        let Some((color, kind)) = name.strip_suffix("_remaining").and_then(|supply| supply.split_once('_')) else {
            continue;
        };
        let Some(percent) = value.as_i64().filter(|_| matches!(kind, "toner" | "ink")) else { continue };
        agreement.all += 1;
        let fits = |own: &&Json| {
            let near = own["percent"].as_f64().is_some_and(|own| (own - percent as f64).abs() <= 1.0);
            own["type"] == kind && own["color"] == color && near
        };
        if found["supplies"].as_array().unwrap().iter().any(|own| fits(&own)) {
            agreement.agree += 1;
        } else {
            agreement.differences.push(format!("{name}: expected {percent} %, found {}", found["supplies"]));
        }
    }
}

/// Where two documents differ, by path. Numbers are compared by value.
pub fn differences(path: &str, expected: &Json, found: &Json, list: &mut Vec<String>) {
    match (expected, found) {
        (Json::Object(left), Json::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let (left, right) = (left.get(key).unwrap_or(&Json::Null), right.get(key).unwrap_or(&Json::Null));
                differences(&format!("{path}.{key}"), left, right, list);
            }
        }
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => {
            for (place, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{path}[{place}]"), left, right, list);
            }
        }
        _ if expected == found || (expected.as_f64().is_some() && expected.as_f64() == found.as_f64()) => {}
        _ => list.push(format!("{path}: expected {expected}, found {found}")),
    }
}

/// Differences that are not errors: (device, beginning of the difference, why). No standard field is among them.
const REASONS: &[(&str, &str, &str)] = &[(
    "kyocera-ecosys-p2040dw",
    "ieee1284.1.3.6.1.4.1.1347.40.1.1.1.8.1: expected null",
    "the maker says the id of the port monitor MIB again at a place of its own, which the expected file does not list",
)];

pub fn reason(device: &str, difference: &str) -> Option<&'static str> {
    REASONS
        .iter()
        .find(|(name, beginning, _)| *name == device && difference.starts_with(beginning))
        .map(|(_, _, why)| *why)
}
