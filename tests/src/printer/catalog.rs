//! The printer models of the simulator: sixteen that differ as real devices do. Numbers and names are of the kind the
//! makers use; no model claims to be an exact copy of a device. Every difference is one a reader has to cope with, and
//! the remark above each model says which.

use super::model::{AlertStyle, Charset, Color, Hours, LevelStyle, Model, SerialPlace, Snmp, Supply, SupplyKind};
use super::model::{Tray, Vendor, Work};

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

use Color::{Black, Cyan, Magenta, Yellow};
use LevelStyle::{Coarse, Grams, MaxUnknown, NoMax, Pages, Percent, Some as Rest, Unknown};
use SupplyKind::{Drum, Fuser, Ink, Ribbon, Rollers, Toner, Transfer, WasteInk, WasteToner};

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

static MODELS: [Model; 16] = [
    // JetDirect card: sysDescr names the card, the id string tells the device; hole in the supply index
    Model {
        name: "hp-laserjet-m404",
        maker: "HP",
        enterprise: 11,
        product: "HP LaserJet M404dn",
        sys_object_id: "1.3.6.1.4.1.11.2.3.9.1",
        sys_descr: "HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD153,EEPROM JSI24240041,CIDATE 09/17/2019",
        mac_prefix: [0x3c, 0x52, 0x82],
        serial_prefix: "PHB",
        id_at_hp: true,
        vendor: Vendor::Hp,
        supplies: &[
            starter(1, Toner(Black), "Black Cartridge HP CF259X", 3000, Percent),
            supply(5, Rollers, "Document Feeder Kit HP L2725A", 50_000, Percent),
        ],
        ..PLAIN
    },
    // newer JetDirect with the serial number in sysDescr; many supplies; few bytes a response; two loopbacks first
    Model {
        name: "hp-color-laserjet-mfp-m480",
        maker: "HP",
        enterprise: 11,
        product: "HP Color LaserJet MFP M480f",
        sys_object_id: "1.3.6.1.4.1.11.2.3.9.1",
        sys_descr: "HP ETHERNET MULTI-ENVIRONMENT,SN:{serial},FN:6CF02AR,SVCID:32041,PID:{product}",
        if_index: 3,
        mac_prefix: [0xf4, 0x30, 0xb9],
        snmp: Snmp { max_bytes: 484, ..Snmp::FULL },
        serial_prefix: "VNB",
        id_at_hp: true,
        vendor: Vendor::Hp,
        supplies: &[
            starter(1, Toner(Black), "Black Cartridge HP W2010X", 7500, Percent),
            starter(2, Toner(Cyan), "Cyan Cartridge HP W2011X", 6000, Percent),
            starter(3, Toner(Yellow), "Yellow Cartridge HP W2012X", 6000, Percent),
            starter(4, Toner(Magenta), "Magenta Cartridge HP W2013X", 6000, Percent),
            supply(5, WasteToner, "Toner Collection Unit HP 3WT90A", 30_000, Percent),
            supply(6, Fuser, "Fuser Kit HP 3WT87A", 150_000, Percent),
            supply(7, Transfer, "Image Transfer Belt HP 3WT89A", 150_000, Percent),
            supply(10, Rollers, "Document Feeder Kit HP W1B47A", 75_000, Percent),
        ],
        work: Work { pages: 160, color: 350, copy: 120, fax: 20, scan: 250, ..OFFICE },
        ..PLAIN
    },
    // an old device that speaks version 1 only, one octet of error bits, toner in pages
    Model {
        name: "hp-laserjet-4250",
        maker: "HP",
        enterprise: 11,
        product: "hp LaserJet 4250",
        sys_object_id: "1.3.6.1.4.1.11.2.3.9.1",
        sys_descr: "HP ETHERNET MULTI-ENVIRONMENT,ROM R.25.57,JETDIRECT,JD117,EEPROM V.29.20,CIDATE 07/29/2005",
        mac_prefix: [0x00, 0x11, 0x0a],
        snmp: Snmp::V1,
        serial_prefix: "CNB",
        charset: Charset::Latin1,
        alerts: AlertStyle::CodeOnly,
        error_state_bytes: 1,
        id_at_hp: true,
        supplies: &[
            supply(1, Toner(Black), "Black Cartridge HP Q5942X", 20_000, Pages),
            supply(2, Fuser, "Maintenance Kit HP Q5422A", 225_000, Pages),
        ],
        work: Work { pages: 220, ..OFFICE },
        ..PLAIN
    },
    // no serial number anywhere: the MAC has to do; levels in steps of 10 %
    Model {
        name: "canon-ir-c3226",
        maker: "Canon",
        enterprise: 1602,
        product: "Canon iR C3226",
        sys_object_id: "1.3.6.1.4.1.1602.4.7",
        sys_descr: "{product} /P",
        mac_prefix: [0x74, 0xbf, 0xc0],
        serial: SerialPlace::Missing,
        vendor: Vendor::Canon,
        supplies: &[
            supply(1, Toner(Black), "Canon C-EXV 54 Black Toner", 15_500, Coarse(10)),
            supply(2, Toner(Cyan), "Canon C-EXV 54 Cyan Toner", 8500, Coarse(10)),
            supply(3, Toner(Magenta), "Canon C-EXV 54 Magenta Toner", 8500, Coarse(10)),
            supply(4, Toner(Yellow), "Canon C-EXV 54 Yellow Toner", 8500, Coarse(10)),
            supply(5, WasteToner, "Waste Toner Container", 40_000, Rest),
        ],
        work: COPIER,
        ..PLAIN
    },
    // levels in steps of 20 %; the waste bottle only says "some room"; engine counters in a table with labels
    Model {
        name: "ricoh-im-c3000",
        maker: "Ricoh",
        enterprise: 367,
        product: "RICOH IM C3000",
        sys_object_id: "1.3.6.1.4.1.367.1.1",
        sys_descr: "{product} 1.10 / RICOH Network Printer C model / RICOH Network Scanner C model",
        mac_prefix: [0x58, 0x38, 0x79],
        serial_prefix: "3099R",
        vendor: Vendor::Ricoh,
        trays: &[tray(1, "Tray 1", 550, true), tray(2, "Tray 2", 550, true), tray(3, "Bypass Tray", 100, false)],
        supplies: &[
            supply(1, Toner(Black), "black toner", 31_000, Coarse(20)),
            supply(2, WasteToner, "waste toner", 90_000, Rest),
            supply(3, Toner(Cyan), "cyan toner", 19_000, Coarse(20)),
            supply(4, Toner(Magenta), "magenta toner", 19_000, Coarse(20)),
            supply(5, Toner(Yellow), "yellow toner", 19_000, Coarse(20)),
        ],
        work: Work { pages: 600, ..COPIER },
        ..PLAIN
    },
    // toner in pages; waste box without level and maximum; sysName and sysLocation empty
    Model {
        name: "kyocera-ecosys-p3155dn",
        maker: "Kyocera",
        enterprise: 1347,
        product: "ECOSYS P3155dn",
        sys_object_id: "1.3.6.1.4.1.1347.41",
        sys_descr: "KYOCERA Document Solutions Printing System",
        mac_prefix: [0x00, 0x17, 0xc8],
        serial_prefix: "R4B",
        named: false,
        error_state_bytes: 1,
        id_at_pwg: true,
        vendor: Vendor::Kyocera,
        trays: &[tray(1, "MP Tray", 100, false), tray(2, "Cassette 1", 500, true)],
        supplies: &[
            starter(1, Toner(Black), "TK-3160", 12_500, Pages),
            supply(2, WasteToner, "Waste Toner Box", 50_000, Rest),
        ],
        work: Work { pages: 260, duplex: 700, ..OFFICE },
        ..PLAIN
    },
    // a school's colour copier of the same maker: large counters, function × colour matrix, exact trays
    Model {
        name: "kyocera-taskalfa-3253ci",
        maker: "Kyocera",
        enterprise: 1347,
        product: "TASKalfa 3253ci",
        sys_object_id: "1.3.6.1.4.1.1347.41",
        sys_descr: "KYOCERA Document Solutions Printing System",
        mac_prefix: [0x00, 0xc0, 0xee],
        serial_prefix: "VX5",
        id_at_pwg: true,
        vendor: Vendor::Kyocera,
        trays: &[tray(1, "MP Tray", 150, true), tray(2, "Cassette 1", 500, true), tray(3, "Cassette 2", 500, true)],
        supplies: &[
            supply(1, Toner(Cyan), "TK-8335C", 15_000, Pages),
            supply(2, Toner(Magenta), "TK-8335M", 15_000, Pages),
            supply(3, Toner(Yellow), "TK-8335Y", 15_000, Pages),
            supply(4, Toner(Black), "TK-8335K", 25_000, Pages),
            supply(5, WasteToner, "Waste Toner Box", 60_000, Rest),
        ],
        work: Work { pages: 900, hours: Hours::School, color: 200, copy: 500, ..COPIER },
        ..PLAIN
    },
    // no alert table; hole between toner 4 and waste box 13
    Model {
        name: "konicaminolta-bizhub-c258",
        maker: "Konica Minolta",
        enterprise: 18_334,
        product: "KONICA MINOLTA bizhub C258",
        sys_object_id: "1.3.6.1.4.1.18334.1.1.1.2.1.138.3.1",
        mac_prefix: [0x00, 0x20, 0x6b],
        serial_prefix: "A7R0",
        alerts: AlertStyle::None,
        vendor: Vendor::KonicaMinolta,
        trays: &[tray(1, "Tray1", 500, true), tray(2, "Tray2", 500, true), tray(7, "Bypass Tray", 150, false)],
        supplies: &[
            supply(1, Toner(Cyan), "Toner (Cyan)", 26_000, Percent),
            supply(2, Toner(Magenta), "Toner (Magenta)", 26_000, Percent),
            supply(3, Toner(Yellow), "Toner (Yellow)", 26_000, Percent),
            supply(4, Toner(Black), "Toner (Black)", 28_000, Percent),
            supply(13, WasteToner, "Waste Toner Box", 40_000, Rest),
        ],
        work: COPIER,
        ..PLAIN
    },
    // part and serial number inside the supply's description; drums; a long sysDescr
    Model {
        name: "xerox-altalink-c8135",
        maker: "Xerox",
        enterprise: 253,
        product: "Xerox AltaLink C8135",
        sys_object_id: "1.3.6.1.4.1.253.8.62.1.36.2.3.1.1",
        sys_descr: "{product}; SS 111.013.031.17710, NC 111.013.17710, UI 111.013.17710, ME 025.028.000, FI ------",
        mac_prefix: [0x9c, 0x93, 0x4e],
        serial_prefix: "EHQ",
        vendor: Vendor::Xerox,
        trays: &[tray(1, "Tray 1", 520, false), tray(2, "Tray 2", 520, false), tray(5, "Bypass Tray", 100, false)],
        supplies: &[
            supply(1, Toner(Black), "Black Toner, PN 006R01746;SN{cartridge}", 59_000, Percent),
            supply(2, Toner(Cyan), "Cyan Toner, PN 006R01747;SN{cartridge}", 28_000, Percent),
            supply(3, Toner(Magenta), "Magenta Toner, PN 006R01748;SN{cartridge}", 28_000, Percent),
            supply(4, Toner(Yellow), "Yellow Toner, PN 006R01749;SN{cartridge}", 28_000, Percent),
            supply(5, WasteToner, "Waste Toner Container, PN 008R08101", 69_000, Percent),
            supply(6, Drum(Black), "Drum Cartridge (R4), PN 013R00681", 180_000, Percent),
            supply(7, Fuser, "Fuser Assembly, PN 008R13102", 200_000, Percent),
        ],
        work: Work { pages: 700, ..COPIER },
        ..PLAIN
    },
    // toner only "some" or empty, drum in pages; the counter also in a binary blob
    Model {
        name: "brother-hl-l2350dw",
        maker: "Brother",
        enterprise: 2435,
        product: "Brother HL-L2350DW series",
        sys_object_id: "1.3.6.1.4.1.2435.2.3.9.1",
        sys_descr: "Brother NC-8800w, Firmware Ver.1.60  ,MID 84U-G0A",
        mac_prefix: [0x3c, 0x2a, 0xf4],
        serial_prefix: "E78",
        console_rows: 1,
        id_at_hp: true,
        vendor: Vendor::Brother,
        trays: &[tray(1, "TRAY 1", 250, false)],
        supplies: &[
            starter(1, Toner(Black), "Black Toner Cartridge", 1200, Rest),
            supply(2, Drum(Black), "Drum Unit", 12_000, Pages),
        ],
        work: Work { pages: 35, ..OFFICE },
        ..PLAIN
    },
    // inkjet; maintenance box of class 4; accents in UTF-8
    Model {
        name: "epson-wf-c5790",
        maker: "Epson",
        enterprise: 1248,
        product: "EPSON WF-C5790 Series",
        sys_object_id: "1.3.6.1.4.1.1248.1.1.2.1.3.5.69.69.80.83.50",
        sys_descr: "EPSON Built-in 11b/g/n & 10/100/1000 Print Server",
        mac_prefix: [0x38, 0x1a, 0x52],
        serial_prefix: "X3B8",
        id_at_pwg: true,
        mark_tech: 12,
        supplies: &[
            supply(1, Ink(Black), "Encre noire T9451", 10_000, Percent),
            supply(2, Ink(Cyan), "Encre cyan foncé T9452", 5000, Percent),
            supply(3, Ink(Magenta), "Encre magenta T9453", 5000, Percent),
            supply(4, Ink(Yellow), "Encre jaune T9454", 5000, Percent),
            supply(5, WasteInk, "Boîte de maintenance T6716", 50_000, MaxUnknown),
        ],
        work: Work { pages: 80, color: 550, copy: 150, fax: 30, scan: 400, ..OFFICE },
        ..PLAIN
    },
    // Latin-1 texts, toner in tenths of grams, four panel rows, few varbinds a request
    Model {
        name: "lexmark-ms621",
        maker: "Lexmark",
        enterprise: 641,
        product: "Lexmark MS621dn",
        sys_object_id: "1.3.6.1.4.1.641.6.2.3.1.4.1",
        sys_descr: "{product} version MSNGM.052.025 kernel 4.11.12-yocto-standard All-N-1",
        device_descr: "{product} {serial} MSNGM.052.025",
        mac_prefix: [0x78, 0x8c, 0x77],
        snmp: Snmp { max_varbinds: 24, ..Snmp::FULL },
        serial_prefix: "4600",
        charset: Charset::Latin1,
        console_rows: 4,
        trays: &[tray(1, "Fach 1", 250, false), tray(2, "Universalzuführung", 100, false)],
        supplies: &[
            supply(1, Toner(Black), "Schwarzer Toner", 15_000, Grams),
            supply(2, Drum(Black), "Trommeleinheit für MS621", 60_000, Percent),
            supply(3, Rollers, "Wartungskit", 200_000, Coarse(5)),
        ],
        work: Work { pages: 300, hours: Hours::Shift, ..OFFICE },
        ..PLAIN
    },
    // tooBig above ten variables; a placeholder for a serial number; steps of 5 %
    Model {
        name: "oki-c532",
        maker: "OKI",
        enterprise: 2001,
        product: "OKI C532",
        sys_object_id: "1.3.6.1.4.1.2001.1.1.1.1",
        sys_descr: "OKI OkiLAN 8550e Rev.01.10 10/100/1000BASE Ethernet PrintServer: Attached to C532 Rev.01.42",
        mac_prefix: [0x00, 0x80, 0x87],
        snmp: Snmp { max_varbinds: 10, ..Snmp::FULL },
        serial: SerialPlace::Placeholder("XXXXXXXXXX"),
        id_at_hp: true,
        vendor: Vendor::Oki,
        supplies: &[
            supply(1, Toner(Black), "Black Toner", 7000, Coarse(5)),
            supply(2, Toner(Cyan), "Cyan Toner", 6000, Coarse(5)),
            supply(3, Toner(Magenta), "Magenta Toner", 6000, Coarse(5)),
            supply(4, Toner(Yellow), "Yellow Toner", 6000, Coarse(5)),
            supply(6, Drum(Black), "Image Drum", 30_000, Percent),
            supply(10, Transfer, "Transfer Belt", 60_000, Percent),
            supply(12, Fuser, "Fuser Unit", 60_000, NoMax),
        ],
        work: Work { pages: 120, color: 420, ..OFFICE },
        ..PLAIN
    },
    // version 1 only; serial numbers cut off behind "S/N" in the texts; many rollers
    Model {
        name: "samsung-m4080",
        maker: "Samsung",
        enterprise: 236,
        product: "Samsung M408x Series",
        sys_object_id: "1.3.6.1.4.1.236.11.5.11.62.1",
        sys_descr: "Samsung M4080FX; V11.01.03.04_02-27-2017;Engine V1.00.06 01-19-2017_V1.00;NIC ;S/N ",
        mac_prefix: [0x30, 0xcd, 0xa7],
        snmp: Snmp::V1,
        serial_prefix: "08HMB8K",
        error_state_bytes: 1,
        supplies: &[
            supply(1, Toner(Black), "Black Toner Cartridge S/N:CRUM-{cartridge}", 20_000, Pages),
            supply(2, Fuser, "Fuser S/N:", 90_000, Pages),
            supply(3, Transfer, "Transfer Roller", 150_000, Pages),
            supply(6, Rollers, "Tray 1 Roller", 200_000, Pages),
        ],
        work: Work { pages: 180, copy: 200, fax: 60, scan: 200, ..OFFICE },
        ..PLAIN
    },
    // labelled counters in a private table; a supply without maximum; the second index is not 1
    Model {
        name: "sharp-mx-3071",
        maker: "Sharp",
        enterprise: 2385,
        product: "SHARP MX-3071",
        sys_object_id: "1.3.6.1.4.1.2385.3.1.121.1.2",
        device_index: 2,
        if_index: 2,
        mac_prefix: [0x24, 0x26, 0x42],
        serial_prefix: "8501",
        vendor: Vendor::Sharp,
        color_marker: true,
        supplies: &[
            supply(1, Toner(Black), "Black Toner", 40_000, Coarse(25)),
            supply(2, Toner(Cyan), "Cyan Toner", 24_000, Coarse(25)),
            supply(3, Toner(Magenta), "Magenta Toner", 24_000, Coarse(25)),
            supply(4, Toner(Yellow), "Yellow Toner", 24_000, Coarse(25)),
            supply(5, WasteToner, "Toner Collection Container", 50_000, NoMax),
            supply(21, Drum(Black), "Drum Cartridge (Bk)", 300_000, Percent),
        ],
        work: Work { pages: 500, ..COPIER },
        ..PLAIN
    },
    // label printer: version 1 only, no named place, a serial number of zeros, ribbon of unknown level, no panel, shifts
    Model {
        name: "zebra-zt411",
        maker: "Zebra",
        enterprise: 10_642,
        product: "Zebra ZT411",
        sys_object_id: "1.3.6.1.4.1.10642.1.1",
        sys_descr: "Zebra Wired",
        mac_prefix: [0x48, 0xa4, 0x93],
        snmp: Snmp::V1,
        serial: SerialPlace::Placeholder("000000000000"),
        named: false,
        alerts: AlertStyle::CodeOnly,
        error_state_bytes: 1,
        console_rows: 0,
        mark_tech: 9,
        pages_per_minute: 120,
        trays: &[tray(1, "Media", 2000, false)],
        supplies: &[supply(1, Ribbon, "Ribbon", 6000, Unknown)],
        work: Work { pages: 800, hours: Hours::Shift, duplex: 0, jams: 300, ..OFFICE },
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
