//! A meter: a name, the objects it is made of, its unit, and how sure its meaning is. Pure.

use schemas::limits::TEXT_BYTES_MAX;
use schemas::wire::PlanItem;
use serde::{Deserialize, Serialize};

use super::words;
use crate::snmp::{Oid, Table, Value};

/// How sure it is that an object means what its name says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sure {
    /// Seen to equal another object, a sum or the device's own report.
    #[default]
    Proven,
    /// Seen on a device; the meaning is told by others.
    Plausible,
    /// Told by others, never seen. Takes no place that something surer has.
    Claimed,
}

impl Sure {
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Plausible => "plausible",
            Self::Claimed => "claimed",
        }
    }
}

/// How a sheet larger than A4 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Large {
    Once,
    Twice,
}

/// One object that a meter adds, or takes away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Term {
    pub oid: Oid,
    /// The word of an octet string of words; `None`: the object is the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<u8>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub less: bool,
}

impl Term {
    pub fn plus(oid: Oid) -> Self {
        Self { oid, ..Self::default() }
    }

    /// The number in the object. A negative one is "unknown" in RFC 3805 and not a reading.
    pub fn value(&self, table: &Table) -> Option<i64> {
        let value = table.get(self.oid.arcs())?;
        let number = match self.word {
            Some(word) => words::word(value.bytes()?, word).map(i64::from),
            None => value.number().or_else(|| digits(value)),
        };
        number.filter(|number| *number >= 0)
    }
}

/// Some devices send counters as text.
fn digits(value: &Value) -> Option<i64> {
    let text = std::str::from_utf8(value.bytes()?).ok()?.trim_matches(['\0', ' ']);
    (text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meter {
    pub name: String,
    pub terms: Vec<Term>,
    /// RFC 3805 PrtMarkerCounterUnitTC, 0 = not stated.
    pub unit: i32,
    pub sure: Sure,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large: Option<Large>,
    /// Read once a day only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub daily: bool,
    /// A sum that leaves something out, so that it may fall short.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Rows that add up to the total, `by_paper_size`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// What the device calls each of the terms, where it names its counters.
    #[serde(skip)]
    pub labels: Vec<String>,
}

impl Meter {
    /// The reading, or `None` if one of its objects is not there: a sum of what happened to come is no meter.
    pub fn value(&self, table: &Table) -> Option<i64> {
        let mut sum: i64 = 0;
        for term in &self.terms {
            let value = term.value(table)?;
            sum = if term.less { sum.checked_sub(value)? } else { sum.checked_add(value)? };
        }
        (sum >= 0 && !self.terms.is_empty()).then_some(sum)
    }

    /// As it travels in the plan.
    pub fn item(&self) -> PlanItem {
        PlanItem {
            name: self.name.clone(),
            oid: self.terms.first().map(|term| term.oid.to_string()).unwrap_or_default(),
            unit: self.unit,
            rule: self.rule(),
        }
    }

    /// How the value is made: `raw`, `word 02`, or `sum: OID + OID - OID`; then how a large sheet counts and how sure the
    /// meaning is, unless it is proven.
    pub fn rule(&self) -> String {
        let mut rule = match self.terms.as_slice() {
            [only] => only.word.map_or_else(|| "raw".to_owned(), |word| format!("word {word:02x}")),
            terms => {
                let mut text = "sum:".to_owned();
                for (place, term) in terms.iter().enumerate() {
                    let sign = if term.less { " - " } else { " + " };
                    text.push_str(if place == 0 { " " } else { sign });
                    text.push_str(&term.to_string());
                }
                if text.len() > TEXT_BYTES_MAX / 2 { format!("sum of {} objects", terms.len()) } else { text }
            }
        };
        match self.large {
            Some(Large::Once) => rule.push_str("; large once"),
            Some(Large::Twice) => rule.push_str("; large twice"),
            None => {}
        }
        if self.partial {
            rule.push_str("; partial");
        }
        if self.sure != Sure::Proven {
            rule.push_str("; ");
            rule.push_str(self.sure.name());
        }
        rule
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.word {
            Some(word) => write!(f, "{} word {word:02x}", self.oid),
            None => write!(f, "{}", self.oid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(last: u32) -> Oid {
        Oid::new(&[1, 3, 6, 1, 4, 1, 9, last])
    }

    fn sum(terms: &[(u32, bool)]) -> Meter {
        let terms = terms.iter().map(|(last, less)| Term { less: *less, ..Term::plus(oid(*last)) }).collect();
        Meter { name: "color".into(), terms, ..Meter::default() }
    }

    #[test]
    fn a_sum_without_one_of_its_objects_is_no_reading() {
        let mut table = Table::default();
        table.insert(oid(1), Value::Unsigned(10));
        table.insert(oid(2), Value::Integer(4));
        assert_eq!(sum(&[(1, false), (2, false)]).value(&table), Some(14));
        assert_eq!(sum(&[(1, false), (2, true)]).value(&table), Some(6));
        assert_eq!(sum(&[(2, false), (1, true)]).value(&table), None, "below zero");
        assert_eq!(sum(&[(1, false), (3, false)]).value(&table), None);
        table.insert(oid(3), Value::Integer(-2));
        assert_eq!(sum(&[(1, false), (3, false)]).value(&table), None, "-2 is unknown, not a number");
        assert_eq!(sum(&[]).value(&table), None);
    }

    #[test]
    fn digits_sent_as_text_are_a_number_and_other_text_is_none() {
        let mut table = Table::default();
        for (text, value) in [("1234", Some(1234)), (" 77\0", Some(77)), ("12a", None), ("", None), ("-1", None)] {
            table.insert(oid(1), Value::Bytes(text.as_bytes().to_vec()));
            assert_eq!(Term::plus(oid(1)).value(&table), value, "{text:?}");
        }
    }

    #[test]
    fn the_rule_says_how_a_value_is_made_and_how_sure_it_is() {
        let mut meter = sum(&[(1, false), (2, true)]);
        assert_eq!(meter.rule(), "sum: 1.3.6.1.4.1.9.1 - 1.3.6.1.4.1.9.2");
        meter.terms.truncate(1);
        (meter.sure, meter.large) = (Sure::Claimed, Some(Large::Once));
        assert_eq!(meter.rule(), "raw; large once; claimed");
        meter.terms[0].word = Some(2);
        (meter.sure, meter.large) = (Sure::Proven, None);
        assert_eq!(meter.rule(), "word 02");
    }
}
