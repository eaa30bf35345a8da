//! Local dates and instants (§1): local midnight of a contract's zone as Unix seconds, days as local calendar days.
//!
//! The tz database is the bundled one, so the same contract gives the same instants on every host.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Unit};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Serialize, Serializer};

use crate::usage::{TIME_RANGE, Window};

/// A calendar date without zone, written `2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalDate(Date);

/// A point in time, in Unix seconds; fractions of a second are cut, a text without zone or offset is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub i64);

/// Where a device's window begins or ends: a local date (its midnight) or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalMoment {
    Date(LocalDate),
    At(Instant),
}

/// Local dates, half-open. `start` is before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    pub start: LocalDate,
    pub end: LocalDate,
}

/// A date or time that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("{0:?} is not a date; write it like 2026-01-31")]
    NotADate(String),
    #[error("{0:?} is not an instant; write it with its zone, like 2026-01-31T22:00:00Z or 2026-01-31T23:00:00+01:00")]
    NotAnInstant(String),
    #[error("{0:?} is neither a date like 2026-01-31 nor an instant like 2026-01-31T22:00:00Z")]
    NotAMoment(String),
    #[error("the period ends on {end}, which is not after its start {start}; end is exclusive")]
    EmptyPeriod { start: LocalDate, end: LocalDate },
}

impl LocalDate {
    /// As ClickHouse keeps dates.
    pub fn days_since_1970(self) -> i32 {
        Date::new(1970, 1, 1)
            .ok()
            .and_then(|epoch| epoch.until((Unit::Day, self.0)).ok())
            .map_or(0, |span| span.get_days())
    }

    /// The date so many days later; `None` beyond the calendar.
    pub fn plus_days(self, days: u16) -> Option<LocalDate> {
        self.0.checked_add(jiff::Span::new().days(i64::from(days))).ok().map(LocalDate)
    }

    /// The day before; the first day of the calendar has none.
    pub fn day_before(self) -> LocalDate {
        self.0.yesterday().map_or(self, LocalDate)
    }

    /// Days from this date to a later one; negative if it is earlier.
    pub fn days_until(self, end: LocalDate) -> i64 {
        // Both lie within 20 000 years, so the span in days always exists.
        self.0.until((Unit::Day, end.0)).map_or(0, |span| i64::from(span.get_days()))
    }
}

impl FromStr for LocalDate {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<LocalDate, TimeError> {
        let bad = || TimeError::NotADate(text.to_owned());
        let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if !plain {
            return Err(bad()); // a time of day or a sign would be dropped silently
        }
        text.parse().map(LocalDate).map_err(|_| bad())
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Instant {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Instant, TimeError> {
        let at: Timestamp = text.parse().map_err(|_| TimeError::NotAnInstant(text.to_owned()))?;
        let before_the_second = at.subsec_nanosecond() < 0; // jiff truncates towards 1970; cutting digits goes down
        Ok(Instant(at.as_second() - i64::from(before_the_second)))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{} s", self.0),
        }
    }
}

impl FromStr for LocalMoment {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<LocalMoment, TimeError> {
        let date = text.parse().map(LocalMoment::Date);
        let moment = date.or_else(|_| text.parse().map(LocalMoment::At));
        moment.map_err(|_| TimeError::NotAMoment(text.to_owned()))
    }
}

impl fmt::Display for LocalMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalMoment::Date(date) => date.fmt(f),
            LocalMoment::At(at) => at.fmt(f),
        }
    }
}

impl Period {
    pub fn new(start: LocalDate, end: LocalDate) -> Result<Period, TimeError> {
        if start < end { Ok(Period { start, end }) } else { Err(TimeError::EmptyPeriod { start, end }) }
    }

    /// The calendar month written `2026-01`.
    pub fn month(text: &str) -> Result<Period, TimeError> {
        let start: LocalDate = format!("{text}-01").parse()?;
        let end = start.0.last_of_month().tomorrow().map_err(|_| TimeError::NotADate(text.to_owned()))?;
        Period::new(start, LocalDate(end))
    }

    pub fn days(self) -> i64 {
        self.start.days_until(self.end)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Period, D::Error> {
        #[derive(serde::Deserialize)]
        struct Dates {
            start: LocalDate,
            end: LocalDate,
        }
        let Dates { start, end } = Dates::deserialize(from)?;
        Period::new(start, end).map_err(D::Error::custom)
    }
}

/// A time zone by its IANA name.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// `None` if the bundled tz database does not know the name.
    pub fn named(name: &str) -> Option<Zone> {
        TimeZoneDatabase::bundled().get(name).ok().map(Zone)
    }

    /// Local midnight as Unix seconds. Ambiguous: the earlier instant. Inside a gap: the instant of the transition.
    /// The first and last dates of the calendar saturate, so that `9999-12-31` may stand for "never".
    pub fn midnight(&self, date: LocalDate) -> i64 {
        let midnight = self.0.to_ambiguous_timestamp(date.0.to_datetime(jiff::civil::Time::midnight()));
        let first_after_gap = match midnight.offset() {
            AmbiguousOffset::Gap { .. } => midnight.earlier().ok().and_then(|before| {
                let transition = self.0.following(before).next()?;
                Some(transition.timestamp())
            }),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => None,
        };
        let instant = first_after_gap.or_else(|| midnight.earlier().ok());
        match instant {
            Some(instant) => instant.as_second(),
            None if date.0.year() < 0 => *TIME_RANGE.start(),
            None => *TIME_RANGE.end(),
        }
    }

    /// The local date at an instant.
    pub fn date_at(&self, at: Instant) -> LocalDate {
        let at = Timestamp::from_second(at.0.clamp(*TIME_RANGE.start(), *TIME_RANGE.end()));
        LocalDate(at.map_or(Date::MAX, |at| self.0.to_datetime(at).date()))
    }

    pub fn instant(&self, moment: LocalMoment) -> i64 {
        match moment {
            LocalMoment::Date(date) => self.midnight(date),
            LocalMoment::At(at) => at.0,
        }
    }

    pub fn date(&self, moment: LocalMoment) -> LocalDate {
        match moment {
            LocalMoment::Date(date) => date,
            LocalMoment::At(at) => self.date_at(at),
        }
    }

    pub fn window(&self, period: Period) -> Window {
        Window { from: self.midnight(period.start), to: self.midnight(period.end) }
    }
}

/// Reads a `FromStr` type from a string, or from a bare TOML date or date-time.
struct Text<T>(std::marker::PhantomData<T>);

impl<'de, T: FromStr<Err = TimeError>> Visitor<'de> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date like 2026-01-31 or an instant like 2026-01-31T22:00:00Z")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let bare = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
        bare.to_string().parse().map_err(A::Error::custom)
    }
}

macro_rules! text_in_serde {
    ($($of:ty),*) => {$(
        impl<'de> Deserialize<'de> for $of {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any(Text(std::marker::PhantomData))
            }
        }

        impl Serialize for $of {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )*};
}

// One macro, because the three types are read and written alike and serde offers no generic way.
text_in_serde!(LocalDate, Instant, LocalMoment);

#[cfg(test)]
mod tests {
    use super::*;

    fn midnight(zone: &str, date: &str) -> String {
        Instant(Zone::named(zone).unwrap().midnight(date.parse().unwrap())).to_string()
    }

    #[test]
    fn a_local_date_is_its_local_midnight() {
        assert_eq!(midnight("UTC", "2026-01-01"), "2026-01-01T00:00:00Z");
        assert_eq!(midnight("America/New_York", "2026-07-01"), "2026-07-01T04:00:00Z");
        assert_eq!(midnight("Asia/Kathmandu", "2026-07-01"), "2026-06-30T18:15:00Z");
    }

    #[test]
    fn an_ambiguous_midnight_is_the_earlier_instant() {
        // Havana set its clocks back from 01:00 to 00:00 on 2 November 2025.
        assert_eq!(midnight("America/Havana", "2025-11-02"), "2025-11-02T04:00:00Z");
    }

    #[test]
    fn a_midnight_inside_a_gap_is_the_transition() {
        // Santiago jumps from 24:00 to 01:00; Toronto jumped from 23:30 to 00:30 in 1919; Apia left out 30 December 2011.
        assert_eq!(midnight("America/Santiago", "2025-09-07"), "2025-09-07T04:00:00Z");
        assert_eq!(midnight("America/Toronto", "1919-03-31"), "1919-03-31T04:30:00Z");
        assert_eq!(midnight("Pacific/Apia", "2011-12-30"), "2011-12-30T10:00:00Z");
        assert_eq!(midnight("Pacific/Apia", "2011-12-31"), "2011-12-30T10:00:00Z");
    }

    #[test]
    fn days_are_calendar_days_whatever_the_clocks_do() {
        let march = Period::month("2026-03").unwrap();
        assert_eq!(march.days(), 31);
        let window = Zone::named("Europe/Berlin").unwrap().window(march);
        assert_eq!(window.to - window.from, 31 * 86_400 - 3_600);
        assert_eq!(Period::month("2028-02").unwrap().days(), 29);
    }

    #[test]
    fn the_end_of_the_calendar_saturates() {
        assert_eq!(Zone::named("UTC").unwrap().midnight("9999-12-31".parse().unwrap()), *TIME_RANGE.end());
        assert!(Period::month("9999-12").is_err());
    }

    #[test]
    fn fractions_of_a_second_are_cut() {
        assert_eq!("2026-01-01T00:00:00.999Z".parse::<Instant>().unwrap().to_string(), "2026-01-01T00:00:00Z");
        assert_eq!("1969-12-31T23:59:58.5Z".parse::<Instant>(), Ok(Instant(-2)));
        assert_eq!("2026-01-01T01:00:00+01:00".parse::<Instant>(), "2026-01-01T00:00:00Z".parse());
    }

    #[test]
    fn what_has_no_zone_is_no_instant_and_what_has_a_time_is_no_date() {
        for text in ["2026-01-01T00:00:00", "2026-01-01", "soon", ""] {
            assert_eq!(text.parse::<Instant>(), Err(TimeError::NotAnInstant(text.to_owned())));
        }
        for text in ["2026-01-01T00:00:00Z", "2026-02-29", "2026-1-1", "-00260101", ""] {
            assert_eq!(text.parse::<LocalDate>(), Err(TimeError::NotADate(text.to_owned())));
        }
        assert!(Zone::named("Europe/Bielefeld").is_none());
    }

    #[test]
    fn a_moment_is_a_date_or_an_instant() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let instant: LocalMoment = "2026-01-31T23:30:00Z".parse().unwrap();
        assert_eq!(zone.date(instant).to_string(), "2026-02-01");
        assert_eq!(zone.instant("2026-02-01".parse().unwrap()), zone.instant(instant) - 1_800);
    }

    #[test]
    fn a_period_ends_after_it_starts() {
        let day = |text: &str| text.parse::<LocalDate>().unwrap();
        assert!(Period::new(day("2026-01-01"), day("2026-01-01")).is_err());
        assert!(Period::new(day("2026-01-02"), day("2026-01-01")).is_err());
    }
}
