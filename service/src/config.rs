//! Configuration: one TOML file, overridden by the environment; an unknown key is an error that names the nearest valid one.
//!
//! `PLATEN_INGEST__CLICKHOUSE__URL=http://…` sets `clickhouse.url` of the part `ingest`; a value is read as TOML if it
//! can be, else as a string.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A configuration file larger than this is a mistake.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The whole configuration of one part.
pub trait Config: DeserializeOwned + Serialize {
    /// The part's name, as folder and binary are called: `edge-agent`.
    const PART: &'static str;

    /// A value in which every optional key and every list has an entry, so that all valid keys are known.
    fn example() -> Self;

    /// Checks what types cannot say: ranges, pairs of keys that exclude each other.
    ///
    /// # Errors
    /// What is wrong, where, and what to do.
    fn check(&self) -> Result<(), String>;
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("read the configuration {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the configuration {path} is not valid: {why}", path = path.display())]
    Parse { path: PathBuf, why: String },
    #[error("unknown key `{key}` in the configuration{hint}")]
    UnknownKey { key: String, hint: String },
    #[error("the configuration is not valid: {0}")]
    Invalid(String),
}

/// Reads the file (if any), applies the environment, refuses unknown keys, and checks the result.
///
/// # Errors
/// [`ConfigError`], each naming the file or key and the reason.
pub fn load<T: Config>(file: Option<&Path>) -> Result<T, ConfigError> {
    load_with(file, std::env::vars())
}

/// As [`load`], with the environment given.
///
/// # Errors
/// As [`load`].
pub fn load_with<T: Config>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let (text, path) = match file {
        Some(path) => (read(path)?, path.to_owned()),
        None => (String::new(), PathBuf::from("(defaults)")),
    };
    let mut table: toml::Table =
        toml::from_str(&text).map_err(|error| ConfigError::Parse { path: path.clone(), why: error.to_string() })?;
    let overridden = apply_environment::<T>(&mut table, environment);

    let mut unknown = Vec::new();
    // Reading from the text keeps line numbers in errors; an override forces the merged table instead.
    let parsed: Result<T, String> = if overridden {
        serde_ignored::deserialize(toml::Value::Table(table), |key| unknown.push(key.to_string()))
            .map_err(|e| e.to_string())
    } else {
        match toml::Deserializer::parse(&text) {
            Ok(deserializer) => {
                serde_ignored::deserialize(deserializer, |key| unknown.push(key.to_string())).map_err(|e| e.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    };
    let config = parsed.map_err(|why| ConfigError::Parse { path, why })?;
    if let Some(key) = unknown.into_iter().next() {
        let key = key.replace(".?", "");
        return Err(ConfigError::UnknownKey { hint: hint::<T>(&key), key });
    }
    config.check().map_err(ConfigError::Invalid)?;
    Ok(config)
}

/// The effective configuration as TOML, with secrets masked.
pub fn show<T: Config>(config: &T) -> String {
    toml::to_string_pretty(config).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > CONFIG_BYTES_MAX {
        return Err(failed(std::io::Error::other(format!("{bytes} bytes are too many for a configuration"))));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn apply_environment<T: Config>(
    table: &mut toml::Table,
    environment: impl IntoIterator<Item = (String, String)>,
) -> bool {
    let prefix = format!("PLATEN_{}__", T::PART.to_uppercase().replace('-', "_"));
    let mut overridden = false;
    let mut settings: Vec<(String, String)> = environment
        .into_iter()
        .filter_map(|(name, text)| Some((name.strip_prefix(&prefix)?.to_owned(), text)))
        .collect();
    settings.sort();
    for (name, text) in settings {
        let keys: Vec<String> = name.split("__").map(str::to_lowercase).collect();
        insert(table, &keys, value(&text));
        overridden = true;
    }
    overridden
}

fn value(text: &str) -> toml::Value {
    let parsed: Result<toml::Table, _> = toml::from_str(&format!("value = {text}"));
    parsed.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn insert(table: &mut toml::Table, keys: &[String], value: toml::Value) {
    match keys {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let slot = table.entry(first.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if !slot.is_table() {
                *slot = toml::Value::Table(toml::Table::new());
            }
            if let toml::Value::Table(inner) = slot {
                insert(inner, rest, value);
            }
        }
    }
}

fn hint<T: Config>(key: &str) -> String {
    let Ok(example) = serde_json::to_value(T::example()) else { return String::new() };
    let mut valid = BTreeSet::new();
    collect("", &example, &mut valid);
    let asked = without_indexes(key);
    let nearest = valid
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&asked, candidate), candidate))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, candidate)) if distance <= asked.len().div_ceil(2) => format!("; did you mean `{candidate}`?"),
        _ => format!("; valid keys are {}", valid.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

fn collect(prefix: &str, value: &serde_json::Value, keys: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (name, inner) in map {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                collect(&key, inner, keys);
                keys.insert(key);
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|inner| collect(prefix, inner, keys)),
        _ => {}
    }
}

/// `ranges.0.adress` → `ranges.adress`: all entries of a list have the same keys.
fn without_indexes(key: &str) -> String {
    key.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(default)]
    struct Sample {
        clickhouse: ClickHouse,
        ranges: Vec<Range>,
    }

    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(default)]
    struct ClickHouse {
        url: String,
        rows: u32,
        password: crate::secret::Secret,
    }

    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(default)]
    struct Range {
        from: String,
        to: Option<String>,
    }

    impl Config for Sample {
        const PART: &'static str = "edge-agent";
        fn example() -> Self {
            Self { ranges: vec![Range::default()], ..Self::default() }
        }
        fn check(&self) -> Result<(), String> {
            if self.clickhouse.rows > 100 { Err("clickhouse.rows is at most 100".to_owned()) } else { Ok(()) }
        }
    }

    fn check(text: &str, environment: &[(&str, &str)]) -> Result<Sample, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        load_with(Some(&path), environment).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest_valid_one() {
        let error = check("[clickhouse]\nulr = 'x'\n", &[]).unwrap_err();
        assert_eq!(error, "unknown key `clickhouse.ulr` in the configuration; did you mean `clickhouse.url`?");
        let error = check("[[ranges]]\nform = 'x'\n", &[]).unwrap_err();
        assert!(error.ends_with("did you mean `ranges.from`?"), "{error}");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let sample = check(
            "[clickhouse]\nurl = 'file'\nrows = 1\n",
            &[
                ("PLATEN_EDGE_AGENT__CLICKHOUSE__URL", "http://env"),
                ("PLATEN_EDGE_AGENT__CLICKHOUSE__ROWS", "7"),
                ("OTHER", "1"),
            ],
        )
        .unwrap();
        assert_eq!((sample.clickhouse.url.as_str(), sample.clickhouse.rows), ("http://env", 7));
    }

    #[test]
    fn an_unknown_key_in_the_environment_is_refused_too() {
        let error = check("", &[("PLATEN_EDGE_AGENT__CLICKHOUSE__ROW", "7")]).unwrap_err();
        assert!(error.ends_with("did you mean `clickhouse.rows`?"), "{error}");
    }

    #[test]
    fn a_wrong_type_names_the_line_and_a_failed_check_the_reason() {
        let error = check("[clickhouse]\nrows = 'many'\n", &[]).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        let error = check("[clickhouse]\nrows = 101\n", &[]).unwrap_err();
        assert!(error.ends_with("clickhouse.rows is at most 100"), "{error}");
    }

    #[test]
    fn what_is_shown_has_its_secrets_masked() {
        let sample = check("[clickhouse]\npassword = 'hunter2'\n", &[]).unwrap();
        let shown = show(&sample);
        assert!(shown.contains("password = \"***\"") && !shown.contains("hunter2"), "{shown}");
    }
}
