use super::*;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// 1.1.0, 1.2.0, a table 2.1.{1..20} and a Counter64 at 3.1.0.
fn mib() -> Mib {
    let mut mib: Mib = (1..=20).map(|n| (Oid::new([1, 3, 2, 1, n]), Value::Integer(n.cast_signed()))).collect();
    mib.put(oid("1.3.1.1.0"), Value::text("first"));
    mib.put(oid("1.3.1.2.0"), Value::Gauge32(2));
    mib.put(oid("1.3.3.1.0"), Value::Counter64(9));
    mib.put(oid("1.3.3.2.0"), Value::Integer(10));
    mib
}

fn ask(version: Version, kind: Kind, oids: &[&str]) -> Message {
    let oids: Vec<Oid> = oids.iter().map(|o| oid(o)).collect();
    Message::request(version, "public", kind, 7, &oids)
}

fn bulk(non_repeaters: i32, max_repetitions: i32, oids: &[&str]) -> Message {
    Message { status: non_repeaters, index: max_repetitions, ..ask(Version::V2c, Kind::GetBulk, oids) }
}

fn reply(request: &Message) -> Message {
    answer(request, &mib(), &Caps::FULL).unwrap()
}

fn names(message: &Message) -> Vec<String> {
    message.varbinds.iter().map(|(oid, _)| oid.to_string()).collect()
}

#[test]
fn v2c_get_marks_each_missing_object_and_answers_the_rest() {
    let got = reply(&ask(Version::V2c, Kind::Get, &["1.3.1.1.0", "1.3.2.1.99", "1.9.9.0", "1.3.3.1.0"]));
    assert_eq!((got.kind, got.id, got.status), (Kind::Response, 7, 0));
    let values: Vec<Value> = got.varbinds.into_iter().map(|(_, v)| v).collect();
    let expected = [Value::text("first"), Value::NoSuchInstance, Value::NoSuchObject, Value::Counter64(9)];
    assert_eq!(values, expected);
}

#[test]
fn v1_get_fails_as_a_whole_and_names_the_place_of_the_missing_object() {
    let request = ask(Version::V1, Kind::Get, &["1.3.1.1.0", "1.3.2.1.99", "1.3.1.2.0"]);
    let got = reply(&request);
    assert_eq!((got.status, got.index), (status::NO_SUCH_NAME, 2));
    assert_eq!(got.varbinds, request.varbinds, "the variables come back unchanged");
}

#[test]
fn v1_never_shows_a_counter64() {
    assert_eq!(names(&reply(&ask(Version::V1, Kind::GetNext, &["1.3.2.1.20"]))), ["1.3.3.2.0"]);
    assert_eq!(reply(&ask(Version::V1, Kind::Get, &["1.3.3.1.0"])).status, status::NO_SUCH_NAME);
}

#[test]
fn getnext_at_the_end_is_an_error_in_v1_and_a_mark_in_v2c() {
    let got = reply(&ask(Version::V1, Kind::GetNext, &["1.3.1.1.0", "1.3.3.2.0"]));
    assert_eq!((got.status, got.index), (status::NO_SUCH_NAME, 2));
    let got = reply(&ask(Version::V2c, Kind::GetNext, &["1.3.1.1.0", "1.3.3.2.0"]));
    assert_eq!(got.varbinds[1], (oid("1.3.3.2.0"), Value::EndOfMibView));
    assert_eq!(got.varbinds[0].0, oid("1.3.1.2.0"));
}

#[test]
fn getbulk_gives_non_repeaters_once_and_columns_row_by_row() {
    let got = reply(&bulk(1, 3, &["1.3.1.1", "1.3.2.1.1", "1.3.2.1.10"]));
    let expected = ["1.3.1.1.0", "1.3.2.1.2", "1.3.2.1.11", "1.3.2.1.3", "1.3.2.1.12", "1.3.2.1.4", "1.3.2.1.13"];
    assert_eq!(names(&got), expected);
}

#[test]
fn getbulk_takes_odd_numbers_as_the_standard_says() {
    assert_eq!(names(&reply(&bulk(-5, 1, &["1.3.1.1"]))), ["1.3.1.1.0"]);
    assert_eq!(names(&reply(&bulk(9, 9, &["1.3.1.1", "1.3.1.2"]))), ["1.3.1.1.0", "1.3.1.2.0"]);
    assert!(names(&reply(&bulk(0, 0, &["1.3.1.1"]))).is_empty());
    assert!(names(&reply(&bulk(0, -1, &["1.3.1.1"]))).is_empty());
}

#[test]
fn getbulk_stops_after_the_row_in_which_every_column_has_ended() {
    let got = reply(&bulk(0, 1000, &["1.3.2.1.20", "1.3.3.2.0"]));
    let values: Vec<bool> = got.varbinds.iter().map(|(_, v)| *v == Value::EndOfMibView).collect();
    assert_eq!(values, [false, true, false, true, true, true]);
}

#[test]
fn getbulk_fills_a_packet_and_never_more() {
    let big: Mib = (1..=5000).map(|n| (Oid::new([1, 3, n]), Value::text("0123456789"))).collect();
    for limit in [100, 484, 1472] {
        let caps = Caps { max_bytes: limit, ..Caps::FULL };
        let got = answer(&bulk(0, i32::MAX, &["1.3"]), &big, &caps).unwrap();
        let bytes = got.encode().len();
        assert_eq!(got.status, 0);
        assert!(bytes <= limit && bytes + 40 > limit, "{bytes} of {limit}");
    }
    let few = Caps { max_varbinds: 12, ..Caps::FULL };
    assert_eq!(answer(&bulk(0, 50, &["1.3"]), &big, &few).unwrap().varbinds.len(), 12);
}

#[test]
fn a_weak_device_answers_too_big_beyond_its_limits() {
    let request = ask(Version::V2c, Kind::Get, &["1.3.1.1.0", "1.3.1.2.0", "1.3.2.1.1"]);
    let few = Caps { max_varbinds: 2, ..Caps::FULL };
    let got = answer(&request, &mib(), &few).unwrap();
    assert_eq!((got.status, got.varbinds.len()), (status::TOO_BIG, 0));
    let small = Caps { max_bytes: 60, ..Caps::FULL };
    let request = Message { version: Version::V1, ..request };
    let got = answer(&request, &mib(), &small).unwrap();
    assert_eq!((got.status, got.varbinds.len()), (status::TOO_BIG, 3));
}

#[test]
fn a_v1_device_is_silent_to_v2c() {
    let caps = Caps { v1_only: true, ..Caps::FULL };
    assert!(answer(&ask(Version::V2c, Kind::Get, &["1.3.1.1.0"]), &mib(), &caps).is_none());
    assert!(answer(&ask(Version::V1, Kind::Get, &["1.3.1.1.0"]), &mib(), &caps).is_some());
}

#[test]
fn a_set_is_refused_and_a_response_is_not_answered() {
    assert_eq!(reply(&ask(Version::V2c, Kind::Set, &["1.3.1.1.0"])).status, status::NO_ACCESS);
    assert_eq!(reply(&ask(Version::V1, Kind::Set, &["1.3.1.1.0"])).status, status::NO_SUCH_NAME);
    assert!(answer(&ask(Version::V2c, Kind::Response, &["1.3.1.1.0"]), &mib(), &Caps::FULL).is_none());
}
