//! What a store says when it is opened, value by value: what can be gone on with, and what in it is damaged.

use std::collections::{BTreeMap, HashMap};

use schemas::id::AgentCn;

use super::super::layout::{FrozenValue, Last, Name, decode, decode_records};
use super::{Held, Meta, Pending};
use crate::time::stamper::Known;

/// What a store says when it is opened.
#[derive(Debug)]
pub struct Loaded {
    pub epoch: u64,
    empty: bool,
    pub(super) meta: Option<Meta>,
    pub known: Known,
    pub last: HashMap<u64, Last>,
    pub inventory: Vec<Vec<u8>>,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) frozen: BTreeMap<u64, Held>,
    pub(super) damaged_pending: Vec<u64>,
    pub(super) damaged_frozen: Vec<u64>,
    unreadable: Option<&'static str>,
}

impl Loaded {
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            empty: true,
            meta: None,
            known: Known::default(),
            last: HashMap::new(),
            inventory: Vec::new(),
            pending: BTreeMap::new(),
            frozen: BTreeMap::new(),
            damaged_pending: Vec::new(),
            damaged_frozen: Vec::new(),
            unreadable: None,
        }
    }

    /// Hears one value; `None` is one that does not open.
    pub fn value(&mut self, key: &[u8], value: Option<Vec<u8>>) {
        self.empty = false;
        match Name::of(key) {
            Name::Books => match value.and_then(|value| decode(&value)) {
                Some(meta) => self.meta = Some(meta),
                None => self.unreadable = Some("its books do not open; was the key replaced?"),
            },
            Name::Clock => self.known = value.and_then(|value| decode(&value)).unwrap_or_default(),
            Name::Inventory(_) => self.inventory.extend(value),
            Name::Last(device) => {
                if let Some(last) = value.and_then(|value| decode(&value)) {
                    self.last.insert(device, last);
                }
            }
            Name::Pending(key) => {
                let pending = value.and_then(|value| {
                    let (records, plain) = decode_records(&value)?;
                    Pending::new(key, &records, plain, value.len())
                });
                match pending {
                    Some(pending) => drop(self.pending.insert(key, pending)),
                    None => self.damaged_pending.push(key),
                }
            }
            Name::Frozen(seq) => match value.as_deref().and_then(FrozenValue::decode) {
                Some(value) => drop(self.frozen.insert(seq, Held::of(&value))),
                None => self.damaged_frozen.push(seq),
            },
            Name::Epoch | Name::Unknown => {}
        }
    }

    /// Whether the store can be gone on with.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), String> {
        match self.unreadable {
            Some(why) => Err(why.to_owned()),
            None if self.meta.is_none() && !(self.pending.is_empty() && self.frozen.is_empty()) => {
                Err("its books are missing".to_owned())
            }
            None => Ok(()),
        }
    }

    /// The agent whose spool this is, if it is another than `cn`.
    pub fn stranger(&self, cn: &AgentCn) -> Option<&str> {
        let owner = self.meta.as_ref()?.owner.as_str();
        (!owner.is_empty() && owner != cn.as_str()).then_some(owner)
    }

    /// Whether the store held nothing at all.
    pub fn is_empty(&self) -> bool {
        self.empty
    }
}
