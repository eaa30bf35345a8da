use super::*;
use crate::poll::plan::Plan;
use crate::snmp::config::Version;

const NOW: Duration = Duration::from_secs(3_600);

fn known(address: &str, serial: &str) -> Known {
    Known {
        at: At { address: address.parse().unwrap(), port: 161, version: Version::V2c, credential: String::new() },
        device: Device { enterprise: Some(1347), serial: serial.into(), ..Device::default() },
        object_id: String::new(),
        plan: Plan::default(),
        identity: String::new(),
        packet_oids: 10,
        bulk: true,
        last_full: Some(NOW),
        full_wanted: false,
        config_changes: None,
        alerts: Vec::new(),
        open: Vec::new(),
        contradictions: Vec::new(),
    }
}

#[test]
fn a_device_that_answers_at_two_addresses_is_polled_at_the_first() {
    let mut inventory = Inventory::default();
    assert_eq!(inventory.adopt(known("192.0.2.1", "ABC12345"), NOW).0, Adopted::New);
    assert_eq!(inventory.adopt(known("192.0.2.2", "ABC12345"), NOW).0, Adopted::Second);
    assert_eq!(inventory.adopt(known("192.0.2.3", "XYZ98765"), NOW).0, Adopted::New);
    assert_eq!((inventory.len(), inventory.addresses().len()), (2, 3));
}

#[test]
fn a_silent_device_that_answers_elsewhere_has_moved() {
    let mut inventory = Inventory::default();
    let (_, place) = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW);
    inventory.get_mut(place.unwrap()).unwrap().outcome = Some(Outcome::NoAnswer as u8);
    let (adopted, moved) = inventory.adopt(known("192.0.2.2", "ABC12345"), NOW);
    assert_eq!((adopted, moved), (Adopted::Moved("192.0.2.1".parse().unwrap()), place));
    assert_eq!(inventory.len(), 1);
}

#[test]
fn a_device_that_falls_silent_is_followed_to_its_second_address_and_has_moved_once() {
    let mut inventory = Inventory::default();
    let place = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW).1.unwrap();
    assert_eq!(inventory.adopt(known("192.0.2.2", "ABC12345"), NOW).0, Adopted::Second);
    assert!(inventory.get_mut(place).unwrap().wanted(), "its first address is asked again at once");
    let still = inventory.polled(place, known("192.0.2.1", "ABC12345"), Outcome::Complete as u8);
    assert_eq!(still, None, "it answers at both");
    let silent = || known("192.0.2.1", "ABC12345");
    let moved = inventory.polled(place, silent(), Outcome::NoAnswer as u8);
    let [from, to]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
    assert_eq!(moved, Some(Move { from, to }));
    assert_eq!(inventory.get_mut(place).unwrap().known.at.address, to);
    assert_eq!(inventory.polled(place, known("192.0.2.2", "ABC12345"), Outcome::NoAnswer as u8), None);
}

#[test]
fn devices_that_swap_their_addresses_stay_two_devices() {
    let mut inventory = Inventory::default();
    let first = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW).1.unwrap();
    let second = inventory.adopt(known("192.0.2.2", "XYZ98765"), NOW).1.unwrap();
    // The first address now has the second device: its own entry, silent since, gives way.
    let moved = inventory.polled(first, known("192.0.2.1", "XYZ98765"), Outcome::Complete as u8).unwrap();
    assert_eq!((moved.from, moved.to), ("192.0.2.2".parse().unwrap(), "192.0.2.1".parse().unwrap()));
    assert!(inventory.get_mut(second).is_none());
    // The device that was replaced is found again: that is a move, and no new device.
    let (adopted, _) = inventory.adopt(known("192.0.2.2", "ABC12345"), NOW);
    assert_eq!(adopted, Adopted::Moved("192.0.2.1".parse().unwrap()));
    assert_eq!(inventory.len(), 2);
}

#[test]
fn what_is_kept_of_a_device_that_was_replaced_is_removed() {
    let mut inventory = Inventory::default();
    let place = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW).1.unwrap();
    let (old, _) = inventory.changes(Boot(1)).remove(0);
    inventory.polled(place, known("192.0.2.1", "XYZ98765"), Outcome::Complete as u8);
    let changes = inventory.changes(Boot(1));
    assert!(changes.contains(&(old, None)) && changes.iter().any(|(_, bytes)| bytes.is_some()), "{changes:?}");
}

#[test]
fn a_trap_has_its_device_polled_out_of_turn() {
    let mut inventory = Inventory::default();
    let place = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW).1.unwrap();
    assert!(!inventory.hint("192.0.2.9".parse().unwrap()));
    assert!(inventory.hint("192.0.2.1".parse().unwrap()));
    assert!(inventory.get_mut(place).unwrap().wanted());
}

#[test]
fn an_inventory_of_an_earlier_version_is_read() {
    #[derive(Serialize)]
    struct Earlier {
        address: IpAddr,
        port: u16,
        version: Version,
        community: usize,
    }
    let earlier = Earlier { address: "192.0.2.1".parse().unwrap(), port: 161, version: Version::V1, community: 1 };
    assert_eq!(decode::<At>(&encode(&earlier)).unwrap().credential, "community-2");
    let now = known("192.0.2.1", "ABC12345").at;
    assert_eq!(decode::<At>(&encode(&now)), Some(now));
}

#[test]
fn only_what_changed_is_kept_again_and_another_boot_reads_in_full() {
    let mut inventory = Inventory::default();
    inventory.adopt(known("192.0.2.1", "ABC12345"), NOW);
    let saved: Vec<Vec<u8>> = inventory.changes(Boot(1)).into_iter().filter_map(|(_, bytes)| bytes).collect();
    assert_eq!(saved.len(), 1);
    assert!(inventory.changes(Boot(1)).is_empty());
    let mut same = Inventory::load(saved.clone(), Boot(1));
    assert!(same.changes(Boot(1)).is_empty());
    assert_eq!(same.get_mut(0).unwrap().known, known("192.0.2.1", "ABC12345"));
    assert_eq!(Inventory::load(saved, Boot(2)).get_mut(0).unwrap().known.last_full, None);
}

#[test]
fn only_a_device_that_was_replaced_is_wanted_out_of_turn() {
    let mut inventory = Inventory::default();
    let (_, place) = inventory.adopt(known("192.0.2.1", "ABC12345"), NOW);
    let entry = inventory.get_mut(place.unwrap()).unwrap();
    (entry.known.last_full, entry.outcome) = (None, Some(Outcome::NoAnswer as u8));
    assert_eq!(inventory.next_wanted(), None);
    inventory.get_mut(place.unwrap()).unwrap().outcome = Some(Outcome::Changed as u8);
    assert_eq!(inventory.next_wanted(), Some(NOW + POLL_GAP_MIN));
}
