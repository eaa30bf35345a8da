use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use schemas::limits::{BATCH_CLOSE_BYTES, PAYLOAD_BYTES_MAX};
use schemas::wire::{
    Alert, Body, Drop, Info, Outcome, PlanItem, Poll, Record, Supply, clock, decode_body, decode_header,
};

use super::layout::decode_records;
use super::*;
use crate::limits::SPOOL_BYTES_LEAST;
use crate::taken::Polled;
use crate::time::Boot;

const Y2026: i64 = 1_767_225_600_000;
const LINGER_MS: u64 = 60_000;

fn at(steady_ms: u64) -> Moment {
    Moment { boot: Boot(1), steady_ms, wall_ms: Y2026 + i64::try_from(steady_ms).unwrap() }
}

fn settings(place: Place) -> Settings {
    Settings {
        cn: "acme.one".parse().unwrap(),
        origin: Origin { site: "hq".into(), zone: "Etc/UTC".into(), tzdb: "test".into() },
        withhold: Withhold::default(),
        place,
        bytes_max: SPOOL_BYTES_LEAST,
        disk_free_min: 0,
        linger_ms: LINGER_MS,
        cautious: false,
    }
}

fn on_disk(dir: &Path) -> Spool {
    open_at(dir, at(0))
}

fn open_at(dir: &Path, now: Moment) -> Spool {
    Spool::open(settings(Place::Disk(dir.to_owned())), now, rand::random()).unwrap()
}

fn in_memory() -> Spool {
    Spool::open(settings(Place::Memory(None)), at(0), 7).unwrap()
}

fn learn(spool: &mut Spool) {
    assert_eq!(spool.heard(at(0), at(0), Y2026).unwrap(), Heard::Learned);
}

/// A poll of device `n` whose values do not compress well.
fn polled(n: u64, steady_ms: u64) -> Given {
    let noise = |salt: u64| PayloadId::of(&(n * 1_000_003 + steady_ms + salt).to_be_bytes()).to_string();
    let polled = Polled {
        device: Device {
            enterprise: Some(1347),
            serial: format!("SECRET{n:06}"),
            mac: "00:17:c8:11:22:33".into(),
            ..Device::default()
        },
        poll: Poll {
            counters: [("total".to_owned(), i64::try_from(n * 100 + steady_ms).unwrap())].into(),
            supplies: (0..4)
                .map(|salt| Supply { index: format!("1.{salt}"), description: noise(salt), ..Supply::default() })
                .collect(),
            plan: vec![9; 16],
            info: Some(Box::new(Info {
                address: Some("192.0.2.7".into()),
                host_name: Some("printer".into()),
                ..Info::default()
            })),
            ..Poll::default()
        },
        plan: vec![PlanItem { name: "total".into(), oid: "1.3.6".into(), ..PlanItem::default() }],
        ..Polled::default()
    };
    Given::Polled(at(steady_ms), Box::new(polled))
}

fn bodies(spool: &mut Spool) -> Vec<Body> {
    let seqs: Vec<u64> = spool.books().held().keys().copied().collect();
    seqs.into_iter()
        .map(|seq| {
            let (_, bytes) = spool.payload(at(0), seq).unwrap().unwrap();
            decode_body(&decode_header(&bytes).unwrap()).unwrap()
        })
        .collect()
}

fn records(spool: &mut Spool) -> Vec<Record> {
    bodies(spool).into_iter().flat_map(|body| body.records).collect()
}

fn settle_all(spool: &mut Spool) {
    let ids: Vec<PayloadId> = spool.books().held().values().map(|held| held.id).collect();
    spool.settle(&ids).unwrap();
}

// --- invariants, by the names that they have in the books of the protocol

/// Every seq given is held, settled (in `settled`) or covered by a drop record, and exactly 1..=taken were given.
fn the_books_close(spool: &mut Spool, settled: &BTreeSet<u64>, drops: &[Drop]) {
    let (epoch, taken) = (spool.books().epoch(), spool.books().taken());
    let held: BTreeSet<u64> = spool.books().held().keys().copied().collect();
    for seq in 1..=taken {
        let dropped = drops.iter().filter(|drop| drop.epoch == epoch && (drop.from..=drop.to).contains(&seq)).count();
        let places = usize::from(held.contains(&seq)) + usize::from(settled.contains(&seq)) + dropped;
        assert_eq!(places, 1, "seq {seq} of {taken} is in {places} places");
    }
    assert!(held.iter().all(|seq| *seq <= taken) && spool.books().oldest() <= taken + 1);
}

/// All drop records that the spool holds, frozen or not.
fn drops(spool: &mut Spool) -> Vec<Drop> {
    let mut drops: Vec<Drop> = records(spool).into_iter().filter_map(|record| record.drop.map(|drop| *drop)).collect();
    let keys: Vec<u64> = spool.books().pending().iter().map(|pending| pending.key).collect();
    for key in keys {
        let value = spool.store.read(Name::Pending(key)).unwrap().unwrap();
        let (taken, _) = decode_records(&value).unwrap();
        drops.extend(taken.into_iter().filter_map(|taken| taken.record.drop.map(|drop| *drop)));
    }
    drops
}

#[test]
fn spools_that_are_lost_one_after_the_other_are_all_named() {
    let again = |epoch, before| {
        Spool::restore(settings(Place::Memory(None)), MemoryStore::default(), epoch, at(0), before).unwrap()
    };
    let mut first = again(7, Counters::default());
    learn(&mut first);
    first.take(at(0), [polled(1, 0)]).unwrap();
    first.close(at(0), Close::All).unwrap();
    let second = again(8, first.counters().clone());
    let mut third = again(9, second.counters().clone());
    let named: Vec<(u64, u64, u64)> = drops(&mut third).iter().map(|drop| (drop.epoch, drop.from, drop.to)).collect();
    assert_eq!(named, [(7, 1, 1)], "the second had given nothing, and its own drop was lost with it");
}

/// A spool of epoch 7 that has just frozen the drop record about its first payloads, which the cap took. Returns its seq.
fn squeezed() -> (Spool, u64) {
    let mut spool =
        Spool::restore(settings(Place::Memory(None)), MemoryStore::default(), 7, at(0), Counters::default()).unwrap();
    learn(&mut spool);
    for n in 0..5 {
        if n == 4 {
            spool.settings.bytes_max = spool.books().bytes();
        }
        spool.take(at(n), [polled(n, n)]).unwrap();
        spool.close(at(n), Close::All).unwrap();
    }
    assert!(spool.books().oldest() > 1 && spool.books().state().dropped > 0, "the cap took something");
    let carrier = spool.books().taken();
    (spool, carrier)
}

#[test]
fn what_the_cap_took_is_named_again_if_the_spool_is_lost_before_its_drop_record_is_settled() {
    let (mut spool, carrier) = squeezed();
    let named_after = |spool: &Spool| {
        let before = spool.counters().clone();
        let mut next = Spool::restore(settings(Place::Memory(None)), MemoryStore::default(), 8, at(0), before).unwrap();
        drops(&mut next).iter().map(|drop| (drop.epoch, drop.from, drop.to)).collect::<Vec<_>>()
    };
    assert_eq!(named_after(&spool), [(7, 1, carrier)]);
    assert_eq!(spool.books().state().oldest, 1, "the agent does not state either that all below is accounted for");
    let oldest = spool.books().oldest();
    spool.settle(&[spool.books().held()[&carrier].id]).unwrap();
    spool.save_counters();
    assert_eq!(named_after(&spool), [(7, oldest, carrier)]);
    assert_eq!(spool.books().state().oldest, oldest);
}

#[test]
fn what_a_damaged_payload_had_named_is_named_again() {
    let (mut spool, carrier) = squeezed();
    spool.store.commit(vec![(Name::Frozen(carrier).key(), Some(b"spoilt".to_vec()))]).unwrap();
    assert!(spool.payload(at(9), carrier).unwrap().is_none());
    let drops = drops(&mut spool);
    the_books_close(&mut spool, &BTreeSet::new(), &drops);
    assert_eq!(spool.books().state().oldest, 1);
}

#[test]
fn what_records_named_that_are_found_damaged_when_the_spool_is_opened_is_named_again() {
    for frozen in [true, false] {
        let (mut spool, carrier) = squeezed();
        let key = if frozen {
            Name::Frozen(carrier).key()
        } else {
            let kept = drops(&mut spool);
            let mut writes = Vec::new();
            spool.books.add_drop(at(9), Drop { epoch: 7, from: 1, to: 1, ..kept[0].clone() }, &mut writes);
            spool.store.commit(writes).unwrap();
            spool.settle(&[spool.books().held()[&carrier].id]).unwrap();
            Name::Pending(spool.books().pending().back().unwrap().key).key()
        };
        spool.store.commit(vec![(key, Some(b"spoilt".to_vec()))]).unwrap();
        let image = spool.image().unwrap().clone();
        let before = spool.counters().clone();
        let mut next = Spool::restore(settings(Place::Memory(None)), image, 7, at(0), before).unwrap();
        let drops = drops(&mut next);
        let named = |seq| drops.iter().any(|drop| drop.epoch == 7 && (drop.from..=drop.to).contains(&seq));
        assert!(named(1), "frozen {frozen}: {drops:?}");
        assert_eq!(next.books().state().oldest, 1);
    }
}

#[test]
fn a_new_epoch_states_nothing_as_accounted_for_before_it_has_said_what_became_of_the_one_before() {
    let (mut spool, _) = squeezed();
    let before = spool.counters().clone();
    spool = Spool::restore(settings(Place::Memory(None)), MemoryStore::default(), 8, at(0), before).unwrap();
    learn(&mut spool);
    for n in 0..2 {
        spool.take(at(n), [polled(n, n)]).unwrap();
        spool.close(at(n), Close::All).unwrap();
    }
    let id = |spool: &Spool, seq| spool.books().held()[&seq].id;
    spool.settle(&[id(&spool, 2)]).unwrap();
    assert_eq!(spool.books().state().oldest, 1, "the drop record is in the first payload");
    spool.settle(&[id(&spool, 1)]).unwrap();
    assert_eq!(spool.books().state().oldest, 3);
}

// --- the way of a record

#[test]
fn a_poll_waits_unfrozen_until_the_time_is_learned_and_gets_the_right_stamp_then() {
    let mut spool = in_memory();
    let read = Moment { wall_ms: 0, ..at(5_000) };
    let Given::Polled(_, poll) = polled(1, 5_000) else { unreachable!() };
    spool.take(read, [Given::Polled(read, poll)]).unwrap();
    assert_eq!(spool.close(at(200_000), Close::All).unwrap(), 0);
    learn(&mut spool);
    assert_eq!(spool.close(at(200_000), Close::Due).unwrap(), 1, "it lingered long enough");
    let body = &bodies(&mut spool)[0];
    assert_eq!((body.site.as_str(), body.devices[0].serial.as_str()), ("hq", "SECRET000001"));
    let poll = body.records.iter().find_map(|record| record.poll.as_deref()).unwrap();
    assert_eq!((poll.ts, poll.clock), (Y2026 / 1_000 + 5, clock::SURE));
}

#[test]
fn a_batch_closes_after_its_linger_and_not_before() {
    let mut spool = in_memory();
    learn(&mut spool);
    spool.take(at(1_000), [polled(1, 1_000)]).unwrap();
    assert_eq!(spool.summary(at(1_000)).close_at_ms, Some(1_000 + LINGER_MS));
    assert_eq!(spool.close(at(1_000 + LINGER_MS - 1), Close::Due).unwrap(), 0);
    assert_eq!(spool.close(at(1_000 + LINGER_MS), Close::Due).unwrap(), 1);
}

#[test]
fn batches_close_near_their_size_and_no_payload_exceeds_the_limit() {
    let mut spool = in_memory();
    learn(&mut spool);
    for n in 0..2_000 {
        spool.take(at(n), [polled(n, n)]).unwrap();
        spool.close(at(n), Close::Due).unwrap();
    }
    let sizes: Vec<u64> = spool.books().held().values().map(|held| held.bytes).collect();
    let close = u64::try_from(BATCH_CLOSE_BYTES).unwrap();
    assert!(sizes.len() > 5, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= u64::try_from(PAYLOAD_BYTES_MAX).unwrap()), "{sizes:?}");
    assert!(sizes.iter().all(|size| *size > close * 3 / 4 && *size < close * 5 / 4), "{sizes:?}");
    let polls = records(&mut spool).iter().filter(|record| record.poll.is_some()).count();
    let unfrozen = spool.summary(at(0)).unfrozen_polls;
    assert_eq!(u64::try_from(polls).unwrap() + unfrozen, 2_000);
}

#[test]
fn a_changed_alert_is_urgent_and_the_same_alert_is_not() {
    let mut spool = in_memory();
    let alerting = |code: Option<i32>, steady_ms| {
        let Given::Polled(at, mut polled) = polled(1, steady_ms) else { unreachable!() };
        polled.poll.alerts = code.map(|code| Alert { code: Some(code), ..Alert::default() }).into_iter().collect();
        Given::Polled(at, polled)
    };
    let mut take = |given| spool.take(at(0), [given]).unwrap();
    assert!(!take(alerting(None, 1)), "the first poll has nothing to compare with");
    assert!(take(alerting(Some(8), 2)));
    assert!(!take(alerting(Some(8), 3)));
    assert!(take(alerting(None, 4)));
    let silent = Polled { poll: Poll { outcome: Outcome::NoAnswer as u8, ..Poll::default() }, ..Polled::default() };
    assert!(!take(Given::Polled(at(5), Box::new(silent))));
}

#[test]
fn a_changed_alert_closes_the_batch_soon_and_takes_the_rest_of_the_burst_along() {
    let mut spool = in_memory();
    learn(&mut spool);
    for (n, steady_ms) in [(1, 1_000), (1, 2_000), (2, 2_500)] {
        let Given::Polled(moment, mut polled) = polled(n, steady_ms) else { unreachable!() };
        polled.poll.alerts = vec![Alert { code: Some(i32::try_from(steady_ms).unwrap()), ..Alert::default() }];
        spool.take(moment, [Given::Polled(moment, polled)]).unwrap();
    }
    assert_eq!(spool.summary(at(2_500)).close_at_ms, Some(4_000));
    assert_eq!(spool.close(at(3_999), Close::Due).unwrap(), 0);
    assert_eq!(spool.close(at(4_000), Close::Due).unwrap(), 1);
    assert_eq!(spool.summary(at(4_000)).unfrozen_polls, 0);
    spool.take(at(5_000), [polled(3, 5_000)]).unwrap();
    assert_eq!(spool.close(at(8_000), Close::Due).unwrap(), 0, "the alert is over");
}

#[test]
fn a_plan_is_sent_when_it_is_new_and_again_after_thirty_days() {
    let mut spool = in_memory();
    learn(&mut spool);
    let day = 86_400_000;
    for steady in [0, day, 29 * day, 30 * day, 31 * day] {
        spool.take(at(steady), [polled(1, steady)]).unwrap();
    }
    spool.close(at(31 * day), Close::All).unwrap();
    let plans: Vec<i64> = records(&mut spool).into_iter().filter_map(|record| Some(record.plan?.ts)).collect();
    assert_eq!(plans, [Y2026 / 1_000, Y2026 / 1_000 + 30 * 86_400]);
}

#[test]
fn what_a_site_withholds_is_gone_before_it_is_stored() {
    let mut wanted = settings(Place::Memory(None));
    wanted.withhold = Withhold { address: true, mac: true, host_name: true, ..Withhold::default() };
    let mut spool = Spool::open(wanted, at(0), 7).unwrap();
    let Given::Polled(moment, mut polled) = polled(1, 0) else { unreachable!() };
    let fields = [("from", "192.0.2.1"), ("to", "192.0.2.7"), ("adapter", "00:17:c8:11:22:33"), ("model", "x")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    polled.events.push(("device-moved".to_owned(), fields));
    spool.take(moment, [Given::Polled(moment, polled)]).unwrap();
    for (_, value) in spool.image().unwrap().iter() {
        let text = decode_records(value).map(|(records, _)| format!("{records:?}")).unwrap_or_default();
        for secret in ["192.0.2", "00:17", "printer"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn a_poll_too_large_for_a_payload_is_trimmed_and_said_so() {
    let mut spool = in_memory();
    learn(&mut spool);
    let noise =
        |n: usize| (0..30).map(|part| PayloadId::of(&(n * 100 + part).to_be_bytes()).to_string()).collect::<String>();
    let Given::Polled(moment, mut huge) = polled(1, 0) else { unreachable!() };
    huge.poll.supplies =
        (0..120).map(|n| Supply { index: n.to_string(), description: noise(n), ..Supply::default() }).collect();
    spool.take(moment, [polled(2, 0), Given::Polled(moment, huge), polled(3, 0)]).unwrap();
    assert!(spool.close(at(0), Close::All).unwrap() >= 2);
    spool.close(at(0), Close::All).unwrap();
    let records = records(&mut spool);
    assert_eq!(records.iter().filter(|record| record.poll.is_some()).count(), 3);
    assert!(records.iter().any(|record| record.event.as_ref().is_some_and(|event| event.kind == "record-too-large")));
}

// --- the disk

#[test]
fn a_reopened_spool_goes_on_with_the_next_seq_and_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = on_disk(dir.path());
    learn(&mut spool);
    let epoch = spool.books().epoch();
    let mut seen = Vec::new();
    for round in 0..4_u64 {
        for n in 0..3 {
            spool.take(at(round), [polled(n, round * 10_000)]).unwrap();
        }
        spool.close(at(round), Close::All).unwrap();
        spool.take(at(round), [polled(9, round * 10_000 + 5)]).unwrap();
        seen.push(spool.payload(at(0), round + 1).unwrap().unwrap());
        drop(spool);
        spool = on_disk(dir.path());
        assert!(spool.stamper().learned(), "a restarted process of the same boot knows the time");
        assert_eq!((spool.books().epoch(), spool.books().taken()), (epoch, round + 1));
        assert_eq!(spool.summary(at(0)).unfrozen_polls, 1);
        for (seq, payload) in (1..).zip(&seen) {
            assert_eq!(spool.payload(at(0), seq).unwrap().as_ref(), Some(payload));
        }
    }
    the_books_close(&mut spool, &BTreeSet::new(), &[]);
}

#[test]
fn nothing_is_freed_before_it_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = on_disk(dir.path());
    learn(&mut spool);
    for n in 0..3 {
        spool.take(at(n), [polled(n, n)]).unwrap();
        spool.close(at(n), Close::All).unwrap();
    }
    let stranger = PayloadId::of(b"something else");
    assert!(spool.settle(&[stranger]).unwrap().0.is_empty());
    let second = spool.books().held()[&2].id;
    assert_eq!(spool.settle(&[second, second, stranger]).unwrap().0, [2]);
    drop(spool);
    let spool = on_disk(dir.path());
    assert_eq!(spool.books().held().keys().copied().collect::<Vec<_>>(), [1, 3]);
    assert_eq!((spool.books().taken(), spool.books().oldest()), (3, 1));
}

#[test]
fn the_moment_of_a_devices_last_poll_and_the_inventory_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = on_disk(dir.path());
    spool.take(at(4_000), [polled(1, 4_000)]).unwrap();
    spool.set_inventory(vec![(5, Some(b"device".to_vec())), (6, Some(b"gone".to_vec())), (6, None)]).unwrap();
    drop(spool);
    let mut spool = on_disk(dir.path());
    let Given::Polled(_, poll) = polled(1, 0) else { unreachable!() };
    assert_eq!(spool.polled(&poll.device), Some(at(4_000)));
    assert_eq!(spool.take_inventory(), [b"device".to_vec()]);
}

#[test]
fn no_file_shows_a_serial_number_and_the_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut spool = on_disk(dir.path());
    learn(&mut spool);
    for n in 0..50 {
        spool.take(at(n), [polled(n, n)]).unwrap();
    }
    spool.close(at(0), Close::All).unwrap();
    spool.take(at(0), [polled(99, 99)]).unwrap();
    drop(spool);
    let files = files_below(dir.path());
    assert!(files.iter().any(|(path, _)| path.ends_with("db")), "{files:?}");
    for (path, bytes) in &files {
        for secret in [b"SECRET0".as_slice(), b"192.0.2", b"acme.one", b"printer"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{path} shows {secret:?}");
        }
    }
    let key = fs::metadata(dir.path().join("spool.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

fn files_below(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files
}

#[test]
fn a_second_process_is_told_that_the_spool_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let _first = on_disk(dir.path());
    let second = Spool::open(settings(Place::Disk(dir.path().to_owned())), at(0), 1);
    assert!(matches!(second, Err(SpoolError::Store(StoreError::Locked { .. }))), "{second:?}");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    drop(on_disk(dir.path()));
    fs::set_permissions(dir.path().join("spool.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let opened = Spool::open(settings(Place::Disk(dir.path().to_owned())), at(0), 1);
    assert!(opened.unwrap_err().to_string().contains("chmod 600"));
}

#[test]
fn below_the_floor_of_free_disk_nothing_is_written_and_settling_still_frees() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = on_disk(dir.path());
    learn(&mut spool);
    spool.take(at(0), [polled(1, 0)]).unwrap();
    spool.close(at(0), Close::All).unwrap();
    spool.settings.disk_free_min = u64::MAX;
    assert!(matches!(spool.take(at(1), [polled(2, 1)]), Err(SpoolError::DiskFull { .. })));
    assert!(!spool.failed());
    settle_all(&mut spool);
    assert!(spool.books().held().is_empty());
}

#[test]
fn a_drained_spool_is_created_anew_and_keeps_its_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = on_disk(dir.path());
    learn(&mut spool);
    for n in 0..400 {
        spool.take(at(n), [polled(n, n)]).unwrap();
        spool.close(at(n), Close::Due).unwrap();
    }
    spool.close(at(0), Close::All).unwrap();
    spool.set_inventory(vec![(5, Some(b"device".to_vec()))]).unwrap();
    let (epoch, taken) = (spool.books().epoch(), spool.books().taken());
    assert!(!spool.shrink_above(0).unwrap(), "it holds something");
    settle_all(&mut spool);
    let before = disk::directory_bytes(&dir.path().join("spool"));
    assert!(spool.shrink_above(0).unwrap());
    spool.take(at(0), [polled(1, 0)]).unwrap();
    drop(spool);
    assert!(disk::directory_bytes(&dir.path().join("spool")) < before);
    let mut spool = on_disk(dir.path());
    assert_eq!((spool.books().epoch(), spool.books().taken()), (epoch, taken));
    assert!(spool.stamper().learned());
    assert_eq!(spool.take_inventory(), [b"device".to_vec()]);
    assert_eq!(spool.summary(at(0)).unfrozen_polls, 1);
}

#[test]
fn a_crash_amid_the_shrinking_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let epoch = {
        let mut spool = on_disk(dir.path());
        spool.take(at(0), [polled(1, 0)]).unwrap();
        spool.books().epoch()
    };
    fs::rename(dir.path().join("spool"), dir.path().join("spool.old")).unwrap();
    fs::create_dir(dir.path().join("spool.new")).unwrap();
    let spool = on_disk(dir.path());
    assert_eq!((spool.books().epoch(), spool.summary(at(0)).unfrozen_polls), (epoch, 1));
    assert!(!dir.path().join("spool.new").exists());
}

// --- damage

fn filled(dir: &Path) -> (u64, u64) {
    let mut spool = on_disk(dir);
    learn(&mut spool);
    for n in 0..100 {
        spool.take(at(n), [polled(n, n)]).unwrap();
        if n % 10 == 9 {
            spool.close(at(n), Close::All).unwrap();
        }
    }
    let first = spool.books().held()[&1].id;
    spool.settle(&[first]).unwrap();
    spool.save_counters();
    (spool.books().epoch(), spool.books().taken())
}

#[test]
fn damaged_snapshots_and_settings_of_sled_cost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, taken) = filled(dir.path());
    let spool_dir = dir.path().join("spool");
    fs::write(spool_dir.join("snap.0000000000000FFF"), b"not a snapshot").unwrap();
    fs::write(spool_dir.join("snap.0000000000000FFF.generating"), b"torn").unwrap();
    assert!(matches!(sled::open(&spool_dir), Err(sled::Error::Corruption { .. })), "sled alone does not open it");
    let mut spool = on_disk(dir.path());
    assert_eq!((spool.books().epoch(), spool.books().taken()), (epoch, taken));
    assert_eq!(spool.books().oldest(), 2);
    the_books_close(&mut spool, &BTreeSet::from([1]), &[]);
    drop(spool);
    for settings in [&b"not settings"[..], b""] {
        fs::write(spool_dir.join("conf"), settings).unwrap();
        let spool = on_disk(dir.path());
        assert_eq!((spool.books().epoch(), spool.books().taken()), (epoch, taken));
    }
}

/// Opens a spool whose files were spoilt and expects a new epoch that says what the old one had given.
fn is_lost_and_said(dir: &Path, epoch: u64, taken: u64) {
    let mut spool = on_disk(dir);
    assert_ne!(spool.books().epoch(), epoch);
    assert_eq!(spool.books().taken(), 0);
    learn(&mut spool);
    spool.state_books(at(0), Measures::default()).unwrap();
    spool.close(at(0), Close::All).unwrap();
    let records = records(&mut spool);
    let event = records.iter().find_map(|record| record.event.as_deref()).unwrap();
    assert_eq!((event.kind.as_str(), &event.fields["taken_at_least"]), ("spool-lost", &taken.to_string()));
    let drop = records.iter().find_map(|record| record.drop.as_deref()).unwrap();
    assert_eq!((drop.epoch, drop.from, drop.to, drop.cause.as_str()), (epoch, 2, taken, "lost-spool"));
    let prior = records.iter().find_map(|record| record.stats.as_deref()).unwrap().prior.clone();
    assert_eq!(prior, [schemas::wire::PriorEpoch { epoch, taken, oldest: 2 }]);
    the_books_close(&mut spool, &BTreeSet::new(), &[]);
}

/// Every seq that was ever given is accounted for: held, settled before, or dropped by name, in the same or a new epoch.
fn nothing_goes_unsaid(spool: &mut Spool, epoch: u64, taken: u64) {
    let drops = drops(spool);
    let same = spool.books().epoch() == epoch;
    assert!(!same || spool.books().taken() >= taken, "a seq would be given twice");
    for seq in 2..=taken {
        let held = same && spool.books().held().contains_key(&seq);
        let dropped = drops.iter().any(|drop| drop.epoch == epoch && (drop.from..=drop.to).contains(&seq));
        assert!(held || dropped, "seq {seq} of {taken} went unsaid: {drops:?}");
    }
}

#[test]
fn a_truncated_log_costs_what_was_in_it_and_says_so() {
    for sevenths in 0..7 {
        let dir = tempfile::tempdir().unwrap();
        let (epoch, taken) = filled(dir.path());
        let log = dir.path().join("spool/db");
        let bytes = fs::read(&log).unwrap();
        fs::write(&log, &bytes[..bytes.len() * sevenths / 7]).unwrap();
        let mut spool = on_disk(dir.path());
        nothing_goes_unsaid(&mut spool, epoch, taken);
        spool.take(at(0), [polled(1, 0)]).unwrap();
        learn(&mut spool);
        spool.close(at(0), Close::All).unwrap();
        let events: Vec<String> =
            records(&mut spool).into_iter().filter_map(|record| Some(record.event?.kind)).collect();
        assert!(events.iter().any(|kind| kind == "spool-lost" || kind == "spool-damaged"), "{sevenths}: {events:?}");
    }
}

#[test]
fn a_spool_without_its_key_is_lost_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, taken) = filled(dir.path());
    fs::remove_file(dir.path().join("spool.key")).unwrap();
    is_lost_and_said(dir.path(), epoch, taken);
}

#[test]
fn a_spool_that_was_deleted_is_lost_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, taken) = filled(dir.path());
    fs::remove_dir_all(dir.path().join("spool")).unwrap();
    is_lost_and_said(dir.path(), epoch, taken);
}

#[test]
fn a_spool_of_another_agent_is_set_aside_whole_and_never_sent_under_a_wrong_name() {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, taken) = filled(dir.path());
    let renamed = Settings { cn: "acme.two".parse().unwrap(), ..settings(Place::Disk(dir.path().to_owned())) };
    let mut spool = Spool::open(renamed, at(0), 8).unwrap();
    assert_ne!(spool.books().epoch(), epoch);
    learn(&mut spool);
    spool.state_books(at(0), Measures::default()).unwrap();
    spool.close(at(0), Close::All).unwrap();
    let records = records(&mut spool);
    let event = records.iter().find_map(|record| record.event.as_deref()).unwrap();
    assert_eq!((event.kind.as_str(), event.fields["why"].as_str()), ("spool-lost", "the spool belongs to acme.one"));
    assert!(records.iter().all(|record| record.drop.is_none()), "nothing is lost: the other agent delivers it");
    let stats = records.iter().find_map(|record| record.stats.as_deref()).unwrap();
    assert!(stats.prior.is_empty(), "the books of the other agent are its own: {:?}", stats.prior);
    drop(spool);

    // Put back, it is whole.
    let aside = PathBuf::from(&event.fields["moved_to"]);
    fs::remove_dir_all(dir.path().join("spool")).unwrap();
    fs::rename(&aside, dir.path().join("spool")).unwrap();
    fs::rename(format!("{}.counters", aside.display()), dir.path().join("spool.counters")).unwrap();
    let spool = on_disk(dir.path());
    assert_eq!((spool.books().epoch(), spool.books().taken()), (epoch, taken));
}

#[test]
fn random_damage_to_any_file_never_stops_the_agent_and_never_goes_unsaid() {
    for salt in 0..12_u8 {
        let dir = tempfile::tempdir().unwrap();
        let (epoch, taken) = filled(dir.path());
        let log = dir.path().join("spool/db");
        let mut bytes = fs::read(&log).unwrap();
        let hash = u64::from_be_bytes(PayloadId::of(&[salt]).0[..8].try_into().unwrap());
        let place = usize::try_from(hash).unwrap() % (bytes.len() / 4);
        bytes[place..place + 16].fill(0xa5 ^ salt);
        fs::write(&log, &bytes).unwrap();
        let mut spool = on_disk(dir.path());
        spool.take(at(0), [polled(1, 0)]).unwrap();
        nothing_goes_unsaid(&mut spool, epoch, taken);
    }
}

#[test]
fn one_damaged_value_is_dropped_by_name_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, taken) = filled(dir.path());
    {
        let db = sled::open(dir.path().join("spool")).unwrap();
        let value = db.get(Name::Frozen(4).key()).unwrap().unwrap();
        db.insert(Name::Frozen(5).key(), value).unwrap();
        db.flush().unwrap();
    }
    let mut spool = on_disk(dir.path());
    assert_eq!(spool.books().epoch(), epoch);
    let drops = drops(&mut spool);
    assert_eq!(
        drops.iter().map(|drop| (drop.from, drop.to, drop.cause.as_str())).collect::<Vec<_>>(),
        [(5, 5, "damaged")]
    );
    assert!(spool.books().held().len() + 2 == usize::try_from(taken).unwrap());
    the_books_close(&mut spool, &BTreeSet::from([1]), &drops);
}

// --- the cap

#[test]
fn at_the_cap_the_oldest_are_given_up_and_the_books_close() {
    let mut spool = in_memory();
    learn(&mut spool);
    spool.settings.bytes_max = 200_000;
    for n in 0..12_000_u64 {
        spool.take(at(n), [polled(n, n)]).unwrap();
        assert!(spool.books().bytes() <= 200_000);
        spool.close(at(n), Close::Due).unwrap();
    }
    let state = spool.books().state();
    let drops = drops(&mut spool);
    the_books_close(&mut spool, &BTreeSet::new(), &drops);
    assert!(state.dropped > 20, "{state:?}");
    assert_eq!(drops.iter().map(|drop| drop.to - drop.from + 1).sum::<u64>(), state.dropped);
    assert_eq!(drops.iter().map(|drop| drop.polls).sum::<u64>(), state.polls_dropped);
    let held: u64 = spool.books().held().values().map(|held| u64::from(held.polls)).sum();
    assert_eq!(state.polls_taken, held + state.polls_dropped);
}

#[test]
fn at_the_cap_records_that_never_learned_the_time_are_given_up_by_name_too() {
    let mut spool = in_memory();
    for n in 0..10_000_u64 {
        spool.take(at(n), [polled(n, n)]).unwrap();
    }
    let state = spool.books().state();
    let drops = drops(&mut spool);
    the_books_close(&mut spool, &BTreeSet::new(), &drops);
    assert!(state.dropped > 100 && state.polls_dropped == drops.iter().map(|drop| drop.polls).sum::<u64>());
    assert!(drops.len() < usize::try_from(state.dropped).unwrap() / 20, "one record covers many");
}

#[test]
fn a_memory_only_spool_leaves_numbers_only_and_the_next_start_names_what_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let counters = dir.path().join("spool.counters");
    let place = Place::Memory(Some(counters.clone()));
    let mut spool = Spool::open(settings(place.clone()), at(0), 71).unwrap();
    learn(&mut spool);
    for n in 0..3 {
        spool.take(at(n), [polled(n, n)]).unwrap();
        spool.close(at(n), Close::All).unwrap();
    }
    let first = spool.books().held()[&1].id;
    spool.settle(&[first]).unwrap();
    spool.save_counters();
    assert_eq!(files_below(dir.path()).len(), 1);
    assert!(!fs::read_to_string(&counters).unwrap().contains("SECRET"));
    let mut next = Spool::open(settings(place), at(0), 72).unwrap();
    let drops = drops(&mut next);
    assert_eq!(drops.iter().map(|drop| (drop.epoch, drop.from, drop.to)).collect::<Vec<_>>(), [(71, 2, 3)]);
}

#[derive(Debug, Clone)]
enum Step {
    Take(u64),
    Close,
    SettleNth(usize),
    Learn,
    Reboot,
    /// The process dies; what was committed is there.
    Crash,
    /// The cap is lowered for a moment.
    Squeeze,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..20).prop_map(Step::Take),
        3 => Just(Step::Close),
        3 => (0usize..8).prop_map(Step::SettleNth),
        1 => Just(Step::Learn),
        1 => Just(Step::Reboot),
        2 => Just(Step::Crash),
        1 => Just(Step::Squeeze),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_each_seq_is_held_settled_or_dropped_and_each_poll_is_counted_once(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let mut spool = in_memory();
        let (mut now, mut settled, mut told, mut taken_polls, mut settled_polls) =
            (at(0), BTreeSet::new(), Vec::<Drop>::new(), 0_u64, 0_u64);
        for step in steps {
            now.steady_ms += 1_000;
            now.wall_ms += 1_000;
            match step {
                Step::Take(count) => {
                    taken_polls += count;
                    let given = (0..count).map(|n| match polled(n, now.steady_ms) {
                        Given::Polled(_, polled) => Given::Polled(now, polled),
                        event => event,
                    });
                    spool.take(now, given).unwrap();
                }
                Step::Close => drop(spool.close(now, Close::All).unwrap()),
                Step::SettleNth(nth) => {
                    let found = spool.books().held().iter().nth(nth).map(|(seq, held)| (*seq, *held));
                    if let Some((seq, held)) = found {
                        let (_, bytes) = spool.payload(now, seq).unwrap().unwrap();
                        let body = decode_body(&decode_header(&bytes).unwrap()).unwrap();
                        told.extend(body.records.into_iter().filter_map(|record| record.drop.map(|drop| *drop)));
                        prop_assert_eq!(spool.settle(&[held.id]).unwrap().0, vec![seq]);
                        settled.insert(seq);
                        settled_polls += u64::from(held.polls);
                    }
                }
                Step::Learn => drop(spool.heard(now, now, now.wall_ms).unwrap()),
                Step::Reboot | Step::Crash => {
                    if matches!(step, Step::Reboot) {
                        now = Moment { boot: Boot(now.boot.0 + 1), steady_ms: 0, ..now };
                    }
                    let image = spool.image().unwrap().clone();
                    spool = Spool::restore(settings(Place::Memory(None)), image, spool.books().epoch(), now, Counters::default()).unwrap();
                }
                Step::Squeeze => {
                    let whole = spool.settings.bytes_max;
                    spool.settings.bytes_max = spool.books().bytes() / 2;
                    spool.take(now, [Given::event(now, "squeezed", [])]).unwrap();
                    spool.settings.bytes_max = whole;
                }
            }
            let mut all = told.clone();
            all.extend(drops(&mut spool));
            the_books_close(&mut spool, &settled, &all);
            let held: u64 = spool.books().held().values().map(|held| u64::from(held.polls)).sum();
            let unfrozen = spool.summary(now).unfrozen_polls;
            let state = spool.books().state();
            prop_assert_eq!(taken_polls, settled_polls + held + unfrozen + state.polls_dropped);
        }
    }
}
