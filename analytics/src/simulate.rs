//! Billing cases: the format of `billing-cases/1` read, billed and answered, each case on its own.
//!
//! A case that cannot be read or billed is answered with its error and never stops the others.

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

/// The cases of a file: either `{"cases": […]}` or one case.
pub fn cases_of(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    Ok(match serde_json::from_str(text)? {
        Value::Object(mut file) if file.get("cases").is_some_and(Value::is_array) => match file.remove("cases") {
            Some(Value::Array(cases)) => cases,
            _ => Vec::new(),
        },
        one => vec![one],
    })
}

/// What a case results in.
#[derive(Debug)]
pub struct Answer {
    /// `{"id": …, "expected": {…}}`, or `{"id": …, "error": "…"}`.
    pub line: Value,
    pub failed: bool,
    /// Keys of the contract that mean nothing: probably misspelt.
    pub ignored: Vec<String>,
}

/// Answers one case as one JSON object.
pub fn answer(case: &Value) -> Answer {
    let id = case.get("id").cloned().unwrap_or(Value::Null);
    let mut ignored = Vec::new();
    let read = serde_ignored::deserialize(case, |key| ignored.push(key.to_string().replace(".?", "")));
    ignored.retain(|key| key.starts_with("contract."));
    match read.map_err(CaseError::Shape).and_then(|case: Case| result_of(&case)) {
        Ok(expected) => Answer { line: json!({ "id": id, "expected": expected }), failed: false, ignored },
        Err(error) => Answer { line: json!({ "id": id, "error": error.to_string() }), failed: true, ignored },
    }
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
        let answer = answer(&case(|_| {}));
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
        assert!(cases_of("{").is_err());
    }

    #[test]
    fn a_misspelt_key_of_the_contract_is_named() {
        let misspelt = answer(&case(|case| case["contract"]["charges"][0]["includet"] = json!(5)));
        assert_eq!(misspelt.ignored, ["contract.charges.0.includet"]);
    }

    #[test]
    fn hostile_cases_are_answered_with_a_clear_error() {
        let check = |change: &dyn Fn(&mut Value), words: &str| {
            let answer = answer(&case(|case| change(case)));
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
        assert!(!answer(&case(largest)).failed);
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
