//! Values as devices send them, and the table in which a device's answers are collected before anything is decoded.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::limits::{STRING_BYTES_MAX, VALUES_MAX};
use super::oid::Oid;

/// A value of RFC 2578 section 7.1. What is absent on the device is not a value and never gets into a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER.
    Integer(i64),
    /// Counter32, Gauge32, Unsigned32, Counter64.
    Unsigned(u64),
    /// TimeTicks, hundredths of a second.
    Ticks(u32),
    /// OCTET STRING and Opaque.
    Bytes(Vec<u8>),
    Oid(Oid),
    Ip([u8; 4]),
}

impl Value {
    /// The number in it. Some devices send counters as strings of digits or as TimeTicks; digits are not accepted here.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Ticks(value) => Some(i64::from(*value)),
            Self::Bytes(_) | Self::Oid(_) | Self::Ip(_) => None,
        }
    }

    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn oid(&self) -> Option<&Oid> {
        match self {
            Self::Oid(oid) => Some(oid),
            _ => None,
        }
    }
}

/// What one device answered, by object identifier. Bounded: beyond `VALUES_MAX` values nothing is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table(BTreeMap<Oid, Value>);

impl Table {
    /// Adds a value; long strings are cut. Says whether it was kept.
    pub fn insert(&mut self, oid: Oid, mut value: Value) -> bool {
        if let Value::Bytes(bytes) = &mut value {
            bytes.truncate(STRING_BYTES_MAX);
        }
        if self.0.len() >= VALUES_MAX && !self.0.contains_key(&oid) {
            return false;
        }
        self.0.insert(oid, value);
        true
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, oid: &[u32]) -> Option<&Value> {
        self.0.get(oid)
    }

    /// The instance of an object.
    pub fn at(&self, object: &[u32], instance: &[u32]) -> Option<&Value> {
        self.0.get(Oid::of(object, instance).arcs())
    }

    pub fn number(&self, object: &[u32], instance: &[u32]) -> Option<i64> {
        self.at(object, instance)?.number()
    }

    pub fn bytes(&self, object: &[u32], instance: &[u32]) -> Option<&[u8]> {
        self.at(object, instance)?.bytes()
    }

    /// Instances of a column (or anything below an identifier) in order, with their index.
    pub fn column<'a>(&'a self, object: &'a [u32]) -> impl Iterator<Item = (&'a [u32], &'a Value)> + 'a {
        self.0
            .range::<[u32], _>((Bound::Excluded(object), Bound::Unbounded))
            .map_while(move |(oid, value)| oid.below(object).map(|index| (index, value)))
    }

    /// Indexes that occur in any of the columns, in order: a row is there if one of its fields is.
    pub fn rows(&self, columns: &[&[u32]]) -> Vec<Vec<u32>> {
        let mut rows: Vec<Vec<u32>> =
            columns.iter().flat_map(|column| self.column(column).map(|(index, _)| index.to_vec())).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The first value after an identifier: what GETNEXT answers.
    pub fn after(&self, oid: &[u32]) -> Option<(&Oid, &Value)> {
        self.0.range::<[u32], _>((Bound::Excluded(oid), Bound::Unbounded)).next()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &Value)> {
        self.0.iter()
    }

    pub fn absorb(&mut self, other: Self) {
        for (oid, value) in other.0 {
            self.insert(oid, value);
        }
    }
}
