//! Makes a recording anonymous: addresses, names and serial numbers are replaced, each always by the same stand-in, so that
//! the recording still decodes and shows which objects agree. Texts keep their length and kind of characters.
//!
//! What is replaced: what the objects for names, places, contacts and serial numbers hold; hardware addresses behind the
//! maker's half; IPv4 addresses, also in indexes. The same texts are replaced wherever else they stand. A person looks it
//! over before it is sent: what a maker hides in an object of its own is only found if it repeats one of these.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::record::Recording;
use crate::poll::identity;
use crate::poll::profile::Profiles;
use crate::snmp::{Oid, Table, Value, mib};

/// Shorter texts are not looked for in other objects: they would be found in words.
const TEXT_BYTES_MIN: usize = 6;
/// Networks for documentation (RFC 5737), 254 addresses each.
const STAND_INS: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];

/// A recording without what tells whose it is. `salt` makes the stand-ins differ from one recording to the next.
pub fn masked(recording: &Recording, salt: u64) -> Recording {
    let mask = Mask::of(recording, salt);
    let mut result = Recording { cut: recording.cut, ..Recording::default() };
    for (oid, (tag, value)) in &recording.values {
        result.add(mask.oid(oid), *tag, mask.value(value));
    }
    result
}

#[derive(Debug, Default)]
struct Mask {
    /// Texts and hardware addresses as they stand, longest first.
    texts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Texts that are only replaced where they are a whole value.
    whole: BTreeMap<Vec<u8>, Vec<u8>>,
    addresses: BTreeMap<[u8; 4], [u8; 4]>,
}

impl Mask {
    fn of(recording: &Recording, salt: u64) -> Self {
        let mut table = Table::default();
        for (oid, (_, value)) in &recording.values {
            table.insert(oid.clone(), value.clone());
        }
        let mut mask = Self::default();
        for (text, serial) in tellers(&table) {
            let stand_in = stand_in(&text, salt);
            let told = [mib::SYS_DESCR, mib::HR_DEVICE_DESCR].iter().any(|object| {
                table.column(object).any(|(_, value)| value.bytes().is_some_and(|bytes| contains(bytes, &text)))
            });
            // A name that is only the model's must stay readable where the device is described.
            let elsewhere = text.len() >= TEXT_BYTES_MIN && (serial || !told);
            if elsewhere {
                mask.texts.push((text, stand_in));
            } else {
                mask.whole.insert(text, stand_in);
            }
        }
        for interface in identity::interfaces(&table) {
            mask.add_mac(&interface.mac, salt);
        }
        mask.texts.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        mask.texts.dedup();
        let values = recording.values.values().filter_map(|(_, value)| match value {
            Value::Ip(octets) => Some(*octets),
            _ => None,
        });
        for octets in values.filter(|octets| tells(*octets)).collect::<Vec<_>>() {
            mask.add_address(octets);
        }
        mask
    }

    /// The six bytes, and the ways in which they are written.
    fn add_mac(&mut self, mac: &str, salt: u64) {
        let plain: String = mac.chars().filter(char::is_ascii_hexdigit).collect();
        let Ok(bytes) = hex::decode(&plain) else { return };
        let [a, b, c, own @ ..] = bytes.as_slice() else { return };
        let hash = blake3::hash(&[&salt.to_be_bytes(), own].concat());
        let changed = [&[*a, *b, *c], &hash.as_bytes()[..own.len().min(32)]].concat();
        let written = |bytes: &[u8], separator: &str| {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator)
        };
        for separator in [":", "-", ""] {
            let (from, to) = (written(&bytes, separator), written(&changed, separator));
            self.texts.push((from.to_uppercase().into_bytes(), to.to_uppercase().into_bytes()));
            self.texts.push((from.into_bytes(), to.into_bytes()));
        }
        self.texts.push((bytes, changed));
    }

    fn add_address(&mut self, octets: [u8; 4]) {
        let place = self.addresses.len();
        let [a, b, c] = STAND_INS[place / 254 % STAND_INS.len()];
        let last = u8::try_from(place % 254 + 1).unwrap_or(1);
        self.addresses.entry(octets).or_insert([a, b, c, last]);
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Ip(octets) => Value::Ip(self.addresses.get(octets).copied().unwrap_or(*octets)),
            Value::Bytes(bytes) => Value::Bytes(self.bytes(bytes)),
            Value::Oid(oid) => Value::Oid(self.oid(oid)),
            other => other.clone(),
        }
    }

    fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        if let Some(whole) = self.whole.get(bytes) {
            return whole.clone();
        }
        let mut bytes = bytes.to_vec();
        for (from, to) in &self.texts {
            bytes = replaced(&bytes, from, to);
        }
        for (from, to) in &self.addresses {
            let [from, to] = [from, to].map(|octets| Ipv4Addr::from(*octets).to_string());
            bytes = replaced(&bytes, from.as_bytes(), to.as_bytes());
        }
        bytes
    }

    /// Addresses in an index.
    fn oid(&self, oid: &Oid) -> Oid {
        let mut arcs = oid.arcs().to_vec();
        let mut at = mib::ENTERPRISES.len();
        while let Some(part) = arcs.get(at..at + 4) {
            let octets: Vec<u8> = part.iter().filter_map(|arc| u8::try_from(*arc).ok()).collect();
            let known = <[u8; 4]>::try_from(octets.as_slice()).ok().and_then(|octets| self.addresses.get(&octets));
            let Some(to) = known else {
                at += 1;
                continue;
            };
            for (arc, octet) in arcs[at..].iter_mut().zip(to) {
                *arc = u32::from(*octet);
            }
            at += 4;
        }
        Oid::new(&arcs)
    }
}

/// Texts that tell whose device it is, and whether each is a serial number.
fn tellers(table: &Table) -> BTreeMap<Vec<u8>, bool> {
    let held =
        |object| table.column(object).filter_map(|(_, value)| value.bytes()).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let profile = Profiles::builtin().of(table);
    let host = identity::host_name(table, &profile).map(String::into_bytes);
    let names = [mib::SYS_NAME, mib::SYS_LOCATION, mib::SYS_CONTACT].into_iter().flat_map(held).chain(host);
    let serials = [mib::PRT_GENERAL_SERIAL_NUMBER, mib::ENT_PHYSICAL_SERIAL_NUM].into_iter().flat_map(held);
    let chosen = identity::serial(table, &profile).map(|serial| serial.text.into_bytes());
    let own = identity::vendor_serials(table, &profile).into_iter().map(|(_, text)| text.into_bytes());
    let all = names.map(|text| (text, false)).chain(serials.chain(chosen).chain(own).map(|text| (text, true)));
    all.filter(|(text, _)| !text.is_empty()).collect()
}

/// The same length and kinds of characters.
fn stand_in(text: &[u8], salt: u64) -> Vec<u8> {
    let mut noise = blake3::Hasher::new().update(&salt.to_be_bytes()).update(text).finalize_xof();
    let mut bytes = vec![0; text.len()];
    noise.fill(&mut bytes);
    text.iter()
        .zip(bytes)
        .map(|(byte, noise)| match byte {
            b'0'..=b'9' => b'0' + noise % 10,
            b'A'..=b'Z' => b'A' + noise % 26,
            b'a'..=b'z' => b'a' + noise % 26,
            0x80.. => b'x',
            other => *other,
        })
        .collect()
}

/// Not a netmask, nor an address that every host has.
fn tells(octets: [u8; 4]) -> bool {
    let address = Ipv4Addr::from(octets);
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast() || octets[0] >= 224)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && bytes.windows(part.len()).any(|window| window == part)
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    if from.is_empty() || bytes.len() < from.len() {
        return bytes.to_vec();
    }
    let (mut result, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(from) {
            result.extend(to);
            at += from.len();
        } else {
            result.push(bytes[at]);
            at += 1;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::parse;

    fn recording(text: &str) -> Recording {
        let mut recording = Recording::default();
        for (oid, value) in parse(text.as_bytes()).unwrap().iter() {
            recording.add(oid.clone(), 4, value.clone());
        }
        recording
    }

    const TEXT: &str = "1.3.6.1.2.1.1.1.0|4|Acme 3000 SN:U64641E7J134163\n1.3.6.1.2.1.1.5.0|4|Acme 3000\n\
        1.3.6.1.2.1.1.6.0|4|Room 17, first floor\n1.3.6.1.2.1.2.2.1.3.1|2|6\n1.3.6.1.2.1.2.2.1.6.1|4x|008077010203\n\
        1.3.6.1.2.1.4.20.1.1.10.0.0.7|64|10.0.0.7\n1.3.6.1.2.1.4.20.1.3.10.0.0.7|64|255.255.255.0\n\
        1.3.6.1.2.1.43.5.1.1.17.1|4|U64641E7J134163\n1.3.6.1.4.1.9.9.1.0|4|http://10.0.0.7/ 00:80:77:01:02:03\n";

    #[test]
    fn nothing_that_tells_whose_it_is_stays_and_what_agreed_still_agrees() {
        let before = recording(TEXT);
        let after = masked(&before, 7);
        let text = after.text();
        for secret in ["U64641E7J134163", "10.0.0.7", "010203", "01:02:03", "Room 17", "first floor"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let get = |oid: &str| after.values.get(&oid.parse::<Oid>().unwrap()).map(|(_, value)| value.clone());
        let serial = get("1.3.6.1.2.1.43.5.1.1.17.1").unwrap();
        let serial = String::from_utf8(serial.bytes().unwrap().to_vec()).unwrap();
        assert_eq!(serial.len(), 15);
        let description = get("1.3.6.1.2.1.1.1.0").unwrap();
        assert_eq!(description.bytes().unwrap(), format!("Acme 3000 SN:{serial}").as_bytes());
        assert_eq!(get("1.3.6.1.2.1.4.20.1.1.192.0.2.1"), Some(Value::Ip([192, 0, 2, 1])));
        assert_eq!(get("1.3.6.1.2.1.4.20.1.3.192.0.2.1"), Some(Value::Ip([255, 255, 255, 0])));
        assert!(text.contains("http://192.0.2.1/ 00:80:77:"), "{text}");
        assert_eq!(after.values.len(), before.values.len());
        assert_eq!(masked(&before, 7), after, "the same salt gives the same stand-ins");
        assert_ne!(masked(&before, 8), after);
    }
}
