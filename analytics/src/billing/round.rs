//! Money arithmetic (§6): one rounding function, exact products and quotients, sums that cannot lose a digit.
//!
//! An amount is multiplied first, divided once and rounded once, on integers; `Decimal` is how prices come in and amounts
//! go out. What does not fit is an error: no number wraps, saturates or drops digits.

use rust_decimal::Decimal;

use super::Currency;

/// A sum of money beyond what 28 digits hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount needs more than 28 digits; check prices, volumes and weights")]
pub struct TooMuchMoney;

/// The rounding of all money and of prorated volumes: to the nearest integer, halves away from zero. `divisor` > 0.
pub fn half_away_from_zero(dividend: i128, divisor: i128) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?.abs();
    if rest >= divisor - rest { quotient.checked_add(dividend.signum()) } else { Some(quotient) }
}

/// `value * times / per`, rounded to the currency's minor digits.
pub fn amount(value: Decimal, times: i64, per: i64, currency: Currency) -> Result<Decimal, TooMuchMoney> {
    let value = value.normalize();
    let (mut dividend, mut divisor) = (value.mantissa().checked_mul(i128::from(times)), Some(i128::from(per)));
    match value.scale().checked_sub(currency.minor_digits) {
        Some(excess) => divisor = divisor.and_then(|divisor| divisor.checked_mul(power_of_ten(excess)?)),
        None => {
            let missing = currency.minor_digits - value.scale();
            dividend = dividend.and_then(|dividend| dividend.checked_mul(power_of_ten(missing)?));
        }
    }
    let (dividend, divisor) = dividend.zip(divisor).ok_or(TooMuchMoney)?;
    from_minor(half_away_from_zero(dividend, divisor).ok_or(TooMuchMoney)?, currency)
}

/// The exact sum of amounts that all have the currency's minor digits.
pub fn total(amounts: impl IntoIterator<Item = Decimal>, currency: Currency) -> Result<Decimal, TooMuchMoney> {
    let mut minor: i128 = 0;
    for amount in amounts {
        debug_assert_eq!(amount.scale(), currency.minor_digits);
        minor = minor.checked_add(amount.mantissa()).ok_or(TooMuchMoney)?;
    }
    from_minor(minor, currency)
}

/// `minimum - reached`, rounded, if the difference is positive.
pub fn shortfall(minimum: Decimal, reached: Decimal, currency: Currency) -> Result<Option<Decimal>, TooMuchMoney> {
    if minimum <= reached {
        return Ok(None);
    }
    let difference = exact_difference(minimum, reached).ok_or(TooMuchMoney)?;
    amount(difference, 1, 1, currency).map(Some)
}

/// The amount with its sign turned; zero stays zero.
pub fn negated(amount: Decimal) -> Decimal {
    if amount.is_zero() { amount } else { -amount }
}

fn exact_difference(a: Decimal, b: Decimal) -> Option<Decimal> {
    let scale = a.scale().max(b.scale());
    let lift = |value: Decimal| value.mantissa().checked_mul(power_of_ten(scale - value.scale())?);
    Decimal::try_from_i128_with_scale(lift(a)?.checked_sub(lift(b)?)?, scale).ok()
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

fn from_minor(minor: i128, currency: Currency) -> Result<Decimal, TooMuchMoney> {
    Decimal::try_from_i128_with_scale(minor, currency.minor_digits).map_err(|_| TooMuchMoney)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, times: i64, per: i64, code: &str, expected: &str) {
        let value = Decimal::from_str_exact(value).unwrap();
        let got = amount(value, times, per, Currency::named(code).unwrap()).unwrap();
        assert_eq!(got.to_string(), expected, "{value} * {times} / {per} {code}");
    }

    #[test]
    fn halves_go_away_from_zero_in_both_directions() {
        check("0.005", 1, 1, "EUR", "0.01");
        check("0.015", 1, 1, "EUR", "0.02");
        check("0.0049999", 1, 1, "EUR", "0.00");
        check("-0.005", 1, 1, "EUR", "-0.01");
        check("-0.0149", 1, 1, "EUR", "-0.01");
        check("2.675", 1, 1, "USD", "2.68");
    }

    #[test]
    fn amounts_have_exactly_the_minor_digits_of_the_currency() {
        check("7", 1, 1, "EUR", "7.00");
        check("7", 1, 1, "JPY", "7");
        check("0.5", 1, 1, "JPY", "1");
        check("7", 1, 1, "BHD", "7.000");
        check("0.0005", 1, 1, "KWD", "0.001");
        check("0", 5, 1, "EUR", "0.00");
        check("-0.001", 1, 1, "EUR", "0.00");
    }

    #[test]
    fn multiplication_comes_before_division() {
        check("1", 1, 3, "EUR", "0.33");
        check("1", 3, 3, "EUR", "1.00");
        check("19.99", 14, 28, "EUR", "10.00");
        check("9.99", 1_500, 1_000, "EUR", "14.99");
    }

    #[test]
    fn a_quotient_just_below_a_half_is_not_lifted_by_an_earlier_rounding() {
        // 0.00499… with more digits than a decimal holds; rounding twice would give 0.01.
        check("0.0000000000000000000000000001", 4_999_999_999_999_999_999, 1, "EUR", "0.00");
        check("1", 1_000_000_000_000_000_000, i64::MAX, "JPY", "0");
    }

    #[test]
    fn absurd_prices_are_an_error() {
        let euro = Currency::named("EUR").unwrap();
        let huge = Decimal::MAX;
        assert_eq!(amount(huge, 1, 1, euro), Err(TooMuchMoney));
        assert_eq!(amount(huge, i64::MAX, 1, euro), Err(TooMuchMoney));
        let yen = Currency::named("JPY").unwrap();
        assert_eq!(amount(huge, 1, 1, yen), Ok(huge));
        assert_eq!(total([huge, huge], yen), Err(TooMuchMoney));
        assert_eq!(half_away_from_zero(1, 0), None);
        assert_eq!(half_away_from_zero(i128::MIN, 1), Some(i128::MIN));
    }

    #[test]
    fn a_sum_is_exact_and_a_negated_zero_has_no_sign() {
        let euro = Currency::named("EUR").unwrap();
        let cents = |minor| Decimal::new(minor, 2);
        assert_eq!(total([cents(1), cents(-3), cents(102)], euro).unwrap().to_string(), "1.00");
        assert_eq!(total([], euro).unwrap().to_string(), "0.00");
        assert_eq!(negated(cents(0)).to_string(), "0.00");
        assert_eq!(negated(cents(-5)).to_string(), "0.05");
    }

    #[test]
    fn a_shortfall_is_what_is_missing_to_the_minimum() {
        let euro = Currency::named("EUR").unwrap();
        let money = |text| Decimal::from_str_exact(text).unwrap();
        let check = |minimum, reached, expected: Option<&str>| {
            let got = shortfall(money(minimum), money(reached), euro).unwrap();
            assert_eq!(got.map(|amount| amount.to_string()).as_deref(), expected);
        };
        check("30", "10.00", Some("20.00"));
        check("10.005", "10.00", Some("0.01"));
        check("10", "10.00", None);
        check("5", "-5.00", Some("10.00"));
    }
}
