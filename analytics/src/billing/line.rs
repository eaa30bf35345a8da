//! The lines of an invoice, in the shape in which they are published.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::round;

/// One line. Amounts have exactly the currency's minor digits; `price` is the text of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    Base {
        /// `None`: of the whole contract.
        device: Option<String>,
        days: i64,
        of_days: i64,
        #[serde(with = "money")]
        amount: Decimal,
    },
    Usage {
        charge: String,
        /// `None`: of all devices of a pool.
        device: Option<String>,
        qty: i64,
        price: String,
        price_per: i64,
        #[serde(with = "money")]
        amount: Decimal,
    },
    MinimumTopup {
        #[serde(with = "money")]
        amount: Decimal,
    },
}

impl Line {
    pub fn amount(&self) -> Decimal {
        match self {
            Line::Base { amount, .. } | Line::Usage { amount, .. } | Line::MinimumTopup { amount } => *amount,
        }
    }

    /// The same line given back (§7).
    pub fn credited(&self) -> Line {
        let mut credited = self.clone();
        match &mut credited {
            Line::Base { amount, .. } | Line::Usage { amount, .. } | Line::MinimumTopup { amount } => {
                *amount = round::negated(*amount);
            }
        }
        credited
    }
}

/// Money is text in every output: no reader may turn it into a binary float.
pub(crate) mod money {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(amount: &Decimal, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(amount)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
        Decimal::from_str_exact(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
