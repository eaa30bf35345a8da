//! Canonical meters and units.
//!
//! A canonical meter is a wide column of `polls`; every other counter travels by its own name and lands in `extra`.
//! Absent is absent, never 0.

/// The canonical meters, in column order.
pub const CANONICAL: [&str; 15] = [
    "total",
    "mono",
    "color",
    "print",
    "print_mono",
    "print_color",
    "copy",
    "copy_mono",
    "copy_color",
    "fax",
    "scan",
    "a3",
    "a3_mono",
    "a3_color",
    "duplex",
];

/// Whether a meter name has a column of its own.
pub fn is_canonical(name: &str) -> bool {
    CANONICAL.contains(&name)
}

/// Whether a name may be a meter at all: `[a-z][a-z0-9_.]{0,63}`.
pub fn is_valid(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.'))
}

/// Units of counters: RFC 3805 PrtMarkerCounterUnitTC.
pub mod counter_unit {
    pub const IMPRESSIONS: i32 = 7;
    pub const SHEETS: i32 = 8;
    pub const HOURS: i32 = 11;
    pub const FEET: i32 = 16;
    pub const METERS: i32 = 17;
}

/// Units of supplies: RFC 3805 PrtMarkerSuppliesSupplyUnitTC, `prtMarkerSuppliesSupplyUnit`.
pub mod supply_unit {
    pub const IMPRESSIONS: i32 = 7;
    pub const PERCENT: i32 = 19;
}

/// Levels that are states, not amounts: RFC 3805 prtMarkerSuppliesLevel.
pub mod level {
    /// No restriction on this supply.
    pub const UNLIMITED: i64 = -1;
    /// The device does not know.
    pub const UNKNOWN: i64 = -2;
    /// There is some left (or, for a receptacle, some room), nobody knows how much.
    pub const SOME: i64 = -3;
}

/// Classes of supplies: RFC 3805 PrtMarkerSuppliesClassTC.
pub mod supply_class {
    pub const OTHER: i32 = 1;
    pub const CONSUMED: i32 = 3;
    /// A receptacle: its level is the room left.
    pub const FILLED: i32 = 4;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canonical_meter_is_a_valid_name() {
        assert!(CANONICAL.iter().all(|name| is_valid(name)));
        for bad in ["", "Total", "1a", "a b", "a;drop", &"a".repeat(65)] {
            assert!(!is_valid(bad), "{bad:?} was accepted");
        }
    }
}
