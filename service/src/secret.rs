//! A secret that cannot be printed by accident.
//!
//! In TOML it is a string, or better `{ file = "/etc/platen/password" }` or `{ env = "PASSWORD" }`, so that configuration
//! files hold no secrets.

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

const MASK: &str = "***";
/// A secret file larger than this is a mistake, not a password.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A password, key or community. `Debug`, `Display` and `Serialize` print `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Call this only where it leaves the process on purpose.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in time that does not depend on where the texts differ (their lengths may show).
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, { file = \"path\" } or { env = \"NAME\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let mut secret = None;
        while let Some(key) = map.next_key::<String>()? {
            secret = Some(match key.as_str() {
                "file" => {
                    let path: PathBuf = map.next_value()?;
                    read(&path).map_err(|error| {
                        de::Error::custom(format!("read the secret from {}: {error}", path.display()))
                    })?
                }
                "env" => {
                    let name: String = map.next_value()?;
                    let text = std::env::var_os(&name).and_then(|text| text.into_string().ok());
                    Secret(text.ok_or_else(|| {
                        de::Error::custom(format!("the secret is to come from the environment, but {name} is not set"))
                    })?)
                }
                _ => return Err(de::Error::unknown_field(&key, &["file", "env"])),
            });
        }
        secret.ok_or_else(|| de::Error::missing_field("file"))
    }
}

fn read(path: &std::path::Path) -> std::io::Result<Secret> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > SECRET_BYTES_MAX {
        return Err(std::io::Error::other(format!("{bytes} bytes are too many for a secret")));
    }
    let text = std::fs::read_to_string(path)?;
    Ok(Secret(text.trim_end_matches(['\n', '\r']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Holder {
        password: Secret,
    }

    #[test]
    fn a_secret_never_prints_itself() {
        let holder = Holder { password: Secret::new("hunter2") };
        let printed = format!("{holder:?} {} {}", holder.password, toml::to_string(&holder).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
        assert_eq!(printed.matches(MASK).count(), 3);
    }

    #[test]
    fn a_secret_is_read_from_the_file_that_the_configuration_names_without_its_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "hunter2\n").unwrap();
        let holder: Holder = toml::from_str(&format!("password = {{ file = {path:?} }}")).unwrap();
        assert!(holder.password.matches("hunter2"));
        assert!(!holder.password.matches("hunter2\n"));
    }

    #[test]
    fn a_secret_is_read_from_the_environment_and_a_missing_one_is_named() {
        // Cargo sets this one for every test.
        let holder: Holder = toml::from_str("password = { env = \"CARGO_PKG_NAME\" }").unwrap();
        assert!(holder.password.matches("service"));
        let error = toml::from_str::<Holder>("password = { env = \"PLATEN_NO_SUCH\" }").unwrap_err();
        assert!(error.to_string().contains("PLATEN_NO_SUCH is not set"), "{error}");
    }

    #[test]
    fn a_missing_secret_file_is_named_in_the_error() {
        let error = toml::from_str::<Holder>("password = { file = \"/no/such/file\" }").unwrap_err();
        assert!(error.to_string().contains("/no/such/file"), "{error}");
    }
}
