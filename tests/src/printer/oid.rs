//! Object identifiers: a list of numbers, ordered number by number as SNMP walks need it (so `.9` comes before `.10`).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::limits::MAX_OID_ARCS;

/// An object identifier of 1 to 128 numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u32>);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OidError {
    #[error("an object identifier needs 1 to {MAX_OID_ARCS} numbers, this one has {0}")]
    Length(usize),
    #[error("`{0}` is not a number between 0 and 4294967295")]
    Arc(String),
}

impl Oid {
    /// The numbers as given; whoever builds one in code knows its length.
    #[must_use]
    pub fn new(arcs: impl Into<Vec<u32>>) -> Self {
        Self(arcs.into())
    }

    #[must_use]
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// This identifier with more numbers behind it.
    #[must_use]
    pub fn child(&self, more: &[u32]) -> Self {
        Self([&self.0, more].concat())
    }

    #[must_use]
    pub fn starts_with(&self, prefix: &Oid) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Without its last number; empty for a single number.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default())
    }
}

impl FromStr for Oid {
    type Err = OidError;

    /// Reads `1.3.6.1`, with or without a leading dot.
    fn from_str(text: &str) -> Result<Self, OidError> {
        let text = text.strip_prefix('.').unwrap_or(text);
        let arc = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| digits).ok_or_else(|| OidError::Arc(part.to_owned()))
        };
        let arcs: Vec<u32> = text.split('.').map(arc).collect::<Result<_, _>>()?;
        if arcs.len() > MAX_OID_ARCS {
            return Err(OidError::Length(arcs.len()));
        }
        Ok(Self(arcs))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, arc) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(".")?;
            }
            write!(f, "{arc}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    #[test]
    fn order_is_by_number_and_a_prefix_comes_first() {
        assert!(oid("1.3.9") < oid("1.3.10"));
        assert!(oid("1.3") < oid("1.3.0"));
        assert!(oid("1.3.6.1").starts_with(&oid(".1.3")));
        assert_eq!(oid("1.3.6").parent(), oid("1.3"));
    }

    #[test]
    fn text_that_is_no_identifier_is_refused_by_name() {
        assert_eq!("1.x.2".parse::<Oid>(), Err(OidError::Arc("x".into())));
        assert_eq!("1..2".parse::<Oid>(), Err(OidError::Arc(String::new())));
        assert_eq!("1.+2".parse::<Oid>(), Err(OidError::Arc("+2".into())));
        assert_eq!("1.4294967296".parse::<Oid>(), Err(OidError::Arc("4294967296".into())));
        assert_eq!(vec!["1"; 129].join(".").parse::<Oid>(), Err(OidError::Length(129)));
        assert_eq!(oid("0.0").to_string(), "0.0");
    }
}
