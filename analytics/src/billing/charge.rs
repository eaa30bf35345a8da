//! The quantity that a charge bills (§6): weighted volume, minimum, included pages, carry.

use super::contract::Charge;
use super::proration;

/// A charge applied to a device or a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// Weighted pages used, not below zero.
    pub used: i64,
    /// Pages free of charge, carried ones included.
    pub included: i64,
    /// Pages to be billed.
    pub billed: i64,
    /// Unused included pages, before the cap.
    pub unused: i64,
    /// The weighted sum was below zero.
    pub negative: bool,
}

/// A quantity beyond the range of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the weighted volume exceeds 9223372036854775807 pages; check the weights and the readings")]
pub struct QuantityTooLarge;

/// Σ weight × volume over the meters of the charge; `volume` gives the pages of a meter.
pub fn weighted(charge: &Charge, volume: impl Fn(&str) -> i64) -> Result<i128, QuantityTooLarge> {
    charge.meters.iter().try_fold(0_i128, |sum, (meter, weight)| {
        let pages = i128::from(*weight) * i128::from(volume(meter)); // two i64 always fit
        sum.checked_add(pages).ok_or(QuantityTooLarge)
    })
}

/// From the weighted sum to the quantity, for `days` of the period's `of_days`, with what the last period carried over.
pub fn quantity(
    charge: &Charge,
    weighted: i128,
    days: i64,
    of_days: i64,
    carried: i64,
) -> Result<Quantity, QuantityTooLarge> {
    let narrow = |pages: i128| i64::try_from(pages).map_err(|_| QuantityTooLarge);
    let used = narrow(weighted.max(0))?;
    let included = proration::included_volume(charge, days, of_days);
    let included = narrow(i128::from(included) + i128::from(carried))?;
    let billed = narrow(i128::from(used.max(charge.min_volume)) - i128::from(included))?.max(0);
    let unused = narrow(i128::from(included) - i128::from(used))?.max(0);
    Ok(Quantity { used, included, billed, unused, negative: weighted < 0 })
}

/// What a pool gives to the next period.
pub fn carried_over(cap: i64, quantity: &Quantity) -> i64 {
    quantity.unused.min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(text: &str) -> Charge {
        toml::from_str(&format!("id = \"c\"\n{text}")).unwrap()
    }

    fn billed(text: &str, used: i128) -> i64 {
        quantity(&charge(&format!("meters = {{}}\n{text}")), used, 30, 30, 0).unwrap().billed
    }

    #[test]
    fn included_pages_are_free_and_the_minimum_is_due() {
        assert_eq!(billed("included = 100", 90), 0);
        assert_eq!(billed("included = 100", 101), 1);
        assert_eq!(billed("min_volume = 500", 20), 500);
        assert_eq!(billed("min_volume = 500", 501), 501);
        assert_eq!(billed("min_volume = 500\nincluded = 100", 20), 400);
    }

    #[test]
    fn weights_add_and_subtract_and_below_zero_is_zero() {
        let derived = charge("meters = { total = 1, color = -1, a3 = 2 }");
        let volumes = |meter: &str| if meter == "color" { 900 } else { 100 };
        let sum = weighted(&derived, volumes).unwrap();
        assert_eq!(sum, -600);
        let got = quantity(&derived, sum, 30, 30, 0).unwrap();
        assert_eq!((got.used, got.negative), (0, true));
    }

    #[test]
    fn a_pool_carries_what_it_did_not_use_up_to_its_cap() {
        let pool = charge("meters = {}\nincluded = 100");
        let got = quantity(&pool, 30, 30, 30, 50).unwrap();
        assert_eq!((got.billed, carried_over(1_000, &got), carried_over(80, &got)), (0, 120, 80));
        let over = quantity(&pool, 151, 30, 30, 50).unwrap();
        assert_eq!((over.billed, carried_over(80, &over)), (1, 0));
    }

    #[test]
    fn huge_weights_are_an_error() {
        let huge =
            charge("meters = { total = 9223372036854775807, color = 9223372036854775807, scan = 9223372036854775807 }");
        assert_eq!(weighted(&huge, |_| i64::MAX), Err(QuantityTooLarge));
        let one = charge("meters = { total = 2 }");
        let sum = weighted(&one, |_| i64::MAX).unwrap();
        assert_eq!(quantity(&one, sum, 30, 30, 0), Err(QuantityTooLarge));
        assert_eq!(quantity(&one, 0, 30, 30, i64::MAX).map(|quantity| quantity.billed), Ok(0));
    }
}
