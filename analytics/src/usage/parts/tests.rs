use super::*;
use crate::usage::unwrap::unwrap;
use crate::usage::volume::volume;
use crate::usage::{BoundaryPolicy, Given, UnwrapRules, Window};

const RULES: UnwrapRules = UnwrapRules { max_pages_per_day: 1_000, small_drop: 10, modulus: None };
const POLICY: BoundaryPolicy = BoundaryPolicy { max_read_age_hours: 1, estimate: true, max_pages_per_day: 1_000 };

/// An hour apart, from hour 0 on.
fn hourly(values: &[i64]) -> Vec<Read> {
    let read = |(hour, value): (i64, &i64)| Read { ts: hour * 3_600, value: *value };
    (0..).zip(values).map(read).collect()
}

/// Hours of which every read is at hand.
fn known(spans: &[RangeInclusive<i64>]) -> Known {
    Known::of(spans.iter().map(|span| {
        let end = if *span.end() == END { END } else { span.end() * 3_600 };
        span.start().saturating_mul(3_600)..=end
    }))
}

fn at_hand(reads: &[Read], known: &Known) -> Vec<Read> {
    reads.iter().copied().filter(|read| known.joins(read.ts, read.ts)).collect()
}

/// Whether the parts settle it; if so, they must say what the whole says.
fn settled(values: &[i64], spans: &[RangeInclusive<i64>], anchor: Option<Anchor>) -> bool {
    let (reads, known) = (hourly(values), known(spans));
    let parts = at_hand(&reads, &known);
    let (whole, part) = (unwrap(&reads, &[], &RULES, anchor).unwrap(), unwrap(&parts, &[], &RULES, anchor).unwrap());
    let settled = unwraps_alike(&parts, anchor, &part, &known);
    if settled {
        let seen = |point: &&Point| part.points.iter().any(|of| of.ts == point.ts);
        assert_eq!(
            part.points.iter().map(|of| of.u).collect::<Vec<_>>(),
            whole.points.iter().filter(seen).map(|of| of.u).collect::<Vec<_>>()
        );
        assert_eq!(part.flags, whole.flags);
    }
    settled
}

#[test]
fn spans_that_touch_are_one() {
    let spans = [5..=9, 0..=3, 4..=4, 20..=END, 11..=12];
    assert_eq!(Known::of(spans), Known(vec![0..=9, 11..=12, 20..=END]));
}

#[test]
fn growth_needs_its_ends_only_as_long_as_it_is_plausible_over_all_the_time_between() {
    let grown: Vec<i64> = (0..48).map(|hour| 500 + hour * 40).collect();
    assert!(settled(&grown, &[0..=0, 47..=END], None));
    let fast: Vec<i64> = (0..48).map(|hour| 500 + hour * 900).collect();
    assert!(!settled(&fast, &[0..=0, 47..=END], None), "each step is plausible, both days together are not");
}

#[test]
fn a_reset_is_settled_where_the_two_reads_after_it_are_at_hand() {
    let reset = [700, 710, 720, 5, 6, 7, 8, 9, 9, 9];
    assert!(settled(&reset, &[0..=0, 2..=5, 9..=END], None));
    assert!(
        !settled(&reset, &[0..=0, 2..=4, 9..=END], None),
        "the second read after it might be back at the old level"
    );
    assert!(!settled(&reset, &[0..=0, 2..=3, 9..=END], None));
    assert!(!settled(&reset, &[0..=1, 9..=END], None), "nothing is read around it");
    assert!(settled(&reset[..4], &[0..=0, 2..=END], None), "no read follows it at all yet");
    assert!(!settled(&reset[..4], &[0..=0, 2..=3], None), "whether one follows is not known");
}

#[test]
fn a_counter_below_its_highest_value_settles_nothing_beyond() {
    let low = [100, 95, 95, 96, 96, 97, 97, 98];
    assert!(!settled(&low, &[0..=2, 7..=END], None));
    assert!(settled(&[100, 95, 101, 102, 103, 104], &[0..=2, 5..=END], None));
}

#[test]
fn an_anchor_must_be_at_hand_itself() {
    let grown: Vec<i64> = (0..10).collect();
    let anchor = Some(Anchor { ts: 4 * 3_600, mark: 4, u: 900, exchanged: false });
    assert!(settled(&grown, &[4..=5, 9..=END], anchor));
    assert!(!settled(&grown, &[5..=5, 9..=END], anchor));
    let above = anchor.map(|anchor| Anchor { mark: 9, ..anchor });
    assert!(!settled(&grown, &[4..=5, 9..=END], above), "what follows it stands below its mark");
}

#[test]
fn an_end_of_the_window_rests_on_neighbours_that_are_all_at_hand() {
    let reads = hourly(&[10, 20, 30, 40, 50, 60, 70, 80]);
    let rests = |spans: &[RangeInclusive<i64>], from: i64, to: i64| {
        let known = known(spans);
        let parts = at_hand(&reads, &known);
        let points = unwrap(&parts, &[], &RULES, None).unwrap().points;
        let window = Window { from: from * 3_600 + 60, to: to * 3_600 + 60 };
        let volume = volume(&points, window, Given::default(), &POLICY).unwrap();
        rests_alike(&volume, false, &known)
    };
    assert!(rests(&[1..=2, 5..=6], 1, 5));
    assert!(!rests(&[1..=1, 5..=6], 1, 5), "the read after the beginning is not at hand");
    assert!(!rests(&[1..=2, 4..=4, 6..=6], 1, 5), "the last read before the end is not at hand");
    assert!(!rests(&[1..=2, 7..=7], 1, 7), "whether a read follows is not known");
    assert!(rests(&[1..=2, 7..=END], 1, 7));
    assert!(rests(&[BEGINNING..=0, 5..=6], -3, 5), "the first read of all lies inside");
    assert!(!rests(&[0..=0, 5..=6], -3, 5), "an earlier one may lie before the window");
    assert!(!rests(&[1..=2, 7..=END], 1, 20), "a rate needs the reads of a month");
}
