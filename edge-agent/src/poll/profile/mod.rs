//! What is known about makers beyond the standards, as data: `profiles/*.toml`, compiled in, and a folder of the site.
//!
//! All profiles that fit a device by its sysObjectID or by what it calls itself apply together: those of the folder first, HP's
//! last. So an imitation of a JetDirect card is read by the profile of whoever built the printer and by HP's, and a device
//! sold under another name by that of its engine. [`evaluate`] turns them and a table of answers into meters.

pub mod evaluate;
pub mod file;
mod load;
pub mod pattern;
mod signals;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::snmp::{Oid, Table};
use file::{File, FirmwareTable, Preference, Quirks};
use signals::Signals;

pub use load::ProfileError;

/// All profiles, in the order of trust. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Profiles {
    files: Arc<[Arc<File>]>,
    /// The folder that they were read from, beside the built-in ones.
    folder: Option<PathBuf>,
}

impl Profiles {
    /// Those that are compiled in.
    pub fn builtin() -> Self {
        Self { files: load::builtin(), folder: None }
    }

    /// Those of a folder before the built-in ones. One with the name of a built-in profile replaces it.
    pub fn with_folder(folder: PathBuf) -> Result<Self, ProfileError> {
        let files = load::with_folder(&folder)?;
        Ok(Self { files, folder: Some(folder) })
    }

    pub fn is_builtin(&self) -> bool {
        self.folder.is_none()
    }

    /// The profile of a device that answered `table`: what all that fit it say, in the order of trust.
    pub fn of(&self, table: &Table) -> Profile {
        let signals = Signals::of(table, &self.device_id_places());
        let fits = |file: &&Arc<File>| signals.fit_by_number(&file.matches) || signals.fit_by_name(&file.matches);
        Profile { files: self.files.iter().filter(fits).cloned().collect() }
    }

    /// Every place of an IEEE 1284 device id: what is asked of a device that has no sysObjectID.
    pub fn device_id_places(&self) -> Vec<Oid> {
        let named = self.files.iter().flat_map(|file| file.identity.device_id.iter().cloned());
        once(named.chain([Oid::new(JETDIRECT_DEVICE_ID)]))
    }

    /// Whether sysObjectID and sysDescr alone tell a printer: an own line of a maker's printers, or, where there is no
    /// sysObjectID that says more, a description that only printers have.
    pub fn describe_a_printer(&self, object_id: Option<&Oid>, description: &str) -> bool {
        let signals = Signals::told(object_id, description);
        let telling = object_id.is_some_and(|oid| oid.enterprise().is_some());
        self.files
            .iter()
            .any(|file| signals.fit_by_number(&file.matches) || (!telling && signals.fit_by_name(&file.matches)))
    }

    /// Names, for people.
    pub fn names(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.name.as_str()).collect()
    }
}

impl Default for Profiles {
    fn default() -> Self {
        Self::builtin()
    }
}

/// Two sets are the same if they come from the same place.
impl PartialEq for Profiles {
    fn eq(&self, other: &Self) -> bool {
        self.folder == other.folder
    }
}

impl Eq for Profiles {}

/// In a configuration the profiles are the folder of the site; it is read with the configuration, so that a wrong line
/// stops the agent before it begins.
impl<'de> Deserialize<'de> for Profiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let folder = PathBuf::deserialize(deserializer)?;
        Self::with_folder(folder).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Profiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.folder.clone().unwrap_or_default().serialize(serializer)
    }
}

/// What is known about one device.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    files: Vec<Arc<File>>,
}

impl Profile {
    pub fn names(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.name.as_str()).collect()
    }

    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().map(Arc::as_ref)
    }

    pub fn models(&self) -> Vec<Oid> {
        self.collect(|file| file.identity.model.clone())
    }

    pub fn serials(&self) -> Vec<Oid> {
        self.collect(|file| file.identity.serial.clone())
    }

    /// Where IEEE 1284 device ids are, besides the port monitor MIB. Many makers imitate JetDirect cards, so that place is
    /// asked everywhere.
    pub fn device_ids(&self) -> Vec<Oid> {
        let mut oids = self.collect(|file| file.identity.device_id.clone());
        let jetdirect = Oid::new(JETDIRECT_DEVICE_ID);
        if !oids.contains(&jetdirect) {
            oids.push(jetdirect);
        }
        oids
    }

    pub fn host_names(&self) -> Vec<Oid> {
        self.collect(|file| file.identity.host_name.clone())
    }

    pub fn consoles(&self) -> Vec<Oid> {
        self.collect(|file| file.identity.console.clone())
    }

    /// (part, object)
    pub fn firmware(&self) -> Vec<(String, Oid)> {
        self.collect(|file| {
            file.identity.firmware.iter().map(|entry| (entry.part.clone(), entry.oid.clone())).collect()
        })
    }

    pub fn firmware_table(&self) -> Option<&FirmwareTable> {
        self.files().find_map(|file| file.identity.firmware_table.as_ref())
    }

    /// Objects that say who the device is, each once.
    pub fn identity_objects(&self) -> Vec<Oid> {
        let firmware = self.firmware().into_iter().map(|(_, oid)| oid);
        let named = [self.device_ids(), self.models(), self.serials(), self.host_names(), self.consoles()].concat();
        once(named.into_iter().chain(firmware))
    }

    pub fn quirks(&self) -> Quirks {
        self.files().fold(Quirks::default(), |all, file| Quirks {
            no_bulk: all.no_bulk || file.quirks.no_bulk,
            values_per_packet: all.values_per_packet.or(file.quirks.values_per_packet),
            charset: all.charset.or(file.quirks.charset),
        })
    }

    pub fn total(&self) -> Preference {
        self.files().map(|file| file.total).find(|total| *total != Preference::Standard).unwrap_or_default()
    }

    fn collect<T: PartialEq>(&self, pick: impl Fn(&File) -> Vec<T>) -> Vec<T> {
        once(self.files().flat_map(pick))
    }
}

const JETDIRECT_DEVICE_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 11, 2, 3, 9, 1, 1, 7, 0];

/// Each once, in order.
pub(super) fn once<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut list = Vec::new();
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    list
}

#[cfg(test)]
mod tests;
