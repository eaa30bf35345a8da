//! A contract as a TOML file: who, which devices, which prices. Every refusal names file, line and remedy.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::billing::calendar::TimeError;
use crate::billing::{Contract, ContractError, Event, LocalDate, Period};
use crate::limits::CONTRACT_BYTES_MAX;

/// A contract with what only a real run needs.
#[derive(Debug, Clone)]
pub struct ContractFile {
    pub tenant: String,
    /// What is billed if the command line does not say.
    pub period: Option<Period>,
    /// Every device of the tenant is under the contract; `devices` only adds windows and manual reads.
    pub all_devices: bool,
    pub events: Vec<Event>,
    pub contract: Contract,
    path: PathBuf,
    text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ContractFileError {
    #[error("read the contract {path}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the contract {path} cannot be read: {why}", path = path.display())]
    Parse { path: PathBuf, why: String },
    #[error("{path}:{line}: unknown key `{key}`; {hint}", path = path.display())]
    UnknownKey { path: PathBuf, line: usize, key: String, hint: String },
    #[error("{path}:{line}: {problem}", path = path.display())]
    Invalid { path: PathBuf, line: usize, problem: String },
}

/// The keys that are not part of the contract proper.
#[derive(Debug, Deserialize)]
struct Head {
    tenant: String,
    #[serde(default)]
    period: Option<String>,
    #[serde(default)]
    all_devices: bool,
    #[serde(default)]
    events: Vec<Event>,
}

const HEAD_KEYS: [&str; 4] = ["tenant", "period", "all_devices", "events"];

const KEYS: [&str; 45] = [
    "tenant",
    "period",
    "all_devices",
    "events",
    "id",
    "currency",
    "timezone",
    "start",
    "end",
    "base_fee",
    "amount",
    "per",
    "min_amount",
    "charges",
    "meters",
    "price",
    "prices",
    "from",
    "tiers",
    "up_to",
    "tier_mode",
    "price_per",
    "included",
    "prorate_included",
    "scope",
    "min_volume",
    "carry_cap",
    "devices",
    "device",
    "to",
    "start_reads",
    "end_reads",
    "settings",
    "max_read_age_hours",
    "max_pages_per_day",
    "small_drop",
    "estimation",
    "modulus",
    "type",
    "meter",
    "ts",
    "out",
    "in",
    "graduated",
    "slab",
];

impl ContractFile {
    pub fn load(path: &Path) -> Result<ContractFile, ContractFileError> {
        let failed = |source| ContractFileError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(CONTRACT_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
        if u64::try_from(text.len()).is_ok_and(|bytes| bytes > CONTRACT_BYTES_MAX) {
            return Err(failed(std::io::Error::other(format!("more than {CONTRACT_BYTES_MAX} bytes"))));
        }
        ContractFile::parse(path, text)
    }

    /// Byte for byte as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How errors call it.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Reads a contract from memory; `path` only names it in refusals.
    ///
    /// # Errors
    /// [`ContractFileError`], with the line and the remedy.
    pub fn parse(path: &Path, text: String) -> Result<ContractFile, ContractFileError> {
        let failed =
            |error: toml::de::Error| ContractFileError::Parse { path: path.to_owned(), why: error.to_string() };
        let head: Head = toml::from_str(&text).map_err(failed)?;
        let mut unknown = Vec::new();
        let deserializer = toml::Deserializer::parse(&text).map_err(failed)?;
        let contract = serde_ignored::deserialize(deserializer, |key| unknown.push(key.to_string().replace(".?", "")));
        let contract: Contract = contract.map_err(failed)?;
        unknown.retain(|key| !HEAD_KEYS.contains(&key.as_str()));
        if let Some(key) = unknown.into_iter().next() {
            let (path, line) = (path.to_owned(), line_of(&text, &key));
            return Err(ContractFileError::UnknownKey { path, line, hint: hint(&key), key });
        }
        let invalid = |at: &str, problem: String| {
            let (path, line) = (path.to_owned(), line_of(&text, at));
            ContractFileError::Invalid { path, line, problem }
        };
        let period = head.period.as_deref().map(parse_period).transpose();
        let period = period.map_err(|error| invalid("period", format!("period: {error}")))?;
        if contract.devices.is_empty() && !head.all_devices {
            let problem = "no device is under this contract; list [[devices]] or write all_devices = true";
            return Err(invalid("devices", problem.to_owned()));
        }
        let Head { tenant, all_devices, events, .. } = head;
        Ok(ContractFile { tenant, period, all_devices, events, contract, path: path.to_owned(), text })
    }

    /// The same refusal with the line of this file.
    pub fn locate(&self, error: &ContractError) -> ContractFileError {
        let line = line_of(&self.text, &error.at);
        ContractFileError::Invalid { path: self.path.clone(), line, problem: error.to_string() }
    }
}

/// `2026-01`, or two dates like `2026-01-15..2026-02-15` (end exclusive).
pub fn parse_period(text: &str) -> Result<Period, TimeError> {
    match text.split_once("..") {
        None => Period::month(text),
        Some((start, end)) => {
            let (start, end): (LocalDate, LocalDate) = (start.parse()?, end.parse()?);
            Period::new(start, end)
        }
    }
}

/// The line (from 1) of a path like `charges[0].prices[1].from` or `charges.0.id`; of its nearest parent if it is not there.
fn line_of(text: &str, at: &str) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 1 };
    let mut offset = 0;
    let mut here: Option<&DeValue<'_>> = None;
    let at = at.replace('[', ".").replace(']', "");
    for (depth, part) in at.split('.').enumerate() {
        let next = match here {
            None if depth == 0 => table.get_ref().get_key_value(part),
            Some(DeValue::Table(inner)) => inner.get_key_value(part),
            Some(DeValue::Array(items)) => {
                let item = part.parse::<usize>().ok().and_then(|index| items.get(index));
                if let Some(item) = item {
                    offset = item.span().start;
                    here = Some(item.get_ref());
                    continue;
                }
                None
            }
            _ => None,
        };
        let Some((key, value)) = next else { break };
        offset = key.span().start;
        here = Some(value.get_ref());
    }
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

fn hint(key: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    let nearest = KEYS.iter().map(|known| (strsim::damerau_levenshtein(last, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= last.len().div_ceil(2) => format!("did you mean `{known}`?"),
        _ => "remove it, or see `analytics bill --help` for an example".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::billing::Terms;

    const GOOD: &str =
        "tenant = \"acme\"\nperiod = \"2026-01\"\nall_devices = true\ncurrency = \"EUR\"\ntimezone = \"UTC\"\n
[[charges]]\nid = \"a\"\nmeters = { total = 1 }\nprice = \"0.01\"\n
[[charges]]\nid = \"b\"\nmeters = { total = 1 }\nprice = \"0.01\"\n";

    fn parse(text: &str) -> Result<ContractFile, String> {
        ContractFile::parse(Path::new("c.toml"), text.to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_contract_names_tenant_devices_and_period() {
        let file = parse(GOOD).unwrap();
        assert_eq!((file.tenant.as_str(), file.all_devices), ("acme", true));
        assert_eq!(file.period, Some(Period::month("2026-01").unwrap()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_valid_one() {
        let error = parse(&GOOD.replace("id = \"b\"", "id = \"b\"\nincluder = 5")).unwrap_err();
        assert_eq!(error, "c.toml:14: unknown key `charges.1.includer`; did you mean `included`?");
        let error = parse(&GOOD.replace("currency", "curency")).unwrap_err();
        assert!(error.contains("missing field `currency`"), "{error}");
    }

    #[test]
    fn a_wrong_meaning_is_refused_with_its_line() {
        let file =
            parse(&GOOD.replace("id = \"b\"\nmeters = { total = 1 }", "id = \"b\"\nmeters = { totl = 1 }")).unwrap();
        let period = Period::month("2026-01").unwrap();
        let error = Terms::of(&file.contract, period, &BTreeSet::new()).unwrap_err();
        let located = file.locate(&error).to_string();
        assert!(located.starts_with("c.toml:14: contract, charges[1].meters.totl: unknown meter"), "{located}");
    }

    #[test]
    fn a_contract_without_devices_or_with_a_wrong_period_is_refused() {
        let error = parse(&GOOD.replace("all_devices = true\n", "")).unwrap_err();
        assert!(error.contains("all_devices = true"), "{error}");
        let error = parse(&GOOD.replace("2026-01", "2026-13")).unwrap_err();
        assert!(error.starts_with("c.toml:2: period"), "{error}");
    }

    #[test]
    fn a_period_is_a_month_or_two_dates() {
        assert_eq!(parse_period("2026-02").unwrap().days(), 28);
        assert_eq!(parse_period("2026-01-15..2026-02-15").unwrap().days(), 31);
        assert!(parse_period("2026").is_err() && parse_period("2026-02-15..2026-01-15").is_err());
    }
}
