//! Credentials: the community strings, and `[[snmp.credentials]]` with a name each.
//!
//! Elsewhere a credential goes by its name; the secrets stay in here, print as `***`, and are stored nowhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use service::secret::Secret;

use super::config::{SnmpConfig, Version};
use super::usm::{Auth, Privacy, User};

/// Credentials of one agent.
pub const CREDENTIALS_MAX: usize = 16;
/// RFC 3414 section 11.2: shorter passwords are guessed, and devices refuse them.
pub const PASSWORD_BYTES_MIN: usize = 8;

/// One `[[snmp.credentials]]` entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credential {
    /// By which ranges and reports call it.
    pub name: String,
    pub version: Version,
    /// v1 and v2c.
    pub community: Secret,
    /// v3: msgUserName, RFC 3414.
    pub user: String,
    pub auth: Auth,
    pub auth_password: Secret,
    #[serde(rename = "priv")]
    pub privacy: Privacy,
    pub priv_password: Secret,
    /// v3: contextName; empty on all printers that are known.
    pub context: String,
}

/// One way in which a device can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub version: Version,
    /// Name of the credential.
    pub credential: String,
}

/// What a conversation shows of itself.
#[derive(Debug, Clone)]
pub enum Login {
    Community(Secret),
    User(Arc<User>),
}

impl Credential {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) || name.starts_with("community-") {
            return Err(format!(
                "snmp.credentials: the name {name:?} cannot be used; give 1 to 64 letters, digits, - and _, not beginning \
                 with community-"
            ));
        }
        let wrong = |what: String| Err(format!("snmp.credentials {name:?}: {what}"));
        if self.version != Version::V3 {
            if self.community.is_empty() || self.community.expose().len() > 255 {
                return wrong(format!("version {} needs a community of 1 to 255 bytes", self.version));
            }
            if !self.user.is_empty() || self.auth != Auth::None || self.privacy != Privacy::None {
                return wrong(format!("user, auth and priv belong to version 3, not to {}", self.version));
            }
            return Ok(());
        }
        if self.user.is_empty() || self.user.len() > 32 {
            return wrong(format!("user has {} bytes; SNMP v3 allows 1 to 32", self.user.len()));
        }
        if self.privacy != Privacy::None && self.auth == Auth::None {
            return wrong("priv needs auth too (RFC 3414); name the authentication protocol and its password".into());
        }
        for (key, used, password) in [
            ("auth_password", self.auth != Auth::None, &self.auth_password),
            ("priv_password", self.privacy != Privacy::None, &self.priv_password),
        ] {
            let length = password.expose().len();
            if used && length < PASSWORD_BYTES_MIN {
                return wrong(format!(
                    "{key} has {length} characters; SNMP v3 asks for {PASSWORD_BYTES_MIN} at least (RFC 3414 section 11.2), \
                     and devices refuse shorter ones"
                ));
            }
            if !used && length > 0 {
                return wrong(format!("{key} is given, but its protocol is \"none\"; name the protocol"));
            }
        }
        Ok(())
    }
}

impl SnmpConfig {
    pub(super) fn check_credentials(&self) -> Result<(), String> {
        if self.communities.is_empty() && self.credentials.is_empty() {
            return Err("snmp.communities is empty and there are no [[snmp.credentials]]; give one of them".into());
        }
        if self.communities.len() > CREDENTIALS_MAX || self.credentials.len() > CREDENTIALS_MAX {
            return Err(format!(
                "snmp.communities has {} entries and snmp.credentials {}; give at most {CREDENTIALS_MAX} of each",
                self.communities.len(),
                self.credentials.len()
            ));
        }
        if self.communities.iter().any(|community| community.is_empty() || community.expose().len() > 255) {
            return Err("snmp.communities: a community has 1 to 255 bytes".into());
        }
        for (place, credential) in self.credentials.iter().enumerate() {
            credential.check()?;
            if self.credentials[..place].iter().any(|earlier| earlier.name == credential.name) {
                return Err(format!("snmp.credentials: the name {:?} is given twice", credential.name));
            }
        }
        Ok(())
    }

    /// Every way to ask, in the order in which they are tried: v2c costs the fewest packets, then v1, then v3.
    /// `only` = names of credentials; empty = all.
    pub fn ways(&self, versions: &[Version], only: &[String]) -> Vec<Way> {
        let named: Vec<(Option<Version>, String)> = (1..=self.communities.len())
            .map(|number| (None, community_name(number)))
            .chain(self.credentials.iter().map(|credential| (Some(credential.version), credential.name.clone())))
            .filter(|(_, name)| only.is_empty() || only.contains(name))
            .collect();
        let mut ways = Vec::new();
        for version in [Version::V2c, Version::V1, Version::V3] {
            let fits = |own: &Option<Version>| own.map_or(version != Version::V3, |own| own == version);
            if versions.contains(&version) {
                let fitting = named.iter().filter(|(own, _)| fits(own));
                ways.extend(fitting.map(|(_, name)| Way { version, credential: name.clone() }));
            }
        }
        ways
    }

    /// Whether there is a credential of that name.
    pub fn has_credential(&self, name: &str) -> bool {
        self.credentials.iter().any(|credential| credential.name == name)
            || (1..=self.communities.len()).any(|number| community_name(number) == name)
    }

    /// The credential of that name for that version. One that is gone from the configuration is replaced by the first that
    /// fits; without one, a login that no device accepts.
    pub fn login(&self, version: Version, name: &str) -> Login {
        let fits = |credential: &&Credential| credential.version == version;
        let named = self.credentials.iter().filter(fits).find(|credential| credential.name == name);
        if version == Version::V3 {
            let credential = named.or_else(|| self.credentials.iter().find(fits));
            return Login::User(Arc::new(credential.map(|found| self.user(found)).unwrap_or_default()));
        }
        let number = (1..=self.communities.len()).find(|number| community_name(*number) == name);
        let community = number.and_then(|number| self.communities.get(number - 1));
        let found = named.map(|credential| &credential.community).or(community).or(self.communities.first());
        let any = || self.credentials.iter().find(fits).map(|credential| &credential.community);
        Login::Community(found.or_else(any).cloned().unwrap_or_default())
    }

    fn user(&self, credential: &Credential) -> User {
        let key = |password: &Secret| self.engines.master(credential.auth, password);
        User {
            name: credential.user.clone(),
            context: credential.context.clone(),
            auth: (credential.auth != Auth::None).then(|| (credential.auth, key(&credential.auth_password))),
            privacy: (credential.privacy != Privacy::None)
                .then(|| (credential.privacy, key(&credential.priv_password))),
        }
    }
}

/// The name of the n-th entry of `snmp.communities`, counted from 1.
pub fn community_name(number: usize) -> String {
    format!("community-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v3(name: &str, auth_password: &str) -> Credential {
        Credential {
            name: name.into(),
            version: Version::V3,
            user: "reader".into(),
            auth: Auth::Sha256,
            auth_password: Secret::new(auth_password),
            ..Credential::default()
        }
    }

    fn with(credentials: Vec<Credential>) -> SnmpConfig {
        SnmpConfig { credentials, ..SnmpConfig::default() }
    }

    #[test]
    fn a_password_under_eight_characters_is_refused_with_the_reason() {
        let error = with(vec![v3("office", "seven77")]).check().unwrap_err();
        assert!(
            error.contains("\"office\"") && error.contains("auth_password has 7") && error.contains("8"),
            "{error}"
        );
        assert!(!error.contains("seven77"));
        assert_eq!(with(vec![v3("office", "eight888")]).check(), Ok(()));
        assert!(with(vec![v3("office", "")]).check().unwrap_err().contains("has 0 characters"));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let broken = |change: fn(&mut Credential)| {
            let mut credential = v3("office", "eight888");
            change(&mut credential);
            with(vec![credential]).check().unwrap_err()
        };
        assert!(broken(|it| it.user.clear()).contains("user has 0"));
        assert!(broken(|it| it.name = "a b".into()).contains("\"a b\""));
        assert!(broken(|it| it.name = "community-1".into()).contains("community-"));
        assert!(broken(|it| it.version = Version::V2c).contains("needs a community"));
        assert!(broken(|it| (it.auth, it.privacy) = (Auth::None, Privacy::Aes128)).contains("priv needs auth"));
        assert!(broken(|it| it.priv_password = Secret::new("eight888")).contains("priv_password is given"));
        assert!(with(vec![v3("a", "eight888"), v3("a", "eight888")]).check().unwrap_err().contains("twice"));
    }

    #[test]
    fn ways_come_in_the_order_of_their_cost_and_of_the_configuration() {
        let config = SnmpConfig {
            communities: vec![Secret::new("one"), Secret::new("two")],
            credentials: vec![v3("office", "eight888")],
            ..SnmpConfig::default()
        };
        let show =
            |ways: Vec<Way>| ways.iter().map(|way| format!("{} {}", way.version, way.credential)).collect::<Vec<_>>();
        let all = [Version::V1, Version::V2c, Version::V3];
        assert_eq!(
            show(config.ways(&all, &[])),
            ["2c community-1", "2c community-2", "1 community-1", "1 community-2", "3 office"]
        );
        assert_eq!(show(config.ways(&all, &["office".into()])), ["3 office"]);
        assert_eq!(show(config.ways(&[Version::V1], &["community-2".into()])), ["1 community-2"]);
    }

    #[test]
    fn secrets_are_masked_in_everything_that_prints() {
        let mut credential = v3("office", "hush-hush");
        (credential.privacy, credential.priv_password) = (Privacy::Aes128, Secret::new("hide-hide"));
        let config = with(vec![credential]);
        let login = config.login(Version::V3, "office");
        for text in [format!("{config:?}"), serde_json::to_string(&config).unwrap(), format!("{login:?}")] {
            assert!(!text.contains("hush") && !text.contains("hide") && !text.contains("public"), "{text}");
        }
    }
}
