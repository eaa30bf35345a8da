//! What a device can tell: a table from object identifier to value, in walking order.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::oid::Oid;
use super::value::Value;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mib {
    rows: BTreeMap<Oid, Value>,
}

impl Mib {
    /// Sets a value; gives back the one that stood there.
    pub fn put(&mut self, oid: Oid, value: Value) -> Option<Value> {
        self.rows.insert(oid, value)
    }

    #[must_use]
    pub fn get(&self, oid: &Oid) -> Option<&Value> {
        self.rows.get(oid)
    }

    /// The first row behind this identifier.
    #[must_use]
    pub fn next(&self, oid: &Oid) -> Option<(&Oid, &Value)> {
        self.rows.range((Bound::Excluded(oid), Bound::Unbounded)).next()
    }

    /// True if a sibling of this instance exists. The table knows no MIB definitions, so "the object type exists"
    /// (noSuchInstance rather than noSuchObject) is taken to mean this.
    #[must_use]
    pub fn has_sibling(&self, oid: &Oid) -> bool {
        let parent = oid.parent();
        self.next(&parent).is_some_and(|(found, _)| found.starts_with(&parent))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &Value)> {
        self.rows.iter()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl FromIterator<(Oid, Value)> for Mib {
    fn from_iter<I: IntoIterator<Item = (Oid, Value)>>(rows: I) -> Self {
        Self { rows: rows.into_iter().collect() }
    }
}
