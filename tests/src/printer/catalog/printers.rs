//! Models that only print.

use super::super::model::Color::{Black, Cyan, Magenta, Yellow};
use super::super::model::LevelStyle::{Coarse, Grams, NoMax, Pages, Percent, Some as Rest, Unknown};
use super::super::model::SupplyKind::{Drum, Fuser, Ribbon, Rollers, Toner, Transfer, WasteToner};
use super::super::model::{AlertStyle, Charset, Hours, Model, SerialPlace, Snmp, Vendor, Work};
use super::{OFFICE, PLAIN, starter, supply, tray};

/// JetDirect card: sysDescr names the card, the id string tells the device; hole in the supply index.
pub(super) const HP_LASERJET_M404: Model = Model {
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
};

/// An old device that speaks version 1 only, one octet of error bits, toner in pages.
pub(super) const HP_LASERJET_4250: Model = Model {
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
};

/// Toner in pages; waste box without level and maximum; sysName and sysLocation empty.
pub(super) const KYOCERA_ECOSYS_P3155DN: Model = Model {
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
};

/// Toner only "some" or empty, drum in pages; the counter also in a binary blob.
pub(super) const BROTHER_HL_L2350DW: Model = Model {
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
};

/// Latin-1 texts, toner in tenths of grams, four panel rows, few varbinds a request.
pub(super) const LEXMARK_MS621: Model = Model {
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
};

/// TooBig above ten variables; a placeholder for a serial number; steps of 5 %.
pub(super) const OKI_C532: Model = Model {
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
};

/// Label printer: version 1 only, no named place, a serial number of zeros, ribbon of unknown level, no panel, shifts.
pub(super) const ZEBRA_ZT411: Model = Model {
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
};
