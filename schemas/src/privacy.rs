//! The closed list of what is collected, and of what never is.
//!
//! `COLLECTED` names every field that can leave a customer's network; a test holds it against the wire types, so that a
//! new field cannot travel unnoticed. A site can withhold the fields of [`Withhold`].

use serde::{Deserialize, Serialize};

/// Every leaf field of a body, by its path in the wire format, and what it is for.
pub const COLLECTED: &[(&str, &str)] = &[
    ("site", "which site of the customer the agent serves"),
    ("zone", "the site's time zone, for local days"),
    ("tzdb", "version of the time zone database"),
    ("devices.enterprise", "maker, by IANA enterprise number"),
    ("devices.maker", "maker, as the device says it"),
    ("devices.model", "model"),
    ("devices.serial", "serial number: the identity of the device"),
    ("devices.mac", "hardware address: identity where there is no serial number"),
    ("records.poll.ts", "when it was read"),
    ("records.poll.clock", "whether the agent was sure of the time"),
    ("records.poll.device", "which device"),
    ("records.poll.outcome", "whether it answered"),
    ("records.poll.counters", "page and other counters"),
    ("records.poll.supplies", "supplies: kind, color, level, capacity, serial and part number"),
    ("records.poll.alerts", "alerts of the device's alert table"),
    ("records.poll.trays", "paper trays: level, capacity, name, media"),
    ("records.poll.finishing", "supplies of finishing devices: staples, binding"),
    ("records.poll.status", "device and printer status codes, detected error bits"),
    ("records.poll.uptime", "time since the device started"),
    ("records.poll.plan", "which objects the values come from"),
    ("records.poll.info", "address, host name, location, contact, firmware, description, console text"),
    ("records.event", "what happened to the agent or a device"),
    ("records.plan", "name, OID, unit and rule of each value"),
    ("records.stats", "the agent's own books and byte counts"),
    ("records.drop", "what the agent had to give up, and why"),
];

/// What is never collected, in the words of the data sheet.
pub const NEVER: &[&str] = &[
    "documents, their content or their names",
    "names of users or senders, job lists, job accounting",
    "addresses in address books, fax numbers, e-mail addresses of scans",
    "passwords and SNMP communities",
    "anything of devices that are not printers",
];

/// Which optional fields a site keeps to itself. The agent enforces it before anything is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Withhold {
    pub address: bool,
    pub mac: bool,
    pub host_name: bool,
    pub location: bool,
    pub contact: bool,
}

impl Withhold {
    /// Removes what the site withholds. A device without a serial number keeps its MAC only if that is not withheld, and
    /// is then unidentified.
    pub fn apply(self, body: &mut crate::wire::Body) {
        for device in &mut body.devices {
            if self.mac {
                device.mac.clear();
            }
        }
        for record in &mut body.records {
            let Some(info) = record.poll.as_mut().and_then(|poll| poll.info.as_mut()) else { continue };
            for (withheld, field) in [
                (self.address, &mut info.address),
                (self.host_name, &mut info.host_name),
                (self.location, &mut info.location),
                (self.contact, &mut info.contact),
            ] {
                if withheld {
                    *field = None;
                }
            }
        }
    }
}
