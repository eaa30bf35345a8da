//! Billing cases: the format of `billing-cases/1` read, billed and answered, each case on its own.
//!
//! A file is `{"cases": […]}`, a list of cases, one case, or one case a line. A case that cannot be read or billed is
//! answered with its error and never stops the others.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::billing::calendar::{Instant, LocalDate, TimeError};
use crate::billing::{BillError, Contract, Event, Period, Previous, bill, correct};
use crate::usage::Reading;

/// One case: everything that a run depends on.
#[derive(Debug, Deserialize)]
struct Case {
    contract: Contract,
    period: CasePeriod,
    as_of: Instant,
    #[serde(default)]
    readings: Vec<CaseReading>,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    previous: Option<Previous>,
    #[serde(default)]
    action: Action,
    #[serde(default)]
    issued_as_of: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct CasePeriod {
    start: LocalDate,
    end: LocalDate,
}

#[derive(Debug, Deserialize)]
struct CaseReading {
    device: String,
    meter: String,
    ts: Instant,
    #[serde(default)]
    value: Option<i64>,
    #[serde(default)]
    received: Option<Instant>,
    #[serde(default)]
    sent: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Bill,
    Correct,
}

/// Why a case has no result.
#[derive(Debug, thiserror::Error)]
enum CaseError {
    #[error("the case cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("period: {0}")]
    Period(#[from] TimeError),
    #[error(transparent)]
    Bill(#[from] BillError),
    #[error("action \"correct\" needs issued_as_of, the instant of the run that was issued")]
    NoIssuedAsOf,
}

/// Why a file holds no case at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("it is empty; write one case, or {{\"cases\": […]}}")]
    Empty,
    #[error("\"cases\" is no list; write {{\"cases\": […]}}")]
    NotAList,
    #[error("it has no case; write one case, or {{\"cases\": […]}} with at least one")]
    NoCase,
    #[error("it is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The cases of a file. A byte order mark before them is nothing.
///
/// # Errors
/// [`FileError`], when there is no case in it.
pub fn cases_of(text: &str) -> Result<Vec<Value>, FileError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(FileError::Empty);
    }
    let cases = match serde_json::from_str(text) {
        Ok(Value::Object(mut file)) if file.contains_key("cases") => match file.remove("cases") {
            Some(Value::Array(cases)) => cases,
            _ => return Err(FileError::NotAList),
        },
        Ok(Value::Array(cases)) => cases,
        Ok(one) => vec![one],
        Err(error) => one_a_line(text).ok_or(error)?,
    };
    if cases.is_empty() { Err(FileError::NoCase) } else { Ok(cases) }
}

/// A file with one case a line; a line that is no JSON is answered as such. `None` if the first line is none either.
fn one_a_line(text: &str) -> Option<Vec<Value>> {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    serde_json::from_str::<Value>(lines().next()?).ok().filter(Value::is_object)?;
    Some(lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()))).collect())
}

/// Absent and null are the same everywhere in a case.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, of| !of.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a case results in.
#[derive(Debug)]
pub struct Answer {
    /// `{"id": …, "expected": {…}}`, or `{"id": …, "error": "…"}`.
    pub line: Value,
    pub failed: bool,
    /// Keys that mean nothing: probably misspelt.
    pub ignored: Vec<String>,
    /// The case says what it expects, and this is something else.
    pub differs: bool,
}

/// Keys that a case may have and that no run depends on.
const SAID_OF_A_CASE: [&str; 5] = ["id", "name", "why", "expected", "schema"];

/// Answers one case as one JSON object. A case without an id is called by its place in the file, from 1.
pub fn answer(case: &Value, place: usize) -> Answer {
    let id = case.get("id").filter(|id| !id.is_null()).cloned().unwrap_or_else(|| Value::from(place));
    let mut plain = case.clone();
    without_nulls(&mut plain);
    let mut ignored = Vec::new();
    let read = serde_ignored::deserialize(&plain, |key| ignored.push(key.to_string().replace(".?", "")));
    ignored.retain(|key| !SAID_OF_A_CASE.contains(&key.as_str()) && !is_said_of_a_closing(key));
    let ignored = once_for_all_readings(ignored);
    match read.map_err(CaseError::Shape).and_then(|case: Case| result_of(&case)) {
        Ok(found) => {
            let differs = case.get("expected").is_some_and(|expected| *expected != found);
            Answer { line: json!({ "id": id, "expected": found }), failed: false, ignored, differs }
        }
        Err(error) => {
            let line = json!({ "id": id, "error": error.to_string() });
            Answer { line, failed: true, ignored, differs: false }
        }
    }
}

/// A column that all readings have is named once.
fn once_for_all_readings(keys: Vec<String>) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for key in keys {
        let of_a_reading = key.strip_prefix("readings.").and_then(|rest| rest.split_once('.'));
        let key = of_a_reading.map_or_else(|| key.clone(), |(_, field)| format!("readings[].{field}"));
        if !named.contains(&key) {
            named.push(key);
        }
    }
    named
}

/// A closing of an earlier answer may be given as it was answered.
fn is_said_of_a_closing(key: &str) -> bool {
    key.starts_with("previous.closing.") && key.ends_with(".estimated")
}

/// The invoice or the correction that a case results in.
fn result_of(case: &Case) -> Result<Value, CaseError> {
    let period = Period::new(case.period.start, case.period.end)?;
    let readings: Vec<Reading<'_>> = case.readings.iter().map(Reading::from).collect();
    let none = Previous::default();
    let previous = case.previous.as_ref().unwrap_or(&none);
    let result = match case.action {
        Action::Bill => {
            let invoice = bill(&case.contract, period, case.as_of, &readings, &case.events, previous)?;
            serde_json::to_value(invoice)?
        }
        Action::Correct => {
            let runs = (case.issued_as_of.ok_or(CaseError::NoIssuedAsOf)?, case.as_of);
            let correction = correct(&case.contract, period, runs, &readings, &case.events, previous)?;
            serde_json::to_value(correction)?
        }
    };
    Ok(result)
}

impl<'a> From<&'a CaseReading> for Reading<'a> {
    fn from(of: &'a CaseReading) -> Reading<'a> {
        let seconds = |at: Instant| at.0;
        Reading {
            device: &of.device,
            meter: &of.meter,
            ts: of.ts.0,
            value: of.value,
            received: of.received.map(seconds),
            sent: of.sent.map(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(change: impl FnOnce(&mut Value)) -> Value {
        let mut case = json!({
            "id": "t", "contract": {
                "currency": "EUR", "timezone": "UTC",
                "charges": [{"id": "all", "meters": {"total": 1}, "price": "0.02"}],
                "devices": [{"device": "S"}],
            },
            "period": {"start": "2026-03-01", "end": "2026-04-01"}, "as_of": "2026-04-02T00:00:00Z",
            "readings": [
                {"device": "S", "meter": "total", "ts": "2026-03-01T00:00:00Z", "value": 10},
                {"device": "S", "meter": "total", "ts": "2026-04-01T00:00:00Z", "value": 60},
            ],
        });
        change(&mut case);
        case
    }

    #[test]
    fn a_case_is_answered_in_the_shape_of_expected() {
        let answer = answer(&case(|_| {}), 1);
        assert_eq!(
            answer.line,
            json!({"id": "t", "expected": {
                "lines": [{"type": "usage", "charge": "all", "device": "S", "qty": 50, "price": "0.02", "price_per": 1, "amount": "1.00"}],
                "total": "1.00", "closing": {"S/total": {"u": 60, "estimated": false}}, "flags": [],
            }})
        );
    }

    #[test]
    fn a_file_is_one_case_or_many() {
        let one = case(|_| {});
        assert_eq!(cases_of(&one.to_string()).unwrap(), std::slice::from_ref(&one));
        let file = json!({"schema": "billing-cases/1", "cases": [one, 5]});
        assert_eq!(cases_of(&file.to_string()).unwrap().len(), 2);
        assert_eq!(cases_of(&format!("\u{feff}{file}\n")).unwrap().len(), 2, "a byte order mark");
        assert_eq!(cases_of(&file["cases"].to_string()).unwrap().len(), 2, "a list");
        let lines = format!("{}\n\n{{broken\n{}\n", file["cases"][0], file["cases"][0]);
        let cases = cases_of(&lines).unwrap();
        let failed: Vec<bool> = cases.iter().map(|case| answer(case, 1).failed).collect();
        assert_eq!(failed, [false, true, false], "one case a line, one of them broken");
    }

    #[test]
    fn a_file_without_a_case_says_what_to_write() {
        let check = |text: &str, words: &str| {
            let error = cases_of(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        check("", "empty");
        check("\u{feff} \n", "empty");
        check("{", "no JSON");
        check("[]", "no case");
        check("{\"cases\": []}", "no case");
        check("{\"cases\": 5}", "no list");
        check("{\"schema\": \"billing-cases/1\",\n \"cases\": [{\"id\": 1},]}", "line 2");
    }

    #[test]
    fn null_is_absent_everywhere() {
        let nulls = case(|case| {
            case["events"] = Value::Null;
            case["previous"] = Value::Null;
            case["action"] = Value::Null;
            case["contract"]["settings"] = json!({"modulus": null, "small_drop": null});
            case["contract"]["charges"][0]["tiers"] = Value::Null;
            case["contract"]["charges"][0]["included"] = Value::Null;
            case["readings"][0]["sent"] = Value::Null;
        });
        assert_eq!(answer(&nulls, 1).line, answer(&case(|_| {}), 1).line);
    }

    #[test]
    fn a_case_without_id_is_called_by_its_place_and_one_that_differs_says_so() {
        let mut other = case(|case| case["expected"] = json!({}));
        other.as_object_mut().unwrap().remove("id");
        let answer = answer(&other, 7);
        assert_eq!((&answer.line["id"], answer.differs, answer.ignored.len()), (&json!(7), true, 0));
    }

    #[test]
    fn a_misspelt_key_of_the_contract_is_named() {
        let misspelt = answer(&case(|case| case["contract"]["charges"][0]["includet"] = json!(5)), 1);
        assert_eq!(misspelt.ignored, ["contract.charges.0.includet"]);
    }

    #[test]
    fn hostile_cases_are_answered_with_a_clear_error() {
        let check = |change: &dyn Fn(&mut Value), words: &str| {
            let answer = answer(&case(|case| change(case)), 1);
            let error = answer.line["error"].as_str().unwrap_or_else(|| panic!("{}", answer.line)).to_owned();
            assert!(answer.failed && error.contains(words), "{error}");
        };
        check(&|case| *case = json!(5), "cannot be read");
        check(&|case| case["readings"][0]["value"] = json!(1e30), "cannot be read");
        check(&|case| case["readings"][0]["value"] = json!(u64::MAX), "cannot be read");
        check(&|case| case["readings"][0]["ts"] = json!("2026-03-01T00:00:00"), "not an instant");
        check(&|case| case["readings"][0]["ts"] = json!("99999-03-01T00:00:00Z"), "not an instant");
        check(&|case| case["period"]["end"] = json!("2026-03-01"), "not after its start");
        check(&|case| case["contract"]["charges"][0]["price"] = json!(0.02), "in quotes");
        check(&|case| case["contract"]["charges"][0]["price"] = json!("9999999999999999999999999999"), "28 digits");
        check(&|case| case["contract"]["charges"][0]["meters"]["total"] = json!(i64::MAX), "weights");
        check(&|case| case["contract"]["currency"] = json!("ZZZ"), "unknown currency");
        check(&|case| case["action"] = json!("correct"), "issued_as_of");
        let largest = |case: &mut Value| {
            case["contract"]["settings"] = json!({"max_pages_per_day": i64::MAX});
            case["readings"][1]["value"] = json!(i64::MAX);
        };
        assert!(!answer(&case(largest), 1).failed);
        check(
            &|case| {
                largest(case);
                case["readings"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"device": "S", "meter": "total", "ts": "2026-04-01T00:10:00Z", "value": 500}));
                case["readings"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"device": "S", "meter": "total", "ts": "2026-04-01T00:20:00Z", "value": 501}));
            },
            "exceeds 9223372036854775807",
        );
    }
}
