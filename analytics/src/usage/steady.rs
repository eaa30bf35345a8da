//! Unwrapping a series of which it is known that the counter only grew, by steps that it can print: no read of it is ignored,
//! none raises a flag, and any part of it gives the same points as the whole (§3.1).

use super::{Anchor, Point, Read, Step, TooLarge, counter};

/// The points of some reads of a steady series, ascending in time. With an anchor, the first read is the anchor's own.
///
/// # Errors
/// [`TooLarge`], when the anchored scale leaves the range of a counter.
pub fn steady(reads: &[Read], anchor: Option<Anchor>) -> Result<Vec<Point>, TooLarge> {
    let point = |read: &Read, u: i64, step| Point { ts: read.ts, raw: read.value, u, mark: read.value, step };
    let mut points = Vec::with_capacity(reads.len());
    for read in reads {
        let step = if points.is_empty() { Step::First } else { Step::Counted };
        let u = match anchor {
            Some(anchor) => counter(i128::from(anchor.u) + i128::from(read.value) - i128::from(anchor.mark), read.ts)?,
            None => read.value,
        };
        points.push(point(read, u, step));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::UnwrapRules;
    use crate::usage::unwrap::unwrap;

    #[test]
    fn a_steady_series_gives_the_points_that_judging_each_read_gives_with_and_without_an_anchor() {
        let read = |day: i64, value| Read { ts: day * 86_400, value };
        let reads = [read(1, 500), read(2, 500), read(3, 730), read(9, 800)];
        let rules = UnwrapRules { max_pages_per_day: 300, small_drop: 100, modulus: None };
        assert_eq!(steady(&reads, None).unwrap(), unwrap(&reads, &[], &rules, None).unwrap().points);
        let anchor = Anchor { ts: 86_400, mark: 500, u: 9_000, exchanged: false };
        let judged = unwrap(&reads, &[], &rules, Some(anchor)).unwrap();
        assert_eq!((steady(&reads, Some(anchor)).unwrap(), judged.flags.len()), (judged.points, 0));
    }
}
