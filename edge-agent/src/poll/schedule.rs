//! Who is due for a poll, and for how much of it. Pure: the steady clock is an argument.
//!
//! All devices of an agent are due together, once an interval (a *burst*), so that their polls fill one batch; each agent has
//! its own place within the interval, so that agents do not report all at once. Shorter intervals are whole parts of it,
//! longer ones multiples, so that what is read more or less often shares its bursts as well. Between two polls of one
//! device lies a second at least: the key of a stored poll has whole seconds.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::pace::{Attention, Pace};
use crate::taken::Extent;

/// Between two polls of one device.
pub const POLL_GAP_MIN: Duration = Duration::from_secs(1);
/// However little a device is read, its meters are read once in this, unless the site asks for less.
const LONGEST: Duration = Duration::from_secs(86_400);

/// How often what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// Of meters, and of bursts.
    pub meters: Duration,
    pub supplies: Duration,
    pub status: Duration,
    /// Of a device with a supply near its end or an open alert; no longer than the above.
    pub attentive: Duration,
    /// Of a device in which nothing changes; no shorter than the above.
    pub quiet: Duration,
}

/// How far polling is slowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slowing {
    /// Intervals are this many times as long; 1 = not at all. Above it nothing is read out of turn.
    pub stretch: u32,
    /// Whether devices are read more often for a supply or an alert.
    pub attentive: bool,
}

impl Slowing {
    pub const NONE: Self = Self { stretch: 1, attentive: true };
}

/// When an agent polls its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    intervals: Intervals,
    offset: Duration,
}

impl Schedule {
    /// `seed` = any number that differs between agents and stays for one agent.
    pub fn new(mut intervals: Intervals, seed: u64) -> Self {
        let every = intervals.meters.max(POLL_GAP_MIN);
        intervals.meters = every;
        let place = (u128::from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) * every.as_nanos()) >> 64;
        Self { intervals, offset: Duration::from_nanos(u64::try_from(place).unwrap_or(0)) }
    }

    /// Between two bursts.
    pub fn every(&self) -> Duration {
        self.intervals.meters
    }

    /// The beginning of the burst that `now` belongs to; before the first one, none.
    pub fn current(&self, now: Duration) -> Option<Duration> {
        self.slot(now, self.intervals.meters)
    }

    /// When somebody may be due next.
    pub fn next(&self, now: Duration, slowing: Slowing) -> Duration {
        let Intervals { supplies, status, attentive, .. } = self.stretched(slowing);
        let attentive = slowing.attentive.then_some(attentive);
        let each = [Some(self.intervals.meters), Some(supplies), Some(status), attentive].into_iter().flatten();
        each.map(|interval| self.next_slot(now, interval)).fold(Duration::MAX, Duration::min)
    }

    /// The slots that `now` belongs to. `day_turns` = in this burst everybody's meters are read, see [`day_turns`].
    pub fn slots(&self, now: Duration, slowing: Slowing, day_turns: bool) -> Slots {
        let of = self.stretched(slowing);
        let day = self.current(now).filter(|_| day_turns);
        let starts = |least: Duration| Starts {
            status: self.slot(now, of.status.max(least)),
            meters: self.slot(now, of.meters.max(least)).max(day),
            supplies: self.slot(now, of.supplies.max(least)),
        };
        Slots {
            now,
            usual: starts(Duration::ZERO),
            quiet: starts(of.quiet),
            attentive: self.slot(now, of.attentive).filter(|_| slowing.attentive),
            out_of_turn: if slowing.stretch > 1 { self.current(now).unwrap_or_default() } else { now },
        }
    }

    /// The intervals while polling is slowed. What the site reads rarely anyhow is not slowed beyond a day.
    fn stretched(&self, slowing: Slowing) -> Intervals {
        let stretch = |interval: Duration| interval.saturating_mul(slowing.stretch).min(interval.max(LONGEST));
        let Intervals { meters, supplies, status, attentive, quiet } = self.intervals;
        Intervals {
            meters: stretch(meters),
            supplies: stretch(supplies),
            status: stretch(status),
            attentive,
            quiet: stretch(quiet).min(LONGEST),
        }
    }

    /// The burst that `now` belongs to, counted from 0, and its beginning.
    fn burst(&self, now: Duration) -> Option<(u32, Duration)> {
        let bursts = now.checked_sub(self.offset)?.as_nanos() / self.intervals.meters.as_nanos();
        let bursts = u32::try_from(bursts).unwrap_or(u32::MAX);
        Some((bursts, self.begins(bursts)))
    }

    fn begins(&self, burst: u32) -> Duration {
        self.offset.saturating_add(self.intervals.meters.saturating_mul(burst))
    }

    /// The beginning of the slot of this interval that `now` belongs to.
    fn slot(&self, now: Duration, interval: Duration) -> Option<Duration> {
        let (burst, begin) = self.burst(now)?;
        Some(match self.fits(interval) {
            Fit::Parts(parts) => self.part(begin, self.part_at(now - begin, parts), parts),
            Fit::Bursts(bursts) => self.begins(burst / bursts * bursts),
        })
    }

    fn next_slot(&self, now: Duration, interval: Duration) -> Duration {
        let Some((burst, begin)) = self.burst(now) else { return self.offset };
        match self.fits(interval) {
            Fit::Parts(parts) => match self.part_at(now - begin, parts).saturating_add(1) {
                next if next < parts => self.part(begin, next, parts),
                _ => self.begins(burst.saturating_add(1)),
            },
            Fit::Bursts(bursts) => self.begins((burst / bursts).saturating_add(1).saturating_mul(bursts)),
        }
    }

    /// Which of the parts of a burst this is; the last one takes what the division leaves.
    fn part_at(&self, age: Duration, parts: u32) -> u32 {
        let part = (self.intervals.meters / parts).as_nanos().max(1);
        u32::try_from(age.as_nanos() / part).unwrap_or(u32::MAX).min(parts - 1)
    }

    fn part(&self, begin: Duration, part: u32, parts: u32) -> Duration {
        begin.saturating_add((self.intervals.meters / parts).saturating_mul(part))
    }

    fn fits(&self, interval: Duration) -> Fit {
        let (every, interval) = (self.intervals.meters, interval.max(POLL_GAP_MIN));
        let times = |long: Duration, short: Duration| {
            u32::try_from(long.as_nanos() / short.as_nanos().max(1)).unwrap_or(u32::MAX).max(1)
        };
        if interval < every { Fit::Parts(times(every, interval)) } else { Fit::Bursts(times(interval, every)) }
    }
}

/// How an interval lies to the bursts: this many slots in one, or one slot for this many. At least 1.
enum Fit {
    Parts(u32),
    Bursts(u32),
}

/// When the present slots began.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    now: Duration,
    usual: Starts,
    quiet: Starts,
    attentive: Option<Duration>,
    /// Who asks out of turn is due if it was last polled before this.
    out_of_turn: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Starts {
    status: Option<Duration>,
    meters: Option<Duration>,
    supplies: Option<Duration>,
}

impl Slots {
    /// How much of a device is due: all of one that was never polled, else what was not read since its slot began. `wanted`
    /// = it asks for a poll out of turn (another device was seen at its address, a trap came).
    pub fn due(&self, last: Option<Duration>, pace: &Pace, wanted: bool) -> Option<Extent> {
        let now = self.now;
        // A stamp ahead of now is from before a restart of the host.
        let Some(last) = last.filter(|last| *last <= now) else { return Some(Extent::Whole) };
        if now - last < POLL_GAP_MIN {
            return None;
        }
        if wanted && last < self.out_of_turn {
            return Some(Extent::Whole);
        }
        let attention = pace.attention(now);
        let quiet = pace.is_quiet() && attention == Attention::None;
        let starts = if quiet { self.quiet } else { self.usual };
        let behind = |read: Option<Duration>, start: Option<Duration>| {
            start.is_some_and(|start| read.is_none_or(|read| read < start || read > now))
        };
        let drawn = |to: Attention, read: Option<Duration>| attention == to && behind(read, self.attentive);
        if behind(pace.supplies_at, starts.supplies) || drawn(Attention::Supply, pace.supplies_at) {
            Some(Extent::Whole)
        } else if behind(pace.meters_at, starts.meters) {
            Some(Extent::Meters)
        } else if behind(Some(last), starts.status) || drawn(Attention::Alert, Some(last)) {
            Some(Extent::Status)
        } else {
            None
        }
    }
}

/// Whether the local day ends or begins in a burst: then everybody's meters are read, however quiet or slowed, because
/// days and months are billed between such readings. `burst_ms` = its beginning in Unix milliseconds.
pub fn day_turns(zone: &TimeZone, burst_ms: i64, every: Duration) -> bool {
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    let day = |ms: i64| Timestamp::from_millisecond(ms).ok().map(|at| zone.to_datetime(at).date());
    let day_of_burst = day(burst_ms);
    day(burst_ms.saturating_add(every)) != day_of_burst || day(burst_ms.saturating_sub(every)) != day_of_burst
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
