//! The currencies that invoices may be written in, with their minor digits (§6).

use std::fmt;

/// A currency of the table below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    pub code: &'static str,
    /// Digits after the point of an amount.
    pub minor_digits: u32,
}

const CURRENCIES: [Currency; 7] = [
    Currency { code: "EUR", minor_digits: 2 },
    Currency { code: "USD", minor_digits: 2 },
    Currency { code: "GBP", minor_digits: 2 },
    Currency { code: "CHF", minor_digits: 2 },
    Currency { code: "JPY", minor_digits: 0 },
    Currency { code: "KWD", minor_digits: 3 },
    Currency { code: "BHD", minor_digits: 3 },
];

impl Currency {
    pub fn named(code: &str) -> Option<Currency> {
        CURRENCIES.into_iter().find(|currency| currency.code == code)
    }

    /// All codes, for error messages.
    pub fn codes() -> String {
        CURRENCIES.map(|currency| currency.code).join(", ")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_known_by_its_upper_case_code_only() {
        assert_eq!(Currency::named("BHD").map(|currency| currency.minor_digits), Some(3));
        assert_eq!(Currency::named("eur"), None);
        assert_eq!(Currency::named("XXX"), None);
    }
}
