//! The printer models of the simulator: sixteen that differ as real devices do. Numbers and names are of the kind the
//! makers use; no model claims to be an exact copy of a device. Every difference is one a reader has to cope with, and
//! the remark above each model says which.

use super::model::{AlertStyle, Charset, Hours, LevelStyle, Model, SerialPlace, Snmp, Supply, SupplyKind, Tray};
use super::model::{Vendor, Work};

mod copiers;
mod printers;

/// All models, in a fixed order: a fleet deals them out in turn.
#[must_use]
pub fn models() -> &'static [Model] {
    &MODELS
}

/// The model of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|m| m.name == name)
}

static MODELS: [Model; 16] = [
    printers::HP_LASERJET_M404,
    copiers::HP_COLOR_LASERJET_MFP_M480,
    printers::HP_LASERJET_4250,
    copiers::CANON_IR_C3226,
    copiers::RICOH_IM_C3000,
    printers::KYOCERA_ECOSYS_P3155DN,
    copiers::KYOCERA_TASKALFA_3253CI,
    copiers::KONICAMINOLTA_BIZHUB_C258,
    copiers::XEROX_ALTALINK_C8135,
    printers::BROTHER_HL_L2350DW,
    copiers::EPSON_WF_C5790,
    printers::LEXMARK_MS621,
    printers::OKI_C532,
    copiers::SAMSUNG_M4080,
    copiers::SHARP_MX_3071,
    printers::ZEBRA_ZT411,
];

const OFFICE: Work =
    Work { pages: 90, hours: Hours::Office, color: 0, copy: 0, fax: 0, duplex: 400, a3: 0, scan: 0, jams: 900 };

const COPIER: Work = Work { pages: 420, color: 380, copy: 250, fax: 10, a3: 60, scan: 300, ..OFFICE };

const PLAIN: Model = Model {
    name: "",
    maker: "",
    enterprise: 0,
    product: "",
    sys_object_id: "",
    sys_descr: "{product}",
    device_descr: "{product}",
    device_index: 1,
    if_index: 1,
    mac_prefix: [2, 0, 0],
    snmp: Snmp::FULL,
    serial: SerialPlace::Standard,
    serial_prefix: "",
    charset: Charset::Utf8,
    named: true,
    alerts: AlertStyle::Full,
    error_state_bytes: 2,
    console_rows: 2,
    id_at_hp: false,
    id_at_pwg: false,
    color_marker: false,
    vendor: Vendor::None,
    mark_tech: 4,
    pages_per_minute: 38,
    trays: &[tray(1, "Tray 1", 100, false), tray(2, "Tray 2", 250, false)],
    supplies: &[],
    work: OFFICE,
};

const fn tray(index: u32, name: &'static str, sheets: u32, counts: bool) -> Tray {
    Tray { index, name, sheets, counts }
}

const fn supply(index: u32, kind: SupplyKind, name: &'static str, pages: u32, level: LevelStyle) -> Supply {
    Supply { index, kind, name, pages, starter: 100, level }
}

const fn starter(index: u32, kind: SupplyKind, name: &'static str, pages: u32, level: LevelStyle) -> Supply {
    Supply { index, kind, name, pages, starter: 40, level }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::LevelStyle::{Coarse, Grams, MaxUnknown, NoMax, Pages, Percent, Some as Rest, Unknown};
    use super::*;

    #[test]
    fn there_are_at_least_twelve_models_and_names_are_unique() {
        let names: BTreeSet<&str> = models().iter().map(|m| m.name).collect();
        assert_eq!(names.len(), models().len());
        assert!(names.len() >= 12);
        let makers: BTreeSet<u32> = models().iter().map(|m| m.enterprise).collect();
        assert!(makers.len() >= 12, "{makers:?}");
        for model in models() {
            let under = format!("1.3.6.1.4.1.{}.", model.enterprise);
            assert!(model.sys_object_id.starts_with(&under), "{}", model.name);
            let indexes: BTreeSet<u32> = model.supplies.iter().map(|s| s.index).collect();
            assert_eq!(indexes.len(), model.supplies.len(), "{}", model.name);
        }
    }

    #[test]
    fn the_models_differ_in_what_a_reader_must_cope_with() {
        let some = |test: fn(&Model) -> bool| models().iter().any(test);
        let level = |wanted: LevelStyle| models().iter().flat_map(|m| m.supplies).any(|s| s.level == wanted);
        assert!(models().iter().filter(|m| m.snmp.v1_only).count() >= 3);
        assert!(some(|m| m.snmp.max_varbinds < 30) && some(|m| m.snmp.max_bytes < 1000));
        assert!(some(|m| m.serial == SerialPlace::Missing));
        assert!(some(|m| matches!(m.serial, SerialPlace::Placeholder(_))));
        assert!(some(|m| m.charset == Charset::Latin1) && some(|m| m.alerts == AlertStyle::None));
        assert!(some(|m| m.device_index != 1) && some(|m| m.color_marker) && some(|m| m.id_at_hp));
        for wanted in [Percent, Pages, Grams, Rest, Unknown, MaxUnknown, NoMax, Coarse(5), Coarse(10), Coarse(20)] {
            assert!(level(wanted), "{wanted:?}");
        }
        assert!(some(|m| m.supplies.iter().any(|s| s.kind.class_code() == 4 && s.level == Percent)));
    }
}
