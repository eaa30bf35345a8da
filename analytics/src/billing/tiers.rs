//! Which quantity is billed at which price (§6): one price, graduated bands, or the band that is reached.

use super::contract::{Price, Tier};

/// The prices of a charge; tiers are ascending and end with a band without limit (`Terms` has checked it).
#[derive(Debug, Clone, Copy)]
pub enum Rates<'a> {
    Flat(&'a Price),
    Graduated(&'a [Tier]),
    Slab(&'a [Tier]),
}

impl<'a> Rates<'a> {
    /// Quantity and price of each line for a positive quantity; the quantities add up to it.
    pub fn lines(&self, quantity: i64) -> Vec<(i64, &'a Price)> {
        match self {
            Rates::Flat(price) => vec![(quantity, *price)],
            Rates::Graduated(tiers) => graduated(tiers, quantity),
            Rates::Slab(tiers) => slab(tiers, quantity),
        }
    }
}

/// Each band gets its share.
fn graduated(tiers: &[Tier], quantity: i64) -> Vec<(i64, &Price)> {
    let mut below = 0;
    let mut lines = Vec::new();
    for tier in tiers {
        let reached = tier.up_to.map_or(quantity, |up_to| up_to.min(quantity));
        if reached > below {
            lines.push((reached - below, &tier.price));
            below = reached;
        }
    }
    lines
}

/// Everything at the price of the first band that holds it.
fn slab(tiers: &[Tier], quantity: i64) -> Vec<(i64, &Price)> {
    let band = tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| quantity <= up_to));
    band.map(|tier| (quantity, &tier.price)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiers() -> Vec<Tier> {
        [(Some(100), "3"), (Some(200), "2"), (None, "1")]
            .map(|(up_to, price)| Tier { up_to, price: Price::parse(price).unwrap() })
            .to_vec()
    }

    fn check(rates: Rates<'_>, quantity: i64, expected: &[(i64, &str)]) {
        let lines: Vec<(i64, &str)> = rates.lines(quantity).iter().map(|(qty, price)| (*qty, price.text())).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn graduated_bands_get_their_share_and_the_limit_belongs_to_the_lower_band() {
        let tiers = tiers();
        check(Rates::Graduated(&tiers), 100, &[(100, "3")]);
        check(Rates::Graduated(&tiers), 101, &[(100, "3"), (1, "2")]);
        check(Rates::Graduated(&tiers), 999, &[(100, "3"), (100, "2"), (799, "1")]);
        check(Rates::Graduated(&tiers), i64::MAX, &[(100, "3"), (100, "2"), (i64::MAX - 200, "1")]);
    }

    #[test]
    fn a_slab_prices_everything_at_the_band_that_is_reached() {
        let tiers = tiers();
        check(Rates::Slab(&tiers), 1, &[(1, "3")]);
        check(Rates::Slab(&tiers), 200, &[(200, "2")]);
        check(Rates::Slab(&tiers), 201, &[(201, "1")]);
    }
}
