use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const PACE: Pace = Pace { min: Duration::from_secs(10), max: Duration::from_secs(600) };

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Sends all that the window wants out of what is held; says what was sent, in order.
fn drive(window: &mut Window, held: &BTreeSet<u64>, now: Duration) -> Vec<u64> {
    let mut sent = Vec::new();
    loop {
        let seqs: Vec<u64> = match window.want() {
            Want::Nothing => break,
            Want::Again(seq) if held.contains(&seq) => vec![seq],
            Want::Again(seq) => {
                window.gone(seq);
                continue;
            }
            Want::New { after, count } => held.range(after + 1..).take(count).copied().collect(),
        };
        if seqs.is_empty() {
            break;
        }
        for seq in seqs {
            window.sent(seq, now);
            sent.push(seq);
        }
    }
    sent
}

fn held(count: u64) -> BTreeSet<u64> {
    (1..=count).collect()
}

fn open() -> Window {
    let mut window = Window::new(PACE);
    window.greeted();
    window
}

#[test]
fn nothing_is_sent_before_ingest_answered() {
    let mut window = Window::new(PACE);
    assert!(drive(&mut window, &held(3), secs(0)).is_empty());
    window.greeted();
    assert_eq!(drive(&mut window, &held(3), secs(0)), [1, 2, 3]);
    window.closed();
    assert!(drive(&mut window, &held(9), secs(0)).is_empty());
}

#[test]
fn at_most_64_are_under_way_oldest_first() {
    let mut window = open();
    let mut held = held(200);
    assert_eq!(drive(&mut window, &held, secs(0)), (1..=64).collect::<Vec<_>>());
    held.remove(&5);
    window.settled(5, secs(1));
    assert_eq!(drive(&mut window, &held, secs(1)), [65]);
}

#[test]
fn a_new_connection_sends_again_what_was_not_settled() {
    let mut window = open();
    let mut held = held(3);
    drive(&mut window, &held, secs(0));
    held.remove(&2);
    window.settled(2, secs(1));
    window.closed();
    window.greeted();
    assert_eq!(drive(&mut window, &held, secs(2)), [1, 3]);
}

#[test]
fn silence_narrows_the_window_to_one_and_doubles_the_wait_up_to_ten_minutes() {
    let mut window = open();
    let held = held(100);
    drive(&mut window, &held, secs(0));
    let mut now = secs(0);
    let mut waits = Vec::new();
    for _ in 0..10 {
        let next = window.next_overdue().unwrap();
        waits.push((next - now).as_secs());
        now = next;
        window.pass(now);
        assert_eq!(window.width(), 1);
        assert_eq!(drive(&mut window, &held, now).len(), 1);
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600, 600, 600]);
}

#[test]
fn an_ack_doubles_a_narrow_window() {
    let mut window = open();
    let mut held = held(100);
    drive(&mut window, &held, secs(0));
    window.pass(secs(10));
    let mut widths = Vec::new();
    for now in 11..18 {
        let sent = drive(&mut window, &held, secs(now));
        held.remove(&sent[0]);
        window.settled(sent[0], secs(now));
        widths.push(window.width());
    }
    assert_eq!(widths, [2, 4, 8, 16, 32, 64, 64]);
}

#[test]
fn one_lost_ack_resends_one_payload_and_leaves_the_window_wide() {
    let mut window = open();
    let mut held = held(10);
    drive(&mut window, &held, secs(0));
    for seq in 2..=10 {
        held.remove(&seq);
        window.settled(seq, secs(1));
    }
    window.pass(secs(10));
    assert_eq!((drive(&mut window, &held, secs(10)), window.width()), (vec![1], 64));
}

#[test]
fn a_payload_that_never_gets_an_ack_does_not_block_what_stands_behind_it() {
    let mut window = open();
    let mut held = held(300);
    let (mut now, mut rounds) = (secs(0), 0);
    // An hour of silence, then an ingest that acks everything but payload 1.
    drive(&mut window, &held, now);
    while now < secs(3_600) {
        now = window.next_overdue().unwrap();
        window.pass(now);
        drive(&mut window, &held, now);
    }
    let mut under_way: Vec<u64> = Vec::new();
    while held.len() > 1 && rounds < 1_000 {
        rounds += 1;
        for seq in under_way.drain(..).filter(|seq| *seq != 1) {
            held.remove(&seq);
            window.settled(seq, now);
        }
        window.pass(now);
        under_way = drive(&mut window, &held, now);
        now = window.next_overdue().unwrap_or(now).max(now + secs(1));
    }
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn what_ingest_asks_for_is_sent_again_at_once_but_not_all_the_time() {
    let mut window = open();
    let mut held = held(3);
    drive(&mut window, &held, secs(0));
    held.remove(&2);
    window.settled(2, secs(1));
    window.asked(secs(1));
    window.pass(secs(1));
    assert_eq!(drive(&mut window, &held, secs(1)), [1, 3]);
    window.asked(secs(2));
    window.pass(secs(2));
    assert!(drive(&mut window, &held, secs(2)).is_empty(), "asked for a second ago");
    assert_eq!(window.next_overdue(), Some(secs(1) + ASKED_APART));
    window.pass(secs(1) + ASKED_APART);
    assert_eq!(drive(&mut window, &held, secs(1) + ASKED_APART), [1, 3], "but it is not forgotten");
}

#[test]
fn what_ingest_asks_for_ends_a_silence_and_does_not_open_a_window() {
    let mut window = open();
    let held = held(2);
    drive(&mut window, &held, secs(0));
    for now in [10, 30, 70] {
        window.pass(secs(now));
        drive(&mut window, &held, secs(now));
    }
    assert_eq!(window.next_overdue(), Some(secs(150)));
    window.asked(secs(71));
    window.pass(secs(71));
    assert_eq!(drive(&mut window, &held, secs(71)), [2], "one until an ack widens the window");
    window.closed();
    window.asked(secs(80));
    window.pass(secs(80));
    assert_eq!((window.want(), window.next_overdue()), (Want::Nothing, None));
}

#[test]
fn a_payload_that_is_gone_from_the_spool_is_forgotten() {
    let mut window = open();
    let mut held = held(3);
    drive(&mut window, &held, secs(0));
    held.remove(&1);
    window.pass(secs(10));
    for now in [10, 30, 70] {
        window.pass(secs(now));
        assert!(!drive(&mut window, &held, secs(now)).contains(&1));
    }
    assert_eq!(window.unacked(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    Take(u64),
    /// Ack the nth of what is under way.
    Ack(usize),
    Pass(u64),
    Reconnect,
    Asked,
    GiveUpOldest,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u64..40).prop_map(Step::Take),
        (0usize..64).prop_map(Step::Ack),
        (0usize..64).prop_map(Step::Ack),
        (0u64..900).prop_map(Step::Pass),
        Just(Step::Reconnect),
        Just(Step::Asked),
        Just(Step::GiveUpOldest),
    ]
}

proptest! {
    #[test]
    fn the_window_is_never_exceeded_and_everything_settles_once_faults_stop(steps in proptest::collection::vec(step(), 1..200)) {
        let mut window = open();
        let (mut held, mut sent_ever, mut taken, mut now) = (BTreeSet::new(), BTreeSet::new(), 0, secs(0));
        for step in steps {
            match step {
                Step::Take(count) => {
                    held.extend(taken + 1..=taken + count);
                    taken += count;
                }
                Step::Ack(nth) => {
                    let seq = held.intersection(&sent_ever).nth(nth).copied();
                    if let Some(seq) = seq {
                        held.remove(&seq);
                        window.settled(seq, now);
                    }
                }
                Step::Pass(seconds) => now += secs(seconds),
                Step::Reconnect => {
                    window.closed();
                    prop_assert_eq!(window.want(), Want::Nothing);
                    window.greeted();
                }
                Step::Asked => window.asked(now),
                Step::GiveUpOldest => {
                    if let Some(seq) = held.pop_first() {
                        window.gone(seq);
                    }
                }
            }
            window.pass(now);
            let sent = drive(&mut window, &held, now);
            sent_ever.extend(sent);
            prop_assert!(window.unacked() <= WINDOW_MAX);
            prop_assert!(window.width() >= 1 && window.width() <= WINDOW_MAX);
        }
        // No more faults: whatever is sent is acked at once.
        for _ in 0..10_000 {
            if held.is_empty() {
                break;
            }
            window.pass(now);
            for seq in drive(&mut window, &held, now) {
                sent_ever.insert(seq);
                held.remove(&seq);
                window.settled(seq, now);
            }
            now = window.next_overdue().unwrap_or(now + secs(1)).max(now + secs(1));
        }
        prop_assert!(held.is_empty(), "left: {:?}, {:?}", held, window);
    }
}
