use super::tests::{HOUR, bytes, found, printer, refreshed, set};
use super::*;
use crate::snmp::Value;

fn without(table: &Table, column: &[u32]) -> Table {
    let mut rest = Table::default();
    for (oid, value) in table.iter().filter(|(oid, _)| oid.below(column).is_none()) {
        rest.insert(oid.clone(), value.clone());
    }
    rest
}

fn kinds(polled: &Polled) -> Vec<&str> {
    polled.events.iter().map(|(kind, _)| kind.as_str()).collect()
}

/// prtAlertTable.
const ALERTS: &[u32] = &[1, 3, 6, 1, 2, 1, 43, 18];

#[tokio::test]
async fn an_alert_opens_and_closes_once_over_a_restart_of_the_agent() {
    let table = printer();
    let quiet = without(&table, ALERTS);
    let (mut known, _) = found(&quiet).await;
    let (polled, _) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!(kinds(&polled), ["alert-opened"]);
    let kept = serde_json::to_vec(&known).unwrap();
    let mut known: Known = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kinds(&refreshed(&mut known, &table, 2 * HOUR).await.0), Vec::<&str>::new(), "after a restart");
    assert_eq!(kinds(&refreshed(&mut known, &table, 25 * HOUR).await.0), Vec::<&str>::new(), "by a full read");
    assert_eq!(kinds(&refreshed(&mut known, &quiet, 26 * HOUR).await.0), ["alert-closed"]);
    assert_eq!(kinds(&refreshed(&mut known, &quiet, 27 * HOUR).await.0), Vec::<&str>::new());
}

#[tokio::test]
async fn an_inventory_of_an_older_agent_is_read_in_full_and_nothing_is_told_twice() {
    let table = printer();
    let (known, _) = found(&table).await;
    let mut old = serde_json::to_value(&known).unwrap();
    for field in ["open", "contradictions"] {
        old.as_object_mut().unwrap().remove(field);
    }
    for field in ["format", "meters", "columns", "vendor_supplies"] {
        old["plan"].as_object_mut().unwrap().remove(field);
    }
    let mut known: Known = serde_json::from_value(old).unwrap();
    let (polled, _) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!(polled.poll.counters["total"], 1_000);
    assert!(polled.poll.info.is_some(), "in full");
    assert_eq!((known.plan.format, kinds(&polled)), (plan::FORMAT, vec!["alert-opened"]));
}

/// A device with a total of its own beside prtMarkerLifeCount, which its profile prefers.
fn kyocera() -> (Table, Oid) {
    let own = Oid::new(&[1, 3, 6, 1, 4, 1, 1347, 43, 10, 1, 1, 12, 1, 1]);
    let mut table = printer();
    table.insert(own.clone(), Value::Integer(990));
    (table, own)
}

#[tokio::test]
async fn the_total_keeps_its_source_while_its_object_is_missing_for_a_while() {
    let (table, own) = kyocera();
    let (mut known, full) = found(&table).await;
    assert_eq!((full.poll.counters["total"], full.poll.counters["total.rfc3805"]), (990, 1_000));
    let hiding = without(&table, own.arcs());
    for day in [1u32, 2] {
        let (polled, _) = refreshed(&mut known, &hiding, day * 25 * HOUR).await;
        assert_eq!(polled.poll.counters.get("total"), None, "no reading, and not the other total");
        assert_eq!(polled.poll.counters["total.rfc3805"], 1_000);
        assert_eq!(kinds(&polled), Vec::<&str>::new(), "what cannot be checked is not settled");
    }
    let (polled, _) = refreshed(&mut known, &hiding, 75 * HOUR).await;
    assert_eq!(polled.poll.counters["total"], 1_000);
    assert!(kinds(&polled).contains(&"meter-source-changed"), "{:?}", polled.events);
    let (polled, _) = refreshed(&mut known, &table, 100 * HOUR).await;
    assert_eq!(polled.poll.counters["total"], 990);
    assert!(kinds(&polled).contains(&"meter-source-changed"));
}

#[tokio::test]
async fn a_sum_that_does_not_hold_is_told_once() {
    let (mut table, own) = kyocera();
    let (mut known, _) = found(&table).await;
    assert_eq!(known.contradictions, ["total = total.rfc3805"]);
    assert_eq!(kinds(&refreshed(&mut known, &table, 25 * HOUR).await.0), Vec::<&str>::new());
    table.insert(own, Value::Integer(1_000));
    assert_eq!(kinds(&refreshed(&mut known, &table, 50 * HOUR).await.0), ["meters-agree"]);
}

#[tokio::test]
async fn counters_and_levels_in_words_are_read_by_each_refresh() {
    let mut table = printer();
    set(&mut table, mib::SYS_OBJECT_ID, &[0], Value::Oid(Oid::of(mib::ENTERPRISES, &[2435, 2, 3, 9, 1])));
    set(&mut table, mib::PRT_SUPPLIES_DESCRIPTION, &[1, 1], bytes("Drum Unit"));
    let words = Oid::new(&[1, 3, 6, 1, 4, 1, 2435, 2, 3, 9, 4, 2, 1, 5, 5]);
    let mut put = |last: u32, hexadecimal: &str| {
        table.insert(Oid::of(words.arcs(), &[last, 0]), Value::Bytes(hex::decode(hexadecimal).unwrap()));
    };
    put(10, "0001040000134b02010400000c69010104000006e2ff");
    put(8, "6f010400001e14410104000025e4ff");
    let (mut known, full) = found(&table).await;
    let (polled, packets) = refreshed(&mut known, &table, HOUR).await;
    for poll in [&full.poll, &polled.poll] {
        assert_eq!((poll.counters["mono"], poll.counters["color"]), (1_762, 3_177));
        let toner = poll.supplies.iter().find(|supply| supply.index == "x.6f").unwrap();
        assert_eq!((toner.level, toner.max), (Some(7_700), Some(10_000)));
        assert!(poll.supplies.iter().all(|supply| supply.index != "x.41"), "the table has a measured drum");
    }
    let toner = full.poll.supplies.iter().find(|supply| supply.index == "x.6f").unwrap();
    assert_eq!((toner.kind, toner.color.as_str()), (Some(3), "black"));
    assert_eq!(packets, 2);
    let item = full.plan.iter().find(|item| item.name == "color").unwrap();
    assert_eq!(item.rule, "word 02");
}

#[tokio::test]
async fn a_text_is_decoded_by_what_the_device_declares_in_each_poll() {
    let mut table = printer();
    set(&mut table, mib::PRT_ALERT_DESCRIPTION, &[1, 4], Value::Bytes(b"TRYB U\xa6PIENIA".to_vec()));
    set(&mut table, mib::PRT_LOCALIZATION_CHARACTER_SET, &[1, 1], Value::Integer(5));
    let (mut known, full) = found(&table).await;
    let (polled, _) = refreshed(&mut known, &table, HOUR).await;
    assert_eq!(
        (full.poll.alerts[0].text.as_str(), polled.poll.alerts[0].text.as_str()),
        ("TRYB UŚPIENIA", "TRYB UŚPIENIA")
    );
}
