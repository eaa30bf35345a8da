use super::super::catalog::{find, models};
use super::super::model::Work;
use super::*;

/// Monday 2026-01-05 00:00 UTC.
const MONDAY: i64 = 1_767_571_200;

fn get(mib: &Mib, oid: &str) -> Option<Value> {
    mib.get(&oid.parse().unwrap()).cloned()
}

fn printer(name: &str) -> Printer {
    Printer::new(find(name).unwrap(), 77, MONDAY)
}

#[test]
fn every_model_passes_the_printer_test_of_rfc_3805_and_tells_its_total_and_mac() {
    for model in models() {
        let mut printer = Printer::new(model, 12, MONDAY);
        printer.advance_to(MONDAY + 86_400 * 3);
        let mib = render(&printer, View::default());
        let device = model.device_index;
        let marker = format!("1.3.6.1.2.1.43.10.2.1.4.{device}.1");
        assert_eq!(get(&mib, &marker), Some(Value::counter(printer.counts().total)), "{}", model.name);
        let mac = format!("1.3.6.1.2.1.2.2.1.6.{}", model.if_index);
        assert_eq!(get(&mib, &mac), Some(Value::Octets(printer.mac().to_vec())), "{}", model.name);
        assert!(mib.len() > 70, "{} has only {} rows", model.name, mib.len());
        let uptime = Value::TimeTicks(u32::try_from((printer.now() - printer.boot()) * 100).unwrap());
        assert_eq!(get(&mib, "1.3.6.1.2.1.1.3.0"), Some(uptime));
    }
}

#[test]
fn serial_numbers_are_told_missing_or_a_placeholder_as_the_model_says() {
    let serial = |name: &str| {
        let printer = printer(name);
        get(&render(&printer, View::default()), &format!("1.3.6.1.2.1.43.5.1.1.17.{}", printer.model().device_index))
    };
    let hp = printer("hp-laserjet-m404");
    assert_eq!(serial("hp-laserjet-m404"), hp.serial().map(Value::text));
    assert_eq!(serial("canon-ir-c3226"), None);
    assert_eq!(serial("oki-c532"), Some(Value::text("XXXXXXXXXX")));
    assert_eq!(printer("oki-c532").serial(), None);
}

#[test]
fn levels_are_shown_as_each_model_shows_them() {
    let show = |style, left_percent: u64| {
        let spec = Supply { level: style, ..find("hp-laserjet-m404").unwrap().supplies[0] };
        level(&spec, 5000, 5_000_000 * left_percent / 100)
    };
    assert_eq!(show(LevelStyle::Percent, 47), (19, 100, 47));
    assert_eq!(show(LevelStyle::Coarse(20), 47), (19, 100, 40));
    assert_eq!(show(LevelStyle::Coarse(20), 7), (19, 100, 1), "0 would mean empty");
    assert_eq!(show(LevelStyle::Coarse(20), 0), (19, 100, 0));
    assert_eq!(show(LevelStyle::Pages, 47), (7, 5000, 2350));
    assert_eq!(show(LevelStyle::Grams, 50), (13, 500, 250));
    assert_eq!(show(LevelStyle::Some, 47), (19, -2, -3));
    assert_eq!(show(LevelStyle::Some, 0), (19, -2, 0));
    assert_eq!(show(LevelStyle::Unknown, 47), (2, -2, -2));
    assert_eq!(show(LevelStyle::MaxUnknown, 47), (19, -2, 47));
    let sharp = render(&printer("sharp-mx-3071"), View::default());
    assert!(get(&sharp, "1.3.6.1.2.1.43.11.1.1.9.2.5").is_some());
    assert_eq!(get(&sharp, "1.3.6.1.2.1.43.11.1.1.8.2.5"), None, "a supply without maximum");
}

#[test]
fn texts_are_in_the_charset_the_device_declares() {
    let lexmark = render(&printer("lexmark-ms621"), View::default());
    assert_eq!(get(&lexmark, "1.3.6.1.2.1.43.7.1.1.4.1.1"), Some(Value::Integer(4)));
    let Some(Value::Octets(name)) = get(&lexmark, "1.3.6.1.2.1.43.11.1.1.6.1.2") else { panic!("no name") };
    assert_eq!(name, b"Trommeleinheit f\xfcr MS621");
    let epson = render(&printer("epson-wf-c5790"), View::default());
    let Some(Value::Octets(name)) = get(&epson, "1.3.6.1.2.1.43.11.1.1.6.1.5") else { panic!("no name") };
    assert_eq!(String::from_utf8(name).unwrap(), "Boîte de maintenance T6716");
}

#[test]
fn error_bits_and_alert_rows_tell_of_the_same_troubles() {
    let mut seen = 0;
    for seed in 0..30 {
        let mut printer = Printer::new(&models()[seed % models().len()], seed as u64, MONDAY);
        let model = printer.model();
        for hour in 0..(20 * 24) {
            printer.advance_to(MONDAY + hour * 3600);
            let mib = render(&printer, View::default());
            let open = printer.alerts().alerts().len();
            let bits = get(&mib, &format!("1.3.6.1.2.1.25.3.5.1.2.{}", model.device_index));
            let Some(Value::Octets(bits)) = bits else { panic!("no error bits") };
            assert_eq!(bits.len(), model.error_state_bytes);
            if model.error_state_bytes == 2 {
                assert_eq!(bits.iter().any(|b| *b != 0), open > 0);
            }
            for alert in printer.alerts().alerts() {
                // RFC 2790: bit 0 is the highest bit of the first octet
                let mask = match alert.cause {
                    Cause::SupplyLow(_) => 0x20,
                    Cause::SupplyOut(_) => 0x10 | 0x01,
                    Cause::TrayEmpty(_) if model.trays.len() == 1 => 0x40,
                    Cause::TrayEmpty(_) => 0,
                    Cause::Jam => 0x04,
                };
                assert!(mask == 0 || bits[0] & mask != 0, "{:?} shown as {bits:02x?}", alert.cause);
            }
            let column: Oid = "1.3.6.1.2.1.43.18.1.1.7".parse().unwrap();
            let rows = mib.iter().filter(|(oid, _)| oid.starts_with(&column)).count();
            assert_eq!(rows, if model.alerts == AlertStyle::None { 0 } else { open });
            seen += open;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn while_a_device_starts_every_page_counter_reads_zero() {
    let printer = printer("sharp-mx-3071");
    let mib = render(&printer, View { counters_at_zero: true, ..View::default() });
    assert_eq!(get(&mib, "1.3.6.1.2.1.43.10.2.1.4.2.1"), Some(Value::Counter32(0)));
    assert_eq!(get(&mib, "1.3.6.1.4.1.2385.1.1.19.2.1.3.5.4.61"), Some(Value::Counter32(0)));
}

#[test]
fn private_counters_agree_with_the_standard_total() {
    let number = |mib: &Mib, oid: &str| get(mib, oid).and_then(|v| v.number()).unwrap();
    let sharp = render(&printer("sharp-mx-3071"), View::default());
    let total = number(&sharp, "1.3.6.1.2.1.43.10.2.1.4.2.1");
    let mono = number(&sharp, "1.3.6.1.4.1.2385.1.1.19.2.1.3.5.4.61");
    let color = number(&sharp, "1.3.6.1.4.1.2385.1.1.19.2.1.3.5.4.63");
    assert_eq!(mono + color, total);
    assert_eq!(number(&sharp, "1.3.6.1.2.1.43.10.2.1.4.2.2"), color, "the second marker counts colour");
    let hp = render(&printer("hp-color-laserjet-mfp-m480"), View::default());
    let at = |n: u32| number(&hp, &format!("1.3.6.1.4.1.11.2.3.9.4.2.1.4.1.2.{n}.0"));
    assert_eq!(at(6) + at(7), at(5));
    let kyocera = render(&printer("kyocera-taskalfa-3253ci"), View::default());
    let function = |n: u32| number(&kyocera, &format!("1.3.6.1.4.1.1347.42.3.1.1.1.1.{n}"));
    assert_eq!(function(1) + function(2) + function(4), number(&kyocera, "1.3.6.1.4.1.1347.43.10.1.1.12.1.1"));
}

#[test]
fn an_idle_model_would_print_nothing() {
    let still: &'static Model =
        Box::leak(Box::new(Model { work: Work { pages: 0, ..models()[0].work }, ..models()[0].clone() }));
    let mut printer = Printer::new(still, 1, MONDAY);
    printer.advance_to(MONDAY + 86_400 * 30);
    assert_eq!(printer.changes().count(), 1);
}
