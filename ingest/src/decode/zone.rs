//! Time zones of sites, from the database compiled in: the local day of a poll depends on no host.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
const DAY_SECONDS: i64 = 86_400;

pub(super) struct Zone {
    /// The zone that local days are counted in.
    pub(super) name: String,
    pub(super) unknown: bool,
    zone: TimeZone,
}

impl Zone {
    /// A zone that is not known here counts as UTC and is marked.
    pub(super) fn of(name: &str) -> Self {
        match ZONES.get(name) {
            Ok(zone) => Self { name: name.to_owned(), unknown: false, zone },
            Err(_) => Self { name: "UTC".to_owned(), unknown: true, zone: TimeZone::UTC },
        }
    }

    /// The site's day at a moment in Unix seconds, in days since 1970-01-01.
    pub(super) fn local_day(&self, ts: u32) -> u16 {
        let ts = i64::from(ts);
        let offset = Timestamp::from_second(ts).map_or(0, |time| i64::from(self.zone.to_offset(time).seconds()));
        u16::try_from((ts + offset).div_euclid(DAY_SECONDS)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_that_of_the_site() {
        // 2026-03-28T23:30:00Z is 00:30 on the 29th in Berlin (winter time), 19:30 on the 28th in New York.
        let ts = 1_774_740_600;
        let utc = Zone::of("UTC").local_day(ts);
        assert_eq!(Zone::of("Europe/Berlin").local_day(ts), utc + 1);
        assert_eq!(Zone::of("America/New_York").local_day(ts), utc);
        // 2026-06-30T22:30:00Z is 00:30 on 1 July in Berlin only with summer time.
        let ts = 1_782_858_600;
        assert_eq!(Zone::of("Europe/Berlin").local_day(ts), Zone::of("UTC").local_day(ts) + 1);
    }

    #[test]
    fn an_unknown_zone_counts_as_utc_and_is_marked() {
        for name in ["", "Mars/Olympus", "../../etc/passwd"] {
            let zone = Zone::of(name);
            assert!(zone.unknown, "{name}");
            assert_eq!((zone.name.as_str(), zone.local_day(86_400 * 20_000)), ("UTC", 20_000));
        }
    }
}
