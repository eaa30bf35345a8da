use super::*;
use crate::poll::profile::Profiles;
use crate::snmp::Value;

fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

/// A device of an enterprise number with one object more.
fn of(enterprise: u32, objects: &[(&[u32], &[u32], &str)]) -> Table {
    let mut table = Table::default();
    table.insert(Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR), Value::Oid(Oid::of(mib::ENTERPRISES, &[enterprise, 1])));
    for (object, index, text) in objects {
        table.insert(Oid::of(object, index), bytes(text));
    }
    table
}

fn read(table: &Table) -> Device {
    device(table, &Profiles::builtin().of(table))
}

#[test]
fn the_standard_serial_wins_over_the_makers_own_and_the_entity_mib_comes_last() {
    let mut table = of(1347, &[(mib::ENT_PHYSICAL_SERIAL_NUM, &[1], "ENTITY1")]);
    let profile = Profiles::builtin().of(&table);
    let found = |table: &Table| serial(table, &profile).map(|serial| (serial.text, serial.basis)).unwrap();
    assert_eq!(found(&table), ("ENTITY1".into(), SerialBasis::EntityMib));
    table.insert(profile.serials()[0].clone(), bytes("VENDOR1"));
    assert_eq!(found(&table), ("VENDOR1".into(), SerialBasis::Vendor));
    table.insert(Oid::of(mib::PRT_GENERAL_SERIAL_NUMBER, &[1]), bytes("\0 \0"));
    assert_eq!(found(&table).0, "VENDOR1");
    table.insert(Oid::of(mib::PRT_GENERAL_SERIAL_NUMBER, &[1]), bytes("0000000000"));
    assert_eq!(found(&table).0, "VENDOR1", "a placeholder does not win over a number");
    table.insert(Oid::of(mib::PRT_GENERAL_SERIAL_NUMBER, &[1]), bytes("STANDARD\0"));
    assert_eq!(found(&table), ("STANDARD".into(), SerialBasis::PrinterMib));
}

#[test]
fn a_placeholder_is_passed_on_where_nothing_better_is_there() {
    let table = of(1347, &[(mib::PRT_GENERAL_SERIAL_NUMBER, &[1], "serial_number")]);
    assert_eq!(read(&table).serial, "serial_number");
}

#[test]
fn serial_numbers_are_found_inside_descriptions_and_after_the_type_of_pml() {
    for (enterprise, text, expected) in [
        (
            11,
            "HP ETHERNET MULTI-ENVIRONMENT,SN:VNCRC48198,FN:4Q817L4,SVCID:31339,PID:HP LaserJet MFP M130nw",
            "VNCRC48198",
        ),
        (236, "Samsung CLX-3170 Series;V1.00;NIC V4.01.20(CLX-3170);S/N JFJIUTM748", "JFJIUTM748"),
        (236, "Samsung M4080FX; V11.01;NIC ;S/N ", ""),
    ] {
        assert_eq!(read(&of(enterprise, &[(mib::SYS_DESCR, &[0], text)])).serial, expected, "{text}");
    }
    let mut table = of(11, &[]);
    let place = Oid::new(&[1, 3, 6, 1, 4, 1, 11, 2, 3, 9, 4, 2, 1, 1, 3, 3, 0]);
    table.insert(Oid::of(mib::SYS_OBJECT_ID, mib::SCALAR), Value::Oid(Oid::of(mib::ENTERPRISES, &[11, 2, 3, 9, 1])));
    table.insert(place, Value::Bytes(b"\x01\x15VNCRC48198".to_vec()));
    assert_eq!(read(&table).serial, "VNCRC48198");
}

#[test]
fn the_first_real_interface_names_the_device() {
    let mut table = Table::default();
    for (index, kind, mac) in
        [(1, 24, [2, 0, 0, 0, 0, 9]), (2, 6, [0; 6]), (3, 71, [2, 0, 0, 0, 0, 1]), (4, 6, [2, 0, 0, 0, 0, 2])]
    {
        table.insert(Oid::of(mib::IF_TYPE, &[index]), Value::Integer(kind));
        table.insert(Oid::of(mib::IF_PHYS_ADDRESS, &[index]), Value::Bytes(mac.to_vec()));
    }
    assert_eq!(main_interface(&table), Some((vec![4], "02:00:00:00:00:02".into())));
}

#[test]
fn maker_and_model_are_seen_through_cards_and_other_names() {
    let (zero, one): (&[u32], &[u32]) = (&[0], &[1]);
    let jetdirect: &[u32] = &[1, 3, 6, 1, 4, 1, 11, 2, 3, 9, 1, 1, 7];
    let card = "HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD149,EEPROM JDI99999999";
    for (enterprise, objects, expected) in [
        (2435, vec![(mib::HR_DEVICE_DESCR, one, "Brother HL-L8260CDW series")], ("Brother", "HL-L8260CDW")),
        (
            11,
            vec![(mib::SYS_DESCR, zero, card), (jetdirect, zero, "MFG:Kyocera Mita;MDL:FS-1020D;")],
            ("Kyocera", "FS-1020D"),
        ),
        (
            11,
            vec![(mib::SYS_DESCR, zero, card), (jetdirect, zero, "MFG:Hewlett-Packard;MDL:HP LaserJet 4250;")],
            ("HP", "LaserJet 4250"),
        ),
        (
            1347,
            vec![(mib::SYS_DESCR, zero, "TA_UTAX Printing System"), (mib::HR_DEVICE_DESCR, one, "P-4532DN")],
            ("UTAX", "P-4532DN"),
        ),
        (1347, vec![(mib::SYS_DESCR, zero, "HP ETHERNET MULTI-ENVIRONMENT,ROM J.sp.00,JETDIRECT EX")], ("Kyocera", "")),
        (367, vec![(mib::HR_DEVICE_DESCR, one, "LANIER MP C3501")], ("Lanier", "MP C3501")),
        (
            367,
            vec![(mib::SYS_DESCR, zero, "RICOH MP 3053 1.09 / RICOH Network Printer C model")],
            ("Ricoh", "MP 3053 1.09"),
        ),
        (18334, vec![(mib::SYS_DESCR, zero, "Develop ineo  280")], ("Develop", "ineo 280")),
        (18334, vec![(mib::SYS_DESCR, zero, "KONICA MINOLTA bizhub C250i")], ("Konica Minolta", "bizhub C250i")),
        (
            2001,
            vec![(
                mib::SYS_DESCR,
                zero,
                "OKI OkiLAN 9450g Rev.00.69 PrintServer: Attached to MC873 Rev.07.87 : Copyright",
            )],
            ("OKI", "MC873"),
        ),
        (297, vec![(mib::HR_DEVICE_DESCR, one, "FUJI XEROX ApeosPort-V C3375")], ("FUJIFILM", "ApeosPort-V C3375")),
        (99_999, vec![(mib::HR_DEVICE_DESCR, one, "Acme Printomatic")], ("", "Acme Printomatic")),
    ] {
        let found = read(&of(enterprise, &objects));
        assert_eq!((found.maker.as_str(), found.model.as_str()), expected, "{enterprise} {objects:?}");
    }
}

#[test]
fn maker_and_model_give_the_key_that_the_device_says() {
    // The key must not depend on which of the names was taken.
    let table = of(
        367,
        &[(mib::HR_DEVICE_DESCR, &[1], "LANIER MP C3501"), (mib::PRT_GENERAL_SERIAL_NUMBER, &[1], "W492KB03439")],
    );
    assert_eq!(schemas::device::key(&read(&table)).text, "lanier:W492KB03439");
}

#[test]
fn a_family_of_models_gives_way_to_the_model_and_a_product_line_stays_with_it() {
    let model = |enterprise, device: &str, system: &str| {
        read(&of(enterprise, &[(mib::HR_DEVICE_DESCR, &[1], device), (mib::SYS_DESCR, &[0], system)])).model
    };
    assert_eq!(model(236, "Samsung M408x Series", "Samsung M4080FX; V11.01;NIC ;S/N "), "M4080FX");
    assert_eq!(model(236, "Samsung CLX-3170 Series", "Samsung CLX-3170 Series;V1.00"), "CLX-3170");
    assert_eq!(model(236, "Samsung M408x Series", "print server"), "M408x");
    assert_eq!(model(367, "RICOH Aficio MP C3002", ""), "Aficio MP C3002");
}
