//! Which of several totals is the meter `total`. Pure.
//!
//! A device can have two: prtMarkerLifeCount (RFC 3805), which counts what its engine did, and a counter of its maker. Both
//! are kept; one is `total`, by this rule, in order:
//! 1. the maker's, if the profile says that its contracts mean that one, and its meaning is proven;
//! 2. prtMarkerLifeCount, if it counts impressions or does not say what it counts;
//! 3. the maker's, if it is proven and counts impressions;
//! 4. prtMarkerLifeCount in whatever unit;
//! 5. the maker's, however sure.
//!
//! The other one travels as `total.vendor` or `total.rfc3805`. A choice stays while its object answers, and is given up
//! only after the object was missing from several full reads: a meter that changes its source for a day looks like pages.

use schemas::meter::counter_unit::IMPRESSIONS;

use super::counters::MarkerRow;
use super::meter::{Meter, Sure, Term};
use super::profile::file::Preference;
use crate::snmp::{Oid, mib};

pub const TOTAL: &str = "total";
pub const VENDOR: &str = "total.vendor";
pub const RFC3805: &str = "total.rfc3805";

/// The meters of a device: those of its markers and those of its maker, with one `total`.
pub fn settle(markers: &[MarkerRow], vendor: Vec<Meter>, preference: Preference) -> Vec<Meter> {
    let mut lives = markers.iter().filter(|marker| marker.life_count.is_some_and(|count| count >= 0));
    let standard = lives.next().map(|marker| life(marker, TOTAL.to_owned()));
    let further: Vec<Meter> =
        lives.map(|marker| life(marker, format!("life.{}", crate::snmp::oid::dotted(&marker.index)))).collect();
    let (totals, others): (Vec<Meter>, Vec<Meter>) = vendor.into_iter().partition(|meter| meter.name == TOTAL);
    let own = totals.into_iter().next();
    let mut meters: Vec<Meter> = match (standard, own) {
        (Some(standard), Some(own)) => {
            let (first, second) = if own_wins(&standard, &own, preference) {
                (own, named(standard, RFC3805))
            } else {
                (standard, named(own, VENDOR))
            };
            vec![first, second]
        }
        (Some(only), None) | (None, Some(only)) => vec![only],
        (None, None) => Vec::new(),
    };
    meters.extend(further);
    meters.extend(others.into_iter().filter(|meter| meter.name != VENDOR && meter.name != RFC3805));
    meters
}

fn own_wins(standard: &Meter, own: &Meter, preference: Preference) -> bool {
    let proven = own.sure == Sure::Proven;
    if preference == Preference::Vendor && proven {
        return true;
    }
    let standard_counts_impressions = matches!(standard.unit, 0 | IMPRESSIONS);
    !standard_counts_impressions && proven && own.unit == IMPRESSIONS
}

fn named(meter: Meter, name: &str) -> Meter {
    Meter { name: name.to_owned(), ..meter }
}

fn life(marker: &MarkerRow, name: String) -> Meter {
    let unit = marker.counter_unit.and_then(|unit| i32::try_from(unit).ok()).unwrap_or(0);
    let oid = Oid::of(mib::PRT_MARKER_LIFE_COUNT, &marker.index);
    Meter { name, terms: vec![Term::plus(oid)], unit, ..Meter::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(unit: Option<i64>) -> MarkerRow {
        MarkerRow { index: vec![1, 1], counter_unit: unit, life_count: Some(100), ..MarkerRow::default() }
    }

    fn own(sure: Sure, unit: i32) -> Meter {
        let oid = Oid::new(&[1, 3, 6, 1, 4, 1, 9, 1]);
        Meter { name: TOTAL.into(), terms: vec![Term::plus(oid)], unit, sure, ..Meter::default() }
    }

    fn names(meters: &[Meter]) -> Vec<(&str, bool)> {
        meters.iter().map(|meter| (meter.name.as_str(), meter.terms[0].oid.enterprise().is_some())).collect()
    }

    #[test]
    fn both_totals_are_kept_and_one_is_chosen_by_the_rule() {
        use Preference::{Standard, Vendor};
        let (standard, vendor) =
            ([("total", false), ("total.vendor", true)], [("total", true), ("total.rfc3805", false)]);
        for (unit, meter, preference, expected) in [
            (Some(7), own(Sure::Proven, 7), Standard, standard),
            (None, own(Sure::Proven, 7), Standard, standard),
            (Some(7), own(Sure::Proven, 7), Vendor, vendor),
            (Some(7), own(Sure::Claimed, 7), Vendor, standard),
            (Some(8), own(Sure::Proven, 7), Standard, vendor),
            (Some(8), own(Sure::Plausible, 7), Standard, standard),
            (Some(8), own(Sure::Proven, 0), Standard, standard),
        ] {
            let settled = settle(&[marker(unit)], vec![meter.clone()], preference);
            assert_eq!(names(&settled), expected, "{unit:?} {meter:?} {preference:?}");
        }
    }

    #[test]
    fn the_only_total_is_the_total_even_if_it_is_only_claimed() {
        assert_eq!(names(&settle(&[], vec![own(Sure::Claimed, 0)], Preference::Standard)), [("total", true)]);
        assert_eq!(names(&settle(&[marker(None)], Vec::new(), Preference::Vendor)), [("total", false)]);
        let unknown = MarkerRow { life_count: Some(-2), ..marker(None) };
        assert_eq!(settle(&[unknown], Vec::new(), Preference::Standard), []);
    }

    #[test]
    fn further_markers_keep_names_of_their_own_and_are_never_added() {
        let second = MarkerRow { index: vec![1, 2], ..marker(Some(7)) };
        let settled = settle(&[marker(Some(7)), second], Vec::new(), Preference::Standard);
        assert_eq!(names(&settled), [("total", false), ("life.1.2", false)]);
    }
}
