//! One device as it was known at an origin: its reads, its work, its cartridges. Nothing at or after the origin is in it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::forecast::calendar::Calendar;
use crate::forecast::meter::{Interval, Total, intervals};
use crate::forecast::rate::{self, Edge};
use crate::forecast::segment::{Segment, segments};
use crate::forecast::series::{Day, Device, Eats, Level, Read};
use crate::forecast::step::{Display, Rests};

#[derive(Debug)]
pub struct History<'a> {
    pub device: &'a Device,
    /// By position of the supply in the device.
    pub reads: Vec<Cow<'a, [Read]>>,
    /// By position too: the level counts up, so it is turned around.
    pub fills_up: Vec<bool>,
    pub all: Vec<Interval>,
    pub color: Vec<Interval>,
}

impl<'a> History<'a> {
    pub fn before(device: &'a Device, origin: Day) -> Self {
        History::until(device, i64::from(origin) * 86_400)
    }

    /// Everything before a second since 1970.
    pub fn until(device: &'a Device, end_s: i64) -> Self {
        let reads: Vec<Cow<'a, [Read]>> = device.supplies.iter().map(|supply| supply.before(end_s)).collect();
        let fills_up =
            device.supplies.iter().zip(&reads).map(|(supply, reads)| supply.receptacle && counts_up(reads)).collect();
        let polls = polls(&reads);
        let (all, color) = (intervals(&polls, Eats::AllPages), intervals(&polls, Eats::ColorPages));
        History { device, reads, fills_up, all, color }
    }

    pub fn eaten_by(&self, eats: Eats) -> &[Interval] {
        match eats {
            Eats::AllPages => &self.all,
            Eats::ColorPages => &self.color,
        }
    }

    /// First and last poll, in days.
    pub fn span(&self) -> Option<(f64, f64)> {
        let low = self.reads.iter().filter_map(|reads| reads.first()).map(Read::at).fold(f64::INFINITY, f64::min);
        let high = self.reads.iter().filter_map(|reads| reads.last()).map(Read::at).fold(f64::NEG_INFINITY, f64::max);
        (low <= high).then_some((low, high))
    }

    /// The cartridges of every supply and the amount used over time; `None` for a supply that is not there.
    /// `displays`: by position of the supply.
    pub fn slots(&self, calendar: &Calendar, displays: &[Display]) -> Vec<Option<Slot>> {
        let totals = [Eats::AllPages, Eats::ColorPages].map(|eats| self.counted(eats, calendar));
        self.device
            .supplies
            .iter()
            .zip(displays)
            .enumerate()
            .map(|(i, (supply, display))| {
                let reads = self.reads.get(i)?;
                let counted = match supply.eats {
                    Eats::AllPages => totals[0].clone(),
                    Eats::ColorPages => totals[1].clone(),
                };
                let fills_up = self.fills_up.get(i).copied().unwrap_or(false);
                let segments = segments(reads, fills_up, display);
                let is_counted = counted.is_some();
                let total = counted.unwrap_or_else(|| Arc::new(by_work(reads, calendar)));
                let edges = segments.iter().map(|segment| rate::edges(segment, &total, display)).collect();
                Some(Slot { segments, edges, total, counted: is_counted })
            })
            .collect()
    }

    /// The running total of a counter, unless it never moved.
    fn counted(&self, eats: Eats, calendar: &Calendar) -> Option<Arc<Total>> {
        let known = self.eaten_by(eats);
        let (pages, work) = known
            .iter()
            .zip(calendar.works(known))
            .filter_map(|(i, work)| Some((i.pages?, work)))
            .fold((0.0, 0.0), |s, i| (s.0 + i.0, s.1 + i.1));
        let moved = pages >= 1.0 && work > 0.0;
        moved.then(|| Arc::new(Total::new(known, |from, to| pages / work * calendar.work(from, to))))
    }
}

/// Working days stand for pages that nobody counted.
fn by_work(reads: &[Read], calendar: &Calendar) -> Total {
    let polls: Vec<Interval> = reads
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(Interval { from: a.at(), to: b.at(), pages: None }),
            _ => None,
        })
        .collect();
    Total::new(&polls, |from, to| calendar.work(from, to))
}

/// The polls of a device, oldest first. Its supplies are read together as a rule, and then the first one's reads are all.
fn polls<'a>(reads: &'a [Cow<'_, [Read]>]) -> Cow<'a, [Read]> {
    let Some((first, rest)) = reads.split_first() else {
        return Cow::Borrowed(&[]);
    };
    let alike = |a: &Read, b: &Read| a.at_s == b.at_s && a.pages == b.pages && a.pages_color == b.pages_color;
    if rest.iter().all(|other| other.len() == first.len() && first.iter().zip(other.iter()).all(|(a, b)| alike(a, b))) {
        return Cow::Borrowed(first);
    }
    let mut polls: Vec<Read> = reads.iter().flat_map(|reads| reads.iter()).copied().collect();
    polls.sort_by_key(|read| (read.at_s, read.pages.is_none(), read.pages, read.pages_color));
    polls.dedup_by_key(|read| read.at_s);
    Cow::Owned(polls)
}

/// Whether a container's level is what is in it and not the room left: it climbs in small steps and falls in one.
fn counts_up(reads: &[Read]) -> bool {
    let (mut climbs, mut falls) = (0.0, 0.0);
    for pair in reads.windows(2) {
        if let [a, b] = pair
            && let (Level::Percent(a), Level::Percent(b)) = (a.said(false), b.said(false))
            && (a - b).abs() <= 25.0
        {
            if b > a { climbs += b - a } else { falls += a - b }
        }
    }
    climbs > falls
}

/// One supply of one device, ready to be judged.
#[derive(Debug)]
pub struct Slot {
    pub segments: Vec<Segment>,
    /// Of each segment; see [`rate::telling`].
    pub edges: Vec<Vec<Edge>>,
    pub total: Arc<Total>,
    /// False: no page counter moved, so the amount is work instead of pages.
    pub counted: bool,
}

impl Slot {
    /// Tells how long the display rested at 1 %.
    pub fn add_rests(&self, display: &Display, rests: &mut Rests) {
        for (i, (segment, edges)) in self.segments.iter().zip(&self.edges).enumerate() {
            let edges = rate::telling(edges, display);
            let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
                continue;
            };
            let at_one = |seen: &&crate::forecast::segment::Seen| matches!(seen.level, Level::Percent(level) if (0.5..1.5).contains(&level));
            let mut resting = segment.seen.iter().filter(at_one);
            let Some(begin) = resting.next() else {
                continue;
            };
            let end = resting.next_back().unwrap_or(begin);
            if first.level - last.level > 15.0 {
                let per_point = (last.used - first.used) / (first.level - last.level);
                rests.add(self.total.at(end.at) - self.total.at(begin.at), per_point, i + 1 < self.segments.len());
            }
        }
    }
}
