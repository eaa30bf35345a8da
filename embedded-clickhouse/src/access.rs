//! Who may do what: names, passwords, and whether a user may only read.
//!
//! The engine itself knows no users, so this is the only door.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use service::secret::Secret;

/// A user whom the configuration names.
#[derive(Debug, Clone)]
pub struct User {
    pub name: String,
    pub password: Secret,
    pub readonly: bool,
}

/// What a request says about who it is. Its `Debug` shows no secret.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// `None` with a bearer token: the password alone tells.
    user: Option<String>,
    password: Secret,
}

impl Credentials {
    pub fn new(user: Option<String>, password: &str) -> Self {
        Self { user, password: Secret::new(password) }
    }

    /// From the headers; `None` if they carry none.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(user) = text("x-clickhouse-user") {
            return Some(Self::new(Some(user.to_owned()), text("x-clickhouse-key").unwrap_or_default()));
        }
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::new(None, rest.trim()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Self::new(Some(user.to_owned()), password))
    }
}

/// All users.
#[derive(Debug, Clone)]
pub struct Users(Vec<User>);

impl Users {
    pub fn new(users: Vec<User>) -> Self {
        Self(users)
    }

    /// The user, if name and password are right. Every password is compared, so that time tells no name.
    pub fn check(&self, credentials: &Credentials) -> Option<&User> {
        let mut found = None;
        for user in &self.0 {
            let password = user.password.matches(credentials.password.expose()) && !user.password.is_empty();
            let name = credentials.user.as_ref().is_none_or(|name| *name == user.name);
            if password && name {
                found = Some(user);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let user = |name: &str, password: &str, readonly| User {
            name: name.to_owned(),
            password: Secret::new(password),
            readonly,
        };
        Users::new(vec![user("default", "right", false), user("viewer", "look", true), user("open", "", false)])
    }

    fn header(name: &'static str, value: &str) -> Option<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Credentials::from_headers(&headers)
    }

    fn name(credentials: Option<Credentials>) -> Option<String> {
        users().check(&credentials?).map(|user| user.name.clone())
    }

    #[test]
    fn basic_bearer_and_clickhouse_headers_lead_to_the_same_user() {
        assert_eq!(
            name(header("authorization", &format!("Basic {}", STANDARD.encode("viewer:look")))).unwrap(),
            "viewer"
        );
        assert_eq!(name(header("authorization", "Bearer look")).unwrap(), "viewer");
        let mut headers = HeaderMap::new();
        headers.insert("x-clickhouse-user", "default".parse().unwrap());
        headers.insert("x-clickhouse-key", "right".parse().unwrap());
        assert_eq!(name(Credentials::from_headers(&headers)).unwrap(), "default");
    }

    #[test]
    fn a_wrong_name_a_wrong_password_and_no_password_are_all_refused() {
        for credentials in [
            Credentials::new(Some("default".to_owned()), "wrong"),
            Credentials::new(Some("nobody".to_owned()), "right"),
            Credentials::new(Some("default".to_owned()), ""),
            Credentials::new(Some("open".to_owned()), ""),
            Credentials::new(None, ""),
            Credentials::default(),
        ] {
            assert_eq!(users().check(&credentials).map(|user| &user.name), None, "{credentials:?}");
        }
        for value in ["Basic", "Basic !!!", "Digest x", "Basic eA=="] {
            assert_eq!(header("authorization", value), None);
        }
    }

    #[test]
    fn credentials_do_not_print_their_password() {
        assert!(!format!("{:?}", Credentials::new(None, "hunter2")).contains("hunter2"));
    }
}
