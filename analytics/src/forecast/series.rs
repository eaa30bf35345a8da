//! What a forecast is made from: the reads of one device, cleaned of nothing.
//! Promise: every value is kept as the device told it; `Level` is the only place that knows what the codes of the Printer MIB mean.

use std::borrow::Cow;

/// Days since 1970-01-01 (UTC).
pub type Day = i32;

/// One poll of one supply. `pages` is the life counter of the device (all pages), `pages_color` the color pages only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Read {
    /// Seconds since 1970-01-01 UTC.
    pub at_s: i64,
    /// prtMarkerSuppliesLevel: -3 some remaining, -2 unknown, else 0..=max.
    pub level: i64,
    /// prtMarkerSuppliesMaxCapacity: 100 = percent, else capacity (pages, tenths of grams, ...).
    pub max: i64,
    pub pages: Option<i64>,
    pub pages_color: Option<i64>,
    /// Which cartridge it is, where a chip tells: any number that differs between two of them; 0 = not told.
    pub serial: u32,
}

/// What a read says about the cartridge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    /// 0..=100 percent of the capacity the device assumes.
    Percent(f64),
    /// The device says only that something remains.
    Some,
    /// Nothing can be learned from this read.
    Unknown,
}

impl Read {
    /// Days since 1970-01-01, with the fraction of the day.
    pub fn at(&self) -> f64 {
        self.at_s as f64 / 86_400.0
    }

    pub fn said(&self, fills_up: bool) -> Level {
        match (self.level, self.max) {
            (-3, _) => Level::Some,
            (level, max) if level >= 0 && max > 0 => {
                let percent = (100.0 * level as f64 / max as f64).min(100.0);
                Level::Percent(if fills_up { 100.0 - percent } else { percent })
            }
            _ => Level::Unknown,
        }
    }
}

/// Which counter eats the supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Eats {
    AllPages,
    ColorPages,
}

/// All reads of one supply of one device, in any order.
#[derive(Debug, Clone)]
pub struct Supply {
    pub name: String,
    pub eats: Eats,
    /// A container that is filled (waste toner). Some devices show the room left in it, others what is in it: the reads tell.
    pub receptacle: bool,
    /// Oldest first, one per moment, after [`Supply::tidy`].
    pub reads: Vec<Read>,
}

impl Supply {
    /// A supply by its usual name: `C`, `M`, `Y` (and light inks) follow color pages, everything else all pages.
    pub fn named(name: &str) -> Self {
        let color =
            matches!(name.to_ascii_lowercase().as_str(), "c" | "m" | "y" | "lc" | "lm" | "cyan" | "magenta" | "yellow");
        Supply {
            name: name.to_owned(),
            eats: if color { Eats::ColorPages } else { Eats::AllPages },
            receptacle: name.to_ascii_lowercase().contains("waste"),
            reads: Vec::new(),
        }
    }

    /// Oldest first, one read per moment (the first of equals wins).
    pub fn tidy(&mut self) {
        self.reads.sort_by_key(|read| read.at_s);
        self.reads.dedup_by_key(|read| read.at_s);
    }

    /// The reads strictly before `end_s`, oldest first, one per moment. This is the only door to the reads for everything
    /// that forecasts: nothing later can leak in. Free of charge where [`Supply::tidy`] was called before.
    pub fn before(&self, end_s: i64) -> Cow<'_, [Read]> {
        if self.reads.is_sorted_by(|a, b| a.at_s < b.at_s) {
            let end = self.reads.partition_point(|read| read.at_s < end_s);
            return Cow::Borrowed(self.reads.get(..end).unwrap_or_default());
        }
        let mut own =
            Supply { reads: self.reads.iter().filter(|read| read.at_s < end_s).copied().collect(), ..self.bare() };
        own.tidy();
        Cow::Owned(own.reads)
    }

    fn bare(&self) -> Supply {
        Supply { name: self.name.clone(), eats: self.eats, receptacle: self.receptacle, reads: Vec::new() }
    }
}

/// One device with its supplies.
#[derive(Debug, Clone)]
pub struct Device {
    pub id: String,
    pub site: String,
    pub model: String,
    /// The day the device was first seen; a first cartridge after the start of the records is a starter cartridge.
    pub first_seen: Option<Day>,
    pub supplies: Vec<Supply>,
}

/// Facts from outside the devices.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Nominal pages by (model, supply).
    pub nominal_yield: std::collections::BTreeMap<(String, String), f64>,
    pub holidays: std::collections::BTreeSet<Day>,
}
