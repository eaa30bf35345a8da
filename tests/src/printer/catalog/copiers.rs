//! Models that also scan, copy or fax.

use super::super::model::Color::{Black, Cyan, Magenta, Yellow};
use super::super::model::LevelStyle::{Coarse, MaxUnknown, NoMax, Pages, Percent, Some as Rest};
use super::super::model::SupplyKind::{Drum, Fuser, Ink, Rollers, Toner, Transfer, WasteInk, WasteToner};
use super::super::model::{AlertStyle, Hours, Model, SerialPlace, Snmp, Vendor, Work};
use super::{COPIER, OFFICE, PLAIN, starter, supply, tray};

/// Newer JetDirect with the serial number in sysDescr; many supplies; few bytes a response; two loopbacks first.
pub(super) const HP_COLOR_LASERJET_MFP_M480: Model = Model {
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
};

/// No serial number anywhere: the MAC has to do; levels in steps of 10 %.
pub(super) const CANON_IR_C3226: Model = Model {
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
};

/// Levels in steps of 20 %; the waste bottle only says "some room"; engine counters in a table with labels.
pub(super) const RICOH_IM_C3000: Model = Model {
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
};

/// A school's colour copier of the same maker: large counters, function × colour matrix, exact trays.
pub(super) const KYOCERA_TASKALFA_3253CI: Model = Model {
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
};

/// No alert table; hole between toner 4 and waste box 13.
pub(super) const KONICAMINOLTA_BIZHUB_C258: Model = Model {
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
};

/// Part and serial number inside the supply's description; drums; a long sysDescr.
pub(super) const XEROX_ALTALINK_C8135: Model = Model {
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
};

/// Inkjet; maintenance box of class 4; accents in UTF-8.
pub(super) const EPSON_WF_C5790: Model = Model {
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
};

/// Version 1 only; serial numbers cut off behind "S/N" in the texts; many rollers.
pub(super) const SAMSUNG_M4080: Model = Model {
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
};

/// Labelled counters in a private table; a supply without maximum; the second index is not 1.
pub(super) const SHARP_MX_3071: Model = Model {
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
};
