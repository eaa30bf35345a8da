//! What makes one printer model differ from another. A model is data: the catalogue stands in `catalog`, the life of a
//! single device in `life`, its SNMP face in `render`.

use super::answer::Caps;
use super::limits::{MAX_RESPONSE_BYTES, MAX_VARBINDS};

/// A printer model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Short name, unique in the catalogue, e.g. `hp-laserjet-m404`.
    pub name: &'static str,
    pub maker: &'static str,
    /// The maker's private enterprise number.
    pub enterprise: u32,
    pub product: &'static str,
    /// Dotted, under the enterprise number unless the device imitates another maker's card.
    pub sys_object_id: &'static str,
    /// `{product}` and `{serial}` are filled in.
    pub sys_descr: &'static str,
    /// hrDeviceDescr; `{product}` is filled in.
    pub device_descr: &'static str,
    /// hrDeviceIndex of the printer, the first index of every Printer-MIB table.
    pub device_index: u32,
    /// ifIndex of the network card; lower ones are loopbacks.
    pub if_index: u32,
    pub mac_prefix: [u8; 3],
    pub snmp: Snmp,
    pub serial: SerialPlace,
    /// First characters of the serial number.
    pub serial_prefix: &'static str,
    pub charset: Charset,
    /// sysName, sysLocation are set.
    pub named: bool,
    pub alerts: AlertStyle,
    /// Bytes of hrPrinterDetectedErrorState: one in older devices, two in newer.
    pub error_state_bytes: usize,
    /// Text rows of the panel; 0 for none.
    pub console_rows: u32,
    /// The IEEE-1284 device id at HP's object 1.3.6.1.4.1.11.2.3.9.1.1.7.0 (others answer there, too).
    pub id_at_hp: bool,
    /// The IEEE-1284 device id in the PWG Port Monitor MIB.
    pub id_at_pwg: bool,
    /// A second marker whose life count is the colour pages (the first one always counts everything).
    pub color_marker: bool,
    pub vendor: Vendor,
    pub mark_tech: i32,
    pub pages_per_minute: u32,
    pub trays: &'static [Tray],
    pub supplies: &'static [Supply],
    pub work: Work,
}

impl Model {
    /// Colour is printed by devices that hold colour.
    #[must_use]
    pub fn is_color(&self) -> bool {
        self.work.color > 0
    }

    #[must_use]
    pub fn caps(&self) -> Caps {
        Caps { v1_only: self.snmp.v1_only, max_varbinds: self.snmp.max_varbinds, max_bytes: self.snmp.max_bytes }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snmp {
    pub v1_only: bool,
    pub max_varbinds: usize,
    pub max_bytes: usize,
}

impl Snmp {
    pub const FULL: Self = Self { v1_only: false, max_varbinds: MAX_VARBINDS, max_bytes: MAX_RESPONSE_BYTES };
    pub const V1: Self = Self { v1_only: true, ..Self::FULL };
}

/// What prtGeneralSerialNumber shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerialPlace {
    Standard,
    /// The object is absent and no other object tells the serial number.
    Missing,
    /// The object holds this text on every device of the model.
    Placeholder(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    Latin1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertStyle {
    /// prtAlertTable with all columns.
    Full,
    /// Without the description.
    CodeOnly,
    /// No table; only hrPrinterDetectedErrorState tells.
    None,
}

/// Which private counters a model shows; see `vendor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    None,
    Hp,
    Kyocera,
    KonicaMinolta,
    Sharp,
    Xerox,
    Ricoh,
    Brother,
    Canon,
    Oki,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tray {
    pub index: u32,
    pub name: &'static str,
    pub sheets: u32,
    /// The level is exact; otherwise −3 while paper is left.
    pub counts: bool,
}

/// A supply as the model shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supply {
    pub index: u32,
    pub kind: SupplyKind,
    /// `{part}` and `{cartridge}` (a serial number that changes with each swap) are filled in.
    pub name: &'static str,
    /// Pages at nominal coverage until it is empty (a receptacle: full).
    pub pages: u32,
    /// Share of `pages` in the supply the device was delivered with, in percent.
    pub starter: u32,
    pub level: LevelStyle,
}

/// What a supply is and what draws on it; codes from PrtMarkerSuppliesTypeTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupplyKind {
    Toner(Color),
    Ink(Color),
    WasteToner,
    WasteInk,
    Drum(Color),
    Fuser,
    Transfer,
    Rollers,
    Ribbon,
}

impl SupplyKind {
    /// prtMarkerSuppliesType.
    #[must_use]
    pub fn type_code(self) -> i32 {
        match self {
            Self::Toner(_) => 3,
            Self::WasteToner => 4,
            Self::Ink(_) => 5,
            Self::WasteInk => 8,
            Self::Drum(_) => 9,
            Self::Fuser => 15,
            Self::Transfer => 20,
            Self::Rollers => 1,
            Self::Ribbon => 7,
        }
    }

    /// prtMarkerSuppliesClass: 4 for what fills up, 3 for what is used up.
    #[must_use]
    pub fn class_code(self) -> i32 {
        if matches!(self, Self::WasteToner | Self::WasteInk) { 4 } else { 3 }
    }

    #[must_use]
    pub fn color(self) -> Option<Color> {
        match self {
            Self::Toner(color) | Self::Ink(color) | Self::Drum(color) => Some(color),
            Self::WasteToner | Self::WasteInk | Self::Fuser | Self::Transfer | Self::Rollers | Self::Ribbon => None,
        }
    }

    /// The device prints nothing once this is used up (drums, fusers and rollers only ask for service).
    #[must_use]
    pub fn stops_when_out(self) -> bool {
        match self {
            Self::Toner(_) | Self::Ink(_) | Self::WasteToner | Self::WasteInk | Self::Ribbon => true,
            Self::Drum(_) | Self::Fuser | Self::Transfer | Self::Rollers => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    Black,
    Cyan,
    Magenta,
    Yellow,
}

impl Color {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::Cyan => "cyan",
            Self::Magenta => "magenta",
            Self::Yellow => "yellow",
        }
    }

    /// prtMarkerColorantIndex.
    #[must_use]
    pub fn index(self) -> u32 {
        match self {
            Self::Black => 1,
            Self::Cyan => 2,
            Self::Magenta => 3,
            Self::Yellow => 4,
        }
    }
}

/// How prtMarkerSuppliesLevel and MaxCapacity show what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelStyle {
    /// Percent of 100, unit percent(19).
    Percent,
    /// Percent of 100, rounded down to steps of this size; 1 instead of 0 until it is empty.
    Coarse(u32),
    /// Pages of the cartridge's pages, unit impressions(7).
    Pages,
    /// Tenths of grams (13) of 10 for each 100 pages.
    Grams,
    /// −3 ("some") until empty, then 0; maximum −2.
    Some,
    /// −2 ("unknown") of −2 always.
    Unknown,
    /// Percent, but the maximum is −2.
    MaxUnknown,
    /// Percent, but the row has no maximum and no unit.
    NoMax,
}

/// How much and what such a device prints. Shares are per mille of its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Mean pages of a working day; devices of a model differ from half to twice this.
    pub pages: u32,
    pub hours: Hours,
    pub color: u32,
    pub copy: u32,
    pub fax: u32,
    pub duplex: u32,
    pub a3: u32,
    /// Scanned pages for each 1,000 printed ones.
    pub scan: u32,
    /// Jams in a million jobs.
    pub jams: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// Monday to Friday 7–19, a little on Saturday, nothing on Sunday.
    Office,
    /// Monday to Friday 7–16, nothing on weekends.
    School,
    /// 5–22 on six days, a little on Sunday.
    Shift,
}
