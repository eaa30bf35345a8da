//! Removes what a site withholds, before anything is stored.

use std::net::IpAddr;

use schemas::device::normal_mac;
use schemas::privacy::Withhold;
use schemas::wire::Body;

use super::record::Taken;

/// Applies the site's choice to a record and to the fields of its events, in which addresses may stand as well.
pub fn apply(withhold: Withhold, taken: &mut Taken) {
    let mut body = Body {
        devices: taken.device.take().into_iter().collect(),
        records: vec![std::mem::take(&mut taken.record)],
        ..Body::default()
    };
    withhold.apply(&mut body);
    taken.device = body.devices.pop();
    taken.record = body.records.pop().unwrap_or_default();
    if let Some(event) = &mut taken.record.event {
        event.fields.retain(|name, value| !withheld(withhold, name, value));
    }
}

fn withheld(withhold: Withhold, name: &str, value: &str) -> bool {
    (withhold.address && (name.contains("address") || value.parse::<IpAddr>().is_ok()))
        || (withhold.mac && (name.contains("mac") || normal_mac(value).is_some()))
        || (withhold.host_name && name.contains("host"))
        || (withhold.location && name.contains("location"))
        || (withhold.contact && name.contains("contact"))
}
