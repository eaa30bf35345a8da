//! Cases by chance, with everything that the format allows.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

const DAY: i64 = 86_400;
const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/Santiago", "America/Havana", "Asia/Kathmandu", "Pacific/Apia"];
/// With a change of the clocks in one zone or another, and without.
const PERIODS: [(&str, &str); 6] = [
    ("2025-09-01", "2025-10-01"),
    ("2025-09-07", "2025-10-07"),
    ("2025-11-02", "2025-12-01"),
    ("2026-02-01", "2026-03-01"),
    ("2026-03-15", "2026-04-15"),
    ("2026-01-10", "2026-01-11"),
];
const METERS: [&str; 3] = ["total", "color", "scan"];

/// xorshift64*: the same cases on every host.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        i64::try_from(drawn % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one_in(&mut self, sides: i64) -> bool {
        self.below(sides) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        let index = self.below(i64::try_from(all.len()).unwrap());
        all[usize::try_from(index).unwrap()].clone()
    }
}

fn instant(at: i64) -> Value {
    json!(Timestamp::from_second(at).unwrap().to_string())
}

pub(crate) fn case(seed: u64) -> Value {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let zone = dice.of(&ZONES);
    let (start, end) = dice.of(&PERIODS);
    let begin: i64 = format!("{start}T00:00:00Z").parse::<Timestamp>().unwrap().as_second();
    let finish: i64 = format!("{end}T00:00:00Z").parse::<Timestamp>().unwrap().as_second();
    let devices: Vec<&str> = ["A", "B2", "B10"].into_iter().take(usize::try_from(1 + dice.below(3)).unwrap()).collect();
    let mut contract = json!({
        "id": "C", "currency": dice.of(&["EUR", "JPY", "KWD"]), "timezone": zone,
        "charges": (0..=dice.below(2)).map(|at| charge(&mut dice, at, start)).collect::<Vec<_>>(),
        "devices": devices.iter().map(|id| device(&mut dice, id, begin, finish)).collect::<Vec<_>>(),
        "settings": settings(&mut dice),
    });
    if dice.one_in(2) {
        contract["base_fee"] =
            json!({"amount": dice.of(&["49.90", "0.005", "7"]), "per": dice.of(&["contract", "device"])});
    }
    if dice.one_in(3) {
        contract["min_amount"] = json!(dice.of(&["25", "60.005", "0"]));
    }
    for (key, sides) in [("start", 5), ("end", 5)] {
        if dice.one_in(sides) {
            contract[key] = date(begin + dice.below((finish - begin) / DAY + 10) * DAY - 5 * DAY);
        }
    }
    let as_of = finish + dice.below(12 * DAY) - DAY;
    let mut readings = Vec::new();
    for device in devices.iter().copied().chain(dice.one_in(6).then_some("X")) {
        for meter in METERS {
            series(&mut dice, device, meter, (begin, finish), &mut readings);
        }
    }
    let events: Vec<Value> = (0..dice.below(4) / 2).map(|_| {
        json!({"type": "meter_exchange", "device": dice.of(&devices), "meter": dice.of(&METERS),
            "ts": instant(begin - 10 * DAY + dice.below(finish - begin + 20 * DAY)), "out": dice.below(4_000), "in": dice.below(500)})
    }).collect();
    let mut case = json!({
        "id": seed, "contract": contract, "period": {"start": start, "end": end}, "as_of": instant(as_of),
        "readings": readings, "events": events,
    });
    if dice.one_in(3) {
        let mut closing = Map::new();
        for device in &devices {
            for meter in METERS {
                if dice.one_in(2) {
                    closing.insert(format!("{device}/{meter}"), json!({"u": dice.below(5_000)}));
                }
            }
        }
        case["previous"] = json!({"closing": closing, "carry": {"c0": dice.below(900), "c1": dice.below(50)}});
    }
    if dice.one_in(8) {
        case["action"] = json!("correct");
        case["issued_as_of"] = instant(as_of - dice.below(5 * DAY));
    }
    case
}

fn date(at: i64) -> Value {
    json!(Timestamp::from_second(at).unwrap().to_string()[..10])
}

fn charge(dice: &mut Dice, at: i64, start: &str) -> Value {
    let mut charge = json!({"id": format!("c{at}"), "meters": {"total": 1}});
    match dice.below(4) {
        0 => charge["meters"] = json!({"total": 1, "color": -1}),
        1 => charge["meters"] = json!({"color": 2, "scan": 1}),
        _ => {}
    }
    let price = |dice: &mut Dice| dice.of(&["0.0125", "0.005", "1", "0", "8.50", "0.00333"]);
    match dice.below(4) {
        0 => {
            charge["prices"] = json!([{"from": "2020-01-01", "price": price(dice)}, {"from": start, "price": price(dice)},
                {"from": "2030-01-01", "price": price(dice)}]);
        }
        1 | 2 => {
            charge["tier_mode"] = json!(dice.of(&["graduated", "slab"]));
            charge["tiers"] = json!([{"up_to": 100, "price": price(dice)}, {"up_to": 700, "price": price(dice)},
                {"up_to": null, "price": price(dice)}]);
        }
        _ => charge["price"] = json!(price(dice)),
    }
    if dice.one_in(3) {
        charge["price_per"] = json!(dice.of(&[10, 1_000]));
    }
    if dice.one_in(2) {
        charge["included"] = json!(dice.below(1_500));
    }
    if dice.one_in(4) {
        charge["prorate_included"] = json!(false);
    }
    if dice.one_in(4) {
        charge["min_volume"] = json!(dice.below(2_000));
    }
    if dice.one_in(2) {
        charge["scope"] = json!("pool");
        if dice.one_in(2) {
            charge["carry_cap"] = json!(dice.below(800));
        }
    }
    charge
}

fn device(dice: &mut Dice, id: &str, begin: i64, finish: i64) -> Value {
    let mut device = json!({"device": id});
    for key in ["from", "to"] {
        if dice.one_in(4) {
            let at = begin - 3 * DAY + dice.below(finish - begin + 6 * DAY);
            device[key] = if dice.one_in(2) { instant(at) } else { date(at) };
        }
    }
    for key in ["start_reads", "end_reads"] {
        if dice.one_in(5) {
            device[key] = json!({(dice.of(&METERS)): dice.below(3_000)});
        }
    }
    device
}

fn settings(dice: &mut Dice) -> Value {
    let mut settings = json!({});
    if dice.one_in(2) {
        settings["max_read_age_hours"] = json!(dice.of(&[0, 6, 24, 200]));
    }
    if dice.one_in(2) {
        settings["max_pages_per_day"] = json!(dice.of(&[300, 1_000, 5_000]));
    }
    if dice.one_in(3) {
        settings["small_drop"] = json!(dice.of(&[0, 5, 40]));
    }
    if dice.one_in(5) {
        settings["estimation"] = json!("none");
    }
    if dice.one_in(3) {
        settings["modulus"] = json!({"total": 4_096, "color": 1_000});
    }
    settings
}

/// A counter that mostly grows and now and then does everything else.
fn series(dice: &mut Dice, device: &str, meter: &str, (begin, finish): (i64, i64), readings: &mut Vec<Value>) {
    let mut ts = begin - dice.below(50 * DAY);
    let mut value = dice.below(3_900);
    let step = dice.of(&[DAY, 3 * DAY, 9 * DAY, 9_000]);
    for _ in 0..dice.below(30) {
        ts += 1 + dice.below(2 * step);
        if dice.one_in(12) {
            ts = dice.of(&[begin, finish, ts]); // exactly at a boundary, in no order
        }
        let mut shown = json!(value);
        match dice.below(26) {
            0 => value = dice.below(60),
            1 => value = (value - dice.below(120)).max(0),
            2 => shown = json!(dice.below(200_000)),
            3 => value += 100_000,
            4 => shown = json!((value - dice.below(3_000)).max(0)),
            5 => shown = dice.of(&[Value::Null, json!(-5)]),
            6 => value = (value + 300) % 4_096,
            _ => value += dice.below(250),
        }
        if shown.as_i64().is_some_and(|shown| shown >= 0) && dice.one_in(2) {
            shown = json!(value);
        }
        let mut reading = json!({"device": device, "meter": meter, "ts": instant(ts), "value": shown});
        let received = ts + dice.of(&[0, 5, 60, -400, 20 * DAY]) * dice.below(2);
        if dice.one_in(2) {
            reading["received"] = instant(received);
            if dice.one_in(5) {
                reading["sent"] = instant(received - dice.of(&[0, 300, 301, -301, 7_200, -90_000]));
            }
        }
        readings.push(reading);
        if dice.one_in(15) {
            let mut again = readings.last().unwrap().clone();
            again["value"] = json!(value + dice.below(2));
            readings.push(again);
        }
        if ts > finish + 10 * DAY {
            break;
        }
    }
}
