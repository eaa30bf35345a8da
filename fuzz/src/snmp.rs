//! What devices answer, from the datagram to the poll that the cloud stores; and recordings of devices.

use std::time::Duration;

use edge_agent::poll::full::{self, Depth, Full};
use edge_agent::poll::profile::Profiles;
use edge_agent::poll::{At, adopt};
use edge_agent::read;
use edge_agent::snmp::usm::rehearse::{is_pdu, rehearse};
use edge_agent::snmp::usm::{Auth, Privacy};
use edge_agent::snmp::{Client, Table, Version, client};
use edge_agent::traps::message;
use edge_agent::walk;

const REQUEST: i32 = 1;

/// One datagram as the answer to request 1 of community `public`, in both versions.
pub fn varbinds(data: &[u8]) {
    for version in [Version::V1, Version::V2c] {
        let Some(Ok(binds)) = client::answer(data, version, b"public", REQUEST) else { continue };
        let mut table = Table::default();
        for (oid, value) in binds {
            assert_eq!(oid.to_string().parse(), Ok(oid.clone()), "an identifier that was read can be written");
            if let Some(value) = value {
                table.insert(oid, value);
            }
        }
        poll_of(table);
    }
}

/// One datagram as an SNMP v3 device might send it, to a user without keys and to users with keys.
pub fn usm(data: &[u8]) {
    let protocols = [
        (Auth::None, Privacy::None),
        (Auth::Md5, Privacy::None),
        (Auth::Sha1, Privacy::Des),
        (Auth::Sha256, Privacy::Aes128),
        (Auth::Sha512, Privacy::Aes256),
    ];
    for (auth, privacy) in protocols {
        let heard = rehearse(auth, privacy, data);
        assert!(auth == Auth::None || !heard.believed, "{auth:?} {privacy:?} believes what nobody signed");
        assert!(heard.opened || !is_pdu(data), "{auth:?} {privacy:?} cannot open what it sealed");
    }
}

/// One datagram on the port of traps.
pub fn trap(data: &[u8]) {
    let Some(trap) = message::read(data) else { return };
    if let Some(ack) = trap.ack {
        assert!(message::read(&ack).is_none(), "an acknowledgement is no trap: two listeners would never fall silent");
        assert!(
            data.starts_with(&ack[..1]) && ack.len() <= data.len(),
            "it is the message itself, marked as the response"
        );
    }
}

/// A recording in the `.snmprec` format, read by the code that reads devices.
pub fn snmprec(data: &[u8]) {
    let Ok(table) = walk::parse(data) else { return };
    let mut recorded = Client::recorded(table);
    if let Ok(full) = super::done(full::read(&mut recorded, &Profiles::builtin(), Depth::Everything)) {
        poll_of(full.table);
    }
}

/// A table as people see it and as the cloud gets it.
fn poll_of(table: Table) {
    let shown = read::report(&table, true).to_string();
    assert!(shown.starts_with('{'), "{shown}");
    let at = At { address: [127, 0, 0, 1].into(), port: 161, version: Version::V2c, credential: String::new() };
    let full = Full::of(table, &Profiles::builtin());
    let (known, polled) = adopt(&at, &full, &Client::recorded(Table::default()), Duration::ZERO);
    assert_eq!(known.device, polled.device);
    for (name, value) in &polled.poll.counters {
        assert!(*value >= 0, "no counter runs below zero: {name} {value}");
    }
}
