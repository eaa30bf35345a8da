//! What is measured from parts, against the same measured from every reading, over fleets in which everything odd happens.

use std::collections::BTreeMap;

use schemas::meter::CANONICAL;

use super::*;
use crate::billing::contract::PreviousClosing;
use crate::billing::invoice::{closing_key, measure, measure_parts};
use crate::billing::{Contract, Period};
use crate::command::bill::{by_meter, with_origins};
use crate::config::ClickHouseConfig;
use crate::evidence::Aliases;
use crate::read::Store;
use crate::read::facts::{NOT_READ, SteadyDay, SteadyExtra};
use crate::statement::ReadsUsed;
use crate::usage::Flags;

const D: &str = "hp:A";
/// 20 January 2026, 00:00 UTC.
const BEGINNING_DAY: i64 = 1_768_867_200;
const DAYS: i64 = 75;
const PAGES_MAX: i64 = 2_000;
const CONTRACT: &str = "currency = \"EUR\"\ntimezone = \"Europe/Berlin\"\n[settings]\nmax_pages_per_day = 2000\nmax_read_age_hours = 40
    [settings.modulus]\ntotal = 50000
    [[charges]]\nid = \"mono\"\nmeters = { total = 1, color = -1 }\nprice = \"0.01\"
    [[charges]]\nid = \"staples\"\nmeters = { \"vendor.staples\" = 1 }\nprice = \"0.01\"\n[[devices]]\ndevice = \"hp:A\"\n";

/// A sequence of numbers that looks like chance and is always the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[usize::try_from(self.below(i64::try_from(some.len()).unwrap())).unwrap()]
    }

    fn one_in(&mut self, many: i64) -> bool {
        self.below(many) == 0
    }
}

/// All polls of one device: idle, usual or a press, whose counters grow by more than is plausible from one day to another
/// but by no more than that from one poll to the next.
fn polls(chance: &mut Chance) -> Vec<PollMeters> {
    let a_day = *chance.of(&[1, 2, 4, 6]);
    let pages = *chance.of(&[6, 1_800, 1_800, 1_900 * a_day]);
    let rare = chance.of(&[60, 150, 400]) * a_day / 4;
    let (reads_color, reads_staples) = (chance.one_in(2), chance.one_in(3));
    let staples_once_a_day = chance.one_in(2).then(|| chance.below(a_day));
    let (mut total, mut color) = (chance.below(49_000), chance.below(5_000));
    let mut polls: Vec<PollMeters> = Vec::new();
    let mut offline_until = 0;
    for slot in 0..DAYS * a_day {
        total += if chance.one_in(300) { chance.below(9_000) } else { chance.below(pages) / a_day };
        color += chance.below(20);
        if slot < offline_until {
            continue;
        }
        let mut shown = None;
        if chance.one_in(rare) {
            match chance.below(10) {
                0 => total = chance.below(30),
                1 => shown = Some(0),
                2 => shown = Some(total + 70_000),
                3 => total -= chance.below(90),
                4 => total += 300_000,
                5 => total = chance.below(40_000),
                6 => color = 0,
                7 => offline_until = slot + chance.below(12 * a_day),
                8 => total = (total + 49_990) % 50_000,
                _ => shown = Some(-1),
            }
        }
        let shown = shown.unwrap_or(total);
        let ts = BEGINNING_DAY + slot * DAY_SECS / a_day + chance.below(900);
        let mut canonical = vec![None; CANONICAL.len()];
        canonical[0] = (!chance.one_in(rare * 4)).then_some(shown);
        let at = CANONICAL.iter().position(|meter| *meter == "color").unwrap();
        canonical[at] = (reads_color && !chance.one_in(rare * 4)).then_some(color);
        let staples = reads_staples && staples_once_a_day.map_or(!chance.one_in(30), |at| slot % a_day == at);
        let poll = PollMeters {
            device: D.into(),
            ts: stored(ts),
            cn: "acme.one".into(),
            received: stored(ts + if chance.one_in(rare * 6) { -900 } else { 20 }),
            epoch: 7,
            seq: u64::try_from(slot).unwrap(),
            payload: format!("{slot:032x}"),
            plan: String::new(),
            canonical,
            extra: if staples { vec![("vendor.staples".into(), color / 3)] } else { Vec::new() },
        };
        if chance.one_in(rare * 3) {
            let mut other = PollMeters { cn: "acme.two".into(), received: poll.received + 5, ..poll.clone() };
            other.canonical[0] = other.canonical[0].map(|value| value + chance.below(2));
            polls.push(other);
        }
        polls.push(poll);
    }
    polls
}

fn stored(second: i64) -> u32 {
    u32::try_from(second).unwrap()
}

/// What the store answers about one UTC day (steady_day.sql, unordered_day.sql, steady_extras.sql).
fn of_day(polls: &[&PollMeters]) -> (SteadyDay, Vec<SteadyExtra>) {
    let grows = |values: &[(u32, i64)]| {
        let steps = values.windows(2).all(|pair| {
            let step = pair[1].1 - pair[0].1;
            if pair[0].0 == pair[1].0 { step == 0 } else { (0..=PAGES_MAX).contains(&step) }
        });
        steps && values.iter().all(|(_, value)| *value >= 0)
    };
    let mut sorted = polls.to_vec();
    sorted.sort_by_key(|poll| poll.ts);
    let (mut steady, mut first, mut last) = (true, Vec::new(), Vec::new());
    for at in 0..CANONICAL.len() {
        let values: Vec<(u32, i64)> = sorted.iter().filter_map(|poll| Some((poll.ts, poll.canonical[at]?))).collect();
        steady &= grows(&values);
        first.push(values.first().map_or(NOT_READ, |(_, value)| *value));
        last.push(values.last().map_or(NOT_READ, |(_, value)| *value));
    }
    steady &= sorted.iter().all(|poll| poll.ts <= poll.received + 300);
    let staples: Vec<(u32, i64)> =
        sorted.iter().filter_map(|poll| poll.extra.first().map(|(_, value)| (poll.ts, *value))).collect();
    let extras = staples.first().zip(staples.last()).map(|(first, last)| SteadyExtra {
        device: D.into(),
        meter: "vendor.staples".into(),
        steady: u8::from(grows(&staples)),
        first: first.1,
        last: last.1,
    });
    let instants: BTreeSet<u32> = sorted.iter().map(|poll| poll.ts).collect();
    let day = SteadyDay {
        device: D.into(),
        steady: u8::from(steady),
        extras: u8::from(!staples.is_empty()),
        instants: u32::try_from(instants.len()).unwrap(),
        first_ts: *instants.first().unwrap(),
        last_ts: *instants.last().unwrap(),
        first,
        last,
    };
    (day, extras.into_iter().collect())
}

/// As the store would be asked: days, then the polls around both ends and of the doubtful days.
fn facts(run: &Run<'_>, polls: &[PollMeters]) -> Facts {
    let mut tracks = Tracks::of(CANONICAL.to_vec(), PAGES_MAX);
    let mut days: BTreeMap<i64, Vec<&PollMeters>> = BTreeMap::new();
    polls.iter().for_each(|poll| days.entry(floor_day(i64::from(poll.ts))).or_default().push(poll));
    for (day, polls) in &days {
        let (of_day, extras) = of_day(polls);
        tracks.add_day(*day, vec![of_day], extras);
    }
    let around = |boundary: i64| {
        let (before, after): (Vec<&PollMeters>, Vec<&PollMeters>) =
            polls.iter().partition(|poll| i64::from(poll.ts) <= boundary);
        let last = before.iter().map(|poll| poll.ts).max().filter(|ts| boundary - i64::from(*ts) <= 40 * 3_600);
        let first = after.iter().map(|poll| poll.ts).min().filter(|ts| i64::from(*ts) - boundary <= 3 * DAY_SECS);
        let of = |polls: Vec<&PollMeters>, ts| polls.into_iter().filter(|poll| Some(poll.ts) == ts).cloned().collect();
        HashMap::from([(D.to_owned(), Around { before: of(before, last), after: of(after, first) })])
    };
    let since = run.since(D);
    let candidate = Candidate { since: since.unwrap_or(BEGINNING), begins: since.unwrap_or(BEGINNING_DAY) };
    let doubtful = tracks.get(D).map(|track| doubtful_days(track, candidate.since)).unwrap_or_default();
    let doubtful = polls.iter().filter(|poll| doubtful.contains(&floor_day(i64::from(poll.ts)))).cloned().collect();
    Facts {
        candidates: BTreeMap::from([(D.to_owned(), candidate)]),
        tracks,
        opening: around(run.terms.window.from),
        closing: around(run.terms.window.to),
        doubtful: HashMap::from([(D.to_owned(), doubtful)]),
    }
}

type Measured = (Vec<ReadsUsed>, Flags);

/// One month measured from every reading, and from parts where these settle it.
fn both_ways(polls: &[PollMeters], month: &str, previous: &Previous) -> (Measured, Option<Measured>, bool) {
    let contract: Contract = toml::from_str(CONTRACT).unwrap();
    let terms = Terms::of(&contract, Period::month(month).unwrap(), &BTreeSet::from(["vendor.staples"])).unwrap();
    let store = Store::new(&ClickHouseConfig::default()).tenant("acme").unwrap();
    let fleet = Fleet { rows: Vec::new(), aliases: Aliases::default() };
    let exchanges = Exchanges::default();
    let as_of = Instant(terms.window.to + 4 * DAY_SECS);
    let polls: Vec<PollMeters> = polls.iter().filter(|poll| i64::from(poll.received) <= as_of.0).cloned().collect();
    let run = Run { store: &store, terms: &terms, fleet: &fleet, exchanges: &exchanges, previous, as_of };
    let device = terms.devices[0];

    let (mut every, mut flags) = (DevicePolls::default(), Flags::default());
    polls.iter().for_each(|poll| every.push(poll));
    let reads = by_meter(&run, device, &every, &mut flags).unwrap();
    let meters = measure(&terms, device, &reads, &exchanges, previous, &mut flags).unwrap();
    let whole = (with_origins(&run, &meters, &every), flags);

    let mut facts = facts(&run, &polls);
    let doubtful = facts.doubtful.values().any(|polls| !polls.is_empty());
    let from_parts = facts.take(&terms, D).and_then(|parts| {
        let mut flags = Flags::default();
        let reads = by_meter(&run, device, &parts.polls, &mut flags).unwrap();
        let meters = measure_parts(&terms, device, &reads, &parts.known, previous, &mut flags).unwrap()?;
        Some((with_origins(&run, &meters, &parts.polls), flags))
    });
    (whole, from_parts, doubtful)
}

#[test]
fn what_parts_settle_is_what_every_reading_says_also_going_on_from_an_invoice() {
    let (mut settled, mut settled_with_doubts, mut with_doubts) = (0, 0, 0);
    for seed in 0..3_000 {
        let polls = polls(&mut Chance(seed));
        let mut previous = Previous::default();
        for month in ["2026-02", "2026-03"] {
            let (whole, parts, doubtful) = both_ways(&polls, month, &previous);
            with_doubts += u32::from(doubtful);
            if let Some(parts) = parts {
                assert_eq!(parts, whole, "seed {seed}, {month}");
                settled += 1;
                settled_with_doubts += u32::from(doubtful);
            }
            for used in whole.0 {
                if let Some(closing) = used.closing {
                    let left = PreviousClosing { u: closing.value, anchor: used.anchor };
                    previous.closing.insert(closing_key(&used.device, &used.meter), left);
                }
            }
        }
    }
    assert!(
        settled > 4_000 && settled_with_doubts > 3_000,
        "{settled}, {settled_with_doubts} of {with_doubts} doubtful"
    );
}
