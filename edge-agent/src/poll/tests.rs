use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::snmp::Value;
use crate::taken::Extent;

const NOW: Duration = Duration::from_secs(1_000_000);

pub(super) fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

/// A printer with two supplies, of which one has no capacity, one tray and one alert.
pub(super) fn printer() -> Table {
    let mut table = Table::default();
    let mut put = |object: &[u32], index: &[u32], value: Value| {
        table.insert(Oid::of(object, index), value);
    };
    put(mib::SYS_OBJECT_ID, &[0], Value::Oid(Oid::of(mib::ENTERPRISES, &[1347, 41])));
    put(mib::SYS_UP_TIME, &[0], Value::Ticks(12_345));
    put(mib::IF_TYPE, &[1], Value::Integer(6));
    put(mib::IF_PHYS_ADDRESS, &[1], Value::Bytes(vec![0, 0x17, 0xc8, 1, 2, 3]));
    put(mib::HR_DEVICE_TYPE, &[1], Value::Oid(Oid::new(mib::HR_DEVICE_PRINTER)));
    put(mib::HR_DEVICE_STATUS, &[1], Value::Integer(2));
    put(mib::HR_PRINTER_STATUS, &[1], Value::Integer(3));
    put(mib::HR_PRINTER_DETECTED_ERROR_STATE, &[1], Value::Bytes(vec![0x20, 0]));
    put(mib::PRT_GENERAL_CONFIG_CHANGES, &[1], Value::Unsigned(5));
    put(mib::PRT_GENERAL_SERIAL_NUMBER, &[1], bytes("SERIAL1"));
    put(mib::PRT_MARKER_COUNTER_UNIT, &[1, 1], Value::Integer(7));
    put(mib::PRT_MARKER_LIFE_COUNT, &[1, 1], Value::Unsigned(1_000));
    for (row, level, max) in [(1, 50, 100), (3, -3, -2)] {
        put(mib::PRT_SUPPLIES_DESCRIPTION, &[1, row], bytes("Toner"));
        put(mib::PRT_SUPPLIES_MAX_CAPACITY, &[1, row], Value::Integer(max));
        put(mib::PRT_SUPPLIES_LEVEL, &[1, row], Value::Integer(level));
    }
    put(mib::PRT_INPUT_MAX_CAPACITY, &[1, 1], Value::Integer(250));
    put(mib::PRT_INPUT_CURRENT_LEVEL, &[1, 1], Value::Integer(-3));
    for column in alerts::COLUMNS {
        put(column, &[1, 4], Value::Integer(3));
    }
    table
}

pub(super) fn set(table: &mut Table, object: &[u32], index: &[u32], value: Value) {
    table.insert(Oid::of(object, index), value);
}

fn at() -> At {
    At { address: [10, 0, 0, 1].into(), port: 161, version: Version::V2c, credential: String::new() }
}

pub(super) async fn found(table: &Table) -> (Known, Polled) {
    let mut client = Client::recorded(table.clone());
    let full = full::read(&mut client, &profile::Profiles::builtin(), full::Depth::Poll).await.unwrap();
    assert!(full.identified);
    adopt(&at(), &full, &client, NOW)
}

pub(super) async fn refreshed(known: &mut Known, table: &Table, after: Duration) -> (Polled, u64) {
    part_refreshed(known, table, after, Extent::Whole).await
}

pub(super) async fn part_refreshed(known: &mut Known, table: &Table, after: Duration, extent: Extent) -> (Polled, u64) {
    let mut client = Client::recorded(table.clone());
    let polled = refresh::poll(&SnmpConfig::default(), known, &mut client, NOW + after, extent).await;
    (polled, client.cost().packets)
}

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_full_read_describes_the_device_and_says_where_its_values_come_from() {
    let (known, polled) = found(&printer()).await;
    assert_eq!((polled.device.enterprise, polled.device.serial.as_str()), (Some(1347), "SERIAL1"));
    assert_eq!(polled.device.mac, "00:17:c8:01:02:03");
    assert_eq!(polled.poll.outcome, Outcome::Complete as u8);
    assert_eq!(polled.poll.counters["total"], 1_000);
    assert_eq!(polled.poll.status.unwrap().errors, Some(1 << 2));
    assert_eq!(polled.poll.uptime, Some(123));
    let total = polled.plan.iter().find(|item| item.name == "total").unwrap();
    assert_eq!((total.oid.as_str(), total.unit), ("1.3.6.1.2.1.43.10.2.1.4.1.1", 7));
    assert_eq!(polled.poll.plan, schemas::wire::Plan::hash_of(&polled.plan));
    assert!(polled.plan.iter().all(|item| item.name != "identity"));
    assert!(known.identity == "SERIAL1" && !known.full_wanted);
}

#[tokio::test]
async fn a_refresh_reads_what_changes_with_one_packet_pair() {
    let mut table = printer();
    let (mut known, full) = found(&table).await;
    set(&mut table, mib::PRT_MARKER_LIFE_COUNT, &[1, 1], Value::Unsigned(1_010));
    set(&mut table, mib::PRT_SUPPLIES_LEVEL, &[1, 1], Value::Integer(49));
    let (polled, packets) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!((polled.poll.outcome, packets), (Outcome::Complete as u8, 2));
    assert_eq!(polled.poll.counters["total"], 1_010);
    let levels: Vec<_> =
        polled.poll.supplies.iter().map(|supply| (supply.index.as_str(), supply.level, supply.max)).collect();
    assert_eq!(levels, [("1.1", Some(49), Some(100)), ("1.3", Some(-3), None)]);
    assert!(polled.poll.supplies.iter().all(|supply| supply.description.is_empty()), "carried over");
    assert_eq!(polled.poll.alerts.len(), 1);
    assert_eq!((polled.poll.plan, polled.poll.info), (full.poll.plan, None));
    assert!(!known.full_wanted);
}

#[tokio::test]
async fn a_part_of_a_refresh_reads_that_part_whole_and_what_it_leaves_out_is_absent_and_not_gone() {
    let (known, whole) = found(&printer()).await;
    for extent in [Extent::Status, Extent::Meters] {
        let mut known = known.clone();
        let (polled, packets) = part_refreshed(&mut known, &printer(), HOUR, extent).await;
        assert_eq!((polled.poll.outcome, packets, polled.extent), (Outcome::Complete as u8, 2, extent));
        assert_eq!((polled.poll.alerts.len(), polled.poll.uptime), (1, Some(123)), "alerts are in each poll");
        assert!(polled.events.is_empty() && !known.full_wanted, "{:?}", polled.events);
        assert_eq!(polled.poll.counters.contains_key("total"), extent == Extent::Meters);
        assert!(polled.poll.supplies.is_empty() && polled.poll.trays.is_empty());
        assert_eq!(polled.poll.plan, whole.poll.plan, "it is the same plan");
        let (next, _) = refreshed(&mut known, &printer(), HOUR * 2).await;
        assert_eq!((next.poll.supplies.len(), next.poll.counters["total"]), (2, 1_000));
        assert!(next.events.is_empty());
    }
}

#[tokio::test]
async fn an_alert_that_opens_and_another_device_are_seen_by_the_smallest_poll_too() {
    let (mut known, _) = found(&printer()).await;
    let mut table = printer();
    for column in alerts::COLUMNS {
        set(&mut table, column, &[1, 5], Value::Integer(3));
    }
    let (polled, _) = part_refreshed(&mut known, &table, HOUR, Extent::Status).await;
    assert_eq!(polled.events.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["alert-opened"]);
    set(&mut table, mib::PRT_GENERAL_SERIAL_NUMBER, &[1], bytes("OTHER7"));
    let (polled, _) = part_refreshed(&mut known, &table, HOUR * 2, Extent::Status).await;
    assert_eq!(polled.poll.outcome, Outcome::Changed as u8);
}

#[tokio::test]
async fn another_serial_number_at_the_address_makes_the_poll_worthless_and_the_next_one_full() {
    let mut table = printer();
    let (mut known, _) = found(&table).await;
    set(&mut table, mib::PRT_GENERAL_SERIAL_NUMBER, &[1], bytes("SERIAL2"));
    let (polled, _) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!(polled.poll.outcome, Outcome::Changed as u8);
    assert_eq!(polled.device.serial, "SERIAL1");
    assert!(polled.poll.counters.is_empty() && polled.poll.supplies.is_empty());
    assert_eq!(polled.events[0].0, "identity-changed");
    assert!(known.wanted());
    let (polled, _) = refreshed(&mut known, &table, HOUR + Duration::from_secs(1)).await;
    assert_eq!((polled.device.serial.as_str(), polled.poll.outcome), ("SERIAL2", Outcome::Complete as u8));
    assert_eq!(polled.poll.counters["total"], 1_000);
    assert!(!known.wanted());
}

#[tokio::test]
async fn a_device_that_hides_its_serial_number_is_known_by_its_hardware_address() {
    let mut table = printer();
    let (mut known, _) = found(&table).await;
    set(&mut table, mib::PRT_GENERAL_SERIAL_NUMBER, &[1], bytes(""));
    let (polled, _) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!((polled.poll.outcome, polled.device.serial.as_str()), (Outcome::Complete as u8, "SERIAL1"));
    let (polled, _) = refreshed(&mut known, &table, HOUR * 30).await;
    assert_eq!((polled.device.serial.as_str(), known.device.serial.as_str()), ("SERIAL1", "SERIAL1"));
    set(&mut table, mib::IF_PHYS_ADDRESS, &[1], Value::Bytes(vec![0, 0x17, 0xc8, 9, 9, 9]));
    let (_, _) = refreshed(&mut known, &table, HOUR * 60).await;
    assert_eq!(known.device.serial, "");
}

#[tokio::test]
async fn a_placeholder_does_not_tell_devices_apart_but_the_hardware_address_does() {
    let mut table = printer();
    set(&mut table, mib::PRT_GENERAL_SERIAL_NUMBER, &[1], bytes("0000000000"));
    let (mut known, _) = found(&table).await;
    assert_eq!(known.identity, "00:17:c8:01:02:03");
    set(&mut table, mib::IF_PHYS_ADDRESS, &[1], Value::Bytes(vec![0, 0x17, 0xc8, 9, 9, 9]));
    let (polled, _) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!(polled.poll.outcome, Outcome::Changed as u8);
}

#[tokio::test]
async fn alerts_that_come_and_go_are_all_read() {
    let mut table = printer();
    let (mut known, _) = found(&table).await;
    for column in alerts::COLUMNS {
        set(&mut table, column, &[1, 9], Value::Integer(4));
    }
    let (polled, _) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!(polled.poll.alerts.iter().map(|alert| alert.index.as_str()).collect::<Vec<_>>(), ["1.4", "1.9"]);
    let (polled, packets) = refreshed(&mut known, &table, HOUR * 2).await;
    assert_eq!((polled.poll.alerts.len(), packets), (2, 2));
    let quiet: Table = table.iter().filter(|(oid, _)| oid.below(&mib::PRT_ALERT_CODE[..9]).is_none()).fold(
        Table::default(),
        |mut quiet, (oid, value)| {
            quiet.insert(oid.clone(), value.clone());
            quiet
        },
    );
    let (polled, _) = refreshed(&mut known, &quiet, HOUR * 3).await;
    assert_eq!(polled.poll.alerts, Vec::new());
    let (polled, packets) = refreshed(&mut known, &table, HOUR * 4).await;
    assert_eq!(polled.poll.alerts.len(), 2);
    assert!(packets <= 6, "{packets}");
}

#[tokio::test]
async fn a_level_that_becomes_an_amount_and_a_new_row_call_for_a_full_read() {
    let mut table = printer();
    let (mut known, _) = found(&table).await;
    set(&mut table, mib::PRT_SUPPLIES_LEVEL, &[1, 3], Value::Integer(80));
    refreshed(&mut known, &table, HOUR).await;
    assert!(known.full_wanted);
    let (mut known, _) = found(&printer()).await;
    set(&mut table, mib::PRT_GENERAL_CONFIG_CHANGES, &[1], Value::Unsigned(6));
    refreshed(&mut known, &table, HOUR).await;
    assert!(known.full_wanted);
    let (polled, _) = refreshed(&mut known, &table, HOUR * 3).await;
    assert_eq!(polled.poll.info, None, "a device that changes all the time is still read in full rarely");
    let (polled, _) = refreshed(&mut known, &table, HOUR * 5).await;
    assert!(polled.poll.info.is_some());
}

#[tokio::test]
async fn a_value_that_went_away_is_absent_and_the_poll_partial() {
    let table = printer();
    let (mut known, _) = found(&table).await;
    let gone = Oid::of(mib::PRT_SUPPLIES_LEVEL, &[1, 3]);
    let mut less = Table::default();
    for (oid, value) in table.iter().filter(|(oid, _)| **oid != gone) {
        less.insert(oid.clone(), value.clone());
    }
    let (polled, _) = refreshed(&mut known, &less, HOUR).await;
    assert_eq!(polled.poll.outcome, Outcome::Partial as u8);
    assert_eq!(polled.poll.supplies.len(), 1);
    assert!(known.full_wanted);
}

#[test]
fn an_inventory_entry_survives_being_stored() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (known, _) = runtime.block_on(found(&printer()));
    let text = serde_json::to_string(&known).unwrap();
    assert_eq!(serde_json::from_str::<Known>(&text).unwrap(), known);
    assert!(!text.contains("public"));
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        any::<u64>().prop_map(Value::Unsigned),
        any::<u32>().prop_map(Value::Ticks),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        prop::collection::vec(any::<u32>(), 0..12).prop_map(|arcs| Value::Oid(Oid::new(&arcs))),
        any::<[u8; 4]>().prop_map(Value::Ip),
    ]
}

fn any_object() -> impl Strategy<Value = Oid> {
    let columns: Vec<&'static [u32]> = [
        mib::SYS_DESCR,
        mib::SYS_OBJECT_ID,
        mib::SYS_UP_TIME,
        mib::IF_PHYS_ADDRESS,
        mib::IF_TYPE,
        mib::HR_DEVICE_TYPE,
        mib::HR_PRINTER_DETECTED_ERROR_STATE,
        mib::PRT_GENERAL_SERIAL_NUMBER,
        mib::PRT_GENERAL_CONFIG_CHANGES,
        mib::PRT_MARKER_LIFE_COUNT,
        mib::PRT_MARKER_COUNTER_UNIT,
        mib::PRT_COLORANT_VALUE,
        mib::IP_AD_ENT_ADDR,
        mib::PPM_PORT_IEEE1284_DEVICE_ID,
        mib::PRT_CONSOLE_DISPLAY_BUFFER_TEXT,
    ]
    .into_iter()
    .chain(supplies::COLUMNS)
    .chain(trays::COLUMNS)
    .chain(alerts::COLUMNS)
    .collect();
    (prop::sample::select(columns), prop::collection::vec(0u32..4, 0..4))
        .prop_map(|(column, index)| Oid::of(column, &index))
}

proptest! {
    #[test]
    fn any_table_is_decoded(entries in prop::collection::vec((any_object(), any_value()), 0..60)) {
        let mut table = Table::default();
        for (oid, value) in entries {
            table.insert(oid, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut known, polled) = found(&table).await;
            assert!(polled.poll.counters.values().all(|count| *count >= 0));
            let (polled, _) = refreshed(&mut known, &table, HOUR).await;
            assert!(polled.poll.outcome <= Outcome::Changed as u8);
        });
        let _ = crate::read::report(&table, true);
    }
}
