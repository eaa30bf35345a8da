//! What tells which profiles fit a device: its sysObjectID, and everything in which it names its maker. Pure.

use super::file::Match;
use super::pattern::normal;
use crate::poll::device_id::DeviceId;
use crate::poll::text::label;
use crate::poll::{identity, status};
use crate::snmp::{Oid, Table, mib};

#[derive(Debug, Default)]
pub(super) struct Signals {
    object_id: Option<Oid>,
    /// Normalized.
    texts: Vec<String>,
}

impl Signals {
    /// `places`: where IEEE 1284 device ids may be.
    pub(super) fn of(table: &Table, places: &[Oid]) -> Self {
        let device = status::main_device(table).unwrap_or(1);
        let object_id = table.at(mib::SYS_OBJECT_ID, mib::SCALAR).and_then(|value| value.oid()).cloned();
        let mut texts: Vec<String> =
            [(mib::SYS_DESCR, 0), (mib::HR_DEVICE_DESCR, device), (mib::PRT_GENERAL_PRINTER_NAME, device)]
                .into_iter()
                .filter_map(|(object, index)| table.bytes(object, &[index]).map(label))
                .collect();
        for (_, id) in identity::device_ids_at(table, places) {
            let id = DeviceId::parse(&id);
            let (maker, model) = (id.maker().unwrap_or_default(), id.model().unwrap_or_default());
            texts.push(format!("{maker} {model}"));
            texts.push(model.to_owned());
        }
        // JetDirect cards write the name of the printer into the description of the card.
        texts.extend(texts.first().and_then(|text| identity::described_field(text, "PID")));
        Self { object_id, texts: texts.iter().map(|text| normal(text)).collect() }
    }

    pub(super) fn told(object_id: Option<&Oid>, description: &str) -> Self {
        Self { object_id: object_id.cloned(), texts: vec![normal(description)] }
    }

    pub(super) fn fit_by_number(&self, wanted: &Match) -> bool {
        self.object_id.as_ref().is_some_and(|own| wanted.object_id.iter().any(|oid| own.below(oid.arcs()).is_some()))
    }

    pub(super) fn fit_by_name(&self, wanted: &Match) -> bool {
        wanted.describes.iter().any(|pattern| self.texts.iter().any(|text| pattern.fits_normal(text)))
    }
}
