use super::*;

fn facts() -> Facts {
    let (cn, epoch) = ("acme.one".to_owned(), 9);
    Facts {
        spans: vec![Span { first: 1, last: 5 }],
        batches: Some(BatchesRow {
            cn: cn.clone(),
            epoch,
            committed: 5,
            held: 0,
            rejected: 0,
            polls: 50,
            rejected_records: 1,
            polls_due: 41,
            last_received: 100,
        }),
        stats: Some(StatsOf { cn, epoch, taken: 4, polls_taken: 41, oldest: 5, ts: 90, last_received: 95 }),
        ..Facts::default()
    }
}

#[test]
fn books_in_order_close_and_say_so() {
    let epoch = strike("acme.one".into(), 9, &facts(), true);
    assert_eq!((epoch.closes, epoch.lost, epoch.open, epoch.beyond, epoch.polls.short), (true, 0, 0, 1, 0));
}

#[test]
fn a_lost_seq_a_missing_row_and_a_short_count_each_keep_the_books_open() {
    let mut lost = facts();
    lost.spans = vec![Span { first: 1, last: 2 }, Span { first: 4, last: 5 }];
    assert_eq!(strike("a.b".into(), 9, &lost, true).lost_spans, [[3, 3]]);
    let mut missing = facts();
    missing.polls = Some(PollsRow { cn: String::new(), epoch: 9, stored: 49, unledgered: 0, missing: 1 });
    let mut short = facts();
    short.stats.as_mut().unwrap().polls_taken = 42;
    for facts in [lost, missing, short] {
        assert!(!strike("a.b".into(), 9, &facts, true).closes);
    }
}

#[test]
fn what_a_lost_spool_held_is_not_held_against_the_count_of_polls_and_what_the_cap_took_is() {
    let dropped = |cause: &str| {
        let mut facts = facts();
        facts.spans = vec![Span { first: 1, last: 4 }];
        facts.stats.as_mut().unwrap().polls_taken = 60;
        let (cn, cause) = ("acme.one".to_owned(), cause.to_owned());
        facts.drops = vec![DropOf { cn, epoch: 9, from_seq: 5, to_seq: 5, cause, polls: 0 }];
        strike("acme.one".into(), 9, &facts, true)
    };
    assert!(dropped("lost-spool").closes && dropped("damaged").closes);
    assert!(!dropped("cap").closes, "19 polls are missing");
}

#[test]
fn a_damaged_spool_may_send_polls_again_that_were_stored_under_another_seq_and_a_full_one_never_does() {
    let missing_beside = |cause: &str| {
        let mut facts = facts();
        facts.polls = Some(PollsRow { cn: String::new(), epoch: 9, stored: 44, unledgered: 0, missing: 6 });
        let (cn, cause) = ("acme.one".to_owned(), cause.to_owned());
        facts.drops = vec![DropOf { cn, epoch: 9, from_seq: 2, to_seq: 4, cause, polls: 0 }];
        strike("acme.one".into(), 9, &facts, true)
    };
    let damaged = missing_beside("damaged");
    assert_eq!((damaged.closes, damaged.polls.missing), (true, 6), "it closes, and says how many");
    assert!(!missing_beside("cap").closes);
}

#[test]
fn what_a_lost_spool_held_is_open_until_the_next_epoch_has_said_what_became_of_it() {
    let mut lost = facts();
    lost.prior = Some(PriorRow { cn: "acme.one".into(), epoch: 9, taken: 8, oldest: 5 });
    let new = |oldest| {
        let stats = StatsOf { oldest, ..facts().stats.unwrap() };
        Facts { stats: Some(stats), ..Facts::default() }
    };
    let struck = |oldest| {
        let all = BTreeMap::from([(("acme.one".into(), 10), new(oldest))]);
        let told = told_by_agent(&all)["acme.one"];
        let epoch = strike("acme.one".into(), 9, &lost, told);
        (epoch.ended, epoch.closes, epoch.open, epoch.lost)
    };
    assert_eq!(struck(1), (true, true, 3, 0), "its drop record may be on its way");
    assert_eq!(struck(2), (true, false, 0, 3));
}

#[test]
fn a_period_asks_for_the_epochs_that_were_heard_of_in_it() {
    let question = |from, to| Question { cn: None, from, to };
    assert!(within(&facts(), &question(Some(100), Some(101))));
    assert!(within(&facts(), &question(Some(95), Some(96))));
    assert!(!within(&facts(), &question(Some(101), None)));
    assert!(!within(&facts(), &question(None, Some(95))));
}
