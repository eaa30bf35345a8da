//! One device as it was known at an origin: its reads, its work, its cartridges. Nothing at or after the origin is in it.

use crate::toner::calendar::Calendar;
use crate::toner::meter::{Interval, Total, intervals};
use crate::toner::segment::{Segment, segments};
use crate::toner::series::{Day, Device, Eats, Level, Read};
use crate::toner::step::{Display, Rests};

#[derive(Debug)]
pub struct History<'a> {
    pub device: &'a Device,
    /// By position of the supply in the device.
    pub reads: Vec<Vec<Read>>,
    pub all: Vec<Interval>,
    pub color: Vec<Interval>,
}

impl<'a> History<'a> {
    pub fn before(device: &'a Device, origin: Day) -> Self {
        let end_s = i64::from(origin) * 86_400;
        let reads: Vec<Vec<Read>> = device.supplies.iter().map(|supply| supply.before(end_s)).collect();
        let mut polls: Vec<Read> = reads.iter().flatten().copied().collect();
        polls.sort_by_key(|read| (read.at_s, read.pages.is_none(), read.pages, read.pages_color));
        polls.dedup_by_key(|read| read.at_s);
        let (all, color) = (intervals(&polls, Eats::AllPages), intervals(&polls, Eats::ColorPages));
        History { device, reads, all, color }
    }

    pub fn eaten_by(&self, eats: Eats) -> &[Interval] {
        match eats {
            Eats::AllPages => &self.all,
            Eats::ColorPages => &self.color,
        }
    }

    /// First and last poll, in days.
    pub fn span(&self) -> Option<(f64, f64)> {
        let moments = || self.reads.iter().flatten().map(Read::at);
        let (low, high) = (moments().fold(f64::INFINITY, f64::min), moments().fold(f64::NEG_INFINITY, f64::max));
        (low <= high).then_some((low, high))
    }

    /// The cartridges of a supply and the amount used over time.
    pub fn slot(&self, supply: usize, calendar: &Calendar, display: &Display) -> Option<Slot> {
        let one = self.device.supplies.get(supply)?;
        let reads = self.reads.get(supply)?;
        let known = self.eaten_by(one.eats);
        let (pages, work) = known
            .iter()
            .filter_map(|i| i.pages.map(|p| (p, calendar.work(i.from, i.to))))
            .fold((0.0, 0.0), |s, i| (s.0 + i.0, s.1 + i.1));
        let counted = pages >= 1.0 && work > 0.0;
        let total = if counted {
            Total::new(known, |from, to| pages / work * calendar.work(from, to))
        } else {
            let polls: Vec<Interval> =
                reads.windows(2).map(|pair| Interval { from: pair[0].at(), to: pair[1].at(), pages: None }).collect();
            Total::new(&polls, |from, to| calendar.work(from, to))
        };
        Some(Slot { segments: segments(reads, one.fills_up, display.step, display.some_below), total, counted })
    }
}

/// One supply of one device, ready to be judged.
#[derive(Debug)]
pub struct Slot {
    pub segments: Vec<Segment>,
    pub total: Total,
    /// False: no page counter moved, so the amount is work instead of pages.
    pub counted: bool,
}

impl Slot {
    /// Tells how long the display rested at 1 %.
    pub fn add_rests(&self, display: &Display, rests: &mut Rests) {
        for (i, segment) in self.segments.iter().enumerate() {
            let edges = crate::toner::rate::edges(segment, &self.total, display);
            let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
                continue;
            };
            let at_one = |seen: &&crate::toner::segment::Seen| matches!(seen.level, Level::Percent(level) if (0.5..1.5).contains(&level));
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
