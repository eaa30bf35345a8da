//! What is known about a maker beyond the standards.
//!
//! The seam for profiles as data: today only the objects in which makers repeat the serial number that RFC 3805 left
//! empty. Each was seen to equal prtGeneralSerialNumber on a device that has both.

use crate::snmp::Oid;

/// A maker's own meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// A name by `schemas::meter`.
    pub name: String,
    pub oid: Oid,
    /// RFC 3805 PrtMarkerCounterUnitTC, 0 = not stated.
    pub unit: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub meters: Vec<Meter>,
    /// Where the serial number is, if prtGeneralSerialNumber is empty, in the order of trust.
    pub serials: Vec<Oid>,
    /// Where IEEE 1284 device ids are, besides the port monitor MIB.
    pub device_ids: Vec<Oid>,
}

/// (enterprise, object of the serial number)
const SERIALS: &[(u32, &[u32])] = &[
    (11, &[1, 3, 6, 1, 4, 1, 11, 2, 3, 9, 4, 2, 1, 1, 3, 3, 0]),
    (367, &[1, 3, 6, 1, 4, 1, 367, 3, 2, 1, 2, 1, 4, 0]),
    (1248, &[1, 3, 6, 1, 4, 1, 1248, 1, 2, 2, 1, 1, 1, 5, 1]),
    (1347, &[1, 3, 6, 1, 4, 1, 1347, 43, 5, 1, 1, 28, 1]),
    (2435, &[1, 3, 6, 1, 4, 1, 2435, 2, 3, 9, 4, 2, 1, 5, 5, 1, 0]),
];

/// (enterprise, object of an IEEE 1284 device id)
const DEVICE_IDS: &[(u32, &[u32])] = &[
    (11, &[1, 3, 6, 1, 4, 1, 11, 2, 3, 9, 1, 1, 7, 0]),
    (253, &[1, 3, 6, 1, 4, 1, 253, 8, 51, 1, 2, 1, 20, 1]),
    (674, &[1, 3, 6, 1, 4, 1, 674, 10_898, 100, 2, 1, 2, 1, 3, 1]),
    (1248, &[1, 3, 6, 1, 4, 1, 1248, 1, 2, 2, 1, 1, 1, 1, 1]),
    (2435, &[1, 3, 6, 1, 4, 1, 2435, 2, 3, 9, 1, 1, 7, 0]),
];

impl Profile {
    /// The profile of a maker by its enterprise number; without one, everything that is known is asked.
    pub fn of(enterprise: Option<u32>) -> Self {
        // Many makers imitate JetDirect cards, so its device id is asked everywhere.
        let fits = |number: u32| enterprise.is_none_or(|own| own == number);
        let pick = |rows: &[(u32, &[u32])], everywhere: Option<u32>| {
            rows.iter()
                .filter(|(number, _)| fits(*number) || everywhere == Some(*number))
                .map(|(_, arcs)| Oid::new(arcs))
                .collect()
        };
        Self { meters: Vec::new(), serials: pick(SERIALS, None), device_ids: pick(DEVICE_IDS, Some(11)) }
    }
}
