//! Laws of the whole forecaster: it never panics, never invents a date, and never sees the future.

use crate::forecast::constants::Constants;
use crate::forecast::fleet::FleetTables;
use crate::forecast::series::{Day, Device, Eats, Facts, Read, Supply};
use crate::forecast::supply::{self, CannotSay, Forecast};

const DAY_S: i64 = 86_400;
const BEGIN: Day = 20_200;

/// A small generator of numbers, so that hostile series are the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 20
    }
    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n.max(1)
    }
}

fn constants() -> Constants {
    Constants::shipped().unwrap()
}

fn device(id: &str, supply: &str, reads: Vec<Read>) -> Device {
    Device {
        id: id.to_owned(),
        site: "s".to_owned(),
        model: "M".to_owned(),
        first_seen: Some(BEGIN),
        supplies: vec![Supply {
            name: supply.to_owned(),
            eats: Eats::AllPages,
            receptacle: supply.contains("waste"),
            reads,
        }],
    }
}

/// A steady device: `per_day` pages on five days a week, a cartridge for 5000 pages, shown in steps.
fn steady(days: i64, per_day: i64, step: i64) -> Vec<Read> {
    let mut pages = 1000;
    (0..days)
        .map(|day| {
            if (day + i64::from(BEGIN) + 3).rem_euclid(7) < 5 {
                pages += per_day;
            }
            let used = (pages - 1000) % 5000;
            let level = (100 - used * 100 / 5000 + step - 1) / step * step;
            Read {
                at_s: (i64::from(BEGIN) + day) * DAY_S + 60_000,
                level: level.min(100),
                max: 100,
                pages: Some(pages),
                pages_color: Some(0),
                serial: 0,
            }
        })
        .collect()
}

fn ask(devices: &[Device], origin: Day) -> Result<Forecast, CannotSay> {
    let constants = constants();
    let tables = FleetTables::learn(devices, &Facts::default(), &constants, origin);
    supply::forecast_supply(&devices[0], &devices[0].supplies[0].name, &tables, &constants, origin)
}

#[test]
fn a_steady_device_is_forecast_to_the_day_or_two() {
    let one = device("a", "K", steady(200, 100, 1));
    let forecast = ask(&[one], BEGIN + 200).unwrap();
    // 142.9 working days of 100 pages: 14 286 pages, so 4286 of the third cartridge; 714 pages are left: 10 days.
    assert!((forecast.p50 - 10.0).abs() < 2.0, "{forecast:?}");
    assert!(forecast.p10 <= forecast.p50 && forecast.p50 <= forecast.p90);
    assert!(forecast.reason.contains("% left") && forecast.reason.contains("a week"), "{}", forecast.reason);
}

#[test]
fn a_coarse_display_still_gives_a_date_within_its_step() {
    let forecast = ask(&[device("a", "K", steady(200, 100, 20))], BEGIN + 200).unwrap();
    assert!((forecast.p50 - 10.0).abs() < 5.0, "{forecast:?}");
}

#[test]
fn a_device_without_page_counters_is_forecast_by_working_days() {
    let mut reads = steady(200, 100, 1);
    reads.iter_mut().for_each(|read| (read.pages, read.pages_color) = (None, None));
    let forecast = ask(&[device("a", "K", reads)], BEGIN + 200).unwrap();
    assert!((forecast.p50 - 10.0).abs() < 4.0, "{forecast:?}");
    assert!(forecast.reason.contains("counts no pages"));
}

#[test]
fn a_waste_container_that_fills_up_is_turned_around() {
    let mut one = device("a", "waste", steady(200, 100, 1));
    one.supplies[0].reads.iter_mut().for_each(|read| read.level = 100 - read.level);
    let forecast = ask(&[one], BEGIN + 200).unwrap();
    assert!((forecast.p50 - 10.0).abs() < 3.0, "{forecast:?}");
}

#[test]
fn a_drum_is_forecast_like_any_supply() {
    let forecast = ask(&[device("a", "drum", steady(200, 100, 1))], BEGIN + 200).unwrap();
    assert!((forecast.p50 - 10.0).abs() < 3.0, "{forecast:?}");
}

#[test]
fn nothing_known_is_answered_with_a_reason() {
    let read =
        |level, max| Read { at_s: i64::from(BEGIN) * DAY_S, level, max, pages: Some(10), pages_color: None, serial: 0 };
    for reads in [vec![], vec![read(50, 100)], vec![read(-2, 100); 30], vec![read(50, -2); 30], vec![read(50, 0); 5]] {
        let answer = ask(&[device("a", "K", reads)], BEGIN + 10);
        assert!(answer.is_err_and(|error| error.to_string().starts_with("cannot say, because ")));
    }
}

#[test]
fn a_constant_level_with_no_pages_is_no_date() {
    let reads = (0..100)
        .map(|day| Read {
            at_s: (i64::from(BEGIN) + day) * DAY_S,
            level: 80,
            max: 100,
            pages: Some(7),
            pages_color: Some(0),
            serial: 0,
        })
        .collect();
    assert!(ask(&[device("a", "K", reads)], BEGIN + 100).is_err());
}

#[test]
fn a_device_silent_for_months_is_not_judged() {
    let answer = ask(&[device("a", "K", steady(100, 100, 1))], BEGIN + 200);
    assert!(answer.is_err_and(|error| error.why.contains("silent")));
}

#[test]
fn the_order_of_the_reads_does_not_matter() {
    let reads = steady(150, 80, 5);
    let mut reversed = reads.clone();
    reversed.reverse();
    assert_eq!(ask(&[device("a", "K", reads)], BEGIN + 150), ask(&[device("a", "K", reversed)], BEGIN + 150));
}

#[test]
fn the_future_changes_nothing() {
    let origin = BEGIN + 120;
    let fleet = |shift: i64, cut: bool| -> Vec<Device> {
        ["a", "b", "c"]
            .iter()
            .enumerate()
            .map(|(i, id)| {
                let mut reads = steady(220, 60 + 30 * i as i64, 1);
                reads.retain(|read| !cut || read.at_s < i64::from(origin) * DAY_S);
                for read in reads.iter_mut().filter(|read| read.at_s >= i64::from(origin) * DAY_S) {
                    read.level = (read.level + shift) % 101;
                    read.pages = read.pages.map(|pages| pages + 1000 * shift);
                }
                device(id, "K", reads)
            })
            .collect()
    };
    let plain = ask(&fleet(0, false), origin).unwrap();
    assert_eq!(plain, ask(&fleet(37, false), origin).unwrap());
    assert_eq!(plain, ask(&fleet(0, true), origin).unwrap());
}

#[test]
fn the_same_input_gives_the_same_bits() {
    let devices: Vec<Device> = (0..4).map(|i| device(&format!("d{i}"), "K", steady(150, 40 + 17 * i, 10))).collect();
    let one = ask(&devices, BEGIN + 150).unwrap();
    let other = ask(&devices, BEGIN + 150).unwrap();
    assert_eq!(
        [one.p10.to_bits(), one.p50.to_bits(), one.p90.to_bits()],
        [other.p10.to_bits(), other.p50.to_bits(), other.p90.to_bits()]
    );
}

#[test]
fn hostile_series_never_panic_and_never_give_absurd_days() {
    let constants = constants();
    let mut dice = Dice(7);
    let extremes = [0, 1, -1, -2, -3, 100, 101, 255, i64::MAX, i64::MIN, i64::from(i32::MAX), -1_000_000];
    for round in 0..400_u64 {
        let count = dice.below(120);
        let mut pages: i64 = 500;
        let reads: Vec<Read> = (0..count)
            .map(|i| {
                let wild = dice.below(10) < round % 10;
                pages = pages.saturating_add(dice.below(400) as i64);
                let pick = |dice: &mut Dice| extremes[dice.below(extremes.len() as u64) as usize];
                let at_s = if wild && dice.below(8) == 0 {
                    pick(&mut dice)
                } else {
                    (i64::from(BEGIN) + i as i64) * DAY_S + dice.below(86_400) as i64
                };
                Read {
                    at_s,
                    level: if wild { pick(&mut dice) } else { 100 - (i as i64 * 3) % 101 },
                    max: if wild && dice.below(3) == 0 { pick(&mut dice) } else { 100 },
                    pages: if wild && dice.below(2) == 0 {
                        Some(pick(&mut dice))
                    } else if dice.below(9) == 0 {
                        None
                    } else {
                        Some(pages)
                    },
                    pages_color: if dice.below(2) == 0 { None } else { Some(pages / 2) },
                    serial: 0,
                }
            })
            .collect();
        let mut devices = vec![
            device("a", ["K", "C", "drum", "waste"][dice.below(4) as usize], reads),
            device("b", "K", steady(60, 50, 10)),
        ];
        if dice.below(2) == 0 {
            devices[0].supplies[0] = Supply { reads: devices[0].supplies[0].reads.clone(), ..Supply::named("C") };
        }
        let origin = BEGIN + dice.below(150) as Day;
        let tables = FleetTables::learn(&devices, &Facts::default(), &constants, origin);
        for (_, answer) in supply::forecast_device(&devices[0], &tables, &constants, origin) {
            match answer {
                Ok(f) => {
                    assert!(f.p10.is_finite() && f.p90.is_finite() && f.expected_error.is_finite(), "{f:?}");
                    assert!(
                        0.0 <= f.p10
                            && f.p10 <= f.p50
                            && f.p50 <= f.p90
                            && f.p90 <= crate::forecast::depletion::DAYS_MAX,
                        "{f:?}"
                    );
                }
                Err(error) => assert!(!error.why.is_empty()),
            }
        }
    }
}

#[test]
fn a_lone_false_zero_is_no_swap() {
    let mut reads = steady(120, 60, 1);
    let clean = ask(&[device("a", "K", reads.clone())], BEGIN + 110).unwrap();
    reads[100].level = 0;
    reads[80].level = -2;
    let dirty = ask(&[device("a", "K", reads)], BEGIN + 110).unwrap();
    assert!((clean.p50 - dirty.p50).abs() < 1.0, "{clean:?} {dirty:?}");
}

#[test]
fn a_counter_reset_is_no_print_job() {
    let mut reads = steady(150, 60, 1);
    let clean = ask(&[device("a", "K", reads.clone())], BEGIN + 150).unwrap();
    reads.iter_mut().skip(90).for_each(|read| read.pages = read.pages.map(|pages| pages - 4000));
    let dirty = ask(&[device("a", "K", reads)], BEGIN + 150).unwrap();
    assert!((clean.p50 - dirty.p50).abs() < 2.5, "{clean:?} {dirty:?}");
}

#[test]
fn the_score_counts_a_missing_forecast_as_120_days() {
    let truth = vec![crate::forecast::data::Truth {
        device: "a".into(),
        supply: "K".into(),
        origin: "2025-10-08".into(),
        cartridge: "1".into(),
        remaining_days: 14.0,
    }];
    let rows = crate::forecast::score::join(&truth, &std::collections::BTreeMap::new());
    assert_eq!(crate::forecast::score::score(&rows.iter().collect::<Vec<_>>()).get("mae_at_14"), 106.0);
}
