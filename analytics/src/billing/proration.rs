//! Shares of a period (§6): days of contract and device, the base fee and the included volume by days.

use rust_decimal::Decimal;

use super::calendar::{LocalDate, Period};
use super::contract::{Charge, ContractDevice};
use super::currency::Currency;
use super::round::{self, TooMuchMoney};
use super::terms::Terms;

/// Local dates, end exclusive; may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaySpan {
    pub start: LocalDate,
    pub end: LocalDate,
}

impl DaySpan {
    pub fn of(period: Period) -> DaySpan {
        DaySpan { start: period.start, end: period.end }
    }

    /// What is left after cutting at these dates, where given.
    pub fn intersect(self, start: Option<LocalDate>, end: Option<LocalDate>) -> DaySpan {
        DaySpan {
            start: start.map_or(self.start, |start| start.max(self.start)),
            end: end.map_or(self.end, |end| end.min(self.end)),
        }
    }

    /// Never negative.
    pub fn days(self) -> i64 {
        self.start.days_until(self.end).max(0)
    }
}

/// Days of a device under the contract in this period, by the local dates of its window.
pub fn device_days(terms: &Terms<'_>, device: &ContractDevice) -> i64 {
    let date = |moment| terms.zone.date(moment);
    terms.days.intersect(device.from.map(date), device.to.map(date)).days()
}

/// The base fee for so many days of the period.
pub fn base_fee(fee: Decimal, days: i64, of_days: i64, currency: Currency) -> Result<Decimal, TooMuchMoney> {
    round::amount(fee, days, of_days, currency)
}

/// Included pages for so many days of the period; halves are rounded up.
pub fn included_volume(charge: &Charge, days: i64, of_days: i64) -> i64 {
    if days >= of_days || !charge.prorate_included {
        return charge.included;
    }
    // Days are fewer than the period's and included is not negative: the share always fits.
    let share = round::half_away_from_zero(i128::from(charge.included) * i128::from(days), i128::from(of_days));
    share.and_then(|share| i64::try_from(share).ok()).unwrap_or(charge.included)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn included(included: i64, days: i64, of_days: i64, prorate: bool) -> i64 {
        let charge = format!("id = \"c\"\nmeters = {{}}\nincluded = {included}\nprorate_included = {prorate}");
        included_volume(&toml::from_str(&charge).unwrap(), days, of_days)
    }

    #[test]
    fn included_pages_follow_the_days_and_halves_go_up() {
        assert_eq!(included(1_000, 31, 31, true), 1_000);
        assert_eq!(included(1_000, 10, 31, true), 323);
        assert_eq!(included(1, 15, 30, true), 1);
        assert_eq!(included(1, 14, 30, true), 0);
        assert_eq!(included(1_000, 0, 31, true), 0);
        assert_eq!(included(1_000, 10, 31, false), 1_000);
        assert_eq!(included(i64::MAX, 30, 31, true), 8_925_843_906_633_654_007);
    }

    #[test]
    fn a_span_is_cut_on_both_sides_and_never_negative() {
        let day = |text: &str| text.parse::<LocalDate>().unwrap();
        let span = DaySpan::of(Period::month("2026-01").unwrap());
        assert_eq!(span.intersect(Some(day("2026-01-10")), None).days(), 22);
        assert_eq!(span.intersect(Some(day("2025-01-10")), Some(day("2026-01-02"))).days(), 1);
        assert_eq!(span.intersect(Some(day("2026-03-01")), Some(day("2026-04-01"))).days(), 0);
    }
}
